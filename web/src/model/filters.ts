import { addDays, joinInstant, localDay, parseDay } from './dates.ts';
import { parseDuration } from './duration.ts';
import { parseMoney, parseNumber } from './money.ts';
import { isFraction } from './text.ts';
import { periodDays } from './periods.ts';
import type { ColumnValue, FieldType, ModelField } from './types.ts';
import { valueType } from './valueType.ts';
import { t } from '../language/t.ts';

export type Operator =
  | 'contains'
  | 'lacks'
  | 'is'
  | 'isNot'
  | 'starts'
  | 'ends'
  | 'eq'
  | 'neq'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'between'
  | 'within'
  | 'on'
  | 'before'
  | 'after'
  | 'last'
  | 'next'
  | 'this'
  | 'today'
  | 'past'
  | 'future'
  | 'empty'
  | 'filled';

export interface Filter {
  /** A field's name, or `*` for any text of the record. */
  field: string;
  /** The relation of the record that leads to the field, when it is another record's. */
  via?: string;
  operator: Operator;
  value: string;
}

/** Looks for a text in any field. */
export const ANY_FIELD = '*';

export type Clause = { [key: string]: ColumnValue };

export const OPERATOR_LABELS: { [operator in Operator]: string } = {
  contains: 'contains',
  lacks: t('does not contain'),
  is: 'is',
  isNot: t('is not'),
  starts: t('starts with'),
  ends: t('ends with'),
  eq: '=',
  neq: '≠',
  gt: '>',
  gte: '≥',
  lt: '<',
  lte: '≤',
  between: t('is between'),
  within: t('is within'),
  on: 'is',
  before: t('is before'),
  after: t('is after'),
  last: t('in the last'),
  next: t('in the next'),
  this: t('in this'),
  today: t('is today'),
  past: t('is in the past'),
  future: t('is in the future'),
  empty: t('is empty'),
  filled: t('is not empty'),
};

const TEXT: Operator[] = ['contains', 'lacks', 'is', 'isNot', 'starts', 'ends', 'empty', 'filled'];
const NUMBER: Operator[] = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'between', 'empty', 'filled'];
const DAY: Operator[] = [
  'on',
  'before',
  'after',
  'between',
  'last',
  'next',
  'this',
  'today',
  'past',
  'future',
  'empty',
  'filled',
];

const OPERATORS: { [type in FieldType]?: Operator[] } = {
  TEXT,
  FULL_NAME: TEXT,
  EMAILS: TEXT,
  PHONES: TEXT,
  LINKS: TEXT,
  ADDRESS: [...TEXT, 'within'],
  ACTOR: TEXT,
  RICH_TEXT: ['contains', 'lacks', 'empty', 'filled'],
  NUMBER,
  NUMERIC: NUMBER,
  CURRENCY: NUMBER,
  RATING: NUMBER,
  DATE: DAY,
  DATE_TIME: DAY,
  BOOLEAN: ['is', 'empty', 'filled'],
  SELECT: ['is', 'isNot', 'empty', 'filled'],
  MULTI_SELECT: ['contains', 'lacks', 'empty', 'filled'],
  ARRAY: ['contains', 'lacks', 'empty', 'filled'],
  RELATION: ['is', 'isNot', 'empty', 'filled'],
  MEMBER: ['is', 'isNot', 'empty', 'filled'],
  MORPH_RELATION: ['is', 'isNot', 'empty', 'filled'],
  MANY_TO_MANY: ['contains', 'lacks', 'empty', 'filled'],
  AUTO_NUMBER: ['contains', ...NUMBER],
  PERCENT: NUMBER,
  DURATION: NUMBER,
  COLOR: ['is', 'isNot', 'empty', 'filled'],
  LOCATION: ['within', 'empty', 'filled'],
  RAW_JSON: ['contains', 'lacks', 'empty', 'filled'],
  FILES: ['contains', 'lacks', 'empty', 'filled'],
};

/** The columns in which text is looked for. */
const TEXT_PARTS: { [type in FieldType]?: string[] } = {
  TEXT: [''],
  FULL_NAME: ['firstName', 'lastName'],
  EMAILS: ['primaryEmail'],
  PHONES: ['primaryPhoneNumber'],
  LINKS: ['primaryLinkUrl', 'primaryLinkLabel'],
  ADDRESS: ['street1', 'city', 'postcode', 'state', 'country'],
  ACTOR: ['name'],
  RICH_TEXT: ['markdown'],
  COLOR: [''],
};

