import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  addRelation,
  createWorkspace,
  failure,
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

test.each([
  'Upper',
  'snake_case',
  '1st',
  'two words',
  'quote"',
  "it's",
  'drop table',
  'ünï',
  '日本',
  '🎉',
  '',
  'a-b',
  'pg$',
  'x;y',
  'a'.repeat(37),
  'aBCDEFGHIJKLMNOPQRSTU',
  '\n',
  'select\u0000'.slice(0, 6) + ' ',
])('"%s" is no API name, and the refusal says what would be', (name) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    for (const work of [
      () => addField(client, object, { label: 'F', type: 'TEXT', name }),
      () => addObject(client, ws, { label_singular: 'A', label_plural: 'B', name_singular: name }),
    ]) {
      const error = await failure(client, work);
      expect(error.code).toBe('RV001');
      expect(error.hint).toContain('Latin letters');
    }
  }),
);

test.each(['query', 'nodeId', 'filter', 'orderBy', 'trash', 'recordEvents', 'totalCount'])(
  '"%s" is the API\'s own',
  (name) =>
    db.inTransaction(async (client) => {
      const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
      const error = await failure(client, () => addField(client, object, { label: 'F', type: 'TEXT', name }));
      expect(error).toMatchObject({ code: 'RV002', column: 'name' });
      expect(error.hint).toContain('custom');
    }),
);

test.each(['date', 'string', 'bigInt'])(
  '"%s" is a type of the API: a field may be called so, an object may not',
  (name) =>
    db.inTransaction(async (client) => {
      const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
      await addField(client, object, { label: 'F', type: 'TEXT', name });
      const error = await failure(client, () =>
        addObject(client, ws, { label_singular: 'A', label_plural: 'B', name_singular: name }),
      );
      expect(error).toMatchObject({ code: 'RV002', column: 'name_singular', hint: expect.stringContaining('Item') });
    }),
);

