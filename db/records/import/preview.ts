import type { FileRecord } from '../files/source.ts';
import type { DateOrder } from '../values/date.ts';
import { Unreadable } from '../values/unreadable.ts';
import { cellReader } from './cellReader.ts';
import type { MappedHeader } from './mapping.ts';
import { meaningReader, type Meanings } from './stage.ts';
import type { Target } from './target.ts';

interface PreviewCell {
  /** What the cell comes to, as it will be shown. */
  text: string;
  /** Why it cannot be read. */
  problem: string | null;
}

export interface PreviewRow {
  line: number;
  /** For each mapped header, in their order. */
  cells: PreviewCell[];
}

/** Rows as they would be read, without asking the database for anything. */
export function previewRows(
  records: readonly FileRecord[],
  mapping: readonly MappedHeader[],
  { dateOrder, meanings }: { dateOrder?: DateOrder | undefined; meanings?: ReadonlyMap<string, Meanings> | undefined },
): PreviewRow[] {
  const columns = mapping.flatMap(({ index, header, target }) =>
    target
      ? [{ index, target, read: cellReader(target, dateOrder).read, meaning: meaningReader(target, meanings?.get(header)) }]
      : [],
  ); // prettier-ignore
  return records.map(({ line, cells }) => ({
    line,
    cells: columns.map(({ index, target, read, meaning }) => {
      const cell = meaning(cells[index] ?? '');
      if (cell.trim() === '') return { text: '', problem: null };
      const values = read(cell);
      return values instanceof Unreadable
        ? { text: cell, problem: `${values.reason.charAt(0).toUpperCase()}${values.reason.slice(1)}.` }
        : { text: shownValue(target, values, cell), problem: null };
    }),
  }));
}

function shownValue({ field, part, relation }: Target, values: readonly (string | null)[], cell: string): string {
  const [first = null, ...others] = values;
  if (relation) return relation.junction ? listItems(first).map(withoutIndex).join('; ') : withoutIndex(first ?? '');
  if (part === '')
    switch (field.type) {
      case 'CURRENCY':
        return first === null ? '' : `${decimalOfMicros(first)} ${others[0] ?? ''}`.trim();
      case 'SELECT':
        return field.options.find(({ value }) => value === first)?.label ?? first ?? '';
      case 'MULTI_SELECT':
        return listItems(first)
          .map((item) => field.options.find(({ value }) => value === item)?.label ?? item)
          .join('; ');
      case 'BOOLEAN':
        return first === 'true' ? 'Yes' : 'No';
      case 'PERCENT':
      case 'DURATION':
      case 'RAW_JSON':
      case 'RICH_TEXT':
        return cell.trim();
      case 'EMAILS':
        return [first, ...listItems(others[0] ?? null)].filter(Boolean).join('; ');
      case 'PHONES':
        return [[others[1], first].filter(Boolean).join(' '), ...listItems(others[2] ?? null)]
          .filter(Boolean)
          .join('; ');
      case 'ARRAY':
        return listItems(first).join('; ');
      default:
    }
  if (part === 'amountMicros') return first === null ? '' : decimalOfMicros(first);
  if (first?.startsWith('{') && part.startsWith('additional')) return listItems(first).join('; ');
  return values.filter(Boolean).join(field.type === 'ADDRESS' ? ', ' : ' ');
}

const withoutIndex = (key: string): string => key.slice(key.indexOf(':') + 1);

function decimalOfMicros(micros: string): string {
  const negative = micros.startsWith('-');
  const digits = micros.replace('-', '').padStart(7, '0');
  const fraction = digits.slice(-6).replace(/0+$/, '');
  return `${negative ? '-' : ''}${digits.slice(0, -6)}${fraction ? `.${fraction.padEnd(2, '0')}` : ''}`;
}

/** Of an array as PostgreSQL reads it, which is what the readers of lists write. */
function listItems(literal: string | null): string[] {
  return [...(literal ?? '').matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, item = '']) => item.replace(/\\(.)/g, '$1'));
}
