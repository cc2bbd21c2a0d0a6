import type { FieldModel } from '../model.ts';
import { literal } from '../sql.ts';

/** What a cell of a spreadsheet is. */
export type CellKind = 'text' | 'number' | 'percent' | 'boolean' | 'date' | 'dateTime';

/** What a part of a composite field is called behind the field's own name; nothing for the part that stands for the whole. */
export function headerOf(field: FieldModel, part: string): string {
  if (part === '' || /^(primary(Email|PhoneNumber|LinkUrl)|amountMicros|markdown|text)$/.test(part)) return field.label;
  const words = part.replace(/([a-z])([A-Z0-9])/g, '$1 $2').toLowerCase();
  return field.type === 'FULL_NAME'
    ? words.charAt(0).toUpperCase() + words.slice(1)
    : `${field.label} ${words.replace(/\burl\b/, 'URL')}`;
}

/** A value as people read it, which import reads back: labels of options, amounts of money, lists between semicolons. */
export function humanExpression(field: FieldModel, part: string, value: string): string {
  const type = field.resultType ?? field.type;
  if (part === 'amountMicros') return `trim_scale(${value}::numeric / 1000000)`;
  if (/^additional(Emails|Phones)$/.test(part) || type === 'ARRAY') return `array_to_string(${value}, '; ')`;
  if (type === 'SELECT') return labelOf(field, value);
  if (type === 'MULTI_SELECT')
    return `(select string_agg(${labelOf(field, 'o.value')}, '; ' order by o.place) from unnest(${value}) with ordinality o (value, place))`;
  return value;
}

function labelOf({ options }: FieldModel, value: string): string {
  if (options.length === 0) return value;
  const cases = options.map((option) => `when ${literal(option.value)} then ${literal(option.label)}`);
  return `case ${value} ${cases.join(' ')} else ${value} end`;
}

export function kindOf(field: FieldModel, part: string): CellKind {
  if (part === 'amountMicros' || part === 'lat' || part === 'lng') return 'number';
  if (part !== '') return 'text';
  switch (field.resultType ?? field.type) {
    case 'NUMBER':
    case 'POSITION':
    case 'NUMERIC':
      return field.settings.type === 'percentage' ? 'percent' : 'number';
    case 'PERCENT':
      return 'percent';
    case 'BOOLEAN':
      return 'boolean';
    case 'DATE':
      return 'date';
    case 'DATE_TIME':
      return 'dateTime';
    default:
      return 'text';
  }
}
