import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PLAIN_FORMATS, setFormats } from '../model/formats.ts';
import type { FieldType, Model, ModelField } from '../model/types.ts';
import { barOf, DAY, drawn, editsFor, heldAt, placeOf, type Grip } from './bars.ts';

const field = (name: string, type: FieldType): ModelField =>
  ({
    id: name,
    name,
    label: name,
    type,
    resultType: null,
    columns: [{ part: '', column: name, name }],
    relations: [],
    junction: null,
    settings: null,
  }) as unknown as ModelField;
const model = { objects: [] } as unknown as Model;
const days = { start: field('on', 'DATE'), end: field('until', 'DATE') };
const times = { start: field('at', 'DATE_TIME'), end: field('ends', 'DATE_TIME') };
const live = (timeZone: string) => setFormats({ ...PLAIN_FORMATS, timeZone });
const values = (edits: { field: ModelField; value: unknown }[]) =>
  Object.fromEntries(edits.map(({ field: { name }, value }) => [name, value]));

afterEach(() => setFormats(PLAIN_FORMATS));

describe.each(['Pacific/Pago_Pago', 'Pacific/Kiritimati', 'America/New_York', 'Europe/Berlin'])('in %s', (zone) => {
  test('a bar of days has the same place and moves by whole days', () => {
    live(zone);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4000 }),
        fc.nat(60),
        fc.integer({ min: -400, max: 400 }),
        (from, long, by) => {
          const day = (at: number) => new Date(Date.UTC(2020, 0, 1 + at)).toISOString().slice(0, 10);
          const row = { id: '1', on: day(from), until: day(from + long) };
          const bar = barOf(model, days, row);
          expect(bar).toMatchObject({ from: placeOf(day(from)), until: placeOf(day(from + long)) + DAY });
          expect(values(editsFor(model, days, row, 'bar', by * DAY))).toEqual(
            by === 0 ? {} : { on: day(from + by), until: day(from + long + by) },
          );
        },
      ),
    );
  });

  test('a bar of times that is moved by days keeps both times on the clock, whatever the clocks do between', () => {
    live(zone);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 800 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: -400, max: 400 }),
        (from, long, by) => {
          const noon = (at: number) => new Date(Date.UTC(2026, 0, 1 + at, 17, 5, 42)).toISOString();
          const row = { id: '1', at: noon(from), ends: noon(from + long) };
          const before = barOf(model, times, row)!;
          const moved = { ...row, ...values(editsFor(model, times, row, 'bar', by * DAY)) };
          const after = barOf(model, times, moved)!;
          expect([after.from - before.from, after.until - before.until]).toEqual([by * DAY, by * DAY]);
          expect(String(moved.at).slice(-7, -5)).toBe('42');
        },
      ),
    );
  });

  test('what is shown while it is held is what it becomes', () => {
    live(zone);
    fc.assert(
      fc.property(
        fc.constantFrom<Grip>('bar', 'start', 'end'),
        fc.integer({ min: -40, max: 40 }),
        fc.integer({ min: 0, max: 12 }),
        fc.boolean(),
        (grip, by, long, hasEnd) => {
          const row = {
            id: '1',
            on: '2026-03-28',
            until: hasEnd ? new Date(Date.UTC(2026, 2, 28 + long)).toISOString().slice(0, 10) : null,
          };
          const shown = heldAt(days, barOf(model, days, row)!, grip, by * DAY);
          const after = barOf(model, days, { ...row, ...values(editsFor(model, days, row, grip, by * DAY)) });
          expect(after).toMatchObject(shown);
          expect(after!.isBackward).toBe(false);
        },
      ),
    );
  });
});

test('the clocks that go forward do not shorten what they pass', () => {
  live('Europe/Berlin');
  const row = { id: '1', at: '2026-03-27T08:00:00Z', ends: '2026-03-27T16:00:00Z' };
  expect(values(editsFor(model, times, row, 'bar', 3 * DAY))).toEqual({
    at: '2026-03-30T07:00:00.000Z',
    ends: '2026-03-30T15:00:00.000Z',
  });
  // Two o'clock on the 29th is skipped: an hour later.
  const early = { id: '1', at: '2026-03-28T01:30:00Z', ends: null };
  expect(values(editsFor(model, times, early, 'bar', DAY))).toEqual({ at: '2026-03-29T01:30:00.000Z' });
});

test('an hour that comes twice is no end before its beginning', () => {
  live('Europe/Berlin');
  // Half past two, and a quarter past two an hour later.
  const row = { id: '1', at: '2026-10-25T00:30:00Z', ends: '2026-10-25T01:15:00Z' };
  expect(barOf(model, times, row)).toMatchObject({ isBackward: false, from: placeOf('2026-10-25', '02:30') });
});

test('one end is moved by itself, and never past the other', () => {
  const row = { id: '1', on: '2026-05-04', until: '2026-05-08' };
  const of = (grip: Grip, by: number) => values(editsFor(model, days, row, grip, by * DAY));
  expect(of('end', 3)).toEqual({ until: '2026-05-11' });
  expect(of('end', -20)).toEqual({ until: '2026-05-04' });
  expect(of('start', -2)).toEqual({ on: '2026-05-02' });
  expect(of('start', 20)).toEqual({ on: '2026-05-08' });
  expect(of('start', 0)).toEqual({});
});

test('what has no end gets one at the first pull, and what has no field for it is a moment', () => {
  const row = { id: '1', on: '2026-05-04', until: null };
  expect(barOf(model, days, row)).toMatchObject({ isOpen: true, isPoint: false, until: placeOf('2026-05-05') });
  expect(values(editsFor(model, days, row, 'end', 2 * DAY))).toEqual({ until: '2026-05-06' });
  expect(values(editsFor(model, days, row, 'bar', DAY))).toEqual({ on: '2026-05-05' });
  const alone = { start: days.start, end: undefined };
  expect(barOf(model, alone, row)).toMatchObject({ isPoint: true });
  expect(values(editsFor(model, alone, row, 'bar', -DAY))).toEqual({ on: '2026-05-03' });
  expect(barOf(model, days, { id: '1', on: null, until: '2026-05-04' })).toBeNull();
});

test('an end before its beginning is told, and mended by pulling it', () => {
  const row = { id: '1', on: '2026-05-04', until: '2026-05-01' };
  expect(barOf(model, days, row)).toMatchObject({ isBackward: true, until: placeOf('2026-05-05') });
  expect(values(editsFor(model, days, row, 'end', DAY))).toEqual({ until: '2026-05-05' });
});

test('what is drawn becomes the values of a record', () => {
  live('Asia/Tokyo');
  expect(values(drawn(days, placeOf('2026-05-04'), placeOf('2026-05-07')))).toEqual({
    on: '2026-05-04',
    until: '2026-05-06',
  });
  expect(values(drawn(days, placeOf('2026-05-04'), null))).toEqual({ on: '2026-05-04' });
  expect(values(drawn(times, placeOf('2026-05-04', '10:00'), placeOf('2026-05-04', '12:00')))).toEqual({
    at: '2026-05-04T01:00:00.000Z',
    ends: '2026-05-04T03:00:00.000Z',
  });
});
