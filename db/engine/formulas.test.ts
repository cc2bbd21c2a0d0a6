import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, addRelation, createWorkspace, type Workspace } from '../testing/workspace.ts';

// The language alone: what formulas mean, and how they are refused. What keeps their values in the
// tables is tested in computed.test.ts.
const db = useDatabase();
let ws: Workspace;
let deals: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const client = await db.admin.connect();
  await client.query('begin');
  const companies = await addObject(client, ws, { label_singular: 'Firm', label_plural: 'Firms' });
  await addField(client, companies, { label: 'Staff', type: 'NUMBER' });
  await addField(client, companies, { label: 'Place', name: 'place', type: 'ADDRESS' });
  deals = await addObject(client, ws, { label_singular: 'Deal', label_plural: 'Deals' });
  await addRelation(client, companies, 'Parent', companies, { label: 'Children' });
  await addRelation(client, deals, 'Firm', companies, { label: 'Deals' });
  for (const [label, type] of [
    ['Amount', 'CURRENCY'],
    ['Fee', 'CURRENCY'],
    ['Size', 'NUMBER'],
    ['Exact', 'NUMERIC'],
    ['Won', 'BOOLEAN'],
    ['Close', 'DATE'],
    ['Met', 'DATE_TIME'],
    ['Chance', 'PERCENT'],
    ['Effort', 'DURATION'],
    ['Person', 'FULL_NAME'],
    ['Tags', 'ARRAY'],
    ['Data', 'RAW_JSON'],
    ['Nr', 'AUTO_NUMBER'],
  ] as const)
    await addField(client, deals, {
      label,
      type,
      ...(type === 'AUTO_NUMBER' && { settings: { prefix: 'D-', padding: 3 } }),
    });
  await addField(client, deals, {
    label: 'Stage',
    type: 'SELECT',
    options: ['OPEN', 'WON', 'LOST'].map((value) => ({ value, label: value.toLowerCase() })),
  });
  await client.query('commit');
  client.release();
  const id = '0198c0de-0000-7000-8000-000000000001';
  await db.admin.query(
    `insert into ${ws.schema}.firms (id, name, staff, place_city) values ('${id}', 'Ada & Co', 7, 'Turin')`,
  );
  await db.admin.query(
    `insert into ${ws.schema}.deals (name, firm_id, amount_amount_micros, amount_currency_code, fee_amount_micros, fee_currency_code, size, exact, won, "close", met,
      chance, effort, person_first_name, person_last_name, tags, stage)
     values ('Big one', '${id}', 1500000000, 'EUR', 10000000, 'USD', 12.5, 0.1, true, '2026-03-31', '2026-03-31 22:30Z', 0.25, 5400, 'Ada', null, '{red,blue}', 'WON')`,
  );
});

interface Compiled {
  type: string;
}
const compile = async (client: pg.Pool | pg.PoolClient, formula: string, context = 'FORMULA') =>
  (
    await client.query<{ compiled: Compiled }>('select engine.formula_compile($1, $2, $3) as compiled', [
      deals,
      formula,
      context,
    ])
  ).rows[0]!.compiled;

/** The value of a formula for the one deal, as its column would hold it. */
async function evaluate(formula: string, context = 'FORMULA') {
  const compiled = await compile(db.admin, formula, context);
  const { rows } = await db.admin.query<{ sql: string }>(
    `select format('select %s as value, %s as currency from %I.deals d%s', engine.formula_sql($1, '', 'd'),
       case when $1::jsonb ->> 'type' = 'CURRENCY' then engine.formula_sql($1, 'currencyCode', 'd') else 'null' end,
       $2::text, engine.formula_joins($1, $2, 'd')) as sql`,
    [compiled, ws.schema],
  );
  const { value, currency } = (await db.admin.query<{ value: unknown; currency: string | null }>(rows[0]!.sql))
    .rows[0]!;
  if (compiled.type === 'CURRENCY') return value === null ? null : `${Number(value) / 1e6} ${currency}`;
  if (compiled.type === 'DURATION') return Number(value);
  if (value instanceof Date)
    return compiled.type === 'DATE' ? value.toLocaleDateString('sv') : value.toISOString().slice(0, 16);
  return value;
}

