import { formatMoney, parseMoney, parseNumber } from './money.ts';

test.each([
  ['1,234.5', 1234.5],
  ['1 234,5', 1234.5],
  ['1.234,5', 1234.5],
  ['1,234', 1234],
  ['1,5', 1.5],
  ['-3e4', -30000],
  ['12 %', 12],
  ['.5', 0.5],
])('%s is the number %d', (text, number) => expect(parseNumber(text)).toBe(number));

test.each(['', 'ten', '1.2.3', '--1', '1-2'])('“%s” is no number', (text) => expect(parseNumber(text)).toBeNull());

test.each([
  ['$3m', '3000000000000', 'USD'],
  ['EUR 1.2k', '1200000000', 'EUR'],
  ['1,200.50 chf', '1200500000', 'CHF'],
  ['£ 5', '5000000', 'GBP'],
  ['0.000001', '1', 'SEK'],
  ['25.4b', '25400000000000000', 'SEK'],
])('%s is an amount', (text, amountMicros, currencyCode) =>
  expect(parseMoney(text, 'SEK')).toEqual({ amountMicros, currencyCode }),
);

test('an amount that the database cannot hold is refused', () => expect(parseMoney('9999999999999', 'USD')).toBeNull());

test('amounts read with their symbol, whole ones without cents', () => {
  expect(formatMoney('1234500000', 'USD')).toBe('$1,234.50');
  expect(formatMoney('5000000', 'EUR')).toBe('€5');
  expect(formatMoney('5000000', 'not a code')).toBe('5 not a code');
});

test('a short amount is rounded to what one says', () => {
  expect(formatMoney('1234567000000', 'EUR', undefined, true)).toBe('€1.2M');
  expect(formatMoney('1234500000', 'EUR', 2)).toBe('€1,234.50');
});
