import { formatDay, formatInstant } from './dates.ts';
import { PLAIN_FORMATS, setFormats, withSigns } from './formats.ts';
import { formatMoney } from './money.ts';

afterEach(() => setFormats(PLAIN_FORMATS));

test.each([
  ['SYSTEM', '29 Mar 2026'],
  ['DAY_FIRST', '29 Mar 2026'],
  ['MONTH_FIRST', 'Mar 29, 2026'],
  ['YEAR_FIRST', '2026-03-29'],
] as const)('dates with %s', (dateFormat, text) => {
  setFormats({ ...PLAIN_FORMATS, dateFormat });
  expect(formatDay('2026-03-29')).toBe(text);
});

test.each([
  ['SYSTEM', '1,234,567.5', '$1,234.50'],
  ['SPACES_AND_COMMA', '1\u202f234\u202f567,5', '$1\u202f234,50'],
  ['DOTS_AND_COMMA', '1.234.567,5', '$1.234,50'],
  ['APOSTROPHE_AND_DOT', '1’234’567.5', '$1’234.50'],
] as const)('numbers with %s', (numberFormat, number, money) => {
  setFormats({ ...PLAIN_FORMATS, numberFormat });
  expect(withSigns('1,234,567.5')).toBe(number);
  expect(formatMoney(1_234_500_000, 'USD')).toBe(money);
});

test('times of half days', () => {
  setFormats({ ...PLAIN_FORMATS, timeFormat: 'HOUR_12' });
  const at = (hour: number) => formatInstant(new Date(2026, 2, 29, hour, 5).toISOString());
  expect([0, 9, 12, 15].map(at)).toEqual([
    '29 Mar 2026, 12:05 AM',
    '29 Mar 2026, 9:05 AM',
    '29 Mar 2026, 12:05 PM',
    '29 Mar 2026, 3:05 PM',
  ]);
});

test.each([
  ['en', '29 Mar 2026, 15:05', '1,234.5'],
  ['en-US', 'Mar 29, 2026, 3:05 PM', '1,234.5'],
  ['en-GB', '29 Mar 2026, 15:05', '1,234.5'],
  ['de', '29.03.2026, 15:05', '1.234,5'],
  ['fr', '29 mars 2026, 15:05', '1\u202f234,5'],
  ['no such thing', '29 Mar 2026, 15:05', '1,234.5'],
])('what is left to the language, in %s', (locale, instant, number) => {
  setFormats({ ...PLAIN_FORMATS, locale });
  expect(formatInstant(new Date(2026, 2, 29, 15, 5).toISOString())).toBe(instant);
  expect(withSigns('1,234.5')).toBe(number);
});

test('a chosen format goes before the language', () => {
  setFormats({ ...PLAIN_FORMATS, locale: 'en-US', dateFormat: 'YEAR_FIRST', timeFormat: 'HOUR_24' });
  expect(formatInstant(new Date(2026, 2, 29, 15, 5).toISOString())).toBe('2026-03-29, 15:05');
});
