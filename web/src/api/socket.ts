import type { GraphQLError } from 'graphql';
import type { Client } from 'graphql-ws';
import { reloadPage } from './leaving.ts';
import { actingAs, refresh } from './refresh.ts';

/** A token that is younger cannot be why a socket was refused. */
const FRESH_MS = 60_000;
const PING_MS = 15_000;
const LONGEST_PAUSE_MS = 10_000;
const AGAIN_MS = 5_000;

const REFUSED = 4403;

interface Handlers<T> {
  next: (value: T) => void;
  /** The connection stands, or stands again. */
  open?: () => void;
  lost?: () => void;
}

let client: Promise<Client> | null = null;
let signedOut: () => void = () => undefined;

/** What happens once a socket is refused because the session is over. */
export const whenSignedOut = (handler: () => void): void => {
  signedOut = handler;
};

/** The page's one socket, made when it is first needed and closed when nothing is subscribed to. */
async function open(): Promise<Client> {
  const { createClient } = await import('graphql-ws/client');
  let pong: ReturnType<typeof setTimeout> | undefined;
  return createClient({
    url: `${window.location.origin.replace(/^http/, 'ws')}/graphql`,
    connectionParams: () => ({ member: actingAs() }),
    retryAttempts: Infinity,
    shouldRetry: () => true,
    lazyCloseTimeout: 3_000,
    keepAlive: PING_MS,
    // Several pages that lost the same server should not come back in step.
    retryWait: async (retries) => {
      const pause = Math.min(500 * 2 ** retries, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, pause));
    },
    on: {
      ping: (received) => {
        // A network that was cut says nothing.
        if (!received) pong = setTimeout(() => void client?.then((one) => one.terminate()), PING_MS / 2);
      },
      pong: () => clearTimeout(pong),
      closed: (event) => {
        clearTimeout(pong);
        const { code, reason } = event as CloseEvent;
        if (code !== REFUSED) return;
        if (reason === 'OTHER_SESSION') reloadPage();
        // The token of this page may have run out, or the session.
        else
          void refresh(Date.now() - FRESH_MS).then(
            (isSignedIn) => isSignedIn || signedOut(),
            () => undefined,
          );
      },
    },
  });
}

/**
 * Subscribes until the returned function is called. What the variables say when the connection has to be made again is
 * what is sent then, so a position among them goes on from there.
 */
export function subscribe<T>(query: string, variables: Record<string, unknown>, handlers: Handlers<T>): () => void {
  let isOver = false;
  let stops: (() => void)[] = [];
  let retry: ReturnType<typeof setTimeout> | undefined;
  const begin = async (): Promise<void> => {
    client ??= open();
    const socket = await client;
    if (isOver) return;
    const end = (): void => {
      stops.forEach((stop) => stop());
      stops = [];
    };
    const again = (): void => {
      if (isOver) return;
      end();
      retry = setTimeout(() => void begin(), AGAIN_MS);
    };
    stops = [
      socket.on('connected', () => handlers.open?.()),
      socket.on('closed', () => handlers.lost?.()),
      socket.subscribe<Record<string, T>>(
        { query, variables },
        {
          next: ({ data }) => data && handlers.next(Object.values(data)[0]!),
          error: (error) => {
            if (isRefusal(error)) end();
            else again();
          },
          complete: again,
        },
      ),
    ];
  };
  const start = (): void => {
    begin().catch(() => {
      // The code could not be loaded: offline, or a new release.
      client = null;
      if (!isOver) retry = setTimeout(start, AGAIN_MS);
    });
  };
  start();
  return () => {
    isOver = true;
    clearTimeout(retry);
    stops.forEach((stop) => stop());
  };
}

/** What would be refused again, such as presence on a record that is gone. */
const isRefusal = (error: unknown): boolean =>
  Array.isArray(error) &&
  (error as GraphQLError[]).some(({ extensions }) =>
    ['FORBIDDEN', 'INVALID_REQUEST', 'INVALID_QUERY'].includes(String(extensions['code'])),
  );
