import { parseNumber } from './money.ts';

/** A DURATION is whole seconds. Days are left out of what is shown: nobody agrees on how many hours a day of work has. */

const UNITS: { [unit: string]: number } = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

export function formatDuration(seconds: number | string): string {
  const total = Math.abs(Number(seconds));
  const parts = [
    [Math.floor(total / 3600), 'h'],
    [Math.floor(total / 60) % 60, 'm'],
    [total % 60, 's'],
  ] as const;
  const text = parts.flatMap(([amount, unit]) => (amount > 0 ? `${amount.toLocaleString('en')}${unit}` : [])).join(' ');
  return text === '' ? '0m' : Number(seconds) < 0 ? `\u2212${text}` : text;
}

/** Reads 1h 30m, 90m, 1.5h, 1:30, 1:30:15, 2 days. A bare number is minutes. */
export function parseDuration(text: string): number | null {
  const value = text.trim().toLowerCase();
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
