import { parseColor } from './color.ts';
import { parseDuration } from './duration.ts';
import { parseLocation } from './location.ts';
import { parsePercent } from './number.ts';
import { Unreadable } from './unreadable.ts';

test.each([
  ['1:30', 5400],
  ['1:30:15', 5415],
  ['-0:45', -2700],
  ['90m', 5400],
  ['1h 30m', 5400],
  ['1.5 hours', 5400],
  ['1,5h', 5400],
  ['2 days, 3 hours and 4 minutes', 2 * 86400 + 3 * 3600 + 240],
  ['PT1H30M', 5400],
  ['P1W', 604800],
  ['45 sec.', 45],
  ['5400', 5400],
  ['0', 0],
])('the duration %s', (cell, seconds) => {
  expect(parseDuration(cell)).toBe(String(seconds));
});

test.each(['', 'soon', '1:75', '5 parsecs', 'PT', 'h', '1h 30', '9'.repeat(30)])('"%s" is no duration', (cell) => {
  expect(parseDuration(cell)).toBeInstanceOf(Unreadable);
});

test.each([
  ['25 %', '0.25'],
  ['25%', '0.25'],
  ['12,5 %', '0.125'],
  ['-3 %', '-0.03'],
  ['150 %', '1.5'],
  ['0.25', '0.25'],
  ['1', '1'],
])('the percentage %s', (cell, fraction) => {
  expect(parsePercent(cell)).toBe(fraction);
});

test('a percentage beyond 1 without its sign is asked back', () => {
  expect(parsePercent('25')).toMatchObject({ reason: '"25" may be 25 % or 2500 %; write it with its sign' });
  expect(parsePercent('half')).toMatchObject({ reason: '"half" is not a percentage' });
});

test('colours', () => {
  expect(parseColor('#3B82F6')).toBe('#3b82f6');
  expect(parseColor(' 38f ')).toBe('#3388ff');
  expect(parseColor('blue')).toBeInstanceOf(Unreadable);
});

test('locations', () => {
  expect(parseLocation('48.2082, 16.3738')).toEqual(['48.2082', '16.3738']);
  expect(parseLocation('-33.45 -70.66')).toEqual(['-33.45', '-70.66']);
  expect(parseLocation('33.45° S, 70.66° W')).toEqual(['-33.45', '-70.66']);
  expect(parseLocation('95, 10')).toMatchObject({ reason: '"95" is not between -90 and 90 degrees' });
  expect(parseLocation('Vienna')).toBeInstanceOf(Unreadable);
});
