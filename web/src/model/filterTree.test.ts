import fc from 'fast-check';
import { company, field as made, model, person } from '../../tests/modelFixture.ts';
import { ANY_FIELD, operatorsOf, takesValue, type Filter } from './filters.ts';
import {
  decodeNodes,
  encodeNode,
  isGroup,
  notApplied,
  readFilter,
  storeFilter,
  toGraphQLFilter,
  type FilterNode,
} from './filterTree.ts';
import { parsePeriod, periodDays } from './periods.ts';

const now = new Date(2026, 10, 25, 12);
const compile = (nodes: FilterNode[]) => toGraphQLFilter(model, person, nodes, now, 'me-id');
const active: Filter = { field: 'active', operator: 'is', value: 'true' };
const high: Filter = { field: 'score', operator: 'gt', value: '5' };

describe('groups', () => {
  test('any of, within all of', () => {
    expect(compile([active, { join: 'or', nodes: [high, { field: 'score', operator: 'empty', value: '' }] }])).toEqual({
      and: [{ active: { equalTo: true } }, { or: [{ score: { greaterThan: 5 } }, { score: { isNull: true } }] }],
    });
  });

  test('none of holds for what is empty', () => {
    expect(compile([{ join: 'none', nodes: [high] }])).toEqual({
      not: { and: [{ score: { isNull: false } }, { score: { greaterThan: 5 } }] },
    });
  });

  test('what is not applied is left out, and so is a group that has nothing else', () => {
    const unfinished: Filter = { field: 'score', operator: 'gt', value: '' };
    expect(compile([{ join: 'or', nodes: [unfinished, { join: 'and', nodes: [] }] }])).toBeNull();
    expect(compile([active, { join: 'or', nodes: [unfinished, high] }])).toEqual({
      and: [{ active: { equalTo: true } }, { score: { greaterThan: 5 } }],
    });
  });
});

test('a field of the record that a relation points to', () => {
  const of = (operator: Filter['operator'], value: string) =>
    compile([{ via: 'company', field: 'name', operator, value }]);
  expect(of('starts', 'A')).toEqual({ company: { name: { startsWithInsensitive: 'A' } } });
  expect(of('isNot', 'A')).toEqual({
    or: [
      { companyExists: false },
      { company: { not: { and: [{ name: { isNull: false } }, { name: { equalTo: 'A' } }] } } },
    ],
  });
});

test('a text in any field', () => {
  const clause = JSON.stringify(compile([{ field: ANY_FIELD, operator: 'contains', value: 'ada' }]));
  for (const column of ['fullNameFirstName', 'emailsPrimaryEmail', 'notesMarkdown']) expect(clause).toContain(column);
  expect(clause).not.toContain('score');
});

test('what a role may not read, and what is gone, is not applied, and says so', () => {
  const limited = {
    ...model,
    objects: model.objects.map((each) => ({ ...each, fields: each.fields.filter(({ name }) => name !== 'score') })),
  };
  const object = limited.objects.find(({ id }) => id === person.id)!;
  expect(notApplied(limited, model, object, high)).toBe('Not applied: your role does not read this field.');
  expect(notApplied(limited, model, object, { ...high, field: 'lost' })).toContain('no such field');
  expect(notApplied(model, model, person, high)).toBeNull();
  expect(toGraphQLFilter(limited, object, [active, high], now)).toEqual({ active: { equalTo: true } });
  const stored = storeFilter(model, person, [active, high]);
  // Somebody who does not read the field and saves the view leaves the condition as it was.
  expect(storeFilter(limited, object, readFilter(limited, object, stored))).toEqual(stored);
});

describe('spans of time', () => {
  test.each([
    ['last', '30', '2026-10-27', '2026-11-26'],
    ['last', '1 month', '2026-10-26', '2026-11-26'],
    ['last', '2 quarters', '2026-05-26', '2026-11-26'],
    ['next', '2 weeks', '2026-11-25', '2026-12-09'],
    ['this', 'week', '2026-11-23', '2026-11-30'],
    ['this', 'month', '2026-11-01', '2026-12-01'],
    ['this', 'quarter', '2026-10-01', '2027-01-01'],
    ['this', 'year', '2026-01-01', '2027-01-01'],
  ] as const)('%s %s', (direction, text, from, until) =>
    expect(periodDays(direction, text, '2026-11-25')).toEqual({ from, until }),
  );

  test('a month that is shorter ends with its last day', () =>
    expect(periodDays('last', '1 month', '2026-03-31')).toEqual({ from: '2026-03-01', until: '2026-04-01' }));

  test('what is no span is none', () => {
    for (const text of ['', '0 days', '-1', 'x', '3 fortnights', '99999999']) expect(parsePeriod(text)).toBeNull();
  });
});

// ── there and back ────────────────────────────────────────────────────────────────────────────

const owner = made('owner', 'MEMBER', {
  relations: [{ ...person.fields.find(({ name }) => name === 'company')!.relations[0]!, id: 'r-owner', name: 'owner' }],
});
const object = { ...person, fields: [...person.fields, owner] };
const whole = { ...model, objects: [company, object] };

const valueFor = (operator: Filter['operator']): fc.Arbitrary<string> =>
  operator === 'between'
    ? fc.constantFrom('1..2', '2026-01-01..2026-02-01')
    : operator === 'this'
      ? fc.constantFrom('week', 'quarter')
      : operator === 'last' || operator === 'next'
        ? fc.constantFrom('30 days', '1 month')
        : takesValue(operator)
          ? fc.constantFrom('a', 'NEW,OLD', 'x:y', 'true', 'me')
          : fc.constant('');
const one: fc.Arbitrary<Filter> = fc
  .constantFrom(...object.fields.filter((each) => each.isActive && operatorsOf(each).length > 0))
  .chain((field) =>
    fc
      .constantFrom(...operatorsOf(field))
      .chain((operator) => valueFor(operator).map((value) => ({ field: field.name, operator, value }))),
  );
const through: fc.Arbitrary<Filter> = fc.constant({ via: 'company', field: 'name', operator: 'ends', value: 'x' });
const anything: fc.Arbitrary<Filter> = fc.constant({ field: ANY_FIELD, operator: 'contains', value: 'x' });
const { node } = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    one,
    through,
    anything,
    fc.record({
      join: fc.constantFrom('and' as const, 'or' as const, 'none' as const),
      nodes: fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));

test('the address keeps a filter as it is', () =>
  fc.assert(
    fc.property(fc.array(node, { maxLength: 4 }), (nodes) =>
      expect(decodeNodes(JSON.parse(JSON.stringify(nodes.map(encodeNode))))).toEqual(nodes),
    ),
  ));

test('a view keeps what a filter means', () =>
  fc.assert(
    fc.property(fc.array(node, { maxLength: 4 }), (nodes) => {
      const stored = storeFilter(whole, object, nodes);
      const read = readFilter(whole, object, stored);
      expect(storeFilter(whole, object, read)).toEqual(stored);
      const meaning = (of: FilterNode[]) => toGraphQLFilter(whole, object, of, now, 'me-id');
      expect(meaning(read)).toEqual(meaning(nodes));
      expect(JSON.stringify(stored) ?? '').not.toMatch(/"fieldId":"(?!field-)/);
      expect(nodes.every((each) => isGroup(each) || takesValue(each.operator) || each.value === '')).toBe(true);
    }),
  ));

test('an address that is none has no filter', () => {
  for (const wrong of [null, 'x', [1], [{}], [{ xor: [] }], ['nonsense'], [[['a']]]])
    expect(decodeNodes(wrong)).toEqual([]);
});
