import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { loginUrl } from '../../db/config.ts';
import { startEmbedded, type EmbeddedServer } from '../../db/embedded/server.ts';
import { migrate } from '../../db/migrate.ts';
import { createPool } from '../../db/pool.ts';
import { createWorkspace, type Workspace } from '../../db/testing/workspace.ts';
import { Network } from '../testing/network.ts';
import { Receiver, until } from '../testing/receiver.ts';

// Server, worker, PostgreSQL and receivers die in the middle of everything, and the network between them breaks or swallows what
// it is given, again and again, while programs write by GraphQL; on a database server of its own that syncs as in production. What was
// acknowledged is there and has one event each, every event reaches each webhook that asks for it, and who leaves out what has come
// already sees each once and each record's in order. RELVAR_KILL_ROUNDS makes it longer.
const ROUNDS = Number(process.env['RELVAR_KILL_ROUNDS'] ?? 5);
const dataDir = mkdtempSync(join(tmpdir(), `relvar-test-${process.pid}-`));
let server: EmbeddedServer;
let admin: pg.Pool;
let ws: Workspace;
let worker: ChildProcess;
let gateway: ChildProcess;
let gatewayPort: number;
/** Between the database and each of the two. */
const networks = { worker: new Network(0), gateway: new Network(0) };
const ports = { worker: 0, gateway: 0 };
const key = `rv_${randomBytes(32).toString('base64url')}`;
const receivers = [new Receiver(), new Receiver()];

const startServer = async () => {
  server = await startEmbedded({ dataDir, binDir: process.env['RELVAR_TEST_PG_BIN'] ?? null });
  for (const network of Object.values(networks)) network.target = Number(new URL(server.adminUrl).port);
  await admin?.end();
  admin = createPool({ connectionString: server.adminUrl, applicationName: 'test', max: 3 });
};

function through(part: keyof typeof networks): string {
  const url = new URL(server.adminUrl);
  url.port = String(ports[part]);
  return part === 'worker'
    ? loginUrl(url.href, 'relvar_worker', server.workerPassword)
    : loginUrl(url.href, 'relvar_server', server.serverPassword);
}

function start(part: string, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, '..', '..', part, 'index.ts')], {
    env: { ...process.env, RELVAR_SECRET: '0123456789abcdef0123456789abcdef', NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

const startWorkerProcess = () => start('worker', { RELVAR_WORKER_URL: through('worker') });

async function startGateway(): Promise<ChildProcess> {
  const child = start('server', {
    RELVAR_SERVER_URL: through('gateway'),
    PORT: String(gatewayPort),
    NODE_ENV: 'production',
  });
  // It says when it listens.
  await once(child, 'message');
  return child;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Writes as a program does; throws where nobody says that it was done. */
async function graphql<Data>(query: string, variables: object): Promise<Data> {
  const response = await fetch(`http://127.0.0.1:${gatewayPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(10_000),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
  if (!data || errors) throw new Error(errors?.[0]?.message);
  return data;
}

const create = (name: string) =>
  graphql<{ createCompany: { company: { id: string } } }>(
    'mutation ($name: String!) { createCompany(input: { company: { name: $name } }) { company { id } } }',
    { name },
  ).then(({ createCompany }) => createCompany.company.id);
const rename = (id: string, name: string) =>
  graphql(
    'mutation ($id: UUID!, $name: String!) { updateCompany(input: { id: $id, patch: { name: $name } }) { clientMutationId } }',
    { id, name },
  );

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
  await admin.query(`select core.create_api_key('acme', 'Admin', 'kill', 'rv_', $1)`, [
    createHash('sha256').update(key).digest(),
  ]);
  for (const part of ['worker', 'gateway'] as const) ports[part] = await networks[part].listen();
  gatewayPort = await freePort();
  worker = startWorkerProcess();
  gateway = await startGateway();
}, 90_000);
afterAll(async () => {
  await Promise.all([kill(worker), kill(gateway)]);
  await Promise.all(Object.values(networks).map((each) => each.close()));
  await Promise.all(receivers.map((each) => each.close()));
  await admin.end();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** What a receiver that leaves out what has come already has seen, by record and in order. */
function seen(receiver: Receiver): Map<string, { name: unknown; type: string }[]> {
  const first = new Map(receiver.accepted.toReversed().map((each) => [each.id, each]));
  const inOrder = receiver.accepted.filter((each) => first.get(each.id) === each);
  return Map.groupBy(
    inOrder.map(({ type, data }) => ({ id: data.recordId, type, name: data.after?.['name'] })),
    ({ id }) => id,
  ) as never;
}

const MISHAPS = [
  'server',
  'broken network',
  'worker',
  'swallowing network',
  'postgres',
  'down',
  'cut',
  'slow',
] as const;

test(
  `everything arrives, once and in order, through ${ROUNDS} rounds of mishaps`,
  async () => {
    const committed = new Map<string, string[]>();
    for (let round = 0; round < ROUNDS; round++) {
      const mishap = MISHAPS[round % MISHAPS.length]!;
      let isRunning = true;
      const write = async (writer: number) => {
        for (let i = 0; isRunning; i++) {
          const name = `${round}-${writer}-${i}`;
          try {
            const id = await create(name);
            committed.set(id, [name]);
            await rename(id, `${name}+`);
            committed.get(id)!.push(`${name}+`);
          } catch {
            // Nobody says whether the last one was done; the log does.
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
      } else if (mishap === 'server') {
        await kill(gateway);
        gateway = await startGateway();
      } else if (mishap === 'broken network' || mishap === 'swallowing network') {
        const broken = [[networks.worker], [networks.gateway], Object.values(networks)][round % 3]!;
        for (const network of broken)
          if (mishap === 'broken network') network.cut();
          else network.swallow();
        await delay(500 + 2_500 * Math.random());
        for (const network of broken) network.heal({ isLost: Math.random() < 0.5 });
        // Both of them find their way back, and no process was started anew.
        const reached = receivers[0]!.accepted.length;
        await until(() => receivers[0]!.accepted.length > reached + 5, `deliveries after the mishap "${mishap}"`, 60);
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
    await until(async () => (await admin.query('select from engine.outbox')).rowCount === 0, 'the relay has all', 60);
    // Each statement has a place of its own in the log, and none is missing between them.
    const { rows: places } = await admin.query<{ n: string; distinct: string; span: string }>(
      `select count(*) as n, count(distinct position) as distinct, max(position) - min(position) + 1 as span from ${ws.schema}.event_batches`,
    );
    expect(places).toEqual([{ n: places[0]!.n, distinct: places[0]!.n, span: places[0]!.n }]);

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
