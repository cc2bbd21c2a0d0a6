import type { Cell } from './objects.ts';

/** So many disagreements are told in full; one cause often shows in hundreds. */
const MOST_TOLD = 60;

/** Facts that were compared: what the model says against what a door answers. */
export class Checks {
  count = 0;
  wrongCount = 0;
  readonly wrong: string[] = [];
  readonly byDoor = new Map<string, number>();
  #door = '';

  enter(door: string): void {
    this.#door = door;
    this.byDoor.set(door, 0);
  }

  /** One fact. `what` says whom, of what and how, and is made only where it does not hold. */
  same(expected: unknown, actual: unknown, what: () => string): void {
    this.count += 1;
    this.byDoor.set(this.#door, this.byDoor.get(this.#door)! + 1);
    if (isSame(expected, actual)) return;
    this.wrongCount += 1;
    if (this.wrong.length < MOST_TOLD)
      this.wrong.push(`${this.#door}: ${what()}: the model says ${show(expected)}, the door ${show(actual)}`);
  }

  /** One fact for each of `all`: that it is among what the door shows, or is not. */
  members<T>(all: Iterable<T>, expected: ReadonlySet<T>, actual: ReadonlySet<T>, what: (item: T) => string): void {
    for (const item of all) this.same(expected.has(item), actual.has(item), () => what(item));
    for (const item of actual)
      if (!expected.has(item)) this.same(false, true, () => `${what(item)}, which there is not`);
  }

  /** One fact for each value of a record. */
  cells(expected: Readonly<Record<string, Cell>>, actual: Readonly<Record<string, unknown>>, what: () => string): void {
    for (const [column, value] of Object.entries(expected))
      this.same(value, actual[column], () => `${what()}, ${column}`);
  }
}

const show = (value: unknown) => JSON.stringify(value) ?? 'nothing';

/** Doors write numbers and times in several ways. */
function isSame(expected: unknown, actual: unknown): boolean {
  if (typeof expected === 'number' && typeof actual === 'string') return Number(actual) === expected;
  if (typeof expected === 'string' && typeof actual === 'string' && /^\d{4}-\d\d-\d\dT/.test(expected))
    return Date.parse(expected) === Date.parse(actual);
  return JSON.stringify(expected) === JSON.stringify(actual);
}