/** The columns of a field that holds text; none of another's. */
export const textColumns = (field: ModelField): string[] =>
  (TEXT_PARTS[valueType(field)] ?? []).flatMap((part) => column(field, part) ?? []);

export const operatorsOf = (field: ModelField): Operator[] => OPERATORS[valueType(field)] ?? [];

const WITHOUT_VALUE: Operator[] = ['empty', 'filled', 'today', 'past', 'future'];

export const takesValue = (operator: Operator): boolean => !WITHOUT_VALUE.includes(operator);

export const encodeFilter = ({ field, via, operator, value }: Filter): string =>
  `${via ? `${via}.` : ''}${field}:${operator}:${value}`;

export function decodeFilter(text: string): Filter | null {
  const match = /^([^:]+):([^:]+):?([\s\S]*)$/.exec(text);
  const operator = match?.[2];
  if (!match?.[1] || !operator || !(operator in OPERATOR_LABELS)) return null;
  const [first = '', second] = match[1].split('.');
  return {
    ...(second === undefined ? { field: first } : { field: second, via: first }),
    operator: operator as Operator,
    value: match[3] ?? '',
  };
}

/** Both ends of a "between", the lesser first where that can be told. */
export const bounds = (value: string): [string, string] => {
  const [from = '', to = ''] = value.split('..');
  return [from.trim(), to.trim()];
};

/** Who reads the filter, and when: "today" and "me" mean something else for each. */
export interface Reader {
  now: Date;
  me: string | null;
}

/** What is wrong with the value, in a sentence, or null. */
export function valueProblem(field: ModelField, filter: Filter): string | null {
  if (!operatorsOf(field).includes(filter.operator)) return t('This field is not compared so.');
  if (!takesValue(filter.operator)) return null;
  if (filter.value.trim() === '') return t('Enter a value.');
  return clauseOf(field, filter, { now: new Date(), me: null }) ? null : t('This value does not fit the field.');
}

const column = (field: ModelField, part: string): string | undefined =>
  field.columns.find((c) => c.part === part)?.name;

export const anyOf = (clauses: Clause[]): Clause => (clauses.length === 1 && clauses[0] ? clauses[0] : { or: clauses });
export const allOf = (clauses: Clause[]): Clause =>
  clauses.length === 1 && clauses[0] ? clauses[0] : { and: clauses };

function textClause(field: ModelField, filter: Filter): Clause | null {
  const names = textColumns(field);
  const some = (operator: string, value: string) => anyOf(names.map((name) => ({ [name]: { [operator]: value } })));
  const isBlank = (name: string): Clause => ({ or: [{ [name]: { isNull: true } }, { [name]: { equalTo: '' } }] });
  const value = filter.value.trim();
  // A full name lies in two columns, so each word may be in either.
  const words = field.type === 'FULL_NAME' ? value.split(/\s+/) : [value];
  switch (filter.operator) {
    case 'contains':
      return allOf(words.map((word) => some('includesInsensitive', word)));
    case 'lacks':
      return allOf(
        names.map((name) => ({ or: [{ [name]: { isNull: true } }, { [name]: { notIncludesInsensitive: value } }] })),
      );
    case 'is':
      return allOf(words.map((word) => some('equalTo', word)));
    case 'isNot':
      return {
        not: allOf(
          words.map((word) =>
            anyOf(names.map((name) => ({ and: [{ [name]: { isNull: false } }, { [name]: { equalTo: word } }] }))),
          ),
        ),
      };
    case 'starts':
      return some('startsWithInsensitive', value);
    case 'ends':
      return some('endsWithInsensitive', value);
    case 'empty':
      return allOf(names.map(isBlank));
    case 'filled':
      return { or: names.map((name) => ({ [name]: { isNull: false, notEqualTo: '' } })) };
    default:
      return null;
  }
}

