import pg from 'pg';
import { identitySettings } from '../../db/pool.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';
import type { Bench } from './bench.ts';
import { dropGuarded, guardRecords, RECORDS } from './guardedRecords.ts';
import { alternate, throughput } from './rounds.ts';

const LISTED = 50;
const ROUNDS = 9;
const ROUND_MS = 1_000;

export const rlsList: Bench = {
  name: 'rls.list',
  compares: `${LISTED} of ${RECORDS / 1e6} M records under "own and team's records" (about 1,000 are seen), against the same condition by hand without a policy`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    const { limited, free, members } = await guardRecords(database, workspace);
    const client = new pg.Client({ connectionString: database.serverUrl });
    await client.connect();
    try {
      const columns = 'select id, name, position, created_at from guarded_things';
      const page = `order by created_at desc, id limit ${LISTED}`;
      const list = (identity: typeof limited, sql: string) => async () => {
        const send = () =>
          sendWithSettings(client as pg.PoolClient, identitySettings(identity), {
            name: `rls.list ${identity.pgRole}`,
            text: sql,
            values: [],
          });
        return 1000 / (await throughput([client], ROUND_MS, send));
      };
      const byPolicy = `${columns} ${page}`;
      const byHand = `${columns} where keeper_id = any ('{${members.join(',')}}'::uuid[]) ${page}`;
      const { ratio, ratios, subject, reference } = await alternate(
        ROUNDS,
        list(limited, byPolicy),
        list(free, byHand),
      );
      const explain = async (sql: string) =>
        JSON.stringify(
          (
            await sendWithSettings(client as pg.PoolClient, identitySettings(limited), {
              text: `explain ${sql}`,
              values: [],
            })
          ).rows,
        );
      const seen = await sendWithSettings(client as pg.PoolClient, identitySettings(limited), {
        text: 'select count(*) from guarded_things',
        values: [],
      });
      const plan = await explain(byPolicy);
      return {
        ratio,
        bound: 1.3,
        checks: {
          'an index is used': /guarded_things_keeper_id_idx/.test(plan) && !/Seq Scan on guarded_things/.test(plan),
        },
        detail: { msByPolicy: subject, msByHand: reference, recordsSeen: Number(seen.rows[0]![0]), ratios },
      };
    } finally {
      await client.end();
      await dropGuarded(database, workspace);
    }
  },
};
