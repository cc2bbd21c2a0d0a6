import { connection, ConstantStep, lambda } from 'postgraphile/grafast';
import type { FieldArgs, Step } from 'postgraphile/grafast';
import { pgSelect } from 'postgraphile/@dataplan/pg';
import type {
  PgCodecWithAttributes,
  PgCondition,
  PgResource,
  PgSelectQueryBuilder,
  PgSelectSingleStep,
  PgSelectStep,
} from 'postgraphile/@dataplan/pg';
import type { SQL } from 'postgraphile/pg-sql2';

type Table = PgResource<string, PgCodecWithAttributes>;

/** Selects of records as they were, with the moment, and how what stands in a FROM is as of that. */
const moments = new WeakMap<Step, { $moment: Step; past: (expression: SQL) => SQL }>();

/** The moment as of which a select is made; undefined where records are as they are. */
export const momentOf = ($select: Step): Step | undefined => moments.get($select)?.$moment;

/** The moment of the select that a record comes from. */
export function momentOfRecord($record: Step): Step | undefined {
  const single = $record as Partial<PgSelectSingleStep>;
  return typeof single.getClassStep === 'function' ? momentOf(single.getClassStep() as unknown as Step) : undefined;
}

/** A table as of a moment, in a FROM. One equality narrows it before the rows are put together. */
export function asOfTable(
  build: GraphileBuild.Build,
  table: Pick<Table, 'from'>,
  moment: SQL,
  only?: { column: string; value: SQL },
): SQL {
  const { sql } = build;
  const narrowed = only ? sql`, jsonb_build_object(${sql.literal(only.column)}, ${only.value})` : sql.blank;
  return sql`as_of(null::${table.from as SQL}, coalesce(${moment}, 'infinity'::timestamptz)${narrowed})`;
}

/** What stands in a FROM of a filter and is no table: how it is as of a moment. */
export const pastExpressions = new WeakMap<SQL, (moment: SQL) => SQL>();

/** What a filter asks of related records it asks as of the moment, too: tables are named to these objects alone. */
function pastCondition(condition: PgCondition, past: (expression: SQL) => SQL): PgCondition {
  const { andPlan, orPlan, notPlan, existsPlan } = condition;
  return Object.assign(condition, {
    andPlan: () => pastCondition(andPlan.call(condition), past),
    orPlan: () => pastCondition(orPlan.call(condition), past),
    notPlan: () => pastCondition(notPlan.call(condition), past),
    existsPlan: (options: Parameters<typeof existsPlan>[0]) =>
      pastCondition(existsPlan.call(condition, { ...options, tableExpression: past(options.tableExpression) }), past),
  });
}

/** Whose labels an order asks for is joined as of the moment. */
function joinThePast(
  { sql }: GraphileBuild.Build,
  query: PgSelectQueryBuilder,
  table: Table,
  past: (expression: SQL) => SQL,
): void {
  const joined = new Map<string, SQL>();
  const singleRelation = (name: string): SQL => {
    const known = joined.get(name);
    if (known) return known;
    const { remoteResource, localAttributes, remoteAttributes } = table.getRelation(name as never) as never as Relation;
    const alias = sql.identifier(Symbol(name));
    joined.set(name, alias);
    query.join({
      type: 'left',
      from: past(remoteResource.from as SQL),
      alias,
      conditions: localAttributes.map(
        (near, i) => sql`${query.alias}.${sql.identifier(near)} = ${alias}.${sql.identifier(remoteAttributes[i]!)}`,
      ),
    });
    return alias;
  };
  Object.assign(query, { singleRelation });
}

/** A select of records as of a moment; of those alone that have some values. */
export function selectAsOf(
  build: GraphileBuild.Build,
  table: Table,
  $moment: Step,
  spec: Readonly<Record<string, Step>> = {},
): PgSelectStep {
  const { sql } = build;
  const { TYPES } = build.dataplanPg;
  const columns = Object.entries(spec);
  const $select = pgSelect({
    resource: table,
    identifiers: columns.map(([column, step]) => ({
      step,
      codec: table.codec.attributes[column]!.codec,
      matches: (alias: SQL) => sql`${alias}.${sql.identifier(column)}`,
    })),
    from: {
      callback: ($root) => {
        const [first] = columns;
        return asOfTable(
          build,
          table,
          $root.placeholder($moment, TYPES.timestamptz),
          first && {
            column: first[0],
            value: $root.placeholder(first[1], table.codec.attributes[first[0]]!.codec),
          },
        );
      },
    },
    joinAsLateral: true,
  }) as unknown as PgSelectStep;
  const moment = $select.placeholder($moment, TYPES.timestamptz);
  const past = (expression: SQL): SQL =>
    pastExpressions.get(expression)?.(moment) ?? asOfTable(build, { from: expression }, moment);
  moments.set($select, { $moment, past });
  $select.apply(lambda($moment, () => (query: PgSelectQueryBuilder) => joinThePast(build, query, table, past)));
  return $select;
}

