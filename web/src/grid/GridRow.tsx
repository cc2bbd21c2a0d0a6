import { memo, useLayoutEffect, useRef, type CSSProperties, type ReactNode } from 'react';
import { useStore } from 'zustand';
import type { ColumnWindow } from './columnWindow.ts';
import classes from './Grid.module.css';
import { stickyLeft } from './stickyLeft.ts';
import { cellKey, type GridStore } from './store.ts';
import type { GridActions, GridColumn, Move } from './types.ts';
import { t } from '../language/t.ts';
import { isRightToLeft } from '../language/direction.ts';

interface CellProps {
  id: string;
  column: GridColumn;
  index: number;
  active: boolean;
  flashing: boolean;
  refused: boolean;
  inRange: boolean;
  hasHandle: boolean;
  tone: string | undefined;
  /** Where it stays, if it is pinned. */
  left: CSSProperties | null;
  children: ReactNode;
}

function Cell({ id, column, index, active, flashing, refused, inRange, hasHandle, tone, left, children }: CellProps) {
  return (
    <div
      role="gridcell"
      id={id}
      aria-colindex={index + 2}
      aria-readonly={!column.editable}
      aria-invalid={refused || undefined}
      aria-selected={inRange || undefined}
      data-column={column.id}
      data-active={active || undefined}
      data-range={inRange || undefined}
      data-flash={flashing || undefined}
      data-refused={refused || undefined}
      data-tone={tone}
      data-color={tone}
      data-align={column.align}
      className={left === null ? classes.cell : `${classes.cell} ${classes.pinned}`}
      style={{ width: `var(--w-${column.id})`, ...left }}
    >
      {children}
      {hasHandle ? <span className={classes.fill} data-fill aria-hidden /> : null}
    </div>
  );
}

/** Lies over its cell; where that would lead out of the grid, it grows to the other side or comes into view. */
function EditorBox({ children }: { children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    const view = element?.closest('[role="grid"]')?.getBoundingClientRect();
    if (!element || !view) return;
    const boxes = [...element.children].map((child) => child.getBoundingClientRect());
    const leadsOut = boxes.some((each) => (isRightToLeft ? each.left < view.left : each.right > view.right));
    if (leadsOut) element.dataset['side'] = 'start';
    element.firstElementChild?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <div ref={box} className={classes.editor} data-editor>
      {children}
    </div>
  );
}

interface LineProps<Row> {
  index: number;
  top: number;
  columns: GridColumn[];
  pinned: number;
  window: ColumnWindow;
  actions: GridActions<Row>;
}

interface RowProps<Row> extends LineProps<Row> {
  row: Row;
  rowKey: string;
  /** The columns of the block of cells that the row has part in; -1 for none. */
  rangeFrom: number;
  rangeTo: number;
  /** The column at whose corner cells are filled from; -1 for none. */
  handle: number;
  store: GridStore;
  done: (move: Move) => void;
  gridId: string;
}

/** A line's cells: those that are pinned, and of the others those in view. */
function cells(
  { columns, pinned, window }: { columns: GridColumn[]; pinned: number; window: ColumnWindow },
  cell: (column: GridColumn, index: number) => ReactNode,
): ReactNode {
  return (
    <>
      {columns.slice(0, pinned).map(cell)}
      {window.before > 0 ? <div style={{ width: window.before }} className={classes.gap} /> : null}
      {columns
        .slice(pinned)
        .slice(window.start, window.end + 1)
        .map((column, offset) => cell(column, window.start + offset + pinned))}
      {window.after > 0 ? <div style={{ width: window.after }} className={classes.gap} /> : null}
    </>
  );
}

