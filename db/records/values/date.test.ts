import fc from 'fast-check';
import { parseDate, parseDateTime } from './date.ts';
import { Unreadable } from './unreadable.ts';

test.each([
  ['2024-05-01', '2024-05-01'], ['2024/5/1', '2024-05-01'], ['20240501', '2024-05-01'], ['1.5.2024', '2024-05-01'],
  ['31/12/2024', '2024-12-31'], ['12/31/2024', '2024-12-31'], ['05/05/2024', '2024-05-05'], ['1 May 2024', '2024-05-01'],
  ['May 1, 2024', '2024-05-01'], ['1st May 2024', '2024-05-01'], ['Wednesday, May 1, 2024', '2024-05-01'], ['1-Sept-2024', '2024-09-01'],
  ['2024-02-29', '2024-02-29'], ['2024-05-01T00:00:00Z', '2024-05-01'], ['2024-05-01 00:00', '2024-05-01'],
])('reads %s as %s', (cell, expected) => {
  expect(parseDate(cell)).toBe(expected);
}); // prettier-ignore

test.each([
  '2023-02-29',
  '1900-02-29',
  '2024-13-01',
  '32.1.2024',
  '1902',
  'soon',
  '1/2/24',
  '2024-05-01T10:00:00Z',
  '1 Foo 2024',
  '0000-01-01',
])('refuses %s', (cell) => {
  expect(parseDate(cell)).toBeInstanceOf(Unreadable);
});

test('a date that may be two days asks which', () => {
  expect(parseDate('3/4/2024')).toMatchObject({ reason: expect.stringContaining('--date-order') });
  expect(parseDate('3/4/2024', 'dmy')).toBe('2024-04-03');
  expect(parseDate('3/4/2024', 'mdy')).toBe('2024-03-04');
});

test('no time zone moves a date', () => {
  const days = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T00:00:00Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(days, (day) => {
      const iso = day.toISOString().slice(0, 10);
      expect(parseDate(iso)).toBe(iso);
    }),
  );
});

test.each([
  ['2024-05-01T10:20:30Z', '2024-05-01 10:20:30+00'],
  ['2024-05-01T10:20:30.123456+02:00', '2024-05-01 10:20:30.123456+02:00'],
  ['2024-05-01 10:20', '2024-05-01 10:20:00'],
  ['1 May 2024, 3:05 PM', '2024-05-01 15:05:00'],
  ['2024-05-01 12:00 am', '2024-05-01 00:00:00'],
  ['2024-05-01', '2024-05-01 00:00:00'],
])('reads the time %s as %s', (cell, expected) => {
  expect(parseDateTime(cell)).toBe(expected);
});

test.each([
  '2024-05-01 25:00',
  '2024-05-01 10:60',
  '2024-05-01 13:00 pm',
  '2024-02-30 10:00',
  '2024-05-01 10:00+99',
  'noon',
])('refuses the time %s', (cell) => {
  expect(parseDateTime(cell)).toBeInstanceOf(Unreadable);
});
