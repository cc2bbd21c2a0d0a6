import {
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type ClipboardEvent,
  type CSSProperties,
  type KeyboardEvent,
  type MouseEvent,
} from 'react';
import { useStore } from 'zustand';
import { useLineHeight } from '../app/density.ts';
import { tiled, writeLines, writeTable } from './clipboard.ts';
import { columnWindow, type ColumnWindow } from './columnWindow.ts';
import classes from './Grid.module.css';
import { Elements } from './elements.ts';
import { GridFoot } from './GridFoot.tsx';
import { GridHead } from './GridHead.tsx';
import { bonesOf, CHECK_WIDTH, GridRow, GroupRow, SkeletonRow } from './GridRow.tsx';
import { bonePlace, rowsBetween, type GridItems } from './items.ts';
import { handleKey } from './keyboard.ts';
import { MOVES, step, type Spot } from './navigation.ts';
import { isOne, rangeOf } from './range.ts';
import { linesOf, useRowWindow } from './rowWindow.ts';
import { useMoving } from './useMoving.ts';
import { readLines } from './tsv.ts';
import type { GridStore, Place } from './store.ts';
import type { GridActions, GridColumn, Move } from './types.ts';
import { useDrag } from './useDrag.ts';
import { t } from '../language/t.ts';
import { forward } from '../language/direction.ts';

const ROW_HEIGHT = 32;
const HEAD_HEIGHT = 34;
const FOOT_HEIGHT = 33;
/** What lies over the lowest lines while some are selected: the line in hand is never under it. */
const BAR_HEIGHT = 68;

interface GridProps<Row> {
  label: string;
  columns: GridColumn[];
  items: GridItems<Row>;
  total: number | null;
  sort: { column: string; descending: boolean } | null;
  hasFoot: boolean;
  store: GridStore;
  actions: GridActions<Row>;
}

/** How the owner's own form of the copied cells travels beside the text. */
const DATA_TYPE = 'application/x-relvar+json';

const sameWindow = (a: ColumnWindow, b: ColumnWindow) =>
  a.start === b.start && a.end === b.end && a.before === b.before && a.after === b.after;

