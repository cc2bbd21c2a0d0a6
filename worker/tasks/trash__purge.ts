import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Has the trash of each workspace emptied of what it has kept long enough: a job for each, so that they take turns. */
export function trashPurge(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>('select engine.queue_trash_purges() as count');
    const { count } = rows[0]!;
    if (count > 0) log('trashes hold what is old enough to go', { workspaces: count });
  });
}
