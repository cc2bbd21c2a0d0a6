import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import { act, addField, addObject, addRelation, createWorkspace, insert, reconcile } from '../testing/workspace.ts';
import type { Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

/** A formula that is computed when it is read, and one over a relation, which triggers keep. */
test.each([
  ['its own record', 'upper(code) & " / " & name', 'B7 / Bolt'],
  ['a relation', 'supplier.name & " " & code', 'Smith b7'],
])('a formula over %s names records in the search and in the trash', (_kind, expression, label) =>
  db.inTransaction(async (client) => {
    const suppliers = await addObject(client, ws, { label_singular: 'Supplier', label_plural: 'Suppliers' });
    const parts = await addObject(client, ws, { label_singular: 'Part', label_plural: 'Parts' });
    await addField(client, parts, { label: 'Code', type: 'TEXT' });
    await addRelation(client, parts, 'Supplier', suppliers, { label: 'Parts' });
    const title = await addField(client, parts, { label: 'Title', type: 'FORMULA', settings: { expression } });
    await client.query('update metadata.objects set label_field_id = $2 where id = $1', [parts, title]);
    await reconcile(client);
    const supplier = await insert(client, `${ws.schema}.suppliers`, { name: 'Smith' });
    const id = await insert(client, `${ws.schema}.parts`, { name: 'Bolt', code: 'b7', supplier_id: supplier });

    await act(client, ws.memberRole);
    const found = await client.query('select * from search_records($1)', [label.split(' ')[0]]);
    expect(found.rows).toEqual([expect.objectContaining({ record_id: id, label })]);
    await client.query('delete from parts');
    await client.query('reset role');
    const { rows } = await client.query(`select label from ${ws.schema}.trash where record_id = $1`, [id]);
    expect(rows).toEqual([{ label }]);
  }),
);
