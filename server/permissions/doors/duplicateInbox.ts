import { objectPlan } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';
import type { DataRecord } from '../data.ts';

/** The duplicates that were found, and those that may be merged at once: pairs as the job keeps them, some of them none any more. */
export const duplicateInbox: Door = {
  name: 'duplicate inbox',
  ask: async ({ model, world, checks, random, admin, schema, as }) => {
    const client = objectPlan('client');
    const sample = random.sample(recordsOf(world, 'client'), 16);
    const pairs = sample.flatMap((first) =>
      sample.flatMap((second) => (first.id < second.id ? [{ first, second }] : [])),
    );
    const keyOf = ({ first, second }: { first: { id: string }; second: { id: string } }) => `${first.id} ${second.id}`;
    await admin.query(
      `insert into ${schema}.record_duplicates (object_id, first_id, second_id, scores, score, is_sure)
       select o.id, p.first_id, p.second_id, jsonb_build_object(c.key, 0.99), 0.99, true
       from core.workspaces w join metadata.objects o on o.workspace_id = w.id and o.name_singular = 'client'
       cross join engine.duplicate_criteria(o) c cross join unnest($2::uuid[], $3::uuid[]) p (first_id, second_id)
       where w.schema_name = $1`,
      [schema, pairs.map(({ first }) => first.id), pairs.map(({ second }) => second.id)],
    );
    for (const caller of world.callers)
      await as(caller, async (connection) => {
        const mayRead = model.may(caller, 'READ', 'client');
        const isKnown = model.reads(caller, client, 'status');
        const readsName = model.reads(caller, client, 'name');
        const reaches = (action: 'UPDATE' | 'DELETE', record: DataRecord) =>
          model.records(caller, action, 'client').includes(record);
        const shown = pairs.filter(
          ({ first, second }) =>
            isKnown &&
            model.sees(caller, first) &&
            model.sees(caller, second) &&
            first.cells['status'] !== null &&
            first.cells['status'] === second.cells['status'],
        );
        const what = `${caller.name} lists duplicates`;
        const list = await attempt(connection, `select * from list_duplicates('client', max_results => 200)`);
        checks.same(mayRead ? null : REFUSED, list.code, () => what);
        const rows = new Map(
          list.rows.map((row) => [`${row['first_id'] as string} ${row['second_id'] as string}`, row]),
        );
        checks.members(pairs.map(keyOf), new Set(shown.map(keyOf)), new Set(rows.keys()), (pair) => `${what}, ${pair}`);
        for (const pair of shown) {
          const row = rows.get(keyOf(pair));
          if (!row) continue;
          const { first, second } = pair;
          checks.same(
            readsName ? first.cells['name'] : null,
            row['first_label'],
            () => `${what}, label of ${first.id}`,
          );
          checks.same(
            readsName ? second.cells['name'] : null,
            row['second_label'],
            () => `${what}, label of ${second.id}`,
          );
          const mayMerge =
            (reaches('UPDATE', first) && reaches('DELETE', second)) ||
            (reaches('UPDATE', second) && reaches('DELETE', first));
          checks.same(mayMerge, row['may_merge'], () => `${what}, ${keyOf(pair)} may be merged`);
        }

        const sure = await attempt(connection, `select * from sure_duplicates('client', 500)`);
        checks.same(mayRead ? null : REFUSED, sure.code, () => `${what}, the sure ones`);
        const mergeable = shown.filter(({ first, second }) =>
          [first, second].every((record) => reaches('UPDATE', record) && reaches('DELETE', record)),
        );
        checks.members(
          sample.map(({ id }) => id),
          new Set(mergeable.flatMap(({ first, second }) => [first.id, second.id])),
          new Set(sure.rows.flatMap((row) => [row['survivor_id'] as string, ...(row['other_ids'] as string[])])),
          (id) => `${what}, ${id} among the sure ones`,
        );
        for (const { survivor_id: id, label } of sure.rows)
          checks.same(
            readsName ? world.byId.get(id as string)!.cells['name'] : null,
            label,
            () => `${what}, label of ${id as string} among the sure ones`,
          );
      });
    await admin.query(`delete from ${schema}.record_duplicates`);
  },
};
