import { loadConfig } from '../db/config.ts';
import { openStore } from '../db/files/store.ts';
import { openSecrets } from '../db/secrets.ts';
import { log, messageOf } from './log.ts';
import { startWorker } from './start.ts';

/** Whoever does not end in time is ended: the supervisor promises to stop within five seconds. */
const STOP_WITHIN_MS = 4_500;

try {
  const config = loadConfig();
  const { workerUrl, workerConcurrency, mail, isProduction } = config;
  if (workerUrl === null)
    throw new Error('The worker has no database: set RELVAR_WORKER_URL or DATABASE_URL, or use npm start.');
  const worker = startWorker({
    url: workerUrl,
    concurrency: workerConcurrency,
    mail,
    secrets: openSecrets(config),
    files: openStore(config),
    providers: { allowsPrivate: config.allowsPrivateProviders, allowsLoopback: !isProduction },
    receivers: {
      allowsPrivate: config.allowsPrivateReceivers,
      allowsLoopback: config.allowsPrivateReceivers || !isProduction,
    },
  });
  log('worker started', { concurrency: workerConcurrency });

  let isStopping = false;
  const stop = () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    void worker.stop().then(() => process.exit(0));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  // The supervisor is gone, even if it was killed with -9.
  process.once('disconnect', stop);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
