import { withSigns } from './formats.ts';

export const CURRENCIES = [
  'USD',
  'EUR',
  'GBP',
  'CHF',
  'JPY',
  'CNY',
  'INR',
  'CAD',
  'AUD',
  'NZD',
  'SEK',
  'NOK',
  'DKK',
  'PLN',
  'CZK',
  'HUF',
  'RON',
  'BRL',
  'MXN',
  'ZAR',
  'SGD',
  'HKD',
  'KRW',
  'AED',
  'ILS',
  'TRY',
];

const SYMBOLS: { [symbol: string]: string } = { $: 'USD', '€': 'EUR', '£': 'GBP', '¥': 'JPY', '₹': 'INR' };
/** What a bigint of micros can hold. */
const LARGEST = 9.2e12;

const SCALE: { [suffix: string]: number } = { '': 1, k: 1e3, m: 1e6, b: 1e9 };

/** Reads a number as people write it: 1,234.5, 1 234,5, 1.234,5, -3e4, 12 %. */
export function parseNumber(text: string): number | null {
  let value = text
    .trim()
    .replace(/[\s\u00a0'’]/g, '')
    .replace(/%$/, '')
    .replace(/^\u2212/, '-');
  const comma = value.lastIndexOf(',');
  const dot = value.lastIndexOf('.');
  if (comma > dot && (dot >= 0 || !/^[+-]?\d{1,3}(,\d{3})+$/.test(value)))
    value = value.replaceAll('.', '').replace(',', '.');
  else value = value.replaceAll(',', '');
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : null;
}

/** Reads an amount with an optional code or symbol and an optional k, m or b: "EUR 1.2k", "$3m", "1,200.50". */
export function parseMoney(text: string, fallbackCode: string): { amountMicros: string; currencyCode: string } | null {
  let rest = text.trim();
  let currencyCode = fallbackCode;
  const code = /\b([A-Za-z]{3})\b/.exec(rest);
  const symbol = /[$€£¥₹]/.exec(rest);
  if (code?.[1]) {
    currencyCode = code[1].toUpperCase();
    rest = rest.replace(code[0], '');
  } else if (symbol) {
    currencyCode = SYMBOLS[symbol[0]] ?? fallbackCode;
    rest = rest.replace(symbol[0], '');
  }
  const scaled = /^(.*?)([kmb]?)$/i.exec(rest.trim());
  const amount = parseNumber(scaled?.[1] ?? '');
  if (amount === null) return null;
  const units = amount * (SCALE[scaled?.[2]?.toLowerCase() ?? ''] ?? 1);
  if (Math.abs(units) > LARGEST) return null;
  // A number holds micros exactly up to nine billion; of larger amounts it holds the cents.
  const micros = Math.abs(units) < 9e9 ? BigInt(Math.round(units * 1e6)) : BigInt(Math.round(units * 100)) * 10_000n;
  return { amountMicros: String(micros), currencyCode };
}

export function formatMoney(
  micros: string | number,
  currencyCode: string | null,
  decimals?: number,
  short?: boolean,
): string {
  const amount = Number(micros) / 1e6;
  const digits = decimals ?? (Number.isInteger(amount) ? 0 : 2);
  const shown: Intl.NumberFormatOptions = short
    ? { notation: 'compact', maximumFractionDigits: decimals ?? 1 }
    : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  try {
    const format = new Intl.NumberFormat('en', {
      style: 'currency',
      currency: currencyCode || 'USD',
      currencyDisplay: 'narrowSymbol',
      ...shown,
    });
    return withSigns(format.format(amount));
  } catch {
    return `${withSigns(new Intl.NumberFormat('en', shown).format(amount))} ${currencyCode ?? ''}`;
  }
}

export const microsToText = (micros: string | number): string => String(Number(micros) / 1e6);
