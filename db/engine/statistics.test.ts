import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, objectNamed, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

test('counts the records and bytes of each object, for who manages the model', () =>
  db.inTransaction(async (client) => {
    const company = await objectNamed(client, ws, 'company');
    await act(client, ws.memberRole);
    expect((await failure(client, () => client.query('select metadata.object_statistics()'))).code).toBe('42501');
    await act(client, ws.adminRole);
    await client.query(`insert into companies (name) values ('One'), ('Two')`);
    const { rows } = await client.query('select metadata.object_statistics() as list');
    const list = rows[0].list as { objectId: string; bytes: number; indexBytes: number }[];
    const found = list.find((each) => each.objectId === company);
    expect(found).toMatchObject({ records: 2, exact: true });
    expect(found!.bytes).toBeGreaterThan(found!.indexBytes);
  }));
