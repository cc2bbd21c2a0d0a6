import { join } from 'node:path';
import { EventEmitter } from 'node:events';
import { Logger, run, type Runner, type WorkerEvents } from 'graphile-worker';
import type { Pool } from 'pg';
import type { MailConfig } from '../db/config.ts';
import { makeProviderFetch } from '../db/providerFetch.ts';
import { PUBLIC_ONLY, type AddressLimits } from '../db/publicAddresses.ts';
import { watchRunners } from './dead-workers.ts';
import { log, messageOf } from './log.ts';
import { pause } from './relay.ts';
import { databaseLoginsTidy } from './tasks/database_logins__tidy.ts';
import { impersonationEnd } from './tasks/impersonation__end.ts';
import { mailPurge } from './tasks/mail__purge.ts';
import { mailSend } from './tasks/mail__send.ts';
import { modelOnline } from './tasks/model__online.ts';
import { modelPurge } from './tasks/model__purge.ts';
import { oauthPurge } from './tasks/oauth__purge.ts';
import { samlRefresh } from './tasks/saml__refresh.ts';
import { webhooksPurge } from './tasks/webhooks__purge.ts';

/** A running task gets this long to end by itself when the process is told to stop. */
const GRACE_MS = 3_000;

export interface QueueSettings {
  url: string;
  concurrency: number;
  mail: MailConfig;
  /** Which addresses of identity providers may be asked; none in private networks unless it is said. */
  providers?: AddressLimits;
}

/** What graphile-worker says of each job it took or finished is only noise here. */
const logger = new Logger(() => (level, message) => {
  if (level === 'error' || level === 'warning') log(message.split('\n')[0]!, { level });
});

/**
 * Runs jobs until told to stop. A runner gives up for good when it cannot record what became of a job (the database was
 * restarted, say), so a new one then takes its place.
 */
export async function runQueue(
  pools: { engine: Pool; queue: Pool },
  settings: QueueSettings,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const life = new AbortController();
    const stopWatching = () => life.abort();
    signal.addEventListener('abort', stopWatching);
    try {
      const runner = await start(pools, settings, life.signal);
      failures = 0;
      await untilStopped(runner, signal);
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

async function start(
  pools: { engine: Pool; queue: Pool },
  { url, concurrency, mail, providers = PUBLIC_ONLY }: QueueSettings,
  life: AbortSignal,
): Promise<Runner> {
  const events: WorkerEvents = new EventEmitter();
  events.once('pool:create', ({ workerPool }) => void watchRunners(workerPool.id, pools, life));
  return run({
    pgPool: pools.queue,
    concurrency,
    noHandleSignals: true,
    logger,
    events,
    gracefulShutdownAbortTimeout: GRACE_MS,
    crontabFile: join(import.meta.dirname, 'crontab'),
    taskList: {
      impersonation__end: impersonationEnd(pools.engine),
      database_logins__tidy: databaseLoginsTidy(pools.engine),
      webhooks__purge: webhooksPurge(pools.engine),
      model__online: modelOnline(url),
      model__purge: modelPurge(pools.engine),
      mail__send: mailSend(pools.engine, mail),
      mail__purge: mailPurge(pools.engine),
      oauth__purge: oauthPurge(pools.engine),
      saml__refresh: samlRefresh(pools.engine, makeProviderFetch(providers)),
    },
  });
}

async function untilStopped(runner: Runner, signal: AbortSignal): Promise<void> {
  const stop = () => void runner.stop().catch(() => {});
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    await runner.promise;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
