import { Unreadable, quote } from './unreadable.ts';

const MIN_BIGINT = -(2n ** 63n);
const MAX_BIGINT = 2n ** 63n - 1n;

/** Separators of thousands that people and spreadsheets write: spaces of all kinds and apostrophes. */
const SPACES = /[\s\u00a0\u202f\u2009'’]/g;

/** Groups of three, or of two before the last three as in India. */
const GROUPED_BY_COMMA = /^\d{1,3}(,\d{2,3})*,\d{3}$/;
const GROUPED_BY_DOT = /^\d{1,3}(\.\d{3}){2,}$/;

/**
 * A number as people write it, as the plain decimal text that PostgreSQL reads: "1,234.5",
 * "1.234,5", "1 234,5", "(12)", "−3", "1e6". A lone "1,234" is grouped and a lone "1.234" is not,
 * as in English; a comma that cannot group is the decimal sign.
 */
export function parseDecimal(cell: string): string | Unreadable {
  let text = cell.trim().replace(/^[−–]/, '-');
  const isAccountingNegative = /^\(.*\)$/.test(text);
  if (isAccountingNegative) text = text.slice(1, -1).trim();
  const match = /^([+-]?)\s*([\d.,\s\u00a0\u202f\u2009'’]*\d[.,]?)([eE][+-]?\d{1,3})?$/.exec(text);
  const digits = match?.[2] === undefined ? null : plainDigits(match[2].replace(SPACES, ''));
  if (!match || digits === null) return new Unreadable(`${quote(cell)} is not a number`);
  const isNegative = (match[1] === '-') !== isAccountingNegative;
  return `${isNegative ? '-' : ''}${digits}${match[3] ?? ''}`;
}

/** Digits with at most one decimal point, from digits with commas and points; null when they make no number. */
function plainDigits(text: string): string | null {
  const lastComma = text.lastIndexOf(',');
  const lastDot = text.lastIndexOf('.');
  if (lastComma < 0 && lastDot < 0) return text;
  if (lastComma >= 0 && lastDot >= 0) {
    const decimalAt = Math.max(lastComma, lastDot);
    const whole = text.slice(0, decimalAt);
    const isGrouped = lastComma > lastDot ? /^\d{1,3}(\.\d{3})+$/ : GROUPED_BY_COMMA;
    if (!isGrouped.test(whole)) return null;
    return decimal(whole.replace(/[.,]/g, ''), text.slice(decimalAt + 1));
  }
  if (lastComma >= 0) {
    if (GROUPED_BY_COMMA.test(text) && !text.startsWith('0')) return text.replaceAll(',', '');
    return text.indexOf(',') === lastComma ? decimal(text.slice(0, lastComma), text.slice(lastComma + 1)) : null;
  }
  if (GROUPED_BY_DOT.test(text)) return text.replaceAll('.', '');
  return text.indexOf('.') === lastDot ? decimal(text.slice(0, lastDot), text.slice(lastDot + 1)) : null;
}

function decimal(whole: string, fraction: string): string {
  return fraction === '' ? whole : `${whole === '' ? '0' : whole}.${fraction}`;
}

/** A float8: anything finite. Percentages are kept as fractions, "12 %" as 0.12. */
export function parseFloat8(cell: string, isPercentage = false): string | Unreadable {
  const isPercent = isPercentage && /%\s*$/.test(cell);
  const text = parseDecimal(isPercent ? cell.replace(/\s*%\s*$/, '') : cell);
  if (text instanceof Unreadable) return new Unreadable(`${quote(cell)} is not a number`);
  if (!Number.isFinite(Number(text))) return new Unreadable(`${quote(cell)} is too large`);
  return isPercent ? shiftDecimal(text, -2) : text;
}

/**
 * A fraction from a percentage: "25 %" is 0.25. Without the sign it is the fraction itself, which beyond
 * 1 is rather a percentage that lacks its sign, so that is asked back.
 */
export function parsePercent(cell: string): string | Unreadable {
  const value = parseFloat8(cell, true);
  if (value instanceof Unreadable) return new Unreadable(`${quote(cell)} is not a percentage`);
  if (!cell.includes('%') && Math.abs(Number(value)) > 1)
    return new Unreadable(`${quote(cell)} may be ${value} % or ${shiftDecimal(value, 2)} %; write it with its sign`);
  return value;
}

/** A whole number that a bigint can hold. */
export function parseInteger(cell: string): string | Unreadable {
  const text = parseDecimal(cell);
  if (text instanceof Unreadable) return text;
  const whole = shiftDecimal(text, 0);
  const value = /^-?\d+(\.0*)?$/.test(whole) ? BigInt(whole.replace(/\.0*$/, '')) : null;
  if (value === null) return new Unreadable(`${quote(cell)} is not a whole number`);
  if (value < MIN_BIGINT || value > MAX_BIGINT) return new Unreadable(`${quote(cell)} is too large`);
  return value.toString();
}

/** A plain decimal multiplied by a power of ten, exactly: no float is involved. */
export function shiftDecimal(text: string, places: number): string {
  const match = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) throw new Error(`shiftDecimal takes a plain decimal, got ${quote(text)}`);
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const point = whole.length + Number(exponent) + places;
  const digits = whole + fraction;
  const left = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0';
  const right = point > 0 ? digits.slice(point) : '0'.repeat(-point) + digits;
  const trimmed = left.replace(/^0+(?=\d)/, '');
  const rest = right.replace(/0+$/, '');
  return `${sign}${trimmed}${rest === '' ? '' : `.${rest}`}`;
}
