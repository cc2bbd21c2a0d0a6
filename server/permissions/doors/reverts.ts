import { recordsOf } from '../data.ts';
import { OBJECTS } from '../objects.ts';
import { attempt } from '../setting.ts';
import type { Door } from '../setting.ts';

/** Taking changes back: what is shown of it before, and what is done. Each sampled record was changed once. */
export const reverts: Door = {
  name: 'taking back',
  ask: async ({ model, world, checks, random, as, admin, schema }) => {
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const object of OBJECTS) {
          const records = random.sample(
            recordsOf(world, object.name).filter(({ before }) => Object.keys(before ?? {}).length > 0),
            4,
          );
          const { rows: events } = await admin.query<{ id: string; batch: string; seq: number }>(
            `select record_id as id, batch, seq from ${schema}.record_events where record_id = any ($1) and action = 'updated'`,
            [records.map(({ id }) => id)],
          );
          const readable = new Set(model.readableFields(caller, object).flatMap(({ columns }) => columns));
          const writable = new Set(model.writableFields(caller, 'UPDATE', object).flatMap(({ columns }) => columns));
          for (const record of records) {
            const event = events.find(({ id }) => id === record.id)!;
            const what = `${caller.name}: taking back a change of ${object.name} ${record.id}`;
            const plan = await attempt(
              client,
              'select record_id, label, before, after, conflicts from plan_revert(batch => $1, seq => $2)',
              [event.batch, event.seq],
            );
            const known = Object.entries(record.before!).filter(([column]) => readable.has(column));
            const isShown = model.sees(caller, record) && known.length > 0;
            checks.same(null, plan.code, () => what);
            checks.same(isShown, plan.rows.length === 1, () => `${what}, planned`);
            const [row] = plan.rows;
            if (row && isShown) {
              checks.cells(Object.fromEntries(known), row['after'] as Record<string, unknown>, () => what);
              for (const column of Object.keys({ ...(row['before'] as object), ...(row['after'] as object) }))
                checks.same(true, readable.has(column), () => `${what}, tells ${column}`);
              const name = readable.has('name') ? record.cells['name'] : null;
              checks.same(name, row['label'], () => `${what}, label`);
            }
            // Refused by itself where something is in the way, which only what the caller may not do should be.
            const done = await attempt(client, 'select revert(batch => $1, seq => $2) as done', [
              event.batch,
              event.seq,
            ]);
            const mayDo =
              isShown &&
              model.records(caller, 'UPDATE', object.name).includes(record) &&
              known.every(([column]) => writable.has(column)) &&
              model.mayBecome(caller, { ...record, cells: { ...record.cells, ...Object.fromEntries(known) } });
            checks.same(mayDo, done.code === null, () => `${what}, done (${done.code})`);
          }
        }
      });
  },
};
