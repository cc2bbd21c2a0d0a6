import { fieldById, objectById, visibleFields } from './lookup.ts';
import {
  allOf,
  ANY_FIELD,
  anyOf,
  anyTextClause,
  bounds,
  clauseOf,
  decodeFilter,
  encodeFilter,
  operatorsOf,
  takesValue,
  valueProblem,
  type Clause,
  type Filter,
  type Operator,
  type Reader,
} from './filters.ts';
import { parsePeriod, periodText, type Unit } from './periods.ts';
import type { Model, ModelField, ModelObject } from './types.ts';
import { valueType } from './valueType.ts';
import { t } from '../language/t.ts';

/**
 * Filters in groups: all, any or none of what a group holds. On screen and in the address they name fields as the API does, in a
 * saved view by their ids, which survive a rename.
 */
export interface FilterGroup {
  join: 'and' | 'or' | 'none';
  nodes: FilterNode[];
}

export type FilterNode = Filter | FilterGroup;

export const isGroup = (node: FilterNode): node is FilterGroup => 'nodes' in node;

/** All the comparisons of a filter, however deep. */
export const comparisons = (nodes: FilterNode[]): Filter[] =>
  nodes.flatMap((node) => (isGroup(node) ? comparisons(node.nodes) : [node]));

/** The field that a comparison is about, and the object that has it. */
export interface Subject {
  object: ModelObject;
  field: ModelField;
  /** The field of the object itself that leads there. */
  via: ModelField | null;
}

/** A relation that one can look through: to one object, of which a record has at most one. */
export const leadsOn = (field: ModelField): boolean => field.isActive && field.relations.length === 1;

export function subjectOf(model: Model, object: ModelObject, filter: Filter): Subject | null {
  const named = (owner: ModelObject, name: string) =>
    owner.fields.find((field) => field.name === name && field.isActive);
  if (filter.via === undefined) {
    const field = named(object, filter.field);
    return field ? { object, field, via: null } : null;
  }
  const via = named(object, filter.via);
  const [relation] = via && leadsOn(via) ? via.relations : [];
  const target = relation ? objectById(model, relation.targetObjectId) : undefined;
  const field = target ? named(target, filter.field) : undefined;
  return via && target && field ? { object: target, field, via } : null;
}

/** Why a comparison is not applied, in a sentence; null when it is. `whole` is the model with what the role may not read. */
export function notApplied(model: Model, whole: Model, object: ModelObject, filter: Filter): string | null {
  if (filter.field === ANY_FIELD) return filter.value.trim() === '' ? t('Enter a value.') : null;
  const subject = subjectOf(model, object, filter);
  if (subject) return valueProblem(subject.field, filter);
  const unrestricted = objectById(whole, object.id);
  return unrestricted && subjectOf(whole, unrestricted, filter)
    ? t('Not applied: your role does not read this field.')
    : t('Not applied: there is no such field any more.');
}

/** Comparisons that speak of what is not there, or is not so. They hold where the record in between is missing, too. */
const isNegative = (operator: Operator): boolean => ['lacks', 'isNot', 'neq', 'empty'].includes(operator);

/** Makes of a clause that is unknown for an empty value one that is false, so that "none of" holds there. */
function certain(clause: Clause, columns: Set<string>): Clause {
  const parts = Object.entries(clause).map(([name, value]): Clause => {
    if (name === 'and' || name === 'or') return { [name]: (value as Clause[]).map((each) => certain(each, columns)) };
    if (name === 'not') return { not: certain(value as Clause, columns) };
    if (!columns.has(name) || 'isNull' in (value as Clause)) return { [name]: value };
    return { and: [{ [name]: { isNull: false } }, { [name]: value }] };
  });
  return allOf(parts);
}

interface Compiling extends Reader {
  model: Model;
  columns: Set<string>;
}

function compileOne(object: ModelObject, filter: Filter, context: Compiling): Clause | null {
  if (filter.field === ANY_FIELD) return anyTextClause(visibleFields(object), filter);
  const subject = subjectOf(context.model, object, filter);
  const clause = subject ? clauseOf(subject.field, filter, context) : null;
  const name = subject?.via?.relations[0]?.name;
  if (!clause || !name) return clause;
  const there = { [name]: clause };
  return isNegative(filter.operator) ? { or: [{ [`${name}Exists`]: false }, there] } : there;
}

