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
        await client.query(
          `select indexdef from pg_indexes where schemaname = $1 and indexname ~ '^leads_duplicates_'`,
          [ws.schema],
        )
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

type By = 'ALIKE' | 'EXACT' | 'SIMILAR' | 'DOMAIN';
const by = (name: string, manner: By) => ({ id: fields[name] ?? name, by: manner });
const rules = async (client: pg.ClientBase, ...given: object[]) => {
  await client.query('update metadata.objects set duplicate_criteria = $2 where id = $1', [
    lead,
    JSON.stringify(given),
  ]);
  await reconcile(client);
};
const scan = async (client: pg.ClientBase) => {
  await client.query('select engine.run_duplicate_scan(i) from unnest(engine.begin_duplicate_scan($1)) i', [ws.id]);
};
interface Pair {
  first_label: string;
  second_label: string;
  score: number;
  is_sure: boolean;
  reasons: { fields: { name: string; by: By }[] }[];
  may_merge: boolean;
  total: number;
}
const inbox = async (client: pg.ClientBase, isDismissed = false) =>
  (await client.query<Pair>(`select * from ${ws.schema}.list_duplicates('lead', $1)`, [isDismissed])).rows;
const pairs = (rows: Pair[]) => rows.map((row) => [row.first_label, row.second_label].sort().join(' = ')).sort();

test.each<[By, string, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>]>([
  ['ALIKE', 'name', { name: 'José Núñez' }, { name: 'jose  NUNEZ' }, { name: 'Jose Munez' }],
  ['EXACT', 'name', { name: 'José' }, { name: 'José' }, { name: 'jose' }],
  ['SIMILAR', 'name', { name: 'Katharina Meyer' }, { name: 'Catharina Meyer' }, { name: 'Karl Meyer' }],
  [
    'SIMILAR',
    'person',
    { person_first_name: 'Ann', person_last_name: 'Lindquist' },
    { person_first_name: 'Anne', person_last_name: 'Lindquist' },
    { person_first_name: 'Bo', person_last_name: 'Lindgren' },
  ],
  [
    'DOMAIN',
    'mail',
    { mail_primary_email: 'ann@Example.com' },
    { mail_primary_email: 'bob@example.COM' },
    { mail_primary_email: 'ann@example.org' },
  ],
  [
    'DOMAIN',
    'site',
    { site_primary_link_url: 'https://www.example.com/about?a=1' },
    { site_primary_link_url: 'example.com' },
    { site_primary_link_url: 'blog.example.com' },
  ],
])('compared by %s, %s finds what is so, one by one and all at once', (manner, name, one, alike, other) =>
  db.inTransaction(async (client) => {
    await rules(client, { fields: [by(name, manner)] });
    const label = (values: Record<string, unknown>, text: string) =>
      'name' in values ? values : { name: text, ...values };
    const id = await add(client, label(one, 'One'));
    const same = await add(client, label(alike, 'Alike'));
    await add(client, label(other, 'Other'));
    expect(
      (await client.query(`select record_id, reasons from ${ws.schema}.find_duplicates('lead', $1)`, [id])).rows,
    ).toEqual([
      { record_id: same, reasons: [expect.objectContaining({ fields: [{ name, by: manner }], isSure: false })] },
    ]);
    await scan(client);
    expect(await client.query(`select first_id, second_id from ${ws.schema}.list_duplicates('lead')`)).toMatchObject({
      rows: [{ first_id: [id, same].sort()[0], second_id: [id, same].sort()[1] }],
    });
    expect(await statements(client, ws)).toEqual([]);
  }),
);

test('who writes needs no rights on what the indexes compute', () =>
  db.inTransaction(async (client) => {
    await rules(
      client,
      ...['name', 'mail', 'phone', 'site', 'person', 'place', 'notes'].map((name) => [fields[name]!]),
      { fields: [by('mail', 'DOMAIN')] },
      { fields: [by('site', 'DOMAIN')] },
      { fields: [by('name', 'SIMILAR')] },
    );
    await act(client, ws.memberRole);
    await add(client, {
      name: 'Ann Lindquist',
      mail_primary_email: 'a@x.example',
      phone_primary_phone_number: '1',
      site_primary_link_url: 'https://www.x.example',
      person_first_name: 'Ann',
      place_street1: 'High St. 1',
      notes_markdown: 'hello',
    });
    expect(await findOf(client, { mailPrimaryEmail: 'b@x.example' })).toEqual([
      { label: 'Ann Lindquist', criteria: [['mail']] },
    ]);
  }));

