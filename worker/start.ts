import { createPool } from '../db/pool.ts';
import { PUBLIC_ONLY } from '../db/publicAddresses.ts';
import { runQueue, type QueueSettings } from './queue.ts';
import { runRelay } from './relay.ts';
import { Webhooks } from './webhooks/dispatch.ts';

/** Runs the relay, the webhooks and the job queue until `stop`, which returns when all work has ended. */
export function startWorker(settings: QueueSettings) {
  const { url, concurrency, secrets, receivers: limits = PUBLIC_ONLY } = settings;
  const engine = createPool({
    connectionString: url,
    applicationName: 'relvar worker',
    max: concurrency + 4,
  });
  const queue = createPool({
    connectionString: url,
    applicationName: 'relvar worker queue',
    role: 'relvar_jobs',
    max: concurrency + 7,
  });
  const stopping = new AbortController();
  const webhooks = new Webhooks(engine, { secrets, limits });
  const loops = Promise.all([
    runRelay(engine, stopping.signal, () => webhooks.look()),
    webhooks.run(stopping.signal),
    runQueue({ engine, queue }, settings, stopping.signal),
  ]);
  return {
    stop: async () => {
      stopping.abort();
      await loops;
      await Promise.all([engine.end(), queue.end()]);
    },
  };
}
