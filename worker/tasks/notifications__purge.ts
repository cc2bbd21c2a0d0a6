import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Forgets notifications that were read 90 days ago or are a year old, and comments that were removed, in small steps. */
export function notificationsPurge(engine: Pool): Task {
  return task({}, async (_payload, helpers) => {
    let count = 0;
    for (;;) {
      const { rows } = await engine.query<{ count: number }>('select core.purge_notifications() as count');
      count += rows[0]!.count;
      if (rows[0]!.count === 0 || helpers.abortSignal?.aborted) break;
    }
    const { rows } = await engine.query<{ count: number }>('select engine.purge_comments() as count');
    count += rows[0]!.count;
    if (count > 0) log('forgot old notifications and removed comments', { count });
  });
}
