import type { BoardStore, Place } from './boardStore.ts';

/** A column as the one who drags finds it in the page. */
export interface DropZone {
  key: string;
  element: HTMLElement;
  /** The part of it that scrolls; none while it is closed. */
  list: HTMLElement | null;
  /** Where each of its cards begins, and the last one ends. */
  offsets: () => number[];
}

interface Board {
  store: BoardStore;
  scroller: () => HTMLElement | null;
  zones: () => Iterable<DropZone>;
  onDrop: (id: string, to: Place) => void;
}

const FAR_ENOUGH = 5;
const LONG_ENOUGH_MS = 280;
const EDGE = 56;
const FASTEST = 16;

/** How fast to scroll where the pointer is near an edge. */
function pull(at: number, from: number, to: number): number {
  if (at < from + EDGE) return -FASTEST * Math.min(1, (from + EDGE - at) / EDGE);
  return at > to - EDGE ? FASTEST * Math.min(1, (at - to + EDGE) / EDGE) : 0;
}

/** Which place a height within a list is: that of the card whose middle comes next. */
export function indexAt(offsets: number[], height: number): number {
  let [low, high] = [0, Math.max(0, offsets.length - 1)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (((offsets[middle] ?? 0) + (offsets[middle + 1] ?? 0)) / 2 < height) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Dragging a card by mouse or finger. A finger holds it for a moment first, for otherwise it scrolls. The picture of the card follows
 * outside of React; only the columns between which it moves are drawn anew.
 */
export function startDrag(event: PointerEvent, card: HTMLElement, id: string, board: Board): void {
  if (event.button !== 0 || !event.isPrimary) return;
  const isTouch = event.pointerType !== 'mouse';
  const begin = { x: event.clientX, y: event.clientY };
  let at = begin;
  let ghost: HTMLElement | null = null;
  let frame = 0;

  const placeAt = (): Place | null => {
    for (const zone of board.zones()) {
      const box = zone.element.getBoundingClientRect();
      if (at.x < box.left || at.x >= box.right) continue;
      if (!zone.list) return { column: zone.key, index: 0 };
      const height = at.y - zone.list.getBoundingClientRect().top + zone.list.scrollTop;
      return { column: zone.key, index: indexAt(zone.offsets(), height) };
    }
    return null;
  };

  const show = () => {
    const { held } = board.store.getState();
    const to = placeAt();
    if (!held || !to) return;
    // Below itself a card is where it was.
    const isBelow = to.column === held.from.column && to.index > held.from.index;
    const next = isBelow ? { ...to, index: to.index - 1 } : to;
    if (next.column !== held.to.column || next.index !== held.to.index)
      board.store.setState({ held: { ...held, to: next } });
  };

  const scroll = () => {
    frame = requestAnimationFrame(scroll);
    const scroller = board.scroller();
    const outer = scroller?.getBoundingClientRect();
    if (scroller && outer) scroller.scrollLeft += pull(at.x, outer.left, outer.right);
    for (const { element, list } of board.zones()) {
      const box = element.getBoundingClientRect();
      if (!list || at.x < box.left || at.x >= box.right) continue;
      const inner = list.getBoundingClientRect();
      list.scrollTop += pull(at.y, inner.top, inner.bottom);
    }
    show();
  };

  const lift = () => {
    const found = board.store.find(id);
    if (!found) return end();
    const box = card.getBoundingClientRect();
    ghost = card.cloneNode(true) as HTMLElement;
    ghost.inert = true;
    ghost.dataset['ghost'] = '';
    Object.assign(ghost.style, {
      left: `${box.left}px`,
      top: `${box.top}px`,
      width: `${box.width}px`,
      height: `${box.height}px`,
    });
    document.body.append(ghost);
    document.body.dataset['dragging'] = '';
    board.store.setState({ held: { id, from: found.place, to: found.place } });
    frame = requestAnimationFrame(scroll);
    return undefined;
  };

  const timer = isTouch ? setTimeout(lift, LONG_ENOUGH_MS) : undefined;

  const onMove = (moved: PointerEvent) => {
    if (moved.pointerId !== event.pointerId) return;
    at = { x: moved.clientX, y: moved.clientY };
    if (!ghost) {
      if (Math.hypot(at.x - begin.x, at.y - begin.y) < FAR_ENOUGH) return;
      if (isTouch) return end();
      lift();
    }
    if (ghost) ghost.style.transform = `translate(${at.x - begin.x}px, ${at.y - begin.y}px) rotate(1.5deg)`;
  };
  const onUp = (ended: PointerEvent) => {
    if (ended.pointerId !== event.pointerId) return;
    const { held } = board.store.getState();
    const isDropped = ghost !== null && ended.type === 'pointerup' && placeAt() !== null;
    if (isDropped) show();
    const to = board.store.getState().held?.to;
    end();
    if (isDropped && held && to && (to.column !== held.from.column || to.index !== held.from.index))
      board.onDrop(id, to);
  };
  const onKey = (pressed: KeyboardEvent) => {
    if (pressed.key !== 'Escape' || !ghost) return;
    pressed.stopPropagation();
    end();
  };
  // What was dragged is not opened by letting go of it.
  const onClick = (clicked: MouseEvent) => {
    clicked.preventDefault();
    clicked.stopPropagation();
  };
  const onTouch = (touched: TouchEvent) => ghost && touched.cancelable && touched.preventDefault();
  const onMenu = (asked: Event) => isTouch && asked.preventDefault();

  function end() {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    window.removeEventListener('pointermove', onMove);
    window.removeEventListener('pointerup', onUp);
    window.removeEventListener('pointercancel', onUp);
    window.removeEventListener('keydown', onKey, true);
    window.removeEventListener('touchmove', onTouch);
    window.removeEventListener('contextmenu', onMenu);
    if (!ghost) return;
    ghost.remove();
    delete document.body.dataset['dragging'];
    window.addEventListener('click', onClick, { capture: true, once: true });
    setTimeout(() => window.removeEventListener('click', onClick, true));
    board.store.setState({ held: null });
  }

  window.addEventListener('pointermove', onMove);
  window.addEventListener('pointerup', onUp);
  window.addEventListener('pointercancel', onUp);
  window.addEventListener('keydown', onKey, true);
  window.addEventListener('touchmove', onTouch, { passive: false });
  window.addEventListener('contextmenu', onMenu);
}
