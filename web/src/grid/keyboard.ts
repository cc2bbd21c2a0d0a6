import type { KeyboardEvent } from 'react';
import { step } from './navigation.ts';
import type { GridStore, Place } from './store.ts';
import type { GridActions, GridColumn } from './types.ts';

interface Context<Row> {
  event: KeyboardEvent<HTMLElement>;
  store: GridStore;
  rows: string[];
  columns: GridColumn[];
  pageRows: number;
  rowOf: (key: string) => Row | undefined;
  actions: GridActions<Row>;
  go: (place: Place) => void;
}

const isTyping = (event: KeyboardEvent): boolean =>
  event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && !event.nativeEvent.isComposing;

/** What a key does on the grid while no cell is being edited; says whether it did anything. */
export function handleKey<Row>({ event, store, rows, columns, pageRows, rowOf, actions, go }: Context<Row>): boolean {
  const { active, selected } = store.getState();
  const ids = columns.map((column) => column.id);
  const first = { row: rows[0] ?? '', column: ids[0] ?? '' };
  if (rows.length === 0) return false;
  const at = active && rows.includes(active.row) ? active : null;
  const command = event.ctrlKey || event.metaKey;
  const move = (rowDelta: number, columnDelta: number, wrap = false) => {
    go(at ? step(rows, ids, at, rowDelta, columnDelta, wrap) : first);
    return true;
  };

  switch (event.key) {
    case 'ArrowDown':
      return move(command ? rows.length : 1, 0);
    case 'ArrowUp':
      return move(command ? -rows.length : -1, 0);
    case 'ArrowRight':
      return move(0, command ? ids.length : 1);
    case 'ArrowLeft':
      return move(0, command ? -ids.length : -1);
    case 'PageDown':
      return move(pageRows, 0);
    case 'PageUp':
      return move(-pageRows, 0);
    case 'Home':
      return move(command ? -rows.length : 0, -ids.length);
    case 'End':
      return move(command ? rows.length : 0, ids.length);
    case 'Tab': {
      // At the very ends Tab leaves the grid, so that the keyboard is never trapped in it.
      if (!at) return false;
      const next = step(rows, ids, at, 0, event.shiftKey ? -1 : 1, true);
      if (next.row === at.row && next.column === at.column) return false;
      go(next);
      return true;
    }
    case 'Escape':
      if (selected.size > 0) store.setSelected([]);
      else store.focus(null);
      return true;
  }

  const row = at ? rowOf(at.row) : undefined;
  const column = columns.find((c) => c.id === at?.column);
  if (!at || row === undefined || !column) return false;
  switch (event.key) {
    case 'Enter':
      if (command) actions.onOpen(row);
      else if (!actions.onToggle(row, column)) store.edit(null);
      return true;
    case 'F2':
      store.edit(null);
      return true;
    case ' ':
      if (!actions.onToggle(row, column)) store.toggleSelected(at.row);
      return true;
    case 'Delete':
    case 'Backspace':
      if (command) actions.onDelete(selected.size > 0 ? [...selected] : [at.row]);
      else if (column.editable) actions.onClear(row, column);
      return true;
    case 'a':
      if (!command) break;
      store.setSelected(rows);
      return true;
  }
  if (!isTyping(event) || !column.editable) return false;
  store.edit(event.key);
  return true;
}
