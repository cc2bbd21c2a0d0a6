import { addDays } from './dates.ts';

/** Spans of the calendar as filters speak of them: the last 30 days, this quarter. Days are text, as everywhere. */

export const UNITS = ['day', 'week', 'month', 'quarter', 'year'] as const;
export type Unit = (typeof UNITS)[number];

export interface Period {
  amount: number;
  unit: Unit;
}

const LARGEST = 36_500;

/** Reads "30", "30 days", "2 quarters" or, of what is counted by itself, "quarter". */
export function parsePeriod(text: string): Period | null {
  const match = /^\s*(\d+)?\s*([a-z]+?)?s?\s*$/i.exec(text);
  const unit = match?.[2] === undefined ? 'day' : UNITS.find((each) => each === match[2]?.toLowerCase());
  const amount = Number(match?.[1] ?? 1);
  if (!match || !unit || (match[1] === undefined && match[2] === undefined) || amount < 1 || amount > LARGEST)
    return null;
  return { amount, unit };
}

export const periodText = ({ amount, unit }: Period): string => `${amount} ${unit}${amount === 1 ? '' : 's'}`;

/** Months later or earlier; of a day that the month does not have, its last. */
export function addMonths(day: string, months: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const first = new Date(Date.UTC(year, month - 1 + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(date, last));
  return first.toISOString().slice(0, 10);
}

function add(day: string, { amount, unit }: Period, sign: 1 | -1): string {
  if (unit === 'day' || unit === 'week') return addDays(day, sign * amount * (unit === 'week' ? 7 : 1));
  return addMonths(day, sign * amount * { month: 1, quarter: 3, year: 12 }[unit]);
}

export function startOf(day: string, unit: Unit): string {
  const [year = '', month = '1'] = day.split('-');
  if (unit === 'day') return day;
  // Weeks begin on Monday.
  if (unit === 'week') return addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7));
  if (unit === 'month') return `${year}-${month}-01`;
  if (unit === 'year') return `${year}-01-01`;
  return `${year}-${String(Math.floor((Number(month) - 1) / 3) * 3 + 1).padStart(2, '0')}-01`;
}

/** The days of a span around today, which counts among them: from the first to before the last. */
export function periodDays(
  direction: 'last' | 'next' | 'this',
  text: string,
  today: string,
): { from: string; until: string } | null {
  const period = parsePeriod(text);
  if (!period) return null;
  if (direction === 'this') {
    const from = startOf(today, period.unit);
    return { from, until: add(from, { ...period, amount: 1 }, 1) };
  }
  return direction === 'last'
    ? { from: addDays(add(today, period, -1), 1), until: addDays(today, 1) }
    : { from: today, until: add(today, period, 1) };
}
