import { junctionOf, objectById, type FieldModel, type Model, type ObjectModel } from '../model.ts';
import { RecordsError } from '../recordsError.ts';
import { identifier, literal } from '../sql.ts';
import type { IsReadable } from '../export/columns.ts';
import { daySql } from './days.ts';
import { measureSql } from './measures.ts';

/** A filter as views keep it; see db/sql/engine/views/filter.sql. */
export type StoredFilter = Comparison | { and: StoredFilter[] } | { or: StoredFilter[] } | { not: StoredFilter };

export interface Comparison {
  fieldId?: string;
  via?: string[];
  operand: string;
  value?: unknown;
}

/** Who looks, and when: "me" and "today" mean something else for each. */
export interface Reader {
  now: Date;
  timeZone: string;
  memberId: string;
}

interface Context extends Reader {
  model: Model;
  schema: string;
  isReadable: IsReadable;
}

interface Place {
  object: ObjectModel;
  row: string;
}

/** The columns in which a text is looked for, by the type of the value. */
const TEXT_PARTS: { [type: string]: string[] } = {
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

/** Of the fields that every object has, those that people see. */
const SYSTEM_VISIBLE = ['createdAt', 'createdBy', 'updatedAt', 'updatedBy'];

/** Comparisons that speak of what is not there, or is not so. They hold where the record in between is missing, too. */
const NEGATIVE = ['DOES_NOT_CONTAIN', 'IS_NOT', 'IS_EMPTY'];
const WITHOUT_VALUE = ['IS_EMPTY', 'IS_NOT_EMPTY', 'IS_TODAY', 'IS_IN_PAST', 'IS_IN_FUTURE'];

/**
 * The condition over rows "r" that a filter comes to. It means what the screen means by it, which a test holds over random
 * filters and records. A comparison without a value is left out, as on the screen; what cannot be applied is refused, since
 * leaving it out would show more than was meant. Null where nothing is filtered.
 */
export function filterSql(filter: StoredFilter | null, object: ObjectModel, context: Context): string | null {
  return filter && node(filter, { object, row: 'r' }, context);
}

function node(stored: StoredFilter, place: Place, context: Context): string | null {
  if ('and' in stored || 'or' in stored) {
    const [word, list] = 'and' in stored ? [' and ', stored.and] : [' or ', stored.or];
    const parts = list.flatMap((each) => node(each, place, context) ?? []);
    return parts.length === 0 ? null : `(${parts.join(word)})`;
  }
  if ('not' in stored) {
    const inner = node(stored.not, place, context);
    return inner && `not ${inner}`;
  }
  const condition = compare(stored, place, context);
  // Each is true or false, also where there is no value: so "none of" holds there.
  return condition && `coalesce(${condition}, false)`;
}

function compare(comparison: Comparison, place: Place, context: Context): string | null {
  if (!WITHOUT_VALUE.includes(comparison.operand) && isBlank(comparison.value)) return null;
  if (comparison.fieldId === undefined) return anyText(comparison, place, context);
  const [viaId, ...further] = comparison.via ?? [];
  if (viaId === undefined) return compareField(fieldOf(place.object, comparison.fieldId), comparison, place, context);
  const via = fieldOf(place.object, viaId);
  const [relation] = via.relations;
  if (!relation || further.length > 0) throw refusal('The filter looks at a record that is too far away.');
  const target = objectById(context.model, relation.targetObjectId);
  const there: Place = { object: target, row: 'v' };
  const condition = compareField(fieldOf(target, comparison.fieldId), comparison, there, context);
  if (condition === null) return null;
  const link = column(place, relation.column, context);
  const one = (also: string) => `exists (select from ${tableOf(target, context)} v where v.id = ${link}${also})`;
  const found = one(` and coalesce(${condition}, false)`);
  return NEGATIVE.includes(comparison.operand) ? `(not ${one('')} or ${found})` : found;
}

const isBlank = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) ? value : [value]).every((each) => String(each).trim() === '');

const refusal = (message: string): RecordsError =>
  new RecordsError('FILTER_NOT_APPLIED', message, 'Open the view, mend its filter, and save it.');

