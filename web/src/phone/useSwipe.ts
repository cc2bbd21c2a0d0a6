import { useRef, type MouseEvent, type PointerEvent } from 'react';

interface Swipe {
  /** Null where there is nothing to do on that side. */
  onRight: (() => void) | null;
  onLeft: (() => void) | null;
  onHold: (() => void) | null;
}

const SLOP = 10;
const HOLD_MS = 450;
/** So far a card is drawn before letting it go does something. */
const ARMED = 96;

interface Touch {
  id: number;
  x: number;
  y: number;
  by: number;
  isDrawn: boolean;
  hold: ReturnType<typeof setTimeout> | undefined;
}

/**
 * A card that is drawn aside by a finger, or held. What goes up or down scrolls, as before; a mouse and a screen reader
 * notice nothing, so whatever is done here can be done by a menu, too. The card's style sheet reads --drawn, data-drawn
 * and data-armed.
 */
export function useSwipe({ onRight, onLeft, onHold }: Swipe) {
  const touch = useRef<Touch | null>(null);
  /** What was a gesture is no tap. */
  const isSpent = useRef(false);

  const end = (element: HTMLElement): void => {
    clearTimeout(touch.current?.hold);
    touch.current = null;
    element.style.removeProperty('--drawn');
    delete element.dataset['drawn'];
    delete element.dataset['armed'];
  };

  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      isSpent.current = false;
      if (event.pointerType === 'mouse' || !event.isPrimary) return;
      const element = event.currentTarget;
      const hold = onHold
        ? setTimeout(() => {
            isSpent.current = true;
            end(element);
            navigator.vibrate?.(12);
            onHold();
          }, HOLD_MS)
        : undefined;
      touch.current = { id: event.pointerId, x: event.clientX, y: event.clientY, by: 0, isDrawn: false, hold };
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const now = touch.current;
      if (now?.id !== event.pointerId) return;
      const element = event.currentTarget;
      const x = event.clientX - now.x;
      const y = Math.abs(event.clientY - now.y);
      if (!now.isDrawn) {
        if (Math.max(Math.abs(x), y) < SLOP) return;
        clearTimeout(now.hold);
        if (Math.abs(x) < y * 1.5) return void end(element);
        now.isDrawn = true;
        isSpent.current = true;
        element.setPointerCapture(event.pointerId);
      }
      const isUseful = x > 0 ? onRight !== null : onLeft !== null;
      // Where nothing is to be done it gives a little, and no more.
      now.by = isUseful ? x : Math.sign(x) * Math.min(24, Math.abs(x) / 4);
      element.style.setProperty('--drawn', `${now.by}px`);
      element.dataset['drawn'] = x > 0 ? 'right' : 'left';
      if (Math.abs(now.by) >= ARMED) element.dataset['armed'] = '';
      else delete element.dataset['armed'];
    },
    onPointerUp: (event: PointerEvent<HTMLElement>) => {
      const by = touch.current?.id === event.pointerId ? touch.current.by : 0;
      end(event.currentTarget);
      if (by >= ARMED) onRight?.();
      else if (by <= -ARMED) onLeft?.();
    },
    onPointerCancel: (event: PointerEvent<HTMLElement>) => end(event.currentTarget),
    onClickCapture: (event: MouseEvent<HTMLElement>) => {
      if (!isSpent.current) return;
      isSpent.current = false;
      event.preventDefault();
      event.stopPropagation();
    },
    onContextMenu: (event: MouseEvent<HTMLElement>) => {
      if (touch.current || isSpent.current) event.preventDefault();
    },
  };
}
