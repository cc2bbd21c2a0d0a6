import fc from 'fast-check';
import { arrayLiteral, choiceReader, choicesReader, parseBoolean, parseRating, splitList } from './choice.ts';
import { parseEmail, parseEmails, parsePhone, parsePhones } from './contact.ts';
import { parseLink } from './link.ts';
import { parseMoney } from './money.ts';
import { countryName, parsePlace } from './place.ts';
import { Unreadable } from './unreadable.ts';

const unreadable = expect.any(Unreadable);

test('booleans', () => {
  expect(['yes', 'Y', '1', 'TRUE', '✓'].map(parseBoolean)).toEqual(Array(5).fill('true'));
  expect(['no', 'N', '0', 'False'].map(parseBoolean)).toEqual(Array(4).fill('false'));
  expect(parseBoolean('maybe')).toEqual(unreadable);
});

describe('options', () => {
  const options = [
    { value: 'IN_PROGRESS', label: 'Under way' },
    { value: 'DONE', label: 'Done, at last' },
  ];

  test('are found by value or label', () => {
    expect(['in progress', 'In-Progress', 'under way'].map(choiceReader(options))).toEqual(
      Array(3).fill('IN_PROGRESS'),
    );
    expect(choiceReader(options)('later')).toMatchObject({ reason: expect.stringContaining('Under way') });
  });

  test('a label may hold the separator', () => {
    expect(choicesReader(options)('Done, at last')).toBe('{"DONE"}');
    expect(choicesReader(options)('DONE; in progress; done')).toBe('{"DONE","IN_PROGRESS"}');
    expect(choicesReader(options)('["DONE"]')).toBe('{"DONE"}');
  });
});

test('ratings', () => {
  expect(['4', '4/5', 'RATING_4', '★★★★', '★★★★☆'].map(parseRating)).toEqual(Array(5).fill('4'));
  expect(['0', '6', 'good'].map(parseRating)).toEqual(Array(3).fill(unreadable));
});

test('an array literal gives back any texts', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (values) => {
      const body = arrayLiteral(values).slice(1, -1);
      const items =
        body === ''
          ? []
          : [...body.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map((match) => (match[1] ?? '').replace(/\\(.)/gs, '$1'));
      expect(items).toEqual(values);
    }),
  );
});

test('lists are split at semicolons, lines or commas', () => {
  expect(splitList('a; b;;c')).toEqual(['a', 'b', 'c']);
  expect(splitList('a\nb')).toEqual(['a', 'b']);
  expect(splitList('["x, y"]')).toEqual(['x, y']);
  expect(splitList('[not json')).toEqual(['[not json']);
});

test('e-mail addresses', () => {
  expect(parseEmail('Ada <ada@Example.COM>')).toBe('ada@example.com');
  expect(parseEmail('mailto:ada@example.com')).toBe('ada@example.com');
  expect(parseEmails('a@b.example, c@d.example; A@b.example'.replace(',', ';'))).toEqual([
    'a@b.example',
    '{"c@d.example","A@b.example"}',
  ]);
  for (const cell of [
    'ada',
    'ada@',
    '@example.com',
    'a b@example.com',
    'ada@localhost',
    'a@b..c',
    `${'a'.repeat(65)}@b.example`,
  ])
    expect(parseEmail(cell)).toEqual(unreadable);
});

test('every plain address is accepted', () => {
  const name = fc.stringMatching(/^[a-z0-9+_-]{1,20}$/);
  fc.assert(
    fc.property(name, name, (local, domain) =>
      expect(parseEmail(`${local}@${domain}.example`)).toBe(`${local}@${domain}.example`),
    ),
  );
});

