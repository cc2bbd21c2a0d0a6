import type { Task } from 'graphile-worker';
import type { Pool } from 'pg';
import { log, messageOf } from '../log.ts';
import { task } from '../task.ts';

/** Puts into the mail outbox what is due, for each member by himself, until nothing is. */
export function notificationsMail(engine: Pool): Task {
  return task({}, async (_payload, helpers) => {
    const failed = new Set<string>();
    for (;;) {
      const { rows } = await engine.query<{ id: string }>('select core.members_to_mail() as id');
      const left = rows.filter(({ id }) => !failed.has(id));
      if (left.length === 0 || helpers.abortSignal?.aborted) break;
      for (const { id } of left) {
        try {
          await engine.query('select core.mail_notifications($1)', [id]);
        } catch (error) {
          log('the notifications of a member could not be mailed', { member: id, error: messageOf(error) });
          failed.add(id);
        }
      }
    }
    if (failed.size > 0) throw new Error(`The notifications of ${failed.size} members could not be mailed.`);
  });
}
