import type { FieldType } from '../model/types.ts';

const LOOKS: [FieldType, RegExp][] = [
  ['EMAILS', /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i],
  ['LINKS', /^(https?:\/\/|www\.)\S+$/i],
  ['BOOLEAN', /^(yes|no|true|false|y|n)$/i],
  ['PERCENT', /^-?[\d.,]+\s?%$/],
  ['CURRENCY', /^-?([$€£¥]\s?[\d.,]+|[\d.,]+\s?[€£])$/],
  ['DATE_TIME', /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d/],
  ['DATE', /^(\d{4}-\d\d-\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})$/],
  ['PHONES', /^\+[\d\s()./-]{7,20}$/],
  ['NUMBER', /^-?\d[\d.,\s]*$/],
];

const FEW_OPTIONS = 12;

/** What kind of values these are: all of one look, a few texts again and again, or any text. */
export function guessType(samples: string[]): FieldType {
  const cells = samples.map((cell) => cell.trim()).filter(Boolean);
  if (cells.length === 0) return 'TEXT';
  const look = LOOKS.find(([, pattern]) => cells.every((cell) => pattern.test(cell)));
  if (look) return look[0];
  if (cells.some((cell) => cell.length > 300 || cell.includes('\n'))) return 'RICH_TEXT';
  const distinct = new Set(cells).size;
  const isRepeated = cells.length >= 8 && distinct <= FEW_OPTIONS && distinct * 3 <= cells.length;
  return isRepeated && cells.every((cell) => cell.length <= 60) ? 'SELECT' : 'TEXT';
}
