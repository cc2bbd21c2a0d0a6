import pg from 'pg';
import { loginUrl } from './config.ts';

export interface LoginPasswords {
  serverPassword: string | null;
  workerPassword: string | null;
}

/** A privilege or version that the administrator must see to before anything can work. */
export class BootstrapError extends Error {
  code = 'DATABASE_NOT_READY';
  hint: string;
  constructor(message: string, hint: string) {
    super(`${message} ${hint}`);
    this.hint = hint;
  }
}

/** "RELV", "AR" + 1: one process of a database at a time bootstraps or migrates. */
const LOCK = 5_826_104_771;

/** Holds the database's set-up lock while `work` runs; others wait their turn. */
export async function withSetupLock<T>(adminUrl: string, work: (admin: pg.Client) => Promise<T>) {
  const admin = new pg.Client({ connectionString: adminUrl, application_name: 'relvar setup' });
  await admin.connect();
  try {
    await admin.query('select pg_advisory_lock($1)', [LOCK]);
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/**
 * Roles, extensions and the few rights that stand outside any migration, because they belong to the
 * whole cluster or need the administrator. Runs on every start and changes nothing when all is well.
 */
export async function bootstrap(admin: pg.Client, adminUrl: string, passwords: LoginPasswords) {
  await assertServer(admin);
  await assertPrivileges(admin);
  // Roles belong to the cluster and the lock to one database, so another database's bootstrap may
  // be changing the same roles at this moment. Every step can be repeated.
  await repeatOnCollision(() => createRoles(admin));
  for (const [role, password] of [
    ['relvar_server', passwords.serverPassword],
    ['relvar_worker', passwords.workerPassword],
  ] as const)
    await repeatOnCollision(() => setPassword(admin, adminUrl, role, password));
  await grantDatabase(admin);
  await closeLargeObjects(admin);
  await createExtensions(admin);
}

async function assertServer(admin: pg.Client) {
  const { rows } = await admin.query<{ number: number; version: string; encoding: string }>(
    `select current_setting('server_version_num')::int as number,
            current_setting('server_version') as version,
            current_setting('server_encoding') as encoding`,
  );
  const { number, version, encoding } = rows[0]!;
  if (number < 150_000)
    throw new BootstrapError(
      `This server is PostgreSQL ${version}; Relvar needs 15 or later.`,
      'Upgrade the server, or unset DATABASE_URL to use the embedded PostgreSQL 18.',
    );
  if (encoding !== 'UTF8')
    throw new BootstrapError(
      `This database is encoded in ${encoding}; Relvar needs UTF8.`,
      "Create one with: create database relvar encoding 'UTF8' template template0;",
    );
}

interface Privileges {
  login: string;
  database: string;
  is_superuser: boolean;
  can_create_roles: boolean;
  can_create: boolean;
  can_grant_create: boolean;
}

async function assertPrivileges(admin: pg.Client) {
  const { rows } = await admin.query<Privileges>(
    `select quote_ident(rolname) as login, quote_ident(current_database()) as database,
            rolsuper as is_superuser, rolcreaterole as can_create_roles,
            has_database_privilege(current_database(), 'create') as can_create,
            has_database_privilege(current_database(), 'create with grant option') as can_grant_create
       from pg_roles where rolname = current_user`,
  );
  const found = rows[0]!;
  if (found.is_superuser) return;
  const missing: { right: string; cure: string }[] = [];
  if (!found.can_create_roles) missing.push({ right: 'create roles', cure: `alter role ${found.login} createrole;` });
  if (!found.can_create || !found.can_grant_create)
    missing.push({
      right: `create schemas in the database ${found.database} and grant that right`,
      cure: `grant create on database ${found.database} to ${found.login} with grant option;`,
    });
  if (missing.length > 0)
    throw new BootstrapError(
      `The login ${found.login} may not ${missing.map(({ right }) => right).join(', nor ')}.`,
      `Let a superuser run: ${missing.map(({ cure }) => cure).join(' ')}`,
    );
}

/** Who may become whom. Everything else is granted by the migrations. */
const ROLES = [
  // Owns every schema, table and definer function; creates the roles of workspaces.
  { name: 'relvar_owner', attributes: 'nologin createrole' },
  // Owns the job queue. Apart from relvar_owner so that a worker may run jobs and own nothing else.
  { name: 'relvar_jobs', attributes: 'nologin' },
  // Noinherit: a login can do nothing until it has become the role of a request.
  { name: 'relvar_server', attributes: 'login noinherit' },
  { name: 'relvar_worker', attributes: 'login noinherit' },
];

async function createRoles(admin: pg.Client) {
  const { rows } = await admin.query<{ rolname: string }>('select rolname from pg_roles where rolname = any($1)', [
    ROLES.map(({ name }) => name),
  ]);
  const existing = new Set(rows.map(({ rolname }) => rolname));
  for (const { name, attributes } of ROLES)
    if (!existing.has(name)) await admin.query(`create role ${name} ${attributes}`);

  await grantRole(admin, 'relvar_owner', 'current_user');
  await grantRole(admin, 'relvar_jobs', 'relvar_owner');
  await grantRole(admin, 'relvar_jobs', 'relvar_worker');
  // Who builds an index without blocking must own the table, and does so outside of any function. The
  // worker inherits nothing: it is the owner only after SET ROLE, on the connection of that task.
  await grantRole(admin, 'relvar_owner', 'relvar_worker');
}

async function grantRole(admin: pg.Client, role: string, member: string) {
  const { rows } = await admin.query<{ granted: boolean; superuser: boolean; login: string }>(
    `select exists (
              select from pg_auth_members m
               where m.roleid = $1::regrole
                 and m.member = (case $2 when 'current_user' then current_user else $2 end)::regrole
                 -- Since 16 the creator of a role is a member that may only administer it.
                 and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
                 and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true) >=
                     ($2 <> 'relvar_worker')) as granted,
            (select rolsuper from pg_roles where rolname = current_user) as superuser,
            quote_ident(current_user) as login`,
    [role, member],
  );
  const { granted, superuser, login } = rows[0]!;
  if (granted || (superuser && member === 'current_user')) return;
  try {
    await admin.query(`grant ${role} to ${member}`);
  } catch (error) {
    if ((error as pg.DatabaseError).code !== '42501') throw error;
    throw new BootstrapError(
      `The role ${role} exists, made by another administrator, and the login ${login} may not grant it.`,
      `Let a superuser run: grant ${role} to ${login} with admin option;`,
    );
  }
}

async function setPassword(admin: pg.Client, adminUrl: string, role: string, password: string | null) {
  if (password === null || (await canLogIn(loginUrl(adminUrl, role, password)))) return;
  const { rows } = await admin.query<{ statement: string }>(
    `select format('alter role %I password %L', $1::text, $2::text) as statement`,
    [role, password],
  );
  await admin.query(rows[0]!.statement);
}

/** A password is set only when it differs: `alter role` on each start would disturb other databases. */
async function canLogIn(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function grantDatabase(admin: pg.Client) {
  const { rows } = await admin.query<{
    database: string;
    owner_can_create: boolean;
    public_can_create: boolean;
  }>(
    `select quote_ident(current_database()) as database,
            has_database_privilege('relvar_owner', current_database(), 'create') as owner_can_create,
            has_schema_privilege('public', 'public', 'create') as public_can_create`,
  );
  const { database, owner_can_create, public_can_create } = rows[0]!;
  if (!owner_can_create) await admin.query(`grant create on database ${database} to relvar_owner`);
  if (!public_can_create) return;
  // Whoever may create in public could put a function in the way of one that Relvar calls.
  await admin.query('revoke create on schema public from public');
  const after = await admin.query<{ open: boolean }>(
    `select has_schema_privilege('public', 'public', 'create') as open`,
  );
  if (after.rows[0]!.open)
    throw new BootstrapError(
      'Everyone may create objects in the schema public of this database.',
      'Let a superuser run: revoke create on schema public from public;',
    );
}

/**
 * PostgreSQL lets whoever may connect fill the disk with large objects. Relvar has none, and logins that only read should
 * write nothing; the functions belong to the superuser, so where the administrator is none they stay as they are.
 */
async function closeLargeObjects(admin: pg.Client) {
  const { rows } = await admin.query<{ open: boolean }>(
    `select rolsuper and has_function_privilege('relvar_server', 'lo_create(oid)', 'execute') as open
       from pg_roles where rolname = current_user`,
  );
  if (rows[0]!.open)
    await admin.query(
      'revoke execute on function lo_creat(int), lo_create(oid), lo_from_bytea(oid, bytea) from public',
    );
}

async function createExtensions(admin: pg.Client) {
  for (const extension of ['pg_trgm', 'unaccent']) {
    const { rows } = await admin.query<{ schema: string | null; available: boolean }>(
      `select (select extnamespace::regnamespace::text from pg_extension where extname = $1) as schema,
              exists (select from pg_available_extensions where name = $1) as available`,
      [extension],
    );
    const { schema, available } = rows[0]!;
    if (schema === 'public') continue;
    if (schema !== null)
      throw new BootstrapError(
        `The extension ${extension} is in the schema ${schema}; Relvar looks for it in public.`,
        `Run: alter extension ${extension} set schema public;`,
      );
    if (!available)
      throw new BootstrapError(
        `The extension ${extension} is not installed on this server.`,
        'Install the PostgreSQL contrib package (on Debian it is part of postgresql-15 and later).',
      );
    try {
      await admin.query(`create extension if not exists ${extension} schema public`);
    } catch (error) {
      if ((error as pg.DatabaseError).code !== '42501') throw error;
      throw new BootstrapError(
        `The login may not create the extension ${extension}.`,
        `Let a superuser run: create extension ${extension} schema public;`,
      );
    }
  }
}

/** What two sessions that change the same role at once get. */
const COLLISIONS = ['23505', '42710', 'XX000', '40001', '40P01'];

async function repeatOnCollision(step: () => Promise<void>) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      if (attempt === 10 || !COLLISIONS.includes((error as pg.DatabaseError).code ?? '')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20 * attempt * Math.random()));
    }
  }
}
