import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  createWorkspace,
  failure,
  objectNamed,
  reconcile,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let company: string;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  company = await objectNamed(db.admin, ws, 'company');
});

interface Plan {
  fingerprint: string;
  changes: { values: Record<string, unknown> }[];
}

const planReset = async (client: pg.ClientBase, kind: string, id: string): Promise<Plan> =>
  (await client.query('select metadata.plan_reset($1, $2, $3) as plan', [ws.id, kind, id])).rows[0].plan;

test('brings an object and its fields back to how the application delivers them', () =>
  db.inTransaction(async (client) => {
    await client.query(`update metadata.objects set label_plural = 'Firms', icon = 'IconTruck' where id = $1`, [
      company,
    ]);
    await client.query(
      `update metadata.fields set label = 'Heads', is_active = false where object_id = $1 and name = 'employees'`,
      [company],
    );
    await reconcile(client);
    await act(client, ws.adminRole);
    const plan = await planReset(client, 'object', company);
    expect(plan.changes.map((change) => change.values)).toEqual([
      { labelPlural: 'Companies', icon: 'IconBuildingSkyscraper' },
      { label: 'Employees', isActive: true },
    ]);
    await client.query('select metadata.apply_changes($1, $2, $3)', [
      ws.id,
      JSON.stringify(plan.changes),
      plan.fingerprint,
    ]);
    expect((await planReset(client, 'object', company)).changes).toEqual([]);
  }));

test('knows no standard of what people have made, and asks who wants it', () =>
  db.inTransaction(async (client) => {
    const field = await addField(client, company, { label: 'Motto', type: 'TEXT' });
    await reconcile(client);
    await act(client, ws.memberRole);
    expect((await failure(client, () => planReset(client, 'object', company))).code).toBe('42501');
    expect((await failure(client, () => client.query('select metadata.object_statistics()'))).code).toBe('42501');
    await act(client, ws.adminRole);
    expect((await failure(client, () => planReset(client, 'field', field))).code).toBe('RV063');
  }));

test('counts the records and bytes of each object', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    await client.query(`insert into companies (name) values ('One'), ('Two')`);
    const { rows } = await client.query('select metadata.object_statistics() as list');
    const list = rows[0].list as { objectId: string; bytes: number; indexBytes: number }[];
    const found = list.find((each) => each.objectId === company);
    expect(found).toMatchObject({ records: 2, exact: true });
    expect(found!.bytes).toBeGreaterThan(found!.indexBytes);
  }));
