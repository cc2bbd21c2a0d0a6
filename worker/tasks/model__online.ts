import type { JobHelpers, Task } from 'graphile-worker';
import pg from 'pg';
import { runOnlineChanges } from '../../db/online.ts';
import { messageOf, log } from '../log.ts';
import { task, uuid } from '../task.ts';

const PROGRESS_MS = 1_000;

/**
 * Does to large tables what a change of the model left for later, on a connection of its own: an index is built outside
 * of any transaction, and whoever builds it must own the table. A table that stays busy makes the job fail, and
 * graphile-worker tries again, later each time.
 */
export function modelOnline(connectionString: string): Task {
  return task({ workspace_id: uuid }, async ({ workspace_id: workspaceId }, helpers) => {
    const connect = async (applicationName: string) => {
      const client = new pg.Client({ connectionString, application_name: applicationName, keepAlive: true });
      client.on('error', () => {});
      await client.connect();
      return client;
    };
    const client = await connect('relvar online');
    const observer = await connect('relvar online progress');
    const stopWatching = await watchIndexBuilds(client, observer);
    try {
      const done = await runOnlineChanges(client, workspaceId, signalOf(helpers));
      if (done) log('online changes done', { workspace: workspaceId, changes: done });
    } finally {
      stopWatching();
      await Promise.allSettled([client.end(), observer.end()]);
    }
  });
}

const signalOf = ({ abortSignal }: JobHelpers) => (abortSignal ? { signal: abortSignal } : {});

/** How far a build is, for those who wait: PostgreSQL counts in blocks, the change in records. */
async function watchIndexBuilds(client: pg.Client, observer: pg.Client): Promise<() => void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const timer = setInterval(() => {
    observer
      .query(
        `select engine.note_build(substring(obj_description(p.relid, 'pg_class') from '^@relvar (\\S+)')::uuid, s.share)
           from pg_stat_progress_create_index p
          cross join lateral (select greatest(p.blocks_done::numeric / nullif(p.blocks_total, 0), p.tuples_done::numeric / nullif(p.tuples_total, 0)) as share) s
          where p.pid = $1 and s.share is not null`,
        [rows[0]!.pid],
      )
      .catch((error: unknown) => log('progress of a build could not be noted', { error: messageOf(error) }));
  }, PROGRESS_MS);
  timer.unref();
  return () => clearInterval(timer);
}
