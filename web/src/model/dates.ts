import { language } from '../language/language.ts';
import { daysAway, isNow, monthOf } from './dayWords.ts';
import { formats, timeOfDay } from './formats.ts';
import { t } from '../language/t.ts';

/**
 * A DATE is a day on a calendar, the same everywhere, so it stays text of the form 2026-11-22 and never becomes an instant.
 * A DATE_TIME is an instant: the server sends it with an offset and it is shown in the reader's zone.
 */

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

const daysIn = (year: number, month: number): number =>
  [31, year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][
    month - 1
  ] ?? 0;

function day(year: number, month: number, date: number): string | null {
  if (month < 1 || month > 12 || date < 1 || date > daysIn(year, month)) return null;
  return `${pad(year, 4)}-${pad(month)}-${pad(date)}`;
}

/** Names of months and weekdays in the language of the screen; 2023 began on a Sunday. */
const namesOf = (count: number, options: Intl.DateTimeFormatOptions): string[] => {
  const format = new Intl.DateTimeFormat(language, { ...options, timeZone: 'UTC' });
  return Array.from({ length: count }, (_, index) =>
    format.format(options.weekday ? Date.UTC(2023, 0, 1 + index) : Date.UTC(2023, index)),
  );
};
export const SHORT_MONTHS = namesOf(12, { month: 'short' });

interface Clock {
  day: string;
  hour: number;
  minute: number;
  second: number;
}

/** What the calendar and the clock show at an instant in the reader's zone. */
function clockAt(instant: Date): Clock {
  const { clock } = formats();
  if (!clock)
    return {
      day: `${pad(instant.getFullYear(), 4)}-${pad(instant.getMonth() + 1)}-${pad(instant.getDate())}`,
      hour: instant.getHours(),
      minute: instant.getMinutes(),
      second: instant.getSeconds(),
    };
  const shown: { [type: string]: number } = {};
  for (const { type, value } of clock.formatToParts(instant)) shown[type] = Number(value);
  const { year = 0, month = 0, day: date = 0, hour = 0, minute = 0, second = 0 } = shown;
  return { day: `${pad(year, 4)}-${pad(month)}-${pad(date)}`, hour, minute, second };
}

const DAY_MS = 86_400_000;

/** The same clock, were it one of UTC. */
const asUtc = ({ day: text, hour, minute, second }: Clock): number =>
  Date.parse(`${text}T00:00:00Z`) + ((hour * 60 + minute) * 60 + second) * 1000;

/**
 * When the clocks of the reader's zone show this. Of an hour that comes twice the first is meant; where clocks skip it, it is
 * as much later as they skip.
 */
function instantOf(shown: Clock): Date {
  const wanted = asUtc(shown);
  const candidates = [-DAY_MS, DAY_MS].map((aside) => {
    const near = Math.floor((wanted + aside) / 1000) * 1000;
    return new Date(wanted - (asUtc(clockAt(new Date(near))) - near));
  });
  return candidates.find((candidate) => asUtc(clockAt(candidate)) === wanted) ?? candidates[0] ?? new Date(wanted);
}

/** The day that it is in the reader's zone. */
export const localDay = (instant: Date): string => clockAt(instant).day;

