import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { Place } from './arrange.ts';
import { t } from '../language/t.ts';
import { meantKey } from '../language/direction.ts';

/** What is moved: a widget, or a field of a group. */
export interface Held {
  kind: 'widget' | 'field';
  id: string;
  name: string;
}

const FAR_ENOUGH = 4;
const EDGE = 60;

/** Where a pointer is among the lists that take what is held: before the item whose middle comes next. */
function placeAt(held: Held, x: number, y: number): Place | null {
  const list = document
    .elementsFromPoint(x, y)
    .flatMap((element) => element.closest<HTMLElement>(`[data-list-of="${held.kind}"]`) ?? [])[0];
  if (!list) return null;
  const items = [...list.querySelectorAll<HTMLElement>(`:scope > [data-item]`)].filter(
    (item) => item.dataset['item'] !== held.id,
  );
  const at = items.findIndex((item) => {
    const box = item.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  return { list: list.dataset['list'] ?? '', index: at < 0 ? items.length : at };
}

interface Arranging {
  onMove: (held: Held, to: Place) => void;
  /** Arrow keys: one place further in its list, or to the list beside it. */
  onStep: (held: Held, way: 'up' | 'down' | 'left' | 'right') => void;
  /** As it was before the keyboard took it up. */
  onLeave: () => void;
  onTake: () => void;
  /** While something is dragged over the name of a tab, the tab is shown. */
  onTab: (id: string) => void;
  say: (text: string) => void;
}

/** Moving what is on the page by its handle: by mouse and finger, and by Space and arrows. */
export function useArranging(arranging: Arranging) {
  const [dragged, setDragged] = useState<(Held & { over: Place | null; x: number; y: number }) | null>(null);
  const [inHand, setInHand] = useState<Held | null>(null);
  const latest = useRef(arranging);
  useEffect(() => {
    latest.current = arranging;
  });
  // Moved to another list the handle is a new one, and the keyboard goes with it.
  useEffect(() => {
    if (!inHand) return;
    const handle = document.querySelector<HTMLElement>(`[data-handle="${inHand.id}"]`);
    if (handle && document.activeElement !== handle) handle.focus();
  });

  const onPointerDown = (held: Held) => (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    const begin = { x: event.clientX, y: event.clientY };
    const scroller = event.currentTarget.closest<HTMLElement>('[data-arranging]');
    let isDragging = false;
    let over: Place | null = null;
    const onPointerMove = (moved: globalThis.PointerEvent) => {
      const { clientX: x, clientY: y } = moved;
      if (!isDragging && Math.hypot(x - begin.x, y - begin.y) < FAR_ENOUGH) return;
      isDragging = true;
      over = placeAt(held, x, y);
      const tab = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-tab]')?.dataset['tab'];
      if (tab !== undefined && held.kind === 'widget') latest.current.onTab(tab);
      const box = scroller?.getBoundingClientRect();
      if (scroller && box) {
        if (y < box.top + EDGE) scroller.scrollTop -= 12;
        else if (y > box.bottom - EDGE) scroller.scrollTop += 12;
      }
      setDragged({ ...held, over, x, y });
    };
    const end = (ended: Event) => {
      window.removeEventListener('pointermove', onPointerMove);
      window.removeEventListener('pointerup', end);
      window.removeEventListener('pointercancel', end);
      window.removeEventListener('keydown', onKey, true);
      setDragged(null);
      if (ended.type === 'pointerup' && isDragging && over) latest.current.onMove(held, over);
    };
    const onKey = (pressed: globalThis.KeyboardEvent) => {
      if (pressed.key !== 'Escape') return;
      pressed.stopPropagation();
      end(pressed);
    };
    window.addEventListener('pointermove', onPointerMove);
    window.addEventListener('pointerup', end);
    window.addEventListener('pointercancel', end);
    window.addEventListener('keydown', onKey, true);
  };

  const put = (name: string) => {
    setInHand(null);
    latest.current.say(t('{name} put down.', { name }));
  };
  const onKeyDown = (held: Held) => (event: KeyboardEvent<HTMLElement>) => {
    const isHeld = inHand?.id === held.id;
    const way = ({ ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right' } as const)[
      meantKey(event.key)
    ];
    if (event.key === ' ' || (isHeld && event.key === 'Enter')) {
      if (isHeld) put(held.name);
      else {
        latest.current.onTake();
        setInHand(held);
        latest.current.say(
          t('{name} taken up. Arrow keys move it, Space puts it down, Escape leaves it where it was.', {
            name: held.name,
          }),
        );
      }
    } else if (isHeld && event.key === 'Escape') {
      setInHand(null);
      latest.current.onLeave();
      latest.current.say(t('{name} is where it was.', { name: held.name }));
    } else if (isHeld && way) latest.current.onStep(held, way);
    else {
      if (isHeld && event.key === 'Tab') put(held.name);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return {
    dragged,
    inHand,
    /** What a handle needs. */
    handle: (held: Held) => ({
      'data-handle': held.id,
      'data-held': inHand?.id === held.id || undefined,
      onPointerDown: onPointerDown(held),
      onKeyDown: onKeyDown(held),
    }),
  };
}
