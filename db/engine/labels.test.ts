import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, addField, addObject, addRelation, createWorkspace, insert, reconcile } from '../testing/workspace.ts';
import { statements, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

/** Parts of a supplier, with a formula that names them. */
async function parts(client: pg.PoolClient, expression: string) {
  const suppliers = await addObject(client, ws, { label_singular: 'Supplier', label_plural: 'Suppliers' });
  const object = await addObject(client, ws, { label_singular: 'Part', label_plural: 'Parts' });
  await addField(client, object, { label: 'Code', type: 'TEXT' });
  await addRelation(client, object, 'Supplier', suppliers, { label: 'Parts' });
  const title = await addField(client, object, { label: 'Title', type: 'FORMULA', settings: { expression } });
  await reconcile(client);
  const supplier = await insert(client, `${ws.schema}.suppliers`, { name: 'Smith' });
  const id = await insert(client, `${ws.schema}.parts`, { name: 'Bolt', code: 'b7', supplier_id: supplier });
  const nameBy = () => client.query('update metadata.objects set label_field_id = $2 where id = $1', [object, title]);
  return { id, nameBy };
}

const found = async (client: pg.PoolClient, words: string) => {
  await act(client, ws.memberRole);
  const { rows } = await client.query(
    `select record_id as id, label from search_records($1) where object_name = 'part'`,
    [words],
  );
  await client.query('reset role');
  return rows;
};

/** One that is computed when it is read, and one over a relation, which triggers keep. */
test.each([
  ['its own record', 'upper(code) & " / " & name', 'B7 / Bolt', 'C8 / Bolt'],
  ['a relation', 'supplier.name & " " & code', 'Smith b7', 'Smith c8'],
])('a formula over %s names records in the search and in the trash', (_kind, expression, label, later) =>
  db.inTransaction(async (client) => {
    const { id, nameBy } = await parts(client, expression);
    await nameBy();
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    for (const words of label.split(/[ /]+/)) expect(await found(client, words)).toEqual([{ id, label }]);
    await client.query(`update ${ws.schema}.parts set code = 'c8'`);
    expect(await found(client, 'c8')).toEqual([{ id, label: later }]);
    await client.query(`delete from ${ws.schema}.parts`);
    const { rows } = await client.query(`select label from ${ws.schema}.trash where record_id = $1`, [id]);
    expect(rows).toEqual([{ label: later }]);
  }),
);

test('where a trigger keeps what search reads, it follows the formula', () =>
  db.inTransaction(async (client) => {
    const { id, nameBy } = await parts(client, 'upper(code) & " / " & name');
    await client.query('update engine.settings set online_rows = 1');
    await nameBy();
    await reconcile(client);
    await client.query(`update ${ws.schema}.parts set code = 'c8'`);
    expect(await found(client, 'c8')).toEqual([{ id, label: 'C8 / Bolt' }]);
  }));
