import { useEffect, useEffectEvent } from 'react';
import type { ShortcutId } from './keys.ts';

type Run = () => void;

const handlers = new Map<ShortcutId, Run[]>();

/** What the page shown last does for a shortcut. */
export const handlerOf = (id: ShortcutId): Run | undefined => handlers.get(id)?.at(-1);

/** Says what a shortcut does while this is on the page; null: nothing here. */
export function useShortcut(id: ShortcutId, run: Run | null): void {
  const latest = useEffectEvent(() => run?.());
  const isOffered = run !== null;
  useEffect(() => {
    if (!isOffered) return undefined;
    const handler = () => latest();
    handlers.set(id, [...(handlers.get(id) ?? []), handler]);
    return () =>
      void handlers.set(
        id,
        (handlers.get(id) ?? []).filter((each) => each !== handler),
      );
  }, [id, isOffered]);
}
