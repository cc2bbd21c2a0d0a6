import type { KeyboardEvent, RefObject } from 'react';
import { t } from '../language/t.ts';
import type { BoardState, BoardStore, Place } from './boardStore.ts';
import type { DropZone } from './cardDrag.ts';
import type { BoardColumn } from './columns.ts';
import { meantKey } from '../language/direction.ts';

interface Parts {
  store: BoardStore;
  /** The columns whose cards show. */
  open: BoardColumn[];
  cards: BoardState['cards'];
  isMovable: boolean;
  /** Whether the card that is held was taken up by the keyboard. */
  isLifted: RefObject<boolean>;
  zones: ReadonlyMap<string, DropZone>;
  /** Scrolls a column to one of its cards. */
  reveal: ReadonlyMap<string, (index: number) => void>;
  labelOf: (id: string) => string;
  focusCard: (id: string) => void;
  say: (text: string) => void;
  move: (id: string, to: Place) => Promise<unknown>;
}

/** The keyboard goes over the cards, and with Space takes one along. */
export const boardKeys =
  ({ store, open, cards, isMovable, isLifted, zones, reveal, labelOf, focusCard, say, move }: Parts) =>
  (event: KeyboardEvent<HTMLElement>) => {
    const id = (event.target as HTMLElement).dataset['card'];
    const found = id === undefined ? null : store.find(id);
    if (id === undefined || !found || event.ctrlKey || event.metaKey || event.altKey) return;
    const { held } = store.getState();
    const { place } = held && isLifted.current ? { place: held.to } : found;
    const columnAt = open.findIndex(({ key }) => key === place.column);
    const rowsOf = (index: number) => cards[open[index]?.key ?? '']?.rows ?? [];
    const sideways = (by: 1 | -1, isFilled: boolean): Place | null => {
      for (let next = columnAt + by; open[next]; next += by) {
        const { length } = rowsOf(next);
        const key = open[next]?.key ?? '';
        if (!isFilled || length > 0)
          return { column: key, index: Math.min(place.index, isFilled ? length - 1 : length) };
      }
      return null;
    };
    const most = rowsOf(columnAt).length - (held && found.place.column !== place.column ? 0 : 1);
    const along = (index: number): Place => ({ column: place.column, index: Math.max(0, Math.min(most, index)) });
    const ways: { [key: string]: () => Place | null } = {
      ArrowUp: () => along(place.index - 1),
      ArrowDown: () => along(place.index + 1),
      Home: () => along(0),
      End: () => along(most),
      ArrowLeft: () => sideways(-1, !held),
      ArrowRight: () => sideways(1, !held),
    };
    const put = () => {
      isLifted.current = false;
      store.setState({ held: null });
    };
    const bring = (to: Place) => {
      zones.get(to.column)?.element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      reveal.get(to.column)?.(to.index);
    };
    const way = ways[meantKey(event.key)];
    if (way) {
      const to = way();
      event.preventDefault();
      if (!to) return;
      bring(to);
      if (held && isLifted.current) {
        store.setState({ held: { ...held, to } });
        const column = open.find(({ key }) => key === to.column);
        say(t('{index} in {label}.', { index: to.index + 1, label: column?.label ?? '' }));
      } else {
        const next = cards[to.column]?.rows[to.index];
        if (next) focusCard(next.id);
      }
      return;
    }
    if (event.key === ' ' && !isMovable) return event.preventDefault();
    if (held && isLifted.current && (event.key === ' ' || event.key === 'Enter')) {
      const { to } = held;
      put();
      bring(to);
      if (to.column === held.from.column && to.index === held.from.index)
        say(t('{id} stays where it was.', { id: labelOf(id) }));
      else void move(id, to).then(() => focusCard(id));
      // At once, too: the card has gone to another column, and the keyboard goes with it.
      requestAnimationFrame(() => focusCard(id));
    } else if (held && isLifted.current && (event.key === 'Escape' || event.key === 'Tab')) {
      put();
      say(t('{id} stays where it was.', { id: labelOf(id) }));
      if (event.key === 'Tab') return undefined;
    } else if (event.key === ' ') {
      isLifted.current = true;
      store.setState({ held: { id, from: found.place, to: found.place } });
      say(
        t('{id} taken up, {index} in {label}. Arrow keys move it, Space puts it down, Escape leaves it.', {
          id: labelOf(id),
          index: found.place.index + 1,
          label: open[columnAt]?.label ?? '',
        }),
      );
    } else return undefined;
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  };
