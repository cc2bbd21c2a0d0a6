import { create } from 'zustand';
import { isOwnRequest } from './client.ts';
import { subscribe, whenSignedOut } from './socket.ts';

export interface RecordChange {
  /** The object by its singular API name. */
  object: string;
  /** Null for so many that they are not told one by one. */
  recordId: string | null;
  action: string;
  /** The fields that an update changed. */
  fields: string[] | null;
  /** Whether this page made it, and has its outcome already. */
  isOwn: boolean;
}

type Listener = (changes: RecordChange[]) => void;

const recordListeners = new Set<Listener>();
const modelListeners = new Set<(version: number) => void>();
const viewListeners = new Set<() => void>();
const notificationListeners = new Set<() => void>();
const reconnectListeners = new Set<() => void>();

interface LiveState {
  status: 'connecting' | 'open' | 'lost';
}

export const useLive = create<LiveState>(() => ({ status: 'connecting' }));

const listen = <T>(set: Set<T>, listener: T): (() => void) => {
  set.add(listener);
  return () => set.delete(listener);
};

export const onRecords = (listener: Listener) => listen(recordListeners, listener);
export const onModel = (listener: (version: number) => void) => listen(modelListeners, listener);
/** Views, their shares, defaults or favourites are others. */
export const onViews = (listener: () => void) => listen(viewListeners, listener);
/** The member has notifications that are new, or saw some in another page. */
export const onNotifications = (listener: () => void) => listen(notificationListeners, listener);
/** As if the stream had been away: requests found the server gone where the stream had not noticed it yet. */
export const tellMissed = (): void => hear({ kind: 'missed' });
/** Called after the stream was away: what happened meanwhile was not heard and must be read again. */
export const onReconnect = (listener: () => void) => listen(reconnectListeners, listener);

/** As the server tells it. */
interface Told {
  position: string;
  action: string;
  object: string | null;
  recordId: string | null;
  changedFields: string[] | null;
  requestId: string | null;
}

const NOTHING = { action: 'position', object: null, recordId: null, changedFields: null, requestId: null }; // no text

type News =
  | { kind: 'told'; told: Told }
  | { kind: 'model'; version: number }
  | { kind: 'views' }
  | { kind: 'notifications' }
  /** Something may have happened that nobody heard. */
  | { kind: 'missed' }
  | { kind: 'status'; status: LiveState['status'] };

/** Up to where the log has been told: whoever takes over from another page goes on from there. */
let heardUpTo = '0';

function hearTold({ position, action, object, recordId, changedFields, requestId }: Told): void {
  heardUpTo = position;
  if (action === 'position') return;
  if (object === null) hear({ kind: 'missed' });
  else {
    const isOwn = requestId !== null && isOwnRequest(requestId);
    const change = { object, recordId, action, fields: changedFields, isOwn };
    for (const listener of recordListeners) listener([change]);
  }
}

function hear(news: News): void {
  if (news.kind === 'told') hearTold(news.told);
  else if (news.kind === 'model') for (const listener of modelListeners) listener(news.version);
  else if (news.kind === 'views') for (const listener of viewListeners) listener();
  else if (news.kind === 'notifications') for (const listener of notificationListeners) listener();
  else if (news.kind === 'missed') for (const listener of reconnectListeners) listener();
  else useLive.setState({ status: news.status });
}

/**
 * One stream for all pages of a browser that have the same `audience`: the server tells each browser once. The page that
 * holds the lock has the stream and tells the others; when it goes, the next one takes over. What is shown was read
 * after the log stood at `position`, so the stream begins there: what happens before it stands is told when it does.
 */
export function openLive(audience: string, position: string, signedOut: () => void): () => void {
  whenSignedOut(signedOut);
  heardUpTo = position;
  const name = `relvar-live ${audience}`; // no text
  const channel = new BroadcastChannel(name);
  const end = new AbortController();
  let isLeading = false;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows; a channel has none
  const post = (message: News | { kind: 'asked' }): void => channel.postMessage(message);
  const tell = (news: News): void => {
    hear(news);
    post(news);
  };
  channel.addEventListener('message', ({ data }: MessageEvent<News | { kind: 'asked' }>) => {
    if (data.kind !== 'asked') hear(data);
    else if (isLeading) {
      post({ kind: 'status', status: useLive.getState().status });
      post({ kind: 'told', told: { ...NOTHING, position: heardUpTo } });
    }
  });
  const lead = (): Promise<void> => {
    isLeading = true;
    const close = openStream(tell);
    return new Promise((resolve) => end.signal.addEventListener('abort', () => resolve(close()), { once: true }));
  };
  // Pages served without https have no locks: there each has its own stream.
  if ('locks' in navigator) {
    post({ kind: 'asked' });
    navigator.locks.request(name, { signal: end.signal }, lead).catch((cause: unknown) => {
      // A page that goes waits no longer for its turn.
      if (!(cause instanceof DOMException && cause.name === 'AbortError')) throw cause;
    });
  } else void lead();
  // A page that comes back by the browser's back button was frozen meanwhile.
  const wake = (event: PageTransitionEvent) => event.persisted && hear({ kind: 'missed' });
  window.addEventListener('pageshow', wake);
  return () => {
    window.removeEventListener('pageshow', wake);
    end.abort();
    channel.close();
    useLive.setState({ status: 'connecting' });
  };
}

const CHANGES = `subscription ($after: String) {
  recordChanges(after: $after) { position action object recordId changedFields requestId } }`;
const MODEL = 'subscription { modelChanged { version } }';
const VIEWS = 'subscription { viewsChanged { noticedAt } }';
const NOTIFICATIONS = 'subscription { notificationsChanged { noticedAt } }';

/** Goes on after the last that any page has heard, so nothing is missed between one page and the next, or in between. */
function openStream(tell: (news: News) => void): () => void {
  const variables = { after: heardUpTo };
  const isOpen = () => tell({ kind: 'status', status: 'open' });
  const stops = [
    subscribe<Told>(CHANGES, variables, {
      next: (told) => {
        variables.after = told.position;
        tell({ kind: 'told', told });
      },
      lost: () => tell({ kind: 'status', status: 'lost' }),
    }),
    subscribe<{ version: number }>(
      MODEL,
      {},
      {
        // The first is the version as it is now, each time that the connection is made.
        next: ({ version }) => {
          // Of views and notifications there is no log to go on in.
          if (useLive.getState().status === 'lost') {
            tell({ kind: 'views' });
            tell({ kind: 'notifications' });
          }
          isOpen();
          tell({ kind: 'model', version });
        },
      },
    ),
    subscribe(VIEWS, {}, { next: () => tell({ kind: 'views' }) }),
    subscribe(NOTIFICATIONS, {}, { next: () => tell({ kind: 'notifications' }) }),
  ];
  return () => stops.forEach((stop) => stop());
}
