import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, addRelation, createWorkspace, type Workspace } from '../testing/workspace.ts';

// Whatever is written as a formula: it is refused in words, or it gives a value for every record.
// The same expressions in each run, so that a failure is somebody's change; RELVAR_TEST_SEED looks elsewhere.
fc.configureGlobal({ seed: Number(process.env.RELVAR_TEST_SEED ?? 1) });

const db = useDatabase();
let ws: Workspace;
let things: string;

const FIELDS = {
  TEXT: ['Words'],
  NUMBER: ['Size'],
  NUMERIC: ['Exact'],
  BOOLEAN: ['Open'],
  DATE: ['Day'],
  DATE_TIME: ['Moment'],
  CURRENCY: ['Price', 'Cost'],
  PERCENT: ['Share'],
  DURATION: ['Effort'],
  ARRAY: ['Tags'],
  RAW_JSON: ['Data'],
  FULL_NAME: ['Person'],
  ADDRESS: ['Place'],
} as const;

/** The extremes of each type; a record has the n-th of each. */
const EXTREMES: Record<string, (string | null)[]> = {
  name: ['', 'a', '🎉👩‍👩‍👧', `'; drop table x; --`, '\\', '1e400', '%s %1$s', null],
  words: [null, 'ß'.repeat(3000), '12.5', '-0', 'NaN', '$1', '"', ' 7 '],
  size: ['0', '-0', '1.7e308', '-1.7e308', '5e-324', 'NaN', 'Infinity', null],
  exact: ['0', '1e-400', '-1e400', 'NaN', 'Infinity', '-Infinity', '0.1', null],
  open: ['true', 'false', null],
  day: ['infinity', '-infinity', '5874897-12-31', '4713-01-01 BC', '2024-02-29', '9999-12-31', null],
  moment: ['infinity', '-infinity', '294276-12-31 23:59:59Z', '4713-01-01 00:00Z BC', '2024-02-29 23:59:59.999Z', null],
  price_amount_micros: ['9223372036854775807', '-9223372036854775808', '0', '1', null],
  price_currency_code: ['EUR', 'USD', null],
  cost_amount_micros: ['1', '9223372036854775807', null],
  cost_currency_code: ['EUR', null],
  share: ['0.25', 'NaN', '1e308', null],
  effort: ['9223372036854775807', '-9223372036854775808', '0', '3600', null],
  tags: ['{}', '{a,b}', '{"",NULL}', null],
  data: ['null', '{}', '[1]', null],
  person_first_name: ['Ada', '', null],
  place_city: ['Turin', null],
};

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const client = await db.admin.connect();
  await client.query('begin');
  things = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
  await addRelation(client, things, 'Parent', things, { label: 'Children' });
  for (const [type, labels] of Object.entries(FIELDS))
    for (const label of labels) await addField(client, things, { label, type });
  await addField(client, things, {
    label: 'Stage',
    type: 'SELECT',
    options: [{ value: 'NEW', label: 'New' }],
  });
  await client.query('commit');
  client.release();
  const columns = Object.keys(EXTREMES);
  for (let n = 0; n < 16; n++)
    await db.admin.query(
      `insert into ${ws.schema}.things (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
      columns.map((column, i) => EXTREMES[column]![(n + i * (n >> 3)) % EXTREMES[column]!.length]),
    );
  await db.admin.query(`update ${ws.schema}.things set parent_id = (select id from ${ws.schema}.things limit 1)`);
});

/** Compiles a formula, reads it back, and computes it for all records; or answers the code of the refusal. */
async function attempt(formula: string, context = 'FORMULA'): Promise<string> {
  let compiled;
  try {
    const { rows } = await db.admin.query('select engine.formula_compile($1, $2, $3) as compiled', [
      things,
      formula,
      context,
    ]);
    compiled = rows[0].compiled;
  } catch (error) {
    const { code, message, detail } = error as pg.DatabaseError;
    expect({ formula, code, message, detail }).toMatchObject({
      code: expect.stringMatching(/^RV05\d$/),
      message: expect.stringMatching(/[.!?]$/),
      detail: expect.stringMatching(/^At character \d+: /),
    });
    return code!;
  }
  const { rows } = await db.admin.query(
    `select engine.formula_text($1) as text, engine.formula_compile($3, engine.formula_text($1), $4) = $1 as same, format('select %s, %s from %I.things d%s', engine.formula_sql($1, '', 'd'),
       case when $1::jsonb ->> 'type' = 'CURRENCY' then engine.formula_sql($1, 'currencyCode', 'd') else 'null' end, $2::text, engine.formula_joins($1, $2, 'd')) as sql`,
    [compiled, ws.schema, things, context],
  );
  expect({ formula, ...rows[0] }).toMatchObject({ same: true });
  await db.admin.query(rows[0].sql).catch((error: Error) => {
    throw new Error(`${formula}\n${error.message}\n${rows[0].sql}`);
  });
  return 'a value';
}

const text = fc.oneof(
  fc.constantFrom('', 'a', 'NEW', '"', "'", '\\', '🎉', '%', '$1', `'); drop table x; --`, '12', '-1.5 '),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const quoted = text.filter((t) => !t.includes('\0')).map((t) => `"${t.replaceAll('"', '""')}"`);
const unit = fc.constantFrom('"second"', '"minute"', '"hour"', '"day"', '"week"', '"month"', '"quarter"', '"year"');

/** Expressions that have a type, one arbitrary for each. */
const typed = fc.letrec((tie) => {
  const n = tie('n');
  const t = tie('t');
  const b = tie('b');
  const d = tie('d');
  const m = tie('m');
  const u = tie('u');
  const json = tie('json');
  const list = tie('list');
  const call = (name: string, ...args: fc.Arbitrary<unknown>[]) =>
    fc.tuple(...args).map((values) => `${name}(${values.join(', ')})`);
  const op = (...[a, signs, z]: [fc.Arbitrary<unknown>, string[], fc.Arbitrary<unknown>]) =>
    fc.tuple(a, fc.constantFrom(...signs), z).map(([l, o, r]) => `(${l as string} ${o} ${r as string})`);
  const choice = (x: fc.Arbitrary<unknown>) => [
    call('if', b, x, x),
    call('if', b, x),
    call('coalesce', x, x),
    call('switch', t, quoted, x, x),
  ];
  return {
    n: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom(
        'size',
        'exact',
        'share',
        '0',
        '1',
        '-1',
        '0.5',
        '1e30',
        '1e-20',
        '400',
        'parent.size',
        'null',
        'price.amountMicros',
        'number(words)',
      ),
      op(n, ['+', '-', '*', '/', '%', '^'], n),
      op(d, ['-'], d),
      op(m, ['/'], m),
      op(u, ['/'], u),
      ...['round', 'floor', 'ceil', 'abs', 'sqrt', 'percent', '-'].map((name) => call(name, n)),
      call('round', n, n),
      call('power', n, n),
      call('mod', n, n),
      call('min', n, n),
      call('max', n, n),
      ...['year', 'month', 'day', 'week', 'weekday', 'quarter', 'hour', 'minute', 'second'].map((name) =>
        call(name, d),
      ),
      call('dateDiff', d, d, unit),
      call('length', t),
      call('number', t),
      call('amount', m),
      ...choice(n),
    ),
    t: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      quoted,
      fc.constantFrom(
        'name',
        'words',
        'stage',
        'person',
        'place.city',
        'parent.name',
        'parent.parent.words',
        'price.currencyCode',
        'null',
      ),
      op(fc.oneof(t, n, m, b, d, u), ['&'], fc.oneof(t, n, m, b, d, u)),
      ...['upper', 'lower', 'trim'].map((name) => call(name, t)),
      call('left', t, n),
      call('right', t, n),
      call('mid', t, n, n),
      call('replace', t, t, t),
      call('text', fc.oneof(n, m, b, d, u)),
      call('currency', m),
      ...choice(t),
    ),
    b: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom(
        'open',
        'true',
        'false',
        'isEmpty(data)',
        'isEmpty(tags)',
        'isEmpty(place)',
        'parent.open',
        'stage = "NEW"',
        '"a" in tags',
      ),
      op(b, ['and', 'or', '=', '!='], b),
      ...[n, t, d, m, u].map((x) => op(x, ['=', '!=', '<', '<=', '>', '>='], x)),
      b.map((x) => `not ${x as string}`),
      call('contains', t, t),
      call('startsWith', t, t),
      call('endsWith', t, t),
      fc.tuple(n, n, n).map(([x, y, z]) => `${x as string} in (${y as string}, ${z as string})`),
      call('isEmpty', fc.oneof(n, t, d, m, json, list)),
      op(quoted, ['in'], list),
      ...choice(b),
    ),
    d: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom('day', 'moment', 'createdAt', 'date("2024-02-29")', 'parent.moment', 'null'),
      op(d, ['+', '-'], fc.oneof(n, u)),
      call('dateAdd', d, n, unit),
      call('date', n, n, n),
      call('dateTime', n, n, n, n),
      call('date', d),
      call('startOf', d, fc.constantFrom('"hour"', '"day"', '"month"', '"year"')),
      call('max', d, d),
      ...choice(d),
    ),
    m: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom('price', 'cost', 'parent.price', 'money(5, "EUR")', 'null'),
      op(m, ['+', '-'], fc.oneof(m, n)),
      op(m, ['*', '/'], n),
      call('money', n, t),
      call('round', m, n),
      call('floor', m),
      call('min', m, n, m),
      ...choice(m),
    ),
    u: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      fc.constantFrom('effort', 'duration(2, "hour")', 'null'),
      op(u, ['+', '-'], u),
      op(u, ['*', '/'], n),
      call('duration', n, fc.constantFrom('"hour"', '"week"')),
      op(d, ['-'], fc.constantFrom('moment', 'createdAt')),
      call('abs', u),
      ...choice(u),
    ),
    json: fc.oneof({ maxDepth: 4, depthSize: 'small' }, fc.constantFrom('data', 'null'), ...choice(json)),
    list: fc.oneof({ maxDepth: 4, depthSize: 'small' }, fc.constantFrom('tags', 'null'), ...choice(list)),
  };
});

const outcomes: Record<string, number> = {};
const count = (outcome: string) => (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1);

test('an expression that makes sense gives a value for every record', async () => {
  const any = fc.oneof(...(['n', 't', 'b', 'd', 'm', 'u'] as const).map((kind) => typed[kind] as fc.Arbitrary<string>));
  await fc.assert(
    fc.asyncProperty(any, async (formula) => void count(await attempt(formula))),
    { numRuns: 100 },
  );
  // Most of them were no refusals.
  expect(outcomes['a value']).toBeGreaterThan(25);
}, 240_000);

test('any mix of words is refused in words, or gives a value', async () => {
  const word = fc.oneof(
    fc.constantFrom(
      'size',
      'name',
      'price',
      'parent',
      'tags',
      'day',
      '.',
      ',',
      '(',
      ')',
      '+',
      '-',
      '*',
      '/',
      '^',
      '&',
      '=',
      '<>',
      '<',
      'and',
      'or',
      'not',
      'in',
      'null',
      'true',

      'if(',
      'round(',
      'text(',
      'now()',
      'today()',
      'currentMember()',
      'pg_sleep(1)',
      'select',
      '--',
      ';',
      '/*',
      '$$',
      '1',
      '1e',
      '.5',
      '"',
      "'",
      '“',
      '\\',
      '🎉',
      '\u202e',
    ),
    quoted,
    fc.string({ unit: 'grapheme', maxLength: 5 }),
  );
  const soup = fc.array(word, { maxLength: 12 }).map((words) => words.join(' ').replaceAll('\0', ''));
  await fc.assert(
    fc.asyncProperty(
      soup,
      fc.constantFrom('FORMULA', 'CONDITION', 'FILTER'),
      async (formula, context) => void (await attempt(formula, context)),
    ),
    { numRuns: 150 },
  );
}, 120_000);

test.each<[name: string, formula: string]>([
  ['10,000 letters', 'a'.repeat(10_000)],
  ['10,000 brackets', '('.repeat(10_000)],
  ['4,999 brackets', '('.repeat(4_999)],
  ['4,999 signs', '-'.repeat(4_999)],
  ['a chain of not', 'not '.repeat(1_200) + 'true'],
  ['a chain of powers', '2' + ' ^ 2'.repeat(45)],
  ['a chain of powers of a field', 'size' + ' ^ size'.repeat(12)],
  ['a long text', `"${'🎉'.repeat(4_900)}"`],
  ['a long list', `size in (${'1,'.repeat(250)}1)`],
  ['a long path', 'parent' + '.parent'.repeat(600)],
  ['nested functions', 'abs('.repeat(45) + 'size' + ')'.repeat(45)],
  ['nested replacements', 'replace('.repeat(8) + 'words' + `, "ß", words)`.repeat(8)],
  ['nested texts of dates', 'text('.repeat(10) + 'day + 1' + ')'.repeat(10)],
  ['digits', '1'.repeat(40)],
  ['an exponent', '1e99999'],
  ['an endless fraction', '0.' + '1'.repeat(4_000)],
])(
  '%s',
  async (_, formula) => {
    await attempt(formula);
  },
  60_000,
);

test('no text of a user is SQL', async () => {
  const strings = [
    `'; drop table ${ws.schema}.things; --`,
    `\\'; select 1 --`,
    '$$',
    '%L',
    '%1$s',
    `" ' " '`,
    '\u0001',
    '\\\\',
    '{}',
    '@relvar',
  ];
  for (const value of strings) {
    const formula = `name = "${value.replaceAll('"', '""')}" or contains(words, "${value.replaceAll('"', '""')}")`;
    expect(await attempt(formula)).toBe('a value');
    await db.inTransaction(async (client) => {
      const field = await addField(client, things, { label: 'F', type: 'FORMULA', settings: { expression: formula } });
      const over = await addField(client, things, {
        label: 'G',
        type: 'FORMULA',
        settings: { expression: `parent.name & "${value.replaceAll('"', '""')}"` },
      });
      await client.query('set constraints all immediate');
      await client.query(`update ${ws.schema}.things set name = $1, parent_id = id`, [value]);
      const { rows } = await client.query(`select distinct f, g from ${ws.schema}.things`);
      expect(rows).toContainEqual({ f: true, g: value + value });
      expect(field).not.toBe(over);
    });
  }
});
