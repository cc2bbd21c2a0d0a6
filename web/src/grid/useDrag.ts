import { useRef, type PointerEvent, type RefObject } from 'react';
import type { GridStore, Place } from './store.ts';

/** Beyond the edge the grid scrolls by so much with each move. */
const STEP = 32;

const cellAt = (scroller: HTMLElement, x: number, y: number, headHeight: number): Place | null => {
  const box = scroller.getBoundingClientRect();
  const within = (value: number, from: number, to: number) => Math.min(Math.max(value, from), to);
  const found = document
    .elementFromPoint(
      within(x, box.left + 2, box.left + scroller.clientWidth - 2),
      within(y, box.top + headHeight + 2, box.top + scroller.clientHeight - 2),
    )
    ?.closest<HTMLElement>('[data-column]');
  const row = found?.closest<HTMLElement>('[data-row]')?.dataset['row'];
  return found?.dataset['column'] && row ? { row, column: found.dataset['column'] } : null;
};

/** Draws a block of cells with the mouse, or fills cells from the handle at its corner. */
export function useDrag(
  scroller: RefObject<HTMLDivElement | null>,
  store: GridStore,
  headHeight: number,
  fill: { onMove: (to: Place) => void; onEnd: () => void },
): { onPointerDown: (event: PointerEvent<HTMLDivElement>) => void; wasDragged: () => boolean } {
  const dragged = useRef(false);

  const onPointerDown = (event: PointerEvent<HTMLDivElement>) => {
    dragged.current = false;
    const element = scroller.current;
    const target = event.target as HTMLElement;
    if (!element || event.button !== 0 || event.pointerType === 'touch' || event.shiftKey) return;
    const isFilling = target.closest('[data-fill]') !== null;
    if (!isFilling && target.closest('[data-editor], [data-check], a, button, input')) return;
    const from = cellAt(element, event.clientX, event.clientY, headHeight);
    if (!from || target.closest('[role="columnheader"]')) return;
    if (isFilling) event.preventDefault();
    let latest: Place | null = null;
    const onMove = (move: globalThis.PointerEvent) => {
      const box = element.getBoundingClientRect();
      if (move.clientY > box.top + element.clientHeight) element.scrollTop += STEP;
      else if (move.clientY < box.top + headHeight) element.scrollTop -= STEP;
      if (move.clientX > box.left + element.clientWidth) element.scrollLeft += STEP;
      else if (move.clientX < box.left) element.scrollLeft -= STEP;
      const to = cellAt(element, move.clientX, move.clientY, headHeight);
      if (!to || (latest?.row === to.row && latest.column === to.column)) return;
      if (!dragged.current && to.row === from.row && to.column === from.column) return;
      latest = to;
      if (isFilling) {
        dragged.current = true;
        fill.onMove(to);
        return;
      }
      if (!dragged.current) store.focus(from);
      dragged.current = true;
      store.extend(to);
    };
    const end = () => {
      document.removeEventListener('pointermove', onMove);
      document.removeEventListener('pointerup', end);
      document.removeEventListener('pointercancel', end);
      if (isFilling) fill.onEnd();
    };
    document.addEventListener('pointermove', onMove);
    document.addEventListener('pointerup', end);
    document.addEventListener('pointercancel', end);
  };

  return { onPointerDown, wasDragged: () => dragged.current };
}