test('telephone numbers keep the calling code that they have and get none that they have not', () => {
  expect(parsePhone('+44 (0)20 7946 0123')).toEqual({ number: '2079460123', countryCode: 'GB', callingCode: '+44' });
  expect(parsePhone('+1 202-224-3441')).toEqual({ number: '2022243441', countryCode: null, callingCode: '+1' });
  expect(parsePhone('0049 30 23125 123')).toEqual({ number: '3023125123', countryCode: 'DE', callingCode: '+49' });
  expect(parsePhone('202-224-3441 ext. 12')).toEqual({
    number: '2022243441 x12',
    countryCode: null,
    callingCode: null,
  });
  expect(parsePhones('+34 91 555 1234; 555-0100')).toEqual([
    { number: '915551234', countryCode: 'ES', callingCode: '+34' },
    '{"5550100"}',
  ]);
  for (const cell of ['call me', '12', '+999 123', '1-800-FLOWERS']) expect(parsePhone(cell)).toEqual(unreadable);
});

test('web addresses', () => {
  for (const cell of ['ACME.com', 'acme.com/', 'https://Acme.com', '//acme.com'])
    expect(parseLink(cell)).toBe('https://acme.com');
  expect(parseLink('http://acme.com/Path?q=1')).toBe('http://acme.com/Path?q=1');
  expect(parseLink('https://köln.de/')).toBe('https://köln.de');
  expect(parseLink('SenatorCantwell', 'xLink')).toBe('https://x.com/SenatorCantwell');
  for (const cell of [
    'javascript:alert(1)',
    'ftp://acme.com',
    'Acme, Inc',
    'acme',
    'https://user:secret@acme.com',
    'https://',
    'data:text/html,x',
  ])
    expect(parseLink(cell)).toEqual(unreadable);
});

test('no text makes a link to anything but the web', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.webUrl(), fc.constantFrom('javascript:alert(1)//a.b', 'vbscript://a.b')),
      (text) => {
        const link = parseLink(text);
        if (typeof link === 'string') expect(link).toMatch(/^https?:\/\//);
      },
    ),
  );
});

test('money', () => {
  expect(parseMoney('$1,234.50')).toEqual({ micros: '1234500000', code: 'USD' });
  expect(parseMoney('1.234,50 EUR')).toEqual({ micros: '1234500000', code: 'EUR' });
  expect(parseMoney('€ 5k')).toEqual({ micros: '5000000000', code: 'EUR' });
  expect(parseMoney('-$3')).toEqual({ micros: '-3000000', code: 'USD' });
  expect(parseMoney('(3)')).toEqual({ micros: '-3000000', code: null });
  expect(parseMoney('R$ 10')).toEqual({ micros: '10000000', code: 'BRL' });
  for (const cell of ['much', '1 apple', '$', '99999999999999999999', '0.0000001', '$1 EUR'])
    expect(parseMoney(cell)).toEqual(unreadable);
});

test('amounts are exact', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 9n * 10n ** 12n }), fc.integer({ min: 0, max: 999_999 }), (whole, micros) => {
      expect(parseMoney(`${whole}.${String(micros).padStart(6, '0')}`)).toEqual({
        micros: String(whole * 1_000_000n + BigInt(micros)),
        code: null,
      });
    }),
  );
});

test('places', () => {
  expect(parsePlace('Saint Paul, Minnesota')).toEqual({
    street1: null,
    city: 'Saint Paul',
    state: 'Minnesota',
    country: 'United States',
  });
  expect(parsePlace('Dublin, Ireland')).toEqual({ street1: null, city: 'Dublin', state: null, country: 'Ireland' });
  expect(parsePlace('Warmley, Bristol, United Kingdom')).toEqual({
    street1: null,
    city: 'Warmley',
    state: 'Bristol',
    country: 'United Kingdom',
  });
  expect(parsePlace('Boston, Virginia[2]')).toMatchObject({ state: 'Virginia' });
  expect(parsePlace('1 Main St, Wilmington, DE')).toEqual({
    street1: '1 Main St',
    city: 'Wilmington',
    state: 'DE',
    country: null,
  });
  expect(parsePlace('Tbilisi, Georgia')).toMatchObject({ country: null });
  expect(parsePlace('none')).toBeNull();
  expect(countryName('gb')).toBe('United Kingdom');
  expect(countryName('Atlantis')).toBeNull();
});
