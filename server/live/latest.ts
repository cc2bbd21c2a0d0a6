import type { Source } from './subscription.ts';

/** A source of which only the last matters: a version, who is present. */
export class Latest implements Source {
  #value: object | object[] | null;
  readonly #close: () => void;
  readonly #changed: () => void;

  constructor(value: object | object[] | null, { close, changed }: { close: () => void; changed?: () => void }) {
    this.#value = value;
    this.#close = close;
    this.#changed = changed ?? (() => undefined);
  }

  put(value: object | object[]): void {
    this.#value = value;
  }

  take(): Promise<(object | object[])[]> | null {
    const value = this.#value;
    this.#value = null;
    return value === null ? null : Promise.resolve([value]);
  }

  changed(): void {
    this.#changed();
  }

  close(): void {
    this.#close();
  }
}
