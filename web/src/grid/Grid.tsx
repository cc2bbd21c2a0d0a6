import { useVirtualizer } from '@tanstack/react-virtual';
import {
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type ClipboardEvent,
  type KeyboardEvent,
  type MouseEvent,
} from 'react';
import { useStore } from 'zustand';
import { columnWindow, type ColumnWindow } from './columnWindow.ts';
import classes from './Grid.module.css';
import { GridHead } from './GridHead.tsx';
import { GridRow, SkeletonRow } from './GridRow.tsx';
import { handleKey } from './keyboard.ts';
import { after } from './navigation.ts';
import { readLines } from './tsv.ts';
import type { GridStore, Place } from './store.ts';
import type { GridActions, GridColumn, Move } from './types.ts';

export const ROW_HEIGHT = 32;
const HEAD_HEIGHT = 34;
const CHECK_WIDTH = 36;

interface GridProps<Row> {
  label: string;
  columns: GridColumn[];
  rows: Row[];
  keyOf: (row: Row) => string;
  /** Rows that are known to follow but are not loaded: shown as bones. */
  pending: number;
  total: number | null;
  sort: { column: string; descending: boolean } | null;
  store: GridStore;
  actions: GridActions<Row>;
}

/** How the owner's own form of the copied cells travels beside the text. */
const DATA_TYPE = 'application/x-relvar+json';

const sameWindow = (a: ColumnWindow, b: ColumnWindow) =>
  a.start === b.start && a.end === b.end && a.before === b.before && a.after === b.after;

