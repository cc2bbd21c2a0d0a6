import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
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
});

interface Index {
  kind?: string;
  parts: object[];
  condition?: string;
  name?: string;
}

const addIndex = (client: pg.ClientBase, object: string, { parts, ...index }: Index) =>
  insert(client, 'metadata.indexes', { object_id: object, name: 'Mine', parts: JSON.stringify(parts), ...index });

async function things(client: pg.ClientBase) {
  const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const ids: Record<string, string> = { object };
  const fields: [string, string, object?][] = [
    ['size', 'NUMBER'],
    ['title', 'TEXT'],
    ['tags', 'ARRAY'],
    ['data', 'RAW_JSON'],
    ['price', 'CURRENCY'],
    ['code', 'TEXT', { is_unique: true }],
    ['person', 'FULL_NAME'],
    ['double', 'FORMULA', { settings: { expression: 'size * 2' } }],
    ['shout', 'FORMULA', { settings: { expression: 'upper(title)' } }],
  ];
  for (const [name, type, values] of fields) {
    try {
      await client.query('savepoint field');
      ids[name] = await addField(client, object, { label: name, type, ...values });
    } catch (error) {
      if (type !== 'FORMULA') throw error;
      await client.query('rollback to field');
    }
  }
  ids.company = (
    await addRelation(client, object, 'Company', await objectNamed(client, ws, 'company'), { label: 'Things' })
  ).field;
  return ids;
}

const definitions = async (client: pg.ClientBase) => {
  const { rows } = await client.query<{ definition: string }>(
    `select pg_get_indexdef(indexrelid) as definition from pg_index join pg_class c on c.oid = indexrelid
      where indrelid = '${ws.schema}.things'::regclass and relname like 'things_index_%' order by 1`,
  );
  return rows.map(({ definition }) => definition.replace(/^.* USING /, '').replaceAll(`${ws.schema}.`, ''));
};

