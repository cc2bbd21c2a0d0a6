import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import graphileMigrate from 'graphile-migrate';
import graphileMigratePools from 'graphile-migrate/dist/pg.js';
import { Logger, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { bootstrap, withSetupLock, type LoginPasswords } from './bootstrap.ts';

const migrationsFolder = join(import.meta.dirname, '..', 'migrations');
const standardManifest = join(import.meta.dirname, 'standard', 'manifest.json');

/**
 * Makes a database what this version of Relvar needs: roles, migrations, the job queue and the
 * standard objects. Any number of processes may run it at any time; the second finds nothing to do.
 */
export async function migrate(adminUrl: string, passwords: LoginPasswords) {
  await withSetupLock(adminUrl, async (admin) => {
    await bootstrap(admin, adminUrl, passwords);
    // Before the migrations, whose functions add jobs and may be checked when they are created.
    await installJobQueue(admin, adminUrl);
    await runSqlMigrations(adminUrl);
    await watchRewrites(admin);
    await reconcileWorkspaces(admin);
    // They change what stands there, so that is brought in line first.
    await syncStandardObjects(admin);
  });
}

/**
 * An upgrade may want other triggers, names or policies for the same models. One transaction each: what cannot be done
 * now (a table is busy, records do not fit) is tried again at the next start, and `relvar doctor` reports it.
 */
async function reconcileWorkspaces(admin: pg.Client) {
  const { rows } = await admin.query<{ id: string; slug: string }>(
    `select w.id, w.slug from core.workspaces w
       left join engine.reconciled r on r.workspace_id = w.id
      where r.version is distinct from (select engine.version()) order by w.slug`,
  );
  for (const { id, slug } of rows)
    await admin.query('select engine.reconcile($1)', [id]).catch((error: unknown) => {
      process.stderr.write(`The tables of "${slug}" could not be brought in line: ${(error as Error).message}\n`);
    });
}

/**
 * Lets plans measure whether a statement rewrites a table. Only a superuser may create event triggers; without one,
 * plans say what is known of such statements.
 */
async function watchRewrites(admin: pg.Client) {
  await admin.query(`do $$ begin
    if (select rolsuper from pg_roles where rolname = current_user)
      and not exists (select from pg_event_trigger where evtname = 'relvar_table_rewrite') then
      create event trigger relvar_table_rewrite on table_rewrite execute function engine.tg_table_rewrite__refuse();
    end if;
  end $$`);
}

export const migrationSettings = (adminUrl: string) => ({
  connectionString: actingAs(adminUrl, 'relvar_owner'),
  databaseOwner: 'relvar_owner',
  migrationsFolder,
  logger: new graphileMigrate.Logger(() => () => {}),
});

async function runSqlMigrations(adminUrl: string) {
  const settings = migrationSettings(adminUrl);
  try {
    await graphileMigrate.migrate(settings);
    // Only in development does the file for the next migration hold anything.
    const draft = join(migrationsFolder, 'current.sql');
    if (existsSync(draft) && readFileSync(draft, 'utf8').trim() !== '')
      await graphileMigrate.current(settings).catch((error: unknown) => {
        throw new Error(
          `The draft migration failed.\n${placeOf(error)}\nIf this database ran an earlier draft, make it anew: npm run db:reset`,
          { cause: error },
        );
      });
  } finally {
    // Kept open, they would end this process when the server stops before they time out.
    graphileMigratePools.clearAllPools();
  }
}

/** graphile-migrate keeps the place in the file beside the message. */
const placeOf = (error: unknown): string =>
  (error as { _gmMessageOverride?: string })._gmMessageOverride ?? (error as Error).message;

/**
 * graphile-worker's tables have row-level security and no policies: whoever runs jobs needs the
 * owner's rights. That owner is relvar_jobs, which a worker may become and relvar_owner inherits.
 */
async function installJobQueue(admin: pg.Client, adminUrl: string) {
  const { rows } = await admin.query<{ database: string; installed: boolean }>(
    `select quote_ident(current_database()) as database,
            to_regnamespace('graphile_worker') is not null as installed`,
  );
  const { database, installed } = rows[0]!;
  // Creating a schema needs a right on the database that a worker must not have for longer.
  if (!installed) await admin.query(`grant create on database ${database} to relvar_jobs`);
  const pool = new pg.Pool({ connectionString: actingAs(adminUrl, 'relvar_jobs'), max: 1 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  try {
    await runMigrations({ pgPool: pool, logger: new Logger(() => () => {}) });
  } finally {
    await pool.end();
    if (!installed) await admin.query(`revoke create on database ${database} from relvar_jobs`);
  }
}

/** Workspaces follow the standard objects of this version; nothing happens when these are unchanged. */
async function syncStandardObjects(admin: pg.Client) {
  const { rowCount } = await admin.query(
    `insert into engine.standard_manifest (manifest) values ($1)
     on conflict (only_row) do update set manifest = excluded.manifest
       where standard_manifest.manifest <> excluded.manifest`,
    [readFileSync(standardManifest, 'utf8')],
  );
  if (rowCount !== 0) await admin.query('select engine.sync_standard_application()');
}

/** The administrator's URL, but with another role from the first statement on. */
function actingAs(adminUrl: string, role: string): string {
  const url = new URL(adminUrl);
  url.searchParams.set('options', `-c role=${role}`);
  // URLSearchParams writes a space as "+"; PostgreSQL URLs know only "%20".
  return url.href.replace('-c+role', '-c%20role');
}
