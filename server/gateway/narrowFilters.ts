import { context, lambda } from 'postgraphile/grafast';
import type { Step } from 'postgraphile/grafast';
import type { PgCodecWithAttributes, PgSelectQueryBuilder, PgSelectStep } from 'postgraphile/@dataplan/pg';
import { momentOf } from './asOf.ts';
import { Narrowings } from './narrowing.ts';
import type { Narrowing } from './narrowing.ts';

declare global {
  namespace Grafast {
    interface Context {
      /** Ids to which a filter narrows a list of the caller's; null where they would be of no use. Absent from /metadata. */
      narrow?: (tables: readonly string[], table: string, narrowing: Narrowing) => Promise<string[] | null> | null;
    }
  }
}

/**
 * Lets filters of limited roles use indexes. Under a policy PostgreSQL uses none for "contains" and the like, so where
 * a filter has one of these, the ids that it narrows the list to are asked first (see MatchingIds) and added to the
 * statement, which stays as it is otherwise: what it means, and what the role may see, is decided there alone.
 */
export const NarrowFiltersPlugin: GraphileConfig.Plugin = {
  name: 'RelvarNarrowFiltersPlugin',
  version: '1.0.0',
  description: 'Lets filters of roles that see some records only use indexes',
  schema: {
    hooks: {
      build: {
        after: ['PgConnectionArgFilterPlugin'],
        callback(build) {
          // That of the filter's plugin forgets the character that escapes the others.
          build.escapeLikeWildcards = (input: unknown) => String(input).replace(/[\\%_]/g, '\\$&');
          return build;
        },
      },
      GraphQLObjectType_fields_field_args_arg(arg, build, { scope }) {
        const { argName, isPgFieldConnection, isPgFieldSimpleCollection, pgFieldResource } = scope;
        const apply = arg.applyPlan;
        const codec = pgFieldResource?.codec;
        if (argName !== 'filter' || !apply || !codec?.attributes?.['id'] || pgFieldResource?.parameters) return arg;
        if (!isPgFieldConnection && !isPgFieldSimpleCollection) return arg;
        const narrowings = narrowingsOf(build);
        const { sql } = build;
        const { TYPES, listOfCodec, sqlValueWithCodec } = build.dataplanPg;
        const uuids = listOfCodec(TYPES.uuid);
        const narrow = ([filter, { narrow: ask }]: readonly [object | null | undefined, Grafast.Context]) => {
          const found = filter && ask && narrowings.of(codec as PgCodecWithAttributes, filter);
          const answer = found && ask(found.tables, found.table, found.narrowing);
          return answer?.then(
            (ids) =>
              ids &&
              ((query: PgSelectQueryBuilder) =>
                query.where(sql`${query.alias}.${sql.identifier('id')} = any (${sqlValueWithCodec(ids, uuids)})`)),
          );
        };
        return {
          ...arg,
          applyPlan($parent, $target: Step, fieldArg, info) {
            const $select = (isPgFieldConnection ? ($target as Connection).getSubplan() : $target) as PgSelectStep;
            // Ids of records that are like that now say nothing of what was.
            if (!momentOf($select)) $select.apply(lambda([fieldArg.getRaw(), context()], narrow));
            return apply($parent, $target, fieldArg, info);
          },
        };
      },
    },
  },
};

interface Connection extends Step {
  getSubplan(): Step;
}

const known = new WeakMap<GraphileBuild.Build, Narrowings>();

function narrowingsOf(build: GraphileBuild.Build): Narrowings {
  let narrowings = known.get(build);
  if (!narrowings) known.set(build, (narrowings = new Narrowings(build)));
  return narrowings;
}
