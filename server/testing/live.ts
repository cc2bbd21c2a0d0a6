import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createClient } from 'graphql-ws';
import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { TestDatabase } from '../../db/testing/database.ts';
import type { App } from '../app.ts';

export interface Told {
  position: string;
  action: string;
  object: string | null;
  recordId: string | null;
  changedFields?: string[] | null;
  record?: Record<string, unknown> | null;
  actor?: { type: string; name: string } | null;
  requestId?: string | null;
}

export const CHANGES = `subscription ($object: String, $ids: [UUID!], $filter: JSON, $after: String) {
  recordChanges(object: $object, ids: $ids, filter: $filter, after: $after) {
    position action object recordId changedFields actor { type name } requestId
  } }`;

/** A server that listens, for what supertest would close at the first answer. Gives its address without the scheme. */
export async function listen(db: TestDatabase, app: () => App): Promise<string> {
  const http = createServer((request, response) => app().handler(request, response));
  const connections = new Set<Socket>();
  http.on('connection', (connection) => connections.add(connection));
  http.on('upgrade', (request, stream, head) => app().upgrade(request, stream, head));
  http.listen(0, '127.0.0.1');
  await new Promise((resolve) => http.once('listening', resolve));
  db.onEnd(async () => {
    // Those that speak WebSocket are the server's no more.
    for (const connection of connections) connection.destroy();
    await new Promise((resolve) => http.close(resolve));
  });
  return `127.0.0.1:${(http.address() as AddressInfo).port}`;
}

/** What the worker does many times a second. */
export async function relay(db: TestDatabase): Promise<void> {
  for (;;) {
    const { rows } = await db.worker.query<{ moved: number }>('select engine.relay_outbox() as moved');
    if (rows[0]!.moved === 0) return;
  }
}

export interface LiveSocket {
  readonly client: Client;
  /** The sockets that it has opened, the latest last. */
  readonly sockets: WebSocket[];
  readonly closed: { code: number; reason: string }[];
}

/** A client of graphql-transport-ws that does not connect again by itself. */
export function openSocket(
  address: string,
  params: Record<string, unknown>,
  headers: Record<string, string> = {},
): LiveSocket {
  const sockets: WebSocket[] = [];
  const closed: LiveSocket['closed'] = [];
  class Impl extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { headers });
      sockets.push(this);
    }
  }
  const client = createClient({
    url: `ws://${address}/graphql`,
    webSocketImpl: Impl,
    connectionParams: params,
    retryAttempts: 0,
    on: {
      closed: (event) => {
        const { code, reason } = event as { code: number; reason: string };
        closed.push({ code, reason });
      },
    },
  });
  return { client, sockets, closed };
}

export interface Heard<T> {
  readonly told: T[];
  readonly errors: unknown[];
  isOver: boolean;
  stop: () => void;
}

/** Everything that a subscription tells, from the value of its one field. */
export function subscribe<T = Told>(
  { client }: LiveSocket,
  query: string,
  variables: Record<string, unknown> = {},
): Heard<T> {
  const heard: Heard<T> = { told: [], errors: [], isOver: false, stop: () => undefined };
  heard.stop = client.subscribe<Record<string, T>>(
    { query, variables },
    {
      next: ({ data }) => heard.told.push(Object.values(data!)[0]!),
      error: (error) => {
        heard.errors.push(error);
        heard.isOver = true;
      },
      complete: () => {
        heard.isOver = true;
      },
    },
  );
  return heard;
}

/** A stream of server-sent events. */
export async function openStream(
  url: string,
  init: RequestInit,
): Promise<{ status: number; events: { id: string | null; value: unknown }[]; close: () => void }> {
  const abort = new AbortController();
  const response = await fetch(url, { ...init, signal: abort.signal });
  const events: { id: string | null; value: unknown }[] = [];
  void (async () => {
    let text = '';
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const blocks = text.split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) {
          const data = /^data: (.+)$/m.exec(block)?.[1];
          if (data) events.push({ id: /^id: (.+)$/m.exec(block)?.[1] ?? null, value: JSON.parse(data) as unknown });
        }
      }
    } catch {
      // Closed by the test.
    }
  })();
  return { status: response.status, events, close: () => abort.abort() };
}
