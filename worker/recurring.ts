import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCrontab, type ParsedCronItem } from 'graphile-worker';
import type { Pool } from 'pg';
import { log, messageOf } from './log.ts';
import { pause } from './relay.ts';

const MINUTE = 60_000;
const MINUTES_AHEAD = 366 * 24 * 60;

export const CRONTAB = join(import.meta.dirname, 'crontab');

interface Recurring {
  item: ParsedCronItem;
  schedule: string;
}

function readSchedule(): Recurring[] {
  return readFileSync(CRONTAB, 'utf8')
    .split('\n')
    .filter((line) => /^[^#\s]/.test(line))
    .map((line) => ({ item: parseCrontab(line)[0]!, schedule: line.split(/\s+/).slice(0, 5).join(' ') }));
}

/** The next minute that a line of the crontab means; null for none within a year. */
export function nextRun({ match }: ParsedCronItem, after: Date): Date | null {
  const at = new Date(Math.ceil((after.getTime() + 1) / MINUTE) * MINUTE);
  for (let i = 0; i < MINUTES_AHEAD; i++, at.setTime(at.getTime() + MINUTE)) {
    const digest = {
      min: at.getUTCMinutes(),
      hour: at.getUTCHours(),
      date: at.getUTCDate(),
      month: at.getUTCMonth() + 1,
      dow: at.getUTCDay(),
    };
    if (match(digest)) return at;
  }
  return null;
}

/** Tells the database each minute when recurring jobs come next, for those who look at it. */
export async function tellSchedule(pool: Pool, signal: AbortSignal): Promise<void> {
  const schedule = readSchedule();
  while (!signal.aborted) {
    const jobs = schedule.map(({ item, schedule: text }) => ({
      name: item.identifier,
      task: item.task,
      schedule: text,
      next_at: nextRun(item, new Date()),
    }));
    try {
      await pool.query('select engine.note_recurring_jobs($1)', [JSON.stringify(jobs)]);
    } catch (error) {
      log('the schedule could not be told', { error: messageOf(error) });
    }
    await pause(MINUTE, signal);
  }
}
