import type { DocumentNode } from 'postgraphile/graphql';
import type { Identity } from '../auth/identity.ts';
import type { Projection } from './selection.ts';

/** One answer of a stream, as GraphQL has it. */
export interface Result {
  readonly data: Readonly<Record<string, unknown>>;
}

/** Where a subscription takes from what it has not told yet. */
export interface Source {
  /** What is new, the next part of it; null when there is nothing. */
  take: () => Promise<readonly (object | object[])[]> | null;
  /** That rights may have changed: whoever takes next takes as somebody else. */
  changed: () => void;
  close: () => void;
}

/** A client, by whatever protocol, and who it is. */
export interface Client {
  identity: Identity;
}

/**
 * What one client has subscribed to. It asks for more when the last was sent, so nothing piles up for a client that is
 * slow: what it has not taken is read again from the log when it comes to it.
 */
export class Subscription implements AsyncIterableIterator<Result, undefined> {
  readonly client: Client;
  readonly document: DocumentNode;
  readonly #key: string;
  readonly #projection: Projection;
  #source: Source | null = null;
  #part: readonly (object | object[])[] = [];
  #next = 0;
  #wake: (() => void) | null = null;
  #isClosed = false;
  #whenClosed: (() => void) | null = null;

  constructor(client: Client, document: DocumentNode, key: string, projection: Projection) {
    this.client = client;
    this.document = document;
    this.#key = key;
    this.#projection = projection;
  }

  /** Begins to take from a source. */
  from(source: Source): this {
    this.#source = source;
    return this;
  }

  /** Says that there may be something new. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  changed(): void {
    this.#source?.changed();
    this.wake();
  }

  async next(): Promise<IteratorResult<Result, undefined>> {
    for (;;) {
      if (this.#isClosed) return { done: true, value: undefined };
      const value = this.#part[this.#next];
      if (value !== undefined) {
        this.#next += 1;
        const data = { [this.#key]: this.#project(value) };
        return { done: false, value: { data } };
      }
      const taking = this.#source!.take();
      if (taking) {
        this.#part = await taking;
        this.#next = 0;
      } else {
        this.#part = [];
        this.#next = 0;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #project(value: object | object[]): unknown {
    return Array.isArray(value) ? value.map((one: object) => this.#projection.of(one)) : this.#projection.of(value);
  }

  return(): Promise<IteratorResult<Result, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(): Promise<IteratorResult<Result, undefined>> {
    return this.return();
  }

  onClose(callback: () => void): void {
    this.#whenClosed = callback;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source?.close();
    this.#whenClosed?.();
    this.wake();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