test.each<[formula: string, value: unknown]>([
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['2 ^ 3 ^ 2', 512],
  ['-2 ^ 2', -4],
  ['10 - 4 - 3', 3],
  ['7 % 4', 3],
  ['1 / 0', null],
  ['0.1 + 0.2', 0.3],
  ['size * 2', 25],
  ['size / 0', null],
  ['exact + 0.2', 0.3],
  ['null + 1', null],
  ['sqrt(-1)', null],
  ['0 ^ -1', null],
  ['(-8) ^ 0.5', null],
  ['10 ^ 400', null],
  ['round(1234.567, 1)', 1234.6],
  ['round(1234.567, -2)', 1200],
  ['floor(-1.5)', -2],
  ['ceil(1.2)', 2],
  ['abs(-3)', 3],
  ['min(3, null, 2)', 2],
  ['max(3, null, 2)', 3],
  ['amount * chance', '375 EUR'],
  ['amount * 0.1', '150 EUR'],
  ['amount + 10', '1510 EUR'],
  ['amount + fee', null],
  ['amount = fee', false],
  ['amount > fee', false],
  ['amount > 1000', true],
  ['amount / amount', 1],
  ['if(stage = "WON", amount, 0)', '1500 EUR'],
  ['if(stage = "LOST", amount, 0)', '0 EUR'],
  ['money(3, "CHF")', '3 CHF'],
  ['currency(amount) & " " & amount(amount)', 'EUR 1500'],
  ['round(money(1.005, "EUR"), 2)', '1.01 EUR'],
  ['coalesce(null, fee)', '10 USD'],
  ['max(amount, 2000)', '2000 EUR'],
  ['name & " / " & firm.name & null', 'Big one / Ada & Co'],
  ['firm.staff + 1', 8],
  ['firm.place.city', 'Turin'],
  ['firm.parent.name', null],
  ['isEmpty(firm.parent)', true],
  ['isEmpty(firm)', false],
  ['person', 'Ada'],
  ['person.lastName', null],
  ['nr', 'D-001'],
  ['upper(left(name, 3)) & length(name)', 'BIG7'],
  ['mid("abcdef", 2, 3)', 'bcd'],
  ['right("abc", 2)', 'bc'],
  ['replace(name, "one", "deal")', 'Big deal'],
  ['contains(name, "one") and startsWith(name, "Big") and endsWith(name, "one")', true],
  ['contains(tags, "red")', true],
  ['"green" in tags', false],
  ['length(tags)', 2],
  ['stage in ("OPEN", "WON")', true],
  ['not won', false],
  ['isEmpty(data) or isEmpty(tags)', true],
  ['switch(stage, "OPEN", 1, "WON", 2, 3)', 2],
  ['if(won, "yes")', 'yes'],
  ['if(not won, "yes")', null],
  ['number("12.5 ") + 1', 13.5],
  ['number("twelve")', null],
  ['text(1 / 4)', '0.25'],
  ['text(amount)', '1500.00 EUR'],
  ['text(close) & "|" & text(met)', '2026-03-31|2026-03-31 22:30'],
  ['text(chance)', '25 %'],
  ['text(effort)', '1:30'],
  ['close + 1', '2026-04-01'],
  ['dateAdd(close, 1, "month")', '2026-04-30'],
  ['dateAdd(close, -1, "month")', '2026-02-28'],
  // No moment of before 4713 BC is known to PostgreSQL: what would lead there is empty, not an error.
  ['dateAdd(close, -9000, "year")', null],
  ['dateAdd(close, -3900000, "day")', null],
  ['dateAdd(met, -2000000000, "hour")', null],
  ['met - 3900000', null],
  ['met - (dateAdd(dateAdd(met, 4000, "year"), 3900, "year") - dateAdd(met, -1900, "year"))', null],
  ['dateAdd(met, 90, "minute")', '2026-04-01T00:00'],
  ['date(met)', '2026-03-31'],
  ['date(2025, 13, 1)', '2026-01-01'],
  ['date(2025, null, 1)', null],
  ['if(won, null) & "x"', 'x'],
  ['switch(stage, "WON", null) & "x"', 'x'],
  ['coalesce(null, min(null, null)) & "x"', 'x'],
  ['if(won, if(won, null), "no")', null],
  ['if(won, switch(stage, "WON", null), close)', null],
  ['if(won, if(won, null), amount) + fee', null],
  ['isEmpty(if(won, data))', true],
  ['isEmpty(coalesce(data, null))', true],
  ['"red" in if(won, tags)', true],
  ['close - date("2026-03-01")', 30],
  ['dateDiff(date("2025-12-31"), close, "month")', 3],
  ['dateDiff(met, close, "hour")', -22],
  ['met - close', 81000],
  ['effort + duration(30, "minute")', 7200],
  ['effort / duration(1, "hour")', 1.5],
  ['effort * 2 > duration(2, "hour")', true],
  ['met + duration(1, "hour")', '2026-03-31T23:30'],
  ['startOf(close, "quarter")', '2026-01-01'],
  ['year(close) * 100 + month(close)', 202603],
  ['weekday(close)', 2],
  ['hour(met)', 22],
  ['percent(size / 50)', 0.25],
  ['size = null', false],
  ['null = null', true],
  ['size > null', false],
  ["'it''s' & \"\"", "it's"],
  ['AMOUNT(Amount) > 3 AND TRUE', true],
])('%s is %p', async (formula, value) => {
  expect(await evaluate(formula)).toEqual(value);
});

