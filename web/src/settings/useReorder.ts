import { useRef, useState, type KeyboardEvent, type PointerEvent, type RefObject } from 'react';

export interface Reorder {
  drag: { from: number; to: number } | null;
  /** What the handle of a row listens to: dragging by mouse or finger, and the arrow keys. */
  handle: (index: number) => {
    onPointerDown: (event: PointerEvent<HTMLElement>) => void;
    onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
  };
  /** Where a row shows the line at which the dragged one would come to lie. */
  drop: (index: number) => 'before' | 'after' | undefined;
}

const EDGE = 36;

function scroller(element: HTMLElement | null): HTMLElement | null {
  for (let each = element; each; each = each.parentElement)
    if (/(auto|scroll)/.test(getComputedStyle(each).overflowY) && each.scrollHeight > each.clientHeight) return each;
  return null;
}

/** Rows of one height that are put in order by hand. The element is as high as all its rows, drawn or not. */
export function useReorder(
  list: RefObject<HTMLElement | null>,
  rowHeight: number,
  count: number,
  onMove: (from: number, to: number) => void,
): Reorder {
  const [drag, setDrag] = useState<Reorder['drag']>(null);
  const latest = useRef<Reorder['drag']>(null);
  const show = (next: Reorder['drag']) => {
    latest.current = next;
    setDrag(next);
  };

  const start = (event: PointerEvent<HTMLElement>, from: number) => {
    if (event.button !== 0) return;
    event.preventDefault();
    const grip = event.currentTarget;
    grip.focus();
    grip.setPointerCapture(event.pointerId);
    const scrolls = scroller(list.current);
    const at = (y: number) => {
      const top = list.current?.getBoundingClientRect().top ?? 0;
      return Math.min(count - 1, Math.max(0, Math.floor((y - top) / rowHeight)));
    };
    const move = (now: globalThis.PointerEvent) => {
      const box = scrolls?.getBoundingClientRect();
      if (box && now.clientY < box.top + EDGE) scrolls?.scrollBy(0, -rowHeight / 2);
      if (box && now.clientY > box.bottom - EDGE) scrolls?.scrollBy(0, rowHeight / 2);
      const to = at(now.clientY);
      if (latest.current?.to !== to) show({ from, to });
    };
    const end = (ended: globalThis.PointerEvent) => {
      grip.removeEventListener('pointermove', move);
      grip.removeEventListener('pointerup', end);
      grip.removeEventListener('pointercancel', end);
      const { to } = latest.current ?? { to: from };
      show(null);
      if (ended.type === 'pointerup' && to !== from) onMove(from, to);
    };
    grip.addEventListener('pointermove', move);
    grip.addEventListener('pointerup', end);
    grip.addEventListener('pointercancel', end);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>, index: number) => {
    const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
    const to = index + by;
    if (by === 0 || to < 0 || to >= count) return;
    event.preventDefault();
    onMove(index, to);
  };

  return {
    drag,
    handle: (index) => ({
      onPointerDown: (event) => start(event, index),
      onKeyDown: (event) => onKeyDown(event, index),
    }),
    drop: (index) =>
      drag && drag.to === index && drag.from !== index ? (drag.to < drag.from ? 'before' : 'after') : undefined,
  };
}

export function inOrder<Item>(items: Item[], from: number, to: number): Item[] {
  const next = [...items];
  const [item] = next.splice(from, 1);
  if (item !== undefined) next.splice(to, 0, item);
  return next;
}
