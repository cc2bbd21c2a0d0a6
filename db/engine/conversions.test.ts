import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
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

interface Change {
  type: string;
  settings?: unknown;
  options?: unknown;
}

const setType = (client: pg.ClientBase, field: string, { type, settings, options }: Change) =>
  client.query(
    `update metadata.fields set type = $2, settings = coalesce($3, settings), options = coalesce($4, options) where id = $1`,
    [
      field,
      type,
      settings === undefined ? null : JSON.stringify(settings),
      options === undefined ? null : JSON.stringify(options),
    ],
  );

const values = async (client: pg.ClientBase, expression: string): Promise<unknown[]> =>
  (
    await client.query({ text: `select ${expression} from ${ws.schema}.things order by name`, rowMode: 'array' })
  ).rows.map((row) => (row.length === 1 ? row[0] : row));

/** An object "things" with a field "f" and a record for each value, named 00, 01 and so on. */
async function things(
  client: pg.ClientBase,
  field: { type: string } & Record<string, unknown>,
  column: string,
  list: unknown[],
) {
  const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const id = await addField(client, object, { label: 'F', ...field });
  await reconcile(client);
  for (const [i, value] of list.entries())
    await client.query(`insert into ${ws.schema}.things (name, ${column}) values ($1, $2)`, [
      String(i).padStart(2, '0'),
      value,
    ]);
  return { object, field: id };
}

const UGLY = [
  null,
  '',
  '   ',
  ' 1 234,5 ',
  '1,234.5',
  '1.234,5',
  '1,5',
  '1,234',
  '-0',
  '１２３',
  '١٢٣',
  '1e3',
  '1e400',
  '1e-400',
  '9'.repeat(300),
  'NaN',
  'Infinity',
  '-−5',
  '0x10',
  '30.02.2026',
  '2026-02-30',
  '2024-02-29',
  '2025-02-29',
  '29 Feb 2024',
  'February 28, 2026',
  '2026-02-28T25:00:00Z',
  '2026-02-28T12:30:00+05:30',
  '03/04/2026',
  '13/04/2026',
  '99999-01-01',
  'yes',
  'TRUE',
  "'; drop table things; --",
  '"quoted" \\ {a,b}',
  '🎉',
  '{"a": 1}',
  '{"a": ',
  '[1, null, "x"]',
  '"\\u0000"',
  'a@b.example',
  'Ann <ann@b.example>, bob@b.example',
  'a@b, c',
  '+49 30 / 123-456',
  'https://example.com/x?y=1',
  'example.com',
  '#ABC',
  '#12345g',
  '52.5, 13.4',
  '99, 13',
  'Ada Lovelace',
  'Lovelace, Ada',
  'EUR 12.50',
  '12,50 €',
  '25 %',
  '1:30',
  '2h 30m',
  'PT1H30M',
  '0190a0b0-0000-7000-8000-000000000000',
  '-',
  ',',
  ';;,',
  `a${',b'.repeat(3000)}`,
];

const options = [
  { value: 'NEW', label: 'New one', color: 'blue' },
  { value: 'DONE', label: "It's done 🎉", color: 'green' },
  { value: 'N3', label: '3', color: 'red' },
];

