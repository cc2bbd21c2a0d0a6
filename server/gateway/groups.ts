import { constant, lambda, SafeError } from 'postgraphile/grafast';
import type { FieldArgs, Step } from 'postgraphile/grafast';
import type {
  PgCodec,
  PgCodecWithAttributes,
  PgSelectQueryBuilder,
  PgSelectSingleStep,
  PgSelectStep,
} from 'postgraphile/@dataplan/pg';
import type { SQL } from 'postgraphile/pg-sql2';

/** More groups than these nobody looks at. */
const MOST_GROUPS = 1000;

const FUNCTIONS = {
  COUNT: 'How many records there are.',
  COUNT_UNIQUE_VALUES: 'How many different values there are.',
  COUNT_EMPTY: 'How many records have none of the columns filled.',
  COUNT_NOT_EMPTY: 'How many records have one of the columns filled.',
  COUNT_TRUE: 'How many are true.',
  COUNT_FALSE: 'How many are false.',
  PERCENTAGE_EMPTY: 'How many of a hundred are empty.',
  PERCENTAGE_NOT_EMPTY: 'How many of a hundred are not empty.',
  SUM: 'The sum of a number.',
  AVG: 'The average of a number.',
  MIN: 'The smallest number, the earliest date, or the first text.',
  MAX: 'The largest number, the latest date, or the last text.',
} as const;

const BUCKETS = ['DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'] as const;

interface Aggregate {
  function: keyof typeof FUNCTIONS;
  columns?: string[] | null;
}

interface Grouping {
  column: string;
  bucket?: (typeof BUCKETS)[number] | null;
  timeZone?: string | null;
}

/** The expressions of a select of groups, which its items ask for. */
const expressions = new WeakMap<object, { key: SQL; values: SQL }>();

/**
 * Counts, sums and the like over all that a list's filter leaves, whole or by the values of a column: the field `groups` of
 * each connection. One field with few types serves all objects, where a type for each column would double every schema.
 */
