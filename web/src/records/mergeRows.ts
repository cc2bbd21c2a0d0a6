import type { ModelField, RecordRow } from '../model/types.ts';
import { rowKeys } from '../model/valueType.ts';

/**
 * Puts freshly read rows in place of the old ones without making what people look at jump: rows that stay keep their
 * order, new ones come after the row that they follow in the fresh reading, and what is gone goes.
 */
export function mergeRows(old: RecordRow[], fresh: RecordRow[]): RecordRow[] {
  const byId = new Map(fresh.map((row) => [row.id, row]));
  const known = new Set(old.map((row) => row.id));
  const merged = old.flatMap((row) => byId.get(row.id) ?? []);
  fresh.forEach((row, index) => {
    if (known.has(row.id)) return;
    const before = fresh[index - 1];
    merged.splice(before ? merged.findIndex((each) => each.id === before.id) + 1 : 0, 0, row);
  });
  return merged;
}

/** Who changed a record and when differs after every edit; a flash is for what people mean by a change. */
const QUIET = ['updatedAt', 'updatedBy'];

/** The cells, as row and field, that read differently now. */
export function changedCells(
  old: RecordRow[],
  fresh: RecordRow[],
  fields: ModelField[],
): { row: string; field: string }[] {
  const before = new Map(old.map((row) => [row.id, row]));
  const cells: { row: string; field: string }[] = [];
  for (const row of fresh) {
    const previous = before.get(row.id);
    if (!previous) continue;
    for (const field of fields) {
      if (QUIET.includes(field.name)) continue;
      const changed = (name: string) =>
        previous[name] !== undefined && JSON.stringify(previous[name]) !== JSON.stringify(row[name] ?? null);
      if (rowKeys(field).some(changed)) cells.push({ row: row.id, field: field.name });
    }
  }
  return cells;
}