test('addresses at providers where everybody has one share no domain', () =>
  db.inTransaction(async (client) => {
    await rules(client, { fields: [by('mail', 'DOMAIN')] });
    const id = await add(client, { name: 'A', mail_primary_email: 'a@gmail.com' });
    await add(client, { name: 'B', mail_primary_email: 'b@gmail.com' });
    expect(await find(client, id)).toEqual([]);
  }));

test('a spelling within the same domain is compared with that domain alone, and the threshold says how alike it must be', () =>
  db.inTransaction(async (client) => {
    const rule = (threshold: number) =>
      rules(client, { fields: [by('name', 'SIMILAR'), by('mail', 'DOMAIN')], threshold });
    await rule(0.5);
    await add(client, { name: 'Johann Bach', mail_primary_email: 'j@bach.example' });
    await add(client, { name: 'Johannes Bach', mail_primary_email: 'jb@bach.example' });
    await add(client, { name: 'Johann Bach', mail_primary_email: 'j@other.example' });
    await scan(client);
    expect(pairs(await inbox(client))).toEqual(['Johann Bach = Johannes Bach']);
    await rule(0.95);
    await scan(client);
    expect(await inbox(client)).toEqual([]);
  }));

test.each<[string, unknown]>([
  ['an unknown way', { fields: [{ id: 'name', by: 'SOUNDS' }] }],
  ['two spellings', { fields: [by('name', 'SIMILAR'), by('person', 'SIMILAR')] }],
  ['a domain of a name', { fields: [by('name', 'DOMAIN')] }],
  ['a spelling of a number', { fields: [by('count', 'SIMILAR')] }],
  ['a threshold that lets all pass', { fields: [by('name', 'SIMILAR')], threshold: 0.1 }],
  ['what is similar as sure', { fields: [by('name', 'SIMILAR')], isSure: true }],
  ['an unknown key', { fields: [by('name', 'ALIKE')], sure: true }],
  ['no fields', { fields: [] }],
  ['a word', 'name'],
])('a criterion by %s is refused', (_, criterion) =>
  db.inTransaction(async (client) => {
    const given = JSON.parse(
      JSON.stringify(criterion).replaceAll(/"(name|person|count)"/g, (all, name) => `"${fields[name] ?? all}"`),
    ) as object;
    expect(await failure(client, () => rules(client, given))).toMatchObject({
      code: 'RV088',
      column: 'duplicate_criteria',
    });
  }),
);

test('the more two have in common, the surer; what changed since is not shown, what was said to be none neither', () =>
  db.inTransaction(async (client) => {
    await rules(client, { fields: [by('mail', 'ALIKE')], isSure: true }, [fields['phone']!], {
      fields: [by('name', 'SIMILAR')],
    });
    const ann = await add(client, {
      name: 'Ann Smithson',
      mail_primary_email: 'a@x.example',
      phone_primary_phone_number: '1',
    });
    const two = await add(client, {
      name: 'Ann Smithsen',
      mail_primary_email: 'A@x.example',
      phone_primary_phone_number: '01',
    });
    const three = await add(client, { name: 'Bob', phone_primary_phone_number: '1' });
    await scan(client);
    const all = await inbox(client);
    expect(all.map((row) => [row.second_label, row.is_sure, row.reasons.length, row.may_merge, row.total])).toEqual([
      ['Ann Smithsen', true, 3, true, 3],
      ['Bob', false, 1, true, 3],
      ['Bob', false, 1, true, 3],
    ]);
    expect(all[0]!.score).toBeGreaterThan(all[1]!.score);
    expect(all[0]!.score).toBeLessThanOrEqual(1);
    // Found a moment ago, and none any more.
    await client.query(`update ${ws.schema}.leads set phone_primary_phone_number = '2' where id = $1`, [three]);
    expect(pairs(await inbox(client))).toEqual(['Ann Smithsen = Ann Smithson']);
    await client.query(`select ${ws.schema}.dismiss_duplicates('lead', $1)`, [[two, ann]]);
    expect(await inbox(client)).toEqual([]);
    expect(await find(client, ann)).toEqual([]);
    expect(pairs(await inbox(client, true))).toEqual(['Ann Smithsen = Ann Smithson']);
    await scan(client);
    expect(await inbox(client)).toEqual([]);
    await client.query(`select ${ws.schema}.dismiss_duplicates('lead', $1, false)`, [[ann, two]]);
    expect(pairs(await inbox(client))).toEqual(['Ann Smithsen = Ann Smithson']);
    expect(await find(client, ann)).toHaveLength(1);
    // What is gone is in no pair, and its pair is forgotten.
    await client.query(`delete from ${ws.schema}.leads where id = $1`, [two]);
    expect(await inbox(client)).toEqual([]);
    await client.query(`select pg_sleep(0.01)`);
  }));

