import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

const REST_MS = 150;

/**
 * Whether a scroller is on its way. It is not at rest either while somebody presses on it or writes in it: what is done at rest
 * moves elements, and one that is moved loses the focus and the click.
 */
export function useMoving(ref: RefObject<HTMLElement | null>): { isMoving: boolean; onMove: () => void } {
  const [isMoving, setMoving] = useState(false);
  const last = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const onMove = useCallback(() => {
    last.current = performance.now();
    if (timer.current !== undefined) return;
    setMoving(true);
    const look = () => {
      const element = ref.current;
      const focused = document.activeElement;
      const isHeld =
        element !== null && (element.matches(':active') || (focused !== element && element.contains(focused)));
      const left = isHeld ? REST_MS : last.current + REST_MS - performance.now();
      timer.current = left > 0 ? setTimeout(look, left) : undefined;
      if (left <= 0) setMoving(false);
    };
    timer.current = setTimeout(look, REST_MS);
  }, [ref]);
  return { isMoving, onMove };
}
