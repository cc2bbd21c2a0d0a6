import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { task } from '../task.ts';

/** Forgets mails after 30 days, sent or not, links and sessions that ended as long ago, and devices that were not seen for long. */
export function mailPurge(engine: Pool): Task {
  return task({}, async () => {
    const { rows } = await engine.query<{ count: number }>(
      'select core.purge_mail() as count, core.forget_tokens(), core.forget_sessions(), core.forget_devices()',
    );
    const { count } = rows[0]!;
    if (count > 0) log('forgot old mails', { count });
  });
}
