import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import graphileMigrate from 'graphile-migrate';
import graphileMigratePools from 'graphile-migrate/dist/pg.js';
import { Logger, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { bootstrap } from './bootstrap.ts';
import { startEmbedded, type EmbeddedServer } from './embedded/server.ts';
import { migrate, migrationSettings } from './migrate.ts';
import { urlFor } from './testing/cluster.ts';
import { makeTemporaryDir } from './testing/temporary.ts';

const SERVERS = [{ version: 18, binDir: null as string | null }];
const oldest = '/usr/lib/postgresql/15/bin';
if (existsSync(oldest)) SERVERS.push({ version: 15, binDir: oldest });

const passwords = { serverPassword: 'of-the-server', workerPassword: 'of-the-worker' };
const folder = join(import.meta.dirname, '..', 'migrations');

/** A database as a release left it: the migrations until then alone, with workspaces. */
async function release(number: number, admin: pg.Client, adminUrl: string, scratch: string) {
  await bootstrap(admin, adminUrl, passwords);
  await admin.query(
    `do $$ begin execute format('grant create on database %I to relvar_jobs', current_database()); end $$`,
  );
  const pool = new pg.Pool({ connectionString: `${adminUrl}?options=-c%20role%3Drelvar_jobs`, max: 1 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  await runMigrations({ pgPool: pool, logger: new Logger(() => () => {}) });
  await pool.end();
  const migrationsFolder = join(scratch, 'migrations');
  mkdirSync(join(migrationsFolder, 'committed'), { recursive: true });
  for (const file of readdirSync(join(folder, 'committed')).sort().slice(0, number))
    cpSync(join(folder, 'committed', file), join(migrationsFolder, 'committed', file));
  writeFileSync(join(migrationsFolder, 'current.sql'), '');
  await graphileMigrate.migrate({ ...migrationSettings(adminUrl), migrationsFolder });
  graphileMigratePools.clearAllPools();
  // As that release could read it: criteria of duplicates were lists of fields, and tasks neither came again nor told of themselves.
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, 'standard', 'manifest.json'), 'utf8')) as {
    objects: { duplicateCriteria?: unknown[]; fields: { name: string }[] }[];
  };
  for (const object of manifest.objects) {
    delete object.duplicateCriteria;
    object.fields = object.fields.filter(({ name }) => !['recurrence', 'reminder'].includes(name));
  }
  await admin.query('insert into engine.standard_manifest (manifest) values ($1)', [JSON.stringify(manifest)]);
  for (const slug of ['one', 'two'])
    await admin.query('select engine.create_workspace($1, $1, $2)', [slug, `o@${slug}.example`]);
}

