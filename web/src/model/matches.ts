import type { Clause } from './filters.ts';
import type { ColumnValue, RecordRow } from './types.ts';

type Value = ColumnValue | undefined;

const texts = (value: Value): string[] => (Array.isArray(value) ? value.map(String) : []);
const lower = (value: Value): string =>
  (typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '')).toLowerCase();

/** Numbers by their size, also where the API carries them as text; days and times as they are written. */
function compare(a: Value, b: Value): number {
  const [x, y] = [Number(a), Number(b)];
  if (typeof a === 'number' || (a !== '' && !Number.isNaN(x) && !Number.isNaN(y))) return x - y;
  const [s, t] = [Date.parse(String(a)), Date.parse(String(b))];
  return Number.isNaN(s) || Number.isNaN(t) ? String(a).localeCompare(String(b)) : s - t;
}

const OPERATORS: { [operator: string]: (value: Value, given: Value) => boolean } = {
  equalTo: (value, given) => value === given || String(value) === String(given),
  notEqualTo: (value, given) => String(value) !== String(given),
  in: (value, given) => texts(given).includes(String(value)),
  notIn: (value, given) => !texts(given).includes(String(value)),
  lessThan: (value, given) => compare(value, given) < 0,
  lessThanOrEqualTo: (value, given) => compare(value, given) <= 0,
  greaterThan: (value, given) => compare(value, given) > 0,
  greaterThanOrEqualTo: (value, given) => compare(value, given) >= 0,
  includesInsensitive: (value, given) => lower(value).includes(lower(given)),
  notIncludesInsensitive: (value, given) => !lower(value).includes(lower(given)),
  startsWithInsensitive: (value, given) => lower(value).startsWith(lower(given)),
  endsWithInsensitive: (value, given) => lower(value).endsWith(lower(given)),
  overlaps: (value, given) => texts(value).some((each) => texts(given).includes(each)),
};

/** As the database reads a filter: what is empty is compared with nothing, and unknown. */
export function matches(clause: Clause, row: RecordRow): boolean | null {
  const parts = Object.entries(clause).map(([name, given]): boolean | null => {
    if (name === 'and') return all((given as Clause[]).map((each) => matches(each, row)));
    if (name === 'or') return not(all((given as Clause[]).map((each) => not(matches(each, row)))));
    if (name === 'not') return not(matches(given as Clause, row));
    const value = row[name];
    return all(
      Object.entries(given as Clause).map(([operator, wanted]) => {
        if (operator === 'isNull') return (value === null || value === undefined) === wanted;
        if (value === null || value === undefined) return null;
        return OPERATORS[operator]?.(value, wanted) ?? false;
      }),
    );
  });
  return all(parts);
}

const not = (value: boolean | null): boolean | null => (value === null ? null : !value);
const all = (values: (boolean | null)[]): boolean | null =>
  values.includes(false) ? false : values.includes(null) ? null : true;
