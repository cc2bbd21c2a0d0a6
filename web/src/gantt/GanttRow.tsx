import { IconAlertTriangle, IconArrowLeft, IconArrowRight } from '@tabler/icons-react';
import { memo, type PointerEvent } from 'react';
import { useStore } from 'zustand';
import type { RecordRow } from '../model/types.ts';
import { pendingMark, usePendingRecord } from '../offline/pending.ts';
import { lengthText, spanText } from './barText.ts';
import type { Bar, Grip } from './bars.ts';
import classes from './gantt.module.css';
import type { HeldStore } from './held.ts';
import { t } from '../language/t.ts';

export interface RowActions {
  onPointerDown: (event: PointerEvent<HTMLElement>, bar: Bar, grip: Grip) => void;
  onOpen: (id: string) => void;
  onFocus: (id: string) => void;
  onReveal: (bar: Bar) => void;
  onTip: (row: RecordRow | null, element: HTMLElement | null) => void;
}

interface GanttRowProps {
  row: RecordRow;
  bar: Bar;
  label: string;
  color: string;
  timed: boolean;
  top: number;
  place: number;
  total: number;
  /** Where the time begins, and how many pixels a minute is. */
  origin: number;
  scale: number;
  names: number;
  /** On which side one scrolls to see it. */
  out: 'before' | 'after' | null;
  /** What is seen of the bar has no room for its name. */
  isNarrow: boolean;
  isInHand: boolean;
  isPeeked: boolean;
  grips: { bar: boolean; start: boolean; end: boolean };
  held: HeldStore;
  actions: RowActions;
}

/** A record and its bar. */
export const GanttRow = memo(function GanttRow(props: GanttRowProps) {
  const { row, bar, label, color, timed, top, place, total, origin, scale, names } = props;
  const { out, isNarrow, isInHand, isPeeked, grips, actions } = props;
  const moving = useStore(props.held, ({ held }) => (held?.kind === 'bar' && held.id === bar.id ? held : null));
  const isPending = usePendingRecord(bar.id);
  const { from, until } = moving ?? bar;
  const width = bar.isPoint ? 0 : Math.max(6, (until - from) * scale);
  const when = spanText(timed, { from, until, isPoint: bar.isPoint });
  const length = lengthText(timed, bar);
  const spoken = [label, when, length].filter(Boolean).join(', ');
  // A moment of days stands in the middle of its day.
  const left = names + (from - origin + (bar.isPoint ? (until - from) / 2 : 0)) * scale;
  const isBeside = bar.isPoint || isNarrow;
  return (
    <div
      className={classes.row}
      style={{ top }}
      role="listitem"
      aria-posinset={place}
      aria-setsize={total}
      data-peeked={isPeeked || undefined}
    >
      <span className={classes.name} style={{ width: names }} dir="auto">
        <button type="button" tabIndex={-1} onClick={() => actions.onOpen(bar.id)} title={label}>
          {label}
        </button>
        {isPending ? pendingMark() : null}
      </span>
      {out ? (
        <button
          type="button"
          tabIndex={-1}
          className={classes.out}
          data-side={out}
          style={out === 'before' ? { left: names + 6 } : { right: 6 }}
          aria-label={t('Scroll to {label}', { label })}
          title={when}
          onClick={() => actions.onReveal(bar)}
        >
          {out === 'before' ? <IconArrowLeft size={13} aria-hidden /> : null}
          <span>{label}</span>
          {out === 'after' ? <IconArrowRight size={13} aria-hidden /> : null}
        </button>
      ) : null}
      <button
        type="button"
        className={classes.bar}
        style={{ left, width: bar.isPoint ? undefined : width }}
        data-bar={bar.id}
        data-color={color}
        data-point={bar.isPoint || undefined}
        data-open={bar.isOpen || undefined}
        data-wrong={bar.isBackward || undefined}
        data-held={moving !== null || undefined}
        data-movable={grips.bar || undefined}
        tabIndex={isInHand ? 0 : -1}
        aria-label={spoken}
        aria-describedby="gantt-help"
        onClick={() => actions.onOpen(bar.id)}
        onFocus={() => actions.onFocus(bar.id)}
        onPointerEnter={(event) => event.pointerType === 'mouse' && actions.onTip(row, event.currentTarget)}
        onPointerLeave={() => actions.onTip(null, null)}
        onPointerDown={(event) => {
          actions.onTip(null, null);
          const grip = (event.target as HTMLElement).closest<HTMLElement>('[data-grip]')?.dataset['grip'] as
            Grip | undefined;
          actions.onPointerDown(event, bar, grip ?? 'bar');
        }}
      >
        {grips.start && !bar.isPoint ? <span className={classes.grip} data-grip="start" aria-hidden /> : null}
        {out ? null : (
          <span
            className={isBeside ? classes.beside : classes.label}
            style={isBeside ? undefined : { left: names + 8 }}
          >
            {bar.isBackward ? <IconAlertTriangle size={13} aria-hidden /> : null}
            {moving ? when : label}
          </span>
        )}
        {grips.end && !bar.isPoint ? <span className={classes.grip} data-grip="end" aria-hidden /> : null}
      </button>
    </div>
  );
});
