import { expect, test } from '@jest/globals';
import { DAY, placeOf } from './bars.ts';
import { headOf, rangeOf, weekendsOf } from './scale.ts';

const labels = (cells: { label: string }[]) => cells.map(({ label }) => label);

test('a head says months over days, weeks as they begin, and days over hours', () => {
  const [from, until] = [placeOf('2026-11-28'), placeOf('2026-12-03')];
  const month = headOf('MONTH', false, 1, from, until);
  expect(labels(month.upper)).toEqual(['November 2026', 'December 2026']);
  expect(labels(month.lower)).toEqual(['28', '29', '30', '1', '2']);
  expect(labels(headOf('WEEK', false, 1, from, until).lower)).toEqual(['Sat 28', 'Sun 29', 'Mon 30', 'Tue 1', 'Wed 2']);
  expect(labels(headOf('QUARTER', false, 1, from, until).lower)).toEqual(['23', '30']);
  expect(labels(headOf('QUARTER', false, 0, from, until).lower)).toEqual(['22', '29']);
  const day = headOf('DAY', true, 1, placeOf('2026-11-28', '22:30'), placeOf('2026-11-29', '01:00'));
  expect(labels(day.upper)).toEqual(['Sat, 28 Nov 2026', 'Sun, 29 Nov 2026']);
  expect(labels(day.lower)).toEqual(['22:00', '23:00', '00:00']);
});

test('days before 1970 have their hours, too', () => {
  expect(labels(headOf('DAY', true, 1, placeOf('1969-07-20', '23:00'), placeOf('1969-07-21', '01:00')).lower)).toEqual([
    '23:00',
    '00:00',
  ]);
});

test('days without work stand together, and are others elsewhere', () => {
  const [from, until] = [placeOf('2026-11-26'), placeOf('2026-12-06')];
  expect(weekendsOf([6, 0], from, until)).toEqual([
    { from: placeOf('2026-11-28'), until: placeOf('2026-11-30') },
    { from: placeOf('2026-12-05'), until: placeOf('2026-12-06') },
  ]);
  expect(weekendsOf([5], from, until)).toEqual([
    { from: placeOf('2026-11-27'), until: placeOf('2026-11-28') },
    { from: placeOf('2026-12-04'), until: placeOf('2026-12-05') },
  ]);
});

test('one may scroll past all there is, and not for ever', () => {
  const now = placeOf('2026-11-28');
  const range = rangeOf('MONTH', now, placeOf('2025-01-01'), placeOf('2026-12-24'));
  expect(range.from).toBeLessThan(placeOf('2024-12-01'));
  expect(range.until).toBeGreaterThan(placeOf('2027-06-01'));
  expect((now - rangeOf('DAY', now, placeOf('0001-01-01'), null).from) / DAY).toBeLessThan(37_000);
});
