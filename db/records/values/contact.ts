import { CALLING_CODES } from './callingCodes.ts';
import { arrayLiteral, splitList } from './choice.ts';
import { Unreadable, quote } from './unreadable.ts';

// Deliberately simple: one @, no spaces or brackets, a dotted domain. Whether a mailbox exists, only mail can tell.
const EMAIL = /^[^\s@<>()[\]",;:\\]{1,64}@[^\s@<>()[\]",;:\\.]+(?:\.[^\s@<>()[\]",;:\\.]+)+$/;

/** One address, out of "Ada <ada@example.com>" or "mailto:ada@example.com"; the domain in lower case. */
export function parseEmail(cell: string): string | Unreadable {
  const text = (/<([^<>]+)>\s*$/.exec(cell)?.[1] ?? cell).trim().replace(/^mailto:/i, '');
  if (text.length > 254 || !EMAIL.test(text)) return new Unreadable(`${quote(cell)} is not an e-mail address`);
  const at = text.lastIndexOf('@');
  return text.slice(0, at) + text.slice(at).toLowerCase();
}

/** The first address is the primary one; the others are additional. */
export function parseEmails(cell: string): readonly [string, string | null] | Unreadable {
  return primaryAndOthers(cell, parseEmail);
}

export interface Phone {
  number: string;
  countryCode: string | null;
  callingCode: string | null;
}

/**
 * The national number in digits, with the country's calling code where the cell gives one. No
 * country is guessed: a number without one is kept as it was meant, without its punctuation.
 */
export function parsePhone(cell: string): Phone | Unreadable {
  const match = /^(.*?)(?:\s*(?:;\s*)?(?:ext\.?|extension|x|#)\s*(\d{1,6}))?$/i.exec(cell.trim().replace(/^tel:/i, ''));
  const body = (match?.[1] ?? '').replace(/^00(?=[1-9])/, '+').replace(/\(0\)/g, '');
  const digits = body.replace(/[\s\u00a0().\-–/]/g, '');
  if (!/^\+?\d{3,15}$/.test(digits)) return new Unreadable(`${quote(cell)} is not a telephone number`);
  const extension = match?.[2] === undefined ? '' : ` x${match[2]}`;
  if (!digits.startsWith('+')) return { number: digits + extension, countryCode: null, callingCode: null };
  for (const length of [1, 2, 3]) {
    const code = digits.slice(1, 1 + length);
    const country = CALLING_CODES.get(code);
    if (country === undefined) continue;
    return {
      number: digits.slice(1 + length) + extension,
      // Several countries share a code such as +1: the code is known then, the country is not.
      countryCode: country === '' ? null : country,
      callingCode: `+${code}`,
    };
  }
  return new Unreadable(`${quote(cell)} begins with a calling code that no country has`);
}

export function parsePhones(cell: string): readonly [Phone, string | null] | Unreadable {
  const [first, ...others] = cell.includes('[') || /[;\n,]/.test(cell) ? splitList(cell) : [cell];
  const primary = parsePhone(first ?? cell);
  if (primary instanceof Unreadable) return primary;
  const additional: string[] = [];
  for (const other of others) {
    const phone = parsePhone(other);
    if (phone instanceof Unreadable) return phone;
    additional.push((phone.callingCode ?? '') + phone.number);
  }
  return [primary, additional.length > 0 ? arrayLiteral(additional) : null];
}

function primaryAndOthers(
  cell: string,
  parse: (cell: string) => string | Unreadable,
): readonly [string, string | null] | Unreadable {
  const values: string[] = [];
  for (const item of splitList(cell)) {
    const value = parse(item);
    if (value instanceof Unreadable) return value;
    if (!values.includes(value)) values.push(value);
  }
  const [primary, ...others] = values;
  if (primary === undefined) return parse(cell) as Unreadable;
  return [primary, others.length > 0 ? arrayLiteral(others) : null];
}
