import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { Express } from 'express';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import type { Body, Call } from '../gateway/handler.ts';
import { acceptsEvents, parseBody } from '../gateway/handler.ts';
import { logHidden } from '../log.ts';
import { Refused } from './live.ts';
import type { Live, LiveClient } from './live.ts';
import type { Subscription } from './subscription.ts';

/**
 * Subscriptions as server-sent events: one stream for each, in the "distinct connections mode" of GraphQL over SSE. Each
 * event bears its position as id, so a browser's EventSource goes on by itself where it was interrupted.
 */
export class EventStreams {
  readonly #live: Live;
  readonly #identities: Identities;

  constructor(live: Live, identities: Identities) {
    this.#live = live;
    this.#identities = identities;
  }

  async answer({ request, response, identity, body }: Call): Promise<void> {
    const client = new StreamClient(request, response, identity, this.#identities);
    const lastEventId = request.headers['last-event-id'];
    let subscription: Subscription;
    try {
      subscription = await this.#live.subscribe(client, body, randomUUID(), lastEventId as string | undefined);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      response.writeHead(400, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
      response.end(JSON.stringify({ errors: error.errors }));
      return;
    }
    this.#live.add(client);
    response.once('close', () => this.#live.remove(client));
    client.open();
    try {
      for await (const result of subscription) await client.send(result);
      client.complete();
    } catch (error) {
      // The client comes again by itself, and takes up where it was.
      logHidden(error);
      response.destroy();
    }
  }
}

/** For EventSource, which can but GET. */
export function installEventStreams(app: Express, streams: EventStreams, identities: Identities): void {
  app.get('/graphql', async (request, response, next) => {
    if (!acceptsEvents(request)) return next();
    const identity = await identities.of(request, response);
    await streams.answer({ request, response, identity, body: bodyOf(request) });
  });
}

function bodyOf(request: IncomingMessage): Body {
  const given = new URL(request.url!, 'http://localhost').searchParams;
  const variables = given.get('variables');
  try {
    return parseBody({
      query: given.get('query') ?? undefined,
      operationName: given.get('operationName'),
      variables: variables === null ? null : (JSON.parse(variables) as unknown),
    });
  } catch (error) {
    throw error instanceof SyntaxError ? new RequestError('INVALID_JSON') : error;
  }
}

class StreamClient implements LiveClient {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #identities: Identities;
  readonly subscriptions = new Set<Subscription>();
  identity: Identity;
  #waiting = 0;

  constructor(request: IncomingMessage, response: ServerResponse, identity: Identity, identities: Identities) {
    this.#request = request;
    this.#response = response;
    this.identity = identity;
    this.#identities = identities;
  }

  open(): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Proxies such as nginx hold back what they may buffer.
      'x-accel-buffering': 'no',
    });
    this.#response.write('retry: 1000\n\n');
  }

  /** Resolves when there is room for more. */
  async send(result: { data: Readonly<Record<string, unknown>> }): Promise<void> {
    const [value] = Object.values(result.data);
    const position = positionOf(value);
    const id = position === null ? '' : `id: ${position}\n`;
    if (this.#response.write(`${id}event: next\ndata: ${JSON.stringify(result)}\n\n`)) return;
    await new Promise<void>((resolve) => {
      this.#response.once('drain', resolve);
      this.#response.once('close', resolve);
    });
  }

  complete(): void {
    this.#response.end('event: complete\ndata:\n\n');
  }

  again(): Identity | Promise<Identity> {
    return this.#identities.again(this.#request, this.identity);
  }

  /** A comment keeps proxies from closing the stream; a client that takes nothing is dropped. */
  beat(): void {
    const waiting = this.#response.writableLength;
    if (waiting > 0 && waiting >= this.#waiting && this.#waiting > 0) {
      this.#response.destroy();
      return;
    }
    this.#waiting = waiting;
    this.#response.write(': \n\n');
  }

  end(): void {
    this.#response.end();
  }
}

function positionOf(value: unknown): string | null {
  const position = (value as { position?: unknown } | null)?.position;
  return typeof position === 'string' ? position : null;
}
