import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Gives up files of exports whose links have run out, and old runs. */
export function exportsPurge(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>('select core.purge_exports() as count');
    if (rows[0]!.count > 0) log('gave up files of exports', { count: rows[0]!.count });
  });
}