test.each<[string, (ids: Record<string, string>) => Index, RegExp]>([
  [
    'several fields, one descending',
    ({ size, company }) => ({ parts: [{ fieldId: company }, { fieldId: size, descending: true }] }),
    /^btree \(company_id, \(\(size IS NOT NULL\)\) DESC, size DESC, id DESC\)$/,
  ],
  [
    'a part of a composite field',
    ({ price }) => ({ parts: [{ fieldId: price, part: 'currencyCode' }, { fieldId: price }] }),
    /^btree \(price_currency_code, \(\(price_amount_micros IS NULL\)\), price_amount_micros, id\)$/,
  ],
  ['a list', ({ tags }) => ({ kind: 'GIN', parts: [{ fieldId: tags }] }), /^gin \(tags\)$/],
  ['JSON', ({ data }) => ({ kind: 'GIN', parts: [{ fieldId: data }] }), /^gin \(data\)$/],
  [
    'what is contained in a text',
    ({ title }) => ({ kind: 'TRIGRAM', parts: [{ fieldId: title }] }),
    /^gin \(title gin_trgm_ops\)$/,
  ],
  [
    'a name',
    ({ person }) => ({ kind: 'TRIGRAM', parts: [{ fieldId: person, part: 'lastName' }] }),
    /^gin \(person_last_name gin_trgm_ops\)$/,
  ],
  [
    'some records',
    ({ size }) => ({ parts: [{ fieldId: size, descending: true }], condition: 'title = "x"' }),
    /^btree \(\(\(size IS NOT NULL\)\) DESC, size DESC, id DESC\) WHERE \(NOT \(title IS DISTINCT FROM 'x'::text\)\)$/,
  ],
])('an index of %s', (_, make, expected) =>
  db.inTransaction(async (client) => {
    const ids = await things(client);
    const id = await addIndex(client, ids.object!, make(ids));
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await definitions(client)).toEqual([expect.stringMatching(expected)]);
    // Renamed fields and tables keep it.
    await client.query(`update metadata.fields set name = name || 'New' where object_id = $1 and not is_system`, [
      ids.object,
    ]);
    await client.query(`update metadata.objects set name_plural = 'stuff' where id = $1`, [ids.object]);
    const { rows } = await client.query('select statement from engine.plan($1)', [ws.id]);
    expect(
      rows.filter(({ statement }) => /(drop|create) (unique )?index/.test(statement) && /_index_/.test(statement)),
    ).toEqual([]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('delete from metadata.indexes where id = $1', [id]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
  }),
);

test('"contains" and "starts with", as the API asks for them, use a trigram index under row-level security', () =>
  db.inTransaction(async (client) => {
    const ids = await things(client);
    await addIndex(client, ids.object!, { kind: 'TRIGRAM', parts: [{ fieldId: ids.title }] });
    await addIndex(client, ids.object!, { name: 'Tags', kind: 'GIN', parts: [{ fieldId: ids.tags }] });
    await reconcile(client);
    await client.query(
      `insert into ${ws.schema}.things (title, tags) select md5(i::text), array[i::text] from generate_series(1, 5000) i`,
    );
    await client.query(`analyze ${ws.schema}.things`);
    // A few thousand rows are read faster without any index.
    await client.query(`set local enable_seqscan = off; set local role ${ws.memberRole}`);
    for (const where of [
      `title like '%abcd%'`,
      `title ilike '%ABCD%'`,
      `title like 'abcd%'`,
      `title ilike 'ABCD%'`,
      `tags @> array['17']`,
      `tags && array['17', '18']`,
    ]) {
      const { rows } = await client.query(`explain select id from ${ws.schema}.things where ${where}`);
      expect(JSON.stringify(rows)).toMatch(/Bitmap Index Scan on things_index_/);
    }
  }));

test('lists that are sorted by a field with an index are read from it in either direction, with what is empty last', () =>
  db.inTransaction(async (client) => {
    const ids = await things(client);
    const { rows } = await client.query(`select id from metadata.fields where object_id = $1 and name = 'createdAt'`, [
      ids.object,
    ]);
    for (const [name, part] of Object.entries({
      size: { fieldId: ids.size },
      title: { fieldId: ids.title, descending: true },
      double: { fieldId: ids.double },
      'price in currency': { fieldId: ids.price, part: 'currencyCode' },
      createdAt: { fieldId: rows[0].id },
    }))
      await addIndex(client, ids.object!, { name, parts: [part] });
    await addIndex(client, ids.object!, {
      name: 'of a company',
      parts: [{ fieldId: ids.company }, { fieldId: ids.size, descending: true }],
    });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(
      `insert into ${ws.schema}.things (title, size, company_id)
       select 'thing ' || i % 7, nullif(i % 1000, 0), null from generate_series(1, 3000) i`,
    );
    await client.query(`analyze ${ws.schema}.things`);
    await client.query(`set local role ${ws.memberRole}`);
    for (const [order, where] of [
      ['(size is null), size, id'],
      ['(size is not null) desc, size desc, id desc'],
      ['(title is not null) desc, title desc, id desc'],
      ['(double is null), double, id'],
      ['(double is not null) desc, double desc, id desc'],
      ['(price_currency_code is not null) desc, price_currency_code desc, id desc'],
      ['created_at, id'],
      ['created_at desc, id desc'],
      ['(size is not null) desc, size desc, id desc', `company_id = '00000000-0000-7000-8000-000000000000'`],
    ]) {
      const plan = await client.query(
        `explain select id, title from ${ws.schema}.things where ${where ?? true} order by ${order} limit 51`,
      );
      const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(`${order}\n${text}`).toMatch(/Index (Only )?Scan (Backward )?using things_index_/);
      expect(`${order}\n${text}`).not.toMatch(/Sort/);
    }
    // Single values and ranges are found by the same indexes.
    await client.query('set local enable_seqscan = off');
    for (const where of ['size = 500', 'size between 10 and 12', 'double > 1990', `title = 'none'`]) {
      const plan = await client.query(`explain select id from ${ws.schema}.things where ${where}`);
      expect(JSON.stringify(plan.rows)).toMatch(/Index (Only )?Scan (using|on) things_index_.*Index Cond/);
    }
  }));

test('an index of the model that sorts follows whether its field can be empty', () =>
  db.inTransaction(async (client) => {
    const ids = await things(client);
    await addIndex(client, ids.object!, { parts: [{ fieldId: ids.size }] });
    await reconcile(client);
    const both = ['btree (((size IS NOT NULL)) DESC, size DESC, id DESC)', 'btree (((size IS NULL)), size, id)'];
    expect(await definitions(client)).toEqual(expect.arrayContaining(both));
    await client.query('update metadata.fields set is_required = true where id = $1', [ids.size]);
    await reconcile(client);
    expect(await definitions(client)).toEqual(['btree (size, id)']);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('update metadata.fields set is_required = false where id = $1', [ids.size]);
    await reconcile(client);
    expect(await definitions(client)).toEqual(expect.arrayContaining(both));
    expect(await statements(client, ws)).toEqual([]);
  }));

test.each<[string, (ids: Record<string, string>) => Index, RegExp]>([
  ['the key', ({ id }) => ({ parts: [{ fieldId: id }] }), /the key of the records/],
  ['a unique field', ({ code }) => ({ parts: [{ fieldId: code }] }), /the index that keeps "code" unique/],
  ['a relation', ({ company }) => ({ parts: [{ fieldId: company }] }), /the index of the relation "Company"/],
  ['another index', ({ size }) => ({ parts: [{ fieldId: size, descending: false }] }), /the index "First"/],
  ['a rule', ({ title, size }) => ({ parts: [{ fieldId: title }, { fieldId: size }] }), /the rule "title and size/],
  ['a list in a b-tree', ({ tags }) => ({ parts: [{ fieldId: tags }] }), /does not fit/],
  ['a number in trigrams', ({ size }) => ({ kind: 'TRIGRAM', parts: [{ fieldId: size }] }), /does not fit/],
  ['a text in GIN', ({ title }) => ({ kind: 'GIN', parts: [{ fieldId: title }] }), /does not fit/],
  ['an order in GIN', ({ tags }) => ({ kind: 'GIN', parts: [{ fieldId: tags, descending: true }] }), /has no order/],
  ['one field twice', ({ size }) => ({ parts: [{ fieldId: size }, { fieldId: size, descending: true }] }), /twice/],
  [
    'a field of another object',
    () => ({ parts: [{ fieldId: '0190a0b0-0000-7000-8000-000000000000' }] }),
    /fields of the object/,
  ],
  ['no field at all', () => ({ parts: [{ field: 'x' }] }), /no part of an index/],
  ['a part that is none', ({ price }) => ({ parts: [{ fieldId: price, part: 'cents' }] }), /no part "cents"/],
  ['nine fields', ({ size }) => ({ parts: Array.from({ length: 9 }, () => ({ fieldId: size })) }), /at most 8/],
  ['a name that is taken', ({ title }) => ({ name: 'First', parts: [{ fieldId: title }] }), /"First" already/],
  ['a name too long', ({ size }) => ({ name: 'ä'.repeat(101), parts: [{ fieldId: size }] }), /longer than 200 bytes/],
])('refused: an index of %s', (_, make, message) =>
  db.inTransaction(async (client) => {
    const ids = await things(client);
    const { rows } = await client.query(`select id from metadata.fields where object_id = $1 and name = 'id'`, [
      ids.object,
    ]);
    // What can be empty is not sorted by what keeps it unique.
    await client.query('update metadata.fields set is_required = true where id = any ($1)', [[ids.code, ids.size]]);
    await addIndex(client, ids.object!, { name: 'First', parts: [{ fieldId: ids.size }] });
    await insert(client, 'metadata.rules', {
      object_id: ids.object,
      kind: 'UNIQUE',
      settings: JSON.stringify({ fieldIds: [ids.title, ids.size] }),
    });
    const error = await failure(client, () => addIndex(client, ids.object!, make({ ...ids, id: rows[0].id })));
    expect(error).toMatchObject({ code: 'RV083', message: expect.stringMatching(message) });
  }),
);

test('the model tells of rules and indexes', () =>
  db.inTransaction(async (client) => {
    const ids = await things(client);
    const rule = await insert(client, 'metadata.rules', {
      object_id: ids.object,
      field_id: ids.size,
      kind: 'RANGE',
      settings: JSON.stringify({ min: 1 }),
      condition: 'TITLE = "x"',
    });
    const index = await addIndex(client, ids.object!, { parts: [{ fieldId: ids.size, descending: true }] });
    await reconcile(client);
    const { rows } = await client.query('select engine.model_of($1) as model', [ws.id]);
    const object = rows[0].model.objects.find(({ id }: { id: string }) => id === ids.object);
    expect(object.rules).toEqual([
      {
        id: rule,
        fieldId: ids.size,
        kind: 'RANGE',
        settings: { min: 1 },
        condition: 'title = "x"',
        message: '',
        text: 'size must be at least 1 when title = "x".',
        appliesFrom: null,
        isActive: true,
        position: 0,
      },
    ]);
    expect(object.indexes).toEqual([
      { id: index, name: 'Mine', kind: 'BTREE', parts: [{ fieldId: ids.size, descending: true }], condition: null },
    ]);
  }));
