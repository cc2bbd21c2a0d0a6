import { isComputed, isSystemField, objectPlan, OBJECTS } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';

interface Plan {
  survivors: string[];
  removable: string[];
  records: { recordId: string; values: Record<string, unknown> }[];
  data: Record<string, unknown>;
  moves: { kind: string; objectName: string | null; counts: Record<string, number> }[];
}

const camel = (column: string): string => column.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());

/** What merging would be like: of which records it is said at all, what of them is shown, and what is counted that refers to them. */
export const mergePlan: Door = {
  name: 'merge plan',
  ask: async ({ model, world, checks, random, as }) => {
    const client = objectPlan('client');
    const clients = recordsOf(world, 'client');
    const groups = Array.from({ length: 8 }, (_, index) => random.sample(clients, index % 3 === 2 ? 3 : 2));
    const incoming = OBJECTS.flatMap((object) =>
      object.fields.filter(({ target }) => target === 'client').map((field) => ({ object, field })),
    );
    for (const caller of world.callers)
      await as(caller, async (connection) => {
        // Those among whose values one chooses are read and changed.
        const chosen = model
          .writableFields(caller, 'UPDATE', client)
          .filter((field) => !isSystemField(field) && !isComputed(field) && model.reads(caller, client, field.name));
        const columns = chosen.flatMap((field) => field.columns);
        for (const group of groups) {
          const what = `${caller.name} plans to merge ${group.map(({ id }) => id).join(', ')}`;
          const { code, rows } = await attempt(connection, `select plan_merge('client', $1) as plan`, [
            group.map(({ id }) => id),
          ]);
          const isSeen = group.every((record) => model.sees(caller, record));
          checks.same(isSeen ? null : REFUSED, code, () => what);
          if (!isSeen || !rows[0]) continue;
          const plan = rows[0]['plan'] as Plan;
          const reached = (action: 'UPDATE' | 'DELETE') =>
            new Set(model.records(caller, action, 'client').map(({ id }) => id));
          for (const { id } of group) {
            checks.same(reached('UPDATE').has(id), plan.survivors.includes(id), () => `${what}, ${id} may stay`);
            checks.same(reached('DELETE').has(id), plan.removable.includes(id), () => `${what}, ${id} may go`);
          }
          for (const { recordId, values } of plan.records) {
            const { cells } = world.byId.get(recordId)!;
            checks.members(
              columns.map(camel),
              new Set(columns.map(camel)),
              new Set(Object.keys(values)),
              (name) => `${what}, ${name}`,
            );
            for (const column of columns)
              checks.same(
                cells[column] ?? null,
                values[camel(column)] ?? null,
                () => `${what}, ${recordId}, ${column}`,
              );
          }
          for (const name of Object.keys(plan.data))
            checks.same(true, columns.map(camel).includes(name), () => `${what}, writes ${name}`);
          for (const { object, field } of incoming) {
            const isKnown = model.reads(caller, object, field.name);
            for (const { id } of group) {
              const referring = isKnown
                ? model.records(caller, 'READ', object.name).filter(({ cells }) => cells[field.columns[0]!] === id)
                    .length
                : 0;
              const told = plan.moves
                .filter(({ objectName }) => objectName === object.name)
                .reduce((sum, { counts }) => sum + (counts[id] ?? 0), 0);
              checks.same(referring, told, () => `${what}, ${object.plural} of ${id}`);
            }
          }
        }
      });
  },
};
