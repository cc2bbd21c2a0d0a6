import { ask, perform, run } from '../model/calls.ts';

export interface DatabaseLogin {
  id: string;
  login: string;
  name: string;
  memberId: string;
  memberName: string;
  mayWrite: boolean;
  expiresAt: string;
  createdAt: string;
  createdByName: string | null;
  isMine: boolean;
}

export interface NewDatabaseLogin extends DatabaseLogin {
  password: string;
  database: string;
  port: number;
}

export const databaseLogins = () => ask<DatabaseLogin[]>('databaseAccess');
export const grantDatabaseAccess = (input: {
  memberId: string | null;
  mayWrite: boolean;
  expiresAt: string;
  name: string;
}) => perform<NewDatabaseLogin>('grantDatabaseAccess', input);
export const rotateDatabaseAccess = (id: string) => perform<NewDatabaseLogin>('rotateDatabaseAccess', { id });
export const revokeDatabaseAccess = (id: string) => run('revokeDatabaseAccess', { id });

/** The people whom a login can be made for by who keeps the roles; nobody where the role does not see the members. */
export const membersToChoose = async (): Promise<{ id: string; name: string; isMe: boolean }[]> => {
  const members = await ask<{ id: string; name: string; email: string; isActive: boolean; isMe: boolean }[]>('members');
  return members
    .filter(({ isActive }) => isActive)
    .map(({ id, name, email, isMe }) => ({ id, name: name === '' ? email : name, isMe }));
};

/** The address of a login, as psql and most tools take it. */
export const connectionString = ({ login, password, port, database }: NewDatabaseLogin, host: string): string =>
  `postgresql://${login}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`;