describe.each(SERVERS)('on PostgreSQL $version', ({ binDir }) => {
  const dataDir = makeTemporaryDir();
  const scratch = makeTemporaryDir();
  let server: EmbeddedServer;
  let admin: pg.Client;
  let adminUrl: string;

  beforeAll(async () => {
    server = await startEmbedded({ dataDir, binDir, disposable: true });
    const superuser = new pg.Client({ connectionString: server.adminUrl });
    await superuser.connect();
    await superuser.query('create database first');
    await superuser.end();
    adminUrl = urlFor(server.adminUrl, 'first');
    admin = new pg.Client({ connectionString: adminUrl });
    await admin.connect();
    await release(1, admin, adminUrl, scratch);
  });
  afterAll(async () => {
    await admin.end();
    await server.stop();
    for (const dir of [dataDir, scratch]) rmSync(dir, { recursive: true, force: true });
  });

  test('the workspaces of the first release are brought in line, and their records are as they were', async () => {
    const schemas = (
      await admin.query<{ schema: string }>('select schema_name as schema from core.workspaces order by slug')
    ).rows.map((row) => row.schema);
    await admin.query(`
      insert into metadata.objects (workspace_id, label_singular, label_plural, is_active)
      select id, 'Boat', 'Boats', slug = 'one' from core.workspaces;
      insert into metadata.fields (object_id, label, type, options) select id, 'Kind', 'SELECT', '[{"value":"SAIL","label":"Sail"}]' from metadata.objects where name_singular = 'boat';
      insert into metadata.fields (object_id, label, type) select id, 'Price', 'CURRENCY' from metadata.objects where name_singular = 'boat'`);
    for (const schema of schemas) {
      await admin.query(`insert into ${schema}.companies (name) select 'Company ' || i from generate_series(1, 50) i`);
      await admin.query(
        `insert into ${schema}.people (name_first_name, company_id) select 'P', id from ${schema}.companies`,
      );
      await admin.query(`insert into ${schema}.boats (kind, price_amount_micros) values ('SAIL', 1000000)`);
      await admin.query(`delete from ${schema}.companies where name = 'Company 7'`);
    }
    const content = async () =>
      Promise.all(
        schemas.map(
          async (schema) =>
            (
              await admin.query(
                `select (select jsonb_agg(c order by c.id) from ${schema}.companies c) as a, (select jsonb_agg(b) from ${schema}.boats b) as b`,
              )
            ).rows,
        ),
      );
    const before = await content();
    await migrate(adminUrl, passwords);
    expect(await content()).toEqual(before);
    const { rows } = await admin.query('select w.slug, p.statement from core.workspaces w, engine.plan(w.id) p');
    expect(rows).toEqual([]);
    expect((await admin.query('select * from engine.lint()')).rows).toEqual([]);
    expect(
      (await admin.query('select count(*)::int as n from engine.reconciled where version = engine.version()')).rows[0]
        .n,
    ).toBe(2);
    await admin.query(`select engine.apply(id) from core.workspaces; delete from ${schemas[0]}.people`);
    expect((await admin.query(`select count(*)::int as n from ${schemas[0]}.trash`)).rows[0].n).toBe(51);
  }, 120_000);

  test('a workspace that cannot be brought in line holds up no other, and is tried again', async () => {
    const schema = (await admin.query(`select schema_name as s from core.workspaces where slug = 'one'`)).rows[0].s;
    await admin.query(
      `delete from engine.reconciled; alter table ${schema}.boats drop constraint boats_kind_check; insert into ${schema}.boats (kind) values ('ROW')`,
    );
    await migrate(adminUrl, passwords);
    const done = async () =>
      (
        await admin.query(
          'select w.slug from engine.reconciled r join core.workspaces w on w.id = r.workspace_id order by 1',
        )
      ).rows.map((row) => row.slug);
    expect(await done()).toEqual(['two']);
    await admin.query(`delete from ${schema}.boats where kind = 'ROW'`);
    await migrate(adminUrl, passwords);
    expect(await done()).toEqual(['one', 'two']);
    expect((await admin.query('select p.* from core.workspaces w, engine.plan(w.id) p')).rows).toEqual([]);
  }, 120_000);

  test('views that were rows of the model become the workspace’s, with their filters in the form of today', async () => {
    const superuser = new pg.Client({ connectionString: server.adminUrl });
    await superuser.connect();
    await superuser.query('create database third');
    await superuser.end();
    const url = urlFor(server.adminUrl, 'third');
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const third = makeTemporaryDir();
    try {
      await release(3, client, url, third);
      const { rows } = await client.query(
        `select o.id as object, f.id as field from metadata.objects o join metadata.fields f on f.object_id = o.id and f.name = 'name'
         join core.workspaces w on w.id = o.workspace_id and w.slug = 'one' where o.name_singular = 'company'`,
      );
      const { object, field } = rows[0]!;
      for (const [name, filter] of [
        ['Good', { [field]: { includesInsensitive: 'a' } }],
        ['Bad', { [field]: { resembles: 'a' } }],
        ['None', null],
      ])
        await client.query(
          `insert into metadata.views (workspace_id, object_id, name, filter) select workspace_id, id, $2, $3 from metadata.objects where id = $1`,
          [object, name, filter === null ? null : JSON.stringify(filter)],
        );
      await client.query(
        `insert into metadata.view_fields (workspace_id, view_id, field_id) select workspace_id, id, $1 from metadata.views where name = 'Good'`,
        [field],
      );
      await migrate(url, passwords);
      expect(
        (await client.query('select name, visibility, owner_id, is_locked, filter from metadata.views order by name'))
          .rows,
      ).toEqual(
        [
          ['Bad', null],
          ['Good', { fieldId: field, operand: 'CONTAINS', value: 'a' }],
          ['None', null],
        ].map(([name, filter]) => ({ name, visibility: 'WORKSPACE', owner_id: null, is_locked: false, filter })),
      );
      expect((await client.query('select count(*)::int as n from metadata.view_fields')).rows).toEqual([{ n: 1 }]);
      expect((await client.query('select * from engine.lint()')).rows).toEqual([]);
    } finally {
      await client.end();
      rmSync(third, { recursive: true, force: true });
    }
  }, 120_000);

  test.each([1, 3])(
    'deliveries that waited in the queue of release %i are sent by the cursor of today, each once',
    async (number) => {
      const superuser = new pg.Client({ connectionString: server.adminUrl });
      await superuser.connect();
      await superuser.query(`create database hooks_${number}`);
      await superuser.end();
      const url = urlFor(server.adminUrl, `hooks_${number}`);
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const dir = makeTemporaryDir();
      try {
        await release(number, client, url, dir);
        const { rows: workspaces } = await client.query<{ id: string; schema: string }>(
          'select id, schema_name as schema from core.workspaces order by slug',
        );
        for (const { id } of workspaces)
          await client.query(
            `insert into metadata.webhooks (workspace_id, target_url, events) values ($1, 'https://a.example/', '{company.*}'), ($1, 'https://b.example/', '{person.created}')`,
            [id],
          );
        const expected = new Set<string>();
        for (const { schema } of workspaces) {
          await client.query(
            `insert into ${schema}.companies (name) select 'Company ' || i from generate_series(1, 30) i`,
          );
          await client.query(`update ${schema}.companies set name = name || '+' where name like 'Company 1%'`);
          await client.query(`insert into ${schema}.people (name_first_name) values ('Ada')`);
        }
        while ((await client.query<{ n: number }>('select engine.relay_outbox() as n')).rows[0]!.n > 0);
        const jobs = `select t.identifier, j.payload, j.attempts, j.max_attempts from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'webhook__deliver'`;
        expect((await client.query(jobs)).rowCount).toBe(6);
        // One has failed for good, and one was being done when the worker ended.
        await client.query(
          `update graphile_worker._private_jobs set attempts = max_attempts where id = (select min(id) from graphile_worker._private_jobs)`,
        );
        await client.query(
          `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'gone', attempts = 1 where id = (select max(id) from graphile_worker._private_jobs)`,
        );
        // And what no relay has taken yet.
        for (const { schema } of workspaces)
          await client.query(`insert into ${schema}.companies (name) values ('Late')`);
        for (const { schema } of workspaces)
          for (const { key } of (
            await client.query<{ key: string }>(
              `select o.name_singular || ' ' || e.batch || '-' || e.seq as key from ${schema}.record_events e join metadata.objects o on o.id = e.object_id where o.name_singular in ('company', 'person')`,
            )
          ).rows)
            expected.add(key);
        await migrate(url, passwords);
        expect((await client.query(jobs)).rows).toEqual([]);
        while ((await client.query<{ n: number }>('select engine.relay_outbox() as n')).rows[0]!.n > 0);

        // As a worker of today does it, with receivers that accept all.
        const sent: string[] = [];
        for (;;) {
          const { rows: hooks } = await client.query<{ id: string }>(
            `select webhook_id as id from engine.claim_webhooks('w', 100)`,
          );
          if (hooks.length === 0) break;
          for (const { id } of hooks) {
            for (let more = true; more;) {
              const { rows: work } = await client.query(`select * from engine.webhook_work($1, 'w', 200)`, [id]);
              for (const each of work) sent.push(`${each.event_type.split('.')[0]} ${each.message_id}`);
              const results = work.map((each) => ({
                delivery: each.delivery_id,
                kind: each.kind,
                id: each.message_id,
                type: each.event_type,
                object: each.object_id,
                record: each.record_id,
                batch: each.batch,
                seq: each.seq,
                isTried: true,
                status: 200,
                error: null,
                ms: 1,
                retryAfter: null,
                request: {},
                response: {},
              }));
              more = (
                await client.query<{ more: boolean }>(
                  `select engine.note_webhook_results($1, 'w', $2, null, null, true) as more`,
                  [id, JSON.stringify(results)],
                )
              ).rows[0]!.more;
            }
            await client.query(`select engine.release_webhook($1, 'w')`, [id]);
          }
        }
        expect(sent.toSorted()).toEqual([...expected].toSorted());
        expect((await client.query(`select distinct state from engine.webhook_deliveries`)).rows).toEqual([
          { state: 'DELIVERED' },
        ]);
      } finally {
        await client.end();
        rmSync(dir, { recursive: true, force: true });
      }
    },
    120_000,
  );
});
