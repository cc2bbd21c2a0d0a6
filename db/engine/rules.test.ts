import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  addRelation,
  createWorkspace,
  failure,
  insert,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  for (const id of FILES)
    await insert(db.admin, `${ws.schema}.record_files`, {
      id,
      name: 'a',
      created_by_type: 'psql',
      stored_at: new Date(),
    });
});

/** What was uploaded. */
const FILES = ['0195d2a0-0000-7000-8000-000000000001', '0195d2a0-0000-7000-8000-000000000002'];
const files = (count: number) => `'${JSON.stringify(FILES.slice(0, count).map((id) => ({ id })))}'`;

interface Rule {
  kind: string;
  field_id?: string;
  settings?: object;
  condition?: string;
  message?: string;
  applies_from?: string;
}

const addRule = (client: pg.ClientBase, object: string, { settings = {}, ...rule }: Rule) =>
  insert(client, 'metadata.rules', { object_id: object, settings: JSON.stringify(settings), ...rule });

/** An object "Thing" with one field "F" of a type, and the table it becomes. */
async function thing(client: pg.ClientBase, type: string, values: object = {}) {
  const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const field = await addField(client, object, { label: 'F', type, ...values });
  return { object, field };
}

const options = [
  { value: 'OPEN', label: 'Open', color: 'blue' },
  { value: 'LOST', label: 'Lost', color: 'red' },
];

const table = () => `${ws.schema}.things`;

/** Which of the values, written as SQL for the column, the table takes. */
async function accepted(client: pg.ClientBase, column: string, values: string[]): Promise<string[]> {
  const taken: string[] = [];
  for (const value of values) {
    await client.query('savepoint value');
    try {
      await client.query(`insert into ${table()} (${column}) values (${value})`);
      taken.push(value);
    } catch (error) {
      expect((error as pg.DatabaseError).code).toBe('23514');
    }
    await client.query('rollback to value');
  }
  return taken;
}

