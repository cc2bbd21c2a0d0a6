import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  createWorkspace,
  failure,
  insert,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let lead: string;
const fields: Record<string, string> = {};
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  // In one transaction: the tables are made once.
  const client = await db.admin.connect();
  await client.query('begin');
  lead = await addObject(client, ws, { label_singular: 'Lead', label_plural: 'Leads' });
  fields['name'] = (
    await client.query(`select id from metadata.fields where object_id = $1 and name = 'name'`, [lead])
  ).rows[0].id;
  for (const [label, type] of [
    ['Mail', 'EMAILS'],
    ['Phone', 'PHONES'],
    ['Site', 'LINKS'],
    ['Person', 'FULL_NAME'],
    ['Budget', 'CURRENCY'],
    ['Place', 'ADDRESS'],
    ['Count', 'NUMBER'],
    ['Born', 'DATE'],
    ['Met', 'DATE_TIME'],
    ['Notes', 'RICH_TEXT'],
    ['Tags', 'ARRAY'],
  ] as const)
    fields[label.toLowerCase()] = await addField(client, lead, { label, type });
  await client.query('commit');
  client.release();
});

const criteria = async (client: pg.ClientBase, ...lists: string[][]) => {
  await client.query('update metadata.objects set duplicate_criteria = $2 where id = $1', [
    lead,
    JSON.stringify(lists.map((list) => list.map((name) => fields[name] ?? name))),
  ]);
  await reconcile(client);
};
const add = (client: pg.ClientBase, values: Record<string, unknown>) => insert(client, `${ws.schema}.leads`, values);
const find = async (client: pg.ClientBase, id: string, max = 20) =>
  (await client.query(`select label, criteria from ${ws.schema}.find_duplicates('lead', $1, $2)`, [id, max])).rows;
const findOf = async (client: pg.ClientBase, data: unknown) =>
  (
    await client.query(`select label, criteria from ${ws.schema}.find_duplicates_of('lead', $1)`, [
      JSON.stringify(data),
    ])
  ).rows;

test.each([
  ['name', { name: 'Ann  Smith' }, { name: ' ann smith' }, { name: 'Anne Smith' }],
  [
    'mail',
    { mail_primary_email: 'Ann@Example.com' },
    { mail_primary_email: ' ann@example.com' },
    { mail_primary_email: 'ann@example.org' },
  ],
  [
    'phone',
    { phone_primary_phone_number: '0171 / 23-45' },
    { phone_primary_phone_number: '1712345' },
    { phone_primary_phone_number: '1712346' },
  ],
  [
    'site',
    { site_primary_link_url: 'https://www.Example.com/' },
    { site_primary_link_url: 'example.com' },
    { site_primary_link_url: 'example.com/a' },
  ],
  [
    'person',
    { person_first_name: 'Ann', person_last_name: 'Smith' },
    { person_first_name: 'ANN', person_last_name: 'smith' },
    { person_first_name: 'Ann' },
  ],
  [
    'budget',
    { budget_amount_micros: 5, budget_currency_code: 'EUR' },
    { budget_amount_micros: 5, budget_currency_code: 'EUR' },
    { budget_amount_micros: 5, budget_currency_code: 'USD' },
  ],
  [
    'place',
    { place_street1: 'High St. 1', place_city: 'Bath' },
    { place_street1: 'high st. 1', place_city: 'BATH' },
    { place_street1: 'High St. 1', place_city: 'York' },
  ],
  ['count', { count: 1.5 }, { count: 1.5 }, { count: 1.25 }],
  ['born', { born: '2001-02-03' }, { born: '2001-02-03' }, { born: '2001-02-04' }],
  ['met', { met: '2001-02-03T04:05:06Z' }, { met: '2001-02-03T06:05:06+02' }, { met: '2001-02-03T04:05:07Z' }],
  ['notes', { notes_markdown: 'a  b' }, { notes_markdown: 'A b' }, { notes_markdown: 'a c' }],
])('%s is compared by what counts of it, and empty values are like none', (name, one, alike, other) =>
  db.inTransaction(async (client) => {
    await criteria(client, [name]);
    const id = await add(client, { name: 'One', ...one });
    await add(client, { name: 'Alike', ...alike });
    await add(client, { name: 'Other', ...other });
    const empty = await add(client, name === 'name' ? { count: 1 } : { name: 'Empty' });
    await add(client, name === 'name' ? { count: 1 } : { name: 'Empty too' });
    await client.query(
      `set local timezone = 'Asia/Tokyo'; set local datestyle = 'German'; set local extra_float_digits = 0`,
    );
    const [found, ...more] = await find(client, id);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ criteria: [[name]] });
    expect(await find(client, empty)).toEqual([]);
    expect(await statements(client, ws)).toEqual([]);
  }),
);

test('of a criterion all fields must match; which criteria did is told, and those with most come first', () =>
  db.inTransaction(async (client) => {
    await criteria(client, ['mail'], ['name', 'place']);
    const id = await add(client, { name: 'Ann', mail_primary_email: 'a@x.example', place_street1: 'S 1' });
    await add(client, { name: 'ann', mail_primary_email: 'b@x.example', place_street1: 'S 2' });
    await add(client, { name: 'Bob', mail_primary_email: 'A@x.example' });
    await add(client, { name: 'ann ', mail_primary_email: 'a@X.example', place_street1: 's1' });
    const all = [
      { label: 'ann', criteria: [['mail'], ['name', 'place']] },
      { label: 'Bob', criteria: [['mail']] },
    ];
    expect(await find(client, id)).toEqual(all);
    expect(await find(client, id, 1)).toEqual(all.slice(0, 1));
    expect(await findOf(client, { mailPrimaryEmail: 'a@x.EXAMPLE' })).toHaveLength(3);
    expect(await findOf(client, { name: 'ANN', placeStreet1: 'S2' })).toEqual([
      { label: 'ann', criteria: [['name', 'place']] },
    ]);
    expect(await findOf(client, { name: 'ANN' })).toEqual([]);
    expect(await failure(client, () => findOf(client, { mailPrimaryEmial: 'x' }))).toMatchObject({
      code: 'RV062',
      hint: 'Did you mean mailPrimaryEmail?',
    });
    expect((await failure(client, () => findOf(client, ['x']))).code).toBe('RV062');
    expect(
      (await failure(client, () => client.query(`select * from ${ws.schema}.find_duplicates('leed', $1)`, [id]))).code,
    ).toBe('RV011');
  }));