function fieldOf(object: ObjectModel, id: string): FieldModel {
  const field = object.fields.find((each) => each.id === id && each.isActive);
  if (!field) throw refusal(`The filter asks for a field of ${object.labelPlural} that there is not any more.`);
  return field;
}

const typeOf = (field: FieldModel): string => field.resultType ?? field.type;
const tableOf = (object: ObjectModel, { schema }: Context) => `${identifier(schema)}.${identifier(object.tableName)}`;

function column({ object, row }: Place, name: string, { isReadable }: Context): string {
  if (!isReadable(object.tableName, name))
    throw new RecordsError(
      'NOT_ALLOWED',
      `The filter asks for a field of ${object.labelPlural} that your role does not read.`,
      'Ask an administrator for the right, or change the filter.',
    );
  return `${row}.${identifier(name)}`;
}

const columnsOf = (field: FieldModel, parts: readonly string[], place: Place, context: Context): string[] =>
  parts.flatMap((part) =>
    field.columns.filter((each) => each.part === part).map((each) => column(place, each.column, context)),
  );

const listOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value.map(String) : String(value ?? '').split(','))
    .map((each) => each.trim())
    .filter(Boolean);
const textOf = (value: unknown): string =>
  (Array.isArray(value) ? value.map(String).join(',') : String(value ?? '')).trim();
const arrayOf = (values: readonly string[], type: string) => `array[${values.map(literal).join(', ')}]::${type}[]`;
const isNull = (names: readonly string[], word: string) =>
  `(${names.map((name) => `${name} is null`).join(` ${word} `)})`;
const isEmpty = (names: readonly string[]) => isNull(names, 'and');
const isFilled = (names: readonly string[]) => `not ${isNull(names, 'and')}`;

function compareField(field: FieldModel, comparison: Comparison, place: Place, context: Context): string | null {
  const { operand, value } = comparison;
  const type = typeOf(field);
  if (field.junction) return compareLinks(field, comparison, place, context);
  const parts = TEXT_PARTS[type];
  if (parts) return compareTexts(columnsOf(field, parts, place, context), comparison, field.type === 'FULL_NAME');
  const names =
    field.relations.length > 0
      ? field.relations.map((relation) => column(place, relation.column, context))
      : columnsOf(field, [type === 'CURRENCY' ? 'amountMicros' : type === 'LOCATION' ? 'lat' : ''], place, context);
  const [name] = names;
  if (name === undefined) throw refusal(`${field.label} cannot be filtered by.`);
  if (operand === 'IS_EMPTY') return isEmpty(names);
  if (operand === 'IS_NOT_EMPTY') return isFilled(names);
  if (type === 'DATE' || type === 'DATE_TIME')
    return readable(daySql(name, type === 'DATE', operand, value, context), field, value);
  if (field.type === 'AUTO_NUMBER' && operand === 'CONTAINS')
    return like(columnsOf(field, ['text'], place, context)[0] ?? `${name}::text`, `%${escaped(textOf(value))}%`);
  if (['NUMBER', 'NUMERIC', 'CURRENCY', 'RATING', 'PERCENT', 'DURATION', 'AUTO_NUMBER'].includes(type))
    return readable(measureSql(name, field, operand, value), field, value);
  if (type === 'RAW_JSON' || type === 'FILES') return compareTexts([`${name}::text`], comparison, false);
  if (type === 'BOOLEAN') return `${name} = ${listOf(value)[0] === 'true'}`;
  const wanted = listOf(value).map((each) => (field.relations.length > 0 && each === 'me' ? context.memberId : each));
  const isMany = type === 'MULTI_SELECT' || type === 'ARRAY';
  const kind = field.relations.length > 0 ? 'uuid' : 'text';
  const some = names
    .map((each) => `coalesce(${each} ${isMany ? '&&' : '= any'} (${arrayOf(wanted, kind)}), false)`)
    .join(' or ');
  return NEGATIVE.includes(operand) ? `not (${some})` : `(${some})`;
}

