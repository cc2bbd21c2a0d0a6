import { addDays, joinInstant, localDay, parseDay } from './dates.ts';
import { parseMoney, parseNumber } from './money.ts';
import type { ColumnValue, FieldType, ModelField, ModelObject } from './types.ts';

export type Operator =
  | 'contains'
  | 'lacks'
  | 'is'
  | 'isNot'
  | 'starts'
  | 'eq'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'on'
  | 'before'
  | 'after'
  | 'last'
  | 'next'
  | 'empty'
  | 'filled';

export interface Filter {
  field: string;
  operator: Operator;
  value: string;
}

type Clause = { [key: string]: ColumnValue };

export const OPERATOR_LABELS: { [operator in Operator]: string } = {
  contains: 'contains',
  lacks: 'does not contain',
  is: 'is',
  isNot: 'is not',
  starts: 'starts with',
  eq: '=',
  gt: '>',
  gte: '≥',
  lt: '<',
  lte: '≤',
  on: 'is',
  before: 'is before',
  after: 'is after',
  last: 'in the last days',
  next: 'in the next days',
  empty: 'is empty',
  filled: 'is not empty',
};

const TEXT: Operator[] = ['contains', 'lacks', 'is', 'isNot', 'starts', 'empty', 'filled'];
const NUMBER: Operator[] = ['eq', 'gt', 'gte', 'lt', 'lte', 'empty', 'filled'];
const DAY: Operator[] = ['on', 'before', 'after', 'last', 'next', 'empty', 'filled'];

const OPERATORS: { [type in FieldType]?: Operator[] } = {
  TEXT,
  FULL_NAME: TEXT,
  EMAILS: TEXT,
  PHONES: TEXT,
  LINKS: TEXT,
  ADDRESS: TEXT,
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
  MORPH_RELATION: ['empty', 'filled'],
  RAW_JSON: ['empty', 'filled'],
  FILES: ['empty', 'filled'],
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
};

export const operatorsOf = (field: ModelField): Operator[] => OPERATORS[field.type] ?? [];

export const takesValue = (operator: Operator): boolean => operator !== 'empty' && operator !== 'filled';

export const encodeFilter = (filter: Filter): string => `${filter.field}:${filter.operator}:${filter.value}`;

export function decodeFilter(text: string): Filter | null {
  const match = /^([^:]+):([^:]+):?([\s\S]*)$/.exec(text);
  const operator = match?.[2];
  if (!match?.[1] || !operator || !(operator in OPERATOR_LABELS)) return null;
  return { field: match[1], operator: operator as Operator, value: match[3] ?? '' };
}

/** What is wrong with the value, in a sentence, or null. */
export function filterProblem(field: ModelField, filter: Filter): string | null {
  if (!takesValue(filter.operator)) return null;
  if (filter.value.trim() === '') return 'Enter a value.';
  return clauseOf(field, filter) ? null : 'This value does not fit the field.';
}

const column = (field: ModelField, part: string): string | undefined =>
  field.columns.find((c) => c.part === part)?.name;

const anyOf = (clauses: Clause[]): Clause => (clauses.length === 1 && clauses[0] ? clauses[0] : { or: clauses });
const allOf = (clauses: Clause[]): Clause => (clauses.length === 1 && clauses[0] ? clauses[0] : { and: clauses });

function textClause(field: ModelField, filter: Filter): Clause | null {
  const names = (TEXT_PARTS[field.type] ?? []).flatMap((part) => column(field, part) ?? []);
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
    case 'empty':
      return allOf(names.map(isBlank));
    case 'filled':
      return { or: names.map((name) => ({ [name]: { isNull: false, notEqualTo: '' } })) };
    default:
      return null;
  }
}

const COMPARISONS: { [operator in Operator]?: string } = {
  eq: 'equalTo',
  gt: 'greaterThan',
  gte: 'greaterThanOrEqualTo',
  lt: 'lessThan',
  lte: 'lessThanOrEqualTo',
};

