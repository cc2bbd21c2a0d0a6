import type { PgCodec } from 'postgraphile/@dataplan/pg';
import { sql } from 'postgraphile/pg-sql2';

/** PostGraphile knows no xid8, the type of transaction ids that never wrap around. */
const xid8: PgCodec<'xid8', undefined, string, string> = {
  name: 'xid8',
  sqlType: sql`xid8`,
  fromPg: (value) => value,
  toPg: (value) => value,
  attributes: undefined,
  executor: null,
};

const TYPE = 'TransactionId';

/**
 * A scalar of its own: filters of BigInt lose "less than" as soon as one codec under that name, such as
 * this one, is unknown to the plugin that makes them.
 */
export const Xid8Plugin: GraphileConfig.Plugin = {
  name: 'RelvarXid8Plugin',
  version: '1.0.0',
  description: 'Shows columns of the type xid8 as TransactionId',
  gather: {
    hooks: {
      pgCodecs_findPgCodec(_info, event) {
        if (event.pgType.typname === 'xid8') event.pgCodec = xid8;
      },
    },
  },
  schema: {
    hooks: {
      init: {
        callback(init, build) {
          build.registerScalarType(
            TYPE,
            {},
            () => ({
              description: 'The number of a transaction of the database, as a text of digits.',
              serialize: String,
              parseValue: String,
            }),
            'xid8',
          );
          build.setGraphQLTypeForPgCodec(xid8, ['input', 'output'], TYPE);
          return init;
        },
      },
    },
  },
};
