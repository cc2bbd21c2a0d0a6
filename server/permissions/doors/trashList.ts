import { OBJECTS } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';

/** The trash of all objects in one list, and what restoring would meet. */
export const trashList: Door = {
  name: 'trash of all objects',
  ask: async ({ model, world, checks, as }) => {
    const ids = world.trash.map(({ id }) => id);
    for (const caller of world.callers)
      await as(caller, async (client) => {
        const what = `${caller.name}: trash`;
        const { code, rows } = await attempt(client, 'select * from list_trash(max_results => 1000)');
        checks.same(null, code, () => what);
        const shown = new Map(rows.map((row) => [row['record_id'] as string, row]));
        const expected = OBJECTS.flatMap((object) => model.trash(caller, 'READ', object.name));
        checks.members(
          ids,
          new Set(expected.map(({ id }) => id)),
          new Set(ids.filter((id) => shown.has(id))),
          (id) => `${what}, ${id}`,
        );
        for (const object of OBJECTS) {
          const readsName = model.reads(caller, object, 'name');
          for (const record of expected.filter(({ object: name }) => name === object.name))
            checks.same(
              readsName ? record.cells['name'] : null,
              shown.get(record.id)?.['label'] ?? null,
              () => `${what}, label of ${record.id}`,
            );
          const mine = world.trash.filter(({ object: name }) => name === object.name);
          const plan = await attempt(client, 'select plan_restore($1, $2) as plan', [
            object.name,
            mine.map(({ id }) => id),
          ]);
          const mayRestore = model.may(caller, 'DELETE', object.name);
          checks.same(mayRestore ? null : REFUSED, plan.code, () => `${what}, restoring ${object.plural}`);
          if (!mayRestore || !plan.rows[0]) continue;
          const { restorable, missing, left } = plan.rows[0]['plan'] as Plan;
          const reached = model.trash(caller, 'DELETE', object.name);
          checks.same(reached.length, restorable + left.length, () => `${what}, restorable ${object.plural}`);
          checks.same(mine.length - reached.length, missing, () => `${what}, ${object.plural} that are not there`);
          for (const { recordId, label } of left) {
            const record = reached.find(({ id }) => id === recordId);
            checks.same(true, record !== undefined, () => `${what}, problems of ${recordId}`);
            checks.same(readsName ? record?.cells['name'] : null, label, () => `${what}, label of ${recordId}`);
          }
        }
      });
  },
};

interface Plan {
  readonly restorable: number;
  readonly missing: number;
  readonly left: readonly { readonly recordId: string; readonly label: string | null }[];
}
