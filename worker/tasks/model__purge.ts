import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Drops for good what was deleted from a model longer ago than the grace period. */
export function modelPurge(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>('select engine.purge_deleted() as count');
    const { count } = rows[0]!;
    if (count > 0) log('dropped deleted objects and fields', { count });
  });
}
