import { Unreadable, quote } from './unreadable.ts';

const SECONDS: Record<string, number> = {
  s: 1, sec: 1, secs: 1, second: 1, seconds: 1, m: 60, min: 60, mins: 60, minute: 60, minutes: 60, h: 3600, hr: 3600, hrs: 3600, hour: 3600, hours: 3600,
  d: 86400, day: 86400, days: 86400, w: 604800, wk: 604800, week: 604800, weeks: 604800,
}; // prettier-ignore

/**
 * A length of time as whole seconds: "1:30" (hours and minutes) and "1:30:15", "90m", "1h 30m", "1.5 hours",
 * "PT1H30M". A bare number is seconds, as in the API.
 */
export function parseDuration(cell: string): string | Unreadable {
  const text = cell.trim().toLowerCase().replace(/^[−–]/, '-');
  const isNegative = text.startsWith('-');
  const seconds = positiveSeconds(text.replace(/^[+-]\s*/, ''));
  if (seconds === null || !Number.isSafeInteger(Math.round(seconds)))
    return new Unreadable(`${quote(cell)} is not a duration such as 1:30 or 90m`);
  const whole = Math.round(seconds);
  return String(isNegative && whole !== 0 ? -whole : whole);
}

function positiveSeconds(text: string): number | null {
  const clock = /^(\d+):([0-5]?\d)(?::([0-5]?\d))?$/.exec(text);
  if (clock) return Number(clock[1]) * 3600 + Number(clock[2]) * 60 + Number(clock[3] ?? 0);
  if (/^\d+$/.test(text)) return Number(text);
  const iso = /^p(?:(\d+)w)?(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?$/.exec(text);
  if (iso && iso.slice(1).some((part) => part !== undefined)) {
    const [weeks, days, hours, minutes, seconds] = iso.slice(1).map((part) => Number(part ?? 0));
    return weeks! * 604800 + days! * 86400 + hours! * 3600 + minutes! * 60 + seconds!;
  }
  let total = 0;
  let rest = text;
  while (rest !== '') {
    const match = /^(\d+(?:[.,]\d+)?)\s*([a-z]+)\.?(?:\s*(?:,|and)\s*|\s*)/.exec(rest);
    const unit = match?.[2] === undefined ? undefined : SECONDS[match[2]];
    if (!match || unit === undefined) return null;
    total += Number(match[1]!.replace(',', '.')) * unit;
    rest = rest.slice(match[0].length);
  }
  return text === '' ? null : total;
}
