import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task, uuid } from '../task.ts';

/** Destroys what a trash has kept long enough, a few hundred records at a time: whoever works there never waits for it. */
export function trashPurgeWorkspace(engine: Pool): Task {
  return task({ workspace_id: uuid }, async ({ workspace_id: workspaceId }, { abortSignal }) => {
    let destroyed = 0;
    for (;;) {
      abortSignal?.throwIfAborted();
      const { rows } = await engine.query<{ count: number }>('select engine.purge_trash($1) as count', [workspaceId]);
      destroyed += rows[0]!.count;
      if (rows[0]!.count === 0) break;
    }
    log('destroyed what was in the trash for long', { workspace: workspaceId, records: destroyed });
  });
}
