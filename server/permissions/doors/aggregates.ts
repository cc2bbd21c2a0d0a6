import { OBJECTS } from '../objects.ts';
import { attempt, REFUSED } from '../setting.ts';
import type { Door } from '../setting.ts';

/** Sums, extremes, counts and groups in SQL, as BI tools ask for them. What the API counts, its lists tell. */
export const aggregates: Door = {
  name: 'aggregates',
  ask: async ({ model, world, checks, as }) => {
    for (const caller of world.callers)
      await as(caller, async (client) => {
        for (const object of OBJECTS) {
          const visible = model.records(caller, 'READ', object.name);
          for (const field of object.fields) {
            const [column] = field.columns;
            const what = `${caller.name}: ${object.plural}.${column}`;
            const isReadable = model.reads(caller, object, field.name);
            const grouped = await attempt(
              client,
              `select to_jsonb(${column}) as key, count(*)::int from ${object.plural} group by 1`,
            );
            checks.same(isReadable ? null : REFUSED, grouped.code, () => `${what} in groups`);
            const groups = Object.groupBy(isReadable ? visible : [], ({ cells }) => JSON.stringify(cells[column!]));
            for (const { key: value, count } of grouped.rows)
              checks.same(
                groups[JSON.stringify(value)]?.length ?? 0,
                count,
                () => `${what} in groups, ${value as string}`,
              );
            checks.same(Object.keys(groups).length, grouped.rows.length, () => `${what}, number of groups`);
            if (!['number', 'money'].includes(field.kind)) continue;
            const totals = await attempt(
              client,
              `select sum(${column})::float8, min(${column})::float8, max(${column})::float8, count(distinct ${column})::int from ${object.plural}`,
            );
            checks.same(isReadable ? null : REFUSED, totals.code, () => `${what}, totals`);
            if (!isReadable) continue;
            const values = visible.map(({ cells }) => cells[column!]).filter((value) => typeof value === 'number');
            const isEmpty = values.length === 0;
            const expected = {
              sum: isEmpty ? null : values.reduce((sum, value) => sum + value, 0),
              min: isEmpty ? null : Math.min(...values),
              max: isEmpty ? null : Math.max(...values),
              count: new Set(values).size,
            };
            checks.cells(expected, totals.rows[0]!, () => `${what}, totals`);
          }
        }
      });
  },
};