function GridRowInner<Row>(props: RowProps<Row>) {
  const { row, rowKey, index, top, columns, pinned, store, actions, done, gridId, rangeFrom, rangeTo, handle } = props;
  const activeColumn = useStore(store, (state) => (state.active?.row === rowKey ? state.active.column : null));
  const editing = useStore(store, (state) => (state.active?.row === rowKey ? state.editing : null));
  const selected = useStore(store, (state) => state.isAll || state.selected.has(rowKey));
  const flashes = useStore(store, (state) => state.flashes);
  const tones = actions.tonesOf(row);

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
        inRange={columnIndex >= rangeFrom && columnIndex <= rangeTo}
        hasHandle={columnIndex === handle && !editing}
        tone={tones?.cells.get(column.id)}
        left={columnIndex < pinned ? stickyLeft(columns, columnIndex) : null}
      >
        {actions.renderCell(row, column)}
        {active && editing ? (
          <EditorBox>{actions.renderEditor({ row, column, typed: editing.typed, done })}</EditorBox>
        ) : null}
      </Cell>
    );
  };

  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-row={rowKey}
      data-raised={editing ? true : undefined}
      data-tone={tones?.row ?? undefined}
      data-color={tones?.row ?? undefined}
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
          aria-label={t('Select row {index}', { index: index + 1 })}
          data-check
        />
      </div>
      {cells(props, cell)}
    </div>
  );
}

export const GridRow = memo(GridRowInner) as typeof GridRowInner;

interface GroupRowProps<Row> extends LineProps<Row> {
  groupKey: string;
  isOpen: boolean;
  store: GridStore;
  gridId: string;
}

/** Not kept as rows are: what a group comes to changes with them. */
export function GroupRow<Row>(props: GroupRowProps<Row>) {
  const { groupKey, isOpen, index, top, columns, pinned, actions, store, gridId } = props;
  const isActive = useStore(store, (state) => state.active?.row === groupKey);
  const activeColumn = useStore(store, (state) => (state.active?.row === groupKey ? state.active.column : null));
  const cell = (column: GridColumn, columnIndex: number) => (
    <div
      key={column.id}
      role="gridcell"
      id={`${gridId}-${groupKey}-${column.id}`}
      aria-colindex={columnIndex + 2}
      aria-readonly
      aria-expanded={columnIndex === 0 ? isOpen : undefined}
      data-column={column.id}
      data-active={activeColumn === column.id || undefined}
      data-align={column.align}
      className={columnIndex < pinned ? `${classes.groupCell} ${classes.pinned}` : classes.groupCell}
      style={{
        width: `var(--w-${column.id})`,
        ...(columnIndex < pinned ? stickyLeft(columns, columnIndex) : null),
      }}
    >
      {actions.renderGroup(groupKey, column, columnIndex === 0)}
    </div>
  );
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-row={groupKey}
      data-group
      data-active={isActive || undefined}
      className={`${classes.row} ${classes.group}`}
      style={{ top }}
    >
      <div role="gridcell" aria-colindex={1} className={`${classes.groupCell} ${classes.check}`} />
      {cells(props, cell)}
    </div>
  );
}

const BONES = 12;
export const CHECK_WIDTH = 36;

export interface Bones {
  width: number;
  /** By turns, so that the lines are not all alike. */
  bars: string[];
}

/** Bars where values will stand, as backgrounds of lines: a line that is not read is one element, not one for each column. */
export function bonesOf(columns: GridColumn[]): Bones {
  const bars = [0, 1, 2].map((line) => {
    let left = CHECK_WIDTH;
    return columns
      .slice(0, BONES)
      .map(({ width }, position) => {
        const bar = Math.round((width - 20) * (0.4 + ((line * 7 + position * 13) % 40) / 100));
        const place = `${left + 10}px 50% / ${bar}px 8px`; // no text
        left += width;
        return `linear-gradient(var(--rv-bone) 0 0) ${place} no-repeat`; // no text
      })
      .join();
  });
  return { width: columns.reduce((sum, { width }) => sum + width, CHECK_WIDTH), bars };
}

export const SkeletonRow = memo(function SkeletonRow({
  bones,
  index,
  top,
}: {
  bones: Bones;
  index: number;
  top: number;
}) {
  return (
    <div role="row" aria-rowindex={index + 2} aria-busy="true" className={classes.row} style={{ top }}>
      <div
        role="gridcell"
        className={classes.bones}
        style={{ width: bones.width, background: bones.bars[index % bones.bars.length] }}
      />
    </div>
  );
});
