import { company, field, model, person, taskTarget } from '../../tests/modelFixture.ts';
import { apiName, optionValue, plural } from './names.ts';
import { copyText, editText, parseValue } from './parse.ts';
import { formatValue } from './text.ts';
import type { ModelField, ModelObject } from './types.ts';
import { applyValue, readValue, recordLabel, toPatch } from './values.ts';

const named = (object: ModelObject, name: string): ModelField => object.fields.find((each) => each.name === name)!;

test('a relation reads as a link with the label of its record, and writes its key', () => {
  const row = { id: 'p', companyId: 'c', company: { id: 'c', name: 'Acme' } };
  const link = readValue(model, named(person, 'company'), row);
  expect(link).toEqual({ relationId: 'relation-company', id: 'c', label: 'Acme' });
  expect(toPatch(named(person, 'company'), link)).toEqual({ companyId: 'c' });
  expect(toPatch(named(person, 'company'), null)).toEqual({ companyId: null });
});

test('choosing another target of a polymorphic relation empties the one before', () => {
  expect(toPatch(named(taskTarget, 'target'), { relationId: 'relation-targetCompany', id: 'c', label: '' })).toEqual({
    targetPersonId: null,
    targetCompanyId: 'c',
  });
});

test('a currency without an amount is empty', () => {
  expect(
    readValue(model, named(company, 'revenue'), { id: 'c', revenueAmountMicros: null, revenueCurrencyCode: 'EUR' }),
  ).toBeNull();
});

test('an edit shows before it is saved, related label included', () => {
  const edited = applyValue(
    model,
    named(person, 'company'),
    { id: 'p', companyId: null, company: null },
    { relationId: 'relation-company', id: 'c', label: 'Acme' },
  );
  expect(readValue(model, named(person, 'company'), edited)).toMatchObject({ label: 'Acme' });
});

test('changed Markdown drops the document that it no longer matches', () => {
  expect(toPatch(named(person, 'notes'), { markdown: 'new', document: { old: true } })).toEqual({
    notesMarkdown: 'new',
    notesDocument: null,
  });
});

test('a record is called by its label field', () => {
  expect(recordLabel(model, person, { id: 'p', fullNameFirstName: 'Ada', fullNameLastName: 'Lovelace' })).toBe(
    'Ada Lovelace',
  );
  expect(recordLabel(model, person, { id: 'p' })).toBe('');
});

test.each([
  ['fullName', 'Ada King Lovelace', { firstName: 'Ada King', lastName: 'Lovelace' }],
  ['emails', 'Ada@Example.org', { primaryEmail: 'ada@example.org', additionalEmails: null }],
  ['score', '1,5', 1.5],
  ['stage', 'old', 'OLD'],
  ['born', '10 Dec 1815', '1815-12-10'],
  ['active', 'yes', true],
  ['score', '  ', null],
])('reads %s from “%s”', (name, text, value) => expect(parseValue(named(person, name), text, null)).toEqual({ value }));

test.each([
  ['emails', 'ada', '“ada” is not an e-mail address.'],
  ['stage', 'middle', 'stage has no option “middle”.'],
  ['score', 'x', '“x” is not a number.'],
])('says why %s cannot be “%s”', (name, text, reason) =>
  expect(parseValue(named(person, name), text, null)).toEqual({ reason }),
);

test('a link that runs a program is refused', () => {
  expect(parseValue(named(company, 'domain'), 'javascript:alert(1)', null)).toHaveProperty('reason');
  expect(parseValue(named(company, 'domain'), 'acme.example', null)).toEqual({
    value: { primaryLinkLabel: null, primaryLinkUrl: 'https://acme.example', secondaryLinks: null },
  });
});

test('what an editor starts from reads back as the same value', () => {
  for (const [name, value] of [
    ['score', 1234.5],
    ['born', '2026-01-31'],
    ['stage', 'NEW'],
  ] as const) {
    expect(parseValue(named(person, name), editText(named(person, name), value), value)).toEqual({ value });
  }
  expect(formatValue(named(person, 'score'), 1234.5)).toBe('1,234.5');
});

test('names are previewed as the database derives them', () => {
  expect(apiName('Kick-off date')).toBe('kickOffDate');
  expect(apiName('Größe (cm)')).toBe('groECm');
  expect(apiName('2nd owner')).toBe('n2ndOwner');
  expect(optionValue('Under way!')).toBe('UNDER_WAY');
  expect(['Project', 'Company', 'Box'].map(plural)).toEqual(['Projects', 'Companies', 'Boxes']);
});

