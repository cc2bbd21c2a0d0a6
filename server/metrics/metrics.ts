import { timingSafeEqual, createHash } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Express } from 'express';
import type { Pool } from 'pg';
import { Families } from './families.ts';
import { HttpCounts } from './httpCounts.ts';

interface Parts {
  readonly pool: Pool;
  /** Who asks must know it. */
  readonly token: string;
  readonly live: { readonly size: number };
  readonly schemas: { readonly size: number };
}

interface DatabaseFigures {
  jobs: { task: string; running: number; waiting: number; scheduled: number; retrying: number; failed: number }[];
  attempts: { task: string; succeeded: number; failed: number; given_up: number; milliseconds: number }[];
  outbox: number;
  lag: number;
  relay: number | null;
  runners: number;
  workspaces: number;
}

/** Figures for Prometheus: of this process, and of the database that all processes share. */
export function installMetrics(app: Express, { pool, token, live, schemas }: Parts): HttpCounts {
  const requests = new HttpCounts();
  const eventLoop = monitorEventLoopDelay({ resolution: 20 });
  eventLoop.enable();
  const expected = digest(`Bearer ${token}`);
  app.get('/metrics', async (request, response) => {
    response.setHeader('cache-control', 'no-store');
    if (!timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) {
      response.status(401).setHeader('www-authenticate', 'Bearer');
      response.type('text/plain').send('Send the token of RELVAR_METRICS_TOKEN: authorization: Bearer …\n');
      return;
    }
    const families = new Families();
    requests.tell(families);
    tellProcess(families, eventLoop.percentile(99) / 1e9);
    eventLoop.reset();
    families.gauge('relvar_live_subscribers', 'Screens and programs that this process tells of changes.')(
      {},
      live.size,
    );
    families.gauge('relvar_schemas', 'GraphQL schemas in memory.')({}, schemas.size);
    const connections = families.gauge('relvar_pool_connections', 'Connections of this process to the database.');
    connections({ state: 'busy' }, pool.totalCount - pool.idleCount);
    connections({ state: 'idle' }, pool.idleCount);
    families.gauge('relvar_pool_waiting', 'Requests that wait for a connection.')({}, pool.waitingCount);
    const isUp = families.gauge('relvar_database_up', 'Whether the database answered.');
    try {
      const { rows } = await pool.query<{ metrics: DatabaseFigures }>('select core.metrics() as metrics');
      isUp({}, 1);
      tellDatabase(families, rows[0]!.metrics);
    } catch {
      isUp({}, 0);
    }
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    response.end(families.toString());
  });
  return requests;
}

function tellProcess(families: Families, delay: number): void {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  families.gauge('process_resident_memory_bytes', 'Resident memory.')({}, rss);
  families.gauge('nodejs_heap_size_used_bytes', 'Heap in use.')({}, heapUsed);
  families.counter('process_cpu_seconds_total', 'CPU time.')({}, (user + system) / 1e6);
  families.gauge('process_start_time_seconds', 'When the process began.')({}, Date.now() / 1000 - process.uptime());
  families.gauge('nodejs_eventloop_lag_p99_seconds', 'How late timers were since the last time somebody asked.')(
    {},
    Number.isFinite(delay) ? delay : 0,
  );
}

function tellDatabase(families: Families, figures: DatabaseFigures): void {
  const jobs = families.gauge('relvar_jobs', 'Jobs in the queue.');
  for (const { task, ...states } of figures.jobs) {
    for (const state of ['running', 'waiting', 'scheduled', 'retrying', 'failed'] as const) {
      jobs({ task, state }, states[state]);
    }
  }
  const attempts = families.counter('relvar_job_attempts_total', 'Attempts at jobs.');
  for (const { task, succeeded, failed } of figures.attempts) {
    attempts({ task, outcome: 'succeeded' }, succeeded);
    attempts({ task, outcome: 'failed' }, failed);
  }
  const given = families.counter('relvar_jobs_given_up_total', 'Jobs that failed for good.');
  for (const { task, given_up: count } of figures.attempts) given({ task }, count);
  const seconds = families.counter('relvar_job_seconds_total', 'How long attempts took, all together.');
  for (const { task, milliseconds } of figures.attempts) seconds({ task }, milliseconds / 1000);
  families.gauge('relvar_outbox_rows', 'Changes that the relay has not taken yet (at most 100,000 are counted).')(
    {},
    figures.outbox,
  );
  families.gauge('relvar_relay_lag_seconds', 'How long the oldest of them has waited.')({}, figures.lag);
  if (figures.relay !== null) {
    families.gauge('relvar_relay_seen_seconds', 'When a relay last said that it lives, in seconds ago.')(
      {},
      figures.relay,
    );
  }
  families.gauge('relvar_runners', 'Runners of jobs that live: two for each worker.')({}, figures.runners);
  families.gauge('relvar_workspaces', 'Workspaces.')({}, figures.workspaces);
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
