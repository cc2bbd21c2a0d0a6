import { setFormats, PLAIN_FORMATS } from '../model/formats.ts';
import { chosen, parse } from '../../../db/message.ts';
import { forms, t } from './t.ts';

test('a text without a translation is shown as it is in the source', () => {
  expect(t('Save view')).toBe('Save view');
  expect(t('{name} includes {other}.', { name: 'Sales', other: 'Support' })).toBe('Sales includes Support.');
  expect(t('By {name}', { name: null })).toBe('By ');
});

test('a plural has the form of its number, and the number the signs that the member reads', () => {
  const text = '{count, plural, =0 {Nothing} one {# record} other {# records}} of {name}';
  const of = (count: number) => t(text, { count, name: 'Ada' });
  expect([0, 1, 2].map(of)).toEqual(['Nothing of Ada', '1 record of Ada', '2 records of Ada']);
  expect(of(12_345)).toBe('12,345 records of Ada');
  setFormats({ ...PLAIN_FORMATS, numberFormat: 'DOTS_AND_COMMA' });
  expect(of(12_345)).toBe('12.345 records of Ada');
  setFormats(PLAIN_FORMATS);
});

test('a number in a text has the signs that the member reads, too', () => {
  const of = () => t('{at} of {total}', { at: 1, total: 2_499 });
  expect(of()).toBe('1 of 2,499');
  setFormats({ ...PLAIN_FORMATS, numberFormat: 'DOTS_AND_COMMA' });
  expect(of()).toBe('1 of 2.499');
  setFormats(PLAIN_FORMATS);
  expect(t('In {year}', { year: '2026' })).toBe('In 2026');
});

test('a choice falls back to "other", and what stands in quotes is no value', () => {
  const text = '{kind, select, TEAM {the team {who}} other {{who}}}';
  expect(t(text, { kind: 'TEAM', who: 'North' })).toBe('the team North');
  expect(t(text, { kind: 'MEMBER', who: 'Ada' })).toBe('Ada');
  expect(t("as '{'name'}' #1")).toBe('as {name} #1');
});

test('a form that a language has and its catalogue lacks is the last one', () => {
  const [part] = parse('{count, plural, one {un} other {des}}');
  if (typeof part !== 'object' || !('choices' in part)) throw new Error('No plural was read.');
  expect(chosen(part, 1_000_000, forms.plurals)).toEqual(['des']);
});

test('what is no such text is read as far as it can be', () => {
  for (const text of ['{', '{name', '{n, plural, one {a', '<0>open', 'close</0> and more', '}', "it's", '{n, plural,}'])
    expect(typeof t(text, { name: 'x', n: 1 })).toBe('string');
});
