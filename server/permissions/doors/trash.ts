import { fieldsOf, isComputed, OBJECTS } from '../objects.ts';
import { visibleCells } from '../model.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';

/** Deleted records: which are listed, with which values, and which are put back or destroyed. */
export const trash: Door = {
  name: 'trash',
  ask: async ({ model, world, checks, as }) => {
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const object of OBJECTS) {
          const { name } = object;
          const what = `${caller.name}: deleted ${object.plural}`;
          const inTrash = world.trash.filter((record) => record.object === name);
          // One is of no record, so that there is always something to ask for.
          const ids = [...inTrash.map(({ id }) => id), '00000000-0000-4000-8000-000000000000'];
          const expected = model.trash(caller, 'READ', name);
          const answer = await attempt(client, 'select * from deleted_records($1, 1000)', [name]);
          checks.same(model.may(caller, 'READ', name) ? null : REFUSED, answer.code, () => what);
          const rows = new Map(answer.rows.map((row) => [row['record_id'] as string, row]));
          const shown = new Set(expected.map(({ id }) => id));
          checks.members(ids, shown, new Set(rows.keys()), (id) => `${what} ${id}`);
          const readable = new Set(model.readableFields(caller, object).flatMap((field) => field.columns));
          const computed = new Set(
            fieldsOf(object)
              .filter(isComputed)
              .flatMap((field) => field.columns),
          );
          for (const record of expected) {
            const row = rows.get(record.id) ?? {};
            const data = (row['data'] ?? {}) as Record<string, unknown>;
            checks.cells(visibleCells(model, caller, record), data, () => `${what} ${record.id}`);
            for (const column of Object.keys(data))
              if (!computed.has(column))
                checks.same(true, readable.has(column), () => `${what} ${record.id} tells ${column}`);
            const label = readable.has('name') ? record.cells['name'] : null;
            checks.same(label, row['label'], () => `${what} ${record.id}, label`);
          }
          // The table itself holds whole records, so it is for those who read all of an object.
          const { rows: whole } = await attempt(client, 'select record_id from trash where record_id = any ($1)', [
            ids,
          ]);
          const open = new Set(model.readsWholly(caller, object) ? inTrash.map(({ id }) => id) : []);
          checks.members(
            ids,
            open,
            new Set(whole.map((row) => row['record_id'] as string)),
            (id) => `${what}, table, ${id}`,
          );
          for (const [verb, action] of [
            ['restore_record', 'DELETE'],
            ['destroy_record', 'DESTROY'],
          ] as const) {
            const { code, rows: done } = await attempt(
              client,
              `select id from unnest($2::uuid[]) id where ${verb}($1, id)`,
              [name, ids],
            );
            checks.same(model.may(caller, action, name) ? null : REFUSED, code, () => `${what}, ${verb}`);
            const reached = new Set(model.trash(caller, action, name).map(({ id }) => id));
            const mayDo = model.may(caller, action, name) ? reached : new Set<string>();
            checks.members(
              ids,
              mayDo,
              new Set(done.map((row) => row['id'] as string)),
              (id) => `${what}, ${verb} ${id}`,
            );
          }
        }
      });
  },
};
