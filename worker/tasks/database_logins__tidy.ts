import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { settleDatabaseLogins } from '../../db/databaseLogins.ts';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Ends database logins that have expired, and has those that were made or changed take their role. */
export function databaseLoginsTidy(engine: Pool): Task {
  return task({}, async () => {
    const client = await engine.connect();
    try {
      const count = await settleDatabaseLogins(client);
      if (count > 0) log('dropped database logins that have ended', { count });
    } finally {
      // Its role is the owner's.
      client.release(true);
    }
  });
}
