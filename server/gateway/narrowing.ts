import { TYPES } from 'postgraphile/@dataplan/pg';
import type { PgCodec, PgCodecRelation, PgCodecWithAttributes, PgResource } from 'postgraphile/@dataplan/pg';

/** A part of a filter as `matching_ids` of a workspace's schema understands it. */
export type Narrowing =
  | { and: Narrowing[] }
  | { or: Narrowing[] }
  | { column: string; is: string; value?: unknown }
  | { column: string; in: { table: string; column: string; filter: Narrowing } };

/** What the operators of the API are called there. */
export const OPERATORS: Readonly<Record<string, string>> = {
  equalTo: '=',
  notEqualTo: '<>',
  lessThan: '<',
  lessThanOrEqualTo: '<=',
  greaterThan: '>',
  greaterThanOrEqualTo: '>=',
  in: 'in',
  notIn: 'notIn',
  includesInsensitive: 'includes',
  notIncludesInsensitive: 'notIncludes',
  startsWithInsensitive: 'startsWith',
  endsWithInsensitive: 'endsWith',
  contains: 'contains',
  overlaps: 'overlaps',
};

/** Operators on texts that are patterns. */
const PATTERNS: ReadonlySet<string> = new Set(['includes', 'notIncludes', 'startsWith', 'endsWith']);

/** Types whose other comparisons are leakproof: under a policy, too, PostgreSQL finds them by an index. */
const LEAKPROOF: ReadonlySet<string> = new Set([
  'text',
  'uuid',
  'bool',
  'int2',
  'int4',
  'int8',
  'float8',
  'date',
  'timestamptz',
]);

/** Whether PostgreSQL, under a policy, uses no index for an operator of the API on a column of a type. */
export const isLeaky = (codecName: string, operator: string): boolean =>
  operator !== 'isNull' && (!LEAKPROOF.has(codecName) || PATTERNS.has(OPERATORS[operator] ?? ''));

type Table = PgResource<string, PgCodecWithAttributes>;
type Relation = PgCodecRelation<PgCodecWithAttributes, Table>;

/** What a name in the filter of a table stands for. */
type Meaning =
  | { column: string; codec: PgCodec }
  | { relation: { column: string; table: Table; remoteColumn: string; isMany: boolean } };

/** Translates filters of the API. One for each schema. */
export class Narrowings {
  readonly #build: GraphileBuild.Build;
  readonly #meanings = new Map<PgCodecWithAttributes, ReadonlyMap<string, Meaning>>();

  constructor(build: GraphileBuild.Build) {
    this.#build = build;
  }

  /**
   * What the records that fulfil a filter have in common at least, and the tables that it asks of; undefined when there
   * is nothing that an index would be missed for. What has no place in it, such as "not", is left out.
   */
  of(
    codec: PgCodecWithAttributes,
    filter: object,
  ): { table: string; tables: string[]; narrowing: Narrowing } | undefined {
    const table = tableName(codec);
    const found = { isLeaky: false, tables: new Set([table]) };
    const narrowing = this.#all(codec, filter, found);
    return narrowing && found.isLeaky ? { table, tables: [...found.tables].toSorted(), narrowing } : undefined;
  }

  #all(table: PgCodecWithAttributes, filter: object, found: Found): Narrowing | undefined {
    const parts: Narrowing[] = [];
    for (const [name, value] of Object.entries(filter)) {
      const part = this.#part(table, name, value, found);
      if (part) parts.push(part);
    }
    return parts.length > 1 ? { and: parts } : parts[0];
  }

  #part(table: PgCodecWithAttributes, name: string, value: unknown, found: Found): Narrowing | undefined {
    if (name === 'and' || name === 'or') {
      if (!Array.isArray(value)) return undefined;
      const parts = value.map((one: object) => this.#all(table, one, found));
      // One alternative that cannot be told opens all.
      if (name === 'or' && parts.includes(undefined)) return undefined;
      const told = parts.filter((part) => part !== undefined);
      return told.length > 0 ? (name === 'and' ? { and: told } : { or: told }) : undefined;
    }
    const meaning = this.#meaningsOf(table).get(name);
    if (!meaning || typeof value !== 'object' || value === null) return undefined;
    if ('column' in meaning) return comparisons(meaning, value, found);
    const { column, table: related, remoteColumn, isMany } = meaning.relation;
    const inner = isMany ? (value as { some?: object }).some : value;
    const filter = inner && this.#all(related.codec, inner, found);
    if (!filter) return undefined;
    found.tables.add(tableName(related.codec));
    return { column, in: { table: tableName(related.codec), column: remoteColumn, filter } };
  }

  #meaningsOf(codec: PgCodecWithAttributes): ReadonlyMap<string, Meaning> {
    const known = this.#meanings.get(codec);
    if (known) return known;
    const { inflection, input, behavior } = this.#build;
    const registry = input.pgRegistry;
    const meanings = new Map<string, Meaning>();
    for (const [attributeName, attribute] of Object.entries(codec.attributes)) {
      if (!behavior.pgCodecAttributeMatches([codec, attributeName], 'attribute:filterBy')) continue;
      // No index finds a text in JSON, so nothing is won by asking for ids first.
      if (attribute.codec === TYPES.jsonb) continue;
      meanings.set(inflection.attribute({ codec, attributeName }), { column: attributeName, codec: attribute.codec });
    }
    for (const [relationName, relation] of Object.entries(
      (registry.pgRelations[codec.name] ?? {}) as unknown as Record<string, Relation>,
    )) {
      const [column] = relation.localAttributes as readonly string[];
      const [remoteColumn] = relation.remoteAttributes as readonly string[];
      const isMany = relation.isReferencee === true && !relation.isUnique;
      const details = { registry, codec, relationName };
      const name = !relation.isReferencee
        ? inflection.filterSingleRelationFieldName(inflection.singleRelation(details))
        : isMany
          ? inflection.filterManyRelationByKeysFieldName(inflection._manyRelation(details))
          : inflection.filterSingleRelationByKeysBackwardsFieldName(inflection.singleRelationBackwards(details));
      meanings.set(name, {
        relation: { column: column!, table: relation.remoteResource, remoteColumn: remoteColumn!, isMany },
      });
    }
    this.#meanings.set(codec, meanings);
    return meanings;
  }
}

interface Found {
  isLeaky: boolean;
  readonly tables: Set<string>;
}

function comparisons(
  { column, codec }: { column: string; codec: PgCodec },
  value: object,
  found: Found,
): Narrowing | undefined {
  const parts: Narrowing[] = [];
  for (const [operator, wanted] of Object.entries(value)) {
    if (wanted === null || wanted === undefined) continue;
    if (operator === 'isNull') {
      parts.push({ column, is: wanted === true ? 'null' : 'notNull' });
      continue;
    }
    const is = OPERATORS[operator];
    if (!is) continue;
    found.isLeaky ||= isLeaky(codec.name, operator);
    parts.push({ column, is, value: wanted });
  }
  return parts.length > 1 ? { and: parts } : parts[0];
}

function tableName(codec: PgCodecWithAttributes): string {
  return codec.extensions!.pg!.name;
}
