import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Secrets } from '../../db/secrets.ts';

/** What the secrets of webhooks are sealed with in tests. */
export const SECRETS = new Secrets('0123456789abcdef0123456789abcdef');
/** Receivers of tests are on this machine. */
export const RECEIVERS = { allowsPrivate: false, allowsLoopback: true };

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  id: string;
  type: string;
  data: {
    recordId: string;
    object: string;
    before: Record<string, unknown> | null;
    after: Record<string, unknown> | null;
  } & Record<string, unknown>;
  at: number;
}

type Answering = (received: Received, response: ServerResponse) => void | Promise<void>;

/** A subscriber that keeps what it accepted. It answers 200, or as `answer` says. */
export class Receiver {
  readonly all: Received[] = [];
  readonly accepted: Received[] = [];
  answer: Answering | null = null;
  server: Server;
  #port = 0;

  constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const content = JSON.parse(body) as Received;
        const received = {
          ...content,
          headers: request.headers,
          body,
          id: String(request.headers['webhook-id']),
          at: Date.now(),
        };
        this.all.push(received);
        response.on('finish', () => {
          if (response.statusCode < 300) this.accepted.push(received);
        });
        if (this.answer) void this.answer(received, response);
        else response.end();
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.server.address() as AddressInfo).port;
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, seconds = 20) {
  for (let waited = 0; waited < seconds * 1000; waited += 50) {
    if (await condition()) return;
    await delay(50);
  }
  throw new Error(`Waited in vain until ${what}.`);
}