function readable(condition: string | null, field: FieldModel, value: unknown): string {
  if (condition === null)
    throw refusal(`The filter compares ${field.label} with "${textOf(value).slice(0, 50)}", which cannot be read.`);
  return condition;
}

const escaped = (text: string): string => text.replaceAll(/[\\%_]/g, '\\$&');
const like = (name: string, pattern: string): string => `${name} ilike ${literal(pattern)}`;

function compareTexts(names: readonly string[], { operand, value }: Comparison, isFullName: boolean): string | null {
  const text = textOf(value);
  const some = (make: (name: string) => string) =>
    `(${names.map((name) => `coalesce(${make(name)}, false)`).join(' or ')})`;
  // A full name lies in two columns, so each word may be in either.
  const words = isFullName ? text.split(/\s+/) : [text];
  const all = (make: (word: string) => string) => `(${words.map(make).join(' and ')})`;
  const is = all((word) => some((name) => `${name} = ${literal(word)}`));
  switch (operand) {
    case 'CONTAINS':
      return all((word) => some((name) => like(name, `%${escaped(word)}%`)));
    case 'DOES_NOT_CONTAIN':
      return `not ${some((name) => like(name, `%${escaped(text)}%`))}`;
    case 'STARTS_WITH':
      return some((name) => like(name, `${escaped(text)}%`));
    case 'ENDS_WITH':
      return some((name) => like(name, `%${escaped(text)}`));
    case 'IS':
      return is;
    case 'IS_NOT':
      return `not ${is}`;
    case 'IS_EMPTY':
      return `not ${some((name) => `${name} <> ''`)}`;
    case 'IS_NOT_EMPTY':
      return some((name) => `${name} <> ''`);
    default:
      throw refusal(`A text is not compared by ${operand}.`);
  }
}

function anyText(comparison: Comparison, place: Place, context: Context): string | null {
  const each = place.object.fields
    .filter(
      (field) =>
        field.isActive &&
        (!field.isSystem || SYSTEM_VISIBLE.includes(field.name)) &&
        TEXT_PARTS[typeOf(field)] &&
        (field.type !== 'COLOR' || comparison.operand.startsWith('IS')),
    )
    .flatMap((field) => {
      // Only in what one reads: here no field was asked for.
      const names = field.columns.filter(
        ({ part, column: name }) =>
          TEXT_PARTS[typeOf(field)]!.includes(part) && context.isReadable(place.object.tableName, name),
      );
      const condition =
        names.length > 0 &&
        compareTexts(
          names.map(({ column: name }) => `${place.row}.${identifier(name)}`),
          comparison,
          field.type === 'FULL_NAME',
        );
      return condition || [];
    });
  if (each.length === 0) return null;
  return `(${each.join(comparison.operand === 'DOES_NOT_CONTAIN' ? ' and ' : ' or ')})`;
}

/** Links are rows of their own, so a many-to-many field is asked by what exists among them. */
function compareLinks(field: FieldModel, { operand, value }: Comparison, place: Place, context: Context): string {
  const junction = junctionOf(context.model, field)!;
  const { table, nearColumn, farColumn, target } = junction;
  if (![nearColumn, farColumn].every((name) => context.isReadable(table, name)))
    throw new RecordsError(
      'NOT_ALLOWED',
      `The filter asks for ${field.label}, which your role does not read.`,
      'Ask an administrator for the right, or change the filter.',
    );
  const far = `j.${identifier(farColumn)}`;
  const some = (also: string) =>
    `exists (select from ${identifier(context.schema)}.${identifier(table)} j join ${tableOf(target, context)} t on t.id = ${far} where j.${identifier(nearColumn)} = ${place.row}.id${also})`;
  if (operand === 'IS_EMPTY' || operand === 'IS_NOT_EMPTY')
    return operand === 'IS_EMPTY' ? `not ${some('')}` : some('');
  const wanted = some(` and t.id = any (${arrayOf(listOf(value), 'uuid')})`);
  return operand === 'DOES_NOT_CONTAIN' ? `not ${wanted}` : wanted;
}
