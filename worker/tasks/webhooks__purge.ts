import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

const STEP = 5_000;

/** Forgets deliveries of webhooks after 14 days, and those that were given up after 60, step by step. */
export function webhooksPurge(engine: Pool): Task {
  return task({}, async (_payload, { abortSignal }) => {
    let total = 0;
    for (let count = STEP; count === STEP && abortSignal?.aborted !== true; total += count) {
      const { rows } = await engine.query<{ count: number }>('select engine.purge_webhook_deliveries($1) as count', [
        STEP,
      ]);
      count = rows[0]!.count;
    }
    if (total > 0) log('forgot old deliveries', { count: total });
  });
}
