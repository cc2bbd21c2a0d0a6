import { addDays, joinInstant, localDay, splitInstant } from '../model/dates.ts';
import type { Clause } from '../model/filters.ts';
import { startOf, addMonths } from '../model/periods.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { readValue, type FieldValue } from '../model/values.ts';
import { valueType } from '../model/valueType.ts';
import type { Edit } from '../records/refusals.ts';
import type { ViewOptions } from '../views/savedViews.ts';

/** What a calendar shows records by. A DATE is a day, the same everywhere; a DATE_TIME an instant, shown by the clocks of the reader's zone. */
export interface Dated {
  start: ModelField;
  end: ModelField | undefined;
}

/** A calendar has no room for a quarter, which a timeline has. */
export type Scale = Exclude<NonNullable<ViewOptions['scale']>, 'QUARTER'>;

/** From the first to before the last, as days. */
export interface Range {
  from: string;
  until: string;
}

const USUAL_MINUTES = 60;
const MORNING = '09:00';

const isTime = (field: ModelField): boolean => valueType(field) === 'DATE_TIME';
const columnOf = (field: ModelField): string => field.columns[0]?.name ?? '';

/** The day on which the week begins that a day is in. 0 is Sunday. */
export function startOfWeek(day: string, firstDay: number): string {
  const weekday = new Date(`${day}T00:00:00Z`).getUTCDay();
  return addDays(day, -((weekday - firstDay + 7) % 7));
}

/** All days that are seen: of a month six weeks, as some of the days around it are. */
export function rangeOf(scale: Scale, day: string, firstDay: number): Range {
  if (scale === 'DAY') return { from: day, until: addDays(day, 1) };
  if (scale === 'WEEK') {
    const from = startOfWeek(day, firstDay);
    return { from, until: addDays(from, 7) };
  }
  const from = startOfWeek(startOf(day, 'month'), firstDay);
  return { from, until: addDays(from, 42) };
}

export const step = (scale: Scale, day: string, by: 1 | -1): string =>
  scale === 'MONTH' ? addMonths(startOf(day, 'month'), by) : addDays(day, by * (scale === 'WEEK' ? 7 : 1));

/** A bound of a range, as a filter compares the field with it. */
const boundOf = (field: ModelField, day: string): string => (isTime(field) ? (joinInstant(day, '00:00') ?? day) : day);

/** Of the records those that a range shows some of. */
export function rangeClause({ start, end }: Dated, { from, until }: Range): Clause {
  const began: Clause = { [columnOf(start)]: { lessThan: boundOf(start, until) } };
  const begins: Clause = { [columnOf(start)]: { greaterThanOrEqualTo: boundOf(start, from) } };
  if (!end) return { and: [began, begins] };
  const lasts: Clause = { [columnOf(end)]: { greaterThanOrEqualTo: boundOf(end, from) } };
  return { and: [began, { or: [begins, lasts] }] };
}

/** A record as a calendar draws it: by clocks on the wall, without a zone. */
export interface Entry {
  id: string;
  start: string;
  end: string;
  isAllDay: boolean;
}

const onWall = ({ day, time }: { day: string; time: string }): string => `${day} ${time}:00`;
const later = (instant: string, ms: number): string => new Date(Date.parse(instant) + ms).toISOString();

export function entryOf(model: Model, { start, end }: Dated, row: RecordRow): Entry | null {
  const first = readValue(model, start, row);
  const last = end ? readValue(model, end, row) : null;
  if (typeof first !== 'string') return null;
  if (!isTime(start)) {
    const day = first.slice(0, 10);
    const until = typeof last === 'string' && last > first ? last.slice(0, 10) : day;
    return { id: row.id, start: `${day} 00:00:00`, end: `${until} 23:59:59`, isAllDay: true };
  }
  const usual = later(first, USUAL_MINUTES * 60_000);
  const until = typeof last === 'string' && Date.parse(last) > Date.parse(first) ? last : usual;
  const [begin, finish] = [splitInstant(first), splitInstant(until)];
  // What has no end of its own does not reach into the next day; and clocks that are put back do not end before they began.
  const isOver = last === null && finish.day > begin.day;
  const ends = isOver ? `${begin.day} 23:59:59` : onWall(finish);
  return {
    id: row.id,
    start: onWall(begin),
    end: ends > onWall(begin) ? ends : `${begin.day} 23:59:59`,
    isAllDay: false,
  };
}

/** What becomes of a record that is put to another day, and if `time` is given to another time of it. It lasts as long as before. */
export function movedTo(
  model: Model,
  { start, end }: Dated,
  row: RecordRow,
  to: { day: string; time: string | null },
): Edit[] {
  const first = readValue(model, start, row);
  const last = end ? readValue(model, end, row) : null;
  if (typeof first !== 'string') return [];
  if (!isTime(start)) {
    const days = Math.round((Date.parse(to.day) - Date.parse(first.slice(0, 10))) / 86_400_000);
    if (days === 0) return [];
    return [
      { field: start, value: to.day },
      ...(end && typeof last === 'string' ? [{ field: end, value: addDays(last, days) }] : []),
    ];
  }
  const moved = joinInstant(to.day, to.time ?? splitInstant(first).time);
  if (!moved || Date.parse(moved) === Date.parse(first)) return [];
  return [
    { field: start, value: moved },
    ...(end && typeof last === 'string'
      ? [{ field: end, value: later(moved, Date.parse(last) - Date.parse(first)) }]
      : []),
  ];
}

/** What ends at another time. */
export function endedAt({ end }: Dated, to: { day: string; time: string }): Edit[] {
  if (!end) return [];
  return [{ field: end, value: isTime(end) ? joinInstant(to.day, to.time) : to.day }];
}

/** The values of a new record for what was selected; of a whole day no time is meant, and the morning is as good as any. */
export function selected(
  { start, end }: Dated,
  from: { day: string; time: string | null },
  until: { day: string; time: string | null },
): { field: ModelField; value: FieldValue }[] {
  const valueOf = (field: ModelField, at: { day: string; time: string | null }, usual: string): FieldValue =>
    isTime(field) ? joinInstant(at.day, at.time ?? usual) : at.day;
  const isLonger = until.day > from.day || (until.time !== null && until.time !== from.time);
  return [
    { field: start, value: valueOf(start, from, MORNING) },
    ...(end && isLonger ? [{ field: end, value: valueOf(end, until, '17:00') }] : []),
  ];
}

/** The day on which an entry is told in a list. */
export const dayOf = ({ start }: Entry): string => start.slice(0, 10);

export const today = (): string => localDay(new Date());
