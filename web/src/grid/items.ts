/** What the grid shows, line by line: rows, rows that are not read yet, and heads of groups. */
export type GridItem<Row> =
  | { kind: 'row'; key: string; row: Row }
  | { kind: 'bone'; key: string }
  | { kind: 'group'; key: string; isOpen: boolean };

/** Of a hundred thousand lines a few are looked at, so they are asked for one by one. */
export interface GridItems<Row> {
  count: number;
  /** How many of them are rows that are read. */
  loaded: number;
  at: (index: number) => GridItem<Row>;
  /** -1 where there is none of this key. */
  indexOf: (key: string) => number;
}

const BONE = '#';

/** A line that is not read yet is known by its place. */
export const boneKey = (index: number): string => `${BONE}${index}`;
export const bonePlace = (key: string): number => (key.startsWith(BONE) ? Number(key.slice(1)) : -1);

/** The rows among some lines. */
export function rowsBetween<Row>(items: GridItems<Row>, from: number, to: number): Row[] {
  const rows: Row[] = [];
  for (let index = Math.max(0, from); index <= Math.min(to, items.count - 1); index++) {
    const item = items.at(index);
    if (item.kind === 'row') rows.push(item.row);
  }
  return rows;
}