export const GroupsPlugin: GraphileConfig.Plugin = {
  name: 'RelvarGroupsPlugin',
  version: '1.0.0',
  description: 'Adds up lists, whole or in groups',
  schema: {
    hooks: {
      init(_, build) {
        const { GraphQLList, GraphQLNonNull, GraphQLString } = build.graphql;
        const texts = new GraphQLList(new GraphQLNonNull(GraphQLString));
        build.registerEnumType(
          'AggregateFunction',
          {},
          () => ({
            description: 'What is made of the values of many records.',
            values: Object.fromEntries(
              Object.entries(FUNCTIONS).map(([name, description]) => [name, { value: name, description }]),
            ),
          }),
          'What groups tell',
        );
        build.registerEnumType(
          'DateBucket',
          {},
          () => ({
            description: 'By what dates and times are grouped. A week begins on Monday.',
            values: Object.fromEntries(BUCKETS.map((name) => [name, { value: name }])),
          }),
          'What dates are grouped by',
        );
        build.registerInputObjectType(
          'AggregateInput',
          {},
          () => ({
            description: 'One value that is made of many records.',
            fields: () => ({
              function: { type: new GraphQLNonNull(build.getTypeByName('AggregateFunction') as never) },
              columns: {
                description:
                  'The columns, as records name them: those of a field of several count as one when they are counted.',
                type: texts,
              },
            }),
          }),
          'What groups tell',
        );
        build.registerInputObjectType(
          'GroupingInput',
          {},
          () => ({
            description: 'By what records are grouped.',
            fields: () => ({
              column: { description: 'As records name it.', type: new GraphQLNonNull(GraphQLString) },
              bucket: { description: 'Of a date or a time.', type: build.getTypeByName('DateBucket') as never },
              timeZone: { description: 'In which a time has its day; UTC if left out.', type: GraphQLString },
            }),
          }),
          'What lists are grouped by',
        );
        build.registerObjectType(
          'RecordGroup',
          {},
          () => ({
            description: 'The records of a list that have a value in common.',
            fields: () => ({
              key: {
                description: 'The value, as text; null where it is empty. Of a bucket its first day.',
                type: GraphQLString,
                plan: ($row: PgSelectSingleStep) => selected($row, 'key', build.dataplanPg.TYPES.text),
              },
              values: {
                description:
                  'What was asked for, in that order: numbers and dates as text, and null where there is nothing.',
                type: new GraphQLNonNull(new GraphQLList(GraphQLString)),
                plan: ($row: PgSelectSingleStep) =>
                  selected($row, 'values', build.dataplanPg.listOfCodec(build.dataplanPg.TYPES.text)),
              },
            }),
          }),
          'What groups tell',
        );
        return _;
      },
      GraphQLObjectType_fields(fields, build, { scope, fieldWithHooks, Self }) {
        const codec = scope.pgCodec as PgCodecWithAttributes | undefined;
        if (!scope.isPgConnectionRelated || !scope.isConnectionType || !codec?.attributes?.['id']) return fields;
        const { GraphQLList, GraphQLNonNull } = build.graphql;
        const inputs = (name: string) => build.getTypeByName(name) as never;
        const group = build.getTypeByName('RecordGroup') as never;
        if (!group) return fields;
        const columns = columnsOf(build, codec);
        return build.extend(
          fields,
          {
            groups: fieldWithHooks({ fieldName: 'groups' }, () => ({
              description: `What all records of the list come to, whatever page is asked for; or those of each value of a column, ${MOST_GROUPS} and one more at most.`,
              type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(group))),
              args: {
                values: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(inputs('AggregateInput')))) },
                by: { type: inputs('GroupingInput') },
              },
              plan($connection: Connection, args: FieldArgs) {
                const { sql } = build;
                const $select = $connection.cloneSubplanWithoutPagination('aggregate');
                const alias = $select.alias;
                const $by = args.getRaw('by') as Step<Grouping | null | undefined>;
                // All of a group have the same: PostgreSQL does not see that where a parameter is written twice.
                const $key = lambda($by, (by) => (by ? sql`min(${keyOf(build, columns, alias, by)})` : sql.null), true);
                const $values = lambda(
                  args.getRaw('values') as Step<readonly Aggregate[]>,
                  (values) => {
                    const each = values.map((value) => valueOf(build, columns, alias, value));
                    return sql`array[${sql.join(each, ', ')}]::text[]`;
                  },
                  true,
                );
                const key = $select.deferredSQL($key as never);
                $select.apply(
                  lambda($by, (by) =>
                    by
                      ? (query: PgSelectQueryBuilder) =>
                          query.groupBy({
                            fragment: keyOf(build, columns, query.alias, by),
                            codec: build.dataplanPg.TYPES.text,
                          })
                      : null,
                  ) as never,
                );
                $select.setFirst(constant(MOST_GROUPS + 1));
                expressions.set($select, { key, values: $select.deferredSQL($values as never) });
                return $select;
              },
            })),
          },
          `Adding groups to ${Self.name}`,
        );
      },
    },
  },
};

interface Connection extends Step {
  cloneSubplanWithoutPagination(mode: 'aggregate'): PgSelectStep;
}

function selected($row: PgSelectSingleStep, what: 'key' | 'values', codec: PgCodec) {
  const found = expressions.get($row.getClassStep());
  if (!found) throw new Error('Groups are asked of what is none.');
  return $row.select(found[what], codec as never);
}

interface Column {
  name: string;
  codec: PgCodec;
}

function columnsOf(build: GraphileBuild.Build, codec: PgCodecWithAttributes): Map<string, Column> {
  return new Map(
    Object.entries(codec.attributes).map(([attributeName, attribute]) => [
      build.inflection.attribute({ attributeName, codec }),
      { name: attributeName, codec: attribute.codec },
    ]),
  );
}

function find(columns: Map<string, Column>, name: string): Column {
  const column = columns.get(name);
  if (!column) throw new SafeError(`There is no column "${name}".`);
  return column;
}

