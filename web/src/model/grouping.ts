import { addDays, formatDay, formatMonth, joinInstant, localDay } from './dates.ts';
import type { GroupingInput } from './documents.ts';
import type { Clause } from './filters.ts';
import { formats, deviceTimeZone } from './formats.ts';
import { addMonths } from './periods.ts';
import type { ModelField } from './types.ts';
import type { FieldValue } from './values.ts';
import { valueType } from './valueType.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** Spans by which dates and times are grouped. */
export const BUCKET_LABELS = { DAY: 'day', WEEK: 'week', MONTH: 'month', QUARTER: 'quarter', YEAR: 'year' } as const;
export type Bucket = keyof typeof BUCKET_LABELS;

const isDate = (field: ModelField): boolean => ['DATE', 'DATE_TIME'].includes(valueType(field));

export const takesBucket = isDate;

/** By which fields a table is grouped: those whose values many records share. */
export const canGroup = (field: ModelField): boolean =>
  field.isActive &&
  !field.junction &&
  (field.relations.length === 1 || ['SELECT', 'BOOLEAN', 'RATING'].includes(valueType(field)) || isDate(field));

const columnOf = (field: ModelField): string => field.relations[0]?.columnName ?? field.columns[0]?.name ?? '';

const zone = (): string => {
  const { timeZone } = formats();
  return timeZone === 'system' ? deviceTimeZone() : timeZone;
};

export const groupingInput = (field: ModelField, bucket: Bucket | null): GroupingInput => ({
  column: columnOf(field),
  ...(isDate(field) ? { bucket: bucket ?? 'MONTH' } : {}),
  ...(valueType(field) === 'DATE_TIME' ? { timeZone: zone() } : {}),
});

/** The first day after a span that begins with a day. */
function endOf(from: string, bucket: Bucket): string {
  if (bucket === 'DAY' || bucket === 'WEEK') return addDays(from, bucket === 'WEEK' ? 7 : 1);
  return addMonths(from, { MONTH: 1, QUARTER: 3, YEAR: 12 }[bucket]);
}

/** The condition that a record lies in the group of a key. */
export function groupClause(field: ModelField, bucket: Bucket | null, key: string | null): Clause {
  const name = columnOf(field);
  const type = valueType(field);
  if (key === null)
    return type === 'SELECT'
      ? { or: [{ [name]: { isNull: true } }, { [name]: { equalTo: '' } }] }
      : { [name]: { isNull: true } };
  if (type === 'BOOLEAN') return { [name]: { equalTo: key === 'true' } };
  if (type === 'RATING') return { [name]: { equalTo: Number(key) } };
  if (!isDate(field)) return { [name]: { equalTo: key } };
  const bound = (day: string) => (type === 'DATE' ? day : joinInstant(day, '00:00'));
  return { [name]: { greaterThanOrEqualTo: bound(key), lessThan: bound(endOf(key, bucket ?? 'MONTH')) } };
}

/** What the field says of a record that is made in the group; of a span today, or its first day. */
export function groupValue(field: ModelField, bucket: Bucket | null, key: string | null, label: string): FieldValue {
  if (key === null) return null;
  const [relation] = field.relations;
  if (relation) return { relationId: relation.id, id: key, label };
  const type = valueType(field);
  if (type === 'BOOLEAN') return key === 'true';
  if (type === 'RATING') return Number(key);
  if (!isDate(field)) return key;
  const today = localDay(new Date());
  const day = today >= key && today < endOf(key, bucket ?? 'MONTH') ? today : key;
  return type === 'DATE' ? day : joinInstant(day, '09:00');
}

/** A group's name; of a record its id, whose label is another matter. */
export function groupLabel(field: ModelField, bucket: Bucket | null, key: string | null): string {
  if (key === null) return t('No {label}', { label: inSentence(field.label) });
  const type = valueType(field);
  if (type === 'BOOLEAN') return key === 'true' ? t('Yes') : t('No');
  if (type === 'RATING') return t('{key} of 5', { key });
  if (!isDate(field)) return field.options?.find(({ value }) => value === key)?.label ?? key;
  const [year = '', month = '1'] = key.split('-');
  switch (bucket ?? 'MONTH') {
    case 'YEAR':
      return year;
    case 'QUARTER':
      return `Q${Math.ceil(Number(month) / 3)} ${year}`;
    case 'MONTH':
      return formatMonth(key);
    case 'WEEK':
      return `${formatDay(key)} – ${formatDay(addDays(key, 6))}`;
    default:
      return formatDay(key);
  }
}

/** Options in their order, days the latest first, records by their names; what is empty last. */
export function compareGroups(field: ModelField) {
  const places = new Map((field.options ?? []).map(({ value, position }) => [value, position]));
  const isLatestFirst = isDate(field) || ['BOOLEAN', 'RATING'].includes(valueType(field));
  return (a: { key: string | null; label: string }, b: { key: string | null; label: string }): number => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    if (places.size > 0) return (places.get(a.key) ?? Infinity) - (places.get(b.key) ?? Infinity);
    return isLatestFirst ? b.key.localeCompare(a.key) : a.label.localeCompare(b.label);
  };
}
