import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws';
import type { SubscribePayload } from 'graphql-ws';
import { GraphQLError } from 'postgraphile/graphql';
import type { ExecutionArgs } from 'postgraphile/graphql';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import { log, logHidden } from '../log.ts';
import { Refused } from './live.ts';
import type { Live, LiveClient } from './live.ts';
import type { Subscription } from './subscription.ts';

const PATH = '/graphql';

/** A document with its variables; more is no subscription. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const MAX_SUBSCRIPTIONS = 100;

/** What the socket is closed with for a client that takes nothing of what it is sent: "try again later". */
const TOO_SLOW = 1013;
const GOING_AWAY = 1001;

interface Extra {
  readonly socket: WebSocket;
  /** Until it is known who it is. */
  request: IncomingMessage | null;
  client: SocketClient | null;
}

/** Subscriptions over WebSocket, in the protocol graphql-transport-ws. */
export class WebSockets {
  readonly #live: Live;
  readonly #identities: Identities;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols,
  });
  readonly #protocol = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: 10_000,
    onConnect: ({ connectionParams, extra }) => this.#connect(extra, connectionParams ?? {}),
    onSubscribe: ({ extra }, _id, payload) => this.#subscribe(extra.client!, payload),
    subscribe: (args) => (args as Understood).subscription,
    // What is refused has been explained already.
    onError: (_context, _id, _payload, errors) => errors.map((error) => error.toJSON()),
  });

  constructor(live: Live, identities: Identities) {
    this.#live = live;
    this.#identities = identities;
  }

  /** Takes a request to speak another protocol than HTTP. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    if (request.url?.split('?')[0] !== PATH) {
      stream.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    this.#sockets.handleUpgrade(request, stream, head, (socket) => this.#open(socket, request));
  }

  #open(socket: WebSocket, request: IncomingMessage): void {
    const extra: Extra = { socket, request, client: null };
    // A socket that breaks is closed; there is nobody to tell.
    socket.on('error', () => socket.terminate());
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        // Resolves once the system has taken it, so the next is not made before.
        send: (text) =>
          new Promise((resolve) => {
            if (socket.readyState === socket.OPEN) socket.send(text, () => resolve());
            else resolve();
          }),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) => {
          socket.on('message', (data: Buffer) => {
            take(data.toString('utf8')).catch((error: unknown) => {
              logHidden(error);
              socket.close(CloseCode.InternalServerError, 'Something went wrong on our side.');
            });
          });
        },
      },
      extra,
    );
    socket.once('close', (code, reason) => {
      if (extra.client) this.#live.remove(extra.client);
      void closed(code, reason.toString('utf8'));
    });
  }

  /** A key or a token comes with the first message, or with the request that opened the socket; a session by its cookie. */
  async #connect(extra: Extra, params: Record<string, unknown>): Promise<boolean> {
    const request = extra.request!;
    extra.request = null;
    const { authorization = params['Authorization'], member } = params;
    if (typeof authorization === 'string') request.headers.authorization = authorization;
    if (typeof member === 'string') request.headers['x-member'] = member;
    try {
      // What a browser sends along of its own accord counts from our own pages only: nothing else keeps others from reading.
      if (request.headers.authorization === undefined) this.#identities.assertSameOrigin(request);
      const identity = await this.#identities.of(request, new ServerResponse(request), true);
      extra.client = new SocketClient(extra.socket, identity, this.#renewal(request, identity));
      if (extra.socket.readyState === extra.socket.OPEN) this.#live.add(extra.client);
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      // The client hears what is wrong; "Forbidden" is what the protocol calls all of it.
      extra.socket.close(CloseCode.Forbidden, error.code);
      return false;
    }
  }

  /** Holds no more of the request than is needed: it stays as long as the socket. */
  #renewal(request: IncomingMessage, { sessionId }: Identity): LiveClient['again'] {
    const identities = this.#identities;
    if (sessionId !== null) return () => identities.ofSession(sessionId);
    return function (this: LiveClient) {
      return identities.again(request, this.identity);
    };
  }

  async #subscribe(client: SocketClient, payload: SubscribePayload): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const { query, operationName, variables } = payload;
    if (client.subscriptions.size >= MAX_SUBSCRIPTIONS) {
      return [
        new GraphQLError(`One connection carries ${MAX_SUBSCRIPTIONS} subscriptions at most.`, {
          extensions: { code: 'INVALID_REQUEST' },
        }),
      ];
    }
    try {
      const subscription = await this.#live.subscribe(
        client,
        { query, operationName: operationName ?? undefined, variables: variables ?? undefined },
        randomUUID(),
      );
      const document = subscription.document;
      return { schema: undefined, document, operationName, subscription } as unknown as ExecutionArgs;
    } catch (error) {
      if (error instanceof Refused) {
        return error.errors.map(({ message, extensions }) => new GraphQLError(message, { extensions }));
      }
      const code = error instanceof RequestError ? error.code : 'INTERNAL';
      if (code === 'INTERNAL') logHidden(error);
      return [
        new GraphQLError(code === 'INTERNAL' ? 'Something went wrong on our side.' : (error as Error).message, {
          extensions: { code },
        }),
      ];
    }
  }
}

type Understood = ExecutionArgs & { subscription: Subscription };

class SocketClient implements LiveClient {
  readonly #socket: WebSocket;
  readonly again: LiveClient['again'];
  readonly subscriptions = new Set<Subscription>();
  identity: Identity;
  #isThere = true;
  #waiting = 0;

  constructor(socket: WebSocket, identity: Identity, again: LiveClient['again']) {
    this.#socket = socket;
    this.identity = identity;
    this.again = again;
    socket.on('pong', () => {
      this.#isThere = true;
    });
  }

  beat(): void {
    const socket = this.#socket;
    const waiting = socket.bufferedAmount;
    const isStuck = waiting > 0 && waiting >= this.#waiting && this.#waiting > 0;
    this.#waiting = waiting;
    if (isStuck || !this.#isThere) {
      log('a live connection takes nothing any more', { bytes: waiting });
      // What is buffered stands before the closing frame, so that one may never leave.
      socket.close(TOO_SLOW, 'Too slow: subscribe again after the last position.');
      socket.terminate();
      return;
    }
    this.#isThere = false;
    socket.ping();
  }

  end(reason: 'signed out' | 'going away'): void {
    if (reason === 'signed out') this.#socket.close(CloseCode.Forbidden, 'NOT_SIGNED_IN');
    else this.#socket.close(GOING_AWAY, 'The server stops.');
  }
}