function compile(object: ModelObject, node: FilterNode, isNegated: boolean, context: Compiling): Clause | null {
  if (!isGroup(node)) {
    const clause = compileOne(object, node, context);
    return clause && isNegated ? certain(clause, context.columns) : clause;
  }
  const clauses = node.nodes.flatMap((each): Clause[] => {
    const clause = compile(object, each, isNegated || node.join === 'none', context);
    return clause ? [clause] : [];
  });
  if (clauses.length === 0) return null;
  if (node.join === 'none') return { not: anyOf(clauses) };
  return node.join === 'or' ? anyOf(clauses) : allOf(clauses);
}

/**
 * The filter of the API for all of these at once. What is not applied is left out; and so is a group that has nothing
 * else.
 */
export function toGraphQLFilter(
  model: Model,
  object: ModelObject,
  nodes: FilterNode[],
  now: Date = new Date(),
  me: string | null = null,
): Clause | null {
  const columns = new Set(
    object.fields.flatMap((field) => [
      ...field.columns.map(({ name }) => name),
      ...field.relations.map(({ columnName }) => columnName),
    ]),
  );
  return compile(object, { join: 'and', nodes }, false, { model, columns, now, me });
}

// ── in the address ────────────────────────────────────────────────────────────────────────────

export type EncodedNode = string | { [join in FilterGroup['join']]?: EncodedNode[] };

export const encodeNode = (node: FilterNode): EncodedNode =>
  isGroup(node) ? { [node.join]: node.nodes.map(encodeNode) } : encodeFilter(node);

const JOINS = ['and', 'or', 'none'] as const;
const DEEPEST = 8;

export function decodeNodes(encoded: unknown, depth = 0): FilterNode[] {
  if (!Array.isArray(encoded) || depth > DEEPEST) return [];
  return encoded.flatMap((each: unknown): FilterNode[] => {
    if (typeof each === 'string') return [decodeFilter(each) ?? []].flat();
    if (typeof each !== 'object' || each === null) return [];
    const join = JOINS.find((name) => name in each);
    return join ? [{ join, nodes: decodeNodes((each as { [name: string]: unknown })[join], depth + 1) }] : [];
  });
}

// ── in a saved view ───────────────────────────────────────────────────────────────────────────

export interface StoredComparison {
  fieldId?: string;
  part?: string;
  via?: string[];
  operand: string;
  value?: unknown;
}

export type StoredFilter = StoredComparison | { and: StoredFilter[] } | { or: StoredFilter[] } | { not: StoredFilter };

const OPERANDS: { [operator in Operator]: string } = {
  contains: 'CONTAINS',
  lacks: 'DOES_NOT_CONTAIN',
  is: 'IS',
  isNot: 'IS_NOT',
  starts: 'STARTS_WITH',
  ends: 'ENDS_WITH',
  eq: 'IS',
  neq: 'IS_NOT',
  gt: 'GREATER_THAN',
  gte: 'GREATER_THAN_OR_EQUAL',
  lt: 'LESS_THAN',
  lte: 'LESS_THAN_OR_EQUAL',
  between: 'BETWEEN',
  within: 'BETWEEN',
  on: 'IS',
  before: 'IS_BEFORE',
  after: 'IS_AFTER',
  last: 'IS_RELATIVE',
  next: 'IS_RELATIVE',
  this: 'IS_RELATIVE',
  today: 'IS_TODAY',
  past: 'IS_IN_PAST',
  future: 'IS_IN_FUTURE',
  empty: 'IS_EMPTY',
  filled: 'IS_NOT_EMPTY',
};

const DIRECTIONS = { last: 'PAST', next: 'NEXT', this: 'THIS' } as const;
/** Fields whose values are chosen from a list, of which a filter may name several. */
const chooses = (field: ModelField): boolean =>
  field.relations.length > 0 ||
  field.junction !== null ||
  ['SELECT', 'MULTI_SELECT', 'ARRAY', 'BOOLEAN'].includes(valueType(field));

function storedValue(field: ModelField | undefined, { operator, value }: Filter): unknown {
  if (!takesValue(operator)) return undefined;
  if (operator === 'last' || operator === 'next' || operator === 'this') {
    const period = parsePeriod(value);
    if (!period) return value;
    const unit = period.unit.toUpperCase();
    return operator === 'this'
      ? { direction: 'THIS', unit }
      : { direction: DIRECTIONS[operator], amount: period.amount, unit };
  }
  if (operator === 'between') return bounds(value);
  if (field && chooses(field)) return value.split(',').filter(Boolean);
  return value;
}

function storeOne(model: Model, object: ModelObject, filter: Filter): StoredComparison {
  const operand = OPERANDS[filter.operator];
  if (filter.field === ANY_FIELD) return { operand, value: filter.value };
  const subject = subjectOf(model, object, filter);
  const value = storedValue(subject?.field, filter);
  return {
    // What is not there, or not to be read, is kept as it was.
    fieldId: subject?.field.id ?? filter.field,
    ...(filter.via === undefined ? {} : { via: [subject?.via?.id ?? filter.via] }),
    operand,
    ...(value === undefined ? {} : { value }),
  };
}

