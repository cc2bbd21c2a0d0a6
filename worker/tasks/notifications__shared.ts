import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task, uuid } from '../task.ts';

/** Tells the members of a role what was shared with it. Tried again it tells nobody again. */
export function notificationsShared(engine: Pool): Task {
  return task({ workspace_id: uuid, share_id: uuid }, async ({ workspace_id: workspace, share_id: share }) => {
    await engine.query('select core.notify_shared($1, $2)', [workspace, share]);
  });
}