function numberClause(field: ModelField, filter: Filter): Clause | null {
  const name = column(field, field.type === 'CURRENCY' ? 'amountMicros' : '');
  const comparison = COMPARISONS[filter.operator];
  if (!name || !comparison) return null;
  if (field.type === 'CURRENCY') {
    const money = parseMoney(filter.value, 'USD');
    return money ? { [name]: { [comparison]: money.amountMicros } } : null;
  }
  const number = parseNumber(filter.value);
  if (number === null) return null;
  const asText = field.type === 'NUMERIC' || field.settings?.dataType === 'bigint';
  return { [name]: { [comparison]: asText ? String(number) : number } };
}

function dayClause(field: ModelField, filter: Filter, now: Date): Clause | null {
  const name = column(field, '');
  if (!name) return null;
  const today = localDay(now);
  let from: string | null = null;
  let until: string | null = null;
  if (filter.operator === 'last' || filter.operator === 'next') {
    const days = Number(filter.value);
    if (!Number.isInteger(days) || days < 1 || days > 36_500) return null;
    from = filter.operator === 'last' ? addDays(today, 1 - days) : today;
    until = addDays(today, filter.operator === 'last' ? 1 : days);
  } else {
    const day = parseDay(filter.value, now);
    if (!day) return null;
    if (filter.operator !== 'before') from = filter.operator === 'after' ? addDays(day, 1) : day;
    if (filter.operator !== 'after') until = filter.operator === 'before' ? day : addDays(day, 1);
  }
  const bound = (day: string) => (field.type === 'DATE' ? day : joinInstant(day, '00:00'));
  const range: Clause = {};
  if (from) range['greaterThanOrEqualTo'] = bound(from);
  if (until) range['lessThan'] = bound(until);
  return { [name]: range };
}

function choiceClause(field: ModelField, filter: Filter): Clause | null {
  const name = field.relations[0]?.columnName ?? column(field, '');
  const values = filter.value.split(',').filter(Boolean);
  if (!name || values.length === 0) return null;
  if (field.type === 'BOOLEAN') return { [name]: { equalTo: values[0] === 'true' } };
  const many = field.type === 'MULTI_SELECT' || field.type === 'ARRAY';
  const wanted: Clause = { [name]: many ? { overlaps: values } : { in: values } };
  const negative = filter.operator === 'isNot' || filter.operator === 'lacks';
  return negative ? { or: [{ [name]: { isNull: true } }, { not: wanted }] } : wanted;
}

function clauseOf(field: ModelField, filter: Filter, now: Date = new Date()): Clause | null {
  if (!operatorsOf(field).includes(filter.operator)) return null;
  if (TEXT_PARTS[field.type]) return textClause(field, filter);
  if (!takesValue(filter.operator)) {
    const names =
      field.relations.length > 0
        ? field.relations.map((relation) => relation.columnName)
        : [column(field, field.type === 'CURRENCY' ? 'amountMicros' : '') ?? ''];
    const isNull = filter.operator === 'empty';
    const clauses = names.map((name) => ({ [name]: { isNull } }));
    return isNull ? allOf(clauses) : anyOf(clauses);
  }
  if (field.type === 'DATE' || field.type === 'DATE_TIME') return dayClause(field, filter, now);
  if (NUMBER.includes(filter.operator)) return numberClause(field, filter);
  return choiceClause(field, filter);
}

/** The GraphQL filter for all the chips at once. A chip whose field is gone or whose value does not fit is left out. */
export function toGraphQLFilter(object: ModelObject, filters: Filter[], now: Date = new Date()): Clause | null {
  const clauses = filters.flatMap((filter): Clause[] => {
    const field = object.fields.find((f) => f.name === filter.field && f.isActive);
    const clause = field ? clauseOf(field, filter, now) : null;
    return clause ? [clause] : [];
  });
  return clauses.length === 0 ? null : allOf(clauses);
}
