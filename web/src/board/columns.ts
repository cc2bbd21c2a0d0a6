import { request } from '../api/client.ts';
import { addDays, formatDay, joinInstant, localDay, SHORT_MONTHS, splitInstant } from '../model/dates.ts';
import { listDocument, valuesDocument } from '../model/documents.ts';
import { clauseOf, type Clause, type Operator } from '../model/filters.ts';
import { objectById } from '../model/lookup.ts';
import { addMonths, startOf } from '../model/periods.ts';
import { formatValue, isFraction } from '../model/text.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { isLink, isParts, readValue, recordLabel, type FieldValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import type { ViewBucket } from '../views/savedViews.ts';
import { plainAmount } from './sumText.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

/** One column of a board: which records lie in it, and what becomes of one that is put there. */
export interface BoardColumn {
  key: string;
  label: string;
  color: string | null;
  clause: Clause;
  /** What the field says of a record that comes here; undefined where nobody can tell. */
  valueFor: (before: FieldValue) => FieldValue | undefined;
}

export const NONE = 'none';
/** More than these nobody looks along. */
const MOST_RECORDS = 60;
const MOST_MEMBERS = 40;

const always = (value: FieldValue) => () => value;
const never = () => undefined;

function comparing(field: ModelField, now: Date) {
  return (operator: Operator, value: string): Clause =>
    clauseOf(field, { field: field.name, operator, value }, { now, me: null }) ?? {};
}

const both = (...clauses: Clause[]): Clause => {
  const said = clauses.filter((clause) => Object.keys(clause).length > 0);
  return said.length === 1 && said[0] ? said[0] : { and: said };
};

const noneColumn = (field: ModelField, now: Date): BoardColumn => ({
  key: NONE,
  label: t('No {label}', { label: inSentence(field.label) }),
  color: null,
  clause: comparing(field, now)('empty', ''),
  valueFor: field.isRequired ? never : always(null),
});

function optionColumns(field: ModelField, now: Date): BoardColumn[] {
  const options = [...(field.options ?? [])].sort((a, b) => a.position - b.position);
  return [
    ...options.map(({ value, label, color }) => ({
      key: value,
      label,
      color,
      clause: comparing(field, now)('is', value),
      valueFor: always(value),
    })),
    ...(field.isRequired ? [] : [noneColumn(field, now)]),
  ];
}

function yesAndNo(field: ModelField, now: Date): BoardColumn[] {
  const compare = comparing(field, now);
  return [
    {
      key: 'true',
      label: t('{label}: yes', { label: field.label }),
      color: 'green',
      clause: compare('is', 'true'),
      valueFor: always(true),
    },
    {
      key: 'false',
      label: t('{label}: no', { label: field.label }),
      color: 'gray',
      clause: { or: [compare('is', 'false'), compare('empty', '')] },
      valueFor: always(false),
    },
  ];
}

// ── days ──────────────────────────────────────────────────────────────────────────────────────

interface Span {
  key: string;
  label: string;
  /** The first day, and the one after the last. */
  from: string | null;
  until: string | null;
  /** The day of what is put here. */
  day: string | null;
}

function relativeSpans(today: string): Span[] {
  const nextWeek = addDays(startOf(today, 'week'), 7);
  const tomorrow = addDays(today, 1);
  const after = addDays(today, 2);
  const spans: Span[] = [
    { key: 'overdue', label: t('Before today'), from: null, until: today, day: null },
    { key: 'today', label: t('Today'), from: today, until: tomorrow, day: today },
    { key: 'tomorrow', label: t('Tomorrow'), from: tomorrow, until: after, day: tomorrow },
    { key: 'week', label: t('This week'), from: after, until: nextWeek, day: after },
    {
      key: 'nextWeek',
      label: t('Next week'),
      from: after > nextWeek ? after : nextWeek,
      until: addDays(nextWeek, 7),
      day: after > nextWeek ? after : nextWeek,
    },
    { key: 'later', label: t('Later'), from: addDays(nextWeek, 7), until: null, day: addDays(nextWeek, 7) },
  ];
  // At the end of a week nothing of it is left.
  return spans.filter(({ from, until }) => from === null || until === null || from < until);
}

