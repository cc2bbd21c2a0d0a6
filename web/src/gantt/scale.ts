import { addDays, formatDay, formatMonth, formatWeekday } from '../model/dates.ts';
import { timeOfDay } from '../model/formats.ts';
import { addMonths, startOf } from '../model/periods.ts';
import { DAY, dayAt, placeOf } from './bars.ts';

/** How much of the time a screen shows. */
export type Zoom = 'DAY' | 'WEEK' | 'MONTH' | 'QUARTER';

interface Scale {
  /** How wide a day is. */
  width: number;
  /** To what a time is moved by mouse, in minutes. Of days there are only whole ones. */
  snap: number;
  /** By what the keyboard moves, of times and of days. */
  step: number;
  dayStep: number;
  /** So many days beyond the first and the last record one may scroll. */
  margin: number;
}

const SCALES: { [zoom in Zoom]: Scale } = {
  DAY: { width: 1344, snap: 15, step: 15, dayStep: DAY, margin: 30 },
  WEEK: { width: 132, snap: 60, step: 60, dayStep: DAY, margin: 120 },
  MONTH: { width: 36, snap: DAY, step: DAY, dayStep: DAY, margin: 400 },
  QUARTER: { width: 11, snap: DAY, step: 7 * DAY, dayStep: 7 * DAY, margin: 1100 },
};

/** Of days alone the hours are not shown, so that a day needs no room for them. */
const DAY_ALONE = 240;

export const widthOf = (zoom: Zoom, timed: boolean): number =>
  zoom === 'DAY' && !timed ? DAY_ALONE : SCALES[zoom].width;
export const snapOf = (zoom: Zoom, timed: boolean): number => (timed ? SCALES[zoom].snap : DAY);
export const stepOf = (zoom: Zoom, timed: boolean): number => (timed ? SCALES[zoom].step : SCALES[zoom].dayStep);

/** Nobody plans further, and browsers do not scroll further. */
const FARTHEST = 36_525;

/** The days that one can scroll through: from the first to before the last. */
export function rangeOf(
  zoom: Zoom,
  now: number,
  first: number | null,
  last: number | null,
): { from: number; until: number } {
  const { margin } = SCALES[zoom];
  const today = placeOf(dayAt(now));
  const from = Math.max(today - FARTHEST * DAY, Math.min(today, first ?? today));
  const until = Math.min(today + FARTHEST * DAY, Math.max(today, last ?? today));
  return { from: placeOf(dayAt(from)) - margin * DAY, until: placeOf(dayAt(until)) + (margin + 1) * DAY };
}

/** One field of the head. */
export interface Cell {
  from: number;
  until: number;
  label: string;
}

const each = (
  from: number,
  until: number,
  first: string,
  next: (day: string) => string,
  label: (day: string) => string,
): Cell[] => {
  const cells: Cell[] = [];
  for (let day = first; placeOf(day) < until; day = next(day)) {
    const cell = { from: placeOf(day), until: placeOf(next(day)), label: label(day) };
    if (cell.until > from) cells.push(cell);
  }
  return cells;
};

const startOfWeek = (day: string, firstDay: number): string =>
  addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() - firstDay + 7) % 7));

/** The two lines of the head over a part of the time. */
export function headOf(
  zoom: Zoom,
  timed: boolean,
  firstDay: number,
  from: number,
  until: number,
): { upper: Cell[]; lower: Cell[] } {
  const day = dayAt(from);
  const nextDay = (of: string) => addDays(of, 1);
  const months = each(from, until, startOf(day, 'month'), (of) => addMonths(of, 1), formatMonth);
  if (zoom === 'QUARTER')
    return {
      upper: months,
      lower: each(
        from,
        until,
        startOfWeek(day, firstDay),
        (of) => addDays(of, 7),
        (of) => String(Number(of.slice(8))),
      ),
    };
  if (zoom === 'MONTH')
    return { upper: months, lower: each(from, until, day, nextDay, (of) => String(Number(of.slice(8)))) };
  const named = (of: string) => `${formatWeekday(of)} ${Number(of.slice(8))}`;
  if (zoom === 'WEEK' || !timed) return { upper: months, lower: each(from, until, day, nextDay, named) };
  const hours: Cell[] = [];
  for (let place = Math.floor(from / 60) * 60; place < until; place += 60)
    hours.push({
      from: place,
      until: place + 60,
      label: timeOfDay(`${String((((place % DAY) + DAY) % DAY) / 60).padStart(2, '0')}:00`),
    });
  return { upper: each(from, until, day, nextDay, (of) => `${formatWeekday(of)}, ${formatDay(of)}`), lower: hours };
}

/** The days of a part of the time on which most do not work, one beside the other put together. */
export function weekendsOf(weekend: number[], from: number, until: number): { from: number; until: number }[] {
  const found: { from: number; until: number }[] = [];
  for (let place = placeOf(dayAt(from)); place < until; place += DAY) {
    if (!weekend.includes(new Date(place * 60_000).getUTCDay())) continue;
    const last = found.at(-1);
    if (last?.until === place) last.until += DAY;
    else found.push({ from: place, until: place + DAY });
  }
  return found;
}