/**
 * Records as they were: the argument asOf of each object's list and of its single record. What such records are
 * related to is as of the same moment, and so is what filters and orders ask, of themselves and of related records.
 */
export const AsOfPlugin: GraphileConfig.Plugin = {
  name: 'RelvarAsOfPlugin',
  version: '1.0.0',
  description: 'Shows records as they were at a moment',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field_args(args, build, { scope, Self }) {
        if (!isTimed(scope)) return args;
        const type = build.getGraphQLTypeByPgCodec(build.dataplanPg.TYPES.timestamptz, 'input');
        if (!type) return args;
        return build.extend(
          args,
          {
            asOf: {
              description:
                'The records as they were at this moment, as far as they may be read now. Leave it out for the records as they are. Where more than 5,000 records were changed since, a list does not tell when and by whom they were changed last (updatedAt, updatedBy…); a single record does.',
              type: type as never,
            },
          },
          `Adding asOf to ${Self.name}.${scope.fieldName}`,
        );
      },
      GraphQLObjectType_fields_field_args_arg(arg, build, { scope }) {
        const { argName, isPgFieldConnection, isPgFieldSimpleCollection } = scope;
        const apply = arg.applyPlan;
        if (argName !== 'filter' || !apply || !(isPgFieldConnection || isPgFieldSimpleCollection)) return arg;
        const { PgCondition } = build.dataplanPg;
        return {
          ...arg,
          applyPlan($parent, $target: Step, fieldArg, info) {
            const $select = (isPgFieldConnection ? ($target as Connection).getSubplan() : $target) as PgSelectStep;
            const then = moments.get($select);
            if (!then) return apply($parent, $target, fieldArg, info);
            fieldArg.apply($select, ((query: PgSelectQueryBuilder, filter: unknown) =>
              filter ? pastCondition(new PgCondition(query), then.past) : undefined) as never);
          },
        };
      },
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const { plan } = field;
        if (!plan) return field;
        const related = relation(scope);
        if (related) {
          const { table, columns } = related;
          return {
            ...field,
            plan($record, args, info) {
              const $moment = momentOfRecord($record as Step);
              if (!$moment) return plan($record, args, info);
              const record = $record as unknown as PgSelectSingleStep;
              const spec = Object.fromEntries(columns.map(([near, far]) => [far, record.get(near) as unknown as Step]));
              const $select = selectAsOf(build, table, $moment, spec);
              return shaped($select, scope) as never;
            },
          };
        }
        if (!isTimed(scope)) return field;
        const table = scope.pgFieldResource as Table;
        return {
          ...field,
          plan($root, args, info) {
            const $moment = (args as FieldArgs).getRaw('asOf') as Step;
            if ($moment instanceof ConstantStep && ($moment.data === undefined || $moment.data === null))
              return plan($root, args, info);
            const spec: Record<string, Step> = scope.isPgRowByUniqueConstraintField
              ? { id: (args as FieldArgs).getRaw('id') as Step }
              : {};
            return shaped(selectAsOf(build, table, $moment, spec), scope) as never;
          },
        };
      },
    },
  },
};

interface Connection extends Step {
  getSubplan(): Step;
}

type Scope = GraphileBuild.ScopeObjectFieldsField;

/** One record, a list of them or pages. */
function shaped($select: PgSelectStep, scope: Scope): unknown {
  if (scope.isPgFieldConnection) return connection($select as never);
  return scope.isPgFieldSimpleCollection ? $select : $select.single();
}

/** Whether a field shows records of an object of the model: only these have a past. */
function isTimed(scope: Scope & { isRootQuery?: boolean }): boolean {
  const table = scope.pgFieldResource as Table | undefined;
  if (!table?.codec.attributes?.['id'] || table.parameters) return false;
  if (!scope.isPgRowByUniqueConstraintField && !scope.isPgFieldConnection && !scope.isPgFieldSimpleCollection)
    return false;
  const unique = scope.pgFieldResourceUnique;
  if (unique && (unique.attributes.length !== 1 || unique.attributes[0] !== 'id')) return false;
  return scope.isRootQuery === true && 'updated_at' in table.codec.attributes;
}

/** The table that a field leads to from a record, and which columns meet. */
function relation(scope: Scope): { table: Table; columns: [string, string][] } | undefined {
  const details = scope.pgRelationDetails;
  if (!details) return undefined;
  const { registry, codec, relationName } = details;
  const found = (registry.pgRelations as never as Record<string, Record<string, Relation>>)[codec.name]?.[relationName];
  if (!found) return undefined;
  return {
    table: found.remoteResource,
    columns: found.localAttributes.map((near, i) => [near, found.remoteAttributes[i]!] as [string, string]),
  };
}

interface Relation {
  readonly remoteResource: Table;
  readonly localAttributes: readonly string[];
  readonly remoteAttributes: readonly string[];
}
