import { apiName, objectPlan, OBJECTS } from '../objects.ts';
import type { Cell } from '../objects.ts';
import { codeOf, nodesOf } from '../setting.ts';
import type { Door } from '../setting.ts';

/** Lists that are sorted: by what the caller reads, and by what is to stay unknown, which its order would tell. */
export const graphqlSort: Door = {
  name: 'GraphQL sort',
  ask: async ({ model, world, checks, graphql }) => {
    for (const caller of world.callers) {
      for (const object of OBJECTS) {
        if (!model.may(caller, 'READ', object.name)) continue;
        for (const field of object.fields) {
          const [column] = field.columns;
          const key = apiName(column!).replace(/[A-Z]/g, '_$&').toUpperCase();
          if (field.type === 'MULTI_SELECT') continue;
          const what = `${caller.name} sorts ${object.plural} by ${column}`;
          const answer = await graphql(caller, `{ ${object.plural}(orderBy: [${key}_DESC]) { nodes { id } } }`);
          const isReadable = model.reads(caller, object, field.name);
          checks.same(isReadable ? null : 'FORBIDDEN', codeOf(answer), () => what);
          const values = nodesOf<{ id: string }>(answer).map(({ id }) => world.byId.get(id)!.cells[column!]!);
          const expected = isReadable
            ? model.records(caller, 'READ', object.name).map(({ cells }) => cells[column!]!)
            : [];
          // Which of two texts is the greater, languages decide.
          const inOrder = (cells: Cell[]) => (field.kind === 'text' || field.target ? [...cells].sort() : cells);
          checks.same(inOrder(expected.sort(descending)), inOrder(values), () => what);
        }
      }
      const [job, client] = [objectPlan('job'), objectPlan('client')];
      const answer = await graphql(caller, '{ jobs(orderBy: [CLIENT__LABEL_ASC]) { nodes { id } } }');
      const isOpen = model.reads(caller, job, 'client') && model.reads(caller, client, 'name');
      checks.same(isOpen ? null : 'FORBIDDEN', codeOf(answer), () => `${caller.name} sorts jobs by their clients`);
      // Those of clients that are not seen come last, among those without a client, in no order of theirs.
      const isKnown = nodesOf<{ id: string }>(answer).map(({ id }) => {
        const target = world.byId.get(world.byId.get(id)!.cells['client_id'] as string);
        return target !== undefined && model.sees(caller, target);
      });
      const expected = [...isKnown].sort((a, b) => Number(b) - Number(a));
      checks.same(expected, isKnown, () => `${caller.name} sorts jobs by their clients, hidden ones last`);
    }
  },
};

/** As PostgreSQL orders, with what is empty at the end. */
function descending(a: Cell, b: Cell): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a === b ? 0 : a > b ? -1 : 1;
}
