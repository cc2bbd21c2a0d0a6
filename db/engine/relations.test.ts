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
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

/** Authors, and books that refer to them. */
async function library(client: pg.ClientBase, onDelete = 'SET_NULL') {
  const author = await addObject(client, ws, { label_singular: 'Author', label_plural: 'Authors' });
  const book = await addObject(client, ws, { label_singular: 'Book', label_plural: 'Books' });
  const relation = await addRelation(client, book, 'Writer', author, { label: 'Books', onDelete });
  await reconcile(client);
  const writer = await insert(client, `${ws.schema}.authors`, { name: 'Selma' });
  await insert(client, `${ws.schema}.books`, { name: 'Gösta', writer_id: writer });
  return { author, book, writer, ...relation };
}
const books = async (client: pg.ClientBase) =>
  (await client.query(`select name, writer_id from ${ws.schema}.books`)).rows;

test('SET_NULL cuts the link', () =>
  db.inTransaction(async (client) => {
    await library(client);
    await client.query(`delete from ${ws.schema}.authors`);
    expect(await books(client)).toEqual([{ name: 'Gösta', writer_id: null }]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('CASCADE takes the record along', () =>
  db.inTransaction(async (client) => {
    await library(client, 'CASCADE');
    await client.query(`delete from ${ws.schema}.authors`);
    expect(await books(client)).toEqual([]);
    expect((await client.query(`select label from ${ws.schema}.trash order by 1`)).rows).toEqual([
      { label: 'Gösta' },
      { label: 'Selma' },
    ]);
  }));

test('RESTRICT refuses', () =>
  db.inTransaction(async (client) => {
    await library(client, 'RESTRICT');
    const error = await failure(client, () => client.query(`delete from ${ws.schema}.authors`));
    expect(error.code).toMatch(/^2300[13]|23503$/);
    expect(await books(client)).toHaveLength(1);
  }));

test('what deleting does can be changed, and the key with its index follows', () =>
  db.inTransaction(async (client) => {
    const { relation } = await library(client);
    for (const [value, letter] of [
      ['CASCADE', 'c'],
      ['RESTRICT', 'r'],
      ['SET_NULL', 'n'],
    ]) {
      await client.query('update metadata.relations set on_delete = $2 where id = $1', [relation, value]);
      await reconcile(client);
      const { rows } = await client.query(
        `select confdeltype from pg_constraint where conrelid = '${ws.schema}.books'::regclass and contype = 'f'`,
      );
      expect(rows).toEqual([{ confdeltype: letter }]);
      expect(await statements(client, ws)).toEqual([]);
    }
    expect(
      (
        await client.query(`select 1 from pg_indexes where schemaname = $1 and indexname = 'books_writer_id_idx'`, [
          ws.schema,
        ])
      ).rowCount,
    ).toBe(1);
  }));

test('an object refers to itself', () =>
  db.inTransaction(async (client) => {
    const node = await addObject(client, ws, { label_singular: 'Folder', label_plural: 'Folders' });
    await addRelation(client, node, 'Parent', node, { label: 'Children', onDelete: 'CASCADE' });
    await reconcile(client);
    await client.query(
      `with recursive made as (insert into ${ws.schema}.folders (name) values ('root') returning id)
       insert into ${ws.schema}.folders (name, parent_id) select 'child', id from made`,
    );
    await client.query(`delete from ${ws.schema}.folders where name = 'root'`);
    expect((await client.query(`select 1 from ${ws.schema}.folders`)).rowCount).toBe(0);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('two relations join one pair of objects, both ways', () =>
  db.inTransaction(async (client) => {
    const { author, book } = await library(client);
    await addRelation(client, book, 'Editor', author, { label: 'Edited books' });
    await addRelation(client, author, 'Favourite', book, { label: 'Fans' });
    await reconcile(client);
    const { rows } = await client.query(
      `select obj_description(oid) as comment from pg_constraint where connamespace = '${ws.schema}'::regnamespace and contype = 'f'
        and conrelid in ('${ws.schema}.books'::regclass, '${ws.schema}.authors'::regclass) order by conname`,
    );
    expect(rows.map((row) => row.comment.split('\n').slice(1))).toEqual([
      ['@fieldName favourite', '@foreignFieldName fans'],
      ['@fieldName editor', '@foreignFieldName editedBooks'],
      ['@fieldName writer', '@foreignFieldName books'],
    ]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a required relation cannot be empty, a unique one is one to one', () =>
  db.inTransaction(async (client) => {
    const { field, writer } = await library(client, 'CASCADE');
    await client.query('update metadata.fields set is_required = true, is_unique = true where id = $1', [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await failure(client, () => insert(client, `${ws.schema}.books`, { name: 'x' }))).toMatchObject({
      code: '23502',
    });
    expect(
      await failure(client, () => insert(client, `${ws.schema}.books`, { name: 'x', writer_id: writer })),
    ).toMatchObject({ code: '23505' });
  }));

test('required and "cut the link" contradict each other', () =>
  db.inTransaction(async (client) => {
    const { field } = await library(client);
    expect(
      await failure(client, async () => {
        await client.query('update metadata.fields set is_required = true where id = $1', [field]);
        await reconcile(client);
      }),
    ).toMatchObject({ code: 'RV008' });
  }));

test('a morph relation has one key per target, and at most one of them set', () =>
  db.inTransaction(async (client) => {
    const { author, book, writer } = await library(client);
    const note = await addObject(client, ws, { label_singular: 'Remark', label_plural: 'Remarks' });
    const field = await addField(client, note, { label: 'Target', type: 'MORPH_RELATION' });
    const to = (target: string) =>
      insert(client, 'metadata.relations', {
        field_id: field,
        target_object_id: target,
        inverse_label: 'Remarks',
        on_delete: 'CASCADE',
      });
    await to(author);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const second = await to(book);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const remark = await insert(client, `${ws.schema}.remarks`, { name: 'r', target_author_id: writer });
    expect(
      await failure(client, () =>
        client.query(`update ${ws.schema}.remarks set target_book_id = (select id from ${ws.schema}.books)`),
      ),
    ).toMatchObject({ code: '23514' });
    // Renaming a target renames the column and keeps the link.
    await client.query(
      `update metadata.objects set name_singular = 'novelist', name_plural = 'novelists' where id = $1`,
      [author],
    );
    await reconcile(client);
    expect(
      (await client.query(`select target_novelist_id from ${ws.schema}.remarks where id = $1`, [remark])).rows,
    ).toEqual([{ target_novelist_id: writer }]);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('delete from metadata.relations where id = $1', [second]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    // The last target gone, the field is gone: hidden first, then for good.
    await client.query('delete from metadata.objects where id = $1', [author]);
    await reconcile(client);
    expect((await client.query('select deleted_at from metadata.fields where id = $1', [field])).rows).toEqual([
      { deleted_at: expect.any(Date) },
    ]);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('delete from metadata.objects where id = $1', [author]);
    await client.query('delete from metadata.fields where id = $1', [field]);
    await reconcile(client);
    expect((await client.query('select 1 from metadata.fields where id = $1', [field])).rowCount).toBe(0);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('relations only from relation fields, and a RELATION to one object', () =>
  db.inTransaction(async (client) => {
    const { author, book, field } = await library(client);
    const text = await addField(client, book, { label: 'Subtitle', type: 'TEXT' });
    const to = (from: string, target: string) =>
      insert(client, 'metadata.relations', { field_id: from, target_object_id: target, inverse_label: 'Xs' });
    expect(await failure(client, () => to(text, author))).toMatchObject({ code: 'RV008' });
    expect(await failure(client, () => to(field, book))).toMatchObject({ code: 'RV008' });
    // A relation field that points nowhere would be a field without columns.
    expect(
      await failure(client, async () => {
        await addField(client, book, { label: 'Nowhere', type: 'RELATION' });
        await reconcile(client);
      }),
    ).toMatchObject({ code: 'RV008' });
  }));

test('deactivating either side hides the relation and keeps the links', () =>
  db.inTransaction(async (client) => {
    const { author, writer } = await library(client);
    await client.query('update metadata.objects set is_active = false where id = $1', [author]);
    await reconcile(client);
    const { rows } = await client.query(
      `select obj_description(oid) as c from pg_constraint where conname = 'books_writer_id_fkey' and connamespace = '${ws.schema}'::regnamespace`,
    );
    expect(rows[0].c).toContain('@behavior -*');
    await client.query('update metadata.objects set is_active = true where id = $1', [author]);
    await reconcile(client);
    expect(await books(client)).toEqual([{ name: 'Gösta', writer_id: writer }]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a relation to an object of another workspace is refused by the database itself', () =>
  db.inTransaction(async (client) => {
    const { field, book } = await library(client);
    const other = await createWorkspace(client, 'other');
    const target = await addObject(client, other, { label_singular: 'Spy', label_plural: 'Spies' });
    await client.query('delete from metadata.relations where field_id = $1', [field]);
    const link = await addField(client, book, { label: 'Link', type: 'RELATION' });
    expect(
      await failure(client, () =>
        insert(client, 'metadata.relations', { field_id: link, target_object_id: target, inverse_label: 'Xs' }),
      ),
    ).toMatchObject({ code: '23503' });
    expect(
      await failure(client, () =>
        insert(client, 'metadata.fields', { workspace_id: ws.id, object_id: target, label: 'F', type: 'TEXT' }),
      ),
    ).toMatchObject({ code: '23503' });
  }));
