import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  createWorkspace,
  failure,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

const options = [
  { value: 'NEW', label: 'New', color: 'blue' },
  { value: 'DONE', label: "It's done 🎉", color: 'green' },
];

/** Every type a person can choose: its columns, and a default for each with what a new row then holds. */
const types: Record<
  string,
  { columns: Record<string, string>; default?: unknown; row?: unknown; options?: unknown; value?: string }
> = {
  TEXT: { columns: { f: 'text' }, default: 'it\'s \\ "x" 🎉; drop table', row: 'it\'s \\ "x" 🎉; drop table' },
  NUMBER: { columns: { f: 'double precision' }, default: -1.5, row: -1.5 },
  NUMERIC: { columns: { f: 'numeric' }, default: '12.50', row: '12.50' },
  BOOLEAN: { columns: { f: 'boolean' }, default: false, row: false },
  DATE: { columns: { f: 'date' }, default: '2026-02-28', row: '2026-02-28' },
  DATE_TIME: {
    columns: { f: 'timestamp with time zone' },
    default: '2026-02-28T12:00:00Z',
    row: '2026-02-28T12:00:00+00:00',
  },
  UUID: {
    columns: { f: 'uuid' },
    default: '0190a0b0-0000-7000-8000-000000000000',
    row: '0190a0b0-0000-7000-8000-000000000000',
  },
  SELECT: { columns: { f: 'text' }, options, default: 'NEW', row: 'NEW' },
  MULTI_SELECT: { columns: { f: 'text[]' }, options, default: ['NEW', 'DONE'], row: ['NEW', 'DONE'] },
  RATING: { columns: { f: 'smallint' }, default: 3, row: 3 },
  ARRAY: { columns: { f: 'text[]' }, default: ['a,b', 'c"d', "e'f", '\\'], row: ['a,b', 'c"d', "e'f", '\\'] },
  RAW_JSON: { columns: { f: 'jsonb' }, default: { a: "it's", b: '"\\' }, row: { a: "it's", b: '"\\' } },
  FILES: { columns: { f: 'jsonb' } },
  RICH_TEXT: { columns: { f_markdown: 'text', f_document: 'jsonb' }, default: { markdown: '# a\nb' }, row: '# a\nb' },
  FULL_NAME: {
    columns: { f_first_name: 'text', f_last_name: 'text' },
    default: { firstName: "D'Arcy" },
    row: "D'Arcy",
  },
  EMAILS: {
    columns: { f_primary_email: 'text', f_additional_emails: 'text[]' },
    default: { primaryEmail: 'a@b.example' },
    row: 'a@b.example',
  },
  PHONES: {
    columns: {
      f_primary_phone_number: 'text',
      f_primary_phone_country_code: 'text',
      f_primary_phone_calling_code: 'text',
      f_additional_phones: 'text[]',
    },
  },
  LINKS: { columns: { f_primary_link_url: 'text', f_primary_link_label: 'text', f_secondary_links: 'jsonb' } },
  CURRENCY: {
    columns: { f_amount_micros: 'bigint', f_currency_code: 'text' },
    default: { amountMicros: '-5', currencyCode: 'EUR' },
    row: -5,
  },
  ADDRESS: {
    columns: {
      f_street1: 'text',
      f_street2: 'text',
      f_city: 'text',
      f_postcode: 'text',
      f_state: 'text',
      f_country: 'text',
      f_lat: 'double precision',
      f_lng: 'double precision',
    },
    default: { lat: 1.25, country: 'SE' },
  },
};

