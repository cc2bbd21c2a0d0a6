import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Forgets codes and tokens of apps that have run out, and apps that nobody uses. */
export function oauthPurge(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>('select core.purge_oauth() as count');
    const { count } = rows[0]!;
    if (count > 0) log('forgot old tokens of apps', { count });
  });
}
