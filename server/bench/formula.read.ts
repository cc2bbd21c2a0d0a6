import pg from 'pg';
import { identitySettings } from '../../db/pool.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { alternate, throughput } from './rounds.ts';

const RECORDS = 1_000_000;
const LISTED = 50;
const ROUNDS = 9;
const ROUND_MS = 1_000;

export const formulaRead: Bench = {
  name: 'formula.read',
  compares: `the first ${LISTED} of ${RECORDS / 1e6} M records by a formula with its index, against by a number with its index`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await createRecords(database, workspace);
    const settings = identitySettings(await database.identity(workspace));
    const client = new pg.Client({ connectionString: database.serverUrl });
    await client.connect();
    try {
      const statement = (column: string) =>
        `select id, position, size, score from measured_things order by ${column} limit ${LISTED}`;
      const list = (column: string) => async () => {
        const send = () =>
          sendWithSettings(client as pg.PoolClient, settings, { name: column, text: statement(column), values: [] });
        return 1000 / (await throughput([client], ROUND_MS, send));
      };
      const { ratio, ratios, subject, reference } = await alternate(ROUNDS, list('score'), list('size'));
      const plan = await sendWithSettings(client as pg.PoolClient, settings, {
        text: `explain ${statement('score')}`,
        values: [],
      });
      const lines = plan.rows.flat().join('\n');
      return {
        ratio,
        bound: 1.2,
        checks: { 'the index is used': /Index Scan using measured_things/.test(JSON.stringify(plan.rows)) },
        detail: { msByFormula: subject, msByNumber: reference, plan: lines.split('\n')[1], ratios },
      };
    } finally {
      await client.end();
    }
  },
};

async function createRecords({ admin }: BenchDatabase, workspace: Workspace) {
  await admin.query(
    `do $$
     declare
       v_object uuid;
       v_size uuid;
       v_score uuid;
     begin
       insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, is_audited)
       values ('${workspace.id}', 'measuredThing', 'measuredThings', 'Thing', 'Things', false) returning id into v_object;
       insert into metadata.fields (object_id, name, label, type) values (v_object, 'size', 'Size', 'NUMBER') returning id into v_size;
       insert into metadata.fields (object_id, name, label, type, settings)
       values (v_object, 'score', 'Score', 'FORMULA', '{"expression": "round(size * 1.19, 2) - 7"}') returning id into v_score;
       insert into metadata.indexes (object_id, name, parts)
       values (v_object, 'By size', jsonb_build_array(jsonb_build_object('fieldId', v_size))),
         (v_object, 'By score', jsonb_build_array(jsonb_build_object('fieldId', v_score)));
     end $$`,
  );
  const table = `${workspace.schemaName}.measured_things`;
  await admin.query(`insert into ${table} (size) select random() * 1e6 from generate_series(1, ${RECORDS})`);
  await admin.query(`vacuum analyze ${table}`);
}
