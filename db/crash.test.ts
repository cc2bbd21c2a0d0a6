import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { loginUrl } from './config.ts';
import { startEmbedded, type EmbeddedServer } from './embedded/server.ts';
import { migrate } from './migrate.ts';
import { createPool, withIdentity } from './pool.ts';
import { createWorkspace, objectNamed, statements, type Workspace } from './testing/workspace.ts';

// PostgreSQL is killed with -9 in the middle of writes and of changes of the model, on a server of
// its own that syncs as in production. What was acknowledged must be there, and nothing by halves.
const dataDir = mkdtempSync(join(tmpdir(), `relvar-test-${process.pid}-`));
let server: EmbeddedServer;
let ws: Workspace;

const start = () => startEmbedded({ dataDir, binDir: process.env.RELVAR_TEST_PG_BIN ?? null });

beforeAll(async () => {
  chmodSync(dataDir, 0o755);
  server = await start();
  await migrate(server.adminUrl, server);
  const admin = createPool({ connectionString: server.adminUrl, applicationName: 'test' });
  ws = await createWorkspace(admin);
  await admin.end();
}, 60_000);
afterAll(async () => {
  await server?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** The postmaster and all of its processes, which share its process group. */
function killServer() {
  const pid = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    process.kill(pid, 'SIGKILL');
  }
}

test.each([1, 2])(
  'kill -9 in the middle of writes and of model changes, round %i',
  async (round) => {
    const pool = createPool({
      connectionString: loginUrl(server.adminUrl, 'relvar_server', server.serverPassword),
      applicationName: 'test server',
    });
    const identity = { pgRole: ws.adminRole, schemaName: ws.schema, memberId: null, apiKeyId: null, source: 'API' };
    const records: string[] = [];
    const fields: string[] = [];
    let attempts = 0;
    let isRunning = true;

    const write = async () => {
      while (isRunning)
        await withIdentity(pool, identity, (client) =>
          client.query<{ id: string }>(`insert into companies (name) values ($1) returning id`, [`c${attempts++}`]),
        ).then(
          ({ rows }) => records.push(rows[0]!.id),
          // The server is gone, or a change of the model held the table for a moment.
          () => delay(5),
        );
    };
    const changeModel = async () => {
      for (let i = 0; isRunning; i++) {
        const name = `round${round}Field${i}`;
        await withIdentity(pool, identity, (client) =>
          client.query(
            `select metadata.create_field((select id from metadata.objects where name_singular = 'company'), 'Field', 'CURRENCY', $1)`,
            [name],
          ),
        ).then(
          () => fields.push(name),
          () => delay(5),
        );
      }
    };
    const loops = Promise.all([write(), write(), write(), changeModel()]);
    // Somewhere in the third change of the model.
    while (fields.length < 2 || records.length < 50) await delay(5);
    await delay(40 * Math.random());
    killServer();
    await server.exited;
    isRunning = false;
    await loops;
    await pool.end();

    server = await start();
    const admin = new pg.Client({ connectionString: server.adminUrl });
    await admin.connect();
    try {
      const lost = await admin.query(
        `select u.id from unnest($1::uuid[]) u (id)
        where not exists (select from ${ws.schema}.companies c where c.id = u.id)
           or not exists (select from ${ws.schema}.record_events e join engine.outbox o on o.batch = e.batch where e.record_id = u.id and e.action = 'created')`,
        [records],
      );
      expect(lost.rows).toEqual([]);
      // And nothing by halves: a record without its event, or an event without its outbox row.
      const halves = await admin.query(
        `select c.id from ${ws.schema}.companies c where not exists (select from ${ws.schema}.record_events e where e.record_id = c.id)
       union all select e.record_id from ${ws.schema}.record_events e where not exists (select from ${ws.schema}.companies c where c.id = e.record_id) and e.object_id = $1
       union all select e.record_id from ${ws.schema}.record_events e where not exists (select from engine.outbox o where o.batch = e.batch) and e.object_id = $1`,
        [await objectNamed(admin, ws, 'company')],
      );
      expect(halves.rows).toEqual([]);
      expect(await statements(admin, ws)).toEqual([]);
      expect((await admin.query('select * from engine.lint()')).rows).toEqual([]);
      const kept = await admin.query<{ name: string }>('select name from metadata.fields where name = any ($1)', [
        fields,
      ]);
      expect(kept.rows.map(({ name }) => name).sort()).toEqual([...fields].sort());
      await admin.query(
        `select ${fields.map((name) => `${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_amount_micros`).join(', ')} from ${ws.schema}.companies limit 1`,
      );
    } finally {
      await admin.end();
    }
  },
  60_000,
);
