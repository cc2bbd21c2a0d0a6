import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log, messageOf } from '../log.ts';
import { task } from '../task.ts';

/** Reminds members of tasks that are due. Each workspace by itself, so that one that fails holds up no other. */
export function notificationsDue(engine: Pool): Task {
  return task({}, async (_payload, helpers) => {
    const { rows } = await engine.query<{ id: string }>('select core.workspaces_to_remind() as id');
    let failure: unknown;
    for (const { id } of rows) {
      if (helpers.abortSignal?.aborted) return;
      try {
        await engine.query('select core.notify_due($1)', [id]);
      } catch (error) {
        log('due tasks of a workspace could not be told', { workspace: id, error: messageOf(error) });
        failure = error;
      }
    }
    if (failure) throw failure;
  });
}
