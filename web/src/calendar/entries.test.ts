import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PLAIN_FORMATS, setFormats } from '../model/formats.ts';
import type { FieldType, Model, ModelField } from '../model/types.ts';
import { endedAt, entryOf, movedTo, rangeClause, rangeOf, selected, startOfWeek, step } from './entries.ts';

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
const alone = { start: times.start, end: undefined };
const live = (timeZone: string) => setFormats({ ...PLAIN_FORMATS, timeZone });

afterEach(() => setFormats(PLAIN_FORMATS));

describe.each(['Pacific/Pago_Pago', 'Pacific/Kiritimati', 'America/New_York'])('in %s', (zone) => {
  test('a day is the day that it is', () => {
    live(zone);
    fc.assert(
      fc.property(
        fc.date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true }),
        fc.integer({ min: -400, max: 400 }),
        (date, by) => {
          const day = date.toISOString().slice(0, 10);
          const row = { id: '1', on: day, until: null };
          expect(entryOf(model, days, row)).toMatchObject({
            start: `${day} 00:00:00`,
            end: `${day} 23:59:59`,
            isAllDay: true,
          });
          const to = new Date(Date.parse(day) + by * 86_400_000).toISOString().slice(0, 10);
          expect(movedTo(model, days, row, { day: to, time: '13:00' })).toEqual(
            by === 0 ? [] : [{ field: days.start, value: to }],
          );
        },
      ),
    );
  });

  test('a time that is put to another day stays the same on the clock, through every change of clocks', () => {
    live(zone);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 800 }),
        fc.integer({ min: 0, max: 800 }),
        fc.integer({ min: 4, max: 22 }),
        (from, to, hour) => {
          const at = `2026-01-0${1 + (hour % 9)}T${String(hour).padStart(2, '0')}:15:00Z`;
          const row = { id: '1', at: new Date(Date.parse(at) + from * 86_400_000).toISOString(), ends: null };
          const before = entryOf(model, times, row);
          const day = new Date(Date.parse('2026-01-01') + to * 86_400_000).toISOString().slice(0, 10);
          const [moved] = movedTo(model, times, row, { day, time: null });
          if (!moved) return;
          const after = entryOf(model, times, { id: '1', at: String(moved.value), ends: null });
          // Clocks that are put forward have no time between two and three: who is put there comes an hour later.
          const isSkipped = before?.start.slice(11, 13) === '02' && after?.start.slice(11, 13) === '03';
          if (!isSkipped) expect(after?.start.slice(10)).toBe(before?.start.slice(10));
          expect(after?.start.slice(0, 10)).toBe(day);
        },
      ),
    );
  });
});

test('an entry is shown by the clocks of the reader', () => {
  const row = { id: '1', at: '2026-11-28T10:30:00Z', ends: '2026-11-28T12:00:00Z' };
  live('Pacific/Pago_Pago');
  expect(entryOf(model, times, row)).toMatchObject({ start: '2026-11-27 23:30:00', end: '2026-11-28 01:00:00' });
  expect(entryOf(model, alone, row)).toMatchObject({ start: '2026-11-27 23:30:00', end: '2026-11-27 23:59:59' });
  live('Pacific/Kiritimati');
  expect(entryOf(model, times, row)).toMatchObject({ start: '2026-11-29 00:30:00', end: '2026-11-29 02:00:00' });
});

test('what lasts goes on lasting as long when it is moved, and ends elsewhere when its end is', () => {
  live('Europe/Berlin');
  const row = { id: '1', at: '2026-03-28T09:00:00Z', ends: '2026-03-28T11:00:00Z' };
  // The clocks go forward on the 29th.
  expect(movedTo(model, times, row, { day: '2026-03-30', time: null }).map(({ value }) => value)).toEqual([
    '2026-03-30T08:00:00.000Z',
    '2026-03-30T10:00:00.000Z',
  ]);
  expect(
    movedTo(model, days, { id: '1', on: '2026-03-28', until: '2026-03-31' }, { day: '2026-04-02', time: null }).map(
      ({ value }) => value,
    ),
  ).toEqual(['2026-04-02', '2026-04-05']);
  expect(endedAt(times, { day: '2026-03-28', time: '13:00' })).toEqual([
    { field: times.end, value: '2026-03-28T12:00:00.000Z' },
  ]);
});

test('what is selected becomes the values of a new record', () => {
  live('Asia/Tokyo');
  const values = (...given: Parameters<typeof selected>) => selected(...given).map(({ value }) => value);
  expect(values(times, { day: '2026-05-01', time: null }, { day: '2026-05-01', time: null })).toEqual([
    '2026-05-01T00:00:00.000Z',
  ]);
  expect(values(times, { day: '2026-05-01', time: '10:00' }, { day: '2026-05-01', time: '11:30' })).toEqual([
    '2026-05-01T01:00:00.000Z',
    '2026-05-01T02:30:00.000Z',
  ]);
  expect(values(days, { day: '2026-05-01', time: null }, { day: '2026-05-03', time: null })).toEqual([
    '2026-05-01',
    '2026-05-03',
  ]);
});

test('weeks begin where they do, and months show six of them', () => {
  expect([0, 1, 6].map((first) => startOfWeek('2026-11-25', first))).toEqual([
    '2026-11-22',
    '2026-11-23',
    '2026-11-21',
  ]);
  expect(rangeOf('MONTH', '2026-11-28', 1)).toEqual({ from: '2026-10-26', until: '2026-12-07' });
  expect(rangeOf('WEEK', '2026-11-28', 0)).toEqual({ from: '2026-11-22', until: '2026-11-29' });
  expect([step('MONTH', '2026-01-31', 1), step('WEEK', '2026-01-31', 1), step('DAY', '2026-01-01', -1)]).toEqual([
    '2026-02-01',
    '2026-02-07',
    '2025-12-31',
  ]);
});

test('a range asks for what begins in it, and for what is not over yet', () => {
  expect(rangeClause({ start: days.start, end: undefined }, { from: '2026-11-01', until: '2026-12-01' })).toEqual({
    and: [{ on: { lessThan: '2026-12-01' } }, { on: { greaterThanOrEqualTo: '2026-11-01' } }],
  });
  live('Pacific/Kiritimati');
  expect(JSON.stringify(rangeClause(times, { from: '2026-11-01', until: '2026-12-01' }))).toContain(
    '"ends":{"greaterThanOrEqualTo":"2026-10-31T10:00:00.000Z"}',
  );
});
