import pg from 'pg';
import { loadConfig } from '../../db/config.ts';
import { findDatabase, openDatabase, type Database } from '../../db/database.ts';
import { migrate } from '../../db/migrate.ts';
import type { Identity } from '../../db/pool.ts';
import { nearest } from '../../db/records/nearest.ts';
import { RecordsError } from '../../db/records/recordsError.ts';

export interface CommandDatabase extends Database {
  /** True for the embedded server when it runs for this command only, so that nothing else can be using it. */
  isTemporary: boolean;
}

/** Runs a command with an administrator's connection, and leaves the database as it was found. */
export async function withDatabase<T>(work: (admin: pg.Client, database: CommandDatabase) => Promise<T>): Promise<T> {
  const config = loadConfig();
  const running = await findDatabase(config);
  const database = { ...(running ?? (await openDatabase(config))), isTemporary: running === null };
  try {
    return await withClient(database.adminUrl, async (admin) => {
      if (!(await isPrepared(admin))) {
        process.stderr.write('Preparing the database …\n');
        await migrate(database.adminUrl, database);
      }
      return await work(admin, database);
    });
  } finally {
    await database.close();
  }
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'relvar command', keepAlive: true });
  // A connection that breaks fails the query that waits for it; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function isPrepared(admin: pg.Client): Promise<boolean> {
  const { rows } = await admin.query<{ prepared: boolean }>(
    `select to_regclass('core.workspaces') is not null as prepared`,
  );
  return rows[0]?.prepared === true;
}

export interface Workspace {
  id: string;
  slug: string;
  name: string;
  schemaName: string;
}

export async function listWorkspaces(admin: pg.Client): Promise<Workspace[]> {
  const { rows } = await admin.query<Workspace>(
    'select id, slug, name, schema_name as "schemaName" from core.workspaces order by slug',
  );
  return rows;
}

export async function findWorkspace(admin: pg.Client, slug: string): Promise<Workspace> {
  const workspaces = await listWorkspaces(admin);
  const found = workspaces.find((workspace) => workspace.slug === slug);
  if (found) return found;
  const slugs = workspaces.map((workspace) => workspace.slug);
  const near = nearest(slug, slugs);
  throw new RecordsError(
    'WORKSPACE_UNKNOWN',
    `There is no workspace "${slug}".`,
    near
      ? `Did you mean "${near}"?`
      : slugs.length === 0
        ? 'Create one: relvar workspace create SLUG --name NAME --owner EMAIL'
        : `The workspaces are ${slugs.slice(0, 20).join(', ')}${slugs.length > 20 ? ', …' : ''}.`,
  );
}

/** Whom a command acts for: a member of the workspace, or nobody in particular with the role Admin. */
export async function findIdentity(
  admin: pg.Client,
  workspace: Workspace,
  email: string | undefined,
): Promise<Omit<Identity, 'source'>> {
  const { rows } = await admin.query<{ pgRole: string; memberId: string | null }>(
    email === undefined
      ? `select r.pg_role as "pgRole", null as "memberId" from metadata.roles r where r.workspace_id = $1 and r.name = 'Admin'`
      : `select r.pg_role as "pgRole", m.id as "memberId"
         from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
         where m.workspace_id = $1 and m.is_active and lower(u.email) = lower($2)`,
    email === undefined ? [workspace.id] : [workspace.id, email],
  );
  const [found] = rows;
  if (found) return { ...found, schemaName: workspace.schemaName, apiKeyId: null };
  throw new RecordsError(
    'MEMBER_UNKNOWN',
    email === undefined
      ? `The workspace "${workspace.slug}" has no role "Admin".`
      : `${email} is not a member of the workspace "${workspace.slug}".`,
    email === undefined ? 'Name a member to act as: --as EMAIL.' : undefined,
  );
}
