import { company, field as made, model, person, taskTarget } from '../../tests/modelFixture.ts';
import { clauseOf, decodeFilter, encodeFilter, valueProblem, type Filter, type Operator } from './filters.ts';
import { toGraphQLFilter } from './filterTree.ts';
import { matches } from './matches.ts';
import type { ModelField } from './types.ts';

const now = new Date(2026, 10, 22, 12);
const relationTo = (name: string) => ({
  id: `relation-${name}`,
  targetObjectId: 'object-person',
  name,
  column: `${name}_id`,
  columnName: `${name}Id`,
  inverseName: 'x',
  inverseLabel: 'X',
  onDelete: 'SET_NULL' as const,
  isOnTimeline: false,
});
const one = (field: string, operator: Operator, value = '') =>
  toGraphQLFilter(model, person, [{ field, operator, value }], now);

test('no chips, no filter', () => expect(toGraphQLFilter(model, person, [])).toBeNull());

test('several chips must all hold', () => {
  expect(
    toGraphQLFilter(model, person, [
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
  expect(toGraphQLFilter(model, company, [{ field: 'revenue', operator: 'gte', value: '10k' }])).toEqual({
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
  expect(valueProblem(score, { field: 'score', operator: 'gt', value: 'many' })).toBe(
    'This value does not fit the field.',
  );
  expect(valueProblem(score, { field: 'score', operator: 'empty', value: '' })).toBeNull();
});

test('the address keeps a filter whole, colons and all', () => {
  const filter: Filter = { field: 'domain', operator: 'is', value: 'https://a.example:80/?b=c' };
  expect(decodeFilter(encodeFilter(filter))).toEqual(filter);
  expect(decodeFilter('domain:explodes:x')).toBeNull();
  expect(decodeFilter('nonsense')).toBeNull();
});

describe('the further types', () => {
  const of = (fields: ModelField[], field: string, operator: Operator, value = '') =>
    toGraphQLFilter(model, { ...person, fields }, [{ field, operator, value }], now, 'my-id');

  test('a percentage is compared as a share of one, a duration in seconds', () => {
    expect(of([made('share', 'PERCENT')], 'share', 'gte', '25%')).toEqual({ share: { greaterThanOrEqualTo: 0.25 } });
    expect(of([made('effort', 'DURATION')], 'effort', 'lt', '1:30')).toEqual({ effort: { lessThan: '5400' } });
    const formula = made('ratio', 'FORMULA', { resultType: 'PERCENT', isComputed: true });
    expect(of([formula], 'ratio', 'gt', '50')).toEqual({ ratio: { greaterThan: 0.5 } });
  });

  test('“me” is whoever looks', () => {
    const owner = made('owner', 'MEMBER', { relations: [relationTo('owner')] });
    expect(of([owner], 'owner', 'is', 'me,other')).toEqual({ ownerId: { in: ['my-id', 'other'] } });
  });

  test('a relation to several objects is asked by all of its keys', () => {
    expect(toGraphQLFilter(model, taskTarget, [{ field: 'target', operator: 'is', value: 'x' }])).toEqual({
      or: [{ targetPersonId: { in: ['x'] } }, { targetCompanyId: { in: ['x'] } }],
    });
  });

  test('many-to-many is asked by what it is linked with', () => {
    const junction = {
      objectId: 'j',
      fieldId: 'a',
      otherFieldId: 'b',
      targetObjectId: 'object-task',
      inverseFieldId: null,
      linkConnection: 'tagsLinks',
      otherName: 'tag',
      relationId: 'r',
      otherRelationId: 's',
      isOnTimeline: false,
      isOnOtherTimeline: false,
    };
    const tags = made('tags', 'MANY_TO_MANY', { junction, columns: [] });
    expect(of([tags], 'tags', 'contains', 'a,b')).toEqual({ tags: { some: { id: { in: ['a', 'b'] } } } });
    expect(of([tags], 'tags', 'lacks', 'a')).toEqual({ tags: { none: { id: { in: ['a'] } } } });
    expect(of([tags], 'tags', 'empty')).toEqual({ tagsExist: false });
  });
});

test('a place is within edges, also over the edge of the map; fewer edges are none', () => {
  const place = {
    ...person.fields[0]!,
    name: 'office',
    type: 'LOCATION' as const,
    columns: ['lat', 'lng'].map((part) => ({
      part,
      column: `office_${part}`,
      name: `office${part === 'lat' ? 'Lat' : 'Lng'}`,
    })),
  };
  const of = (value: string) => clauseOf(place, { field: 'office', operator: 'within', value }, { now, me: null });
  const at = (lat: number, lng: number) => ({ id: '1', officeLat: lat, officeLng: lng });
  expect(of('47, 5, 55, 15')).toEqual({
    and: [
      { officeLat: { greaterThanOrEqualTo: 47, lessThanOrEqualTo: 55 } },
      { officeLng: { greaterThanOrEqualTo: 5, lessThanOrEqualTo: 15 } },
    ],
  });
  expect(matches(of('47, 5, 55, 15')!, at(48.1, 11.6))).toBe(true);
  expect(matches(of('47, 5, 55, 15')!, at(48.1, 16.4))).toBe(false);
  const fiji = of('-20, 170, -10, -170')!;
  expect([matches(fiji, at(-17.7, 178)), matches(fiji, at(-17.7, -179)), matches(fiji, at(-17.7, 0))]).toEqual([
    true,
    true,
    false,
  ]);
  for (const value of ['', '1, 2, 3', '1, 2, 3, x', '1, 2, , 4']) expect(of(value)).toBeNull();
});
