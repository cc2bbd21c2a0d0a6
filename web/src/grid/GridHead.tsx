import { IconArrowDown, IconArrowUp, IconChevronDown } from '@tabler/icons-react';
import { memo, useRef, useState, type PointerEvent } from 'react';
import type { ColumnWindow } from './columnWindow.ts';
import classes from './Grid.module.css';
import { stickyLeft } from './stickyLeft.ts';
import type { GridActions, GridColumn } from './types.ts';
import { t } from '../language/t.ts';
import { forward } from '../language/direction.ts';

const MIN_WIDTH = 72;
const DRAG_AFTER = 5;

interface HeadProps<Row> {
  columns: GridColumn[];
  pinned: number;
  window: ColumnWindow;
  sort: { column: string; descending: boolean } | null;
  actions: GridActions<Row>;
  allSelected: boolean;
  someSelected: boolean;
  onSelectAll: () => void;
  setWidth: (column: string, width: number) => void;
}

function GridHeadInner<Row>({
  columns,
  pinned,
  window,
  sort,
  actions,
  allSelected,
  someSelected,
  onSelectAll,
  setWidth,
}: HeadProps<Row>) {
  const [drag, setDrag] = useState<{ from: string; before: string | null } | null>(null);
  const moved = useRef(false);

  const startResize = (event: PointerEvent<HTMLSpanElement>, column: GridColumn) => {
    event.preventDefault();
    event.stopPropagation();
    const handle = event.currentTarget;
    handle.setPointerCapture(event.pointerId);
    const startX = event.clientX;
    const startWidth = handle.parentElement?.offsetWidth ?? column.width;
    const widthAt = (x: number) => Math.max(MIN_WIDTH, Math.round(startWidth + forward * (x - startX)));
    // The width is a variable on the scroller: dragging repaints without React, which hears of it at the end.
    handle.onpointermove = (move) => setWidth(column.id, widthAt(move.clientX));
    handle.onpointerup = (up) => {
      handle.onpointermove = null;
      handle.onpointerup = null;
      actions.onResize(column, widthAt(up.clientX));
    };
  };

  const startDrag = (event: PointerEvent<HTMLDivElement>, column: GridColumn) => {
    moved.current = false;
    if (event.button !== 0 || event.pointerType === 'touch' || column.id === columns[0]?.id) return;
    const head = event.currentTarget;
    const startX = event.clientX;
    let latest: string | null | undefined;
    head.onpointermove = (move) => {
      if (!moved.current && Math.abs(move.clientX - startX) < DRAG_AFTER) return;
      if (!moved.current) head.setPointerCapture(event.pointerId);
      moved.current = true;
      const under = [...(head.parentElement?.querySelectorAll<HTMLElement>('[data-head]') ?? [])].slice(1);
      latest =
        under.find((element) => {
          const box = element.getBoundingClientRect();
          return forward * move.clientX < forward * (box.left + box.width / 2);
        })?.dataset['head'] ?? null;
      setDrag({ from: column.id, before: latest });
    };
    const end = (drop: boolean) => {
      head.onpointermove = null;
      head.onpointerup = null;
      head.onpointercancel = null;
      setDrag(null);
      if (drop && moved.current && latest !== undefined && latest !== column.id) actions.onReorder(column.id, latest);
    };
    head.onpointerup = () => end(true);
    head.onpointercancel = () => end(false);
  };

  const header = (column: GridColumn, index: number) => {
    const sorted = sort?.column === column.id ? sort : null;
    const last = index === columns.length - 1;
    return (
      <div
        key={column.id}
        role="columnheader"
        aria-colindex={index + 2}
        aria-sort={sorted ? (sorted.descending ? 'descending' : 'ascending') : column.sortable ? 'none' : undefined}
        data-head={column.id}
        data-drop={
          drag && drag.before === column.id ? 'before' : drag && drag.before === null && last ? 'after' : undefined
        }
        data-dragged={drag?.from === column.id || undefined}
        data-align={column.align}
        className={index < pinned ? `${classes.headCell} ${classes.pinned}` : classes.headCell}
        style={{ width: `var(--w-${column.id})`, ...(index < pinned ? stickyLeft(columns, index) : null) }}
        onPointerDown={(event) => startDrag(event, column)}
      >
        <button
          type="button"
          tabIndex={-1}
          className={classes.headButton}
          disabled={!column.sortable}
          title={column.hint ? `${column.title}\n${column.hint}` : column.title}
          onClick={() => {
            if (!moved.current) actions.onSort(column);
          }}
        >
          {column.icon}
          <span className={classes.headTitle}>{column.title}</span>
          {sorted ? (
            sorted.descending ? (
              <IconArrowDown size={13} stroke={2} />
            ) : (
              <IconArrowUp size={13} stroke={2} />
            )
          ) : null}
        </button>
        {/* For the mouse; by keyboard the menu opens from any cell of the column. */}
        <span
          className={classes.headMenu}
          data-menu={column.id}
          aria-hidden
          onPointerDown={(event) => event.stopPropagation()}
          onClick={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            actions.onMenu(column, { x: box.left, y: box.bottom + 4 });
          }}
        >
          <IconChevronDown size={13} stroke={2} />
        </span>
        <span
          className={classes.resize}
          data-resize={column.id}
          aria-hidden
          onPointerDown={(event) => startResize(event, column)}
        />
      </div>
    );
  };

  return (
    <div role="row" aria-rowindex={1} className={classes.head}>
      <div role="columnheader" aria-colindex={1} className={`${classes.headCell} ${classes.check}`}>
        <input
          type="checkbox"
          tabIndex={-1}
          className={classes.checkbox}
          checked={allSelected}
          ref={(input) => {
            if (input) input.indeterminate = someSelected && !allSelected;
          }}
          onChange={onSelectAll}
          aria-label={t('Select all loaded rows')}
        />
      </div>
      {columns.slice(0, pinned).map(header)}
      {window.before > 0 ? <div style={{ width: window.before }} className={classes.gap} /> : null}
      {columns
        .slice(pinned)
        .slice(window.start, window.end + 1)
        .map((column, offset) => header(column, window.start + offset + pinned))}
      {window.after > 0 ? <div style={{ width: window.after }} className={classes.gap} /> : null}
    </div>
  );
}

export const GridHead = memo(GridHeadInner) as typeof GridHeadInner;
