import { connection } from 'postgraphile/grafast';
import type { PgCodecRelation, PgCodecWithAttributes, PgResource, PgSelectSingleStep } from 'postgraphile/@dataplan/pg';
import type { SQL } from 'postgraphile/pg-sql2';
import { asOfTable, momentOfRecord, pastExpressions, selectAsOf } from './asOf.ts';

type Table = PgResource<string, PgCodecWithAttributes>;
type Relation = PgCodecRelation<PgCodecWithAttributes, Table>;

/** From one side of a many-to-many relation, over its junction, to the other. */
interface FarRelation {
  /** Of the field on this side. */
  readonly name: string;
  readonly far: Table;
  readonly between: Table;
  readonly junction: SQL;
  /** The junction's column that points to this side, and the one that points to the other. */
  readonly nearColumn: string;
  readonly farColumn: string;
}

/**
 * Many-to-many relations. The two foreign keys of their junction bear the smart tag @manyToMany with the
 * name of the field that leads over to the other side, on the object that the key points to; without a name
 * there is no field. The field is a connection of the other side's records, with its filter and order.
 * The links themselves are records of the junction, an ordinary object: they are listed, created and
 * deleted there. @graphile-contrib/pg-many-to-many makes types of its own for each pair, and a
 * connection for any table that has two foreign keys.
 */
export const ManyToManyPlugin: GraphileConfig.Plugin = {
  name: 'RelvarManyToManyPlugin',
  version: '1.0.0',
  description: 'Leads over junctions to the records at the other end',
  inflection: {
    replace: {
      // One type for each object that is filtered by, whoever filters: there is nothing else in it.
      filterManyType(_previous, _options, _table, foreignTable) {
        return this.upperCamelCase(`${this.tableType(foreignTable.codec)}-to-many-filter`);
      },
    },
  },
  schema: {
    hooks: {
      GraphQLObjectType_fields(fields, build, { scope, fieldWithHooks, Self }) {
        const { isPgClassType, pgCodec } = scope;
        if (!isPgClassType || !pgCodec?.attributes) return fields;
        const { sql, inflection, extend } = build;
        for (const { name, far, between, junction, nearColumn, farColumn } of farRelations(build, pgCodec)) {
          const type = build.getOutputTypeByName(inflection.tableConnectionType(far.codec));
          fields = extend(
            fields,
            {
              [name]: fieldWithHooks(
                { fieldName: name, pgFieldResource: far, isPgFieldConnection: true },
                {
                  description: `The \`${inflection.tableType(far.codec)}\` records that it is linked with.`,
                  type: new build.graphql.GraphQLNonNull(type),
                  plan($near: PgSelectSingleStep) {
                    const $moment = momentOfRecord($near);
                    const $far = $moment ? selectAsOf(build, far, $moment) : far.find();
                    const id = $far.placeholder($near.get('id'));
                    const links = $moment
                      ? asOfTable(build, between, $far.placeholder($moment, build.dataplanPg.TYPES.timestamptz), {
                          column: nearColumn,
                          value: id,
                        })
                      : junction;
                    $far.where(
                      sql`${$far.alias}.id in (select j.${sql.identifier(farColumn)} from ${links} j where j.${sql.identifier(nearColumn)} = ${id})`,
                    );
                    return connection($far);
                  },
                },
              ),
            },
            `Many-to-many relation ${name} of ${Self.name}`,
          );
        }
        return fields;
      },
      GraphQLInputObjectType_fields(fields, build, { scope, fieldWithHooks, Self }) {
        const { isPgConnectionFilter, pgCodec } = scope;
        if (!isPgConnectionFilter || !pgCodec?.attributes) return fields;
        const { sql, inflection, extend } = build;
        for (const { name, far, between, junction, nearColumn, farColumn } of farRelations(build, pgCodec)) {
          const type = build.getTypeByName(inflection.filterManyType(pgCodec as PgCodecWithAttributes, far));
          if (!type) continue;
          // To a filter, the records of the other side with the id of this side beside each: a join, which asks for the
          // right to read those columns alone that the filter names.
          const linkedBy = (table: (of: Table) => SQL) =>
            sql`((select l.${sql.identifier(nearColumn)} as _near, l.${sql.identifier(farColumn)} as _far from ${table(between)} l) j join ${table(far)} f on f.id = j._far)`;
          const linked = linkedBy((table) => table.from as SQL);
          pastExpressions.set(linked, (moment) => linkedBy((table) => asOfTable(build, table, moment)));
          const relation = {
            tableExpression: linked,
            alias: far.name,
            localAttributes: ['id'],
            remoteAttributes: ['_near'],
          };
          fields = extend(
            fields,
            {
              [name]: fieldWithHooks({ fieldName: name, isPgConnectionFilterField: true }, () => ({
                description: `Filter by the records of \`${name}\`.`,
                type: type as never,
                apply($where: FilterCondition, value: unknown) {
                  if (value === null || value === undefined) return undefined;
                  const $related = $where.andPlan();
                  $related.extensions.pgFilterRelation = relation;
                  return $related;
                },
              })),
              [`${name}Exist`]: fieldWithHooks({ fieldName: `${name}Exist`, isPgConnectionFilterField: true }, () => ({
                description: `Whether there are any \`${name}\`.`,
                type: build.graphql.GraphQLBoolean,
                apply($where: FilterCondition, value: unknown) {
                  if (typeof value !== 'boolean') return;
                  const $link = $where.existsPlan({ tableExpression: junction, alias: name, equals: value });
                  $link.where(sql`${$where.alias}.id = ${$link.alias}.${sql.identifier(nearColumn)}`);
                },
              })),
            },
            `Filter by the many-to-many relation ${name} in ${Self.name}`,
          );
        }
        return fields;
      },
    },
  },
};

/** What the connection filter's plugin hands to the parts of a filter. */
interface FilterCondition {
  readonly alias: SQL;
  readonly extensions: Record<string, unknown>;
  andPlan(): FilterCondition;
  existsPlan(options: { tableExpression: SQL; alias: string; equals: boolean }): FilterCondition;
  where(condition: SQL): void;
}

function farRelations(build: GraphileBuild.Build, codec: { name: string }): FarRelation[] {
  const { pgRelations } = build.input.pgRegistry;
  const found: FarRelation[] = [];
  for (const near of Object.values((pgRelations[codec.name] ?? {}) as Record<string, Relation>)) {
    const name = near.extensions?.tags?.manyToMany;
    if (!near.isReferencee || typeof name !== 'string') continue;
    const [nearColumn] = near.remoteAttributes as readonly string[];
    const junction = near.remoteResource;
    const far = Object.values((pgRelations[junction.codec.name] ?? {}) as unknown as Record<string, Relation>).find(
      (other) =>
        !other.isReferencee &&
        other.extensions?.tags?.manyToMany !== undefined &&
        (other.localAttributes as readonly string[])[0] !== nearColumn,
    );
    if (!far) continue;
    const [farColumn] = far.localAttributes as readonly string[];
    found.push({
      name,
      far: far.remoteResource,
      between: junction,
      junction: junction.from as SQL,
      nearColumn: nearColumn!,
      farColumn: farColumn!,
    });
  }
  return found;
}
