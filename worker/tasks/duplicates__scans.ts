import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Has the duplicates of each workspace looked for: a job for each, so that they take turns. */
export function duplicatesScans(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>('select engine.queue_duplicate_scans() as count');
    log('duplicates are looked for', { workspaces: rows[0]!.count });
  });
}
