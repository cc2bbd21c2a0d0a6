import { formatDay } from './dates.ts';
import { t } from '../language/t.ts';

/** When a task comes again, as its parts: RFC 5545's, of which the database reads some. */
export interface Recurrence {
  freq: 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY';
  interval: number;
  /** MO, TU and so on; by months with a number before it, 1MO or -1FR. */
  days: string[];
  /** The last day of a month is -1. */
  monthDay: number | null;
  /** A day, 2026-12-31. */
  until: string | null;
  count: number | null;
}

export const WEEKDAY_NAMES: { [day: string]: string } = {
  MO: t('Monday'),
  TU: t('Tuesday'),
  WE: t('Wednesday'),
  TH: t('Thursday'),
  FR: t('Friday'),
  SA: t('Saturday'),
  SU: t('Sunday'),
};
const WORKDAYS = 'MO,TU,WE,TH,FR';

export function readRecurrence(text: string): Recurrence | null {
  const parts = new Map(text.split(';').map((part) => part.split('=') as [string, string]));
  const freq = parts.get('FREQ') as Recurrence['freq'] | undefined;
  if (!freq || !['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'].includes(freq)) return null;
  const until = /^(\d{4})(\d{2})(\d{2})/.exec(parts.get('UNTIL') ?? '');
  return {
    freq,
    interval: Number(parts.get('INTERVAL') ?? 1),
    days: parts.get('BYDAY')?.split(',') ?? [],
    monthDay: parts.has('BYMONTHDAY') ? Number(parts.get('BYMONTHDAY')) : null,
    until: until ? `${until[1]}-${until[2]}-${until[3]}` : null,
    count: parts.has('COUNT') ? Number(parts.get('COUNT')) : null,
  };
}

export const writeRecurrence = ({ freq, interval, days, monthDay, until, count }: Recurrence): string =>
  [
    `FREQ=${freq}`,
    interval > 1 ? `INTERVAL=${interval}` : '',
    days.length > 0 ? `BYDAY=${days.join(',')}` : '',
    monthDay !== null ? `BYMONTHDAY=${monthDay}` : '',
    until !== null ? `UNTIL=${until.replaceAll('-', '')}` : '',
    count !== null ? `COUNT=${count}` : '',
  ]
    .filter(Boolean)
    .join(';');

const OFTEN: { [freq in Recurrence['freq']]: (count: number) => string } = {
  DAILY: (count) => t('{count, plural, one {Every day} other {Every # days}}', { count }),
  WEEKLY: (count) => t('{count, plural, one {Every week} other {Every # weeks}}', { count }),
  MONTHLY: (count) => t('{count, plural, one {Every month} other {Every # months}}', { count }),
  YEARLY: (count) => t('{count, plural, one {Every year} other {Every # years}}', { count }),
};
const NTH: { [nth: string]: (weekday: string) => string } = {
  '1': (weekday) => t('on the first {weekday}', { weekday }),
  '2': (weekday) => t('on the second {weekday}', { weekday }),
  '3': (weekday) => t('on the third {weekday}', { weekday }),
  '4': (weekday) => t('on the fourth {weekday}', { weekday }),
  '5': (weekday) => t('on the fifth {weekday}', { weekday }),
  '-1': (weekday) => t('on the last {weekday}', { weekday }),
};

/** In words. What cannot be read stays as it is. */
export function recurrenceText(text: string): string {
  const read = readRecurrence(text);
  if (!read) return text;
  const { freq, interval, days, monthDay, until, count } = read;
  const isWork = freq === 'WEEKLY' && interval === 1 && days.join() === WORKDAYS;
  const often = isWork ? t('Every weekday') : OFTEN[freq](interval);
  const nth = /^(-?\d)([A-Z]{2})$/.exec(days[0] ?? '');
  const on = isWork
    ? ''
    : nth
      ? (NTH[nth[1]!]?.(WEEKDAY_NAMES[nth[2]!] ?? '') ?? '')
      : days.length > 0
        ? t('on {days}', { days: days.map((day) => WEEKDAY_NAMES[day] ?? day).join(', ') })
        : monthDay === -1
          ? t('on the last day')
          : monthDay !== null
            ? t('on day {monthDay}', { monthDay })
            : '';
  const end = until
    ? t('until {until}', { until: formatDay(until) })
    : count === 1
      ? t('for the last time')
      : count
        ? t('{count} times', { count })
        : '';
  return [[often, on].filter(Boolean).join(' '), end].filter(Boolean).join(', ');
}
