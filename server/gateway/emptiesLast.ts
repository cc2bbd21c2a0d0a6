import { lambda } from 'postgraphile/grafast';
import type { Step } from 'postgraphile/grafast';
import type { PgCodec, PgCodecWithAttributes, PgSelectQueryBuilder, PgSelectStep } from 'postgraphile/@dataplan/pg';
import type { SQL } from 'postgraphile/pg-sql2';

/**
 * Orders by whether a value is empty first and by the value then. People expect what is empty at the end
 * in either direction; and PostGraphile 5.1.5 has the two cases of a null beside a cursor the wrong way
 * round, so that pages in the order of such a column would leave records out. Behind a first key that is
 * never null, the second is compared among values only or among nulls only. The engine's indexes are made
 * of the same two keys and the id (engine.index_definitions); falling is rising read backward, but for
 * where the empties are.
 */
export function orderEmptiesLast(
  { sql, dataplanPg }: GraphileBuild.Build,
  query: PgSelectQueryBuilder,
  value: SQL,
  codec: PgCodec,
  direction: 'ASC' | 'DESC',
): void {
  query.orderBy({
    fragment: direction === 'ASC' ? sql`(${value} is null)` : sql`(${value} is not null)`,
    codec: dataplanPg.TYPES.boolean,
    direction,
    nullable: false,
  });
  query.orderBy({
    fragment: value,
    codec: inCursors(codec),
    direction,
    // Asked when all arguments of the list are known.
    get nullable() {
      return cursorsAreWhole.get(query) !== true;
    },
  });
}

/**
 * Whether no value is empty in the cursors of a query. What comes before or after such a cursor is said by
 * one comparison of rows, in which the first key decides wherever a value is empty. An index begins there;
 * alternatives with "or" have it read from its beginning. Orders that stand in a document, and do not come as
 * a variable, are part of its plan and know no query: they keep the alternatives.
 */
const cursorsAreWhole = new WeakMap<PgSelectQueryBuilder, boolean>();

function noteCursor(cursor: unknown): ((query: PgSelectQueryBuilder) => void) | null {
  if (typeof cursor !== 'string') return null;
  const isWhole = isWithoutNull(cursor);
  return (query) => void cursorsAreWhole.set(query, isWhole && cursorsAreWhole.get(query) !== false);
}

/** One that cannot be read is refused where it is used. */
function isWithoutNull(cursor: string): boolean {
  try {
    return !(JSON.parse(Buffer.from(cursor, 'base64').toString()) as unknown[]).includes(null);
  } catch {
    return false;
  }
}

/**
 * In cursors values stand as PostgreSQL writes them, and nothing as null. The codecs of PostGraphile make
 * 0 of a whole number that is null, and fail on a boolean.
 */
const inCursors = (codec: PgCodec): PgCodec => ({ ...codec, castFromPg: undefined, fromPg: (text) => text });

export const EmptiesLastPlugin: GraphileConfig.Plugin = {
  name: 'RelvarEmptiesLastPlugin',
  version: '1.0.0',
  description: 'Sorts empty values last in either direction, and lets cursors pass them',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field_args_arg(arg, _build, { scope: { argName, isPgFieldConnection } }) {
        const apply = arg.applyPlan;
        if ((argName !== 'after' && argName !== 'before') || !isPgFieldConnection || !apply) return arg;
        return {
          ...arg,
          applyPlan($parent, $connection: Step, fieldArg, info) {
            ($connection as Connection).getSubplan().apply(lambda(fieldArg.getRaw(), noteCursor));
            return apply($parent, $connection, fieldArg, info);
          },
        };
      },
      GraphQLEnumType_values: {
        after: ['PgOrderAllAttributesPlugin'],
        callback(values, build, { scope: { isPgRowSortEnum, pgCodec } }) {
          if (!isPgRowSortEnum || !pgCodec?.attributes) return values;
          const codec = pgCodec as PgCodecWithAttributes;
          for (const [attributeName, attribute] of Object.entries(codec.attributes)) {
            if (attribute.notNull) continue;
            for (const direction of ['ASC', 'DESC'] as const) {
              const variant = direction === 'ASC' ? 'asc' : 'desc';
              const name = build.inflection.orderByAttributeEnum({ codec, attributeName, variant });
              const value = values[name];
              if (!value) continue;
              const apply = (query: PgSelectQueryBuilder) =>
                orderEmptiesLast(
                  build,
                  query,
                  build.sql`${query.alias}.${build.sql.identifier(attributeName)}`,
                  attribute.codec,
                  direction,
                );
              values[name] = {
                ...value,
                extensions: {
                  ...value.extensions,
                  grafast: { ...value.extensions?.grafast, apply },
                },
              };
            }
          }
          return values;
        },
      },
    },
  },
};

interface Connection extends Step {
  getSubplan(): PgSelectStep;
}
