import { objectPlan } from '../objects.ts';
import { codeOf } from '../setting.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';
import type { Caller } from '../data.ts';

/** A value that is taken is refused in words that do not tell whether one sees by whom. Nothing is made. */
export const refusals: Door = {
  name: 'refusals',
  ask: async ({ model, world, checks, random, graphql }) => {
    const client = objectPlan('client');
    const ask = (caller: Caller, taken: object) =>
      graphql(
        caller,
        'mutation ($client: ClientInput!) { createClient(input: { client: $client }) { clientMutationId } }',
        {
          client: taken,
        },
      );
    for (const caller of world.callers) {
      const writable = model.writableFields(caller, 'CREATE', client).map(({ name }) => name);
      const known = new Set(model.readableFields(caller, client).map(({ name }) => name));
      for (const [field, valueOf] of [
        ['phrase', ({ cells }) => cells['phrase']],
        ['id', ({ id }) => id],
      ] as const satisfies readonly (readonly [string, (record: (typeof world.records)[number]) => unknown])[]) {
        const isOpen = writable.includes(field);
        const said = new Set<string>();
        for (const record of random.sample(recordsOf(world, 'client'), 6)) {
          const answer = await ask(caller, { [field]: valueOf(record) });
          const what = `${caller.name} makes a client with the ${field} of ${record.id}`;
          checks.same(isOpen ? 'NOT_UNIQUE' : 'FORBIDDEN', codeOf(answer), () => what);
          const text = answer.errors?.[0]?.message ?? '';
          said.add(text);
          if (isOpen && !model.seesAll(caller, 'client'))
            checks.same(false, /another|has this value/i.test(text), () => `${what} and is told "${text}"`);
          if (!known.has('name'))
            checks.same(false, text.includes(record.cells['name'] as string), () => `${what}, by name`);
        }
        checks.same(1, said.size, () => `${caller.name}, ${field}: ${[...said].join(' | ')}`);
      }
    }
  },
};