export const addDays = (value: string, days: number): string =>
  new Date(Date.parse(`${value.slice(0, 10)}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** 0 is Sunday. */
export const weekdayOf = (value: string): number => new Date(`${value}T00:00:00Z`).getUTCDay();

/** Reads what people type for a day: 2026-11-22, 22.11.2026, 11/22/2026, 22 Nov 2026, Nov 22, today, tomorrow, next friday, in 2 weeks, +3. */
export function parseDay(text: string, now: Date = new Date()): string | null {
  const value = text.trim().toLowerCase();
  const today = localDay(now);
  const relative = /^([+-]\d{1,4})d?$/.exec(value);
  if (relative) return addDays(today, Number(relative[1]));
  const iso = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:t.*)?$/.exec(value);
  if (iso) return day(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/.exec(value);
  if (dotted) return day(Number(dotted[3] ?? today.slice(0, 4)), Number(dotted[2]), Number(dotted[1]));
  const slashed = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(value);
  if (slashed) {
    const [first, second, year] = [Number(slashed[1]), Number(slashed[2]), Number(slashed[3])];
    return first > 12 ? day(year, second, first) : day(year, first, second);
  }
  const named =
    /^(?<date>\d{1,2})(?:st|nd|rd|th|er|\.|º)?\s+(?:de\s+)?(?<month>\p{L}+)\.?(?:,?\s+(?:de\s+)?(?<year>\d{4}))?$/u.exec(
      value,
    ) ?? /^(?<month>\p{L}+)\.?\s+(?<date>\d{1,2})(?:st|nd|rd|th)?(?:,?\s+(?<year>\d{4}))?$/u.exec(value);
  const { date, month: name = '', year } = named?.groups ?? {};
  const month = monthOf(name);
  if (date && month) return day(Number(year ?? today.slice(0, 4)), month, Number(date));
  const away = daysAway(value, weekdayOf(today));
  return away === null ? null : addDays(today, away);
}

export function formatDay(value: string): string {
  const [year = '', month = '1', date = '1'] = value.slice(0, 10).split('-');
  const name = SHORT_MONTHS[Number(month) - 1] ?? month;
  const { dateFormat, days } = formats();
  if (days) return days.format(new Date(`${value.slice(0, 10)}T00:00:00Z`));
  switch (dateFormat) {
    case 'YEAR_FIRST':
      return value.slice(0, 10);
    case 'MONTH_FIRST':
      return `${name} ${Number(date)}, ${year}`;
    default:
      return `${Number(date)} ${name} ${year}`;
  }
}

/** An instant as the two inputs of an editor: the day and the time in the reader's zone. */
export function splitInstant(value: string): { day: string; time: string } {
  const { day: text, hour, minute } = clockAt(new Date(value));
  return { day: text, time: `${pad(hour)}:${pad(minute)}` };
}

/** An instant as the browser's own input of a date and a time shows it, in the reader's zone. */
export const localMinute = (instant: string): string => {
  const { day: text, time } = splitInstant(instant);
  return `${text}T${time}`;
};

/** What such an input says. */
export const momentOf = (local: string): string => {
  const [text = '', time = ''] = local.split('T');
  return joinInstant(text, time) ?? new Date(local).toISOString();
};

/** A month by its name and its year. */
export const formatMonth = (value: string): string =>
  new Intl.DateTimeFormat(formats().locale === 'en' ? 'en-GB' : formats().locale, {
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
    calendar: 'gregory',
    numberingSystem: 'latn',
  }).format(new Date(`${value.slice(0, 10)}T00:00:00Z`));

export function joinInstant(dayText: string, time: string): string | null {
  const clock = /^(\d{1,2})(?:[:h](\d{2}))?\s*(am|pm|uhr|h)?$/i.exec(time.trim());
  if (!clock) return null;
  const half = /[ap]m/i.exec(clock[3] ?? '')?.[0].toLowerCase();
  const hour = (Number(clock[1]) % (half ? 12 : 24)) + (half === 'pm' ? 12 : 0);
  const minute = Number(clock[2] ?? 0);
  if (Number(clock[1]) > 23 || minute > 59) return null;
  return instantOf({ day: dayText, hour, minute, second: 0 }).toISOString();
}

/** A day, optionally followed by a time; a day alone means its start. */
export function parseInstant(text: string, now: Date = new Date()): string | null {
  const value = text.trim();
  if (isNow(value)) return now.toISOString();
  if (/^\d{4}-\d{2}-\d{2}t.*(z|[+-]\d{2}:?\d{2})$/i.test(value)) {
    const instant = new Date(value);
    return Number.isNaN(instant.getTime()) ? null : instant.toISOString();
  }
  const parts =
    /^(.*?)[\s,T]+(?:at\s+|um\s+|à\s+|a\s+las\s+)?(\d{1,2}[:h]\d{2}(?:\s*[ap]m)?(?:\s*uhr)?|\d{1,2}\s*(?:[ap]m|uhr|h))$/i.exec(
      value,
    );
  const dayText = parseDay(parts?.[1] ?? value, now);
  return dayText ? joinInstant(dayText, parts?.[2] ?? '00:00') : null;
}

export function formatInstant(value: string): string {
  const { day: dayText, time } = splitInstant(value);
  return `${formatDay(dayText)}, ${timeOfDay(time)}`;
}

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [7, 'day'],
  [4.35, 'week'],
  [12, 'month'],
  [Infinity, 'year'],
];

export function formatRelative(value: string, now: Date = new Date()): string {
  let amount = (new Date(value).getTime() - now.getTime()) / 1000;
  if (Math.abs(amount) < 45) return t('just now');
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  for (const [size, unit] of STEPS) {
    if (Math.abs(amount) < size) return format.format(Math.round(amount), unit);
    amount /= size;
  }
  return formatInstant(value);
}

/** A day as people speak of it: today, yesterday, in 3 days, 2 months ago. */
export function formatRelativeDay(value: string, now: Date = new Date()): string {
  const noon = (text: string) => new Date(`${text}T12:00:00Z`).getTime();
  const days = Math.round((noon(value.slice(0, 10)) - noon(localDay(now))) / 86_400_000);
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  if (Math.abs(days) < 14) return format.format(days, 'day');
  if (Math.abs(days) < 60) return format.format(Math.round(days / 7), 'week');
  if (Math.abs(days) < 700) return format.format(Math.round(days / 30.44), 'month');
  return format.format(Math.round(days / 365.25), 'year');
}

const WEEKDAYS = namesOf(7, { weekday: 'long' });
const SHORT_WEEKDAYS = namesOf(7, { weekday: 'short' });

/** The day of the week, short. */
export const formatWeekday = (value: string): string =>
  SHORT_WEEKDAYS[new Date(`${value.slice(0, 10)}T00:00:00Z`).getUTCDay()] ?? '';

const FULL_MONTHS = namesOf(12, { month: 'long' });

/** A day or an instant by a pattern of Unicode's letters: dd.MM.yyyy, d MMM yyyy, EEE HH:mm. Text in quotes stays. */
export function formatPattern(value: string, pattern: string): string {
  const { day: dayText, time } = value.length > 10 ? splitInstant(value) : { day: value, time: '00:00' };
  const [year = 0, month = 1, date = 1] = dayText.split('-').map(Number);
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  const weekday = WEEKDAYS[new Date(Date.UTC(year, month - 1, date)).getUTCDay()] ?? '';
  const second = value.length > 10 ? clockAt(new Date(value)).second : 0;
  const letters: { [token: string]: string } = {
    yyyy: pad(year, 4),
    yy: pad(year % 100),
    MMMM: FULL_MONTHS[month - 1] ?? '',
    MMM: SHORT_MONTHS[month - 1] ?? '',
    MM: pad(month),
    M: String(month),
    dd: pad(date),
    d: String(date),
    EEEE: weekday,
    EEE: weekday.slice(0, 3),
    HH: pad(hour),
    H: String(hour),
    hh: pad(hour % 12 || 12),
    h: String(hour % 12 || 12),
    mm: pad(minute),
    ss: pad(second),
    a: hour < 12 ? 'am' : 'pm',
  };
  return pattern.replace(/'([^']*)'|y+|M+|d+|E+|H+|h+|m+|s+|a/g, (token, quoted: string | undefined) =>
    quoted !== undefined
      ? quoted || "'"
      : (letters[token] ?? letters[token.slice(0, 4)] ?? letters[token.slice(0, 2)] ?? token),
  );
}
