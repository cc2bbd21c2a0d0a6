import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';

/** Notes the end of a session of somebody who acted as a member, when its time is over. It has ended by itself already. */
export function impersonationEnd(engine: Pool): Task {
  return async (payload) => {
    const { id } = (payload ?? {}) as { id?: unknown };
    if (typeof id !== 'string') throw new Error('The job names no session.');
    await engine.query('select core.end_impersonation($1)', [id]);
  };
}
