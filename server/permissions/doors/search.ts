import { OBJECTS } from '../objects.ts';
import { attempt } from '../setting.ts';
import type { Door } from '../setting.ts';
import type { DataRecord } from '../data.ts';

/** Search, by words that several records share and by those of one record, seen or not. */
export const search: Door = {
  name: 'search',
  ask: async ({ model, world, checks, random, as }) => {
    const names = random.sample(world.records, 9).map(({ cells }) => cells['name'] as string);
    const queries = [...names, 'memo', 'entry', 'am', 'cedar', ...names.map((name) => name.split(' ')[1]!)];
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const query of queries) {
          const found = await attempt(client, 'select * from search_records($1, 100)', [query]);
          const what = `${caller.name} searches "${query}"`;
          checks.same(null, found.code, () => what);
          const expected = world.records.filter(
            (record) => isMeant(record, query) && isSearchable(record) && model.sees(caller, record),
          );
          const ids = found.rows.map(({ record_id }) => record_id as string);
          for (const [i, id] of ids.entries()) {
            const record = world.byId.get(id)!;
            checks.same(true, model.sees(caller, record) && isSearchable(record), () => `${what}, ${id}`);
            checks.same(record.cells['name'], found.rows[i]!['label'], () => `${what}, label of ${id}`);
          }
          // What is only spelt alike follows where few are meant: of what the caller sees, too.
          const meant = found.rows
            .filter(({ rank }) => (rank as number) >= 2)
            .map(({ record_id }) => record_id as string);
          const all = world.records.filter((record) => isMeant(record, query)).map(({ id }) => id);
          // A hundred at most are told.
          if (expected.length < 100)
            checks.members(all, new Set(expected.map(({ id }) => id)), new Set(meant), (id) => `${what}, ${id}`);

          function isSearchable({ object }: DataRecord): boolean {
            return model.reads(
              caller,
              OBJECTS.find(({ name }) => name === object)!,
              'searchVector',
            );
          }
        }
      });
  },
};

/** Each word of the query begins a word of the record. */
function isMeant({ object, cells }: DataRecord, query: string): boolean {
  const plan = OBJECTS.find(({ name }) => name === object)!;
  const read = plan.fields.filter(({ name, isSearchable }) => name === 'name' || isSearchable);
  const words = read.flatMap(({ columns }) => ((cells[columns[0]!] ?? '') as string).split(' '));
  return query.split(' ').every((part) => words.some((word) => word.startsWith(part)));
}