const SPANS: {
  [bucket in ViewBucket]: { unit: 'day' | 'week' | 'month' | 'quarter' | 'year'; before: number; after: number };
} = {
  DAY: { unit: 'day', before: 3, after: 10 },
  WEEK: { unit: 'week', before: 2, after: 8 },
  MONTH: { unit: 'month', before: 3, after: 9 },
  QUARTER: { unit: 'quarter', before: 4, after: 6 },
  YEAR: { unit: 'year', before: 4, after: 4 },
};

function spanLabel(bucket: ViewBucket, from: string): string {
  const [year = '', month = '1'] = from.split('-');
  if (bucket === 'YEAR') return year;
  if (bucket === 'QUARTER') return `Q${Math.ceil(Number(month) / 3)} ${year}`;
  if (bucket === 'MONTH') return `${SHORT_MONTHS[Number(month) - 1]} ${year}`;
  return bucket === 'WEEK' ? `${formatDay(from)} – ${formatDay(addDays(from, 6))}` : formatDay(from);
}

function calendarSpans(bucket: ViewBucket, today: string): Span[] {
  const { unit, before, after } = SPANS[bucket];
  const step = (day: string, times: number) =>
    unit === 'day' || unit === 'week'
      ? addDays(day, times * (unit === 'week' ? 7 : 1))
      : addMonths(day, times * { month: 1, quarter: 3, year: 12 }[unit]);
  const start = startOf(today, unit);
  const first = step(start, -before);
  const end = step(start, after + 1);
  const spans: Span[] = [{ key: 'before', label: t('Earlier'), from: null, until: first, day: null }];
  for (let from = first; from < end; from = step(from, 1)) {
    const until = step(from, 1);
    spans.push({
      key: from,
      label: spanLabel(bucket, from),
      from,
      until,
      day: today >= from && today < until ? today : from,
    });
  }
  return [...spans, { key: 'after', label: t('Later'), from: end, until: null, day: end }];
}

function spanColumns(field: ModelField, bucket: ViewBucket | null, now: Date): BoardColumn[] {
  const compare = comparing(field, now);
  const today = localDay(now);
  const isTime = valueType(field) === 'DATE_TIME';
  const spans = bucket ? calendarSpans(bucket, today) : relativeSpans(today);
  return [
    ...spans.map(({ key, label, from, until, day }): BoardColumn => ({
      key,
      label,
      color: key === 'overdue' ? 'red' : null,
      clause: both(
        from === null ? {} : compare('after', addDays(from, -1)),
        until === null ? {} : compare('before', until),
      ),
      valueFor: (before) => {
        if (day === null) return undefined;
        if (!isTime) return day;
        return joinInstant(day, typeof before === 'string' ? splitInstant(before).time : '09:00') ?? undefined;
      },
    })),
    noneColumn(field, now),
  ];
}

// ── numbers ───────────────────────────────────────────────────────────────────────────────────

const USUAL_BOUNDS: { [type: string]: number[] } = {
  RATING: [1, 2, 3, 4, 5],
  CURRENCY: [0, 1_000, 10_000, 100_000],
  PERCENT: [0, 25, 50, 75],
  DURATION: [0, 1, 8, 40],
};

export const boundsOf = (field: ModelField, bounds: number[] | undefined): number[] =>
  bounds && bounds.length > 0
    ? bounds
    : (USUAL_BOUNDS[isFraction(field) ? 'PERCENT' : valueType(field)] ?? [0, 10, 100, 1_000]);

/** What a bound is to the field: its text in a filter, and its value in a record. */
function bound(field: ModelField, at: number): { text: string; value: FieldValue; label: string } {
  const type = valueType(field);
  const value: FieldValue =
    type === 'CURRENCY'
      ? { amountMicros: String(Math.round(at * 1e6)), currencyCode: null }
      : type === 'DURATION'
        ? String(at * 3600)
        : isFraction(field)
          ? at / 100
          : type === 'NUMERIC' || field.settings?.dataType === 'bigint'
            ? String(at)
            : at;
  return {
    text: type === 'DURATION' ? `${at}h` : String(at),
    value,
    label: type === 'CURRENCY' ? plainAmount(at) : formatValue(field, value),
  };
}

