import { create } from 'zustand';

/** Since when the server has not been reached; null while it is. What the browser says of its network is only a reason to look. */
export const useConnection = create<{ awaySince: Date | null }>(() => ({ awaySince: null }));

export const isAway = (): boolean => useConnection.getState().awaySince !== null;

/** Called when the server is there again after it was away. */
export const onReturn = (listener: () => void): (() => void) =>
  useConnection.subscribe((now, before) => {
    if (before.awaySince && !now.awaySince) listener();
  });

// Whoever looks is loaded once the first page stands.
let looker: (() => void) | null = null;
export const lookBy = (next: () => void): void => void (looker = next);
/** Something speaks for a change: the server is asked whether it is there. */
export const look = (): void => looker?.();

let cut = new AbortController();
/** Ends requests that wait for a server that is gone: a network that was cut lets them wait for minutes. */
export const untilAway = (): AbortSignal => cut.signal;
export function cutOff(): void {
  cut.abort();
  cut = new AbortController();
}

let heard = 0;
/** Until when, by its own clock, the server was heard. */
export const heardAt = (): string => new Date(heard).toISOString();
export const hearAt = (date: string | null): void => void (heard = date === null ? heard : Date.parse(date));
