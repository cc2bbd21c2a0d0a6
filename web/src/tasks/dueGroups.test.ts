import { addDays, localDay } from '../model/dates.ts';
import { PLAIN_FORMATS, setFormats } from '../model/formats.ts';
import { DUE_GROUPS, dayIn, daysOf, dueFilter, onDay, readTask, takesTasks } from './dueGroups.ts';

afterEach(() => setFormats(PLAIN_FORMATS));

const groupOf = (day: string, today: string) =>
  DUE_GROUPS.filter((group) => {
    const days = daysOf(group, today);
    return days && (days.from === null || day >= days.from) && (days.until === null || day < days.until);
  });

test('each day is in one group, whatever day it is', () => {
  for (let shift = 0; shift < 14; shift++) {
    const today = addDays('2026-11-23', shift);
    for (let day = -10; day < 30; day++) expect(groupOf(addDays(today, day), today)).toHaveLength(1);
    for (const group of DUE_GROUPS) {
      const day = dayIn(group, today);
      if (day !== null) expect(groupOf(day, today)).toEqual([group]);
    }
  }
});

test('of the week it is its last day of work, and later is the next week', () => {
  // A Monday, a Friday, a Saturday, a Sunday.
  expect(
    ['2026-11-23', '2026-11-27', '2026-11-28', '2026-11-29'].map((day) => [dayIn('WEEK', day), dayIn('LATER', day)]),
  ).toEqual([
    ['2026-11-27', '2026-11-30'],
    ['2026-11-29', '2026-11-30'],
    [null, '2026-11-30'],
    [null, '2026-12-01'],
  ]);
  expect(takesTasks('WEEK', '2026-11-28')).toBe(false);
  expect(takesTasks('OVERDUE', '2026-11-23')).toBe(false);
  expect(takesTasks('NONE', '2026-11-23')).toBe(true);
});

test.each([
  ['Pacific/Pago_Pago', '2026-03-08T11:00:00.000Z', '2026-03-09T11:00:00.000Z'],
  ['Pacific/Kiritimati', '2026-03-07T10:00:00.000Z', '2026-03-08T10:00:00.000Z'],
  // The clocks change on this day.
  ['America/New_York', '2026-03-08T05:00:00.000Z', '2026-03-09T04:00:00.000Z'],
])('a day begins and ends when it does in %s', (timeZone, from, until) => {
  setFormats({ ...PLAIN_FORMATS, timeZone });
  expect(dueFilter('TODAY', 'dueAt', '2026-03-08')).toEqual({ dueAt: { greaterThanOrEqualTo: from, lessThan: until } });
});

test('another day keeps the time', () => {
  setFormats({ ...PLAIN_FORMATS, timeZone: 'America/New_York' });
  expect(onDay('2026-03-08', '2026-03-07T19:30:00Z')).toBe('2026-03-08T18:30:00.000Z');
  expect(onDay('2026-03-08', null)).toBe('2026-03-08T13:00:00.000Z');
  expect(onDay(null, '2026-03-07T19:30:00Z')).toBeNull();
});

test('the last word of what is typed may say the day', () => {
  setFormats({ ...PLAIN_FORMATS, timeZone: 'UTC' });
  const now = new Date('2026-11-29T12:00:00Z');
  expect(localDay(now)).toBe('2026-11-29');
  expect(readTask(' Call  Ann tomorrow ', now)).toEqual({ title: 'Call Ann', due: '2026-11-30T09:00:00.000Z' });
  expect(readTask('Call Ann next friday', now)).toMatchObject({ title: 'Call Ann' });
  expect(readTask('Call Ann in 3 days', now)).toEqual({ title: 'Call Ann', due: '2026-12-02T09:00:00.000Z' });
  expect(readTask('Call +3', now)).toEqual({ title: 'Call', due: '2026-12-02T09:00:00.000Z' });
  expect(readTask('Call 2027-02-30', now)).toMatchObject({ title: 'Call 2027-02-30', due: null });
  expect(readTask('Today', now)).toEqual({ title: 'Today', due: null });
  expect(readTask('Plan the day', now)).toEqual({ title: 'Plan the day', due: null });
});
