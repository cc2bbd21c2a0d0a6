import { parse } from '../../db/message.ts';
import { readCatalogues, SOURCES } from './catalogues.ts';
import { extract } from './extract.ts';
import { mismatch } from './mismatch.ts';
import { pseudo } from './pseudo.ts';

const texts = await extract();
const written = await Promise.all(
  Object.values(SOURCES).map(async (source) => {
    const [keys, catalogues] = await Promise.all([source.extract(), readCatalogues(source)]);
    return [...catalogues].map(([language, catalogue]) => ({ name: `${source.folder}/${language}`, keys, catalogue }));
  }),
);

test.each(written.flat())('$name has the texts of the source and no other', ({ keys, catalogue }) => {
  // npm run texts brings them up to date.
  expect(Object.keys(catalogue)).toEqual([...keys.keys()]);
});

test.each(written.flat())('each translation of $name has the values and tags of its text', ({ catalogue }) => {
  const wrong = Object.entries(catalogue).flatMap(([text, translation]) => {
    const problem = translation === '' ? null : mismatch(text, translation);
    return problem ? [`${text} → ${translation}: ${problem}`] : [];
  });
  expect(wrong).toEqual([]);
});

test('the labels that come with Relvar are among the texts', () => {
  for (const label of ['@company.employees Employees', '@task.status Done', '@inverse Owned companies'])
    expect(texts.has(label)).toBe(true);
  for (const label of ['@record Created', '@role Read-only', '@permission Export']) expect(texts.has(label)).toBe(true);
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
