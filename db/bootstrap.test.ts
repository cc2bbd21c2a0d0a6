import { existsSync, rmSync } from 'node:fs';
import pg from 'pg';
import { loginUrl } from './config.ts';
import { startEmbedded, type EmbeddedServer } from './embedded/server.ts';
import { migrate } from './migrate.ts';
import { urlFor } from './testing/cluster.ts';
import { makeTemporaryDir } from './testing/temporary.ts';

/** The newest supported server is always tested, the oldest where Debian has put it. */
const SERVERS = [{ version: 18, binDir: null as string | null }];
const oldest = '/usr/lib/postgresql/15/bin';
if (existsSync(oldest)) SERVERS.push({ version: 15, binDir: oldest });

const passwords = { serverPassword: 'of-the-server', workerPassword: 'of-the-worker' };

// Roles belong to a whole cluster, so these tests have one of their own.
describe.each(SERVERS)('on PostgreSQL $version', ({ binDir }) => {
  const dataDir = makeTemporaryDir();
  let server: EmbeddedServer;
  let superuser: pg.Client;

  beforeAll(async () => {
    server = await startEmbedded({ dataDir, binDir, disposable: true });
    superuser = new pg.Client({ connectionString: server.adminUrl });
    await superuser.connect();
  });
  afterAll(async () => {
    await superuser.end();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const database = async (name: string, owner: string) => {
    await superuser.query(`create database ${name} owner ${owner}`);
    return urlFor(server.adminUrl, name);
  };

  const asLogin = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  };

  test('names the privileges that are missing and the SQL that grants them', async () => {
    await superuser.query(`create role poor login password 'poor'`);
    const url = loginUrl(await database('of_another', 'postgres'), 'poor', 'poor');
    await expect(migrate(url, passwords)).rejects.toMatchObject({
      code: 'DATABASE_NOT_READY',
      message:
        'The login poor may not create roles, nor create schemas in the database of_another and grant that right. ' +
        'Let a superuser run: alter role poor createrole; grant create on database of_another to poor with grant option;',
    });
    await superuser.query('alter role poor createrole');
    await expect(migrate(url, passwords)).rejects.toThrow(
      'The login poor may not create schemas in the database of_another and grant that right.',
    );
  });

  test('refuses a database that cannot hold every language', async () => {
    await superuser.query(`create database latin encoding 'LATIN1' locale 'C' template template0`);
    await expect(migrate(urlFor(server.adminUrl, 'latin'), passwords)).rejects.toThrow(
      "This database is encoded in LATIN1; Relvar needs UTF8. Create one with: create database relvar encoding 'UTF8' template template0;",
    );
  });

  test('lets an administrator who is no superuser do everything, twice', async () => {
    await superuser.query(`create role admin login createrole password 'admin'`);
    const url = loginUrl(await database('of_admin', 'admin'), 'admin', 'admin');
    await migrate(url, passwords);
    await migrate(url, passwords);

    const owners = await asLogin(
      url,
      `select distinct nspowner::regrole::text as owner from pg_namespace
        where nspname in ('core', 'metadata', 'engine') or nspname like 'graphile%' order by 1`,
    );
    expect(owners).toEqual([{ owner: 'relvar_jobs' }, { owner: 'relvar_owner' }]);
    await asLogin(url, `select engine.create_workspace('acme', 'Acme', 'ada@acme.test')`);
    expect(await asLogin(url, 'select * from engine.lint()')).toEqual([]);
  });

  test('the logins may log in and by themselves do nothing', async () => {
    const url = urlFor(server.adminUrl, 'of_admin');
    for (const [login, password] of [
      ['relvar_server', passwords.serverPassword],
      ['relvar_worker', passwords.workerPassword],
    ] as const) {
      const own = loginUrl(url, login, password);
      expect(await asLogin(own, 'select current_user::text as me')).toEqual([{ me: login }]);
      for (const statement of [
        'create schema mine',
        'create table public.mine ()',
        'select * from core.users',
        'select * from graphile_worker.jobs',
        'create role another',
        // The worker becomes the owner for the task that builds indexes, and only by saying so.
        ...(login === 'relvar_server' ? ['set role relvar_owner'] : []),
      ])
        await expect(asLogin(own, statement)).rejects.toMatchObject({ code: '42501' });
      await expect(asLogin(loginUrl(url, login, 'wrong'), 'select 1')).rejects.toMatchObject({
        code: '28P01',
      });
    }
    const worker = loginUrl(url, 'relvar_worker', passwords.workerPassword);
    await asLogin(worker, 'set role relvar_jobs; select * from graphile_worker.jobs');
  });

  test('another administrator of the same cluster is told what to ask for', async () => {
    await superuser.query(`create role second login createrole password 'second'`);
    const url = loginUrl(await database('of_second', 'second'), 'second', 'second');
    const attempt = migrate(url, passwords);
    // Before 16 whoever may create roles may also grant them.
    if (binDir === null)
      await expect(attempt).rejects.toThrow(
        'The role relvar_owner exists, made by another administrator, and the login second may not grant it. ' +
          'Let a superuser run: grant relvar_owner to second with admin option;',
      );
    else await attempt;
    if (binDir === null) await superuser.query('grant relvar_owner to second with admin option');
    await migrate(url, passwords);
  });

  test('two databases, and two processes for each, may be prepared at once', async () => {
    for (const name of ['of_admin', 'of_second']) await superuser.query(`drop database if exists ${name} with (force)`);
    await superuser.query(`drop role if exists ${await workspaceRoles()} relvar_server, relvar_worker`);
    const urls = [await database('twin_a', 'postgres'), await database('twin_b', 'postgres')];
    await Promise.all([...urls, ...urls].map((url) => migrate(url, passwords)));
    for (const url of urls) expect(await asLogin(url, 'select * from engine.lint()')).toEqual([]);
  });

  /** What create_workspace made, since a role outlives its database. */
  async function workspaceRoles(): Promise<string> {
    const { rows } = await superuser.query<{ list: string | null }>(
      `select string_agg(quote_ident(rolname), ', ') || ',' as list from pg_roles where rolname ~ '^ws_'`,
    );
    return rows[0]!.list ?? '';
  }
});
