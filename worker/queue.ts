import { EventEmitter } from 'node:events';
import { Logger, run, type Task, type TaskList, type WorkerEvents, type WorkerPool } from 'graphile-worker';
import type { Pool } from 'pg';
import type { MailConfig } from '../db/config.ts';
import type { FileStore } from '../db/files/store.ts';
import { makeGuardedFetch } from '../db/guardedFetch.ts';
import { PUBLIC_ONLY, type AddressLimits } from '../db/publicAddresses.ts';
import type { Secrets } from '../db/secrets.ts';
import { JobCounts } from './counts.ts';
import { watchRunners } from './dead-workers.ts';
import { log, messageOf } from './log.ts';
import { CRONTAB, tellSchedule } from './recurring.ts';
import { pause } from './relay.ts';
import { PayloadRefused } from './task.ts';
import { databaseLoginsTidy } from './tasks/database_logins__tidy.ts';
import { duplicatesScan } from './tasks/duplicates__scan.ts';
import { duplicatesScans } from './tasks/duplicates__scans.ts';
import { eventsArchive } from './tasks/events__archive.ts';
import { exportsDue } from './tasks/exports__due.ts';
import { exportsPurge } from './tasks/exports__purge.ts';
import { exportsRun } from './tasks/exports__run.ts';
import { filesPurge } from './tasks/files__purge.ts';
import { impersonationEnd } from './tasks/impersonation__end.ts';
import { importsPurge } from './tasks/imports__purge.ts';
import { importsRun } from './tasks/imports__run.ts';
import { jobsPrune } from './tasks/jobs__prune.ts';
import { mailPurge } from './tasks/mail__purge.ts';
import { mailSend } from './tasks/mail__send.ts';
import { modelOnline } from './tasks/model__online.ts';
import { modelPurge } from './tasks/model__purge.ts';
import { notificationsAssigned } from './tasks/notifications__assigned.ts';
import { notificationsMentioned } from './tasks/notifications__mentioned.ts';
import { notificationsShared } from './tasks/notifications__shared.ts';
import { notificationsDue } from './tasks/notifications__due.ts';
import { notificationsMail } from './tasks/notifications__mail.ts';
import { notificationsPurge } from './tasks/notifications__purge.ts';
import { notificationsRemind } from './tasks/notifications__remind.ts';
import { oauthPurge } from './tasks/oauth__purge.ts';
import { sharesEnd } from './tasks/shares__end.ts';
import { samlRefresh } from './tasks/saml__refresh.ts';
import { trashPurge } from './tasks/trash__purge.ts';
import { trashPurgeWorkspace } from './tasks/trash__purge_workspace.ts';
import { webhooksPurge } from './tasks/webhooks__purge.ts';
import { runTurns } from './turns.ts';

/** A running task gets this long to end by itself when the process is told to stop; then it is told to abort. */
const GRACE_MS = 3_000;
/** And this long to have done so, before its job is given back as it is. */
const ABORT_MS = 400;
const STOPPED = 'The worker stopped before the job was done.';

/** Tasks that may take minutes run beside the others, so that these never wait for them. */
const LONG: readonly string[] = [
  'model__online',
  'trash__purge_workspace',
  'events__archive',
  'imports__run',
  'exports__run',
  'duplicates__scan',
  'files__purge',
];
const LONG_AT_A_TIME = 2;

export interface QueueSettings {
  url: string;
  concurrency: number;
  mail: MailConfig;
  /** Which addresses of identity providers may be asked; none in private networks unless it is said. */
  providers?: AddressLimits;
  /** The content of files; without it none is erased, and nothing is exported. */
  files?: FileStore;
  /** Opens what the database keeps sealed. */
  secrets: Secrets;
  /** Which addresses webhooks and buckets may have; none in private networks unless it is said. */
  receivers?: AddressLimits;
}

/** What graphile-worker says of each job it took or finished is only noise here. */
const logger = new Logger(() => (level, message) => {
  if (level === 'error' || level === 'warning') log(message.split('\n')[0]!, { level });
});

interface Pools {
  engine: Pool;
  queue: Pool;
}

interface Lane {
  taskList: TaskList;
  concurrency: number;
  /** One lane alone adds the recurring jobs. */
  crontabFile?: string;
}

/** Runs jobs until told to stop. */
export async function runQueue(pools: Pools, settings: QueueSettings, signal: AbortSignal): Promise<void> {
  const counts = new JobCounts();
  const tasks = Object.entries(makeTasks(pools, settings)).map(
    ([name, task]) => [name, supervise(task, signal)] as const,
  );
  const isLong = ([name]: readonly [string, Task]) => LONG.includes(name);
  const lanes: Lane[] = [
    {
      taskList: Object.fromEntries(tasks.filter((each) => !isLong(each))),
      concurrency: settings.concurrency,
      crontabFile: CRONTAB,
    },
    { taskList: Object.fromEntries(tasks.filter(isLong)), concurrency: LONG_AT_A_TIME },
  ];
  await Promise.all([
    ...lanes.map((lane) => runLane(pools, lane, counts, signal)),
    runTurns(pools.engine, signal),
    tellSchedule(pools.engine, signal),
    counts.keep(pools.engine, signal),
  ]);
  await counts.flush(pools.engine);
}

