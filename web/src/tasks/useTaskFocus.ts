import { useLayoutEffect, useRef, useState, type FocusEvent, type RefObject } from 'react';

const itemsOf = (list: HTMLElement | null) => [...(list?.querySelectorAll<HTMLElement>('[data-task]') ?? [])];
const idOf = (item: HTMLElement | undefined) => item?.dataset['task'];

/**
 * Keeps the keyboard at the task that it was at: also where that is put among others, which makes its row anew. When the task
 * goes, the one in its place has the keyboard.
 */
export function useTaskFocus(list: RefObject<HTMLDivElement | null>) {
  const held = useRef<{ id: string; at: number } | null>(null);
  const [current, setCurrent] = useState<string>();

  const onFocus = ({ target }: FocusEvent) => {
    // A menu of a row stands elsewhere on the page.
    if (!list.current?.contains(target)) return;
    const item = target.closest<HTMLElement>('[data-task]');
    const id = item ? idOf(item) : undefined;
    held.current = item && id ? { id, at: itemsOf(list.current).indexOf(item) } : null;
    if (id) setCurrent(id);
  };
  const onBlur = ({ target }: FocusEvent) =>
    // What goes away loses the focus, too; only who clicks beside what stays has left it.
    queueMicrotask(() => {
      if (target.isConnected && document.activeElement === document.body) held.current = null;
    });
  useLayoutEffect(() => {
    if (!held.current || document.activeElement !== document.body) return;
    const items = itemsOf(list.current);
    const { id, at } = held.current;
    (items.find((item) => idOf(item) === id) ?? items[Math.min(at, items.length - 1)])?.focus();
  });

  return { current, onFocus, onBlur, items: () => itemsOf(list.current) };
}
