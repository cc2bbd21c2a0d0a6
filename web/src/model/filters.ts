import { addDays, joinInstant, localDay, parseDay } from './dates.ts';
import { parseDuration } from './duration.ts';
import { parseMoney, parseNumber } from './money.ts';
import { isFraction } from './text.ts';
import type { ColumnValue, FieldType, ModelField, ModelObject } from './types.ts';
import { valueType } from './valueType.ts';

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
  MEMBER: ['is', 'isNot', 'empty', 'filled'],
  MORPH_RELATION: ['is', 'isNot', 'empty', 'filled'],
  MANY_TO_MANY: ['contains', 'lacks', 'empty', 'filled'],
  AUTO_NUMBER: ['contains', ...NUMBER],
  PERCENT: NUMBER,
  DURATION: NUMBER,
  COLOR: ['is', 'isNot', 'empty', 'filled'],
  LOCATION: ['empty', 'filled'],
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
  COLOR: [''],
};

export const operatorsOf = (field: ModelField): Operator[] => OPERATORS[valueType(field)] ?? [];

export const takesValue = (operator: Operator): boolean => operator !== 'empty' && operator !== 'filled';

export const encodeFilter = (filter: Filter): string => `${filter.field}:${filter.operator}:${filter.value}`;

export function decodeFilter(text: string): Filter | null {
  const match = /^([^:]+):([^:]+):?([\s\S]*)$/.exec(text);
  const operator = match?.[2];
  if (!match?.[1] || !operator || !(operator in OPERATOR_LABELS)) return null;
  return { field: match[1], operator: operator as Operator, value: match[3] ?? '' };
}

/** Who reads the filter, and when: "today" and "me" mean something else for each. */
interface Reader {
  now: Date;
  me: string | null;
}

/** What is wrong with the value, in a sentence, or null. */
export function filterProblem(field: ModelField, filter: Filter): string | null {
  if (!takesValue(filter.operator)) return null;
  if (filter.value.trim() === '') return 'Enter a value.';
  return clauseOf(field, filter, { now: new Date(), me: null }) ? null : 'This value does not fit the field.';
}

const column = (field: ModelField, part: string): string | undefined =>
  field.columns.find((c) => c.part === part)?.name;

const anyOf = (clauses: Clause[]): Clause => (clauses.length === 1 && clauses[0] ? clauses[0] : { or: clauses });
const allOf = (clauses: Clause[]): Clause => (clauses.length === 1 && clauses[0] ? clauses[0] : { and: clauses });

function textClause(field: ModelField, filter: Filter): Clause | null {
  const names = (TEXT_PARTS[valueType(field)] ?? []).flatMap((part) => column(field, part) ?? []);
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

function numberClause(field: ModelField, filter: Filter): Clause | null {
  const type = valueType(field);
  const name = column(field, leadingPart(field));
  const comparison = COMPARISONS[filter.operator];
  if (!name || !comparison) return null;
  if (type === 'DURATION') {
    const seconds = parseDuration(filter.value);
    return seconds === null ? null : { [name]: { [comparison]: bigInteger(field, seconds) } };
  }
  if (type === 'CURRENCY') {
    const money = parseMoney(filter.value, 'USD');
    return money ? { [name]: { [comparison]: money.amountMicros } } : null;
  }
  const number = parseNumber(filter.value);
  if (number === null) return null;
  return { [name]: { [comparison]: bigInteger(field, isFraction(field) ? number / 100 : number) } };
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
  const bound = (day: string) => (valueType(field) === 'DATE' ? day : joinInstant(day, '00:00'));
  const range: Clause = {};
  if (from) range['greaterThanOrEqualTo'] = bound(from);
  if (until) range['lessThan'] = bound(until);
  return { [name]: range };
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

function clauseOf(field: ModelField, filter: Filter, { now, me }: Reader): Clause | null {
  if (!operatorsOf(field).includes(filter.operator)) return null;
  if (field.junction) return linkClause(field, filter);
  if (TEXT_PARTS[valueType(field)]) return textClause(field, filter);
  if (!takesValue(filter.operator)) {
    const names =
      field.relations.length > 0
        ? field.relations.map((relation) => relation.columnName)
        : [column(field, leadingPart(field)) ?? ''];
    const isNull = filter.operator === 'empty';
    const clauses = names.map((name) => ({ [name]: { isNull } }));
    return isNull ? allOf(clauses) : anyOf(clauses);
  }
  if (DAY.includes(filter.operator)) return dayClause(field, filter, now);
  if (NUMBER.includes(filter.operator)) return numberClause(field, filter);
  if (field.type === 'AUTO_NUMBER') {
    const text = field.columns.find((each) => each.part !== '')?.name;
    return text ? { [text]: { includesInsensitive: filter.value.trim() } } : null;
  }
  return choiceClause(field, filter, me);
}

/** The GraphQL filter for all the chips at once. A chip whose field is gone or whose value does not fit is left out. */
export function toGraphQLFilter(
  object: ModelObject,
  filters: Filter[],
  now: Date = new Date(),
  me: string | null = null,
): Clause | null {
  const clauses = filters.flatMap((filter): Clause[] => {
    const field = object.fields.find((f) => f.name === filter.field && f.isActive);
    const clause = field ? clauseOf(field, filter, { now, me }) : null;
    return clause ? [clause] : [];
  });
  return clauses.length === 0 ? null : allOf(clauses);
}
