import type { Place } from './store.ts';
import type { Move } from './types.ts';

/** Where a move leads from a place; the edges hold. Tab wraps to the next row, as people know it from spreadsheets. */
export function step(
  rows: string[],
  columns: string[],
  from: Place,
  rowDelta: number,
  columnDelta: number,
  wrap = false,
): Place {
  let row = Math.max(0, rows.indexOf(from.row));
  let column = Math.max(0, columns.indexOf(from.column)) + columnDelta;
  if (wrap && column >= columns.length && row < rows.length - 1) {
    column = 0;
    row += 1;
  } else if (wrap && column < 0 && row > 0) {
    column = columns.length - 1;
    row -= 1;
  }
  row = Math.min(rows.length - 1, Math.max(0, row + rowDelta));
  column = Math.min(columns.length - 1, Math.max(0, column));
  return { row: rows[row] ?? from.row, column: columns[column] ?? from.column };
}

const MOVES: { [move in Move]: [number, number] } = {
  stay: [0, 0],
  down: [1, 0],
  up: [-1, 0],
  right: [0, 1],
  left: [0, -1],
};

export function after(move: Move, rows: string[], columns: string[], from: Place): Place {
  const [rowDelta, columnDelta] = MOVES[move];
  return step(rows, columns, from, rowDelta, columnDelta, true);
}