function keyOf(build: GraphileBuild.Build, columns: Map<string, Column>, alias: SQL, by: Grouping): SQL {
  const { sql } = build;
  const { TYPES } = build.dataplanPg;
  const { name, codec } = find(columns, by.column);
  const column = sql`${alias}.${sql.identifier(name)}`;
  if (codec === TYPES.date || codec === TYPES.timestamptz) {
    const bucket = sql.literal((by.bucket ?? 'MONTH').toLowerCase());
    if (codec === TYPES.date) return sql`date_trunc(${bucket}, ${column}::timestamp)::date::text`;
    return sql`date_trunc(${bucket}, ${column} at time zone ${sql.value(by.timeZone ?? 'UTC')}::text)::date::text`;
  }
  if (by.bucket) throw new SafeError(`"${by.column}" is neither a date nor a time.`);
  if (codec.arrayOfCodec || codec === TYPES.jsonb) throw new SafeError(`Nothing is grouped by "${by.column}".`);
  // An empty text is empty.
  return sql`nullif(${column}::text, '')`;
}

function emptyOf(build: GraphileBuild.Build, alias: SQL, columns: Column[]): SQL {
  const { sql } = build;
  const { TYPES } = build.dataplanPg;
  const each = columns.map(({ name, codec }) => {
    const column = sql`${alias}.${sql.identifier(name)}`;
    if (codec.arrayOfCodec) return sql`coalesce(cardinality(${column}) = 0, true)`;
    if (codec === TYPES.jsonb) return sql`coalesce(${column} in ('[]', '{}', 'null', '""'), true)`;
    return codec === TYPES.text ? sql`coalesce(${column} = '', true)` : sql`${column} is null`;
  });
  return sql`(${sql.join(each, ' and ')})`;
}

function valueOf(build: GraphileBuild.Build, columns: Map<string, Column>, alias: SQL, asked: Aggregate): SQL {
  const { sql } = build;
  const { TYPES } = build.dataplanPg;
  const what = asked.function;
  if (what === 'COUNT') return sql`count(*)::text`;
  const names = asked.columns ?? [];
  const found = names.map((name) => find(columns, name));
  const [first] = found;
  if (!first) throw new SafeError(`${what} needs columns.`);
  const column = sql`${alias}.${sql.identifier(first.name)}`;
  const empty = emptyOf(build, alias, found);
  switch (what) {
    case 'COUNT_UNIQUE_VALUES': {
      const all = sql.join(
        found.map(({ name }) => sql`${alias}.${sql.identifier(name)}`),
        ', ',
      );
      return sql`count(distinct (${found.length === 1 ? column : sql`row(${all})`})) filter (where not ${empty})::text`;
    }
    case 'COUNT_EMPTY':
      return sql`count(*) filter (where ${empty})::text`;
    case 'COUNT_NOT_EMPTY':
      return sql`count(*) filter (where not ${empty})::text`;
    case 'PERCENTAGE_EMPTY':
      return sql`(100.0 * count(*) filter (where ${empty}) / nullif(count(*), 0))::float8::text`;
    case 'PERCENTAGE_NOT_EMPTY':
      return sql`(100.0 * count(*) filter (where not ${empty}) / nullif(count(*), 0))::float8::text`;
  }
  if (found.length > 1) throw new SafeError(`${what} takes one column.`);
  if (what === 'COUNT_TRUE' || what === 'COUNT_FALSE') {
    if (first.codec !== TYPES.boolean) throw new SafeError(`"${names[0]}" is neither true nor false.`);
    return sql`count(*) filter (where ${what === 'COUNT_TRUE' ? column : sql`not ${column}`})::text`;
  }
  const isNumber = [TYPES.int2, TYPES.int, TYPES.bigint, TYPES.float, TYPES.float4, TYPES.numeric].includes(
    first.codec as never,
  );
  const isOrdered = [TYPES.date, TYPES.timestamptz, TYPES.text].includes(first.codec as never);
  if (!isNumber && !(isOrdered && (what === 'MIN' || what === 'MAX')))
    throw new SafeError(`"${names[0]}" has no ${what === 'AVG' ? 'average' : what === 'SUM' ? 'sum' : 'order'}.`);
  // As JSON, dates and times read the same whatever the session has set.
  return sql`to_json(${sql.identifier(what.toLowerCase())}(${column})) #>> '{}'`;
}
