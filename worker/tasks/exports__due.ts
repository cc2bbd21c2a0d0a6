import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task } from '../task.ts';

/** Begins the exports whose time has come. */
export function exportsDue(engine: Pool): Task {
  return task({}, async () => {
    await engine.query('select core.start_due_exports()');
  });
}
