import { TYPES as CODECS } from 'postgraphile/@dataplan/pg';
import type { GraphQLInputType } from 'postgraphile/graphql';
import type { SQL } from 'postgraphile/pg-sql2';

/**
 * Looks for a text in JSON: among its values, however deep, and not among its keys, so that files are found by their names
 * and nobody finds all of them by "name".
 */
export const JsonTextPlugin: GraphileConfig.Plugin = {
  name: 'RelvarJsonTextPlugin',
  version: '1.0.0',
  description: 'Filters JSON by a text in it',
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        // JSON has no equality that PostGraphile likes, so it would offer no filter at all, not even for what is empty.
        override: {
          provides: ['relvarJsonText'],
          callback: (behavior, [codec, name]) =>
            codec.attributes[name]?.codec === CODECS.jsonb ? [behavior, 'attribute:filterBy'] : behavior,
        },
      },
    },
    hooks: {
      init(_, build) {
        const { sql } = build;
        const { TYPES } = build.dataplanPg;
        const operator = (description: string, isIn: boolean) => ({
          description,
          resolveType: () => build.graphql.GraphQLString as GraphQLInputType,
          resolveInputCodec: () => TYPES.text,
          resolveInput: (input: unknown) => `%${build.escapeLikeWildcards(input)}%`,
          resolve: (column: SQL, value: SQL) => {
            const found = sql`exists (select from jsonb_path_query(${column}, '$.**') v where jsonb_typeof(v) in ('string', 'number', 'boolean') and v #>> '{}' ilike ${value})`;
            return isIn ? found : sql`(${column} is not null and not ${found})`;
          },
        });
        build.addConnectionFilterOperator(
          'JSON',
          'includesInsensitive',
          operator('Contains the text in one of its values (case-insensitive).', true),
        );
        build.addConnectionFilterOperator(
          'JSON',
          'notIncludesInsensitive',
          operator('Contains the text in none of its values (case-insensitive).', false),
        );
        return _;
      },
    },
  },
};
