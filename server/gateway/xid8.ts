import type {} from 'postgraphile';
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

/** Transaction ids are 64 bits wide, so they are BigInt in the API: a text of digits. */
export const Xid8Plugin: GraphileConfig.Plugin = {
  name: 'RelvarXid8Plugin',
  version: '1.0.0',
  description: 'Shows columns of the type xid8 as BigInt',
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
          build.setGraphQLTypeForPgCodec(xid8, ['input', 'output'], 'BigInt');
          return init;
        },
      },
    },
  },
};
