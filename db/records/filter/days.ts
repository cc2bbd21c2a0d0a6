import { parseDate } from '../values/date.ts';
import { literal } from '../sql.ts';

/** The day that a filter's words mean; null for what cannot be read. */
function dayOf(value: unknown, today: string): string | null {
  const text = String(value ?? '')
    .trim()
    .toLowerCase();
  const words: { [word: string]: number } = { today: 0, tomorrow: 1, yesterday: -1 };
  const days = words[text] ?? (/^[+-]\d{1,4}d?$/.test(text) ? Number.parseInt(text, 10) : null);
  if (days !== null) return addDays(today, days);
  const day = parseDate(text.replace(/t.*$/, ''), 'mdy');
  return typeof day === 'string' ? day : null;
}

const DAY_MS = 86_400_000;
const addDays = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** Months later or earlier; of a day that the month does not have, its last. */
function addMonths(day: string, months: number): string {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
  const last = new Date(Date.UTC(year, month + months, 0));
  return `${last.toISOString().slice(0, 8)}${String(Math.min(date, last.getUTCDate())).padStart(2, '0')}`;
}

const MONTHS: { [unit: string]: number } = { MONTH: 1, QUARTER: 3, YEAR: 12 };
const add = (day: string, amount: number, unit: string): string =>
  MONTHS[unit] === undefined ? addDays(day, amount * (unit === 'WEEK' ? 7 : 1)) : addMonths(day, amount * MONTHS[unit]);

/** Weeks begin on Monday. */
function startOf(day: string, unit: string): string {
  const months = MONTHS[unit];
  if (months === undefined)
    return unit === 'WEEK' ? addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7)) : day;
  const month = Number(day.slice(5, 7)) - 1;
  return `${day.slice(0, 5)}${String(month - (month % months) + 1).padStart(2, '0')}-01`;
}

/** A span of the calendar around today, which counts among it: from the first to before the last. */
function periodOf(value: unknown, today: string): { from: string; until: string } | null {
  const {
    direction,
    amount = 1,
    unit = 'DAY',
  } = (value ?? {}) as { direction?: string; amount?: number; unit?: string };
  if (!['DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'].includes(unit) || !Number.isInteger(amount) || amount < 1)
    return null;
  if (direction === 'THIS') return { from: startOf(today, unit), until: add(startOf(today, unit), 1, unit) };
  if (direction === 'NEXT') return { from: today, until: add(today, amount, unit) };
  return { from: addDays(add(today, -amount, unit), 1), until: addDays(today, 1) };
}

function daysOf(operand: string, value: unknown, today: string): { from?: string; until?: string } | null {
  const day = dayOf(value, today);
  switch (operand) {
    case 'IS_RELATIVE':
      return periodOf(value, today);
    case 'IS_TODAY':
      return { from: today, until: addDays(today, 1) };
    case 'IS_IN_PAST':
      return { until: today };
    case 'IS_IN_FUTURE':
      return { from: addDays(today, 1) };
    case 'BETWEEN': {
      const [from, to] = (Array.isArray(value) ? value : [])
        .map((each) => dayOf(each, today))
        .sort((a, b) => (String(a) < String(b) ? -1 : 1));
      return from && to ? { from, until: addDays(to, 1) } : null;
    }
    case 'IS_BEFORE':
      return day ? { until: day } : null;
    case 'IS_AFTER':
      return day ? { from: addDays(day, 1) } : null;
    case 'IS':
      return day ? { from: day, until: addDays(day, 1) } : null;
    default:
      return null;
  }
}

/** A comparison of a day, or of a moment by the days of a time zone; null where its value is none. */
export function daySql(
  name: string,
  isDay: boolean,
  operand: string,
  value: unknown,
  { now, timeZone }: { now: Date; timeZone: string },
): string | null {
  if (!isDay && (operand === 'IS_IN_PAST' || operand === 'IS_IN_FUTURE'))
    return `${name} ${operand === 'IS_IN_PAST' ? '<' : '>'} ${literal(now.toISOString())}::timestamptz`;
  const days = daysOf(operand, value, new Intl.DateTimeFormat('en-CA', { timeZone }).format(now));
  if (days === null) return null;
  const bound = (day: string) =>
    isDay ? `${literal(day)}::date` : `(${literal(day)}::timestamp at time zone ${literal(timeZone)})`;
  const bounds = [
    ...(days.from ? [`${name} >= ${bound(days.from)}`] : []),
    ...(days.until ? [`${name} < ${bound(days.until)}`] : []),
  ];
  return `(${bounds.join(' and ')})`;
}
