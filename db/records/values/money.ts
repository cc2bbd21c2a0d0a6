import { parseDecimal, parseInteger, shiftDecimal } from './number.ts';
import { Unreadable, quote } from './unreadable.ts';

const SYMBOLS: Record<string, string> = {
  $: 'USD', US$: 'USD', '€': 'EUR', '£': 'GBP', '¥': 'JPY', '₹': 'INR', '₩': 'KRW', '₺': 'TRY', '₴': 'UAH', '₪': 'ILS', '₫': 'VND', 'R$': 'BRL', 'C$': 'CAD', 'A$': 'AUD', 'kr': 'SEK', 'zł': 'PLN', Fr: 'CHF',
}; // prettier-ignore
const MAGNITUDES: Record<string, number> = { k: 3, m: 6, mn: 6, mio: 6, b: 9, bn: 9 };

/** "$1,234.50", "1.234,50 EUR", "€ 5k": micros as text, and the currency where the cell names it. */
export function parseMoney(cell: string): { micros: string; code: string | null } | Unreadable {
  const isAccountingNegative = /^\(.*\)$/.test(cell.trim());
  const text = isAccountingNegative ? cell.trim().slice(1, -1) : cell.trim();
  const match =
    /^([+\-−]?)\s*([^\d\s+\-−.,()]{0,3})\s*([+\-−]?[\d.,\s\u00a0\u202f'’]*\d[.,]?)\s*(k|mn|mio|m|bn|b)?\s*([^\d\s]{0,3})$/iu.exec(
      text,
    );
  if (!match) return new Unreadable(`${quote(cell)} is not an amount of money`);
  const [, sign = '', before = '', digits = '', magnitude = '', after = ''] = match;
  const code = currencyCode(before || after);
  const amount = parseDecimal(digits);
  if (code instanceof Unreadable || amount instanceof Unreadable || (before && after))
    return new Unreadable(`${quote(cell)} is not an amount of money`);
  const micros = parseInteger(shiftDecimal(amount, 6 + (MAGNITUDES[magnitude.toLowerCase()] ?? 0)));
  if (micros instanceof Unreadable)
    return new Unreadable(`${quote(cell)} is larger, or finer, than an amount of money can be`);
  const isNegative = (sign !== '' && sign !== '+') !== isAccountingNegative;
  return { micros: isNegative ? negated(micros) : micros, code };
}

function negated(micros: string): string {
  return (-BigInt(micros)).toString();
}

/** The ISO code of a symbol or a code; null for none. */
export function currencyCode(text: string): string | null | Unreadable {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  const code = SYMBOLS[trimmed] ?? trimmed.toUpperCase();
  return /^[A-Z]{3}$/.test(code) ? code : new Unreadable(`${quote(text)} is not a currency code`);
}
