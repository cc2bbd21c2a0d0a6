import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
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

const field = (name: string, more: Record<string, unknown> = {}) => ({
  name,
  label: name.toUpperCase(),
  type: 'TEXT',
  ...more,
});
const fleet = (version: string, fields: unknown[], more: Record<string, unknown> = {}) => ({
  name: 'fleet',
  version,
  objects: [
    {
      nameSingular: 'truck',
      namePlural: 'trucks',
      labelSingular: 'Truck',
      labelPlural: 'Trucks',
      labelField: 'plate',
      fields: [field('plate'), ...fields],
      ...more,
    },
    { extends: 'standard:company', fields: [field('fleetCode')] },
  ],
  roles: [{ name: 'Driver', canReadAll: false, permissions: [{ object: 'truck', canRead: true }] }],
});
const sync = async (client: pg.ClientBase, manifest: unknown) => {
  await client.query('select metadata.sync_application($1, $2)', [ws.id, JSON.stringify(manifest)]);
  await reconcile(client);
};
const one = async (client: pg.ClientBase, sql: string, parameters: unknown[] = []) =>
  (await client.query(sql, parameters)).rows[0];
const options = (...list: string[]) => list.map((value) => ({ value, label: value }));

test('an application brings objects, fields of others, rules, indexes, views and roles', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    await sync(
      client,
      fleet(
        '1',
        [
          field('load', { type: 'NUMBER' }),
          field('serviced', { type: 'DATE' }),
          field('twice', { type: 'FORMULA', settings: { expression: 'load * 2' } }),
        ],
        {
          rules: [{ kind: 'RANGE', field: 'load', settings: { min: 0 } }],
          indexes: [{ name: 'Loads', parts: [{ fieldId: 'field:truck.load' }] }],
          views: [
            {
              name: 'All',
              filter: { 'field:truck.load': { greaterThan: 1 } },
              fields: [{ field: 'plate' }, { field: 'load' }],
              groupField: 'serviced',
              groupBucket: 'QUARTER',
              colors: [
                {
                  condition: { fieldId: 'field:truck.load', operand: 'GREATER_THAN', value: 9 },
                  color: 'red',
                  target: 'CELL',
                },
              ],
            },
          ],
        },
      ),
    );
    await client.query(`insert into trucks (plate, load) values ('A', 4); update companies set fleet_code = 'x'`);
    expect((await one(client, 'select twice from trucks')).twice).toBe(8);
    expect((await failure(client, () => client.query('update trucks set load = -1'))).code).toBe('23514');
    expect(await one(client, 'select count(*)::int as n from metadata.view_fields')).toEqual({ n: 2 });
    expect(
      await one(
        client,
        `select v.group_bucket, v.colors #>> '{0,color}' as color, f.name from metadata.views v join metadata.fields f on f.id::text = v.colors #>> '{0,condition,fieldId}'
         where v.name = 'All' and v.application_id is not null`,
      ),
    ).toEqual({ group_bucket: 'QUARTER', color: 'red', name: 'load' });
    await act(
      client,
      (await one(client, `select pg_role from metadata.roles where name = 'Driver'`)).pg_role,
      ws.schema,
    );
    await client.query('select plate from trucks');
    expect((await failure(client, () => client.query('select name from companies'))).code).toBe('42501');
    await client.query('reset role');
    expect(await statements(client, ws)).toEqual([]);
  }));

