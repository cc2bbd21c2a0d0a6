import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

const STEPS = ['select engine.archive_events($1) as count', 'select engine.drop_archived_events($1) as count'];

/**
 * Moves old events to the archives of their workspaces and drops what is kept no longer, step by step: each is a short
 * transaction, and what a stopping worker leaves is done the next night.
 */
export function eventsArchive(engine: Pool): Task {
  return task({}, async (_payload, { abortSignal }) => {
    const { rows: workspaces } = await engine.query<{ id: string }>('select engine.workspaces_with_log() as id');
    let events = 0;
    for (const { id } of workspaces) {
      for (const [index, step] of STEPS.entries()) {
        let count = 1;
        while (count > 0 && abortSignal?.aborted !== true) {
          count = (await engine.query<{ count: number }>(step, [id])).rows[0]!.count;
          if (index === 0) events += count;
        }
      }
    }
    if (events > 0) log('archived old events', { events });
  });
}
