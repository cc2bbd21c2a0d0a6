import fc from 'fast-check';
import { parseDecimal, parseFloat8, parseInteger, shiftDecimal } from './number.ts';
import { Unreadable } from './unreadable.ts';

test.each([
  ['1,234.5', '1234.5'], ['1.234,5', '1234.5'], ['1 234,5', '1234.5'], ["1'234.5", '1234.5'], ['1\u202f234,50', '1234.50'],
  ['1,234', '1234'], ['1.234', '1.234'], ['1,23', '1.23'], ['0,123', '0.123'], ['1.234.567', '1234567'], ['12,34,567', '1234567'],
  ['(12)', '-12'], ['−3', '-3'], ['+7', '7'], ['.5', '0.5'], ['5.', '5'], ['1e6', '1e6'], ['-0', '-0'],
])('reads %s as %s', (cell, expected) => {
  expect(parseDecimal(cell)).toBe(expected);
}); // prettier-ignore

test.each([
  '',
  'abc',
  '1,2,3',
  '1.2.3',
  '1902 (1888)',
  '2013 (1888)',
  '1-2',
  '--1',
  '1,234,5',
  '0x10',
  'NaN',
  'Infinity',
  '12abc',
])('refuses %j', (cell) => {
  expect(parseDecimal(cell)).toBeInstanceOf(Unreadable);
});

test('any number that a locale writes is read back', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
      fc.constantFrom('en-US', 'de-DE', 'fr-FR', 'de-CH', 'en-IN', 'sv-SE'),
      (value, locale) => {
        // Two digits after the sign of the decimals, so that no locale's text is ambiguous.
        const text = new Intl.NumberFormat(locale, { minimumFractionDigits: 2 }).format(value);
        const read = parseDecimal(text);
        expect(typeof read === 'string' ? read.replace(/\.00$/, '') : read).toBe(value === 0n ? '0' : String(value));
      },
    ),
  );
});

test('no text makes a number that PostgreSQL would not read', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const read = parseFloat8(text);
      if (typeof read === 'string') expect(Number.isFinite(Number(read))).toBe(true);
    }),
  );
});

test('whole numbers stay within a bigint', () => {
  expect(parseInteger('9223372036854775807')).toBe('9223372036854775807');
  expect(parseInteger('9,223,372,036,854,775,808')).toBeInstanceOf(Unreadable);
  expect(parseInteger('12.5')).toBeInstanceOf(Unreadable);
  expect(parseInteger('12.00')).toBe('12');
  expect(parseInteger('1e3')).toBe('1000');
});

test('percentages are fractions where the field is one', () => {
  expect(parseFloat8('12.5 %', true)).toBe('0.125');
  expect(parseFloat8('12.5 %')).toBeInstanceOf(Unreadable);
});

test('shifting the point is exact', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: 0, max: 9 }), (value, places) => {
      expect(shiftDecimal(String(value), places)).toBe(String(value * 10n ** BigInt(places)).replace(/^0+$/, '0'));
      expect(shiftDecimal(shiftDecimal(String(value), -places), places)).toBe(String(value));
    }),
  );
});