test('an upgrade changes what nobody changed here, and keeps what somebody did', () =>
  db.inTransaction(async (client) => {
    await client.query(`set local search_path = ${ws.schema}, public`);
    const select = (list: unknown[]) => field('size', { type: 'SELECT', options: list });
    await sync(client, fleet('1', [field('a'), field('b'), field('old'), field('used'), select(options('S', 'M'))]));
    const truck = await objectNamed(client, ws, 'truck');
    await client.query(`update metadata.fields set label = 'Mine' where object_id = $1 and name = 'a'`, [truck]);
    await client.query(`update metadata.fields set options = $2 where object_id = $1 and name = 'size'`, [
      truck,
      JSON.stringify(options('S', 'M', 'OWN')),
    ]);
    await client.query(
      `insert into metadata.indexes (workspace_id, object_id, name, parts) select $1, $2, 'Used', jsonb_build_array(jsonb_build_object('fieldId', id)) from metadata.fields where object_id = $2 and name = 'used'`,
      [ws.id, truck],
    );
    // Somebody had the name first.
    await client.query(`select metadata.create_field($1, 'extra', 'TEXT')`, [truck]);
    await reconcile(client);
    await client.query(`insert into trucks (plate, old, used) values ('A', 'kept', 'y')`);
    await sync(
      client,
      fleet('2', [
        field('a', { label: 'New a' }),
        field('b', { label: 'New b' }),
        field('extra'),
        select(options('S', 'M', 'L')),
      ]),
    );
    const fields = (
      await client.query(
        `select name, label, deleted_at is not null as gone, application_id is null as own from metadata.fields where object_id = $1 and not is_system order by id`,
        [truck],
      )
    ).rows;
    expect(Object.fromEntries(fields.map((f) => [f.name, [f.label, f.gone, f.own]]))).toMatchObject({
      a: ['Mine', false, false],
      b: ['New b', false, false],
      old: ['OLD', true, true],
      used: ['USED', false, true],
      extra: ['extra', false, true],
      extra2: ['EXTRA', false, false],
    });
    expect(
      (
        await one(
          client,
          `select jsonb_path_query_array(options, '$[*].value') as o from metadata.fields where object_id = $1 and name = 'size'`,
          [truck],
        )
      ).o,
    ).toEqual(['S', 'M', 'OWN', 'L']);
    expect(await statements(client, ws)).toEqual([]);
    // What was dropped for good stays away.
    await client.query(`update metadata.fields set deleted_at = now() where object_id = $1 and name = 'b'`, [truck]);
    await client.query(`delete from metadata.fields where object_id = $1 and name = 'b'`, [truck]);
    await sync(client, fleet('3', [field('a'), field('b'), field('c')]));
    expect(
      (await client.query(`select name from metadata.fields where object_id = $1 and name in ('b', 'c')`, [truck]))
        .rows,
    ).toEqual([{ name: 'c' }]);
  }));

test('the pages of records are arranged as an application has them, until somebody arranges them here', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const company = await objectNamed(client, ws, 'company');
    const layout = (tab: string) => ({
      content: {
        headerFieldIds: [],
        side: [],
        tabs: [{ id: 'main', name: tab, widgets: [{ id: 'w', kind: 'FIELDS', fieldIds: ['field:truck.plate'] }] }],
      },
    });
    const ofCompany = (tab: string) => ({
      content: { tabs: [{ id: 'fleet', name: tab, widgets: [{ id: 'c', kind: 'FIELD', fieldId: 'field:company.fleetCode' }] }] },
    });
    const manifest = (version: string, truckTab: string | null, companyTab: string | null) => {
      const { objects, ...rest } = fleet(version, [], truckTab === null ? {} : { layouts: [layout(truckTab), { ...layout('Of a role'), role: 'Driver' }] });
      return { ...rest, objects: [objects[0], { ...objects[1], ...(companyTab !== null && { layouts: [ofCompany(companyTab)] }) }] };
    };
    const tabsOf = async (object: string) =>
      (await client.query(`select l.content -> 'tabs' as tabs from metadata.layouts l where l.object_id = $1 and l.role_id is null`, [object])).rows.map(({ tabs }) => tabs)[0] as
        | { name: string; widgets: { fieldIds?: string[]; fieldId?: string }[] }[]
        | undefined;
    const nameOf = async (object: string) => (await tabsOf(object))?.[0]?.name;
    const warnings = async () => (await one(client, `select warnings from metadata.applications where name = 'fleet'`)).warnings as { code: string; message: string }[];

    await sync(client, manifest('1', 'Truck', 'Fleet'));
    const truck = await objectNamed(client, ws, 'truck');
    const { id: plate } = await one(client, `select id from metadata.fields where object_id = $1 and name = 'plate'`, [truck]);
    expect((await tabsOf(truck))![0]!.widgets[0]!.fieldIds).toEqual([plate]);
    expect(await nameOf(company)).toBe('Fleet');
    // That of a role is not the application's to bring.
    expect((await client.query('select from metadata.layouts where role_id is not null')).rowCount).toBe(0);

    // An upgrade changes what nobody arranged, and leaves what somebody did.
    const content = { tabs: [{ id: 'mine', name: 'As we like it', widgets: [] }] };
    await client.query('select metadata.save_layout($1, $2)', [company, JSON.stringify(content)]);
    await sync(client, manifest('2', 'Lorry', 'Vehicles'));
    expect([await nameOf(truck), await nameOf(company)]).toEqual(['Lorry', 'As we like it']);
    expect(await warnings()).toEqual([expect.objectContaining({ code: 'KEPT', message: expect.stringContaining('the pages of Companies') })]);
    // What it gives up goes, and what was arranged here becomes the workspace's own.
    await sync(client, manifest('3', null, null));
    expect([await nameOf(truck), await nameOf(company)]).toEqual([undefined, 'As we like it']);
    // What was arranged before stays when it is brought again, and when the application goes.
    await sync(client, manifest('4', 'Truck', 'Fleet'));
    expect([await nameOf(truck), await nameOf(company)]).toEqual(['Truck', 'As we like it']);
    expect(await warnings()).toEqual([expect.objectContaining({ code: 'KEPT' })]);
    await client.query(`select metadata.uninstall_application($1, 'fleet')`, [ws.id]);
    expect(await nameOf(company)).toBe('As we like it');
    expect((await client.query('select from metadata.layouts where object_id = $1', [truck])).rowCount).toBe(0);
  })); // prettier-ignore

