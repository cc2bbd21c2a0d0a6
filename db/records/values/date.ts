import { Unreadable, quote } from './unreadable.ts';

/** Whether 3/4 is the fourth of March or the third of April, where a date does not tell. */
export type DateOrder = 'dmy' | 'mdy';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH_NAMES = [
  'january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december',
]; // prettier-ignore

/** A calendar date as YYYY-MM-DD. It is never made into an instant, so no time zone can move it. */
export function parseDate(cell: string, order?: DateOrder): string | Unreadable {
  const text = cell.trim();
  // Spreadsheets write dates as midnight; a time that says more would be lost, so it is refused.
  const date = text.replace(/(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?)$/, '');
  return readDate(date, order) ?? new Unreadable(`${quote(cell)} is not a date that can be understood`);
}

function readDate(text: string, order?: DateOrder): string | Unreadable | null {
  const iso = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/.exec(text) ?? /^(\d{4})()(\d{2})(\d{2})$/.exec(text);
  if (iso) return calendarDate(text, Number(iso[1]), Number(iso[3]), Number(iso[4]));

  const numeric = /^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$/.exec(text);
  if (numeric) {
    const [first, second, year] = [Number(numeric[1]), Number(numeric[3]), Number(numeric[4])];
    // A point between the parts is written only where the day comes first.
    const isDayFirst = numeric[2] === '.' || first > 12 || first === second || (second <= 12 && order === 'dmy');
    if (isDayFirst) return calendarDate(text, year, second, first);
    if (second > 12 || order === 'mdy') return calendarDate(text, year, first, second);
    return new Unreadable(`${quote(text)} may be day/month or month/day; say which with --date-order dmy or mdy`);
  }

  const words = text
    .toLowerCase()
    .replace(/(\d)(st|nd|rd|th)\b/, '$1')
    .replace(/^[a-z]+day,?\s+/, '');
  const named =
    /^(\d{1,2})[\s-]+([a-z]+)\.?,?[\s-]+(\d{4})$/.exec(words) ??
    rearranged(/^([a-z]+)\.?[\s-]+(\d{1,2}),?[\s-]+(\d{4})$/.exec(words), [2, 1, 3]) ??
    rearranged(/^(\d{4})[\s-]+([a-z]+)\.?[\s-]+(\d{1,2})$/.exec(words), [3, 2, 1]);
  const month = named ? monthNumber(named[2] ?? '') : 0;
  if (named && month > 0) return calendarDate(text, Number(named[3]), month, Number(named[1]));
  return null;
}

function rearranged(match: RegExpExecArray | null, order: number[]): string[] | null {
  return match && [match[0], ...order.map((group) => match[group] ?? '')];
}

function monthNumber(name: string): number {
  const full = MONTH_NAMES.indexOf(name);
  return (full >= 0 ? full : MONTHS.indexOf(name === 'sept' ? 'sep' : name)) + 1;
}

function calendarDate(text: string, year: number, month: number, day: number): string | Unreadable {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days)
    return new Unreadable(`${quote(text)} is not a day of the calendar`);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/**
 * A date and time as text for timestamptz. One that names no zone stays without, and PostgreSQL
 * reads it in the import's time zone; one that names its offset keeps it.
 */
export function parseDateTime(cell: string, order?: DateOrder): string | Unreadable {
  const text = cell.trim();
  const match =
    /^(.+?)(?:T|,?\s+)(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?\s*([ap]\.?m\.?)?\s*(z|utc|gmt|[+-]\d{2}(?::?\d{2})?)?$/i.exec(
      text,
    );
  if (!match) {
    const date = readDate(text, order);
    return typeof date === 'string'
      ? `${date} 00:00:00`
      : (date ?? new Unreadable(`${quote(cell)} is not a date and time that can be understood`));
  }
  const [, day = '', hourText, minute, second = '00', fraction = '', half, zone] = match;
  const date = readDate(day, order);
  if (date instanceof Unreadable) return date;
  const hour = clockHour(Number(hourText), half);
  if (date === null || hour === null || Number(minute) > 59 || Number(second) > 59)
    return new Unreadable(`${quote(cell)} is not a date and time that can be understood`);
  const offset = zone === undefined ? '' : /^[a-z]/i.test(zone) ? '+00' : zone;
  if (Math.abs(Number(offset.slice(0, 3))) > 14)
    return new Unreadable(`${quote(cell)} has an offset that no time zone has`);
  return `${date} ${pad(hour, 2)}:${minute}:${second}${fraction.slice(0, 7)}${offset}`;
}

function clockHour(hour: number, half: string | undefined): number | null {
  if (half === undefined) return hour <= 23 ? hour : null;
  if (hour < 1 || hour > 12) return null;
  return (hour % 12) + (half.toLowerCase().startsWith('p') ? 12 : 0);
}
