import { objectPlan } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';

/** The search for duplicates, of records and of values that are not saved yet. */
export const duplicates: Door = {
  name: 'duplicates',
  ask: async ({ model, world, checks, random, as }) => {
    const client = objectPlan('client');
    const clients = recordsOf(world, 'client');
    const asked = random.sample(clients, 12);
    for (const caller of world.callers)
      await as(caller, async (connection) => {
        const mayRead = model.may(caller, 'READ', 'client');
        const sees = new Set(model.records(caller, 'READ', 'client'));
        const isKnown = model.reads(caller, client, 'status');
        const alike = (status: unknown) =>
          isKnown && status !== null
            ? clients.filter((other) => sees.has(other) && other.cells['status'] === status)
            : [];
        for (const record of asked) {
          const answer = await attempt(connection, `select * from find_duplicates('client', $1, 100)`, [record.id]);
          const expected = sees.has(record) ? alike(record.cells['status']).filter((other) => other !== record) : [];
          compare(answer, expected, `${caller.name} asks for duplicates of ${record.id}`);
        }
        for (const status of ['LEAD', 'OPEN', 'LOST']) {
          const values = JSON.stringify({ status });
          const answer = await attempt(connection, `select * from find_duplicates_of('client', $1, 100)`, [values]);
          compare(answer, alike(status), `${caller.name} asks for duplicates of ${status}`);
        }

        function compare({ code, rows }: Awaited<ReturnType<typeof attempt>>, expected: typeof clients, what: string) {
          checks.same(mayRead ? null : REFUSED, code, () => what);
          checks.members(
            clients.map(({ id }) => id),
            new Set(expected.map(({ id }) => id)),
            new Set(rows.map(({ record_id }) => record_id as string)),
            (id) => `${what}, ${id}`,
          );
          for (const { record_id: id, label } of rows) {
            const { name } = world.byId.get(id as string)!.cells;
            checks.same(
              model.reads(caller, client, 'name') ? name : null,
              label,
              () => `${what}, label of ${id as string}`,
            );
          }
        }
      });
  },
};
