import type { Move } from './types.ts';

/** A cell by the places of its line and its column. */
export interface Spot {
  row: number;
  column: number;
}

/** Where a move leads from a place; the edges hold. Tab wraps to the next row, as people know it from spreadsheets. */
export function step(size: { rows: number; columns: number }, from: Spot, by: Spot, wrap = false): Spot {
  let { row } = from;
  let column = from.column + by.column;
  if (wrap && column >= size.columns && row < size.rows - 1) {
    column = 0;
    row += 1;
  } else if (wrap && column < 0 && row > 0) {
    column = size.columns - 1;
    row -= 1;
  }
  return {
    row: Math.min(size.rows - 1, Math.max(0, row + by.row)),
    column: Math.min(size.columns - 1, Math.max(0, column)),
  };
}

export const MOVES: { [move in Move]: Spot } = {
  stay: { row: 0, column: 0 },
  down: { row: 1, column: 0 },
  up: { row: -1, column: 0 },
  right: { row: 0, column: 1 },
  left: { row: 0, column: -1 },
};
