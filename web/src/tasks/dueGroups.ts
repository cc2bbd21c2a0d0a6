import { addDays, joinInstant, localDay, parseDay, splitInstant, weekdayOf } from '../model/dates.ts';
import { daysAway } from '../model/dayWords.ts';
import { firstDayOfWeek } from '../model/formats.ts';

export const DUE_GROUPS = ['OVERDUE', 'TODAY', 'TOMORROW', 'WEEK', 'LATER', 'NONE'] as const;
export type DueGroup = (typeof DUE_GROUPS)[number];

/** Days of the member's time zone: from the first on, until before the second; null for no end. */
interface Days {
  from: string | null;
  until: string | null;
}

/** The day after the week that a day is in. */
const afterWeek = (day: string): string => addDays(day, 7 - ((weekdayOf(day) - firstDayOfWeek() + 7) % 7));

/** The days of a group, as it is on a day; null for a group that has none, as the rest of the week has on its last day. */
export function daysOf(group: DueGroup, today: string): Days | null {
  const next = addDays(today, 2);
  const week = afterWeek(today);
  switch (group) {
    case 'OVERDUE':
      return { from: null, until: today };
    case 'TODAY':
      return { from: today, until: addDays(today, 1) };
    case 'TOMORROW':
      return { from: addDays(today, 1), until: next };
    case 'WEEK':
      return next < week ? { from: next, until: week } : null;
    case 'LATER':
      return { from: next < week ? week : next, until: null };
    case 'NONE':
      return null;
  }
}

/** The day that a task gets when it is put into a group: of the week its last day of work, later the beginning of the next week. */
export function dayIn(group: DueGroup, today: string): string | null {
  const days = daysOf(group, today);
  if (!days?.from) return null;
  if (group !== 'WEEK') return days.from;
  let day = addDays(days.until!, -1);
  while ((weekdayOf(day) === 0 || weekdayOf(day) === 6) && day > days.from) day = addDays(day, -1);
  return day;
}

/** Whether tasks are put there: nothing is made overdue, and the rest of the week may be over. */
export const takesTasks = (group: DueGroup, today: string): boolean =>
  group === 'NONE' || (group !== 'OVERDUE' && dayIn(group, today) !== null);

const startOf = (day: string): string => joinInstant(day, '00:00') ?? `${day}T00:00:00Z`;

/** The filter of a column of instants; null where there is nothing to ask for. */
export function dueFilter(group: DueGroup, column: string, today: string) {
  if (group === 'NONE') return { [column]: { isNull: true } };
  const days = daysOf(group, today);
  if (!days) return null;
  return {
    [column]: {
      ...(days.from ? { greaterThanOrEqualTo: startOf(days.from) } : {}),
      ...(days.until ? { lessThan: startOf(days.until) } : {}),
    },
  };
}

const USUAL_TIME = '09:00';

/** Another day at the time that it has. */
export const onDay = (day: string | null, due: string | null): string | null =>
  day === null ? null : joinInstant(day, due === null ? USUAL_TIME : splitInstant(due).time);

/** A task as it is typed: when its last words are a day, such as "tomorrow" or "next friday", it is due then. */
export function readTask(text: string, now: Date = new Date()): { title: string; due: string | null } {
  const words = text.trim().split(/\s+/);
  const today = localDay(now);
  for (const count of [3, 2, 1]) {
    if (words.length <= count) continue;
    const last = words.slice(-count).join(' ');
    const away = daysAway(last, weekdayOf(today)) ?? (/^\+\d{1,3}$/.test(last) ? Number(last) : null);
    const day = away !== null ? addDays(today, away) : /^\d{4}-\d{2}-\d{2}$/.test(last) ? parseDay(last, now) : null;
    const due = onDay(day, null);
    if (due !== null) return { title: words.slice(0, -count).join(' '), due };
  }
  return { title: text.trim(), due: null };
}