/** A part of the world: south, west, north, east. One that goes over the edge of the map has its west beyond its east. */
function boxClause(field: ModelField, value: string): Clause | null {
  const [lat, lng] = [column(field, 'lat'), column(field, 'lng')];
  const edges = value.split(',').map((edge) => (edge.trim() === '' ? NaN : Number(edge)));
  const [south, west, north, east] = edges;
  if (!lat || !lng || edges.length !== 4 || !edges.every(Number.isFinite)) return null;
  const across: Clause =
    west! <= east!
      ? { [lng]: { greaterThanOrEqualTo: west!, lessThanOrEqualTo: east! } }
      : { or: [{ [lng]: { greaterThanOrEqualTo: west! } }, { [lng]: { lessThanOrEqualTo: east! } }] };
  return { and: [{ [lat]: { greaterThanOrEqualTo: south!, lessThanOrEqualTo: north! } }, across] };
}

const COMPARISONS: { [operator in Operator]?: string } = {
  eq: 'equalTo',
  gt: 'greaterThan',
  gte: 'greaterThanOrEqualTo',
  lt: 'lessThan',
  lte: 'lessThanOrEqualTo',
};

/** The part that says whether a field is empty, and that is compared. */
function leadingPart(field: ModelField): string {
  const type = valueType(field);
  return type === 'CURRENCY' ? 'amountMicros' : type === 'LOCATION' ? 'lat' : '';
}

/** The API carries what does not fit a number of JavaScript as text. */
const bigInteger = (field: ModelField, value: number): ColumnValue =>
  ['NUMERIC', 'AUTO_NUMBER', 'DURATION'].includes(field.type) || field.settings?.dataType === 'bigint'
    ? String(value)
    : value;

function measured(field: ModelField, text: string): ColumnValue {
  const type = valueType(field);
  if (type === 'DURATION') {
    const seconds = parseDuration(text);
    return seconds === null ? null : bigInteger(field, seconds);
  }
  if (type === 'CURRENCY') return parseMoney(text, 'USD')?.amountMicros ?? null;
  const number = parseNumber(text);
  return number === null ? null : bigInteger(field, isFraction(field) ? number / 100 : number);
}

function numberClause(field: ModelField, filter: Filter): Clause | null {
  const name = column(field, leadingPart(field));
  if (!name) return null;
  if (filter.operator === 'between') {
    const ends = bounds(filter.value)
      .map((text) => measured(field, text))
      .sort((a, b) => Number(a) - Number(b));
    return ends.includes(null) ? null : { [name]: { greaterThanOrEqualTo: ends[0]!, lessThanOrEqualTo: ends[1]! } };
  }
  const value = measured(field, filter.value);
  if (value === null) return null;
  // What is empty is no such number, either.
  if (filter.operator === 'neq') return { or: [{ [name]: { isNull: true } }, { [name]: { notEqualTo: value } }] };
  const comparison = COMPARISONS[filter.operator];
  return comparison ? { [name]: { [comparison]: value } } : null;
}

function dayClause(field: ModelField, filter: Filter, now: Date): Clause | null {
  const name = column(field, '');
  if (!name) return null;
  const isDay = valueType(field) === 'DATE';
  if (!isDay && filter.operator === 'past') return { [name]: { lessThan: now.toISOString() } };
  if (!isDay && filter.operator === 'future') return { [name]: { greaterThan: now.toISOString() } };
  const days = daysOf(filter, now);
  if (!days) return null;
  const bound = (day: string) => (isDay ? day : joinInstant(day, '00:00'));
  const range: Clause = {};
  if (days.from) range['greaterThanOrEqualTo'] = bound(days.from);
  if (days.until) range['lessThan'] = bound(days.until);
  return { [name]: range };
}

/** The days that a comparison means when it is `now`: from the first to before the last. Null when its value is none. */
function daysOf({ operator, value }: Filter, now: Date): { from?: string; until?: string } | null {
  const today = localDay(now);
  const day = parseDay(value, now);
  switch (operator) {
    case 'last':
    case 'next':
    case 'this':
      return periodDays(operator, value, today);
    case 'today':
      return { from: today, until: addDays(today, 1) };
    case 'past':
      return { until: today };
    case 'future':
      return { from: addDays(today, 1) };
    case 'between': {
      const [from, to] = bounds(value)
        .map((text) => parseDay(text, now))
        .sort();
      return from && to ? { from, until: addDays(to, 1) } : null;
    }
    case 'before':
      return day ? { until: day } : null;
    case 'after':
      return day ? { from: addDays(day, 1) } : null;
    case 'on':
      return day ? { from: day, until: addDays(day, 1) } : null;
    default:
      return null;
  }
}