test.each<[string, string, object, Rule, string, string[], string[], string]>([
  ['a text', 'TEXT', {}, { kind: 'REQUIRED' }, 'f', [`'x'`], ['null', `''`, `E' \\t\\n'`], 'F is required.'],
  ['a list', 'ARRAY', {}, { kind: 'REQUIRED' }, 'f', [`'{a}'`], ['null', `'{}'`], 'F is required.'],
  ['files', 'FILES', {}, { kind: 'REQUIRED' }, 'f', [files(1)], ['null', `'[]'`, `'null'`], 'F is required.'],
  ['a number', 'NUMBER', {}, { kind: 'REQUIRED' }, 'f', ['0'], ['null'], 'F is required.'],
  ['a name', 'FULL_NAME', {}, { kind: 'REQUIRED' }, 'f_last_name', [`'x'`], ['null', `' '`], 'F is required.'],
  [
    'a part',
    'ADDRESS',
    {},
    { kind: 'REQUIRED', settings: { part: 'city' } },
    'f_city',
    [`'x'`],
    ['null', `''`],
    'F (city) is required.',
  ],
  [
    'a number in a range',
    'NUMBER',
    {},
    { kind: 'RANGE', settings: { min: 0.1, max: 10 } },
    'f',
    ['null', '0.1', '10'],
    ['0.09', '10.01', `'NaN'`],
    'F must be between 0.1 and 10.',
  ],
  [
    'a whole number in a range with a fraction',
    'NUMBER',
    { settings: { dataType: 'int' } },
    { kind: 'RANGE', settings: { min: 0.5 } },
    'f',
    ['null', '1'],
    ['0'],
    'F must be at least 0.5.',
  ],
  [
    'an exact number',
    'NUMERIC',
    {},
    { kind: 'RANGE', settings: { max: 0.1 } },
    'f',
    ['0.1', '-1'],
    ['0.10000000000000000001'],
    'F must be at most 0.1.',
  ],
  [
    'money, in whole units',
    'CURRENCY',
    {},
    { kind: 'RANGE', settings: { min: 1.5 } },
    'f_amount_micros',
    ['null', '1500000'],
    ['1499999'],
    'F must be at least 1.5.',
  ],
  [
    'a percentage',
    'PERCENT',
    {},
    { kind: 'RANGE', settings: { min: 0, max: 0.25 } },
    'f',
    ['0', '0.25'],
    ['0.2501', '-0.1'],
    'F must be between 0 % and 25 %.',
  ],
  [
    'a duration',
    'DURATION',
    {},
    { kind: 'RANGE', settings: { max: 5400 } },
    'f',
    ['5400'],
    ['5401'],
    'F must be at most 1:30 h.',
  ],
  [
    'a date',
    'DATE',
    {},
    { kind: 'RANGE', settings: { min: '2026-01-01' } },
    'f',
    ['null', `'2026-01-01'`],
    [`'2025-12-31'`],
    'F must be at least 2026-01-01.',
  ],
  [
    'a moment',
    'DATE_TIME',
    {},
    { kind: 'RANGE', settings: { max: '2026-01-01T00:00:00Z' } },
    'f',
    [`'2026-01-01T01:00:00+01'`],
    [`'2026-01-01T00:00:01Z'`],
    'F must be at most 2026-01-01T00:00:00Z.',
  ],
  [
    'the length of a text',
    'TEXT',
    {},
    { kind: 'LENGTH', settings: { min: 2, max: 3 } },
    'f',
    ['null', `''`, `'ab'`, `'日本語'`],
    [`'a'`, `'abcd'`],
    'F must have between 2 and 3 characters.',
  ],
  [
    'the length of a list',
    'MULTI_SELECT',
    { options },
    { kind: 'LENGTH', settings: { max: 1 } },
    'f',
    ['null', `'{}'`, `'{OPEN}'`],
    [`'{OPEN,LOST}'`],
    'F must have at most 1 value.',
  ],
  [
    'the number of files',
    'FILES',
    {},
    { kind: 'LENGTH', settings: { min: 2 } },
    'f',
    ['null', `'[]'`, files(2)],
    [files(1)],
    'F must have at least 2 values.',
  ],
  [
    'a pattern, of the whole text',
    'TEXT',
    {},
    { kind: 'PATTERN', settings: { pattern: 'A|[a-c]+\\.' } },
    'f',
    ['null', `''`, `'A'`, `'abc.'`],
    [`'AB'`, `'abcx'`, `'a'`],
    'F must match the pattern A|[a-c]+\\..',
  ],
  [
    'a pattern of an e-mail address',
    'EMAILS',
    {},
    { kind: 'PATTERN', settings: { pattern: '.*@example\\.com', ignoreCase: true } },
    'f_primary_email',
    [`'A@EXAMPLE.com'`],
    [`'a@example.org'`],
    'F must match the pattern .*@example\\.com.',
  ],
  [
    'a pattern with quotes, percent signs and backslashes',
    'TEXT',
    {},
    { kind: 'PATTERN', settings: { pattern: "it's %s \\d \\\\" } },
    'f',
    [`E'it''s %s 7 \\\\'`],
    [`'x'`],
    "F must match the pattern it's %s \\d \\\\.",
  ],
  [
    'a condition',
    'NUMBER',
    {},
    { kind: 'CONDITION', condition: 'F>1 and f<5' },
    'f',
    ['2'],
    ['null', '1', '5'],
    'It must be true that f > 1 and f < 5.',
  ],
])('%s', (_, type, values, rule, column, good, bad, text) =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, type, values);
    const id = await addRule(client, object, { ...rule, ...(rule.kind === 'CONDITION' ? {} : { field_id: field }) });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await accepted(client, column, [...good, ...bad])).toEqual(good);
    const said = await client.query('select engine.rule_text(r) as text from metadata.rules r where id = $1', [id]);
    expect(said.rows[0].text).toBe(text);
    const refused = await failure(client, () =>
      client.query(`insert into ${table()} (${column}) values (${bad.at(-1)})`),
    );
    const why = await client.query('select * from engine.explain_violation($1, $2, $3, $4)', [
      refused.schema,
      refused.table,
      refused.constraint,
      refused.column ?? '',
    ]);
    expect(why.rows).toEqual([{ message: text, hint: null, field_id: field, field_name: 'f', rule_id: id }]);
    // A rename leaves the constraint as it is, and the words follow.
    await client.query(`update metadata.fields set name = 'renamed' where id = $1`, [field]);
    await client.query(`update metadata.rules set message = 'Not so!' where id = $1`, [id]);
    const { rows } = await client.query('select statement from engine.plan($1)', [ws.id]);
    expect(rows.filter((row) => /drop constraint|add constraint/.test(row.statement))).toEqual([]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await accepted(client, column.replace(/^f/, 'renamed'), [...good, ...bad])).toEqual(good);
  }),
);

