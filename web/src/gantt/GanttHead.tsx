import { memo } from 'react';
import type { Cell } from './scale.ts';
import classes from './gantt.module.css';

interface GanttHeadProps {
  upper: Cell[];
  lower: Cell[];
  origin: number;
  scale: number;
  names: number;
  title: string;
  now: number;
  isWeekend: (place: number) => boolean;
}

/** Months over days, or days over hours: what stands above the bars. */
export const GanttHead = memo(function GanttHead(props: GanttHeadProps) {
  const { upper, lower, origin, scale, names, title, now, isWeekend } = props;
  const across = ({ from, until }: Cell) => ({ left: names + (from - origin) * scale, width: (until - from) * scale });
  return (
    <div className={classes.head} aria-hidden>
      <span className={classes.corner} style={{ width: names }} dir="auto">
        {title}
      </span>
      {upper.map((cell) => (
        <span key={cell.from} className={classes.upper} style={across(cell)}>
          <span style={{ left: names + 8 }}>{cell.label}</span>
        </span>
      ))}
      {lower.map((cell) => (
        <span
          key={cell.from}
          className={classes.lower}
          style={across(cell)}
          data-now={(now >= cell.from && now < cell.until) || undefined}
          data-weekend={isWeekend(cell.from) || undefined}
        >
          {cell.label}
        </span>
      ))}
    </div>
  );
});
