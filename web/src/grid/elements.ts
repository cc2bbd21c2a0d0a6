export interface Line {
  key: string;
  index: number;
  /** Of rows there are many alike, so that one's element can show another. */
  isRow: boolean;
}

/** An element of the page and the line that it shows. */
export interface Placed {
  element: string;
  index: number;
}

/**
 * Which element shows which line. While one scrolls, the elements of rows that have left are given to those that come, and all
 * elements stay where they are in the page: making, taking away and moving them is what costs. At rest they stand in the order of
 * their lines, as who listens to the page expects them. A row that stays in sight keeps its element in any case.
 */
export class Elements {
  #byRow = new Map<string, string>();
  #order: string[] = [];
  #made = 0;

  arrange(lines: Line[], isAtRest: boolean): Placed[] {
    const wanted = new Set(lines.flatMap(({ key, isRow }) => (isRow ? key : [])));
    const busy = new Set([...this.#byRow].flatMap(([key, element]) => (wanted.has(key) ? element : [])));
    const kept = new Set(this.#byRow.values());
    const free = this.#order.filter((element) => kept.has(element) && !busy.has(element));
    const byRow = new Map<string, string>();
    const shown = new Map<string, number>();
    for (const { key, index, isRow } of lines) {
      if (isRow) byRow.set(key, this.#byRow.get(key) ?? free.shift() ?? `row ${++this.#made}`); // no text
      shown.set(byRow.get(key) ?? key, index);
    }
    const stay = isAtRest ? [] : this.#order.filter((element) => shown.has(element));
    this.#byRow = byRow;
    this.#order = [...new Set([...stay, ...shown.keys()])];
    return this.#order.map((element) => ({ element, index: shown.get(element)! }));
  }
}