test('required when: reason is required when stage is LOST, in words of its own', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'SELECT', { options });
    const reason = await addField(client, object, { label: 'Reason', type: 'TEXT' });
    await addRule(client, object, { kind: 'REQUIRED', field_id: reason, condition: 'f = "LOST"', message: 'Say why.' });
    await reconcile(client);
    await client.query(`insert into ${table()} (f, reason) values ('OPEN', null), ('LOST', 'price'), (null, null)`);
    const refused = await failure(client, () =>
      client.query(`insert into ${table()} (f, reason) values ('LOST', ' ')`),
    );
    const { rows } = await client.query('select * from engine.explain_violation($1, $2, $3, null)', [
      refused.schema,
      refused.table,
      refused.constraint,
    ]);
    expect(rows[0]).toMatchObject({
      message: 'Say why.',
      hint: 'Reason is required when f = "LOST".',
      field_id: reason,
      field_name: 'reason',
    });
    await client.query(`update metadata.fields set name = 'stage' where id = $1`, [field]);
    const said = await client.query(`select engine.rule_text(r) as text from metadata.rules r where field_id = $1`, [
      reason,
    ]);
    expect(said.rows[0].text).toBe('Reason is required when stage = "LOST".');
  }));

test('unique: several fields, one record with something empty is never a double', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'TEXT');
    const amount = await addField(client, object, { label: 'Amount', type: 'CURRENCY' });
    const id = await addRule(client, object, {
      kind: 'UNIQUE',
      settings: { fieldIds: [field, amount], ignoreCase: true },
    });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const add = (f: string, micros: number | null, code: string | null) =>
      client.query(`insert into ${table()} (f, amount_amount_micros, amount_currency_code) values ($1, $2, $3)`, [
        f,
        micros,
        code,
      ]);
    await add('a', 1, 'EUR');
    await add('a', 2, 'EUR');
    await add('a', 1, 'SEK');
    await add('a', null, null);
    await add('A', null, null);
    const refused = await failure(client, () => add('A', 1, 'EUR'));
    expect(refused.code).toBe('23505');
    const { rows } = await client.query('select * from engine.explain_violation($1, $2, $3, null)', [
      refused.schema,
      refused.table,
      refused.constraint,
    ]);
    expect(rows[0]).toMatchObject({ message: 'Another record has the same F and Amount.', rule_id: id });
  }));