function makeTasks(
  { engine }: Pools,
  { url, mail, files, secrets, providers = PUBLIC_ONLY, receivers = PUBLIC_ONLY }: QueueSettings,
): Record<string, Task> {
  return {
    imports__run: importsRun(url),
    imports__purge: importsPurge(engine),
    ...(files && {
      files__purge: filesPurge(engine, files),
      exports__run: exportsRun({ url, secrets, files, receivers }),
    }),
    exports__due: exportsDue(engine),
    exports__purge: exportsPurge(engine),
    impersonation__end: impersonationEnd(engine),
    shares__end: sharesEnd(engine),
    database_logins__tidy: databaseLoginsTidy(engine),
    webhooks__purge: webhooksPurge(engine),
    model__online: modelOnline(url),
    model__purge: modelPurge(engine),
    mail__send: mailSend(engine, mail, files),
    mail__purge: mailPurge(engine),
    notifications__assigned: notificationsAssigned(engine),
    notifications__mentioned: notificationsMentioned(engine),
    notifications__shared: notificationsShared(engine),
    notifications__due: notificationsDue(engine),
    notifications__mail: notificationsMail(engine),
    notifications__purge: notificationsPurge(engine),
    notifications__remind: notificationsRemind(engine),
    oauth__purge: oauthPurge(engine),
    saml__refresh: samlRefresh(engine, makeGuardedFetch(providers)),
    jobs__prune: jobsPrune(engine),
    duplicates__scan: duplicatesScan(engine),
    duplicates__scans: duplicatesScans(engine),
    events__archive: eventsArchive(engine),
    trash__purge: trashPurge(engine),
    trash__purge_workspace: trashPurgeWorkspace(engine),
  };
}

function supervise(task: Task, stopping: AbortSignal): Task {
  return async (payload, helpers) => {
    try {
      return await task(payload, helpers);
    } catch (error) {
      // It was told to abort, and failed at nothing: its job stays taken until it is given back.
      if (stopping.aborted && helpers.abortSignal?.aborted === true) await new Promise<never>(() => {});
      if (error instanceof PayloadRefused) {
        // No later attempt would find another payload.
        await helpers.query('update graphile_worker._private_jobs set max_attempts = attempts where id = $1', [
          helpers.job.id,
        ]);
        Object.assign(helpers.job, { max_attempts: helpers.job.attempts });
      }
      throw error;
    }
  };
}

/**
 * A runner gives up for good when it cannot record what became of a job (the database was restarted, say), so a new one
 * then takes its place.
 */
async function runLane(pools: Pools, lane: Lane, counts: JobCounts, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const life = new AbortController();
    const stopWatching = () => life.abort();
    signal.addEventListener('abort', stopWatching);
    try {
      await runOnce(pools, lane, counts, signal, life.signal);
      failures = 0;
    } catch (error) {
      failures++;
      log('job runner failed, starting another', { error: messageOf(error) });
    } finally {
      life.abort();
      signal.removeEventListener('abort', stopWatching);
    }
    if (!signal.aborted) await pause(Math.min(100 * 2 ** failures, 5_000), signal);
  }
}

async function runOnce(pools: Pools, lane: Lane, counts: JobCounts, signal: AbortSignal, life: AbortSignal) {
  const events: WorkerEvents = new EventEmitter();
  let workerPool: WorkerPool | undefined;
  events.once('pool:create', (event) => {
    workerPool = event.workerPool;
    void watchRunners(workerPool.id, pools, life);
  });
  const running = new Set<string>();
  events.on('job:start', ({ job }) => running.add(job.id));
  events.on('job:complete', ({ job }) => running.delete(job.id));
  counts.follow(events);
  const { taskList, concurrency, crontabFile } = lane;
  const runner = await run({
    pgPool: pools.queue,
    noHandleSignals: true,
    logger,
    events,
    taskList,
    ...(crontabFile === undefined ? { parsedCronItems: [] } : { crontabFile }),
    preset: {
      worker: {
        concurrentJobs: concurrency,
        gracefulShutdownAbortTimeout: GRACE_MS,
        // One taken ahead for each that runs: fewer questions, and hardly anything held back from other workers.
        localQueue: { size: concurrency + 1 },
        completeJobBatchDelay: 0,
      },
    },
  });
  const stopped = new AbortController();
  let givenBack: Promise<void> | undefined;
  const stop = () => {
    void runner.stop().catch(() => {});
    void pause(GRACE_MS + ABORT_MS, stopped.signal).then(() => {
      if (!stopped.signal.aborted) givenBack = giveBack(pools.engine, workerPool!, [...running]);
    });
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    await runner.promise;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stopped.abort();
    signal.removeEventListener('abort', stop);
    await givenBack;
  }
}

async function giveBack(engine: Pool, workerPool: WorkerPool, jobIds: string[]): Promise<void> {
  try {
    await workerPool.forcefulShutdown(STOPPED);
    const { rows } = await engine.query<{ count: number }>('select engine.give_back_jobs($1, $2) as count', [
      jobIds,
      STOPPED,
    ]);
    log('gave back jobs that were not done', { count: rows[0]!.count });
  } catch (error) {
    log('jobs could not be given back', { error: messageOf(error) });
  }
}
