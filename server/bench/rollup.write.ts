import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { alternate, time } from './rounds.ts';

const LINES = 10_000;
const PARENTS = 1_000;
const ROUNDS = 9;

export const rollupWrite: Bench = {
  name: 'rollup.write',
  compares: `${LINES} records inserted in one statement, with three rollups over them, against the same without`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await createObjects(database, workspace, 'counted', true);
    await createObjects(database, workspace, 'plain', false);
    const insert = (name: string) => async () => {
      const table = `${workspace.schemaName}.${name}_lines`;
      await database.admin.query(`truncate ${table}`);
      await database.admin.query(`vacuum analyze ${workspace.schemaName}.${name}_orders`);
      return time(() =>
        database.admin.query(
          `insert into ${table} (${name}_order_id, size)
           select o.id, o.n from (select id, row_number() over () as n from ${workspace.schemaName}.${name}_orders) o,
             generate_series(1, ${LINES / PARENTS})`,
        ),
      );
    };
    const { ratio, ratios, subject, reference } = await alternate(ROUNDS, insert('counted'), insert('plain'));
    const { rows } = await database.admin.query<{ isExact: boolean }>(
      `select bool_and(o.number = ${LINES / PARENTS} and o.total = l.total and o.biggest = l.biggest) as "isExact"
       from ${workspace.schemaName}.counted_orders o
       join (select counted_order_id as id, sum(size) as total, max(size) as biggest from ${workspace.schemaName}.counted_lines group by 1) l using (id)`,
    );
    return {
      ratio,
      bound: 2.5,
      checks: { 'the rollups are right': rows[0]!.isExact },
      detail: { msWithRollups: subject, msWithout: reference, parents: PARENTS, ratios },
    };
  },
};

/** Orders, and lines that point to them. */
async function createObjects({ admin }: BenchDatabase, workspace: Workspace, name: string, hasRollups: boolean) {
  await admin.query(
    `do $$
     declare
       v_orders uuid;
       v_lines uuid;
       v_link uuid;
       v_size uuid;
       v_relation uuid;
     begin
       insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural)
       values ('${workspace.id}', '${name}Order', '${name}Orders', 'Order', 'Orders') returning id into v_orders;
       insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural)
       values ('${workspace.id}', '${name}Line', '${name}Lines', 'Line', 'Lines') returning id into v_lines;
       insert into metadata.fields (object_id, name, label, type) values (v_lines, 'size', 'Size', 'NUMBER') returning id into v_size;
       insert into metadata.fields (object_id, name, label, type) values (v_lines, '${name}Order', 'Order', 'RELATION') returning id into v_link;
       insert into metadata.relations (field_id, target_object_id, inverse_name, inverse_label)
       values (v_link, v_orders, 'lines', 'Lines') returning id into v_relation;
       if ${hasRollups} then
         insert into metadata.fields (object_id, name, label, type, settings)
         select v_orders, f.name, f.name, 'ROLLUP', jsonb_build_object('relationId', v_relation, 'aggregate', f.aggregate, 'fieldId', v_size)
         from (values ('number', 'COUNT'), ('total', 'SUM'), ('biggest', 'MAX')) f (name, aggregate);
       end if;
     end $$`,
  );
  await admin.query(
    `insert into ${workspace.schemaName}.${name}_orders (position) select i from generate_series(1, ${PARENTS}) i`,
  );
}
