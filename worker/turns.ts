import type { Pool } from 'pg';
import { log, messageOf } from './log.ts';
import { pause } from './relay.ts';

const ROUND_MS = 100;
const BATCH = 1_000;
const LONGEST_PAUSE_MS = 5_000;

/** Gives jobs that wait their turns, so that no workspace waits for the many jobs of another. */
export async function runTurns(pool: Pool, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const { rows } = await pool.query<{ given: number }>('select engine.give_turns($1) as given', [BATCH]);
      failures = 0;
      if (rows[0]!.given < BATCH) await pause(ROUND_MS, signal);
    } catch (error) {
      if (failures++ === 0) log('turns could not be given, trying again', { error: messageOf(error) });
      await pause(Math.min(ROUND_MS * 2 ** failures, LONGEST_PAUSE_MS), signal);
    }
  }
}
