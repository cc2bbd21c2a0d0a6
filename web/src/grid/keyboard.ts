import type { KeyboardEvent } from 'react';
import { rowsBetween, type GridItems } from './items.ts';
import { step, type Spot } from './navigation.ts';
import { isOne, type Range } from './range.ts';
import type { GridStore } from './store.ts';
import type { GridActions, GridColumn } from './types.ts';
import { t } from '../language/t.ts';
import { meantKey } from '../language/direction.ts';

interface Context<Row> {
  event: KeyboardEvent<HTMLElement>;
  store: GridStore;
  items: GridItems<Row>;
  columns: GridColumn[];
  range: Range | null;
  pageRows: number;
  actions: GridActions<Row>;
  go: (spot: Spot, isExtending: boolean) => void;
  openMenu: (column: GridColumn) => void;
  say: (text: string) => void;
}

const isTyping = (event: KeyboardEvent): boolean =>
  event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && !event.nativeEvent.isComposing;

/** Moves a column by one; the first one leads always, and pinned ones stay among themselves. */
function moveColumn<Row>({ columns, actions, say }: Context<Row>, place: number, by: number): void {
  const column = columns[place];
  const other = columns[place + by];
  if (!column || !other || place === 0 || place + by === 0 || column.isPinned !== other.isPinned) {
    say(t('The column cannot be moved further.'));
    return;
  }
  actions.onReorder(column.id, by < 0 ? other.id : (columns[place + 2]?.id ?? null));
  say(
    t('{title} is column {place} of {count}.', { title: column.title, place: place + by + 1, count: columns.length }),
  );
}

/** What a key does on the grid while no cell is being edited; says whether it did anything. */
export function handleKey<Row>(context: Context<Row>): boolean {
  const { event, store, items, columns, range, pageRows, actions, go, say } = context;
  const { active, extent, selected } = store.getState();
  const key = meantKey(event.key);
  if (items.count === 0) return false;
  const size = { rows: items.count, columns: columns.length };
  const spotOf = (place: { row: string; column: string } | null): Spot | null => {
    const row = place ? items.indexOf(place.row) : -1;
    return place && row >= 0
      ? {
          row,
          column: Math.max(
            0,
            columns.findIndex(({ id }) => id === place.column),
          ),
        }
      : null;
  };
  const at = spotOf(active);
  const item = at ? items.at(at.row) : null;
  const command = event.ctrlKey || event.metaKey;
  const move = (row: number, column: number) => {
    const isExtending = event.shiftKey && at !== null;
    const from = isExtending ? (spotOf(extent) ?? at) : at;
    go(from ? step(size, from, { row, column }) : { row: 0, column: 0 }, isExtending);
    return true;
  };

  if (event.altKey && event.shiftKey && at && (key === 'ArrowLeft' || key === 'ArrowRight')) {
    moveColumn(context, at.column, key === 'ArrowLeft' ? -1 : 1);
    return true;
  }
  if (event.altKey) return false;
  if (item?.kind === 'group') {
    const wants = key === 'ArrowRight' ? true : key === 'ArrowLeft' ? false : null;
    if (event.key === 'Enter' || event.key === ' ' || (wants !== null && wants !== item.isOpen)) {
      actions.onToggleGroup(item.key);
      return true;
    }
    if (wants !== null) return true;
  }

  switch (key) {
    case 'ArrowDown':
      return move(command ? items.count : 1, 0);
    case 'ArrowUp':
      return move(command ? -items.count : -1, 0);
    case 'ArrowRight':
      return move(0, command ? columns.length : 1);
    case 'ArrowLeft':
      return move(0, command ? -columns.length : -1);
    case 'PageDown':
      return move(pageRows, 0);
    case 'PageUp':
      return move(-pageRows, 0);
    case 'Home':
      return move(command ? -items.count : 0, -columns.length);
    case 'End':
      return move(command ? items.count : 0, columns.length);
    case 'Tab': {
      // At the very ends Tab leaves the grid, so that the keyboard is never trapped in it.
      if (!at) return false;
      const next = step(size, at, { row: 0, column: event.shiftKey ? -1 : 1 }, true);
      if (next.row === at.row && next.column === at.column) return false;
      go(next, false);
      return true;
    }
    case 'Escape':
      if (actions.onEscape()) return true;
      if (extent) store.extend(null);
      else if (selected.size > 0) store.setSelected([]);
      else store.focus(null);
      return true;
    case 'F10':
    case 'ContextMenu': {
      const column = columns[at?.column ?? -1];
      if (!column || (event.key === 'F10' && !event.shiftKey)) return false;
      context.openMenu(column);
      return true;
    }
  }

  const column = columns[at?.column ?? -1];
  if (!at || item?.kind !== 'row' || !column || !range) return false;
  const { row } = item;
  const block = {
    rows: () => rowsBetween(items, range.top, range.bottom),
    columns: columns.slice(range.left, range.right + 1),
  };
  switch (key) {
    case 'Enter':
      if (command) actions.onOpen(row);
      else if (!actions.onToggle(row, column)) store.edit(null);
      return true;
    case 'F2':
      store.edit(null);
      return true;
    case ' ':
      if (event.shiftKey || command) {
        const keys = rowsBetweenKeys(items, range);
        if (keys.length > 1) store.setSelected([...selected, ...keys]);
        else store.toggleSelected(item.key);
        say(t('{count} selected.', { count: store.getState().selected.size }));
      } else if (!column.editable || !actions.onToggle(row, column)) actions.onPeek(row);
      return true;
    case 'Delete':
    case 'Backspace':
      if (command && store.getState().isAll) say(t('Delete them all by the button below the table.'));
      else if (command) actions.onDelete(selected.size > 0 ? [...selected] : [item.key]);
      else actions.onClear(block.rows(), block.columns);
      return true;
  }
  if (command && !event.shiftKey) {
    const letter = event.key.toLowerCase();
    if (letter === 'a') {
      store.setSelected(rowsBetweenKeys(items, { ...range, top: 0, bottom: items.count - 1 }));
      say(t('{count} selected.', { count: store.getState().selected.size }));
      return true;
    }
    if (letter === 'd') {
      const isLine = range.top === range.bottom;
      const from = rowsBetween(items, isLine ? range.top - 1 : range.top, isLine ? range.top - 1 : range.top);
      const to = rowsBetween(items, isLine ? range.top : range.top + 1, range.bottom);
      if (from.length > 0 && to.length > 0) actions.onFill(from, to, block.columns);
      return true;
    }
  }
  if (!isTyping(event) || !column.editable) return false;
  if (!isOne(range)) store.extend(null);
  store.edit(event.key);
  return true;
}

function rowsBetweenKeys<Row>(items: GridItems<Row>, range: Range): string[] {
  const keys: string[] = [];
  for (let index = range.top; index <= range.bottom; index++) {
    const item = items.at(index);
    if (item.kind === 'row') keys.push(item.key);
  }
  return keys;
}
