import { Portal } from '@mantine/core';
import { CardLines, filledFields } from '../board/cardLines.tsx';
import { t } from '../language/t.ts';
import type { Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';
import { barOf, isTimed, type Spanned } from './bars.ts';
import { lengthText, spanText } from './barText.ts';
import classes from './gantt.module.css';

interface GanttTipProps {
  model: Model;
  object: ModelObject;
  spanned: Spanned;
  fields: ModelField[];
  row: RecordRow;
  /** Where its bar is. */
  box: DOMRect;
  onStay: () => void;
  onLeave: () => void;
}

const WIDTH = 280;
const HIGHEST = 190;
const LINES = 5;

/** What a bar has no room to say. */
export function GanttTip({ model, object, spanned, fields, row, box, onStay, onLeave }: GanttTipProps) {
  const bar = barOf(model, spanned, row);
  if (!bar) return null;
  const timed = isTimed(spanned);
  const length = lengthText(timed, bar);
  const isAbove = box.bottom + HIGHEST > window.innerHeight;
  const left = Math.max(8, Math.min(box.left, window.innerWidth - WIDTH - 8));
  return (
    <Portal>
      <div
        role="tooltip"
        className={classes.tip}
        style={{
          left,
          width: WIDTH,
          ...(isAbove ? { bottom: window.innerHeight - box.top + 4 } : { top: box.bottom + 4 }),
        }}
        onPointerEnter={onStay}
        onPointerLeave={onLeave}
      >
        <strong>{recordLabel(model, object, row) || t('Untitled')}</strong>
        <span className={classes.when}>
          {spanText(timed, bar)}
          {length === null ? null : <small> · {length}</small>}
        </span>
        <CardLines model={model} fields={filledFields(model, fields, row).slice(0, LINES)} row={row} />
      </div>
    </Portal>
  );
}
