import { useCallback, useLayoutEffect, useState, type RefObject } from 'react';
import { flushSync } from 'react-dom';

export interface RowWindow {
  /** The first and the last line in view; none is in view while the last is before the first. */
  first: number;
  last: number;
}

/** So many lines beside those in view are drawn, too, for who scrolls is faster than a frame. */
const OVERSCAN = 6;

/** The lines to draw: those in view, a few beside them, and one more wherever it is. */
export function linesOf({ first, last }: RowWindow, count: number, also: number, beside = OVERSCAN): number[] {
  if (last < first) return [];
  const start = Math.max(0, Math.min(first, count - 1) - beside);
  const end = Math.min(count - 1, last + beside);
  const lines = Array.from({ length: Math.max(0, end - start + 1) }, (_, offset) => start + offset);
  if (also >= 0 && also < count && (also < start || also > end)) lines.push(also);
  return lines;
}

/**
 * Which lines a scroller shows. All are of one height, so no library has to measure them. What comes into view is
 * drawn in the frame that shows it, and nothing is drawn while the same lines are in view.
 */
export function useRowWindow(
  ref: RefObject<HTMLElement | null>,
  rowHeight: number,
): { window: RowWindow; onScroll: () => void } {
  const [window, setWindow] = useState<RowWindow>({ first: 0, last: -1 });
  const measure = useCallback(() => {
    const element = ref.current;
    if (!element) return;
    const first = Math.floor(element.scrollTop / rowHeight);
    const last = Math.floor((element.scrollTop + element.clientHeight) / rowHeight);
    setWindow((now) => (now.first === first && now.last === last ? now : { first, last }));
  }, [ref, rowHeight]);
  useLayoutEffect(() => {
    measure();
    const observer = new ResizeObserver(measure);
    if (ref.current) observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ref, measure]);
  return { window, onScroll: useCallback(() => flushSync(measure), [measure]) };
}
