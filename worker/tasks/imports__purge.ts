import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Deletes files that nobody imported within a week, and what is known of old imports. */
export function importsPurge(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>('select core.purge_imports() as count');
    if (rows[0]!.count > 0) log('deleted what nobody imported', { count: rows[0]!.count });
  });
}
