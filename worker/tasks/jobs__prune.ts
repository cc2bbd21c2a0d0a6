import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Forgets what was given up long ago, and workers that are gone. */
export function jobsPrune(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>('select engine.prune_jobs() as count');
    const { count } = rows[0]!;
    if (count > 0) log('forgot jobs that were given up long ago', { count });
  });
}
