import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { useDatabase } from '../db/testing/database.ts';
import { createWorkspace } from '../db/testing/workspace.ts';

const db = useDatabase();
const CONCURRENCY = 4;
const RECORDS = 120;

function startWorkerProcess(): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'index.ts')], {
    env: {
      ...process.env,
      RELVAR_WORKER_URL: db.workerUrl,
      RELVAR_WORKER_CONCURRENCY: String(CONCURRENCY),
      NODE_OPTIONS: '',
    },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

async function until(condition: () => boolean | Promise<boolean>, what: string) {
  for (let waited = 0; waited < 30_000; waited += 50) {
    if (await condition()) return;
    await delay(50);
  }
  throw new Error(`Waited in vain until ${what}.`);
}

test('a worker killed with -9 in the middle of deliveries: every event arrives, none that was done arrives again', async () => {
  const deliveries = new Map<string, number>();
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { recordId } = JSON.parse(Buffer.concat(chunks).toString()) as { recordId: string };
      deliveries.set(recordId, (deliveries.get(recordId) ?? 0) + 1);
      // Slow enough that some are on their way whenever the worker dies.
      setTimeout(() => response.writeHead(200).end(), 20);
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const ws = await createWorkspace(db.admin);
  await db.admin.query('insert into metadata.webhooks (workspace_id, target_url, events) values ($1, $2, $3)', [
    ws.id,
    `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`,
    ['company.created'],
  ]);
  const ids: string[] = [];
  for (let i = 0; i < RECORDS; i++)
    ids.push(
      (await db.admin.query(`insert into ${ws.schema}.companies (name) values ($1) returning id`, [`c${i}`])).rows[0]
        .id,
    );

  let worker = startWorkerProcess();
  try {
    await until(() => deliveries.size > RECORDS / 4, 'some deliveries');
    worker.kill('SIGKILL');
    await new Promise((resolve) => worker.once('exit', resolve));
    expect(deliveries.size).toBeLessThan(RECORDS);
    const { rows: left } = await db.admin.query<{ n: number }>('select count(*)::int as n from graphile_worker.jobs');
    expect(left[0]!.n).toBeGreaterThan(0);

    // As if the 20 seconds had passed after which a silent runner is taken for dead.
    await db.admin.query(
      `update graphile_worker._private_jobs set locked_at = locked_at - interval '1 minute' where locked_at is not null`,
    );
    await db.admin.query(`update engine.heartbeats set seen_at = seen_at - interval '1 minute'`);
    worker = startWorkerProcess();
    await until(
      async () =>
        deliveries.size === RECORDS && (await db.admin.query('select from graphile_worker.jobs')).rowCount === 0,
      'all deliveries',
    );
  } finally {
    worker.kill('SIGTERM');
    receiver.closeAllConnections();
    receiver.close();
  }
  expect([...deliveries.keys()].sort()).toEqual([...ids].sort());
  // Only what was on its way when the worker died may have come twice.
  const twice = [...deliveries.values()].filter((times) => times > 1);
  expect(twice.length).toBeLessThanOrEqual(CONCURRENCY);
  expect(Math.max(...deliveries.values())).toBeLessThanOrEqual(2);
  expect((await db.admin.query('select from engine.outbox')).rowCount).toBe(0);
}, 90_000);