export function Grid<Row>({ label, columns, items, total, sort, hasFoot, store, actions }: GridProps<Row>) {
  const gridId = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const active = useStore(store, (state) => state.active);
  const extent = useStore(store, (state) => state.extent);
  const selectedCount = useStore(store, (state) => state.selected.size);
  const isAll = useStore(store, (state) => state.isAll);
  const lastClicked = useRef<string | null>(null);
  const [said, say] = useState('');
  const [filledTo, setFilledTo] = useState<number | null>(null);

  const unpinned = columns.findIndex((column, index) => index > 0 && !column.isPinned);
  const pinned = unpinned < 0 ? columns.length : unpinned;
  const restWidths = useMemo(() => columns.slice(pinned).map((column) => column.width), [columns, pinned]);
  const [window, setWindow] = useState<ColumnWindow>(() => columnWindow(restWidths, 0, 1600));
  const pinnedWidth = columns.slice(0, pinned).reduce((sum, { width }) => sum + width, CHECK_WIDTH);

  const measureColumns = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const aside = forward * element.scrollLeft;
    element.toggleAttribute('data-aside', aside > 0);
    const next = columnWindow(restWidths, aside, element.clientWidth - pinnedWidth);
    setWindow((current) => (sameWindow(current, next) ? current : next));
  }, [restWidths, pinnedWidth]);
  useLayoutEffect(measureColumns, [measureColumns]);
  useEffect(() => {
    actions.onColumns([...columns.slice(0, pinned), ...columns.slice(pinned).slice(window.start, window.end + 1)]);
  }, [actions, columns, pinned, window]);

  const bones = useMemo(() => bonesOf(columns), [columns]);

  const activeIndex = active ? items.indexOf(active.row) : -1;
  const range = useMemo(() => rangeOf(items, columns, active, extent), [items, columns, active, extent]);
  const shownRange = useMemo(
    () =>
      range && filledTo !== null
        ? { ...range, top: Math.min(range.top, filledTo), bottom: Math.max(range.bottom, filledTo) }
        : range,
    [range, filledTo],
  );
  const barHeight = selectedCount > 0 ? BAR_HEIGHT : 0;
  const isBlock = shownRange !== null && !isOne(shownRange);
  const canFill = range !== null && columns.slice(range.left, range.right + 1).some(({ editable }) => editable);

  const rowHeight = useLineHeight(ROW_HEIGHT);
  const { window: seen, onScroll } = useRowWindow(scroller, rowHeight);
  // Other heights leave the same lines in view.
  const heightBefore = useRef(rowHeight);
  useLayoutEffect(() => {
    if (scroller.current && heightBefore.current !== rowHeight)
      scroller.current.scrollTop = (scroller.current.scrollTop * rowHeight) / heightBefore.current;
    heightBefore.current = rowHeight;
  }, [rowHeight]);
  // The active row stays mounted wherever one scrolls: it holds the editor, and aria-activedescendant names it.
  // What is first shown is what is seen; the lines beside it come after the first paint.
  const [isFirst, setFirst] = useState(true);
  const hasRows = items.loaded > 0;
  useEffect(() => {
    if (!hasRows) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(() => setFirst(false));
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [hasRows]);
  const lines = linesOf(seen, items.count, activeIndex, isFirst ? 0 : undefined);
  const [elements] = useState(() => new Elements());
  const { isMoving, onMove } = useMoving(scroller);
  const placed = elements.arrange(
    lines.map((index) => {
      const { key, kind } = items.at(index);
      return { key, index, isRow: kind === 'row' };
    }),
    !isMoving,
  );
  const firstSeen = Math.max(0, Math.min(seen.first, items.count - 1));
  const lastSeen = Math.max(0, Math.min(seen.last, items.count - 1));
  useEffect(() => actions.onSeen(firstSeen, lastSeen), [actions, firstSeen, lastSeen, items]);

  // Who goes to a line that is not read yet is in its row once it is.
  useEffect(() => {
    const place = active ? bonePlace(active.row) : -1;
    const item = place >= 0 && place < items.count ? items.at(place) : null;
    if (active && item && item.kind !== 'bone') store.focus({ row: item.key, column: active.column });
  }, [active, items, store]);

  const setWidth = useCallback(
    (column: string, width: number) => scroller.current?.style.setProperty(`--w-${column}`, `${width}px`),
    [],
  );
  useLayoutEffect(() => {
    for (const column of columns) setWidth(column.id, column.width);
  }, [columns, setWidth]);

  const reveal = useCallback(
    (spot: Spot) => {
      const element = scroller.current;
      if (!element) return;
      const top = spot.row * rowHeight;
      const visible = element.clientHeight - HEAD_HEIGHT - (hasFoot ? FOOT_HEIGHT : 0) - barHeight;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + rowHeight > element.scrollTop + visible) element.scrollTop = top + rowHeight - visible;
      if (spot.column < pinned) {
        // Pinned columns are always seen; what people expect beside the first is the start of the row.
        if (spot.column === 0) element.scrollLeft = 0;
        return;
      }
      const left = columns.slice(pinned, spot.column).reduce((sum, column) => sum + column.width, 0);
      const width = columns[spot.column]?.width ?? 0;
      const room = element.clientWidth - pinnedWidth;
      const aside = forward * element.scrollLeft;
      if (left < aside || width > room) element.scrollLeft = forward * left;
      else if (left + width > aside + room) element.scrollLeft = forward * (left + width - room);
    },
    [columns, pinned, pinnedWidth, hasFoot, rowHeight, barHeight],
  );

  const go = useCallback(
    (spot: Spot, isExtending = false) => {
      const column = columns[spot.column];
      if (!column) return;
      const place: Place = { row: items.at(spot.row).key, column: column.id };
      if (isExtending) {
        store.extend(place);
        const block = rangeOf(items, columns, store.getState().active, place);
        if (block)
          say(
            t('{rows} × {columns} cells.', {
              rows: block.bottom - block.top + 1,
              columns: block.right - block.left + 1,
            }),
          );
      } else store.focus(place);
      reveal(spot);
    },
    [store, items, columns, reveal],
  );

  const done = useCallback(
    (move: Move) => {
      const { active: place } = store.getState();
      store.stopEditing();
      // The editor took the focus, and gives it back unless the person has already moved on to something else.
      const focused = document.activeElement;
      if (!focused || focused === document.body || scroller.current?.contains(focused))
        scroller.current?.focus({ preventScroll: true });
      const row = place ? items.indexOf(place.row) : -1;
      if (!place || move === 'stay' || row < 0) return;
      const column = Math.max(
        0,
        columns.findIndex(({ id }) => id === place.column),
      );
      go(step({ rows: items.count, columns: columns.length }, { row, column }, MOVES[move], true));
    },
    [store, go, items, columns],
  );

  const openMenu = (column: GridColumn) => {
    const head = scroller.current?.querySelector(`[data-head="${column.id}"]`)?.getBoundingClientRect();
    if (head) actions.onMenu(column, { x: head.left, y: head.bottom });
  };

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (store.getState().editing || event.target !== event.currentTarget) return;
    const pageRows = Math.floor(((scroller.current?.clientHeight ?? 0) - HEAD_HEIGHT) / rowHeight) - 1;
    if (!handleKey({ event, store, items, columns, range, pageRows, actions, go, openMenu, say })) return;
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

  const endFill = () => {
    setFilledTo((to) => {
      if (range && to !== null) {
        const down = to > range.bottom;
        const from = down
          ? rowsBetween(items, range.top, range.bottom)
          : rowsBetween(items, range.top, range.bottom).toReversed();
        const into = down
          ? rowsBetween(items, range.bottom + 1, to)
          : rowsBetween(items, to, range.top - 1).toReversed();
        if (into.length > 0)
          queueMicrotask(() => actions.onFill(from, into, columns.slice(range.left, range.right + 1)));
      }
      return null;
    });
  };
  const { onPointerDown, wasDragged } = useDrag(scroller, store, HEAD_HEIGHT, {
    onMove: (to) => {
      const index = items.indexOf(to.row);
      setFilledTo(range && (index > range.bottom || index < range.top) ? index : null);
    },
    onEnd: endFill,
  });

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
    if (target.closest('[data-editor], [data-fill]') || wasDragged()) return;
    const check = target.closest('[data-check]')?.closest<HTMLElement>('[data-row]')?.dataset['row'];
    if (check) {
      const from = event.shiftKey && lastClicked.current ? items.indexOf(lastClicked.current) : -1;
      const to = items.indexOf(check);
      if (from >= 0 && to >= 0) {
        const between = Array.from({ length: Math.abs(to - from) + 1 }, (_, offset) => Math.min(from, to) + offset);
        const keys = between.flatMap((index) => {
          const item = items.at(index);
          return item.kind === 'row' ? item.key : [];
        });
        store.setSelected([...store.getState().selected, ...keys]);
      } else store.toggleSelected(check);
      lastClicked.current = check;
      return;
    }
    const place = placeOf(event);
    if (!place || target.closest('a, button')) return;
    const item = items.at(Math.max(0, items.indexOf(place.row)));
    if (item.kind === 'group' && item.key === place.row) {
      store.focus(place);
      actions.onToggleGroup(item.key);
      return;
    }
    if (event.shiftKey && store.getState().active) {
      store.extend(place);
      return;
    }
    if (!isActive(place)) {
      store.focus(place);
      return;
    }
    const column = columns.find((c) => c.id === place.column);
    if (store.getState().extent) store.focus(place);
    else if (!store.getState().editing && item.kind === 'row' && column && !actions.onToggle(item.row, column))
      store.edit(null);
  };

  const onContextMenu = (event: MouseEvent<HTMLDivElement>) => {
    const head = (event.target as Element).closest<HTMLElement>('[data-head]')?.dataset['head'];
    const column = columns.find(({ id }) => id === head);
    if (!column) return;
    event.preventDefault();
    actions.onMenu(column, { x: event.clientX, y: event.clientY });
  };

  const onCopy = (event: ClipboardEvent<HTMLDivElement>) => {
    if (store.getState().editing || !range || String(globalThis.getSelection() ?? '') !== '') return;
    const { selected } = store.getState();
    const bySelection = selected.size > 0 && isOne(range);
    const rows = bySelection
      ? [...selected]
          .flatMap((key) => {
            const index = items.indexOf(key);
            const item = index >= 0 ? items.at(index) : null;
            return item?.kind === 'row' ? [{ index, row: item.row }] : [];
          })
          .sort((one, other) => one.index - other.index)
          .map(({ row }) => row)
      : rowsBetween(items, range.top, range.bottom);
    const wanted = bySelection ? columns : columns.slice(range.left, range.right + 1);
    const text = rows.map((row) => wanted.map((column) => actions.textOf(row, column)));
    event.clipboardData.setData('text/plain', writeLines(text));
    event.clipboardData.setData('text/html', writeTable(text));
    event.clipboardData.setData(DATA_TYPE, actions.dataOf(rows, wanted));
    say(
      rows.length * wanted.length === 1
        ? t('Copied.')
        : t('{count} cells copied.', { count: rows.length * wanted.length }),
    );
    event.preventDefault();
  };

  const onPaste = (event: ClipboardEvent<HTMLDivElement>) => {
    if (store.getState().editing || !range || event.target !== event.currentTarget) return;
    const read = readLines(event.clipboardData.getData('text/plain'));
    if (read.length === 0) return;
    const pasted = tiled(read, range.bottom - range.top + 1, range.right - range.left + 1);
    const rows: Row[] = [];
    for (let index = range.top; index < items.count && rows.length < pasted.length; index++) {
      const item = items.at(index);
      if (item.kind === 'bone') break;
      if (item.kind === 'row') rows.push(item.row);
    }
    // What the clipboard keeps of the cells' own form is of those that were copied, not of their repetitions.
    const data = pasted === read ? event.clipboardData.getData(DATA_TYPE) : '';
    actions.onPaste(rows, columns.slice(range.left), pasted, data);
    event.preventDefault();
  };

  const latestItems = useRef(items);
  useLayoutEffect(() => {
    latestItems.current = items;
  });
  const selectAll = useCallback(() => {
    const { isAll: all, selected } = store.getState();
    const keys = rowsKeys(latestItems.current);
    store.setSelected(all || selected.size >= keys.length ? [] : keys);
  }, [store]);

  return (
    <>
      <div
        ref={scroller}
        role="grid"
        aria-label={label}
        aria-rowcount={total === null ? -1 : total + 1}
        aria-colcount={columns.length + 1}
        aria-multiselectable
        aria-activedescendant={
          active && activeIndex >= 0 && columns.some(({ id }) => id === active.column)
            ? `${gridId}-${active.row}-${active.column}`
            : undefined
        }
        tabIndex={0}
        className={classes.grid}
        style={{ '--row': `${rowHeight}px` } as CSSProperties}
        data-block={isBlock || undefined}
        onKeyDown={onKeyDown}
        onPointerDown={onPointerDown}
        onClickCapture={onClickCapture}
        onClick={onClick}
        onContextMenu={onContextMenu}
        onCopy={onCopy}
        onPaste={onPaste}
        onScroll={() => {
          measureColumns();
          onMove();
          onScroll();
        }}
        onFocus={(event) => {
          const [column] = columns;
          if (
            event.target === event.currentTarget &&
            !store.getState().active &&
            items.count > 0 &&
            column &&
            event.currentTarget.matches(':focus-visible')
          )
            store.focus({ row: items.at(0).key, column: column.id });
        }}
      >
        <GridHead
          columns={columns}
          pinned={pinned}
          window={window}
          sort={sort}
          actions={actions}
          allSelected={isAll || (selectedCount > 0 && selectedCount >= items.loaded)}
          someSelected={selectedCount > 0}
          onSelectAll={selectAll}
          setWidth={setWidth}
        />
        <div role="rowgroup" className={classes.body} style={{ height: items.count * rowHeight + barHeight }}>
          {placed.map(({ element, index }) => {
            const item = items.at(index);
            const top = index * rowHeight;
            if (item.kind === 'bone') return <SkeletonRow key={item.key} bones={bones} index={index} top={top} />;
            const line = { index, top, columns, pinned, window, actions, store, gridId };
            if (item.kind === 'group')
              return <GroupRow key={item.key} {...line} groupKey={item.key} isOpen={item.isOpen} />;
            const isIn = isBlock && index >= shownRange.top && index <= shownRange.bottom;
            return (
              <GridRow
                key={element}
                {...line}
                row={item.row}
                rowKey={item.key}
                rangeFrom={isIn ? shownRange.left : -1}
                rangeTo={isIn ? shownRange.right : -1}
                handle={canFill && shownRange && index === shownRange.bottom ? shownRange.right : -1}
                done={done}
              />
            );
          })}
        </div>
        {hasFoot ? (
          <GridFoot
            columns={columns}
            pinned={pinned}
            window={window}
            actions={actions}
            rowIndex={(total ?? items.count) + 2}
          />
        ) : null}
      </div>
      <span role="status" className={classes.said}>
        {said}
      </span>
    </>
  );
}

function rowsKeys<Row>(items: GridItems<Row>): string[] {
  const keys: string[] = [];
  for (let index = 0; index < items.count; index++) {
    const item = items.at(index);
    if (item.kind === 'row') keys.push(item.key);
  }
  return keys;
}
