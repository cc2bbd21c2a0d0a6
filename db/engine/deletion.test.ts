import { beforeAll, expect, test } from '@jest/globals';
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

test('a deleted field keeps its values, frees its name and binds nobody', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const field = await addField(client, object, {
      label: 'Code',
      type: 'TEXT',
      is_required: true,
      is_unique: true,
      default_value: 'A',
    });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.things (name, code) values ('one', 'X')`);
    await client.query('delete from metadata.fields where id = $1', [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    // Neither required nor unique any more, or records could not be written.
    await client.query(`insert into ${ws.schema}.things (name) values ('two'), ('three')`);
    const again = await addField(client, object, { label: 'Code', type: 'NUMBER' });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(
      await failure(client, () => client.query('update metadata.fields set deleted_at = null where id = $1', [field])),
    ).toMatchObject({ code: 'RV005' });
    await client.query('delete from metadata.fields where id = $1', [again]);
    await client.query(`delete from ${ws.schema}.things where name <> 'one'`);
    await client.query('update metadata.fields set deleted_at = null where id = $1', [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect((await client.query(`select code from ${ws.schema}.things`)).rows).toEqual([{ code: 'X' }]);
  }));

test('a deleted relation neither holds a record back nor takes one along', () =>
  db.inTransaction(async (client) => {
    const parent = await addObject(client, ws, { label_singular: 'Parent', label_plural: 'Parents' });
    const child = await addObject(client, ws, { label_singular: 'Child', label_plural: 'Children' });
    for (const onDelete of ['RESTRICT', 'CASCADE']) {
      const field = await addField(client, child, { label: onDelete, type: 'RELATION', name: onDelete.toLowerCase() });
      await client.query(
        'insert into metadata.relations (field_id, target_object_id, inverse_label, inverse_name, on_delete) values ($1, $2, $3, $4, $5)',
        [field, parent, onDelete, `${onDelete.toLowerCase()}Children`, onDelete],
      );
    }
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.parents (name) values ('P')`);
    await client.query(
      `insert into ${ws.schema}.children (name, restrict_id, cascade_id) select 'C', id, id from ${ws.schema}.parents`,
    );
    await client.query(`delete from metadata.fields where object_id = $1 and type = 'RELATION'`, [child]);
    await reconcile(client);
    await client.query(`delete from ${ws.schema}.parents`);
    expect((await client.query(`select name from ${ws.schema}.children`)).rows).toEqual([{ name: 'C' }]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('rules and indexes of what is computed go with their object and come back with it', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Crate', label_plural: 'Crates' });
    const part = await addObject(client, ws, { label_singular: 'Part', label_plural: 'Parts' });
    const { relation } = await addRelation(client, part, 'Crate', object, { label: 'Parts' });
    await reconcile(client);
    const count = await addField(client, object, {
      label: 'Count',
      type: 'ROLLUP',
      settings: { relationId: relation, aggregate: 'COUNT' },
    });
    await insert(client, 'metadata.rules', {
      object_id: object,
      field_id: count,
      kind: 'RANGE',
      settings: JSON.stringify({ max: 1 }),
    });
    await insert(client, 'metadata.indexes', {
      object_id: object,
      name: 'By count',
      parts: JSON.stringify([{ fieldId: count }]),
    });
    await reconcile(client);
    await client.query('delete from metadata.objects where id = $1', [object]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('update metadata.objects set deleted_at = null where id = $1', [object]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${ws.schema}.crates (name) values ('full')`);
    await client.query(`insert into ${ws.schema}.parts (crate_id) select id from ${ws.schema}.crates`);
    expect(
      (
        await failure(client, () =>
          client.query(`insert into ${ws.schema}.parts (crate_id) select id from ${ws.schema}.crates`),
        )
      ).code,
    ).toBe('23514');
  }));

test('nothing is purged before the grace period ends, everything after it', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const field = await addField(client, object, { label: 'Code', type: 'TEXT' });
    await reconcile(client);
    await client.query('delete from metadata.fields where id = $1', [field]);
    const purge = async () => (await client.query('select engine.purge_deleted() as n')).rows[0].n;
    expect(await purge()).toBe(0);
    await client.query(`update metadata.fields set deleted_at = now() - interval '31 days' where id = $1`, [field]);
    expect(await purge()).toBe(1);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect((await client.query('select 1 from metadata.fields where id = $1', [field])).rowCount).toBe(0);
  }));

test('what is part of the product or of an application is deactivated, not deleted', () =>
  db.inTransaction(async (client) => {
    for (const statement of [
      `delete from metadata.objects where name_singular = 'workspaceMember'`,
      `delete from metadata.objects where name_singular = 'company'`,
      `delete from metadata.fields f using metadata.objects o where o.id = f.object_id and o.name_singular = 'company' and f.name = 'annualRevenue'`,
      `delete from metadata.fields f using metadata.objects o where o.id = f.object_id and o.name_singular = 'company' and f.name = 'createdAt'`,
    ])
      expect(await failure(client, () => client.query(statement))).toMatchObject({ code: 'RV007' });
  }));

test('a change of the model leaves its rows and statements in the history', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    await reconcile(client);
    const latest = async () =>
      (
        await client.query(
          `select v.version, v.statements, (select json_agg(json_build_object('table', c.table_name, 'before', c.before ->> 'label', 'after', c.after ->> 'label') order by c.seq)
             from metadata.model_changes c where c.workspace_id = v.workspace_id and c.version = v.version) as changes
           from metadata.model_versions v where v.workspace_id = $1 order by v.version desc limit 1`,
          [ws.id],
        )
      ).rows[0];
    const { version } = await latest();
    const field = await addField(client, object, { label: 'Code', type: 'TEXT' });
    await reconcile(client);
    const added = await latest();
    expect(Number(added.version)).toBe(Number(version) + 1);
    expect(added.changes).toEqual([{ table: 'fields', before: null, after: 'Code' }]);
    expect(added.statements).toContain(`alter table ${ws.schema}.things add column code text`);
    await client.query(`update metadata.fields set label = 'Key' where id = $1`, [field]);
    await reconcile(client);
    expect((await latest()).changes).toEqual([{ table: 'fields', before: 'Code', after: 'Key' }]);
    // Writing what stands there already is no change.
    await client.query(`update metadata.fields set label = 'Key' where id = $1`, [field]);
    await reconcile(client);
    expect(Number((await latest()).version)).toBe(Number(version) + 2);
  }));
