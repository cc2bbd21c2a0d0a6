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
/** Called after the stream was away: what happened meanwhile was not heard and must be read again. */
export const onReconnect = (listener: () => void) => subscribe(reconnectListeners, listener);

/** One stream for the whole page. The browser reconnects by itself after a drop; after a refusal we try again ourselves. */
export function openLive(signedOut: () => void): () => void {
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let wasOpen = false;
  let isClosed = false;

  const connect = (): void => {
    source = new EventSource('/live', { withCredentials: true });
    source.addEventListener('open', () => {
      useLive.setState({ status: 'open' });
      if (wasOpen) for (const listener of reconnectListeners) listener();
      wasOpen = true;
    });
    source.addEventListener('records', (event) => {
      const changes = JSON.parse((event as MessageEvent<string>).data) as RecordChange[];
      for (const listener of recordListeners) listener(changes);
    });
    source.addEventListener('model', (event) => {
      const { version } = JSON.parse((event as MessageEvent<string>).data) as { version: number };
      for (const listener of modelListeners) listener(version);
    });
    // The server itself was deaf for a moment: what it missed, so did we.
    source.addEventListener('resync', () => {
      for (const listener of reconnectListeners) listener();
    });
    source.addEventListener('error', () => {
      useLive.setState({ status: 'lost' });
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
    useLive.setState({ status: 'connecting' });
  };
}