test('every type has its columns, all of them optional', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const expected: Record<string, string> = {};
    for (const [i, [type, { columns, options: list }]] of Object.entries(types).entries()) {
      await addField(client, object, { label: `F${i}`, type, ...(list ? { options: list } : {}) });
      for (const [column, pgType] of Object.entries(columns)) expected[column.replace(/^f/, `f${i}`)] = pgType;
    }
    await reconcile(client);
    const { rows } = await client.query(
      `select attname, format_type(atttypid, atttypmod) as type, attnotnull from pg_attribute
        where attrelid = '${ws.schema}.things'::regclass and attname ~ '^f\\d'`,
    );
    expect(Object.fromEntries(rows.map((row) => [row.attname, row.type]))).toEqual(expected);
    expect(rows.every((row) => !row.attnotnull)).toBe(true);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${ws.schema}.things default values`);
  }));

test.each(Object.entries(types))(
  '%s: required and unique, with its default',
  (type, { columns, options: list, default: value, row }) =>
    db.inTransaction(async (client) => {
      const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
      await addField(client, object, {
        label: 'F',
        type,
        is_required: true,
        is_unique: true,
        ...(list ? { options: list } : {}),
        ...(value === undefined ? {} : { default_value: value }),
      });
      await reconcile(client);
      expect(await statements(client, ws)).toEqual([]);
      const [first] = Object.keys(columns);
      if (value === undefined || row === undefined) {
        const error = await failure(client, () => client.query(`insert into ${ws.schema}.things default values`));
        expect(error).toMatchObject({ code: '23502', column: first });
        return;
      }
      const made = await client.query(
        `insert into ${ws.schema}.things default values returning to_jsonb(things) -> '${first}' as f`,
      );
      expect(made.rows[0].f).toEqual(type === 'NUMERIC' ? Number(row) : row);
      if (type === 'RAW_JSON' || type === 'FULL_NAME') return;
      const twice = await failure(client, () => client.query(`insert into ${ws.schema}.things default values`));
      expect(twice.code).toBe('23505');
    }),
);

test('defaults print the same whatever they hold, so that a plan stays empty', () =>
  db.inTransaction(async (client) => {
    const cases: [string, unknown][] = [
      ['TEXT', ''],
      ['TEXT', 'back\\slash'],
      ['TEXT', "'); drop schema core; --"],
      ['TEXT', '$$ %I %s'],
      ['TEXT', 'now'],
      ['TEXT', 'naïve 日本 🎉\n\t'],
      ['NUMBER', 0],
      ['NUMBER', 1e300],
      ['NUMBER', 0.1],
      ['NUMERIC', 7],
      ['NUMERIC', '1e-3'],
      ['NUMERIC', '-0.5'],
      ['NUMERIC', '007.50'],
      ['NUMERIC', 'NaN'],
      ['DATE', 'now'],
      ['DATE_TIME', 'now'],
      ['UUID', 'uuid'],
      ['ARRAY', []],
      ['RAW_JSON', []],
      ['RAW_JSON', 'a'],
      ['RAW_JSON', { '\\': "'" }],
      ['LINKS', { primaryLinkUrl: 'https://a.example/\\', secondaryLinks: [{ url: "x'y" }] }],
    ];
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    for (const [i, [type, value]] of cases.entries())
      await addField(client, object, { label: `F${i}`, type, default_value: value });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${ws.schema}.things default values`);
  }));

test.each([
  ['NUMBER', 'many'],
  ['BOOLEAN', 'perhaps'],
  ['DATE', 'someday'],
  ['UUID', 'x'],
  ['ARRAY', 'x'],
  ['RATING', 9],
  ['CURRENCY', { amountMicros: 'x' }],
  ['ADDRESS', { lat: 'north' }],
  ['FULL_NAME', 'Ann'],
  ['SELECT', 'OTHER'],
  ['MULTI_SELECT', ['OTHER']],
])('a default that does not fit is refused at once: %s %j', (type, value) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const list = type.endsWith('SELECT') ? { options } : {};
    const error = await failure(client, () =>
      addField(client, object, { label: 'F', type, default_value: value, ...list }),
    );
    expect(error).toMatchObject({ code: 'RV009', column: 'default_value' });
  }),
);

test.each(['int', 'bigint'])('a NUMBER of settings.dataType %s is a bigint', (dataType) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const field = await addField(client, object, {
      label: 'F',
      type: 'NUMBER',
      settings: { dataType },
      default_value: 4,
    });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.things default values`);
    // Back to fractions: the values are converted.
    await client.query(`update metadata.fields set settings = '{}', default_value = '1.5' where id = $1`, [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const { rows } = await client.query(`insert into ${ws.schema}.things default values returning f`);
    expect(rows[0].f).toBe(1.5);
    expect((await client.query(`select f from ${ws.schema}.things order by f`)).rows).toEqual([{ f: 1.5 }, { f: 4 }]);
  }),
);

test('types that the engine keeps to itself', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    for (const type of ['TS_VECTOR', 'ACTOR', 'POSITION'])
      expect(await failure(client, () => addField(client, object, { label: 'F', type }))).toMatchObject({
        code: 'RV008',
      });
    expect(await failure(client, () => addField(client, object, { label: 'F', type: 'HOLOGRAM' }))).toMatchObject({
      code: '23503',
    });
    // They come with every object, with the defaults that say who and when.
    await reconcile(client);
    const { rows } = await client.query(`insert into ${ws.schema}.things (name) values ('a') returning *`);
    expect(rows[0]).toMatchObject({
      created_by_source: 'MANUAL',
      created_by_name: 'postgres',
      updated_by_name: 'postgres',
      position: 0,
    });
    expect(rows[0].id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  }));

test('a field keeps its data through renames, deactivation and back, and loses it when deleted', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const field = await addField(client, object, { label: 'Colour', type: 'TEXT', is_unique: true });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.things (colour) values ('red')`);

    await client.query(`update metadata.fields set name = 'shade', label = 'Shade' where id = $1`, [field]);
    await reconcile(client);
    expect((await client.query(`select shade from ${ws.schema}.things`)).rows).toEqual([{ shade: 'red' }]);
    const indexes = await client.query(
      `select indexname from pg_indexes where tablename = 'things' and schemaname = $1 and indexname like '%shade%'`,
      [ws.schema],
    );
    expect(indexes.rows).toEqual([{ indexname: 'things_shade_key' }]);

    const mayRead = async (right: string) =>
      (
        await client.query(`select has_column_privilege($1, '${ws.schema}.things', 'shade', $2) as ok`, [
          ws.memberRole,
          right,
        ])
      ).rows[0].ok;
    expect(await mayRead('update')).toBe(true);
    await client.query('update metadata.fields set is_active = false where id = $1', [field]);
    await reconcile(client);
    expect(await mayRead('update')).toBe(false);
    expect(await mayRead('insert')).toBe(false);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('update metadata.fields set is_active = true where id = $1', [field]);
    await reconcile(client);
    expect(await mayRead('update')).toBe(true);
    expect((await client.query(`select shade from ${ws.schema}.things`)).rows).toEqual([{ shade: 'red' }]);

    await client.query('delete from metadata.fields where id = $1', [field]);
    await reconcile(client);
    expect(await failure(client, () => client.query(`select shade from ${ws.schema}.things`))).toMatchObject({
      code: '42703',
    });
    expect(await statements(client, ws)).toEqual([]);
  }));

