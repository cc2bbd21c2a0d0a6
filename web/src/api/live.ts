import { create } from 'zustand';
import { refresh } from './refresh.ts';

/** A token that is younger cannot be why a stream was refused. */
const FRESH_MS = 60_000;

export interface RecordChange {
  object: string;
  table: string;
  ids?: string[];
  batch: number;
}

type Listener = (changes: RecordChange[]) => void;

const recordListeners = new Set<Listener>();
const modelListeners = new Set<(version: number) => void>();
const viewListeners = new Set<() => void>();
const reconnectListeners = new Set<() => void>();

interface LiveState {
  status: 'connecting' | 'open' | 'lost';
}

export const useLive = create<LiveState>(() => ({ status: 'connecting' }));

const subscribe = <T>(set: Set<T>, listener: T): (() => void) => {
  set.add(listener);
  return () => set.delete(listener);
};

export const onRecords = (listener: Listener) => subscribe(recordListeners, listener);
export const onModel = (listener: (version: number) => void) => subscribe(modelListeners, listener);
/** Views, their shares, defaults or favourites are others. */
export const onViews = (listener: () => void) => subscribe(viewListeners, listener);
/** Called after the stream was away: what happened meanwhile was not heard and must be read again. */
export const onReconnect = (listener: () => void) => subscribe(reconnectListeners, listener);

type News =
  | { kind: 'records'; changes: RecordChange[] }
  | { kind: 'model'; version: number }
  | { kind: 'views' }
  /** Something may have happened that nobody heard. */
  | { kind: 'missed' }
  | { kind: 'status'; status: LiveState['status'] };

function hear(news: News): void {
  if (news.kind === 'records') for (const listener of recordListeners) listener(news.changes);
  else if (news.kind === 'model') for (const listener of modelListeners) listener(news.version);
  else if (news.kind === 'views') for (const listener of viewListeners) listener();
  else if (news.kind === 'missed') for (const listener of reconnectListeners) listener();
  else useLive.setState({ status: news.status });
}

/**
 * One stream for all pages of a browser that have the same `audience`: over HTTP/1.1 a browser opens six connections to
 * a server, so with a stream in each page the seventh would wait for ever. The page that holds the lock has the stream
 * and tells the others; when it goes, the next one takes over.
 */
export function openLive(audience: string, signedOut: () => void): () => void {
  const name = `relvar-live ${audience}`;
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
    else if (isLeading) post({ kind: 'status', status: useLive.getState().status });
  });
  const lead = (): Promise<void> => {
    isLeading = true;
    const close = openStream(tell, signedOut);
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

/** The browser reconnects by itself after a drop; after a refusal we try again ourselves. */
function openStream(tell: (news: News) => void, signedOut: () => void): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  // Who takes over from another page cannot know what was said in between.
  let mayHaveMissed = useLive.getState().status !== 'connecting';
  let isClosed = false;

  const connect = (): void => {
    source = new EventSource('/live', { withCredentials: true });
    source.addEventListener('open', () => {
      tell({ kind: 'status', status: 'open' });
      if (mayHaveMissed) tell({ kind: 'missed' });
      mayHaveMissed = true;
    });
    source.addEventListener('records', (event) => {
      tell({ kind: 'records', changes: JSON.parse((event as MessageEvent<string>).data) as RecordChange[] });
    });
    source.addEventListener('model', (event) => {
      const { version } = JSON.parse((event as MessageEvent<string>).data) as { version: number };
      tell({ kind: 'model', version });
    });
    source.addEventListener('views', () => tell({ kind: 'views' }));
    // The server itself was deaf for a moment: what it missed, so did we.
    source.addEventListener('resync', () => tell({ kind: 'missed' }));
    source.addEventListener('error', () => {
      tell({ kind: 'status', status: 'lost' });
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(() => void reconnect(), 2000);
    });
  };
  // A stream that was refused does not say why: perhaps the token has run out meanwhile.
  const reconnect = async (): Promise<void> => {
    const isSignedIn = await refresh(Date.now() - FRESH_MS).catch(() => true);
    if (isClosed) return;
    if (isSignedIn) connect();
    else signedOut();
  };
  connect();
  return () => {
    isClosed = true;
    clearTimeout(retry);
    source?.close();
  };
}
