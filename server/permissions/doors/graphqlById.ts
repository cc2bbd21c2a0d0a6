import { OBJECTS } from '../objects.ts';
import { codeOf } from '../setting.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';

/** Records asked for by their ids, whoever told them. */
export const graphqlById: Door = {
  name: 'GraphQL by id',
  ask: async ({ model, world, checks, graphql }) => {
    for (const caller of world.callers) {
      for (const { name } of OBJECTS) {
        const records = recordsOf(world, name);
        const ids = Object.fromEntries(records.map(({ id }, i) => [`i${i}`, id]));
        const query = `query (${records.map((_, i) => `$i${i}: UUID!`).join(', ')}) {
          ${records.map((_, i) => `r${i}: ${name}(id: $i${i}) { id }`).join(' ')} }`;
        const answer = await graphql(caller, query, ids);
        const what = `${caller.name} asks for a ${name} by its id`;
        checks.same(model.may(caller, 'READ', name) ? null : 'FORBIDDEN', codeOf(answer), () => what);
        for (const [i, record] of records.entries()) {
          const found = (answer.data?.[`r${i}`] as { id: string } | null | undefined)?.id ?? null;
          checks.same(model.sees(caller, record) ? record.id : null, found, () => `${what} ${record.id}`);
        }
      }
    }
  },
};
