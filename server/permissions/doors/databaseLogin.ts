import pg from 'pg';
import { settleDatabaseLogins } from '../../../db/databaseLogins.ts';
import type { Caller } from '../data.ts';
import { OBJECTS } from '../objects.ts';
import { attempt } from '../setting.ts';
import type { Door, Setting } from '../setting.ts';
import { askTables, readTable } from './psql.ts';

interface Granted {
  readonly id: string;
  readonly login: string;
  readonly password: string;
}

/** Members' own logins, over the network: those that may write are asked all that psql is, those that read are asked to read. */
export const databaseLogin: Door = {
  name: 'database logins',
  ask: async (setting) => {
    const { admin, world } = setting;
    const logins: { caller: Caller; mayWrite: boolean; granted: Granted }[] = [];
    try {
      for (const [i, caller] of world.callers.filter(({ member }) => member !== null).entries()) {
        const mayWrite = i % 2 === 1;
        const { rows } = await admin.query<{ granted: Granted }>(
          'select metadata.grant_database_access($1, $2) as granted',
          [caller.member!.id, mayWrite],
        );
        logins.push({ caller, mayWrite, granted: rows[0]!.granted });
      }
      await settle(setting);
      for (const { caller, mayWrite, granted } of logins) {
        const named = { ...caller, name: `${caller.name} by ${mayWrite ? 'a writing' : 'a reading'} login` };
        await connected(setting, granted, async (client) => {
          if (mayWrite) await askTables(setting, named, client);
          else await askReading(setting, named, client);
        });
      }
    } finally {
      for (const { granted } of logins) await admin.query('select metadata.revoke_database_access($1)', [granted.id]);
      await settle(setting);
    }
  },
};

/** What reads changes nothing, whatever its member may. */
async function askReading(setting: Setting, caller: Caller, client: pg.ClientBase): Promise<void> {
  for (const object of OBJECTS) {
    await readTable(setting, caller, object, client);
    for (const sql of [
      `insert into ${object.plural} (name) values ('x')`,
      `update ${object.plural} set name = 'x'`,
      `delete from ${object.plural}`,
    ]) {
      await attempt(client, 'set transaction read write');
      const { code } = await attempt(client, sql);
      setting.checks.same(true, ['25006', '42501'].includes(code ?? ''), () => `${caller.name}: ${sql}`);
    }
  }
}

/** Logins outlive the database that they are for, so each is dropped when it has ended. */
async function settle({ admin }: Setting): Promise<void> {
  const client = await admin.connect();
  try {
    await settleDatabaseLogins(client);
  } finally {
    client.release(true);
  }
}

async function connected(
  { adminUrl }: Setting,
  { login, password }: Granted,
  work: (client: pg.ClientBase) => Promise<void>,
): Promise<void> {
  const url = new URL(adminUrl);
  url.username = login;
  url.password = password;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query("set timezone to 'UTC'");
    await client.query('begin');
    await work(client);
    await client.query('rollback');
  } finally {
    await client.end();
  }
}