test('names change places in one transaction', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const a = await addField(client, object, { label: 'A', type: 'TEXT', is_unique: true });
    const b = await addField(client, object, { label: 'B', type: 'TEXT', is_unique: true });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.things (a, b) values ('was a', 'was b')`);
    await client.query(`update metadata.fields set name = 'c' where id = $1`, [a]);
    await client.query(`update metadata.fields set name = 'a' where id = $1`, [b]);
    await client.query(`update metadata.fields set name = 'b' where id = $1`, [a]);
    await reconcile(client);
    expect((await client.query(`select a, b from ${ws.schema}.things`)).rows).toEqual([{ a: 'was b', b: 'was a' }]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a unique link or e-mail is one address, whatever its case and its label', () =>
  db.inTransaction(async (client) => {
    const companies = `${ws.schema}.companies`;
    await client.query(
      `insert into ${companies} (domain_name_primary_link_url, domain_name_primary_link_label) values ('https://a.example', 'A'), ('https://b.example', 'A')`,
    );
    const link = await failure(client, () =>
      client.query(`insert into ${companies} (domain_name_primary_link_url) values ('https://A.example')`),
    );
    expect(link.code).toBe('23505');
    await client.query(`insert into ${ws.schema}.people (emails_primary_email) values ('ann@a.example')`);
    const email = await failure(client, () =>
      client.query(`insert into ${ws.schema}.people (emails_primary_email) values ('Ann@a.example')`),
    );
    expect(email.code).toBe('23505');
  }));

test('options: more, fewer, and one that records still use', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const select = await addField(client, object, { label: 'State', type: 'SELECT', options });
    const multi = await addField(client, object, { label: 'Tags', type: 'MULTI_SELECT', options });
    await reconcile(client);
    const change = async (field: string, values: string[]) => {
      await client.query('update metadata.fields set options = $2 where id = $1', [
        field,
        JSON.stringify(values.map((value) => ({ value, label: `${value} "'` }))),
      ]);
      await reconcile(client);
    };
    await client.query(`insert into ${ws.schema}.things (state, tags) values ('NEW', '{NEW}')`);
    expect(
      await failure(client, () => client.query(`insert into ${ws.schema}.things (state) values ('LATER')`)),
    ).toMatchObject({ code: '23514' });
    for (const field of [select, multi]) {
      await change(field, ['NEW', 'DONE', 'LATER']);
      await change(field, ['NEW', 'LATER']);
      expect(await failure(client, () => change(field, ['LATER']))).toMatchObject({ code: 'RV023' });
      expect(await failure(client, () => change(field, []))).toMatchObject({ code: 'RV009' });
      expect(await failure(client, () => change(field, ['A', 'A']))).toMatchObject({ code: 'RV009' });
      expect(await failure(client, () => change(field, ["x'; drop"]))).toMatchObject({ code: 'RV009' });
    }
    await client.query(`insert into ${ws.schema}.things (state, tags) values ('LATER', '{LATER,NEW}')`);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('rules that existing records break are refused in words', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const field = await addField(client, object, { label: 'Code', type: 'TEXT' });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.things (code) values ('a'), ('a'), (null)`);
    const set = async (what: string) => {
      await client.query(`update metadata.fields set ${what} where id = $1`, [field]);
      await reconcile(client);
    };
    const required = await failure(client, () => set('is_required = true'));
    expect(required.code).toBe('RV023');
    expect(required.hint).toBeTruthy();
    expect(await failure(client, () => set('is_unique = true'))).toMatchObject({ code: 'RV023' });
    await client.query(`delete from ${ws.schema}.things`);
    await set('is_required = true, is_unique = true');
    expect(await statements(client, ws)).toEqual([]);
  }));
