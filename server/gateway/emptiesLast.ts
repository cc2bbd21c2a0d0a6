import type { PgCodecWithAttributes, PgSelectQueryBuilder } from 'postgraphile/@dataplan/pg';

/**
 * Orders columns that can be empty by "is it empty?" first and by their value then. People expect what is
 * empty at the end in either direction; and PostGraphile 5.1.5 has the two cases of a null beside a
 * cursor the wrong way round, so that pages in the order of such a column would leave records out. Behind
 * a first key that is never null, the second is compared among values only or among nulls only.
 */
export const EmptiesLastPlugin: GraphileConfig.Plugin = {
  name: 'RelvarEmptiesLastPlugin',
  version: '1.0.0',
  description: 'Sorts empty values last in either direction, and lets cursors pass them',
  schema: {
    hooks: {
      GraphQLEnumType_values: {
        after: ['PgOrderAllAttributesPlugin'],
        callback(values, build, { scope: { isPgRowSortEnum, pgCodec } }) {
          if (!isPgRowSortEnum || !pgCodec?.attributes) return values;
          const codec = pgCodec as PgCodecWithAttributes;
          for (const [attributeName, { notNull }] of Object.entries(codec.attributes)) {
            if (notNull) continue;
            for (const direction of ['ASC', 'DESC'] as const) {
              const variant = direction === 'ASC' ? 'asc' : 'desc';
              const name = build.inflection.orderByAttributeEnum({ codec, attributeName, variant });
              const value = values[name];
              if (!value) continue;
              const apply = (query: PgSelectQueryBuilder) => {
                query.orderBy({
                  fragment: build.sql`(${query.alias}.${build.sql.identifier(attributeName)} is null)`,
                  codec: build.dataplanPg.TYPES.boolean,
                  direction: 'ASC',
                  nullable: false,
                });
                query.orderBy({ attribute: attributeName, direction });
              };
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
