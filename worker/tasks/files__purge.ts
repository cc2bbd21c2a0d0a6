import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import type { FileStore } from '../../db/files/store.ts';
import { log } from '../log.ts';
import { task } from '../task.ts';

/**
 * Finds files that no record holds any more, and erases the content of those that were found now or before. What cannot be
 * erased now stays noted, and is tried again.
 */
export function filesPurge(engine: Pool, store: FileStore): Task {
  return task({}, async (_payload, { abortSignal }) => {
    for (;;) {
      const { rows } = await engine.query<{ count: number }>('select engine.purge_files() as count');
      if (rows[0]!.count === 0 || abortSignal?.aborted) break;
    }
    let erased = 0;
    while (!abortSignal?.aborted) {
      const { rows } = await engine.query<{ workspace_id: string; file_id: string }>(
        'select * from core.list_unwanted_files()',
      );
      if (rows.length === 0) break;
      for (const { workspace_id: workspaceId, file_id: fileId } of rows) await store.erase({ workspaceId, fileId });
      await engine.query('select core.forget_unwanted_files($1)', [rows.map((row) => row.file_id)]);
      erased += rows.length;
    }
    if (erased > 0) log('erased files that no record holds', { count: erased });
  });
}