function rangeColumns(field: ModelField, given: number[] | undefined, now: Date): BoardColumn[] {
  const compare = comparing(field, now);
  const bounds = boundsOf(field, given).map((at) => bound(field, at));
  const isExact = valueType(field) === 'RATING' && !given?.length;
  const first = bounds[0];
  const below: BoardColumn[] =
    first && !isExact
      ? [
          {
            key: 'below',
            label: t('Below {label}', { label: first.label }),
            color: null,
            clause: compare('lt', first.text),
            valueFor: never,
          },
        ]
      : [];
  return [
    ...below,
    ...bounds.map((from, index): BoardColumn => {
      const next = bounds[index + 1];
      return {
        key: from.text,
        label: isExact
          ? from.label
          : next
            ? t('{label} to {nextLabel}', { label: from.label, nextLabel: next.label })
            : t('{label} and more', { label: from.label }),
        color: null,
        clause: both(compare('gte', from.text), next ? compare('lt', next.text) : {}),
        valueFor: (before) =>
          isParts(from.value)
            ? { ...from.value, currencyCode: (isParts(before) && before['currencyCode']) || 'USD' }
            : from.value,
      };
    }),
    noneColumn(field, now),
  ];
}

// ── records ───────────────────────────────────────────────────────────────────────────────────

async function recordColumns(
  model: Model,
  object: ModelObject,
  field: ModelField,
  filter: { [key: string]: ColumnValue } | null,
): Promise<BoardColumn[]> {
  const [relation] = field.relations;
  const target = relation ? objectById(model, relation.targetObjectId) : undefined;
  if (!relation || !target) return [];
  const { list } = await request(valuesDocument(object), {
    column: relation.columnName,
    ...(filter ? { filter } : {}),
  });
  const found = list.groups
    .flatMap(({ key, values }) => (key === null ? [] : [{ key, count: Number(values[0]) }]))
    .sort((a, b) => b.count - a.count)
    .slice(0, MOST_RECORDS)
    .map(({ key }) => key);
  const read = async (first: number, condition?: { [key: string]: ColumnValue }) =>
    first === 0
      ? []
      : (await request(listDocument(model, target, []), { first, ...(condition ? { filter: condition } : {}) })).list
          .nodes;
  // Of members all stand there, so that each can be given something.
  const [used, members] = await Promise.all([
    read(found.length, { id: { in: found } }),
    read(target.nameSingular === 'workspaceMember' ? MOST_MEMBERS : 0),
  ]);
  const rows = new Map<string, RecordRow>([...used, ...members].map((row) => [row.id, row]));
  return [
    ...[...rows.values()]
      .map((row) => ({ id: row.id, label: recordLabel(model, target, row) || t('Untitled') }))
      .sort((a, b) => a.label.localeCompare(b.label))
      .map(({ id, label }) => ({
        key: id,
        label,
        color: null,
        clause: { [relation.columnName]: { equalTo: id } },
        valueFor: always({ relationId: relation.id, id, label }),
      })),
    noneColumn(field, new Date()),
  ];
}

interface Asked {
  model: Model;
  object: ModelObject;
  field: ModelField;
  filter: { [key: string]: ColumnValue } | null;
  bucket: ViewBucket | null;
  bounds: number[] | undefined;
  now: Date;
}

/** All columns of a board, hidden ones among them. */
export async function columnsBy({ model, object, field, filter, bucket, bounds, now }: Asked): Promise<BoardColumn[]> {
  if (field.relations.length > 0) return recordColumns(model, object, field, filter);
  switch (valueType(field)) {
    case 'SELECT':
      return optionColumns(field, now);
    case 'BOOLEAN':
      return yesAndNo(field, now);
    case 'DATE':
    case 'DATE_TIME':
      return spanColumns(field, bucket, now);
    default:
      return rangeColumns(field, bounds, now);
  }
}

/** Whether a record has just what the column would give it, so that putting it there changes nothing of it. */
export function isAlready(model: Model, field: ModelField, row: RecordRow, value: FieldValue): boolean {
  const now = readValue(model, field, row);
  return isLink(now) && isLink(value) ? now.id === value.id : JSON.stringify(now) === JSON.stringify(value);
}
