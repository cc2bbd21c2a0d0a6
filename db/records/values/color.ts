import { Unreadable, quote } from './unreadable.ts';

/** A colour as "#rrggbb", from that, "#rgb" or the same without the sign. */
export function parseColor(cell: string): string | Unreadable {
  const digits = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(cell.trim())?.[1]?.toLowerCase();
  if (digits === undefined) return new Unreadable(`${quote(cell)} is not a colour such as #3b82f6`);
  return `#${digits.length === 3 ? [...digits].map((digit) => digit + digit).join('') : digits}`;
}
