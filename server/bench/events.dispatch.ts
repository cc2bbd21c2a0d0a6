import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger, run } from 'graphile-worker';
import type pg from 'pg';
import { createPool } from '../../db/pool.ts';
import type { Bench } from './bench.ts';
import { sharedNow, type Told } from './events.dispatch.receiver.ts';
import { alternate, median, percentile } from './rounds.ts';

const CHANGES_A_SECOND = 200;
const SECONDS = 10;
const DELIVERIES = 6_000;
const JOBS = 6_000;
const ROUNDS = 3;
const CONCURRENCY = 4;
const RECEIVER = join(import.meta.dirname, 'events.dispatch.receiver.ts');
const WORKER = join(import.meta.dirname, '..', '..', 'worker', 'index.ts');

/** What receives, from here. */
class Receiver {
  readonly #process: ChildProcess = spawn(process.execPath, [RECEIVER], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  #told: Told = { count: 0, at: 0, cpuMs: 0 };

  async listen(): Promise<string> {
    const [port] = (await once(this.#process, 'message')) as [number];
    this.#process.on('message', (message: Told | unknown[]) => {
      if (!Array.isArray(message)) this.#told = message;
    });
    return `http://127.0.0.1:${port}/`;
  }

  async until(count: number): Promise<Told> {
    while (this.#told.count < count) await delay(2);
    return this.#told;
  }

  /** When each record was told. */
  async told(): Promise<Map<string, number>> {
    this.#process.send('told');
    for (;;) {
      const [message] = (await once(this.#process, 'message')) as [unknown];
      if (Array.isArray(message)) return new Map(message as [string, number][]);
    }
  }

  async close(): Promise<void> {
    this.#process.disconnect();
    await once(this.#process, 'exit');
  }
}

export const eventsDispatch: Bench = {
  name: 'events.dispatch',
  compares: `from commit to the request of a webhook at ${CHANGES_A_SECOND} changes a second; and deliveries a second, against no-ops of graphile-worker`,
  async run(lab) {
    const { admin, workerUrl, workspaces } = await lab.small();
    const { id, schemaName } = workspaces[0]!;
    const receiver = new Receiver();
    const url = await receiver.listen();
    await admin.query(
      `insert into metadata.webhooks (workspace_id, target_url, events) values ($1, $2, '{company.created}')`,
      [id, url],
    );
    const worker = spawn(process.execPath, [WORKER], {
      env: {
        ...process.env,
        RELVAR_WORKER_URL: workerUrl,
        RELVAR_WORKER_CONCURRENCY: String(CONCURRENCY),
        RELVAR_SECRET: 'a secret for the time of a benchmark, long enough',
      },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    try {
      // The first deliveries make the secret and the plans.
      await admin.query(
        `insert into ${schemaName}.companies (name) select 'First ' || i from generate_series(1, 300) i`,
      );
      await receiver.until(300);
      let expected = 300;
      const latencies = await latency(admin, schemaName, receiver, expected);
      expected += latencies.length;
      const costs: Cost[] = [];
      const { ratio, subject, reference, ratios } = await alternate(
        ROUNDS,
        async () => {
          const cost = await deliver(admin, schemaName, receiver, expected);
          expected += DELIVERIES;
          costs.push(cost);
          return cost.perSecond;
        },
        () => jobsPerSecond(admin, workerUrl),
      );
      return {
        value: percentile(latencies, 0.95),
        unit: 'ms',
        bound: 500,
        checks: { 'at least 0.5 x the deliveries a second of jobs a second': ratio >= 0.5 },
        detail: {
          medianMs: percentile(latencies, 0.5),
          slowestMs: Math.max(...latencies),
          throughputRatio: ratio,
          deliveriesPerSecond: subject,
          jobsPerSecond: reference,
          ratios,
          receiverMicroseconds: median(costs.map((each) => each.receiverMicroseconds)),
        },
      };
    } finally {
      worker.kill('SIGTERM');
      await once(worker, 'exit');
      await receiver.close();
      await admin.query('delete from metadata.webhooks where target_url = $1', [url]);
    }
  },
};

/** Changes as they come in an ordinary day, one a statement; in milliseconds. */
async function latency(admin: pg.Pool, schemaName: string, receiver: Receiver, before: number): Promise<number[]> {
  const committed = new Map<string, number>();
  const began = performance.now();
  const inserts: Promise<void>[] = [];
  for (let i = 0; i < CHANGES_A_SECOND * SECONDS; i++) {
    const wait = began + (i * 1000) / CHANGES_A_SECOND - performance.now();
    if (wait > 1) await delay(wait);
    inserts.push(
      admin
        .query<{ id: string }>(`insert into ${schemaName}.companies (name) values ($1) returning id`, [`Single ${i}`])
        .then(({ rows }) => void committed.set(rows[0]!.id, sharedNow())),
    );
  }
  await Promise.all(inserts);
  await receiver.until(before + committed.size);
  const told = await receiver.told();
  return [...committed].map(([id, at]) => Math.max(told.get(id)! - at, 0));
}

interface Cost {
  perSecond: number;
  /** What the receiver, which is no part of what is measured, takes of the machine for each. */
  receiverMicroseconds: number;
}

/** As many as a worker has at once after an import. */
async function deliver(admin: pg.Pool, schemaName: string, receiver: Receiver, before: number): Promise<Cost> {
  await admin.query(`insert into ${schemaName}.companies (name) select 'Many ' || i from generate_series(1, $1) i`, [
    DELIVERIES,
  ]);
  const first = await receiver.until(before + 1);
  const last = await receiver.until(before + DELIVERIES);
  const count = last.count - first.count;
  return {
    perSecond: (count * 1000) / (last.at - first.at),
    receiverMicroseconds: ((last.cpuMs - first.cpuMs) * 1000) / count,
  };
}

/** Jobs that do nothing, as graphile-worker runs them with what the worker is set to. */
async function jobsPerSecond(admin: pg.Pool, workerUrl: string): Promise<number> {
  const queue = createPool({
    connectionString: workerUrl,
    applicationName: 'bench queue',
    role: 'relvar_jobs',
    max: CONCURRENCY + 3,
  });
  await admin.query(
    `select graphile_worker.add_jobs(array(
       select jsonb_populate_record(null::graphile_worker.job_spec, '{"identifier": "nothing"}') from generate_series(1, $1)))`,
    [JOBS],
  );
  let done = 0;
  const all = Promise.withResolvers<void>();
  const start = performance.now();
  const runner = await run({
    pgPool: queue,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
    parsedCronItems: [],
    taskList: {
      nothing: () => {
        done += 1;
        if (done === JOBS) all.resolve();
      },
    },
    preset: {
      worker: { concurrentJobs: CONCURRENCY, localQueue: { size: CONCURRENCY + 1 }, completeJobBatchDelay: 0 },
    },
  });
  await all.promise;
  const rate = JOBS / ((performance.now() - start) / 1000);
  await runner.stop();
  await queue.end();
  return rate;
}
