import type { Pool } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { log, messageOf } from './log.ts';

const BATCH = 500;
const IDLE_MS = 100;
const HEARTBEAT_MS = 2_000;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Moves what writers left in the outbox to webhooks and live updates. Writers themselves never notify and never add jobs:
 * both take a lock of the whole database at commit (DESIGN.md section 3). Several relays may run; each takes other rows.
 * No failure ends the loop: whatever a failed round had taken is back in the outbox by its rollback.
 */
export async function runRelay(pool: Pool, signal: AbortSignal, onMoved: () => void): Promise<void> {
  let failures = 0;
  let nextHeartbeat = 0;
  while (!signal.aborted) {
    try {
      const { rows } = await pool.query<{ moved: number }>('select engine.relay_outbox($1) as moved', [BATCH]);
      const { rows: emitted } = await pool.query<{ moved: number }>('select engine.relay_emitted($1) as moved', [
        BATCH,
      ]);
      if (Date.now() >= nextHeartbeat) {
        await pool.query(`select engine.heartbeat('relay')`);
        nextHeartbeat = Date.now() + HEARTBEAT_MS;
      }
      if (failures > 0) log('relay works again', { failures });
      failures = 0;
      if (rows[0]!.moved + emitted[0]!.moved === 0) await pause(IDLE_MS, signal);
      else onMoved();
    } catch (error) {
      if (failures++ === 0) log('relay failed, trying again', { error: messageOf(error) });
      await pause(Math.min(IDLE_MS * 2 ** failures, LONGEST_PAUSE_MS), signal);
    }
  }
}

/** Returns early, and quietly, when the process is told to stop. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => {});
