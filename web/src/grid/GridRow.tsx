import { memo, useLayoutEffect, useRef, type ReactNode } from 'react';
import { useStore } from 'zustand';
import type { ColumnWindow } from './columnWindow.ts';
import classes from './Grid.module.css';
import { cellKey, type GridStore } from './store.ts';
import type { GridActions, GridColumn, Move } from './types.ts';

interface CellProps {
  id: string;
  column: GridColumn;
  index: number;
  active: boolean;
  flashing: boolean;
  refused: boolean;
  pinned: boolean;
  children: ReactNode;
}

function Cell({ id, column, index, active, flashing, refused, pinned, children }: CellProps) {
  return (
    <div
      role="gridcell"
      id={id}
      aria-colindex={index + 2}
      aria-readonly={!column.editable}
      data-column={column.id}
      data-active={active || undefined}
      data-flash={flashing || undefined}
      data-refused={refused || undefined}
      data-align={column.align}
      className={pinned ? `${classes.cell} ${classes.pinned}` : classes.cell}
      style={{ width: `var(--w-${column.id})` }}
    >
      {children}
    </div>
  );
}

/** Lies over its cell; where that would lead out of the grid, it grows to the other side or comes into view. */
function EditorBox({ children }: { children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    const view = element?.closest('[role="grid"]')?.getBoundingClientRect();
    const widest = Math.max(0, ...[...(element?.children ?? [])].map((child) => child.getBoundingClientRect().right));
    if (!element || !view) return;
    if (widest > view.right) element.dataset['side'] = 'left';
    element.firstElementChild?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <div ref={box} className={classes.editor} data-editor>
      {children}
    </div>
  );
}

interface RowProps<Row> {
  row: Row;
  rowKey: string;
  index: number;
  top: number;
  columns: GridColumn[];
  window: ColumnWindow;
  store: GridStore;
  actions: GridActions<Row>;
  done: (move: Move) => void;
  gridId: string;
}

function GridRowInner<Row>({ row, rowKey, index, top, columns, window, store, actions, done, gridId }: RowProps<Row>) {
  const activeColumn = useStore(store, (state) => (state.active?.row === rowKey ? state.active.column : null));
  const editing = useStore(store, (state) => (state.active?.row === rowKey ? state.editing : null));
  const selected = useStore(store, (state) => state.selected.has(rowKey));
  const flashes = useStore(store, (state) => state.flashes);

  const cell = (column: GridColumn, columnIndex: number) => {
    const active = activeColumn === column.id;
    return (
      <Cell
        key={column.id}
        id={`${gridId}-${rowKey}-${column.id}`}
        column={column}
        index={columnIndex}
        active={active}
        flashing={flashes.has(cellKey(rowKey, column.id))}
        refused={actions.isRefused(row, column)}
        pinned={columnIndex === 0}
      >
        {actions.renderCell(row, column)}
        {active && editing ? (
          <EditorBox>{actions.renderEditor({ row, column, typed: editing.typed, done })}</EditorBox>
        ) : null}
      </Cell>
    );
  };

  const [first, ...rest] = columns;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-row={rowKey}
      data-raised={editing ? true : undefined}
      className={classes.row}
      style={{ top }}
    >
      <div role="gridcell" aria-colindex={1} className={`${classes.cell} ${classes.check}`}>
        <input
          type="checkbox"
          className={classes.checkbox}
          checked={selected}
          readOnly
          tabIndex={-1}
          aria-label={`Select row ${index + 1}`}
          data-check
        />
      </div>
      {first ? cell(first, 0) : null}
      {window.before > 0 ? <div style={{ width: window.before }} className={classes.gap} /> : null}
      {rest.slice(window.start, window.end + 1).map((column, offset) => cell(column, window.start + offset + 1))}
      {window.after > 0 ? <div style={{ width: window.after }} className={classes.gap} /> : null}
    </div>
  );
}

export const GridRow = memo(GridRowInner) as typeof GridRowInner;

export const SkeletonRow = memo(function SkeletonRow({
  columns,
  index,
  top,
}: {
  columns: GridColumn[];
  index: number;
  top: number;
}) {
  return (
    <div role="row" aria-rowindex={index + 2} aria-busy="true" className={classes.row} style={{ top }}>
      <div role="gridcell" className={`${classes.cell} ${classes.check}`} />
      {columns.slice(0, 12).map((column, position) => (
        <div
          key={column.id}
          role="gridcell"
          className={position === 0 ? `${classes.cell} ${classes.pinned}` : classes.cell}
          style={{ width: `var(--w-${column.id})` }}
        >
          <span className={classes.bone} style={{ width: `${40 + ((index * 7 + position * 13) % 40)}%` }} />
        </div>
      ))}
    </div>
  );
});
