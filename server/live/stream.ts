import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from '../auth/identity.ts';

/** What a client may leave unread before it is dropped; it reconnects and loads afresh. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/** One open event stream. */
export class Stream {
  readonly #response: ServerResponse;
  /** Kept so that who opened the stream can be asked again: sessions end and roles change. */
  readonly request: IncomingMessage;
  identity: Identity;

  constructor(request: IncomingMessage, response: ServerResponse, identity: Identity) {
    this.request = request;
    this.#response = response;
    this.identity = identity;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Proxies such as nginx hold back what they may buffer.
      'x-accel-buffering': 'no',
    });
    response.write('retry: 1000\n\n');
  }

  send(event: string, data: unknown): void {
    this.#write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** A comment: keeps proxies from closing the stream, and finds clients that are gone. */
  beat(): void {
    this.#write(': \n\n');
  }

  close(): void {
    this.#response.end();
  }

  onClose(callback: () => void): void {
    this.#response.on('close', callback);
  }

  #write(text: string): void {
    if (this.#response.writableLength > MAX_BUFFERED_BYTES) {
      this.#response.destroy();
      return;
    }
    this.#response.write(text);
  }
}
