import { parse } from '../src/language/message.ts';
import { readCatalogues } from './catalogues.ts';
import { extract } from './extract.ts';
import { mismatch } from './mismatch.ts';
import { pseudo } from './pseudo.ts';

const [texts, catalogues] = await Promise.all([extract(), readCatalogues()]);

test.each([...catalogues.keys()])('the catalogue of %s has the texts of the source and no other', (language) => {
  // npm run texts brings them up to date.
  expect(Object.keys(catalogues.get(language) ?? {})).toEqual([...texts.keys()]);
});

test.each([...catalogues.keys()])('each translation into %s has the values and tags of its text', (language) => {
  const wrong = Object.entries(catalogues.get(language) ?? {}).flatMap(([text, translation]) => {
    const problem = translation === '' ? null : mismatch(text, translation);
    return problem ? [`${text} → ${translation}: ${problem}`] : [];
  });
  expect(wrong).toEqual([]);
});

test('no text is a part of a sentence that begins or ends elsewhere', () => {
  const parts = [...texts]
    .filter(([text]) => /^[\s,;:·]|\s$/.test(text))
    .map(([text, where]) => `${where[0]} "${text}"`);
  expect(parts).toEqual([]);
});

test('a translation that lacks a value, has a foreign one or no last form is found', () => {
  expect(mismatch('{count} of {limit}', '{count} von {limit}')).toBeNull();
  expect(mismatch('{count} of {limit}', '{limit} von {count}')).toBeNull();
  expect(mismatch('{count} of {limit}', '{count} von allen')).toBe('It lacks {limit}.');
  expect(mismatch('Go to <0>it</0>', 'Zu {it}')).toBe('It lacks <0>.');
  expect(mismatch('Save', 'Speichern {it}')).toBe('The text has no {it}.');
  expect(mismatch('{n, plural, one {# day} other {# days}}', '{n, plural, one {# Tag}}')).toBe(
    'A plural has no form "other".',
  );
});

test('the pseudo-language keeps values, tags and forms, and is longer', () => {
  expect(pseudo('Save')).toBe('[Šáṽé~~]');
  const text = '{count, plural, one {# record} other {# records}} in <0>{name}</0>';
  expect(mismatch(text, pseudo(text))).toBeNull();
  expect([...texts.keys()].filter((each) => mismatch(each, pseudo(each)) !== null)).toEqual([]);
  expect(parse(pseudo("a '{'b'}'"))).not.toContainEqual({ name: 'b' });
});
