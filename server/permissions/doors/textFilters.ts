import { apiName, objectPlan } from '../objects.ts';
import { codeOf, nodesOf } from '../setting.ts';
import type { Door } from '../setting.ts';
import { recordsOf } from '../data.ts';

/** Filters whose operators look into a value: part of a text, tags. They have ways of their own to an index. */
export const textFilters: Door = {
  name: 'text and tag filters',
  ask: async ({ model, world, checks, graphql }) => {
    const client = objectPlan('client');
    const text = (test: (value: string) => boolean) => (value: unknown) => typeof value === 'string' && test(value);
    const tags = (test: (value: readonly string[]) => boolean) => (value: unknown) => test(value as string[]);
    const questions: [column: string, filter: string, test: (value: unknown) => boolean][] = [
      ...['name', 'memo', 'phrase', 'shout'].flatMap((column): typeof questions => [
        [column, '{ includesInsensitive: "AR" }', text((value) => /ar/i.test(value))],
        [column, '{ startsWithInsensitive: "Ce" }', text((value) => /^ce/i.test(value))],
        [column, '{ notIncludesInsensitive: "mem" }', text((value) => !/mem/i.test(value))],
        [column, '{ includesInsensitive: "1" }', text((value) => value.includes('1'))],
      ]),
      ['topics', '{ contains: ["ART"] }', tags((value) => value.includes('ART'))],
      ['topics', '{ contains: ["ART", "BIO"] }', tags((value) => value.includes('ART') && value.includes('BIO'))],
      ['topics', '{ overlaps: ["BIO", "CAR"] }', tags((value) => value.includes('BIO') || value.includes('CAR'))],
    ];
    for (const caller of world.callers)
      for (const [column, filter, test] of questions) {
        const object = column === 'shout' ? objectPlan('job') : client;
        const { name, plural } = object;
        const what = `${caller.name}: ${plural} with ${column} ${filter}`;
        const answer = await graphql(
          caller,
          `{ ${plural}(filter: { ${apiName(column)}: ${filter} }) { totalCount nodes { id } } }`,
        );
        const field = object.fields.find(({ columns }) => columns[0] === column)!;
        const isOpen = model.reads(caller, object, field.name);
        checks.same(isOpen ? null : 'FORBIDDEN', codeOf(answer), () => what);
        const expected = isOpen ? model.records(caller, 'READ', name).filter(({ cells }) => test(cells[column])) : [];
        checks.members(
          recordsOf(world, name).map(({ id }) => id),
          new Set(expected.map(({ id }) => id)),
          new Set(nodesOf<{ id: string }>(answer).map(({ id }) => id)),
          (id) => `${what}, ${id}`,
        );
      }
  },
};