/** Stands in a filter for whoever looks at it, so that a filter sent to a colleague means the colleague. */
export const ME = 'me';

function choiceClause(field: ModelField, filter: Filter, me: string | null): Clause | null {
  const values = filter.value
    .split(',')
    .filter(Boolean)
    .map((value) => (value === ME && me ? me : value));
  if (values.length === 0) return null;
  const negative = filter.operator === 'isNot' || filter.operator === 'lacks';
  if (field.relations.length > 0) {
    const names = field.relations.map((relation) => relation.columnName);
    return negative
      ? allOf(names.map((name) => ({ or: [{ [name]: { isNull: true } }, { not: { [name]: { in: values } } }] })))
      : anyOf(names.map((name) => ({ [name]: { in: values } })));
  }
  const name = column(field, '');
  if (!name) return null;
  if (valueType(field) === 'BOOLEAN') return { [name]: { equalTo: values[0] === 'true' } };
  const many = valueType(field) === 'MULTI_SELECT' || valueType(field) === 'ARRAY';
  const wanted: Clause = { [name]: many ? { overlaps: values } : { in: values } };
  return negative ? { or: [{ [name]: { isNull: true } }, { not: wanted }] } : wanted;
}

/** Links are rows of their own, so a many-to-many field is asked by what exists among them. */
function linkClause(field: ModelField, filter: Filter): Clause | null {
  if (!takesValue(filter.operator)) return { [`${field.name}Exist`]: filter.operator === 'filled' };
  const values = filter.value.split(',').filter(Boolean);
  if (values.length === 0) return null;
  const wanted: Clause = { id: { in: values } };
  return { [field.name]: filter.operator === 'lacks' ? { none: wanted } : { some: wanted } };
}

/** The filter of one comparison over a field of the object itself; null when its value is none. */
export function clauseOf(field: ModelField, filter: Filter, { now, me }: Reader): Clause | null {
  if (!operatorsOf(field).includes(filter.operator)) return null;
  if (field.junction) return linkClause(field, filter);
  if (filter.operator === 'within') return boxClause(field, filter.value);
  if (TEXT_PARTS[valueType(field)]) return textClause(field, filter);
  if (filter.operator === 'empty' || filter.operator === 'filled') {
    const names =
      field.relations.length > 0
        ? field.relations.map((relation) => relation.columnName)
        : [column(field, leadingPart(field)) ?? ''];
    const isNull = filter.operator === 'empty';
    const clauses = names.map((name) => ({ [name]: { isNull } }));
    return isNull ? allOf(clauses) : anyOf(clauses);
  }
  if (valueType(field) === 'DATE' || valueType(field) === 'DATE_TIME') return dayClause(field, filter, now);
  if (NUMBER.includes(filter.operator)) return numberClause(field, filter);
  if (field.type === 'AUTO_NUMBER') {
    const text = field.columns.find((each) => each.part !== '')?.name;
    return text ? { [text]: { includesInsensitive: filter.value.trim() } } : null;
  }
  if (['RAW_JSON', 'FILES'].includes(valueType(field))) {
    const name = column(field, '');
    const value = filter.value.trim();
    if (!name || value === '') return null;
    return filter.operator === 'contains'
      ? { [name]: { includesInsensitive: value } }
      : { or: [{ [name]: { isNull: true } }, { [name]: { notIncludesInsensitive: value } }] };
  }
  return choiceClause(field, filter, me);
}

/** A text in any field that holds texts. */
export function anyTextClause(fields: ModelField[], filter: Filter): Clause | null {
  const value = filter.value.trim();
  if (value === '') return null;
  const each = fields
    .filter((field) => TEXT_PARTS[valueType(field)] && operatorsOf(field).includes(filter.operator))
    .flatMap((field): Clause[] => {
      const clause = textClause(field, filter);
      return clause ? [clause] : [];
    });
  if (each.length === 0) return null;
  return filter.operator === 'lacks' ? allOf(each) : anyOf(each);
}
