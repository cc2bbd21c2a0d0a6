import { useModelStore } from '../model/store.ts';
import { pageOf, useSession } from '../session/session.ts';

/**
 * What the tables that were left last have shown, so that who comes back sees it at once, while it is read anew. A table
 * takes it out, and puts in what it shows when it is left: there is never a second copy.
 */
const MOST = 8;
const kept = new Map<string, unknown>();

/** Of one viewer and one model: of another one, what was read may be something else. */
const keyOf = (key: string): string =>
  `${pageOf(useSession.getState().identity) ?? ''} ${useModelStore.getState().model?.version ?? ''} ${key}`;

export function takeKept<Value>(key: string): Value | undefined {
  const found = kept.get(keyOf(key)) as Value | undefined;
  kept.delete(keyOf(key));
  return found;
}

export function keep(key: string, value: unknown): void {
  kept.delete(keyOf(key));
  kept.set(keyOf(key), value);
  const [oldest] = kept.keys();
  if (kept.size > MOST && oldest !== undefined) kept.delete(oldest);
}

// It is for nobody else.
useSession.subscribe(({ identity }) => {
  if (!identity) kept.clear();
});
