interface Hold {
  /** Scrolls sideways while the pointer is near its edges. */
  scroller: () => HTMLElement | null;
  /** How much of its beginning is covered. */
  inset: number;
  onLift: () => void;
  /** Also when what is beneath the pointer has moved. */
  onMove: (at: { x: number; y: number }) => void;
  onDrop: (at: { x: number; y: number }) => void;
  onEnd: () => void;
}

const FAR_ENOUGH = 4;
const LONG_ENOUGH_MS = 280;
const EDGE = 48;
const FASTEST = 18;

function pull(at: number, from: number, to: number): number {
  if (at < from + EDGE) return -FASTEST * Math.min(1, (from + EDGE - at) / EDGE);
  return at > to - EDGE ? FASTEST * Math.min(1, (at - to + EDGE) / EDGE) : 0;
}

/** Follows a pointer that holds something: a mouse once it has moved, a finger once it has rested, for otherwise it scrolls. */
export function hold(event: PointerEvent, { scroller, inset, onLift, onMove, onDrop, onEnd }: Hold): void {
  if (event.button !== 0 || !event.isPrimary) return;
  const isTouch = event.pointerType !== 'mouse';
  const begin = { x: event.clientX, y: event.clientY };
  let at = begin;
  let isLifted = false;
  let isWithin = scroller()?.contains(event.target as Node) ?? false;
  let frame = 0;

  const scroll = () => {
    frame = requestAnimationFrame(scroll);
    const element = scroller();
    const box = element?.getBoundingClientRect();
    if (!element || !box) return;
    const before = element.scrollLeft;
    const speed = pull(at.x, box.left + inset, box.right);
    // What comes in over an edge does not scroll there.
    if (speed === 0 && at.x > box.left && at.x < box.right) isWithin = true;
    if (isWithin && at.y > box.top && at.y < box.bottom) element.scrollLeft += speed;
    if (element.scrollLeft !== before) onMove(at);
  };
  const lift = () => {
    isLifted = true;
    document.body.dataset['dragging'] = '';
    onLift();
    frame = requestAnimationFrame(scroll);
  };
  const timer = isTouch ? setTimeout(lift, LONG_ENOUGH_MS) : undefined;

  const onPointerMove = (moved: PointerEvent) => {
    if (moved.pointerId !== event.pointerId) return;
    at = { x: moved.clientX, y: moved.clientY };
    if (!isLifted) {
      if (Math.hypot(at.x - begin.x, at.y - begin.y) < FAR_ENOUGH) return;
      if (isTouch) return end();
      lift();
    }
    onMove(at);
  };
  const onUp = (ended: PointerEvent) => {
    if (ended.pointerId !== event.pointerId) return;
    const isDropped = isLifted && ended.type === 'pointerup';
    at = { x: ended.clientX, y: ended.clientY };
    if (isDropped) {
      onMove(at);
      onDrop(at);
    }
    end();
  };
  const onKey = (pressed: KeyboardEvent) => {
    if (pressed.key !== 'Escape' || !isLifted) return;
    pressed.stopPropagation();
    end();
  };
  // What was dragged is not opened by letting go of it.
  const onClick = (clicked: MouseEvent) => {
    clicked.preventDefault();
    clicked.stopPropagation();
  };
  const onTouch = (touched: TouchEvent) => isLifted && touched.cancelable && touched.preventDefault();
  const onMenu = (asked: Event) => isTouch && asked.preventDefault();

  function end() {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    window.removeEventListener('pointermove', onPointerMove);
    window.removeEventListener('pointerup', onUp);
    window.removeEventListener('pointercancel', onUp);
    window.removeEventListener('keydown', onKey, true);
    window.removeEventListener('touchmove', onTouch);
    window.removeEventListener('contextmenu', onMenu);
    if (!isLifted) return;
    delete document.body.dataset['dragging'];
    window.addEventListener('click', onClick, { capture: true, once: true });
    setTimeout(() => window.removeEventListener('click', onClick, true));
    onEnd();
  }

  window.addEventListener('pointermove', onPointerMove);
  window.addEventListener('pointerup', onUp);
  window.addEventListener('pointercancel', onUp);
  window.addEventListener('keydown', onKey, true);
  window.addEventListener('touchmove', onTouch, { passive: false });
  window.addEventListener('contextmenu', onMenu);
}