test('unique where a condition holds, and among new records', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'SELECT', { options });
    const code = await addField(client, object, { label: 'Code', type: 'TEXT' });
    await reconcile(client);
    await client.query(
      `insert into ${table()} (f, code, created_at) values ('OPEN', 'x', '2020-01-01'), ('OPEN', 'x', '2020-01-01')`,
    );
    const refused = await failure(client, async () => {
      await addRule(client, object, { kind: 'UNIQUE', settings: { fieldIds: [code] }, condition: 'f = "OPEN"' });
      await reconcile(client);
    });
    expect(refused).toMatchObject({ code: 'RV082' });
    expect(JSON.parse(refused.detail!)).toMatchObject({ count: 2, records: [{ value: 'x' }, { value: 'x' }] });
    await addRule(client, object, {
      kind: 'UNIQUE',
      settings: { fieldIds: [code] },
      condition: 'f = "OPEN"',
      applies_from: '2026-01-01',
    });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${table()} (f, code) values ('LOST', 'x'), ('LOST', 'x'), ('OPEN', 'x')`);
    const again = await failure(client, () => client.query(`insert into ${table()} (f, code) values ('OPEN', 'x')`));
    expect(again.code).toBe('23505');
    expect(field).toBeTruthy();
  }));

test('unique names, members and formulas', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'FULL_NAME');
    const company = await addRelation(client, object, 'Company', await objectNamed(client, ws, 'company'), {
      label: 'Things',
    });
    await addRule(client, object, { kind: 'UNIQUE', settings: { fieldIds: [field, company.field] } });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const { rows } = await client.query(`insert into ${ws.schema}.companies (name) values ('c') returning id`);
    const add = (first: string | null, last: string | null) =>
      client.query(`insert into ${table()} (f_first_name, f_last_name, company_id) values ($1, $2, $3)`, [
        first,
        last,
        rows[0].id,
      ]);
    await add('Ann', 'Lee');
    await add('Ann', null);
    await add(null, null);
    await add(null, null);
    expect((await failure(client, () => add('Ann', 'Lee'))).code).toBe('23505');
    expect((await failure(client, () => add('Ann', ''))).code).toBe('23505');
  }));

test('records that break a rule are listed before it is applied; it is refused, or holds from now on', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'NUMBER');
    await reconcile(client);
    await client.query(
      `insert into ${table()} (name, f) select 'Thing ' || lpad(i::text, 2, '0'), i from generate_series(1, 30) i`,
    );
    await client.query(`set local role ${ws.adminRole}`);
    const asked = { objectId: object, fieldId: field, kind: 'RANGE', settings: { max: 5 } };
    const found = await client.query('select metadata.rule_violations($1) as found', [JSON.stringify(asked)]);
    expect(found.rows[0].found).toMatchObject({ count: 25, text: 'F must be at most 5.' });
    expect(found.rows[0].found.records).toHaveLength(20);
    expect(found.rows[0].found.records[0]).toMatchObject({ label: 'Thing 06', value: '6' });
    const refused = await failure(client, async () => {
      await addRule(client, object, { kind: 'RANGE', field_id: field, settings: { max: 5 } });
      await reconcile(client);
    });
    expect(refused).toMatchObject({
      code: 'RV082',
      message:
        'The rule "F must be at most 5." is broken by 25 records that there are already: Thing 06, Thing 07, Thing 08, Thing 09, Thing 10, ….',
    });
    await addRule(client, object, {
      kind: 'RANGE',
      field_id: field,
      settings: { max: 5 },
      applies_from: new Date(Date.now() + 1000).toISOString(),
    });
    await reconcile(client);
    await client.query('reset role');
    await client.query(`update ${table()} set f = 7 where f = 6`);
    const late = await failure(client, () =>
      client.query(`insert into ${table()} (f, created_at) values (6, now() + interval '1 hour')`),
    );
    expect(late.code).toBe('23514');
  }));

test('a role that may not see the records gets the count alone, and one that may not change the model nothing', () =>
  db.inTransaction(async (client) => {
    const person = await objectNamed(client, ws, 'person');
    await client.query(`insert into ${ws.schema}.people (name_first_name) values ('Ann')`);
    const { rows } = await client.query(`select id from metadata.roles where pg_role = $1`, [ws.adminRole]);
    await insert(client, 'metadata.object_permissions', {
      workspace_id: ws.id,
      role_id: rows[0].id,
      object_id: person,
      can_read: false,
      can_create: true,
      can_update: true,
      can_delete: true,
    });
    await reconcile(client);
    const asked = JSON.stringify({ objectId: person, kind: 'CONDITION', condition: 'name.firstName = "Bob"' });
    await act(client, ws.adminRole);
    const found = await client.query('select metadata.rule_violations($1) as found', [asked]);
    expect(found.rows[0].found).toMatchObject({ count: 1, records: [] });
    await act(client, ws.memberRole);
    expect((await failure(client, () => client.query('select metadata.rule_violations($1)', [asked]))).code).toBe(
      '42501',
    );
  }));

test.each<[string, string, Rule, string, RegExp]>([
  ['a range of texts', 'TEXT', { kind: 'RANGE', settings: { min: 1 } }, 'RV080', /no rule of kind RANGE/],
  ['a length of numbers', 'NUMBER', { kind: 'LENGTH', settings: { min: 1 } }, 'RV080', /no rule of kind LENGTH/],
  ['a pattern of dates', 'DATE', { kind: 'PATTERN', settings: { pattern: 'x' } }, 'RV080', /no rule of kind PATTERN/],
  ['no bounds', 'NUMBER', { kind: 'RANGE' }, 'RV081', /neither "min" nor "max"/],
  ['bounds the wrong way round', 'NUMBER', { kind: 'RANGE', settings: { min: 2, max: 1 } }, 'RV081', /at least 2 and/],
  ['a bound that is no number', 'NUMBER', { kind: 'RANGE', settings: { min: '1' } }, 'RV081', /cannot be a bound/],
  ['a bound beyond all numbers', 'NUMBER', { kind: 'RANGE', settings: { min: 1e300 } }, 'RV081', /cannot be a bound/],
  ['a bound that is no date', 'DATE', { kind: 'RANGE', settings: { min: '2026-02-30' } }, 'RV081', /cannot be a bound/],
  ['a date that means another elsewhere', 'DATE', { kind: 'RANGE', settings: { min: '1/2/2026' } }, 'RV081', /bound/],
  ['a length below zero', 'TEXT', { kind: 'LENGTH', settings: { min: -1 } }, 'RV081', /cannot be a bound/],
  ['a length with a fraction', 'TEXT', { kind: 'LENGTH', settings: { min: 1.5 } }, 'RV081', /cannot be a bound/],
  ['no pattern', 'TEXT', { kind: 'PATTERN' }, 'RV081', /1 to 500/],
  ['a pattern too long', 'TEXT', { kind: 'PATTERN', settings: { pattern: 'x'.repeat(501) } }, 'RV081', /1 to 500/],
  ['a pattern that is none', 'TEXT', { kind: 'PATTERN', settings: { pattern: '(' } }, 'RV081', /not a regular/],
  ['a bracket that closes ours', 'TEXT', { kind: 'PATTERN', settings: { pattern: 'a)|(b' } }, 'RV081', /not a regular/],
  ['a pattern that refers back', 'TEXT', { kind: 'PATTERN', settings: { pattern: '(a)\\1' } }, 'RV081', /refers back/],
  ['a pattern that looks ahead', 'TEXT', { kind: 'PATTERN', settings: { pattern: '(?=a).' } }, 'RV081', /looks around/],
  ['a pattern of a literal', 'TEXT', { kind: 'PATTERN', settings: { pattern: '***=x' } }, 'RV081', /looks around/],
  [
    'a pattern too heavy',
    'TEXT',
    { kind: 'PATTERN', settings: { pattern: '((a{1,255}){1,255}){1,255}' } },
    'RV081',
    /not a regular/,
  ],
  ['an unknown setting', 'TEXT', { kind: 'LENGTH', settings: { minn: 1 } }, 'RV081', /no setting "minn"/],
  ['an unknown part', 'ADDRESS', { kind: 'REQUIRED', settings: { part: 'planet' } }, 'RV081', /no part "planet"/],
  ['a part of what has none', 'TEXT', { kind: 'REQUIRED', settings: { part: 'x' } }, 'RV081', /no part "x"/],
  ['a condition that says nothing', 'TEXT', { kind: 'CONDITION' }, 'RV081', /what must be true/],
  ['a condition of a misspelt field', 'TEXT', { kind: 'REQUIRED', condition: 'g = 1' }, 'RV051', /no field "g"/],
  ['a condition that is no condition', 'TEXT', { kind: 'CONDITION', condition: 'f & "x"' }, 'RV053', /condition/],
  ['uniqueness of nothing', 'TEXT', { kind: 'UNIQUE' }, 'RV081', /1 to 8 fields/],
  ['uniqueness of something else', 'TEXT', { kind: 'UNIQUE', settings: { fieldIds: ['x'] } }, 'RV081', /1 to 8 fields/],
])('refused: %s', (_, type, rule, code, message) =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, type);
    const error = await failure(client, () => addRule(client, object, { field_id: field, ...rule }));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  }),
);

test('a rule of another object’s field, or of a kind of field that cannot be unique, is refused', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'RAW_JSON');
    const person = await objectNamed(client, ws, 'person');
    expect(await failure(client, () => addRule(client, person, { kind: 'REQUIRED', field_id: field }))).toMatchObject({
      code: 'RV080',
    });
    expect(
      await failure(client, () => addRule(client, object, { kind: 'UNIQUE', settings: { fieldIds: [field] } })),
    ).toMatchObject({ code: 'RV080' });
  }));

test('a rule sleeps while its field is deleted, and wakes up with it', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'NUMBER');
    await addRule(client, object, { kind: 'RANGE', field_id: field, settings: { min: 1 } });
    await reconcile(client);
    await client.query('update metadata.fields set deleted_at = now() where id = $1', [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('update metadata.fields set deleted_at = null where id = $1', [field]);
    await reconcile(client);
    expect(await accepted(client, 'f', ['0', '1'])).toEqual(['1']);
    await client.query('update metadata.rules set is_active = false where object_id = $1', [object]);
    await reconcile(client);
    expect(await accepted(client, 'f', ['0', '1'])).toEqual(['0', '1']);
  }));

test('the words of every refusal', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const fields: [string, string, object, string, string, string][] = [
      ['Stage', 'SELECT', { options }, 'stage', `'NEW'`, '"Stage" is one of: Open, Lost.'],
      ['Stars', 'RATING', {}, 'stars', '6', '"Stars" is a number from 1 to 5.'],
      ['Paint', 'COLOR', {}, 'paint', `'red'`, '"Paint" is a colour such as #1c7ed6.'],
      ['Place', 'LOCATION', {}, 'place_lat', '91', 'The latitude of "Place" is between -90 and 90.'],
      ['Spot', 'LOCATION', {}, 'spot_lng', '-181', 'The longitude of "Spot" is between -180 and 180.'],
      [
        'Price',
        'CURRENCY',
        {},
        'price_currency_code',
        `'euro'`,
        'The currency of "Price" is a code of three capital letters, such as EUR.',
      ],
      ['Tags', 'ARRAY', { settings: { maxNumberOfValues: 2 } }, 'tags', `'{a,b,c}'`, '"Tags" holds at most 2 values.'],
      [
        'Mails',
        'EMAILS',
        { settings: { maxNumberOfValues: 1 } },
        'mails_additional_emails',
        `'{a}'`,
        '"Mails" holds at most 1 value.',
      ],
      [
        'Links',
        'LINKS',
        { settings: { maxNumberOfValues: 2 } },
        'links_secondary_links',
        `'[1,2]'`,
        '"Links" holds at most 2 values.',
      ],
      [
        'Papers',
        'FILES',
        { settings: { maxNumberOfValues: 1 } },
        'papers',
        files(2),
        '"Papers" holds at most 1 value.',
      ],
      [
        'Code',
        'TEXT',
        { is_unique: true },
        'code',
        `'taken'`,
        'Another record has this value of "Code", and it must be unique.',
      ],
      ['Title', 'TEXT', { is_required: true, default_value: 'x' }, 'title', `' '`, '"Title" is required.'],
      ['Size', 'NUMBER', { is_required: true, default_value: 1 }, 'size', 'null', '"Size" is required.'],
    ];
    for (const [label, type, values] of fields) await addField(client, object, { label, type, ...values });
    await addRelation(client, object, 'Company', await objectNamed(client, ws, 'company'), { label: 'Things' });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${table()} (code) values ('taken')`);
    fields.push([
      'Company',
      'RELATION',
      {},
      'company_id',
      'gen_random_uuid()',
      'There is no such Company for "Company".',
    ]);
    for (const [label, , , column, value, message] of fields) {
      const refused = await failure(client, async () => {
        await client.query(`insert into ${table()} (${column}) values (${value})`);
        await client.query('set constraints all immediate');
      });
      const { rows } = await client.query('select * from engine.explain_violation($1, $2, $3, $4)', [
        refused.schema,
        refused.table,
        refused.constraint,
        refused.column,
      ]);
      expect({ label, message: rows[0]?.message, field: rows[0]?.field_name }).toEqual({
        label,
        message,
        field: label.toLowerCase(),
      });
    }
  }));

