import { boneKey, bonePlace, type GridItems } from '../grid/items.ts';
import type { RecordRow } from '../model/types.ts';

export const DRAFT = 'draft';

/** As many lines as browsers can scroll through. */
const MOST_LINES = 1_000_000;
const PAGE = 100;
const UNKNOWN = 30;

interface Flat {
  draft: RecordRow | null;
  rows: RecordRow[];
  islands: ReadonlyMap<number, RecordRow[]>;
  total: number | null;
  hasMore: boolean;
  isLoading: boolean;
}

/** The lines of a table without groups: what is read, and bones as far as there are records. */
export function flatItems({ draft, rows, islands, total, hasMore, isLoading }: Flat): GridItems<RecordRow> {
  const shift = draft ? 1 : 0;
  const known = isLoading ? 24 : hasMore ? Math.max(rows.length, total ?? rows.length + UNKNOWN) : rows.length;
  let places: Map<string, number> | null = null;
  const rowAt = (place: number): RecordRow | undefined =>
    rows[place] ?? islands.get(Math.floor(place / PAGE))?.[place % PAGE];
  return {
    count: Math.min(MOST_LINES, known + shift),
    loaded: rows.length + [...islands.values()].reduce((sum, found) => sum + found.length, 0),
    at: (index) => {
      if (draft && index === 0) return { kind: 'row', key: DRAFT, row: draft };
      const row = rowAt(index - shift);
      return row ? { kind: 'row', key: row.id, row } : { kind: 'bone', key: boneKey(index) };
    },
    indexOf: (key) => {
      if (key === DRAFT) return draft ? 0 : -1;
      const bone = bonePlace(key);
      if (bone >= 0) return bone;
      if (!places) {
        places = new Map(rows.map((row, index) => [row.id, index + shift]));
        for (const [page, found] of islands)
          found.forEach((row, index) => {
            const place = page * PAGE + index;
            if (place >= rows.length && !places?.has(row.id)) places?.set(row.id, place + shift);
          });
      }
      return places.get(key) ?? -1;
    },
  };
}
