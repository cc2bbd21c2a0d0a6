import type { GridItems } from './items.ts';
import type { Place } from './store.ts';
import type { GridColumn } from './types.ts';

/** A block of cells, by the places of its lines and columns, ends included. */
export interface Range {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

export const isOne = (range: Range): boolean => range.top === range.bottom && range.left === range.right;

/** The block between the cell in hand and the one up to which it was drawn. */
export function rangeOf<Row>(
  items: GridItems<Row>,
  columns: GridColumn[],
  active: Place | null,
  extent: Place | null,
): Range | null {
  if (!active) return null;
  const ends = [active, extent ?? active].map(({ row, column }) => ({
    row: items.indexOf(row),
    column: columns.findIndex(({ id }) => id === column),
  }));
  const [from, to] = ends;
  if (!from || !to || ends.some(({ row, column }) => row < 0 || column < 0)) return null;
  return {
    top: Math.min(from.row, to.row),
    bottom: Math.max(from.row, to.row),
    left: Math.min(from.column, to.column),
    right: Math.max(from.column, to.column),
  };
}