/** A record of each type, ugly where the type allows it. */
const records: Record<string, { column: string; list: unknown[]; options?: unknown; settings?: unknown }> = {
  TEXT: { column: 'f', list: UGLY },
  NUMBER: {
    column: 'f',
    list: [null, 0, -1.5, 1e300, -1e-300, 5e-324, 1.7976931348623157e308, 'NaN', 'Infinity', 3, 4503599627370497],
  },
  NUMERIC: { column: 'f', list: [null, '0', '-1.50', 'NaN', '1e400', '1e-400', '9'.repeat(200), '3', '1'] },
  BOOLEAN: { column: 'f', list: [null, true, false] },
  DATE: {
    column: 'f',
    list: [null, '2024-02-29', '0001-01-01', '9999-12-31', '0044-03-15 BC', 'infinity', '20000-01-01'],
  },
  DATE_TIME: {
    column: 'f',
    list: [null, '2024-02-29T23:59:59.999999Z', '0001-01-01Z', 'infinity', '-infinity', '2026-10-25T02:30:00+02:00'],
  },
  UUID: { column: 'f', list: [null, '0190a0b0-0000-7000-8000-000000000000'] },
  SELECT: { column: 'f', list: [null, 'NEW', 'DONE', 'N3'], options },
  MULTI_SELECT: { column: 'f', list: [null, [], ['NEW'], ['DONE', 'NEW']], options },
  RATING: { column: 'f', list: [null, 1, 5] },
  ARRAY: {
    column: 'f',
    list: [
      null,
      [],
      [''],
      [null, 'a'],
      ["it's", '"', '\\', '{', ','],
      ['a@b.example', 'c@d.example'],
      Array.from({ length: 5000 }, (_, i) => `x${i}`),
    ],
  },
  RAW_JSON: {
    column: 'f',
    list: [null, 'null', '""', '"text"', '1', '1e400', '{"a": [1]}', '["a", null, 1]', '[]', 'true', '"2024-02-29"'],
  },
  RICH_TEXT: { column: 'f_markdown', list: [null, '', '# a\n\nb'] },
  FULL_NAME: { column: 'f_first_name', list: [null, '', 'Ada', "D'Arcy"] },
  EMAILS: { column: 'f_primary_email', list: [null, 'a@b.example', 'not an address'] },
  PHONES: { column: 'f_primary_phone_number', list: [null, '', '+49 30', '123'] },
  LINKS: { column: 'f_primary_link_url', list: [null, 'https://a.example', 'nothing'] },
  CURRENCY: { column: 'f_amount_micros', list: [null, 0, '9223372036854775807', '-1500000'] },
  ADDRESS: { column: 'f_city', list: [null, '', 'Berlin', "L'Aquila"] },
  COLOR: { column: 'f', list: [null, '#00ff00'] },
  LOCATION: { column: 'f_lat', list: [null, 52.5] },
  PERCENT: { column: 'f', list: [null, 0.25, 'NaN', 1e308] },
  DURATION: { column: 'f', list: [null, 0, -5400, '9223372036854775807', '-9223372036854775808'] },
};

describe('every pair of types', () => {
  for (const [from, { column, list, ...field }] of Object.entries(records))
    test(
      `from ${from}: previewed, changed without an exception, and undone to what it was`,
      () =>
        db.inTransaction(async (client) => {
          const targets = (
            await client.query<{ to_type: string; route: string }>(
              `select to_type, route from engine.conversions where from_type = $1 and route <> 'LINK' order by 1`,
              [from],
            )
          ).rows.map((row) => row.to_type);
          expect(targets.length).toBeGreaterThan(0);
          const { field: id } = await things(client, { type: from, ...field }, column, list);
          const before = (await client.query(`select to_jsonb(t) as row from ${ws.schema}.things t order by name`))
            .rows;
          for (const type of targets) {
            const given = type === 'SELECT' || type === 'MULTI_SELECT' ? options : undefined;
            const { preview } = (
              await client.query('select metadata.preview_conversion($1, $2, null, $3) as preview', [
                id,
                type,
                given ? JSON.stringify(given) : null,
              ])
            ).rows[0];
            expect(preview.total).toBe(list.length);
            expect(preview.empty + preview.converts + preview.fails).toBe(list.length);
            const change: Change = { type, settings: { onFailure: 'EMPTY' }, ...(given && { options: given }) };
            await setType(client, id, change);
            await reconcile(client);
            expect({ type, steps: await statements(client, ws) }).toEqual({ type, steps: [] });
            const { rows } = await client.query(
              `select id, failed_values::int as failed from metadata.type_changes where field_id = $1 and status = 'DONE' order by changed_at desc limit 1`,
              [id],
            );
            expect({ type, failed: rows[0].failed }).toEqual({ type, failed: preview.fails });
            await client.query('select metadata.undo_type_change($1)', [rows[0].id]);
            await reconcile(client);
            expect({ type, steps: await statements(client, ws) }).toEqual({ type, steps: [] });
            const after = (await client.query(`select to_jsonb(t) as row from ${ws.schema}.things t order by name`))
              .rows;
            const former = (row: Record<string, unknown>) =>
              Object.fromEntries(Object.entries(row).filter(([key]) => !key.startsWith('former_')));
            expect(after.map(({ row }) => former(row))).toEqual(before.map(({ row }) => former(row)));
          }
          // Nobody changed a record.
          expect((await client.query(`select from ${ws.schema}.record_events where action = 'updated'`)).rowCount).toBe(
            0,
          );
        }),
      120_000,
    );
});