test('a value keeps its type', async () => {
  const types = Object.fromEntries(
    await Promise.all(
      [
        'amount',
        'size',
        'chance',
        'chance * 2',
        'close',
        'close + effort',
        'met - met',
        'won',
        'tags',
        'firm',
        'null',
      ].map(async (formula) => [formula, (await compile(db.admin, formula)).type] as const),
    ),
  );
  expect(types).toEqual({
    amount: 'CURRENCY',
    size: 'NUMBER',
    chance: 'PERCENT',
    'chance * 2': 'NUMBER',
    close: 'DATE',
    'close + effort': 'DATE_TIME',
    'met - met': 'DURATION',
    won: 'BOOLEAN',
    tags: 'ARRAY',
    firm: 'UUID',
    null: 'TEXT',
  });
});

const refusal = async (formula: string, context = 'FORMULA') =>
  compile(db.admin, formula, context).then(
    () => null,
    ({ code, message, detail, hint }: pg.DatabaseError) => `${code} ${message} [${detail}] ${hint}`,
  );

test.each<[formula: string, refusal: string]>([
  ['', 'RV050 The formula is empty.'],
  ['1 +', 'RV050 The formula ends where a value is expected. [At character 4'],
  ['(1 + 2', 'RV050 The bracket opened at character 1 is not closed. [At character 1: (]'],
  ['1 + 2)', 'RV050 The closing bracket at character 6 was never opened. [At character 6: )]'],
  ['size size', 'RV050 An operator is expected at character 6, not "size". [At character 6: size]'],
  ['"abc', 'RV050 The text that begins at character 1 has no closing ".'],
  ['size ; 1', 'RV050 The character ";" at 6 means nothing in a formula. [At character 6: ;]'],
  ['“a”', 'RV050 The quotation mark “ at character 1 is a printed one.'],
  ['sise + 1', 'RV051 There is no field "sise" in Deals. [At character 1: sise] Did you mean "size"?'],
  ['firm.staf', 'RV051 There is no field "staf" in Firms. [At character 1: staf] Did you mean "staff"?'],
  [
    'amount.micros',
    'RV051 The field "amount" has no part "micros". [At character 1: micros] Did you mean "amountMicros"?',
  ],
  ['firm.deals', '"deals" are many records. A rollup field counts, adds or lists them.'],
  ['rond(size)', 'RV052 There is no function "rond". [At character 1: rond] Did you mean "round"?'],
  [
    'round(1, 2, 3)',
    'RV052 "round" takes 1 to 2 arguments, not 3. [At character 1: round] Write it as round(number, decimals).',
  ],
  ['dateAdd(close, 1, "fortnight")', 'RV052 "fortnight" is no unit of dateAdd.'],
  [
    'name + 1',
    'RV053 "+" cannot join "name", which is a text, and "1", which is a number. [At character 6: +] Texts are joined by &.',
  ],
  ['amount * fee', 'RV053 "*" cannot join "amount", which is an amount of money,'],
  ['stage = "WONN"', 'RV053 "WONN" is no option of the field "stage". [At character 9: WONN] Did you mean "WON"?'],
  ['if(size, 1, 2)', 'RV053 The condition of "if" must be true or false, but "size" is a number.'],
  ['if(won, 1, "a")', 'RV053 "if" is given values of different kinds: a number and a text.'],
  ['firm.place', 'RV053 "place" has no simple value.'],
  [
    'effort > 3',
    'RV053 ">" cannot join "effort", which is a duration, and "3", which is a number. [At character 8: >] duration(2, "hour")',
  ],
  [
    'now()',
    'RV055 "now()" changes by itself, so it cannot be used here. [At character 1: now] What is computed is stored and indexed',
  ],
  ['firm.parent.parent.name', 'RV055 "firm.parent.parent.name" goes over more than two relations.'],
  ['max(' + '1, '.repeat(400) + '1)', 'RV054 The formula has more than 300 parts.'],
  ['('.repeat(400) + '1' + ')'.repeat(400), 'RV054 The formula has more than 300 parts.'],
  ['-'.repeat(60) + '1', 'RV054 The formula is nested more than 50 deep.'],
  ['a'.repeat(5001), 'RV054 The formula has 5001 characters; 5,000 are possible.'],
  ['9'.repeat(41), 'RV054 The number 999999999999999999999999999999 is too long.'],
])('refusal %#', async (formula, expected) => {
  expect(await refusal(formula)).toContain(expected);
});