describe('the further types', () => {
  const value = (made: ModelField, text: string) => parseValue(made, text, null);

  test('a percentage is a share of one', () => {
    const percent = field('share', 'PERCENT', { settings: { decimals: 1 } });
    for (const text of ['25', '25%', '25 %']) expect(value(percent, text)).toEqual({ value: 0.25 });
    expect(formatValue(percent, 0.0725)).toBe('7.3%');
    expect(editText(percent, 0.07)).toBe('7%');
    const number = field('rate', 'NUMBER', { settings: { type: 'percentage' } });
    expect(value(number, '12.5')).toEqual({ value: 0.125 });
    expect(formatValue(number, 0.125)).toBe('12.5%');
  });

  test('a formula shows as its result does', () => {
    const formula = field('margin', 'FORMULA', { resultType: 'PERCENT', isComputed: true });
    expect(formatValue(formula, 0.5)).toBe('50%');
    const rollup = field('names', 'ROLLUP', { resultType: 'ARRAY', isComputed: true });
    expect(formatValue(rollup, ['Ada', 'Grace'])).toBe('Ada, Grace');
  });

  test('a duration is seconds', () => {
    expect(value(field('effort', 'DURATION'), '1:30')).toEqual({ value: '5400' });
    expect(formatValue(field('effort', 'DURATION'), '5400')).toBe('1h 30m');
  });

  test('a location is two coordinates within their bounds', () => {
    const place = field('place', 'LOCATION');
    expect(value(place, '48.137, -11.575')).toEqual({ value: { lat: 48.137, lng: -11.575 } });
    expect(value(place, '48.137 11.575')).toEqual({ value: { lat: 48.137, lng: 11.575 } });
    expect(value(place, '33.9 S, 151.2 E')).toEqual({ value: { lat: -33.9, lng: 151.2 } });
    for (const text of ['Munich', '48', '91, 0', '0, 181']) expect(value(place, text)).toHaveProperty('reason');
  });

  test('a colour is six digits', () => {
    expect(value(field('ink', 'COLOR'), '#1C8')).toEqual({ value: '#11cc88' });
    expect(value(field('ink', 'COLOR'), 'teal')).toHaveProperty('reason');
  });

  test('several values are read as far as the field takes them', () => {
    const emails = field('emails', 'EMAILS', { settings: { maxNumberOfValues: 2 } });
    expect(value(emails, 'A@x.example; b@x.example')).toEqual({
      value: { primaryEmail: 'a@x.example', additionalEmails: ['b@x.example'] },
    });
    expect(value(emails, 'a@x.example, b@x.example, c@x.example')).toEqual({
      reason: 'emails takes 2 values at most.',
    });
    expect(value(field('tags', 'ARRAY'), 'one, two')).toEqual({ value: ['one', 'two'] });
    const links = parseValue(field('links', 'LINKS'), 'a.example https://b.example', null);
    expect(links).toMatchObject({ value: { secondaryLinks: [{ url: 'https://b.example', label: null }] } });
  });

  test('what is copied reads back as the same value', () => {
    const cases: [ModelField, ReturnType<typeof readValue>][] = [
      [field('share', 'PERCENT'), 0.07],
      [field('effort', 'DURATION'), '5415'],
      [field('ink', 'COLOR'), '#1c8a6b'],
      [field('place', 'LOCATION'), { lat: 1.5, lng: -2 }],
      [field('list', 'ARRAY'), ['a', 'b']],
      [field('money', 'CURRENCY'), { amountMicros: '2500500000', currencyCode: 'EUR' }],
      [field('stars', 'RATING'), 4],
      [field('day', 'DATE', { settings: { displayFormat: 'RELATIVE' } }), '2026-01-31'],
      [field('json', 'RAW_JSON'), { a: [1, null] }],
      [field('emails', 'EMAILS'), { primaryEmail: 'a@x.example', additionalEmails: ['b@x.example'] }],
    ];
    for (const [made, kept] of cases) expect(parseValue(made, copyText(made, kept), kept)).toEqual({ value: kept });
  });

  test('an address shows the parts that its setting names', () => {
    const address = field('office', 'ADDRESS', { settings: { subFields: ['city', 'addressCountry'] } });
    expect(formatValue(address, { street1: 'Main St 1', city: 'Riga', country: 'Latvia' })).toBe('Riga, Latvia');
  });
});
