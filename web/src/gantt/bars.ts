import { joinInstant, splitInstant } from '../model/dates.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { readValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import type { Edit } from '../records/refusals.ts';

/** What a timeline shows records by: where they begin, and where they end if a field says so. */
export interface Spanned {
  start: ModelField;
  end: ModelField | undefined;
}

/**
 * Places on a timeline are minutes since 1970 on the clocks of the reader, without a zone: a DATE is the same place
 * everywhere, and a day is as wide as any other also when the clocks change.
 */
export const DAY = 1440;
const DAY_MS = 86_400_000;
const USUAL = 60;
/** What lasts less nobody could take hold of. */
const SHORTEST = 15;

export const isTimed = ({ start }: Spanned): boolean => valueType(start) === 'DATE_TIME';

export function placeOf(day: string, time = '00:00'): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return Math.round(Date.parse(`${day.slice(0, 10)}T00:00:00Z`) / DAY_MS) * DAY + hour * 60 + minute;
}

export function atPlace(place: number): { day: string; time: string } {
  const at = new Date(place * 60_000).toISOString();
  return { day: at.slice(0, 10), time: at.slice(11, 16) };
}

export const dayAt = (place: number): string => atPlace(place).day;

const pointOf = (value: string, timed: boolean): number => {
  if (!timed) return placeOf(value);
  const { day, time } = splitInstant(value);
  return placeOf(day, time);
};

export interface Bar {
  id: string;
  from: number;
  until: number;
  /** There is no end, nor could there be one: a moment. */
  isPoint: boolean;
  /** The record has no end yet. */
  isOpen: boolean;
  /** Ends before it begins, which a bar cannot show. */
  isBackward: boolean;
}

const valueAt = (model: Model, field: ModelField | undefined, row: RecordRow): string | null => {
  const value = field ? readValue(model, field, row) : null;
  return typeof value === 'string' && value !== '' ? value : null;
};

export function barOf(model: Model, spanned: Spanned, row: RecordRow): Bar | null {
  const timed = isTimed(spanned);
  const first = valueAt(model, spanned.start, row);
  const last = valueAt(model, spanned.end, row);
  if (first === null) return null;
  const from = pointOf(first, timed);
  const bar = {
    id: row.id,
    from,
    until: from + (timed ? USUAL : DAY),
    isPoint: false,
    isOpen: false,
    isBackward: false,
  };
  if (!spanned.end) return { ...bar, until: timed ? from : from + DAY, isPoint: true };
  if (last === null) return { ...bar, isOpen: true };
  const end = pointOf(last, timed);
  // Clocks that are put back show an end before its beginning that is none.
  const isBackward = timed ? Date.parse(last) < Date.parse(first) : end < from;
  return isBackward ? { ...bar, isBackward } : { ...bar, until: Math.max(from, timed ? end : end + DAY) };
}

export type Grip = 'bar' | 'start' | 'end';

/** Where a bar would be that is moved, or one end of it, by so many minutes. */
export function heldAt(spanned: Spanned, bar: Bar, grip: Grip, by: number): { from: number; until: number } {
  const least = isTimed(spanned) ? SHORTEST : DAY;
  if (grip === 'bar') return { from: bar.from + by, until: bar.until + by };
  if (grip === 'end') return { from: bar.from, until: Math.max(bar.until + by, bar.from + least) };
  // Without an end nothing holds the beginning back.
  if (bar.isOpen || bar.isPoint) return { from: bar.from + by, until: bar.until + by };
  return { from: Math.min(bar.from + by, bar.until - least), until: bar.until };
}

/** The value of a field at another place; of a moment the seconds stay. */
function movedValue(value: string, timed: boolean, by: number): string | null {
  if (!timed) return dayAt(placeOf(value) + by);
  const { day, time } = atPlace(pointOf(value, true) + by);
  const joined = joinInstant(day, time);
  return joined && new Date(Date.parse(joined) + (Date.parse(value) % 60_000)).toISOString();
}

/**
 * What becomes of a record whose bar is moved, or one end of it: both ends keep their time on the clock, through every
 * change of clocks. Nothing where it stays as it is.
 */
export function editsFor(model: Model, spanned: Spanned, row: RecordRow, grip: Grip, by: number): Edit[] {
  const { start, end } = spanned;
  const timed = isTimed(spanned);
  const bar = barOf(model, spanned, row);
  const first = valueAt(model, start, row);
  const last = valueAt(model, end, row);
  if (!bar || first === null) return [];
  const to = heldAt(spanned, bar, grip, by);
  const edits: Edit[] = [];
  if (grip !== 'end' && to.from !== bar.from)
    edits.push({ field: start, value: movedValue(first, timed, to.from - bar.from) });
  if (end && grip === 'bar' && last !== null && to.from !== bar.from)
    edits.push({ field: end, value: movedValue(last, timed, to.from - bar.from) });
  if (end && grip === 'end' && (to.until !== bar.until || last === null || bar.isBackward))
    edits.push({ field: end, value: valueFor(end, timed ? to.until : to.until - DAY) });
  return edits;
}

function valueFor(field: ModelField, place: number): string | null {
  const { day, time } = atPlace(place);
  return valueType(field) === 'DATE_TIME' ? joinInstant(day, time) : day;
}

/** The values of a record for what was drawn, from here to before there; or begins here, and says nothing of its end. */
export function drawn({ start, end }: Spanned, from: number, until: number | null): Edit[] {
  return [
    { field: start, value: valueFor(start, from) },
    ...(end && until !== null
      ? [{ field: end, value: valueFor(end, isTimed({ start, end }) ? until : until - DAY) }]
      : []),
  ];
}