test('conditions and defaults have limits of their own', async () => {
  expect(await refusal('firm.name = "x"', 'CONDITION')).toContain(
    'RV055 A condition reads fields of the record itself',
  );
  expect(await refusal('size', 'FILTER')).toContain('RV053 A condition must be true or false, but "size" is a number.');
  expect(await refusal('size + 1', 'DEFAULT')).toContain('RV055 A default value cannot read the field "size"');
  expect(await compile(db.admin, 'today() + 30', 'DEFAULT')).toMatchObject({ type: 'DATE' });
  expect(await compile(db.admin, 'currentMember()', 'DEFAULT')).toMatchObject({ type: 'UUID' });
  expect(await evaluate('not isEmpty(name) and size > 3', 'CONDITION')).toBe(true);
});

test('the text follows the names that fields have now', async () => {
  await db.inTransaction(async (client) => {
    const formula =
      'IF(won and not (size > 2 or -size < 1), (amount + 1) * 2 ^ (3 - 1), firm.parent.staff * AMOUNT(fee))';
    const compiled = await compile(client, formula.replace('firm.parent.staff * AMOUNT(fee)', 'fee'));
    const text = async () =>
      (await client.query<{ text: string }>('select engine.formula_text($1) as text', [compiled])).rows[0]!.text;
    expect(await text()).toBe('if(won and not (size > 2 or -size < 1), (amount + 1) * 2 ^ (3 - 1), fee)');
    await client.query(`update metadata.fields set name = 'volume' where object_id = $1 and name = 'size'`, [deals]);
    expect(await text()).toBe('if(won and not (volume > 2 or -volume < 1), (amount + 1) * 2 ^ (3 - 1), fee)');
    expect(await compile(client, await text())).toEqual({ ...compiled, node: expect.anything() });
  });
});

test('what a formula reads is known', async () => {
  const { rows } = await db.admin.query<{ names: string[]; options: string }>(
    `select array(select f.name from engine.formula_fields(c) i join metadata.fields f on f.id = i order by 1) as names,
       (select string_agg(value, ',' order by value) from engine.formula_options(c)) as options
     from engine.formula_compile($1, 'if(stage in ("WON", "lost"), firm.parent.staff, size)', 'FORMULA') c`,
    [deals],
  );
  expect(rows).toEqual([{ names: ['firm', 'parent', 'size', 'staff', 'stage'], options: 'LOST,WON' }]);
});
