import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { useDatabase } from '../../db/testing/database.ts';
import { createWorkspace } from '../../db/testing/workspace.ts';
import type { Workspace } from '../../db/testing/workspace.ts';
import { CHANGES, openSocket, relay, subscribe } from '../testing/live.ts';
import type { LiveSocket, Told } from '../testing/live.ts';
import { eventually } from '../testing/server.ts';

// Whatever is cut or killed, each change is told once, in order.
const db = useDatabase();
const INTERRUPTIONS = 100;
let ws: Workspace;
const key = `rv_${randomBytes(32).toString('base64url')}`;
const ports: number[] = [];
const servers: ChildProcess[] = [];

async function start(index: number): Promise<void> {
  const server = spawn(process.execPath, [join(import.meta.dirname, '../index.ts')], {
    env: {
      ...process.env,
      RELVAR_SERVER_URL: db.serverUrl,
      PORT: String(ports[index]),
      NODE_ENV: 'production',
      NODE_OPTIONS: '',
    },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  servers[index] = server;
  await new Promise<void>((resolve, reject) => {
    server.once('message', () => resolve());
    server.once('exit', (code) => reject(new Error(`The server ended with ${code} before it was ready.`)));
  });
}

async function kill(index: number): Promise<void> {
  const gone = new Promise((resolve) => servers[index]!.once('exit', resolve));
  servers[index]!.kill('SIGKILL');
  await gone;
}

/** A network between client and server, which can be cut without a word to either. */
async function network(): Promise<{ port: number; freeze: () => void; close: () => void }> {
  const pairs = new Set<[Socket, Socket]>();
  const proxy = createServer((near) => {
    const far = connect(ports[0]!, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const end of pair) end.on('error', () => pair.forEach((one) => one.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    freeze: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    close: () => {
      for (const pair of pairs) for (const end of pair) end.destroy();
      proxy.close();
    },
  };
}

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  await db.admin.query(`select core.create_api_key('acme', 'Admin', 'live', 'rv_', $1)`, [
    createHash('sha256').update(key).digest(),
  ]);
  await db.admin.query('update core.api_keys set rate_limit = 1000000');
  for (let i = 0; i < 2; i += 1) {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    ports.push((probe.address() as AddressInfo).port);
    await new Promise((resolve) => probe.close(resolve));
  }
  db.onEnd(async () => {
    for (const [index, server] of servers.entries())
      if (server.exitCode === null && server.signalCode === null) await kill(index);
  });
  await Promise.all([start(0), start(1)]);
  await relay(db);
  // The first to ask waits for the schema.
  for (const port of ports) {
    await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: '{"query":"{ __typename }"}',
    });
  }
}, 60_000);

interface Follower {
  readonly told: Told[];
  /** Ends the connection, and goes on over another. */
  interrupt: (port: number, how: (socket: LiveSocket) => void) => void;
  stop: () => void;
}

/** A client that goes on from the last position that it has got, as clients are to do. */
function follow(port: number): Follower {
  const told: Told[] = [];
  let socket: LiveSocket;
  const listen = (to: number): void => {
    socket = openSocket(`127.0.0.1:${to}`, { authorization: `Bearer ${key}` });
    const mine = socket;
    const { told: heard } = subscribe(mine, CHANGES, { object: 'company', after: told.at(-1)?.position });
    // Whatever comes on a connection that was given up does not count: the next one tells it again.
    heard.push = (...more) => {
      if (mine === socket) told.push(...more);
      return told.length;
    };
    mine.client.on('closed', () => {
      if (mine === socket) setTimeout(() => mine === socket && listen(to), 50);
    });
  };
  listen(port);
  return {
    told,
    interrupt: (to, how) => {
      const old = socket;
      listen(to);
      how(old);
    },
    stop: () => {
      const old = socket;
      socket = undefined as unknown as LiveSocket;
      for (const one of old.sockets) one.terminate();
    },
  };
}

test(`no change is lost or doubled over ${INTERRUPTIONS} interruptions, by two servers, kills, restarts and a deaf listener`, async () => {
  const follower = follow(ports[0]!);
  await eventually('it stands', () => follower.told.length === 1);
  const made: string[] = [];
  let isRunning = true;
  const write = (async () => {
    while (isRunning) {
      const { rows } = await db.admin.query<{ id: string }>(
        `insert into ${ws.schema}.companies (name) select 'Live ' || i from generate_series(1, 1 + $1 % 4) i returning id`,
        [made.length],
      );
      made.push(...rows.map(({ id }) => id));
      await delay(5);
    }
  })();
  const relaying = (async () => {
    while (isRunning) {
      await relay(db);
      await delay(5);
    }
  })();
  const ways: ((socket: LiveSocket) => void)[] = [
    ({ sockets }) => sockets.at(-1)?.terminate(),
    ({ client }) => void client.dispose(),
    ({ client }) => client.terminate(),
  ];
  for (let i = 0; i < INTERRUPTIONS; i += 1) {
    const seen = follower.told.length;
    follower.interrupt(ports[i % 2]!, ways[i % ways.length]!);
    if (i % 40 === 12) {
      // The one that it has just turned to.
      await kill(i % 2);
      await start(i % 2);
    }
    if (i % 40 === 20) {
      await db.admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'relvar server: notices'`,
      );
    }
    // In the middle of what it is being told, now and then.
    if (i % 3 > 0) await eventually('something more', () => follower.told.length > seen);
  }
  isRunning = false;
  await Promise.all([write, relaying]);
  await relay(db);
  await eventually('the rest', () => follower.told.at(-1)!.recordId === made.at(-1));
  const told = follower.told.filter(({ action }) => action === 'created').map(({ recordId }) => recordId);
  expect(told).toEqual(made);
  expect(follower.told.some(({ action }) => action === 'resync')).toBe(false);
  follower.stop();
}, 120_000);

test('a network that is cut without a word costs nothing: what was not taken is told over the next connection', async () => {
  const between = await network();
  const follower = follow(between.port);
  await eventually('it stands', () => follower.told.length === 1);
  const make = async (name: string) => {
    const { rows } = await db.admin.query<{ id: string }>(
      `insert into ${ws.schema}.companies (name) values ($1) returning id`,
      [name],
    );
    await relay(db);
    return rows[0]!.id;
  };
  const before = await make('Before the cut');
  await eventually('the first', () => follower.told.length === 2);
  between.freeze();
  const during = [await make('During the cut'), await make('Still during it')];
  await delay(100);
  expect(follower.told).toHaveLength(2);
  follower.interrupt(ports[1]!, ({ sockets }) => sockets.at(-1)?.terminate());
  await eventually('what was missed', () => follower.told.length === 4);
  expect(follower.told.slice(1).map(({ recordId }) => recordId)).toEqual([before, ...during]);
  follower.stop();
  between.close();
}, 60_000);