test('a role finds no more than it may read: neither records, nor by fields, nor names', () =>
  db.inTransaction(async (client) => {
    await criteria(client, ['mail'], ['phone']);
    const id = await add(client, { name: 'Ann', mail_primary_email: 'a@x.example', phone_primary_phone_number: '1' });
    await add(client, { name: 'By mail', mail_primary_email: 'a@x.example' });
    await add(client, { name: 'By phone', phone_primary_phone_number: '1' });
    const labels = async () => (await find(client, id)).map((row) => row.label as string | null);
    await act(client, ws.memberRole);
    expect(await labels()).toEqual(['By mail', 'By phone']);
    // A field that the role may not read.
    const columns = async (except: RegExp) => {
      const { rows } = await client.query(
        `select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
        [`${ws.schema}.leads`],
      );
      await client.query(`revoke select on ${ws.schema}.leads from ${ws.memberRole}`);
      await client.query(
        `grant select (${rows
          .map((row) => row.attname as string)
          .filter((name) => !except.test(name))
          .join(', ')}) on ${ws.schema}.leads to ${ws.memberRole}`,
      );
    };
    await client.query('reset role');
    await columns(/^phone_/);
    await act(client, ws.memberRole);
    expect(await labels()).toEqual(['By mail']);
    expect(await findOf(client, { phonePrimaryPhoneNumber: '1' })).toEqual([]);
    await client.query('reset role');
    await columns(/^(phone_|name$)/);
    await act(client, ws.memberRole);
    expect(await labels()).toEqual([null]);
    // Records that the role may not read.
    await client.query('reset role');
    await client.query(`grant select on ${ws.schema}.leads to ${ws.memberRole}`);
    const policy = (condition: string) =>
      client.query(`alter policy ${ws.memberRole.replace(/^.*_r_/, 'r_')} on ${ws.schema}.leads using (${condition})`);
    await policy(`name <> 'By mail'`);
    await act(client, ws.memberRole);
    expect(await labels()).toEqual(['By phone']);
    await client.query('reset role');
    await policy(`name <> 'Ann'`);
    await act(client, ws.memberRole);
    expect(await labels()).toEqual([]);
    // An object that it may not read.
    await client.query('reset role');
    await client.query(`revoke select on ${ws.schema}.leads from ${ws.memberRole}`);
    await act(client, ws.memberRole);
    expect((await failure(client, () => find(client, id))).code).toBe('42501');
  }));

test('criteria that cannot be compared are refused when they are written; what is renamed or given up is followed', () =>
  db.inTransaction(async (client) => {
    expect(await failure(client, () => criteria(client, ['tags']))).toMatchObject({
      code: 'RV088',
      column: 'duplicate_criteria',
    });
    expect((await failure(client, () => criteria(client, ['00000000-0000-0000-0000-000000000000']))).code).toBe(
      'RV088',
    );
    expect((await failure(client, () => criteria(client, []))).code).toBe('RV088');
    const indexes = async () =>
      (
        await client.query(`select indexdef from pg_indexes where schemaname = $1 and indexname ~ 'duplicates'`, [
          ws.schema,
        ])
      ).rowCount;
    await criteria(client, ['mail'], ['phone', 'name']);
    expect(await indexes()).toBe(2);
    await client.query(`update metadata.fields set name = 'aaa' where id = $1`, [fields['phone']]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const id = await add(client, { name: 'Ann', aaa_primary_phone_number: '1' });
    await add(client, { name: 'Ann', aaa_primary_phone_number: '1' });
    expect(await find(client, id)).toEqual([{ label: 'Ann', criteria: [['aaa', 'name']] }]);
    await criteria(client);
    expect(await indexes()).toBe(0);
    expect(await find(client, id)).toEqual([]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test(
  '100,000 records are not read through',
  () =>
    db.inTransaction(async (client) => {
      // Without what else takes long, and without leaving the index to a job.
      await client.query('update engine.settings set online_rows = 1000000');
      await client.query('update metadata.objects set is_searchable = false, is_audited = false where id = $1', [lead]);
      await reconcile(client);
      await client.query(
        `insert into ${ws.schema}.leads (name, count, mail_primary_email) select 'n' || i, i, 'm' || i || '@x.example' from generate_series(1, 100000) i`,
      );
      await criteria(client, ['mail'], ['name', 'count']);
      const id = await add(client, { name: 'N 7', count: 7, mail_primary_email: 'M8@x.example' });
      const scans = async () =>
        (await client.query(`select pg_stat_get_xact_numscans($1::regclass)::int as n`, [`${ws.schema}.leads`])).rows[0]
          .n as number;
      const before = await scans();
      await act(client, ws.memberRole);
      expect(await find(client, id)).toEqual([
        { label: 'n7', criteria: [['name', 'count']] },
        { label: 'n8', criteria: [['mail']] },
      ]);
      await client.query('reset role');
      expect((await scans()) - before).toBe(0);
    }),
  120_000,
);
