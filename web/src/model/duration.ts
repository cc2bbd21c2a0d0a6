import { unitText, countText } from './formats.ts';
import { parseNumber } from './money.ts';

/** A DURATION is whole seconds. Days are left out of what is shown: nobody agrees on how many hours a day of work has. */

const UNITS: { [unit: string]: number } = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** 1h 30m or, in full, 1 hour 30 minutes. */
export function formatDuration(seconds: number | string, full = false): string {
  const total = Math.abs(Number(seconds));
  const parts = [
    [Math.floor(total / 3600), 'hour'],
    [Math.floor(total / 60) % 60, 'minute'],
    [total % 60, 'second'],
  ] as const;
  const part = (amount: number, unit: string): string =>
    full ? `${countText(amount)} ${unitText(amount, unit)}` : `${countText(amount)}${unit.charAt(0)}`;
  const text = parts.flatMap(([amount, unit]) => (amount > 0 ? part(amount, unit) : [])).join(' ');
  return text === '' ? part(0, 'minute') : Number(seconds) < 0 ? `\u2212${text}` : text;
}

/** What the language calls the units becomes what English calls them. */
function inEnglish(text: string): string {
  let read = text;
  for (const unit of ['week', 'day', 'hour', 'minute', 'second'])
    for (const amount of [2, 1])
      read = read.replaceAll(
        new RegExp(`(\\d\\s*)${unitText(amount, unit).toLowerCase()}(?!\\p{L})`, 'gu'),
        `$1${unit}`,
      );
  return read;
}

/** Reads 1h 30m, 90m, 1.5h, 1:30, 1:30:15, 2 days. A bare number is minutes. */
export function parseDuration(text: string): number | null {
  const value = inEnglish(text.trim().toLowerCase());
  const negative = /^[-\u2212]/.test(value);
  const rest = value.replace(/^[-\u2212+]\s*/, '');
  const seconds = clock(rest) ?? units(rest);
  if (seconds === null || seconds > Number.MAX_SAFE_INTEGER) return null;
  return negative ? -seconds : seconds;
}

function clock(text: string): number | null {
  const match = /^(\d+):([0-5]\d)(?::([0-5]\d))?$/.exec(text);
  return match ? Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3] ?? 0) : null;
}

function units(text: string): number | null {
  const bare = parseNumber(text);
  if (bare !== null) return Math.round(bare * 60);
  const pattern =
    /([\d.,]+)\s*(weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])[\s,]*(?:and\s+)?/y;
  let seconds = 0;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    const amount = match ? parseNumber(match[1] ?? '') : null;
    if (!match || amount === null) return null;
    seconds += amount * (UNITS[match[2]?.[0] ?? ''] ?? 0);
  }
  return text === '' ? null : Math.round(seconds);
}
