import pg from 'pg';
import { identitySettings } from '../../db/pool.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { alternate, throughput } from './rounds.ts';

const RECORDS = 100_000;
/** Of each record: it was created and changed nine times, in statements of a thousand records. */
const EVENTS = 10 * RECORDS;
const LISTED = 50;
const ROUNDS = 5;
const ROUND_MS = 1_500;
const COLUMNS = 'id, name, stage, size, created_at';
const ORDER = `order by name limit ${LISTED}`;

export const historyAsof: Bench = {
  name: 'history.asof',
  compares: `${LISTED} of ${RECORDS / 1e3}k records by name as they were when half of ${EVENTS / 1e6} M events had happened, against as they are`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    const moments = await fill(database, workspace);
    const settings = identitySettings(await database.identity(workspace));
    const client = new pg.Client({ connectionString: database.serverUrl });
    await client.connect();
    try {
      const send = (text: string) => sendWithSettings(client as pg.PoolClient, settings, { text, values: [] });
      const list = (from: string) => async () =>
        1000 / (await throughput([client], ROUND_MS, () => send(`select ${COLUMNS} from ${from} ${ORDER}`)));
      const asOf = (moment: string) => list(`as_of(null::past_things, '${moment}') t`);
      const present = list('past_things');
      const { ratio, ratios, subject, reference } = await alternate(ROUNDS, asOf(moments.half), present);
      const recent = await alternate(3, asOf(moments.recent), present);
      const oldest = await alternate(3, asOf(moments.first), present);
      const one = await alternate(
        3,
        list(`as_of(null::past_things, '${moments.half}', '{"id": "${moments.id}"}') t`),
        list(`past_things where id = '${moments.id}'`),
      );
      const stages = await send(`select distinct stage from as_of(null::past_things, '${moments.half}') t order by 1`);
      return {
        ratio,
        bound: 50,
        checks: { 'half of the changes had happened': stages.rows.flat().join() === '4,5' },
        detail: {
          msAsOf: subject,
          msNow: reference,
          ratios,
          msWhenOneInAHundredWasToCome: recent.subject,
          msWhenAllButTheFirstWereToCome: oldest.subject,
          msOfOneRecord: one.subject,
        },
      };
    } finally {
      await client.end();
    }
  },
};

async function fill({ admin }: BenchDatabase, { id, schemaName }: Workspace) {
  await admin.query(
    `do $$
     declare
       v_object uuid;
       v_name uuid;
     begin
       insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural)
       values ('${id}', 'pastThing', 'pastThings', 'Past thing', 'Past things') returning id into v_object;
       insert into metadata.fields (object_id, name, label, type) values (v_object, 'name', 'Name', 'TEXT') returning id into v_name;
       insert into metadata.fields (object_id, name, label, type) values (v_object, 'stage', 'Stage', 'TEXT'), (v_object, 'size', 'Size', 'NUMBER');
       update metadata.objects set label_field_id = v_name where id = v_object;
     end $$`,
  );
  const table = `${schemaName}.past_things`;
  const moment = async () => (await admin.query<{ at: string }>('select clock_timestamp()::text as at')).rows[0]!.at;
  await admin.query(
    `insert into ${table} (name, stage, size) select md5(n::text), '0', n from generate_series(1, ${RECORDS}) n`,
  );
  const first = await moment();
  let half = first;
  let recent = first;
  for (let round = 1; round <= 9; round += 1)
    for (let part = 0; part < 10; part += 1) {
      if (round === 5 && part === 5) half = await moment();
      if (round === 9 && part === 9) recent = await moment();
      await admin.query(`update ${table} set stage = $1 where size::int % 10 = $2`, [String(round), part]);
    }
  await admin.query(`vacuum analyze ${table}`);
  await admin.query(`vacuum analyze ${schemaName}.record_events`);
  const { rows } = await admin.query<{ id: string }>(`select id from ${table} limit 1`);
  return { first, half, recent, id: rows[0]!.id };
}
