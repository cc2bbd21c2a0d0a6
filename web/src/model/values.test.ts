import { model, company, person, taskTarget } from '../../tests/modelFixture.ts';
import { apiName, optionValue, plural } from './names.ts';
import { editText, formatValue, parseValue } from './text.ts';
import type { ModelField, ModelObject } from './types.ts';
import { applyValue, readValue, recordLabel, toPatch } from './values.ts';

const named = (object: ModelObject, name: string): ModelField => object.fields.find((field) => field.name === name)!;

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
  ['emails', 'Ada@Example.org', { primaryEmail: 'ada@example.org' }],
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
    value: { primaryLinkUrl: 'https://acme.example' },
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