// Words of SQL and of PostgreSQL are good names: identifiers are always quoted.
test.each([
  'select',
  'table',
  'user',
  'order',
  'group',
  'default',
  'check',
  'end',
  'all',
  'xmin2',
  'a',
  'a'.repeat(36),
])('"%s" is a good name', (name) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, {
      label_singular: 'Thing',
      label_plural: 'Things',
      name_singular: 'thing',
      name_plural: name,
    });
    await addField(client, object, { label: 'F', type: 'TEXT', name, is_unique: true });
    await addField(client, object, {
      label: 'P',
      type: 'PHONES',
      name: `${name}`.length > 30 ? 'b'.repeat(36) : `${name}P`,
    });
    await addField(client, object, {
      label: 'S',
      type: 'SELECT',
      name: 'c'.repeat(36),
      options: [{ value: 'select', label: 'x' }],
      is_unique: true,
    });
    await addRelation(client, object, 'Self', object, { label: 'Selves' });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${ws.schema}."${name.toLowerCase()}" default values`);
    await client.query('update metadata.objects set is_active = false where id = $1', [object]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
  }),
);

// The system columns of PostgreSQL and of Relvar itself.
test.each(['id', 'createdAt', 'position', 'searchVector', 'xmin', 'ctid', 'tableoid', 'cmin'])(
  'a field cannot take the column %s',
  (name) =>
    db.inTransaction(async (client) => {
      const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
      const error = await failure(client, async () => {
        await addField(client, object, { label: 'F', type: 'TEXT', name });
        await reconcile(client);
      });
      expect(error.code).toMatch(/^RV00[25]$/);
      expect(error.hint).toBeTruthy();
    }),
);

test('columns of different fields that would meet are refused with both labels', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    await addField(client, object, { label: 'Price', type: 'CURRENCY' });
    await addField(client, object, { label: 'Price code', type: 'TEXT', name: 'priceCurrencyCode' });
    const error = await failure(client, () => reconcile(client));
    expect(error).toMatchObject({ code: 'RV003', column: 'name' });
    expect(error.message).toMatch(/Price.*and.*Price code|Price code.*and.*Price/);
  }));

test('an object, a field, an inverse of the same name is refused with another to try', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const company = await objectNamed(client, ws, 'company');
    for (const work of [
      () => addObject(client, ws, { label_singular: 'Company', label_plural: 'Others' }),
      () => addObject(client, ws, { label_singular: 'Others', label_plural: 'Company' }),
      () => addField(client, object, { label: 'Name', type: 'TEXT' }),
      () => addRelation(client, object, 'Company', company, { label: 'Name' }),
    ]) {
      const error = await failure(client, work);
      expect(error.code).toBe('RV005');
      expect(error.hint).toBeTruthy();
    }
    await addRelation(client, object, 'Buyer', company, { label: 'Bought' });
    const error = await failure(client, () => addRelation(client, object, 'Seller', company, { label: 'Bought' }));
    expect(error.code).toBe('RV005');
    expect(await failure(client, () => addField(client, company, { label: 'Bought', type: 'TEXT' }))).toMatchObject({
      code: 'RV005',
    });
  }));

test('names differ in the database even where only capitals differ in the API', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    await addField(client, object, { label: 'One', type: 'TEXT', name: 'abC' });
    await addField(client, object, { label: 'Two', type: 'TEXT', name: 'aBc' });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('an object may not take a table that the workspace has of its own', () =>
  db.inTransaction(async (client) => {
    await client.query(`create table ${ws.schema}.ledgers (x int)`);
    const error = await failure(client, async () => {
      await addObject(client, ws, { label_singular: 'Ledger', label_plural: 'Ledgers' });
      await reconcile(client);
    });
    expect(error.code).toBe('RV022');
    expect(
      await failure(client, () => addObject(client, ws, { label_singular: 'Event', label_plural: 'Record events' })),
    ).toMatchObject({ code: 'RV002' });
  }));

test.each([
  ["Robert'); drop table students; --", 'robertDropTableStudents'],
  ['  Ünïcödé  Näme ', 'unicodeName'],
  ['2nd place', 'n2ndPlace'],
  ['Ö', 'o'],
  ['A/B test %I %s $1', 'aBTestISn1'.replace('Sn1', 'S1')],
])('the label %j gives the name %s', (label, name) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const field = await addField(client, object, { label, type: 'TEXT', description: label });
    await reconcile(client);
    expect((await client.query('select name from metadata.fields where id = $1', [field])).rows).toEqual([{ name }]);
    expect(await statements(client, ws)).toEqual([]);
  }),
);

test.each(['日本語', '🎉🎉', '---', "'"])('from the label %j no name can be made, and the hint asks for one', (label) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const error = await failure(client, () => addField(client, object, { label, type: 'TEXT' }));
    expect(error).toMatchObject({ code: 'RV001', column: 'name' });
    await addField(client, object, { label, type: 'TEXT', name: 'given' });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
  }),
);

test('labels and descriptions cannot smuggle tags into the comments that steer the API', () =>
  db.inTransaction(async (client) => {
    for (const [i, text] of [
      '@behavior -*',
      '@relvar other 123',
      '@name x\n@omit',
      "@singular '; drop",
      '\n@behavior -*',
      ' \t@behavior -*',
    ].entries()) {
      const object = await addObject(client, ws, {
        label_singular: text,
        label_plural: text,
        name_singular: `thing${i}`,
        name_plural: `things${i}`,
        description: text,
      });
      await addField(client, object, { label: text, name: 'f', type: 'TEXT', description: text });
      await reconcile(client);
      const { rows } = await client.query<{ comment: string }>(
        `select obj_description('${ws.schema}.things${i}'::regclass) as comment union all
         select col_description('${ws.schema}.things${i}'::regclass, (select attnum from pg_attribute where attrelid = '${ws.schema}.things${i}'::regclass and attname = 'f'))`,
      );
      for (const { comment } of rows) {
        // Tags are the lines from the top that begin with @, indented or not.
        const tags = comment.split('\n').slice(
          0,
          comment.split('\n').findIndex((line) => !/^[ \t]*@[a-z]/i.test(line)),
        );
        expect(
          tags.filter(
            (tag) => !/^@(relvar [0-9a-f-]{36}|singular thing\d|plural things\d|labelColumn name)$/.test(tag),
          ),
        ).toEqual([]);
        expect(comment).toContain(text);
      }
      expect(await statements(client, ws)).toEqual([]);
    }
  }));
