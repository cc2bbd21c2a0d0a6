import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { insert } from '../../db/testing/workspace.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { residentMemory } from './memory.ts';
import { percentile } from './rounds.ts';

const SUBSCRIBERS = 2_000;
const ROUNDS = 60;
const PAUSE_MS = 100;
const BOUND_MS = 300;
const BOUND_KB = 20;
const LATE_MS = 30_000;
/** What the relay waits at most when there was nothing to do. */
const RELAY_MS = 100;

const QUERY = `subscription { recordChanges { position action object recordId changedFields requestId } }`;

/**
 * From the commit of one change to its arrival at the last of 2,000 sockets of one server, of three roles, one of which sees
 * some of the records only. Sockets, server, database and relay share the machine.
 */
export const liveFanout: Bench = {
  name: 'live.fanout',
  compares: `commit to the last of ${SUBSCRIBERS} sockets of one server process (milliseconds, p95)`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    const keys = await makeRoles(database, workspace);
    const server = await database.startServer();
    const relay = relayUntil(database);
    const sockets: WebSocket[] = [];
    try {
      const heard = new Map<string, { left: number; done: () => void }>();
      const hear = (recordId: string) => {
        const waiting = heard.get(recordId);
        if (waiting && (waiting.left -= 1) === 0) waiting.done();
      };
      // What the first ones load is not theirs: the schema, the code, the caches of connections.
      for (let i = 0; i < 50; i += 1) sockets.push(await subscribe(server.url, keys[i % keys.length]!, hear));
      await change(database, workspace, heard, sockets.length);
      await settle();
      const before = residentMemory(server.pid);
      const begin = performance.now();
      while (sockets.length < SUBSCRIBERS) {
        const more = Array.from({ length: 50 }, (_, i) =>
          subscribe(server.url, keys[(sockets.length + i) % keys.length]!, hear),
        );
        sockets.push(...(await Promise.all(more)).slice(0, SUBSCRIBERS - sockets.length));
      }
      const connectMs = performance.now() - begin;
      await settle();
      const kilobytes = ((residentMemory(server.pid) - before) * 1024) / (SUBSCRIBERS - 50);
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        times.push(await change(database, workspace, heard, sockets.length));
        await delay(PAUSE_MS * Math.random());
      }
      const after = ((residentMemory(server.pid) - before) * 1024) / (SUBSCRIBERS - 50);
      return {
        value: percentile(times, 0.95),
        unit: 'ms',
        bound: BOUND_MS,
        checks: { memory: kilobytes <= BOUND_KB },
        detail: {
          median: percentile(times, 0.5),
          kilobytesEach: kilobytes,
          kilobytesEachAfterwards: after,
          subscribers: sockets.length,
          connectMs,
        },
      };
    } finally {
      for (const socket of sockets) socket.terminate();
      await relay.stop();
      await server.stop();
    }
  },
};

/** Collections come when there is a pause. */
const settle = () => delay(3_000);

/** Keys of the administrators, of the members, and of a role that sees some companies only. */
async function makeRoles(database: BenchDatabase, { id, slug }: Workspace): Promise<string[]> {
  const { admin } = database;
  const role = await insert(admin, 'metadata.roles', { workspace_id: id, name: `Limited ${randomUUID().slice(0, 8)}` });
  const { rows } = await admin.query<{ id: string; name: string }>(
    `select o.id, r.name from metadata.objects o, metadata.roles r
     where o.workspace_id = $1 and o.name_singular = 'company' and r.id = $2`,
    [id, role],
  );
  await insert(admin, 'metadata.record_rules', {
    role_id: role,
    object_id: rows[0]!.id,
    condition: 'name != "Hidden"',
  });
  const keys: string[] = [];
  for (const name of ['Admin', 'Member', rows[0]!.name]) {
    const key = await database.apiKey(slug);
    await admin.query(
      `update core.api_keys set rate_limit = 1000000, role_id = (select r.id from metadata.roles r where r.workspace_id = $1 and r.name = $2)
       where id = (select k.id from core.api_keys k order by k.created_at desc, k.id desc limit 1)`,
      [id, name],
    );
    keys.push(key);
  }
  return keys;
}

/** One change, and how long it takes from its commit until all have heard of it. */
async function change(
  { admin }: BenchDatabase,
  { schemaName }: Workspace,
  heard: Map<string, { left: number; done: () => void }>,
  count: number,
): Promise<number> {
  const id = randomUUID();
  const all = new Promise<void>((done) => heard.set(id, { left: count, done }));
  await admin.query(`insert into ${schemaName}.companies (id, name) values ($1, 'Bench')`, [id]);
  const committed = performance.now();
  const late = setTimeout(() => {
    throw new Error(`${heard.get(id)?.left} of ${count} have not heard of a change within ${LATE_MS / 1000} s.`);
  }, LATE_MS);
  await all;
  clearTimeout(late);
  heard.delete(id);
  return performance.now() - committed;
}

/** A bare client of graphql-transport-ws: what is measured is the server. */
function subscribe(url: string, key: string, hear: (recordId: string) => void): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      perMessageDeflate: false,
    });
    socket.once('error', reject);
    socket.once('open', () => {
      socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } }));
    });
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString('utf8')) as { type: string; payload?: Next };
      if (message.type === 'connection_ack') {
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: QUERY } }));
      } else if (message.type === 'next') {
        const { action, recordId } = message.payload!.data.recordChanges;
        if (action === 'position') resolve(socket);
        else if (recordId) hear(recordId);
      } else if (message.type === 'error') reject(new Error(data.toString('utf8')));
    });
  });
}

interface Next {
  readonly data: { recordChanges: { action: string; recordId: string | null } };
}

/** The worker's relay, at its pace. */
function relayUntil({ admin }: BenchDatabase): { stop: () => Promise<void> } {
  let isRunning = true;
  const loop = (async () => {
    while (isRunning) {
      const { rows } = await admin.query<{ moved: number }>('select engine.relay_outbox() as moved');
      if (rows[0]!.moved === 0) await delay(RELAY_MS);
    }
  })();
  return {
    stop: () => {
      isRunning = false;
      return loop;
    },
  };
}
