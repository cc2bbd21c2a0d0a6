import type { Pool } from 'pg';
import { log, messageOf } from './log.ts';
import { pause } from './relay.ts';

const HEARTBEAT_MS = 2_000;
const DEAD_AFTER_SECONDS = 20;

/**
 * graphile-worker gives a killed process four hours before others may take its jobs. Here every runner says each two
 * seconds that it lives, and a runner that has been silent for 20 seconds loses its locks.
 */
export async function watchRunners(
  runnerId: string,
  pools: { engine: Pool; queue: Pool },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await pools.engine.query('select engine.heartbeat($1)', [runnerId]);
      await unlockJobsOfTheDead(pools);
    } catch (error) {
      log('heartbeat failed, trying again', { error: messageOf(error) });
    }
    await pause(HEARTBEAT_MS, signal);
  }
}

async function unlockJobsOfTheDead({ engine, queue }: { engine: Pool; queue: Pool }) {
  // A job that was taken this very moment may belong to a runner before its first heartbeat.
  const { rows: holders } = await queue.query<{ id: string }>(
    `select locked_by as id from graphile_worker.jobs
      where locked_by is not null
      group by 1
     having max(locked_at) < now() - make_interval(secs => $1)`,
    [DEAD_AFTER_SECONDS],
  );
  if (holders.length === 0) return;
  const { rows: dead } = await engine.query<{ id: string }>(
    `select id from unnest($1::text[]) as id
      where coalesce(engine.seconds_since_heartbeat(id), 'infinity') > $2`,
    [holders.map(({ id }) => id), DEAD_AFTER_SECONDS],
  );
  if (dead.length === 0) return;
  const ids = dead.map(({ id }) => id);
  await queue.query('select graphile_worker.force_unlock_workers($1)', [ids]);
  log('jobs of dead workers are free again', { workers: ids });
}
