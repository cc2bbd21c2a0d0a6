import { durationText, scheduleText, taskText } from './jobText.ts';

test('a task that is not known is told by its name', () => {
  expect(taskText('weather__tell_all')).toBe('Weather tell all');
});

test.each([
  ['* * * * *', 'Each minute'],
  ['*/15 * * * *', 'Every 15 minutes'],
  ['7 * * * *', 'Each hour at :07'],
  ['7 2 * * *', 'Each day at 02:07 UTC'],
  ['7 2 * * 1', '7 2 * * 1'],
  ['0 */6 * * *', '0 */6 * * *'],
])('%s is: %s', (schedule, text) => {
  expect(scheduleText(schedule)).toBe(text);
});

test.each([
  [null, '–'],
  [12.4, '12 ms'],
  [1_500, '1.5 s'],
  [61_000, '61 s'],
  [600_000, '10 min'],
  [7_200_000, '2.0 h'],
])('%s milliseconds are %s', (milliseconds, text) => {
  expect(durationText(milliseconds)).toBe(text);
});
