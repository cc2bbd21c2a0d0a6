import { recordsOf } from '../data.ts';
import { fieldsOf, isComputed, isSystemField, OBJECTS } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';

/** What happened to one field: told of records that the caller sees, where he reads the field. */
export const fieldHistory: Door = {
  name: 'history of a field',
  ask: async ({ model, world, checks, random, as }) => {
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const object of OBJECTS) {
          const records = random.sample(recordsOf(world, object.name), 8);
          for (const field of random.sample(
            fieldsOf(object).filter((each) => !isComputed(each) && !isSystemField(each)),
            5,
          )) {
            const what = `${caller.name}: history of ${object.name}.${field.name}`;
            const { code, rows } = await attempt(
              client,
              `select r.id, h.action, h.before, h.after from unnest($3::uuid[]) r (id) cross join lateral field_history($1, r.id, $2) h`,
              [object.name, field.name, records.map(({ id }) => id)],
            );
            const mayAsk = model.may(caller, 'READ', object.name) && model.reads(caller, object, field.name);
            checks.same(mayAsk ? null : REFUSED, code, () => what);
            const seen = mayAsk ? records.filter((record) => model.sees(caller, record)) : [];
            const created = new Map(
              (rows as unknown as Event[])
                .filter(({ action }) => action === 'created')
                .map(({ id, after }) => [id, after]),
            );
            checks.members(
              records.map(({ id }) => id),
              new Set(seen.map(({ id }) => id)),
              new Set(created.keys()),
              (id) => `${what}, ${id}`,
            );
            for (const { id, cells, before } of seen) {
              const first = { ...cells, ...before };
              const wanted = Object.fromEntries(field.columns.map((column) => [column, first[column]!]));
              checks.cells(wanted, created.get(id) ?? {}, () => `${what}, ${id}`);
            }
          }
        }
      });
  },
};

interface Event {
  readonly id: string;
  readonly action: string;
  readonly after: Record<string, unknown> | null;
}
