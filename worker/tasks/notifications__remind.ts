import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task, uuid } from '../task.ts';

/** Reminds a member of a task, if it is still to be done and its time has come. Tried again it tells nobody again. */
export function notificationsRemind(engine: Pool): Task {
  return task({ workspace_id: uuid, task_id: uuid }, async ({ workspace_id: workspace, task_id: id }) => {
    await engine.query('select core.notify_reminder($1, $2)', [workspace, id]);
  });
}
