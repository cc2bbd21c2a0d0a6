import { create } from 'zustand';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;
const PROBE_MS = 5_000;

interface Connection {
  /** Since when the server has not been reached; null while it is. */
  awaySince: Date | null;
}

/** Whether the server is there. What the browser says of its network is only a reason to look. */
export const useConnection = create<Connection>(() => ({ awaySince: null }));

export const isAway = (): boolean => useConnection.getState().awaySince !== null;

const listeners = new Set<() => void>();

/** Called when the server is there again after it was away. */
export const onReturn = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

let heard = new Date(0).toISOString();
/** Until when, by its own clock, the server was heard. */
export const heardAt = (): string => heard;
export function hearAt(date: string | null): void {
  if (date !== null) heard = new Date(date).toISOString();
}

let cut = new AbortController();
/** Ends requests that wait for a server that is gone: a network that was cut lets them wait for minutes. */
export const untilAway = (): AbortSignal => cut.signal;

let timer: ReturnType<typeof setTimeout> | undefined;
let probing: Promise<void> | null = null;
let pause = FIRST_PAUSE_MS;

/** Any answer but that of a gateway before it shows that the server is there. */
const GATEWAY = new Set([502, 503, 504]);
export const isGateway = (status: number | undefined): boolean => status !== undefined && GATEWAY.has(status);

async function isThere(): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    return !isGateway((await fetch('/auth/me', { cache: 'no-store', credentials: 'same-origin', signal })).status);
  } catch {
    return false;
  }
}

async function probe(): Promise<void> {
  const there = await isThere();
  if (there) {
    pause = FIRST_PAUSE_MS;
    if (!isAway()) return;
    useConnection.setState({ awaySince: null });
    for (const listener of listeners) listener();
    return;
  }
  if (!isAway()) {
    useConnection.setState({ awaySince: new Date() });
    cut.abort();
    cut = new AbortController();
  }
  timer = setTimeout(look, pause * (0.75 + Math.random() / 2));
  pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
}

/** Something speaks for a change: the server is asked whether it is there, by one question at a time. */
export function look(): Promise<void> {
  clearTimeout(timer);
  probing ??= probe().finally(() => (probing = null));
  return probing;
}

/** A page that sleeps, or whose network changes, does not wait for the next turn. */
export function watchConnection(): () => void {
  const hurry = () => {
    pause = FIRST_PAUSE_MS;
    void look();
  };
  const wake = () => {
    if (document.visibilityState === 'visible' && isAway()) hurry();
  };
  window.addEventListener('online', hurry);
  window.addEventListener('offline', hurry);
  document.addEventListener('visibilitychange', wake);
  return () => {
    clearTimeout(timer);
    window.removeEventListener('online', hurry);
    window.removeEventListener('offline', hurry);
    document.removeEventListener('visibilitychange', wake);
  };
}