describe('what texts are read as', () => {
  const cases: [type: string, settings: unknown, read: Record<string, unknown>][] = [
    [
      'NUMBER',
      {},
      {
        ' 1 234,5 ': 1234.5,
        '1,234.5': 1234.5,
        '1.234,5': 1234.5,
        '1,5': 1.5,
        '1,234': 1234,
        '１２３': 123,
        '١٢٣': 123,
        '1e3': 1000,
        '1e400': null,
        NaN: null,
        Infinity: null,
        "1'234.50": 1234.5,
        '1 2 3': null,
        '0x10': null,
        '12,34,56': null,
      },
    ],
    ['NUMBER', { dataType: 'int' }, { '12': '12', '1.5': null, '9223372036854775808': null }],
    ['BOOLEAN', {}, { yes: true, ' No ': false, '1': true, ja: null, maybe: null }],
    ['RATING', {}, { '3': 3, '3.5': null, '0': null, '6': null }],
    ['PERCENT', {}, { '25 %': 0.25, '0.25': 0.25, '12,5%': 0.125 }],
    [
      'DURATION',
      {},
      {
        '1:30': '5400',
        '1:30:15': '5415',
        '2h 30m': '9000',
        '90 min': '5400',
        PT1H30M: '5400',
        P1DT2H: '93600',
        '45': '45',
        '1:75': null,
        soon: null,
      },
    ],
    ['UUID', {}, { '{0190A0B0-0000-7000-8000-000000000000}': '0190a0b0-0000-7000-8000-000000000000', '0190': null }],
    ['COLOR', {}, { '#ABC': '#aabbcc', '00FF00': '#00ff00', '#12345g': null, red: null }],
    ['RAW_JSON', {}, { '{"a": 1}': { a: 1 }, '{"a": ': null, plain: 'plain', '12': 12, '"\\u0000"': '"\\u0000"' }],
  ];
  test.each(cases)('%s %p', (type, settings, read) =>
    db.inTransaction(async (client) => {
      const { field } = await things(client, { type: 'TEXT' }, 'f', Object.keys(read));
      await setType(client, field, { type, settings: { ...(settings as object), onFailure: 'EMPTY' } });
      await reconcile(client);
      expect(await values(client, 'f')).toEqual(Object.values(read));
      expect(
        (await client.query('select settings from metadata.fields where id = $1', [field])).rows[0].settings,
      ).toEqual(settings);
    }),
  );

  test('DATE and DATE_TIME: no day that does not exist, no guess between day and month', () =>
    db.inTransaction(async (client) => {
      const read: Record<string, string | null> = {
        '2024-02-29': '2024-02-29T00:00:00Z',
        '2025-02-29': null,
        '30.02.2026': null,
        '28.2.2026': '2026-02-28T00:00:00Z',
        '29 Feb 2024': '2024-02-29T00:00:00Z',
        'February 28, 2026': '2026-02-28T00:00:00Z',
        '1 Mai 2026': null,
        '03/04/2026': null,
        '13/04/2026': '2026-04-13T00:00:00Z',
        '04/13/2026': '2026-04-13T00:00:00Z',
        '2026-02-28T12:30:00+05:30': '2026-02-28T07:00:00Z',
        '2026-02-28 11:30 pm': '2026-02-28T23:30:00Z',
        '2026-02-28T25:00:00Z': null,
        '20260228': '2026-02-28T00:00:00Z',
        '0000-01-01': null,
        '99999-01-01': null,
      };
      const { field } = await things(client, { type: 'TEXT' }, 'f', Object.keys(read));
      await client.query(`set local timezone = 'Asia/Tokyo'`);
      await setType(client, field, { type: 'DATE_TIME', settings: { onFailure: 'EMPTY' } });
      await reconcile(client);
      expect(await values(client, `to_char(f at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`)).toEqual(
        Object.values(read),
      );
      await setType(client, field, { type: 'DATE' });
      await reconcile(client);
      expect(await values(client, 'f::text')).toEqual(
        Object.values(read).map((moment) => moment?.slice(0, 10) ?? null),
      );
    }));

  test('the order of day and month can be said', () =>
    db.inTransaction(async (client) => {
      const { field } = await things(client, { type: 'TEXT' }, 'f', ['03/04/2026']);
      await setType(client, field, { type: 'DATE', settings: { dayOrder: 'DMY' } });
      await reconcile(client);
      expect(await values(client, 'f::text')).toEqual(['2026-04-03']);
    }));

  test('types of several parts', () =>
    db.inTransaction(async (client) => {
      const { field } = await things(client, { type: 'TEXT' }, 'f', ['Ada Lovelace', 'Lovelace, Ada', 'Ada']);
      await setType(client, field, { type: 'FULL_NAME' });
      await reconcile(client);
      expect(await values(client, 'f_first_name, f_last_name')).toEqual([
        ['Ada', 'Lovelace'],
        ['Ada', 'Lovelace'],
        ['Ada', null],
      ]);
      await setType(client, field, { type: 'TEXT' });
      await reconcile(client);
      expect(await values(client, 'f')).toEqual(['Ada Lovelace', 'Ada Lovelace', 'Ada']);
    }));

  test('money with its currency, addresses all or none', () =>
    db.inTransaction(async (client) => {
      const { field, object } = await things(client, { type: 'TEXT' }, 'f', [
        'EUR 12.50',
        '12,50 €',
        '$3',
        '4',
        'a lot',
      ]);
      const emails = await addField(client, object, { label: 'Mail', type: 'TEXT' });
      await reconcile(client);
      await client.query(
        `update ${ws.schema}.things set mail = case name when '00' then 'Ann <ann@b.example>, bob@b.example' when '01' then 'ann@b.example, nonsense' end`,
      );
      await setType(client, field, { type: 'CURRENCY', settings: { onFailure: 'EMPTY', currencyCode: 'CHF' } });
      await setType(client, emails, { type: 'EMAILS', settings: { onFailure: 'EMPTY' } });
      await reconcile(client);
      expect(await values(client, 'f_amount_micros, f_currency_code')).toEqual([
        ['12500000', 'EUR'],
        ['12500000', 'EUR'],
        ['3000000', 'USD'],
        ['4000000', 'CHF'],
        [null, null],
      ]);
      expect(await values(client, 'mail_primary_email, mail_additional_emails')).toEqual([
        ['ann@b.example', ['bob@b.example']],
        [null, null],
        [null, null],
        [null, null],
        [null, null],
      ]);
    }));
});

