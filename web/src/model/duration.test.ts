import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['1h 30m', 5400],
  ['90m', 5400],
  ['90', 5400],
  ['1:30', 5400],
  ['1:30:15', 5415],
  ['1.5h', 5400],
  ['1,5 hours', 5400],
  ['2 days, 4 hours and 5 min', 187_500],
  ['45s', 45],
  ['-30m', -1800],
  ['0m', 0],
])('reads %s', (text, seconds) => expect(parseDuration(text)).toBe(seconds));

test.each(['', 'soon', '1h soon', '1:75', '5 parsecs', 'm', '1h30x'])('refuses “%s”', (text) =>
  expect(parseDuration(text)).toBeNull(),
);

test('shows hours, minutes and seconds, and reads its own text', () => {
  for (const seconds of [0, 59, 60, 3599, 5400, 5415, 360_000, -90]) {
    const text = formatDuration(seconds);
    expect(parseDuration(text)).toBe(seconds);
  }
  expect(formatDuration('5400')).toBe('1h 30m');
  expect(formatDuration(360_000)).toBe('100h');
  expect(formatDuration(3660, true)).toBe('1 hour 1 minute');
});