export function Grid<Row>({ label, columns, rows, keyOf, pending, total, sort, store, actions }: GridProps<Row>) {
  const gridId = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const keys = useMemo(() => rows.map(keyOf), [rows, keyOf]);
  const byKey = useMemo(() => new Map(keys.map((key, index) => [key, index])), [keys]);
  const active = useStore(store, (state) => state.active);
  const selectedCount = useStore(store, (state) => state.selected.size);
  const lastClicked = useRef<string | null>(null);

  const restWidths = useMemo(() => columns.slice(1).map((column) => column.width), [columns]);
  const [window, setWindow] = useState<ColumnWindow>(() => columnWindow(restWidths, 0, 1600));
  const pinnedWidth = CHECK_WIDTH + (columns[0]?.width ?? 0);

  const measureColumns = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const next = columnWindow(restWidths, element.scrollLeft, element.clientWidth - pinnedWidth);
    setWindow((current) => (sameWindow(current, next) ? current : next));
  }, [restWidths, pinnedWidth]);
  useLayoutEffect(measureColumns, [measureColumns]);
  useEffect(() => {
    if (columns[0]) actions.onColumns([columns[0], ...columns.slice(window.start + 1, window.end + 2)]);
  }, [actions, columns, window]);

  const activeIndex = active ? (byKey.get(active.row) ?? -1) : -1;
  const virtualizer = useVirtualizer({
    count: rows.length + pending,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
    // The active row stays mounted wherever one scrolls: it holds the editor, and aria-activedescendant names it.
    rangeExtractor: useCallback(
      (range: { startIndex: number; endIndex: number; overscan: number; count: number }) => {
        const start = Math.max(0, range.startIndex - range.overscan);
        const end = Math.min(range.count - 1, range.endIndex + range.overscan);
        const indexes = Array.from({ length: Math.max(0, end - start + 1) }, (_, offset) => start + offset);
        if (activeIndex >= 0 && (activeIndex < start || activeIndex > end)) indexes.push(activeIndex);
        return indexes;
      },
      [activeIndex],
    ),
  });
  const items = virtualizer.getVirtualItems();
  const firstSeen = virtualizer.range?.startIndex ?? 0;
  const lastSeen = virtualizer.range?.endIndex ?? 0;
  useEffect(() => actions.onSeen(firstSeen, lastSeen), [actions, firstSeen, lastSeen, rows.length]);

  const setWidth = useCallback(
    (column: string, width: number) => scroller.current?.style.setProperty(`--w-${column}`, `${width}px`),
    [],
  );
  useLayoutEffect(() => {
    for (const column of columns) setWidth(column.id, column.width);
  }, [columns, setWidth]);

  const reveal = useCallback(
    (place: Place) => {
      const element = scroller.current;
      const index = byKey.get(place.row);
      if (!element || index === undefined) return;
      const top = index * ROW_HEIGHT;
      const visible = element.clientHeight - HEAD_HEIGHT;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + ROW_HEIGHT > element.scrollTop + visible) element.scrollTop = top + ROW_HEIGHT - visible;
      const position = columns.findIndex((column) => column.id === place.column);
      if (position < 0) return;
      if (position === 0) {
        // The first column is pinned and always seen; what people expect beside it is the start of the row.
        element.scrollLeft = 0;
        return;
      }
      const left = columns.slice(1, position).reduce((sum, column) => sum + column.width, 0);
      const width = columns[position]?.width ?? 0;
      const room = element.clientWidth - pinnedWidth;
      if (left < element.scrollLeft || width > room) element.scrollLeft = left;
      else if (left + width > element.scrollLeft + room) element.scrollLeft = left + width - room;
    },
    [byKey, columns, pinnedWidth],
  );

  const go = useCallback(
    (place: Place) => {
      store.focus(place);
      reveal(place);
    },
    [store, reveal],
  );

  const done = useCallback(
    (move: Move) => {
      const { active: place } = store.getState();
      store.stopEditing();
      // The editor took the focus, and gives it back unless the person has already moved on to something else.
      const focused = document.activeElement;
      if (!focused || focused === document.body || scroller.current?.contains(focused))
        scroller.current?.focus({ preventScroll: true });
      if (place && move !== 'stay')
        go(
          after(
            move,
            keys,
            columns.map((column) => column.id),
            place,
          ),
        );
    },
    [store, go, keys, columns],
  );

  const rowOf = (key: string) => rows[byKey.get(key) ?? -1];

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (store.getState().editing || event.target !== event.currentTarget) return;
    const pageRows = Math.floor(((scroller.current?.clientHeight ?? 0) - HEAD_HEIGHT) / ROW_HEIGHT) - 1;
    if (!handleKey({ event, store, rows: keys, columns, pageRows, rowOf, actions, go })) return;
    event.preventDefault();
    event.stopPropagation();
  };

  const placeOf = (event: MouseEvent): Place | null => {
    const cell = (event.target as Element).closest<HTMLElement>('[data-column]');
    const row = cell?.closest<HTMLElement>('[data-row]');
    return cell?.dataset['column'] && row?.dataset['row']
      ? { row: row.dataset['row'], column: cell.dataset['column'] }
      : null;
  };

  const isActive = (place: Place): boolean => {
    const { active: current } = store.getState();
    return current?.row === place.row && current.column === place.column;
  };

  // A link within a value follows only from the cell in hand: the first click on a cell is for taking it.
  const onClickCapture = (event: MouseEvent<HTMLDivElement>) => {
    const link = (event.target as Element).closest('a');
    const place = link && !('direct' in link.dataset) && !event.metaKey && !event.ctrlKey ? placeOf(event) : null;
    if (!place || isActive(place)) return;
    event.preventDefault();
    event.stopPropagation();
    store.focus(place);
  };

  const onClick = (event: MouseEvent<HTMLDivElement>) => {
    const target = event.target as Element;
    if (target.closest('[data-editor]')) return;
    const check = target.closest('[data-check]')?.closest<HTMLElement>('[data-row]')?.dataset['row'];
    if (check) {
      const from = event.shiftKey && lastClicked.current ? byKey.get(lastClicked.current) : undefined;
      const to = byKey.get(check);
      if (from !== undefined && to !== undefined) {
        store.setSelected([...store.getState().selected, ...keys.slice(Math.min(from, to), Math.max(from, to) + 1)]);
      } else store.toggleSelected(check);
      lastClicked.current = check;
      return;
    }
    const place = placeOf(event);
    if (!place || target.closest('a, button')) return;
    if (!isActive(place)) {
      store.focus(place);
      return;
    }
    const row = rowOf(place.row);
    const column = columns.find((c) => c.id === place.column);
    if (!store.getState().editing && row !== undefined && column && !actions.onToggle(row, column)) store.edit(null);
  };

  const onCopy = (event: ClipboardEvent<HTMLDivElement>) => {
    if (store.getState().editing || !active || String(globalThis.getSelection() ?? '') !== '') return;
    const { selected } = store.getState();
    const from = (selected.size > 0 ? keys.filter((key) => selected.has(key)) : [active.row]).flatMap(
      (key) => rowOf(key) ?? [],
    );
    const wanted = selected.size > 0 ? columns : columns.filter((column) => column.id === active.column);
    const line = (row: Row) => wanted.map((column) => actions.textOf(row, column).replace(/[\t\n\r]+/g, ' '));
    event.clipboardData.setData('text/plain', from.map((row) => line(row).join('\t')).join('\n'));
    event.clipboardData.setData(DATA_TYPE, actions.dataOf(from, wanted));
    event.preventDefault();
  };

  const onPaste = (event: ClipboardEvent<HTMLDivElement>) => {
    if (store.getState().editing || !active || event.target !== event.currentTarget) return;
    const row = rowOf(active.row);
    const column = columns.find((c) => c.id === active.column);
    const lines = readLines(event.clipboardData.getData('text/plain'));
    if (row === undefined || !column || lines.length === 0) return;
    actions.onPaste(row, column, lines, event.clipboardData.getData(DATA_TYPE));
    event.preventDefault();
  };

  const selectAll = () => store.setSelected(selectedCount === keys.length ? [] : keys);

  return (
    <div
      ref={scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={total === null ? -1 : total + 1}
      aria-colcount={columns.length + 1}
      aria-multiselectable
      aria-activedescendant={active && activeIndex >= 0 ? `${gridId}-${active.row}-${active.column}` : undefined}
      tabIndex={0}
      className={classes.grid}
      onKeyDown={onKeyDown}
      onClickCapture={onClickCapture}
      onClick={onClick}
      onCopy={onCopy}
      onPaste={onPaste}
      onScroll={measureColumns}
      onFocus={(event) => {
        const [row] = keys;
        const [column] = columns;
        if (
          event.target === event.currentTarget &&
          !store.getState().active &&
          row &&
          column &&
          event.currentTarget.matches(':focus-visible')
        )
          store.focus({ row, column: column.id });
      }}
    >
      <GridHead
        columns={columns}
        window={window}
        sort={sort}
        actions={actions}
        allSelected={keys.length > 0 && selectedCount >= keys.length}
        someSelected={selectedCount > 0}
        onSelectAll={selectAll}
        setWidth={setWidth}
      />
      <div role="rowgroup" className={classes.body} style={{ height: virtualizer.getTotalSize() }}>
        {items.map(({ index }) => {
          const row = rows[index];
          const key = keys[index];
          const top = index * ROW_HEIGHT;
          return row !== undefined && key !== undefined ? (
            <GridRow
              key={key}
              row={row}
              rowKey={key}
              index={index}
              top={top}
              columns={columns}
              window={window}
              store={store}
              actions={actions}
              done={done}
              gridId={gridId}
            />
          ) : (
            <SkeletonRow key={`bone-${index}`} columns={columns} index={index} top={top} />
          );
        })}
      </div>
    </div>
  );
}
