import { fieldsOf, OBJECTS } from '../objects.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';

/** What explain_access says of rights, records and fields is what holds. */
export const explain: Door = {
  name: 'explain_access',
  ask: async ({ model, world, checks, random, as }) => {
    for (const caller of world.callers)
      await as(caller, async (client) => {
        const allowed = async (items: readonly string[], call: string, values: unknown[]) => {
          const { rows } = await client.query<{ item: string; allowed: boolean }>(
            `select i as item, (metadata.explain_access(${call}) ->> 'allowed')::boolean as allowed from unnest($1::text[]) i`,
            [items, ...values],
          );
          return new Map(rows.map((row) => [row.item, row.allowed]));
        };
        for (const object of OBJECTS) {
          const { name } = object;
          for (const action of ['READ', 'UPDATE', 'DELETE', 'DESTROY'] as const) {
            const records = random.sample(recordsOf(world, name), 4);
            const ids = records.map(({ id }) => id);
            const answers = await allowed(ids, '$2, $3, i::uuid', [name, action]);
            const reached = new Set(model.records(caller, action, name));
            for (const record of records)
              checks.same(
                reached.has(record),
                answers.get(record.id),
                () => `${caller.name}: ${action} ${name} ${record.id}`,
              );
          }
          for (const action of ['READ', 'CREATE', 'UPDATE'] as const) {
            const fields = random.some(fieldsOf(object), 0.4);
            const names = fields.map((field) => field.name);
            const answers = await allowed(names, '$2, $3, null, i', [name, action]);
            const open =
              action === 'READ' ? model.readableFields(caller, object) : model.writableFields(caller, action, object);
            for (const field of fields)
              checks.same(
                open.includes(field),
                answers.get(field.name),
                () => `${caller.name}: ${action} ${name}.${field.name}`,
              );
          }
        }
      });
  },
};
