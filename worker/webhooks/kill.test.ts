import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { loginUrl } from '../../db/config.ts';
import { startEmbedded, type EmbeddedServer } from '../../db/embedded/server.ts';
import { migrate } from '../../db/migrate.ts';
import { createPool, withIdentity } from '../../db/pool.ts';
import { createWorkspace, type Workspace } from '../../db/testing/workspace.ts';
import { Receiver, until } from '../testing/receiver.ts';

// Worker, PostgreSQL and receivers die in the middle of everything, again and again, on a server of its own that syncs as in
// production. What was committed has one event each, every event reaches each webhook that asks for it, and who leaves out
// what has come already sees each once and each record's in order. RELVAR_KILL_ROUNDS makes it longer.
const ROUNDS = Number(process.env['RELVAR_KILL_ROUNDS'] ?? 3);
const dataDir = mkdtempSync(join(tmpdir(), `relvar-test-${process.pid}-`));
let server: EmbeddedServer;
let admin: pg.Pool;
let ws: Workspace;
let worker: ChildProcess;
const receivers = [new Receiver(), new Receiver()];

const startServer = async () => {
  server = await startEmbedded({ dataDir, binDir: process.env['RELVAR_TEST_PG_BIN'] ?? null });
  await admin?.end();
  admin = createPool({ connectionString: server.adminUrl, applicationName: 'test', max: 3 });
};

function startWorkerProcess(): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, '..', 'index.ts')], {
    env: {
      ...process.env,
      RELVAR_WORKER_URL: loginUrl(server.adminUrl, 'relvar_worker', server.workerPassword),
      RELVAR_SECRET: '0123456789abcdef0123456789abcdef',
      NODE_OPTIONS: '',
    },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

async function kill(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function killPostgres() {
  const pid = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    process.kill(pid, 'SIGKILL');
  }
}

beforeAll(async () => {
  chmodSync(dataDir, 0o755);
  await startServer();
  await migrate(server.adminUrl, server);
  ws = await createWorkspace(admin);
  for (const receiver of receivers) {
    await admin.query(
      `insert into metadata.webhooks (workspace_id, target_url, events) values ($1, $2, '{company.*}')`,
      [ws.id, await receiver.listen()],
    );
  }
  worker = startWorkerProcess();
}, 90_000);
afterAll(async () => {
  await kill(worker);
  await Promise.all(receivers.map((each) => each.close()));
  await admin.end();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** What a receiver that leaves out what has come already has seen, by record and in order. */
function seen(receiver: Receiver): Map<string, { name: unknown; type: string }[]> {
  const once = new Map(receiver.accepted.toReversed().map((each) => [each.id, each]));
  const inOrder = receiver.accepted.filter((each) => once.get(each.id) === each);
  return Map.groupBy(
    inOrder.map(({ type, data }) => ({ id: data.recordId, type, name: data.after?.['name'] })),
    ({ id }) => id,
  ) as never;
}

const MISHAPS = ['worker', 'postgres', 'down', 'cut', 'slow'] as const;

test(
  `everything arrives, once and in order, through ${ROUNDS} rounds of mishaps`,
  async () => {
    const committed = new Map<string, string[]>();
    for (let round = 0; round < ROUNDS; round++) {
      const mishap = MISHAPS[round % MISHAPS.length]!;
      let isRunning = true;
      const pool = createPool({
        connectionString: loginUrl(server.adminUrl, 'relvar_server', server.serverPassword),
        applicationName: 'test server',
        max: 4,
      });
      const identity = { pgRole: ws.adminRole, schemaName: ws.schema, memberId: null, apiKeyId: null, source: 'API' };
      const write = async (writer: number) => {
        for (let i = 0; isRunning; i++) {
          const name = `${round}-${writer}-${i}`;
          try {
            const id = await withIdentity(pool, identity, async (client) => {
              const { rows } = await client.query<{ id: string }>(
                'insert into companies (name) values ($1) returning id',
                [name],
              );
              return rows[0]!.id;
            });
            committed.set(id, [name]);
            await withIdentity(pool, identity, (client) =>
              client.query('update companies set name = $2 where id = $1', [id, `${name}+`]),
            );
            committed.get(id)!.push(`${name}+`);
          } catch {
            // The database is gone; whether the last statement was committed, the log says.
            await delay(20);
          }
          await delay(25);
        }
      };
      const writing = Promise.all([0, 1, 2].map(write));
      const before = receivers[0]!.accepted.length;
      await until(() => receivers[0]!.accepted.length > before + 15, `deliveries before the mishap "${mishap}"`, 60);
      await delay(100 * Math.random());
      if (mishap === 'worker') {
        await kill(worker);
        worker = startWorkerProcess();
      } else if (mishap === 'postgres') {
        killPostgres();
        await server.exited;
        isRunning = false;
        await writing;
        await startServer();
      } else if (mishap === 'down') {
        await receivers[0]!.close();
        await delay(300);
        await receivers[0]!.listen();
      } else if (mishap === 'cut') receivers[0]!.server.closeAllConnections();
      else {
        receivers[0]!.answer = async (_received, response) => {
          await delay(200);
          response.end();
        };
        await delay(500);
        receivers[0]!.answer = null;
      }
      isRunning = false;
      await writing;
      await pool.end();
    }

    const { rows: records } = await admin.query<{ id: string; name: string }>(
      `select id, name from ${ws.schema}.companies`,
    );
    const { rows: events } = await admin.query<{ id: string; action: string; name: string }>(
      `select record_id as id, action, after ->> 'name' as name from ${ws.schema}.record_events e
       join metadata.objects o on o.id = e.object_id and o.name_singular = 'company' order by batch, seq`,
    );
    const log = Map.groupBy(events, ({ id }) => id);
    // What was acknowledged is there, and has one event each.
    for (const [id, names] of committed) {
      const logged = log.get(id)!.map(({ name }) => name);
      expect(logged.slice(0, names.length)).toEqual(names);
      expect(logged.length).toBeLessThanOrEqual(2);
    }
    for (const { id, name } of records) expect(log.get(id)!.at(-1)!.name).toBe(name);

    for (const receiver of receivers) {
      await until(
        async () => {
          // As if the time until the next attempt had passed.
          await admin.query(
            `with d as (update engine.webhook_deliveries set next_attempt_at = now() where state = 'PENDING' and next_attempt_at > now())
             update engine.webhook_states set paused_until = null, retry_at = case when retry_at is not null then now() end
             where paused_until > now() or retry_at > now()`,
          );
          return new Set(receiver.accepted.map(({ id }) => id)).size >= events.length;
        },
        'all deliveries',
        60,
      );
      const told = seen(receiver);
      expect(told.size).toBe(records.length);
      for (const [id, logged] of log)
        expect(told.get(id)!.map(({ name }) => name)).toEqual(logged.map(({ name }) => name));
    }
    process.stderr.write(
      `${ROUNDS} rounds: ${events.length} events, ${receivers.map(({ accepted }) => accepted.length - events.length).join(' and ')} came again\n`,
    );
  },
  60_000 + ROUNDS * 30_000,
);
