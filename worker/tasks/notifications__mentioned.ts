import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task, uuid, wholeNumbers } from '../task.ts';

/** Tells members which texts mention them. Tried again it tells nobody again. */
export function notificationsMentioned(engine: Pool): Task {
  return task({ workspace_id: uuid, batches: wholeNumbers }, async ({ workspace_id: workspace, batches }) => {
    await engine.query('select core.notify_mentioned($1, $2)', [workspace, batches]);
  });
}
