import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task, uuid, wholeNumbers } from '../task.ts';

/** Tells members which tasks others gave them, and sets the clock for reminders. Tried again it tells nobody again. */
export function notificationsAssigned(engine: Pool): Task {
  return task({ workspace_id: uuid, batches: wholeNumbers }, async ({ workspace_id: workspace, batches }) => {
    await engine.query('select core.notify_assigned($1, $2), core.plan_reminders($1, $2)', [workspace, batches]);
  });
}
