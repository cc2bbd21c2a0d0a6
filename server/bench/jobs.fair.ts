import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger, run } from 'graphile-worker';
import type pg from 'pg';
import { createPool } from '../../db/pool.ts';
import type { Bench } from './bench.ts';
import { alternate, percentile } from './rounds.ts';

const MANY = 50_000;
const THROUGHPUT_JOBS = 10_000;
const ROUNDS = 5;
const CONCURRENCY = 4;
const WORKER = join(import.meta.dirname, '..', '..', 'worker', 'index.ts');

const [CROWD, LONELY] = ['aaaaaaaa-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002'];

/** Jobs of a task that asks the database once and finds nothing to do: there is no such mail. */
async function add(admin: pg.Pool, task: string, workspaceId: string, count: number): Promise<string[]> {
  const { rows } = await admin.query<{ id: string }>(
    `select id from graphile_worker.add_jobs(array(
       select jsonb_populate_record(null::graphile_worker.job_spec, jsonb_build_object('identifier', $1::text,
         'payload', jsonb_build_object('id', gen_random_uuid(), 'workspace_id', $2::text)))
       from generate_series(1, $3)))`,
    [task, workspaceId, count],
  );
  return rows.map(({ id }) => id);
}

const isThere = async (admin: pg.Pool, id: string) =>
  (await admin.query('select from graphile_worker._private_jobs where id = $1 and attempts = 0', [id])).rowCount === 1;

export const jobsFair: Bench = {
  name: 'jobs.fair',
  compares: `how long the one job of a workspace waits while another has ${MANY}; and jobs a second with turns, against graphile-worker without`,
  async run(lab) {
    const { admin, workerUrl } = await lab.small();
    const empty = () => admin.query('truncate graphile_worker._private_jobs, engine.job_turns, engine.job_counts');
    await empty();

    // The worker as people run it.
    await add(admin, 'mail__send', CROWD, MANY);
    const worker = spawn(process.execPath, [WORKER], {
      env: { ...process.env, RELVAR_WORKER_URL: workerUrl, RELVAR_WORKER_CONCURRENCY: String(CONCURRENCY) },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const waits: number[] = [];
    let left = 0;
    try {
      while (waits.length < 10) {
        await delay(200);
        const begun = performance.now();
        const [id] = await add(admin, 'mail__send', LONELY, 1);
        while (await isThere(admin, id!)) await delay(5);
        waits.push(performance.now() - begun);
        const { rows } = await admin.query<{ n: number }>(
          'select count(*)::int as n from graphile_worker._private_jobs',
        );
        left = rows[0]!.n;
        if (left < 1_000) break;
      }
    } finally {
      worker.kill('SIGTERM');
      await once(worker, 'exit');
      await empty();
    }

    const queue = createPool({
      connectionString: workerUrl,
      applicationName: 'bench queue',
      role: 'relvar_jobs',
      max: CONCURRENCY + 3,
    });
    const engine = createPool({ connectionString: workerUrl, applicationName: 'bench turns', max: 1 });
    try {
      const perSecond = async (hasTurns: boolean): Promise<number> => {
        await add(admin, 'nothing', CROWD, THROUGHPUT_JOBS);
        const stopping = new AbortController();
        let done = 0;
        const all = new Promise<void>((resolve) => {
          const turns = async () => {
            while (hasTurns && !stopping.signal.aborted) {
              const { rows } = await engine.query<{ given: number }>('select engine.give_turns(1000) as given');
              if (rows[0]!.given < 1000) await delay(100);
            }
          };
          void turns();
          stopping.signal.addEventListener('abort', () => resolve());
        });
        const start = performance.now();
        const runner = await run({
          pgPool: queue,
          noHandleSignals: true,
          logger: new Logger(() => () => {}),
          parsedCronItems: [],
          taskList: {
            nothing: () => {
              done += 1;
              if (done === THROUGHPUT_JOBS) stopping.abort();
            },
          },
          preset: {
            worker: {
              concurrentJobs: CONCURRENCY,
              localQueue: { size: CONCURRENCY + 1 },
              completeJobBatchDelay: 0,
            },
          },
        });
        await all;
        const rate = THROUGHPUT_JOBS / ((performance.now() - start) / 1000);
        await runner.stop();
        return rate;
      };
      const { ratio, subject, reference, ratios } = await alternate(
        ROUNDS,
        () => perSecond(true),
        () => perSecond(false),
      );
      return {
        value: Math.max(...waits),
        unit: 'ms',
        bound: 2_000,
        checks: {
          'others still waited when it began': left > 0,
          'with turns at least 0.5 x the jobs a second': ratio >= 0.5,
        },
        detail: {
          waits,
          medianWaitMs: percentile(waits, 0.5),
          leftOfTheOther: left,
          throughputRatio: ratio,
          jobsPerSecond: subject,
          withoutTurns: reference,
          ratios,
        },
      };
    } finally {
      await empty();
      await Promise.all([queue.end(), engine.end()]);
    }
  },
};
