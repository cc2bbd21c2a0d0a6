import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task, uuid } from '../task.ts';

/** Looks for the duplicates of a workspace, one object after the other, each in a transaction of its own. */
export function duplicatesScan(engine: Pool): Task {
  return task({ workspace_id: uuid }, async ({ workspace_id: workspaceId }, { abortSignal }) => {
    const startedAt = new Date();
    const { rows } = await engine.query<{ ids: string[] }>('select engine.begin_duplicate_scan($1) as ids', [
      workspaceId,
    ]);
    let pairs = 0;
    for (const id of rows[0]!.ids) {
      abortSignal?.throwIfAborted();
      const found = await engine.query<{ count: number }>('select engine.run_duplicate_scan($1) as count', [id]);
      pairs += found.rows[0]?.count ?? 0;
    }
    await engine.query('select engine.end_duplicate_scan($1, $2)', [workspaceId, startedAt]);
    log('looked for duplicates', { workspace: workspaceId, pairs });
  });
}
