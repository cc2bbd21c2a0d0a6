import { decimalText } from '../model/formats.ts';
import { fieldById } from '../model/lookup.ts';
import { formatValue } from '../model/text.ts';
import type { ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { valueType } from '../model/valueType.ts';
import type { ViewOptions } from '../views/savedViews.ts';
import type { Cards } from './boardStore.ts';

/** An amount of no currency in particular. */
export const plainAmount = (amount: number): string => decimalText(amount, 2);

/** The currency of all amounts that are loaded; null where there are several, of which a sum has none. */
function currencyOf(field: ModelField, rows: RecordRow[]): string | null {
  const [amount, code] = ['amountMicros', 'currencyCode'].map(
    (part) => field.columns.find((column) => column.part === part)?.name ?? '',
  );
  const codes = new Set(rows.filter((row) => row[amount ?? ''] != null).map((row) => row[code ?? '']));
  const [first] = codes;
  return codes.size === 1 && typeof first === 'string' ? first : null;
}

/** What the cards of a column come to, as people read it; null where nothing is asked or there is nothing. */
export function sumText(
  object: ModelObject,
  summary: ViewOptions['summary'],
  cards: Cards | undefined,
  all: { [column: string]: Cards },
): string | null {
  const field = fieldById(object, summary?.fieldId);
  const sum = cards?.sum ?? null;
  if (!field || sum === null) return null;
  const type = valueType(field);
  if (type !== 'CURRENCY')
    return formatValue(field, type === 'DURATION' ? String(Math.round(Number(sum))) : Number(sum));
  const currencyCode = currencyOf(
    field,
    Object.values(all).flatMap((each) => each.rows),
  );
  return currencyCode === null
    ? plainAmount(Number(sum) / 1e6)
    : formatValue(field, { amountMicros: String(Math.round(Number(sum))), currencyCode });
}
