import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import { act, addField, createWorkspace, failure, objectNamed, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let company: string;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  company = await objectNamed(db.admin, ws, 'company');
});

const planReset = (kind: string, id: string) =>
  act(db.admin, ws, async (client) => {
    const { rows } = await client.query('select metadata.plan_reset($1, $2, $3) as plan', [ws.id, kind, id]);
    return rows[0].plan as { fingerprint: string; changes: { values: Record<string, unknown> }[] };
  });

test('brings an object and its fields back to how the application delivers them', async () => {
  await db.admin.query(`update metadata.objects set label_plural = 'Firms', icon = 'IconTruck' where id = $1`, [company]);
  await db.admin.query(
    `update metadata.fields set label = 'Heads', is_active = false where object_id = $1 and name = 'employees'`,
    [company],
  );
  const plan = await planReset('object', company);
  expect(plan.changes.map((change) => change.values)).toEqual([
    { labelPlural: 'Companies', icon: 'IconBuildingSkyscraper' },
    { label: 'Employees', isActive: true },
  ]);
  await act(db.admin, ws, (client) =>
    client.query('select metadata.apply_changes($1, $2, $3)', [ws.id, JSON.stringify(plan.changes), plan.fingerprint]),
  );
  expect((await planReset('object', company)).changes).toEqual([]);
});

test('knows no standard of what people have made themselves', async () => {
  const field = await addField(db.admin, ws, { objectId: company, label: 'Motto', type: 'TEXT' });
  expect(await failure(planReset('field', field))).toMatchObject({ code: 'RV063' });
});

test('counts records and bytes of each object', async () => {
  await db.admin.query(`insert into ${ws.schema}.companies (name) values ('One'), ('Two')`);
  const list = await act(db.admin, ws, async (client) => {
    const { rows } = await client.query('select metadata.object_statistics() as list');
    return rows[0].list as { objectId: string; records: number; exact: boolean; bytes: number; indexBytes: number }[];
  });
  const found = list.find((each) => each.objectId === company);
  expect(found).toMatchObject({ records: 2, exact: true });
  expect(found!.bytes).toBeGreaterThan(found!.indexBytes);
});