test('uninstalling takes an application out, unless something was built on it; only who manages the model may', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    await sync(client, fleet('1', [field('a')]));
    const truck = await objectNamed(client, ws, 'truck');
    const { id } = await one(client, `select id from metadata.create_field($1, 'My notes', 'TEXT')`, [truck]);
    await reconcile(client);
    const uninstall = (name = 'fleet') => client.query('select metadata.uninstall_application($1, $2)', [ws.id, name]);
    expect(await failure(client, () => uninstall())).toMatchObject({
      code: 'RV068',
      detail: 'the field "My notes" of Trucks',
    });
    expect((await failure(client, () => uninstall('none'))).code).toBe('RV063');
    expect((await failure(client, () => uninstall('standard'))).code).toBe('RV007');
    await act(client, ws.memberRole);
    expect((await failure(client, () => uninstall())).code).toBe('42501');
    await act(client, ws.adminRole);
    await client.query('select metadata.delete_field($1)', [id]);
    await uninstall();
    await reconcile(client);
    expect((await failure(client, () => client.query('select * from trucks'))).code).toBe('42P01');
    expect((await failure(client, () => client.query('select fleet_code from companies'))).code).toBe('42703');
    await client.query('select metadata.restore_object($1)', [truck]);
    await reconcile(client);
    await client.query('select a from trucks');
    await client.query('reset role');
    expect(await statements(client, ws)).toEqual([]);
  }));

test('what an application brought is reset to how it was brought, as a plan', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    await sync(client, fleet('1', [field('a')]));
    const truck = await objectNamed(client, ws, 'truck');
    const { id } = await one(client, `select id from metadata.create_field($1, 'Mine', 'TEXT')`, [truck]);
    await client.query(`update metadata.objects set label_plural = 'Lorries', icon = 'IconX' where id = $1`, [truck]);
    await client.query(
      `update metadata.fields set label = 'Changed', is_active = false where object_id = $1 and name = 'a'`,
      [truck],
    );
    await reconcile(client);
    const plan = (kind: string, what: string) =>
      client.query('select metadata.plan_reset($1, $2, $3) as plan', [ws.id, kind, what]);
    expect((await failure(client, () => plan('field', id))).code).toBe('RV069');
    const { changes, fingerprint } = (await plan('object', truck)).rows[0].plan;
    await client.query('select metadata.apply_changes($1, $2, $3)', [ws.id, JSON.stringify(changes), fingerprint]);
    expect(await one(client, 'select label_plural, icon from metadata.objects where id = $1', [truck])).toEqual({
      label_plural: 'Trucks',
      icon: 'IconBox',
    });
    expect(
      await one(client, `select label, is_active from metadata.fields where object_id = $1 and name = 'a'`, [truck]),
    ).toEqual({ label: 'A', is_active: true });
    expect((await plan('object', truck)).rows[0].plan.changes).toEqual([]);
    await act(client, ws.memberRole);
    expect((await failure(client, () => plan('object', truck))).code).toBe('42501');
  }));
