import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { task, uuid } from '../task.ts';

/** Notes the end of a session of somebody who acted as a member, when its time is over. It has ended by itself already. */
export function impersonationEnd(engine: Pool): Task {
  return task({ id: uuid }, async ({ id }) => {
    await engine.query('select core.end_impersonation($1)', [id]);
  });
}
