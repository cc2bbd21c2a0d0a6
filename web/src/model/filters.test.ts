import { company, person } from '../../tests/modelFixture.ts';
import { decodeFilter, encodeFilter, filterProblem, toGraphQLFilter, type Filter, type Operator } from './filters.ts';

const now = new Date(2026, 10, 22, 12);
const one = (field: string, operator: Operator, value = '') =>
  toGraphQLFilter(person, [{ field, operator, value }], now);

test('no chips, no filter', () => expect(toGraphQLFilter(person, [])).toBeNull());

test('several chips must all hold', () => {
  expect(
    toGraphQLFilter(person, [
      { field: 'score', operator: 'gt', value: '5' },
      { field: 'active', operator: 'is', value: 'false' },
    ]),
  ).toEqual({
    and: [{ score: { greaterThan: 5 } }, { active: { equalTo: false } }],
  });
});

test('each word of a full name may be in either part', () => {
  expect(one('fullName', 'contains', 'Ada Love')).toEqual({
    and: ['Ada', 'Love'].map((word) => ({
      or: [{ fullNameFirstName: { includesInsensitive: word } }, { fullNameLastName: { includesInsensitive: word } }],
    })),
  });
});

test('what lacks a text includes what is empty', () => {
  expect(one('emails', 'lacks', 'x')).toEqual({
    or: [{ emailsPrimaryEmail: { isNull: true } }, { emailsPrimaryEmail: { notIncludesInsensitive: 'x' } }],
  });
});

test('empty is null or blank', () =>
  expect(one('emails', 'empty')).toEqual({
    or: [{ emailsPrimaryEmail: { isNull: true } }, { emailsPrimaryEmail: { equalTo: '' } }],
  }));

test('an amount compares in micros', () => {
  expect(toGraphQLFilter(company, [{ field: 'revenue', operator: 'gte', value: '10k' }])).toEqual({
    revenueAmountMicros: { greaterThanOrEqualTo: '10000000000' },
  });
});

test('days compare as days', () => {
  expect(one('born', 'on', '2026-11-22')).toEqual({
    born: { greaterThanOrEqualTo: '2026-11-22', lessThan: '2026-11-23' },
  });
  expect(one('born', 'before', 'today')).toEqual({ born: { lessThan: '2026-11-22' } });
  expect(one('born', 'after', 'today')).toEqual({ born: { greaterThanOrEqualTo: '2026-11-23' } });
  expect(one('born', 'last', '7')).toEqual({ born: { greaterThanOrEqualTo: '2026-11-16', lessThan: '2026-11-23' } });
});

test('an instant is on a day from its first moment to its last', () => {
  expect(one('seenAt', 'on', '2026-11-22')).toEqual({
    seenAt: {
      greaterThanOrEqualTo: new Date(2026, 10, 22).toISOString(),
      lessThan: new Date(2026, 10, 23).toISOString(),
    },
  });
});

test('choices take several values, and “is not” includes the empty ones', () => {
  expect(one('stage', 'is', 'NEW,OLD')).toEqual({ stage: { in: ['NEW', 'OLD'] } });
  expect(one('company', 'isNot', 'c1')).toEqual({
    or: [{ companyId: { isNull: true } }, { not: { companyId: { in: ['c1'] } } }],
  });
  expect(one('tags', 'contains', 'A')).toEqual({ tags: { overlaps: ['A'] } });
});

test('what does not fit is left out, and said', () => {
  expect(one('score', 'gt', 'many')).toBeNull();
  expect(one('gone', 'contains', 'x')).toBeNull();
  expect(one('score', 'contains', '5')).toBeNull();
  const score = person.fields.find((field) => field.name === 'score')!;
  expect(filterProblem(score, { field: 'score', operator: 'gt', value: 'many' })).toBe(
    'This value does not fit the field.',
  );
  expect(filterProblem(score, { field: 'score', operator: 'empty', value: '' })).toBeNull();
});

test('the address keeps a filter whole, colons and all', () => {
  const filter: Filter = { field: 'domain', operator: 'is', value: 'https://a.example:80/?b=c' };
  expect(decodeFilter(encodeFilter(filter))).toEqual(filter);
  expect(decodeFilter('domain:explodes:x')).toBeNull();
  expect(decodeFilter('nonsense')).toBeNull();
});