test('a required text that may be blank says so', () =>
  db.inTransaction(async (client) => {
    const { field } = await thing(client, 'TEXT', { is_required: true, settings: { allowBlank: true } });
    await reconcile(client);
    await client.query(`insert into ${table()} (f) values ('')`);
    const refused = await failure(client, async () => {
      await client.query(`update metadata.fields set settings = '{}' where id = $1`, [field]);
      await reconcile(client);
    });
    expect(refused.code).toBe('RV023');
  }));

test('rules and indexes over formulas, stored or virtual', () =>
  db.inTransaction(async (client) => {
    const { object, field } = await thing(client, 'NUMBER');
    const double = await addField(client, object, {
      label: 'Double',
      type: 'FORMULA',
      settings: { expression: 'f * 2' },
    });
    await addRule(client, object, { kind: 'RANGE', field_id: double, settings: { max: 10 } });
    await addRule(client, object, { kind: 'UNIQUE', settings: { fieldIds: [double] } });
    await insert(client, 'metadata.indexes', {
      object_id: object,
      name: 'Double',
      parts: JSON.stringify([{ fieldId: double, descending: true }, { fieldId: field }]),
    });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${table()} (f) values (5), (1)`);
    for (const [value, code] of [
      [6, '23514'],
      [1, '23505'],
    ] as const)
      expect((await failure(client, () => client.query(`insert into ${table()} (f) values (${value})`))).code).toBe(
        code,
      );
    // Another formula makes them anew.
    await client.query(`update metadata.fields set settings = '{"expression": "f * 3"}' where id = $1`, [double]);
    const refused = await failure(client, () => reconcile(client));
    expect(refused.code).toMatch(/^RV082$|^RV023$/);
    await client.query(`update metadata.fields set settings = '{"expression": "f + 3"}' where id = $1`, [double]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${table()} (f) values (7)`);
    expect((await failure(client, () => client.query(`insert into ${table()} (f) values (8)`))).code).toBe('23514');
  }));
