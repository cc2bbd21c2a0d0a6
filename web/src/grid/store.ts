import { createStore, type StoreApi } from 'zustand/vanilla';

export interface Place {
  row: string;
  column: string;
}

export interface GridState {
  active: Place | null;
  /** The other corner of the block of cells that begins at the one in hand. */
  extent: Place | null;
  editing: { typed: string | null } | null;
  selected: ReadonlySet<string>;
  /** All that match are selected, also those that are not read. */
  isAll: boolean;
  /** Cells that someone else changed a moment ago, as row + column, with the number of the change. */
  flashes: ReadonlyMap<string, number>;
}

export type GridStore = StoreApi<GridState> & {
  focus: (place: Place | null) => void;
  /** Draws the block from the cell in hand up to a place. */
  extend: (place: Place | null) => void;
  edit: (typed: string | null) => void;
  stopEditing: () => void;
  toggleSelected: (row: string) => void;
  setSelected: (rows: Iterable<string>, isAll?: boolean) => void;
  flash: (cells: string[]) => void;
};

export const cellKey = (row: string, column: string): string => `${row} ${column}`;

const FLASH_MS = 1600;

export function createGridStore(): GridStore {
  const store = createStore<GridState>(() => ({
    active: null,
    extent: null,
    editing: null,
    selected: new Set(),
    isAll: false,
    flashes: new Map(),
  }));
  const { setState, getState } = store;
  let change = 0;
  return Object.assign(store, {
    focus: (active: Place | null) => setState({ active, extent: null, editing: null }),
    extend: (extent: Place | null) => {
      if (getState().active) setState({ extent, editing: null });
    },
    edit: (typed: string | null) => {
      if (getState().active) setState({ editing: { typed }, extent: null });
    },
    stopEditing: () => setState({ editing: null }),
    toggleSelected: (row: string) => {
      const selected = new Set(getState().selected);
      if (!selected.delete(row)) selected.add(row);
      setState({ selected, isAll: false });
    },
    setSelected: (rows: Iterable<string>, isAll = false) => setState({ selected: new Set(rows), isAll }),
    flash: (cells: string[]) => {
      if (cells.length === 0) return;
      const number = ++change;
      const flashes = new Map(getState().flashes);
      for (const cell of cells) flashes.set(cell, number);
      setState({ flashes });
      setTimeout(() => {
        const left = new Map(getState().flashes);
        for (const cell of cells) if (left.get(cell) === number) left.delete(cell);
        setState({ flashes: left });
      }, FLASH_MS);
    },
  });
}