describe('selects', () => {
  test('options are made of the values that there are, and the labels come back', () =>
    db.inTransaction(async (client) => {
      const { field } = await things(client, { type: 'TEXT' }, 'f', [
        'In progress',
        'in Progress ',
        'Done',
        '🎉',
        '3',
        null,
      ]);
      await setType(client, field, { type: 'SELECT' });
      await reconcile(client);
      const { rows } = await client.query('select options from metadata.fields where id = $1', [field]);
      expect(rows[0].options.map((o: { value: string; label: string }) => [o.value, o.label])).toEqual(
        expect.arrayContaining([
          ['Done', 'Done'],
          ['IN_PROGRESS', 'In progress'],
          ['OPTION', '🎉'],
          ['N3', '3'],
        ]),
      );
      expect(await values(client, 'f')).toEqual(['IN_PROGRESS', 'IN_PROGRESS', 'Done', 'OPTION', 'N3', null]);
      await setType(client, field, { type: 'MULTI_SELECT' });
      await reconcile(client);
      expect(await values(client, 'f')).toEqual([['IN_PROGRESS'], ['IN_PROGRESS'], ['Done'], ['OPTION'], ['N3'], null]);
      await setType(client, field, { type: 'TEXT' });
      await reconcile(client);
      expect(await values(client, 'f')).toEqual(['In progress', 'In progress', 'Done', '🎉', '3', null]);
      expect(await statements(client, ws)).toEqual([]);
    }));

  test('a text whose values are the options already stays where it is', () =>
    db.inTransaction(async (client) => {
      const { field } = await things(client, { type: 'TEXT' }, 'f', ['NEW', 'DONE']);
      const { preview } = (await client.query(`select metadata.preview_conversion($1, 'SELECT') as preview`, [field]))
        .rows[0];
      expect(preview).toMatchObject({ inPlace: true, isPossible: true, converts: 2, fails: 0, rewrites: false });
      await setType(client, field, { type: 'SELECT' });
      await reconcile(client);
      expect((await client.query('select revision from metadata.fields where id = $1', [field])).rows).toEqual([
        { revision: 1 },
      ]);
      expect((await failure(client, () => client.query(`update ${ws.schema}.things set f = 'OTHER'`))).code).toBe(
        '23514',
      );
    }));

  test('more than 200 different values are no options: RV073', () =>
    db.inTransaction(async (client) => {
      const { field } = await things(
        client,
        { type: 'TEXT' },
        'f',
        Array.from({ length: 201 }, (_, i) => `v${i}`),
      );
      expect(await failure(client, () => setType(client, field, { type: 'SELECT' }))).toMatchObject({ code: 'RV073' });
    }));
});

