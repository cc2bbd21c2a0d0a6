import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task, uuid } from '../task.ts';

/** Tells the log that a share has ended whose time is over: whoever followed the record hears that it is gone. */
export function sharesEnd(engine: Pool): Task {
  return task({ id: uuid, workspace_id: uuid }, async ({ id, workspace_id: workspaceId }) => {
    await engine.query('select engine.end_share($1, $2)', [workspaceId, id]);
  });
}