test('of the inbox a role is shown neither records, nor labels, nor what they have in common, that it may not read', () =>
  db.inTransaction(async (client) => {
    await rules(client, [fields['mail']!], [fields['phone']!]);
    const ann = await add(client, { name: 'Ann', mail_primary_email: 'a@x.example' });
    await add(client, { name: 'Mail', mail_primary_email: 'a@x.example', phone_primary_phone_number: '7' });
    await add(client, { name: 'Phone', phone_primary_phone_number: '7' });
    await scan(client);
    const seen = async () => {
      await act(client, ws.memberRole);
      const rows = await inbox(client);
      await client.query('reset role');
      return rows;
    };
    const role = (await client.query('select id from metadata.roles where pg_role = $1', [ws.memberRole])).rows[0].id;
    expect(pairs(await seen())).toEqual(['Ann = Mail', 'Mail = Phone']);
    const hide = (field: string) =>
      client.query(
        `insert into metadata.field_permissions (workspace_id, role_id, object_id, field_id, can_read) values ($1, $2, $3, $4, false)`,
        [ws.id, role, lead, fields[field]],
      );
    await hide('phone');
    await reconcile(client);
    const rows = await seen();
    expect(pairs(rows)).toEqual(['Ann = Mail']);
    expect(rows[0]).toMatchObject({ total: 1, may_merge: true });
    await client.query('savepoint before');
    await hide('name');
    await reconcile(client);
    expect(await seen()).toMatchObject([{ first_label: null, second_label: null }]);
    await client.query('rollback to before');
    // May look, and change nothing.
    await client.query(
      `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete) values ($1, $2, $3, true, false, false, false)`,
      [ws.id, role, lead],
    );
    await reconcile(client);
    expect(await seen()).toMatchObject([{ may_merge: false }]);
    await act(client, ws.memberRole);
    expect((await client.query(`select * from ${ws.schema}.sure_duplicates('lead')`)).rows).toEqual([]);
    expect(
      (await failure(client, () => client.query(`select dismiss_duplicates('lead', $1)`, [[ann, lead]]))).code,
    ).toBe('42501');
    await client.query('reset role');
    // Records that it may not read.
    await client.query(
      'update metadata.object_permissions set can_read = false where role_id = $1 and object_id = $2',
      [role, lead],
    );
    await reconcile(client);
    await act(client, ws.memberRole);
    expect((await failure(client, () => inbox(client))).code).toBe('42501');
    expect((await client.query(`select * from ${ws.schema}.list_duplicates()`)).rows).toEqual([]);
  }));

test('groups of sure ones are told with what merging them takes, across a chain of pairs', () =>
  db.inTransaction(async (client) => {
    await rules(
      client,
      { fields: [by('mail', 'ALIKE')], isSure: true },
      { fields: [by('phone', 'ALIKE')], isSure: true },
      [fields['name']!],
    );
    const ids = [];
    for (const [mail, phone, count] of [
      ['a@x.example', '1', null],
      ['a@x.example', '2', 7],
      ['b@x.example', '2', null],
      ['c@x.example', '3', 1],
    ])
      ids.push(await add(client, { name: 'Ann', mail_primary_email: mail, phone_primary_phone_number: phone, count }));
    await scan(client);
    const groups = (await client.query(`select * from ${ws.schema}.sure_duplicates('lead')`)).rows;
    expect(groups).toEqual([
      expect.objectContaining({ survivor_id: ids[1], label: 'Ann', total_groups: 1, total_records: 3 }),
    ]);
    expect(groups[0].other_ids.sort()).toEqual([ids[0], ids[2]].sort());
    await client.query(`select ${ws.schema}.merge_records('lead', $1, $2, $3)`, [
      groups[0].survivor_id,
      groups[0].other_ids,
      JSON.stringify(groups[0].data),
    ]);
    expect(
      (
        await client.query(
          `select count, mail_primary_email, mail_additional_emails, phone_additional_phones from ${ws.schema}.leads where id = $1`,
          [ids[1]],
        )
      ).rows,
    ).toEqual([
      {
        count: 7,
        mail_primary_email: 'a@x.example',
        mail_additional_emails: ['b@x.example'],
        phone_additional_phones: ['1'],
      },
    ]);
    expect((await client.query(`select * from ${ws.schema}.sure_duplicates('lead')`)).rows).toEqual([]);
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
