import { afterEach, describe, expect, test } from '@jest/globals';
import { PLAIN_FORMATS, setFormats } from '../model/formats.ts';
import type { FieldType, Model, ModelField, ModelObject } from '../model/types.ts';
import { columnsBy, isAlready } from './columns.ts';

const field = (type: FieldType, more: Partial<ModelField> = {}): ModelField => ({
  id: 'f',
  name: 'it',
  label: 'It',
  description: null,
  icon: null,
  type,
  settings: null,
  options: null,
  defaultValue: null,
  isRequired: false,
  isUnique: false,
  isActive: true,
  isSystem: false,
  isCustom: true,
  isComputed: false,
  resultType: null,
  requiredFrom: null,
  position: 0,
  columns: [{ part: '', column: 'it', name: 'it' }],
  relations: [],
  junction: null,
  aliases: [],
  ...more,
});
const model = { objects: [] } as unknown as Model;
const object = {} as ModelObject;
const now = new Date('2026-11-28T20:00:00Z');
const columns = (by: ModelField, more: { bucket?: 'MONTH' | 'QUARTER'; bounds?: number[] } = {}) =>
  columnsBy({ model, object, field: by, filter: null, bucket: more.bucket ?? null, bounds: more.bounds, now });

afterEach(() => setFormats(PLAIN_FORMATS));

test('options make columns in their order, and what has none a last one, unless one is required', async () => {
  const options = [
    { value: 'B', label: 'Second', color: 'red', position: 1 },
    { value: 'A', label: 'First', color: 'blue', position: 0 },
  ];
  const made = await columns(field('SELECT', { options }));
  expect(made.map(({ key, label }) => [key, label])).toEqual([
    ['A', 'First'],
    ['B', 'Second'],
    ['none', 'No it'],
  ]);
  expect(made[0]).toMatchObject({ clause: { it: { in: ['A'] } } });
  expect(made.map(({ valueFor }) => valueFor('B'))).toEqual(['A', 'B', null]);
  expect((await columns(field('SELECT', { options, isRequired: true }))).map(({ key }) => key)).toEqual(['A', 'B']);
});

test('nothing said is no', async () => {
  const [, no] = await columns(field('BOOLEAN'));
  expect(no?.clause).toEqual({ or: [{ it: { equalTo: false } }, { it: { isNull: true } }] });
});

describe('days', () => {
  test('lie in one column each, whatever is today', async () => {
    const made = await columns(field('DATE'));
    expect(made.map(({ key }) => key)).toEqual(['overdue', 'today', 'tomorrow', 'nextWeek', 'later', 'none']);
    const at = (key: string) => made.find((column) => column.key === key);
    expect(at('overdue')?.clause).toEqual({ it: { lessThan: '2026-11-28' } });
    expect(at('overdue')?.valueFor(null)).toBeUndefined();
    expect(at('today')?.valueFor('2026-01-01')).toBe('2026-11-28');
    // The week ends with Sunday, which is tomorrow.
    expect(at('nextWeek')?.valueFor(null)).toBe('2026-11-30');
  });

  test('are those of the reader’s clocks, and a time stays the same time', async () => {
    const time = field('DATE_TIME');
    for (const [zone, today, instant, kept] of [
      ['Pacific/Pago_Pago', '2026-11-28', '2026-11-28T11:00:00.000Z', '2026-11-28T14:30:00.000Z'],
      ['Pacific/Kiritimati', '2026-11-29', '2026-11-28T10:00:00.000Z', '2026-11-28T13:30:00.000Z'],
    ] as const) {
      setFormats({ ...PLAIN_FORMATS, timeZone: zone });
      const column = (await columns(time)).find(({ key }) => key === 'today');
      expect([zone, JSON.stringify(column?.clause)]).toEqual([zone, expect.stringContaining(instant)]);
      const before = zone === 'Pacific/Pago_Pago' ? '2026-07-01T14:30:00Z' : '2026-07-01T13:30:00Z';
      expect([today, column?.valueFor(before)]).toEqual([today, kept]);
    }
  });

  test('fall into months and quarters without a gap', async () => {
    const months = await columns(field('DATE'), { bucket: 'MONTH' });
    expect(months.map(({ label }) => label)).toEqual([
      'Earlier',
      'Aug 2026',
      'Sep 2026',
      'Oct 2026',
      'Nov 2026',
      'Dec 2026',
      'Jan 2027',
      'Feb 2027',
      'Mar 2027',
      'Apr 2027',
      'May 2027',
      'Jun 2027',
      'Jul 2027',
      'Aug 2027',
      'Later',
      'No it',
    ]);
    expect(months.find(({ label }) => label === 'Dec 2026')?.clause).toEqual({
      and: [{ it: { greaterThanOrEqualTo: '2026-12-01' } }, { it: { lessThan: '2027-01-01' } }],
    });
    const quarter = (await columns(field('DATE'), { bucket: 'QUARTER' })).find(({ label }) => label === 'Q4 2026');
    // Of the quarter that it is, what is put there is for today.
    expect(quarter?.valueFor(null)).toBe('2026-11-28');
  });
});

test('numbers fall into ranges, which give what is put there their beginning', async () => {
  const money = field('CURRENCY', {
    columns: [
      { part: 'amountMicros', column: 'it_amount_micros', name: 'itAmountMicros' },
      { part: 'currencyCode', column: 'it_currency_code', name: 'itCurrencyCode' },
    ],
  });
  const made = await columns(money, { bounds: [0, 500] });
  expect(made.map(({ key }) => key)).toEqual(['below', '0', '500', 'none']);
  expect(made[1]?.clause).toEqual({
    and: [{ itAmountMicros: { greaterThanOrEqualTo: '0' } }, { itAmountMicros: { lessThan: '500000000' } }],
  });
  expect(made[2]?.valueFor({ amountMicros: '1', currencyCode: 'EUR' })).toEqual({
    amountMicros: '500000000',
    currencyCode: 'EUR',
  });
  expect((await columns(field('RATING'))).map(({ key }) => key)).toEqual(['1', '2', '3', '4', '5', 'none']);
});

test('a card that says so already is not changed by being put there', () => {
  expect(isAlready(model, field('SELECT'), { id: '1', it: 'A' }, 'A')).toBe(true);
  expect(isAlready(model, field('SELECT'), { id: '1', it: 'A' }, null)).toBe(false);
});
