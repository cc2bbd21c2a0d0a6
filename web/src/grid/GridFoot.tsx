import { memo } from 'react';
import type { ColumnWindow } from './columnWindow.ts';
import classes from './Grid.module.css';
import { stickyLeft } from './stickyLeft.ts';
import type { GridActions, GridColumn } from './types.ts';

interface FootProps<Row> {
  columns: GridColumn[];
  pinned: number;
  window: ColumnWindow;
  actions: GridActions<Row>;
  rowIndex: number;
}

/** The last line, which stays in sight: what the columns come to. */
function GridFootInner<Row>({ columns, pinned, window, actions, rowIndex }: FootProps<Row>) {
  const cell = (column: GridColumn, index: number) => (
    <div
      key={column.id}
      role="gridcell"
      aria-colindex={index + 2}
      aria-readonly
      data-foot={column.id}
      data-align={column.align}
      className={index < pinned ? `${classes.footCell} ${classes.pinned}` : classes.footCell}
      style={{ width: `var(--w-${column.id})`, ...(index < pinned ? stickyLeft(columns, index) : null) }}
    >
      {actions.renderFoot(column)}
    </div>
  );
  return (
    <div role="row" aria-rowindex={rowIndex} className={classes.foot}>
      <div role="gridcell" aria-colindex={1} className={`${classes.footCell} ${classes.check}`} />
      {columns.slice(0, pinned).map(cell)}
      {window.before > 0 ? <div style={{ width: window.before }} className={classes.gap} /> : null}
      {columns
        .slice(pinned)
        .slice(window.start, window.end + 1)
        .map((column, offset) => cell(column, window.start + offset + pinned))}
      {window.after > 0 ? <div style={{ width: window.after }} className={classes.gap} /> : null}
    </div>
  );
}

export const GridFoot = memo(GridFootInner) as typeof GridFootInner;