describe('refusals', () => {
  test('values that do not fit are counted and shown: RV071, and the preview lists them', () =>
    db.inTransaction(async (client) => {
      const { field } = await things(client, { type: 'TEXT' }, 'f', ['1', 'two', null, 'three']);
      const error = await failure(client, () => setType(client, field, { type: 'NUMBER' }));
      expect(error).toMatchObject({
        code: 'RV071',
        message: expect.stringContaining('2 of 3 values of "F" do not fit'),
        hint: expect.stringContaining('onFailure'),
      });
      expect(error.message).toContain('"two", "three"');
      const { preview } = (await client.query(`select metadata.preview_conversion($1, 'NUMBER') as preview`, [field]))
        .rows[0];
      expect(preview).toMatchObject({
        total: 4,
        empty: 1,
        converts: 1,
        fails: 2,
        isPossible: false,
        inPlace: false,
        isOnline: false,
      });
      expect(preview.failures).toEqual([
        { id: expect.any(String), label: '01', value: 'two' },
        { id: expect.any(String), label: '03', value: 'three' },
      ]);
      expect(preview.samples).toEqual([{ before: '1', after: '1' }]);
    }));

  test('a pair that makes no sense, the label field, unique values, system fields', () =>
    db.inTransaction(async (client) => {
      const { field, object } = await things(client, { type: 'BOOLEAN' }, 'f', [true]);
      expect(await failure(client, () => setType(client, field, { type: 'ADDRESS' }))).toMatchObject({
        code: 'RV070',
        hint: expect.stringContaining('It can become'),
      });
      const label = (await client.query('select label_field_id as id from metadata.objects where id = $1', [object]))
        .rows[0].id;
      expect(await failure(client, () => setType(client, label, { type: 'NUMBER' }))).toMatchObject({ code: 'RV072' });
      const unique = await addField(client, object, { label: 'U', type: 'TEXT', is_unique: true });
      await reconcile(client);
      expect(await failure(client, () => setType(client, unique, { type: 'BOOLEAN' }))).toMatchObject({
        code: 'RV072',
      });
      const created = (
        await client.query(`select id from metadata.fields where object_id = $1 and name = 'createdAt'`, [object])
      ).rows[0].id;
      expect(await failure(client, () => setType(client, created, { type: 'TEXT' }))).toMatchObject({ code: 'RV070' });
      const { preview } = (await client.query(`select metadata.preview_conversion($1, 'ADDRESS') as preview`, [field]))
        .rows[0];
      expect(preview).toMatchObject({ isPossible: false, note: expect.stringContaining('cannot become') });
    }));

  test('who may not change the model may not preview either', () =>
    db.inTransaction(async (client) => {
      const { field } = await things(client, { type: 'TEXT' }, 'f', ['1']);
      await client.query(`set local role ${ws.memberRole}`);
      expect(
        (await failure(client, () => client.query(`select metadata.preview_conversion($1, 'NUMBER')`, [field]))).code,
      ).toBe('42501');
    }));
});