function storeNode(model: Model, object: ModelObject, node: FilterNode): StoredFilter | null {
  if (!isGroup(node)) return storeOne(model, object, node);
  const nodes = node.nodes.flatMap((each) => storeNode(model, object, each) ?? []);
  if (nodes.length === 0) return null;
  if (node.join !== 'none' && nodes.length === 1 && nodes[0]) return nodes[0];
  if (node.join === 'none') return { not: nodes.length === 1 && nodes[0] ? nodes[0] : { or: nodes } };
  return node.join === 'or' ? { or: nodes } : { and: nodes };
}

export function storeFilter(model: Model, object: ModelObject, nodes: FilterNode[]): StoredFilter | null {
  const stored = nodes.flatMap((node) => storeNode(model, object, node) ?? []);
  return stored.length <= 1 ? (stored[0] ?? null) : { and: stored };
}

const textOf = (value: unknown): string =>
  Array.isArray(value) ? value.map(textOf).join(',') : value === null || value === undefined ? '' : String(value);

function operatorFor(field: ModelField | undefined, { operand, value }: StoredComparison): Operator {
  if (operand === 'IS_RELATIVE') {
    const direction = (value as { direction?: string } | undefined)?.direction;
    return direction === 'NEXT' ? 'next' : direction === 'THIS' ? 'this' : 'last';
  }
  const candidates = field ? operatorsOf(field) : (Object.keys(OPERANDS) as Operator[]);
  const found = candidates.find((operator) => OPERANDS[operator] === operand);
  return found ?? (Object.keys(OPERANDS) as Operator[]).find((operator) => OPERANDS[operator] === operand) ?? 'is';
}

function readOne(model: Model, object: ModelObject, stored: StoredComparison): Filter {
  if (stored.fieldId === undefined)
    return {
      field: ANY_FIELD,
      operator: stored.operand === 'DOES_NOT_CONTAIN' ? 'lacks' : 'contains',
      value: textOf(stored.value),
    };
  const [viaId] = stored.via ?? [];
  const via = viaId === undefined ? null : fieldById(object, viaId);
  const [relation] = via?.relations ?? [];
  const owner = viaId === undefined ? object : relation ? objectById(model, relation.targetObjectId) : undefined;
  const field = owner ? fieldById(owner, stored.fieldId) : undefined;
  const operator = operatorFor(field, stored);
  const { amount, unit } = (stored.operand === 'IS_RELATIVE' ? (stored.value ?? {}) : {}) as {
    amount?: number;
    unit?: string;
  };
  const value =
    operator === 'this'
      ? (unit ?? 'DAY').toLowerCase()
      : stored.operand === 'IS_RELATIVE'
        ? periodText({ amount: amount ?? 1, unit: (unit ?? 'DAY').toLowerCase() as Unit })
        : operator === 'between' && Array.isArray(stored.value)
          ? stored.value.map(textOf).join('..')
          : textOf(stored.value);
  return {
    field: field?.name ?? stored.fieldId,
    ...(viaId === undefined ? {} : { via: via?.name ?? viaId }),
    operator,
    value,
  };
}

function readNode(model: Model, object: ModelObject, stored: StoredFilter): FilterNode {
  if ('and' in stored) return { join: 'and', nodes: stored.and.map((each) => readNode(model, object, each)) };
  if ('or' in stored) return { join: 'or', nodes: stored.or.map((each) => readNode(model, object, each)) };
  if ('not' in stored) {
    const inner = readNode(model, object, stored.not);
    return { join: 'none', nodes: isGroup(inner) && inner.join === 'or' ? inner.nodes : [inner] };
  }
  return readOne(model, object, stored);
}

/** What a view keeps, as the screen works with it. `whole` knows the names of fields that the role may not read. */
export function readFilter(whole: Model, object: ModelObject, stored: StoredFilter | null): FilterNode[] {
  if (!stored) return [];
  const node = readNode(whole, objectById(whole, object.id) ?? object, stored);
  return isGroup(node) && node.join === 'and' ? node.nodes : [node];
}

/** The comparison that a field starts with. */
export function startFilter(field: ModelField, via?: string): Filter | null {
  const [operator] = operatorsOf(field);
  if (!operator) return null;
  return {
    field: field.name,
    ...(via === undefined ? {} : { via }),
    operator,
    value: valueType(field) === 'BOOLEAN' ? 'true' : '',
  };
}
