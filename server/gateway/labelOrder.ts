import type { PgCodecWithAttributes, PgSelectQueryBuilder } from 'postgraphile/@dataplan/pg';
import type { GraphQLEnumValueConfig } from 'postgraphile/graphql';
import { orderEmptiesLast } from './emptiesLast.ts';

/**
 * Orders by what a related record is called: COMPANY__LABEL_ASC for people. A table names the columns of
 * its label with the smart tag @labelColumn; of several, a blank apart, the first decides. Names in
 * constant case have no two underscores, so these are in nobody's way.
 */
export const LabelOrderPlugin: GraphileConfig.Plugin = {
  name: 'RelvarLabelOrderPlugin',
  version: '1.0.0',
  description: 'Orders records by the label of the record that a relation points to',
  schema: {
    hooks: {
      GraphQLEnumType_values(values, build, { scope: { isPgRowSortEnum, pgCodec } }) {
        if (!isPgRowSortEnum || !pgCodec?.attributes) return values;
        const codec = pgCodec as PgCodecWithAttributes;
        const { inflection, sql } = build;
        const registry = build.input.pgRegistry;
        const added: Record<string, GraphQLEnumValueConfig> = {};
        for (const [relationName, relation] of Object.entries(registry.pgRelations[codec.name] ?? {})) {
          if (relation.isReferencee || !relation.isUnique) continue;
          if (!build.behavior.pgCodecRelationMatches(relation, 'singularRelation:resource:single')) continue;
          const remote = relation.remoteResource.codec as PgCodecWithAttributes;
          const columns = labelColumns(remote);
          if (columns.length === 0) continue;
          const fieldName = inflection.singleRelation({ registry, codec, relationName });
          for (const direction of ['ASC', 'DESC'] as const) {
            const apply = (query: PgSelectQueryBuilder) => {
              const alias = query.singleRelation(relationName as never);
              for (const column of columns)
                orderEmptiesLast(
                  build,
                  query,
                  sql`${alias}.${sql.identifier(column)}`,
                  remote.attributes[column]!.codec,
                  direction,
                );
            };
            added[`${inflection.constantCase(fieldName)}__LABEL_${direction}`] = { extensions: { grafast: { apply } } };
          }
        }
        return build.extend(values, added, `Orders by the labels of what ${codec.name} points to`);
      },
    },
  },
};

function labelColumns(codec: PgCodecWithAttributes): string[] {
  const tag = codec.extensions?.tags?.labelColumn;
  if (typeof tag !== 'string') return [];
  return tag.split(' ').filter((column) => Object.hasOwn(codec.attributes, column));
}
