import { recordsOf } from '../data.ts';
import { fieldsOf, isComputed, isSystemField, OBJECTS } from '../objects.ts';
import { visibleCells } from '../model.ts';
import { attempt, nodesOf, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';

/**
 * Records as they were: the list and the single record, put together from the log. Something is said to have happened
 * to each value of each record since, which changed none, so that what was is what is.
 */
export const asOf: Door = {
  name: 'as of a moment',
  ask: async ({ model, world, checks, random, as, admin, schema, workspaceId, graphql }) => {
    const { rows } = await admin.query<{ moment: string }>('select clock_timestamp()::text as moment');
    const { moment } = rows[0]!;
    for (const object of OBJECTS) {
      const columns = object.fields.filter((field) => !isComputed(field)).flatMap((field) => field.columns);
      await admin.query(
        `insert into ${schema}.record_events (batch, seq, object_id, record_id, action, before, after, actor_type, source, request_id, happened_at)
         select (select nextval('engine.event_batch')), row_number() over (), o.id, t.id, 'updated', v.value, v.value, 'system', 'SYSTEM', 'as of', clock_timestamp()
         from metadata.objects o, ${schema}.${object.plural} t
         cross join lateral (select jsonb_object_agg(e.key, e.value) as value from jsonb_each(to_jsonb(t)) e where e.key = any ($3)) v
         where o.workspace_id = $1 and o.name_singular = $2`,
        [workspaceId, object.name, columns],
      );
    }
    for (const caller of world.callers) {
      await as(caller, async (client) => {
        for (const object of OBJECTS) {
          const what = `${caller.name}: ${object.plural} as of a moment`;
          const answer = await attempt(client, `select to_jsonb(t) as row from as_of(null::${object.plural}, $1) t`, [
            moment,
          ]);
          checks.same(model.may(caller, 'READ', object.name) ? null : REFUSED, answer.code, () => what);
          const shown = new Map(
            answer.rows.map(({ row }) => [(row as { id: string }).id, row as Record<string, unknown>]),
          );
          const expected = model.records(caller, 'READ', object.name);
          checks.members(
            [...recordsOf(world, object.name), ...world.trash].map(({ id }) => id),
            new Set(expected.map(({ id }) => id)),
            new Set(shown.keys()),
            (id) => `${what}, ${id}`,
          );
          const hidden = model.hiddenFields(caller, object).flatMap(({ columns }) => columns);
          const told = new Set(
            fieldsOf(object)
              .filter((field) => !isComputed(field) && !isSystemField(field))
              .flatMap(({ columns }) => columns),
          );
          for (const record of expected) {
            const row = shown.get(record.id) ?? {};
            const cells = Object.entries(visibleCells(model, caller, record)).filter(([column]) => told.has(column));
            checks.cells(Object.fromEntries(cells), row, () => `${what}, ${record.id}`);
            for (const column of hidden)
              checks.same(null, row[column] ?? null, () => `${what}, ${record.id}, hidden ${column}`);
          }
        }
      });
      for (const object of random.sample([...OBJECTS], 2)) {
        if (!model.may(caller, 'READ', object.name) || !model.reads(caller, object, 'name')) continue;
        const records = random.sample(recordsOf(world, object.name), 3);
        const query = `query ($asOf: Datetime) {
          ${object.plural}(asOf: $asOf) { nodes { id name } }
          ${records.map(({ id }, i) => `r${i}: ${object.name}(id: "${id}", asOf: $asOf) { id name }`).join('\n')}
        }`;
        const answer = await graphql(caller, query, { asOf: new Date(moment).toISOString() });
        const what = `${caller.name}: ${object.plural} as of a moment over GraphQL`;
        checks.members(
          recordsOf(world, object.name).map(({ id }) => id),
          new Set(model.records(caller, 'READ', object.name).map(({ id }) => id)),
          new Set(nodesOf<{ id: string }>(answer).map(({ id }) => id)),
          (id) => `${what}, ${id}`,
        );
        for (const [i, record] of records.entries())
          checks.same(
            model.sees(caller, record) ? { id: record.id, name: record.cells['name'] } : null,
            (answer.data as Record<string, unknown> | null)?.[`r${i}`] ?? null,
            () => `${what}, ${record.id} alone`,
          );
      }
    }
    await admin.query(`delete from ${schema}.record_events where request_id = 'as of'`);
  },
};
