import { createHash } from 'node:crypto';

const HEAD_BYTES = 64 * 1024;

export class TooLarge extends Error {}

/** Passes content on and counts it, up to a limit; tells at the end what a copy of it would have to be. */
export class Meter {
  readonly #hash = createHash('sha256');
  readonly #maxBytes: number;
  #head: Buffer[] = [];
  #headBytes = 0;
  size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async *through(content: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const chunk of content) {
      this.size += chunk.length;
      if (this.size > this.#maxBytes) throw new TooLarge();
      if (this.#headBytes < HEAD_BYTES) {
        this.#head.push(chunk.subarray(0, HEAD_BYTES - this.#headBytes));
        this.#headBytes += chunk.length;
      }
      this.#hash.update(chunk);
      yield chunk;
    }
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }

  /** Its beginning, by which it is known what it is. */
  head(): Buffer {
    return Buffer.concat(this.#head);
  }
}
