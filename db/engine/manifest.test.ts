import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  createWorkspace,
  failure,
  insert,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let one: Workspace;
let two: Workspace;
beforeAll(async () => {
  one = await createWorkspace(db.admin, 'one');
  two = await createWorkspace(db.admin, 'two');
});

const value = async <T = never>(client: pg.ClientBase, sql: string, parameters: unknown[] = []) =>
  Object.values((await client.query(sql, parameters)).rows[0])[0] as T;
interface Manifest {
  name: string;
  version: string;
  objects: { nameSingular: string; fields: { name: string }[] }[];
  roles: { name: string }[];
}

/** The manifest without what says where it is from. */
async function exported(client: pg.ClientBase, workspace: Workspace): Promise<Manifest> {
  const {
    name: _,
    version: __,
    ...rest
  } = (await value(client, 'select engine.manifest_of($1)', [workspace.id])) as Manifest;
  return rest as Manifest;
}

/** A model with one of everything. */
async function build(client: pg.ClientBase, workspace: Workspace) {
  const company = await objectNamed(client, workspace, 'company');
  const object = await value(
    client,
    `select id from metadata.create_object('Project', 'Projects', workspace_id => $1)`,
    [workspace.id],
  );
  const field = (label: string, type: string, more = '') =>
    value(client, `select id from metadata.create_field($1, $2, $3${more})`, [object, label, type]);
  const amount = await field('Amount', 'NUMBER');
  const stage = await field(
    'Stage',
    'SELECT',
    `, options => '[{"value":"NEW","label":"New","color":"blue"},{"value":"WON","label":"Won"}]', default_value => '"NEW"'`,
  );
  await field(
    'Customer',
    'RELATION',
    `, target_object_id => '${company}', inverse_label => 'Projects', on_delete => 'RESTRICT'`,
  );
  await field(
    'About',
    'MORPH_RELATION',
    `, target_object_ids => array['${company}', '${await objectNamed(client, workspace, 'person')}']::uuid[], inverse_label => 'Subjects'`,
  );
  await field('Lead', 'MEMBER');
  await field('Partners', 'MANY_TO_MANY', `, target_object_id => '${company}', inverse_label => 'Partnerships'`);
  const double = await field('Double', 'FORMULA', `, settings => '{"expression": "amount * 2"}'`);
  const relation = await value(
    client,
    `select r.id from metadata.relations r join metadata.fields f on f.id = r.field_id where f.object_id = $1 and f.name = 'customer'`,
    [object],
  );
  await client.query(`select metadata.create_field($1, 'Total', 'ROLLUP', settings => $2)`, [
    company,
    JSON.stringify({ relationId: relation, aggregate: 'SUM', fieldId: amount }),
  ]);
  const junction = await value(client, 'select id from metadata.objects where is_junction and workspace_id = $1', [
    workspace.id,
  ]);
  await client.query(`select metadata.create_field($1, 'Part', 'TEXT')`, [junction]);
  const id = { workspace_id: workspace.id, object_id: object };
  await insert(client, 'metadata.rules', {
    ...id,
    kind: 'RANGE',
    field_id: amount,
    settings: '{"min": 0}',
    message: 'Not below zero',
  });
  await insert(client, 'metadata.indexes', {
    ...id,
    name: 'Stages',
    parts: JSON.stringify([{ fieldId: stage }, { fieldId: amount, descending: true }]),
  });
  const view = await insert(client, 'metadata.views', {
    ...id,
    name: 'Board',
    type: 'BOARD',
    group_field_id: stage,
    filter: JSON.stringify({ fieldId: amount, operand: 'GREATER_THAN', value: 1 }),
    sorts: JSON.stringify([{ fieldId: double }]),
    group_bucket: 'MONTH',
    colors: JSON.stringify([
      { condition: { fieldId: amount, operand: 'GREATER_THAN', value: 9 }, color: 'red', target: 'ROW' },
    ]),
  });
  await insert(client, 'metadata.view_fields', {
    workspace_id: workspace.id,
    view_id: view,
    field_id: amount,
    width: 120,
  });
  const { rows: roles } = await client.query<{ id: string }>('select id from metadata.roles where pg_role = $1', [
    workspace.memberRole,
  ]);
  for (const role of [null, roles[0]!.id])
    await insert(client, 'metadata.layouts', {
      ...id,
      role_id: role,
      content: JSON.stringify({
        headerFieldIds: [amount],
        stageFieldId: stage,
        side: [{ id: 'fields', kind: 'FIELDS', fieldIds: [amount, double] }],
        tabs: [
          {
            id: 'a',
            name: 'All',
            widgets: [{ id: 'x', kind: 'TEXT', text: 'Hello', condition: { fieldId: amount, operand: 'IS_EMPTY' } }],
          },
        ],
        hidden: [relation],
      }),
    });
  await client.query(
    `update metadata.objects set duplicate_criteria = $2, label_plural = 'Undertakings', is_audited = false where id = $1`,
    [object, JSON.stringify([[amount, stage]])],
  );
  await client.query(`update metadata.fields set label = 'Made' where object_id = $1 and name = 'createdAt'`, [object]);
  await client.query(`update metadata.objects set label_plural = 'Firms' where id = $1`, [company]);
  await reconcile(client);
}

async function take(client: pg.ClientBase, manifest: unknown, workspace: Workspace, prune = false) {
  const plan: {
    changes: { op: string }[];
    fingerprint: string;
    violations: unknown[];
    warnings: { code: string }[];
  } = await value(client, 'select metadata.plan_manifest($1, $2, $3)', [workspace.id, JSON.stringify(manifest), prune]);
  await client.query('select metadata.apply_changes($1, $2, $3)', [
    workspace.id,
    JSON.stringify(plan.changes),
    plan.fingerprint,
  ]);
  return plan;
}

test('a model moves from one workspace to another whole, and again changes nothing', () =>
  db.inTransaction(async (client) => {
    await build(client, one);
    await act(client, one.adminRole);
    const manifest: Manifest = await value(client, 'select metadata.export_manifest()');
    expect(JSON.stringify(manifest)).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
    await client.query('reset role');
    await take(client, manifest, two);
    expect(await exported(client, two)).toEqual(await exported(client, one));
    expect((await take(client, manifest, two)).changes).toEqual([]);
    expect(await statements(client, two)).toEqual([]);
    const shapes = await client.query('select distinct shape from core.workspaces where id = any ($1)', [
      [one.id, two.id],
    ]);
    expect(shapes.rows).toHaveLength(1);
  }));

test('what the manifest does not have goes when it is asked to, and else stays', () =>
  db.inTransaction(async (client) => {
    const manifest = await exported(client, two);
    await build(client, one);
    const named = { ...manifest, name: 'two' };
    expect((await take(client, named, one)).changes.filter((change) => change.op === 'delete')).toEqual([]);
    expect((await exported(client, one)).objects.map((o) => o.nameSingular)).toContain('project');
    await take(client, named, one, true);
    expect(await exported(client, one)).toEqual(manifest);
  }));

test('only who manages the model imports, every member exports, and a manifest that leads nowhere is refused', () =>
  db.inTransaction(async (client) => {
    await act(client, one.memberRole);
    const manifest: Manifest = await value(client, 'select metadata.export_manifest()');
    const plan = (it: unknown) => client.query('select metadata.plan_manifest($1, $2)', [one.id, JSON.stringify(it)]);
    expect((await failure(client, () => plan(manifest))).code).toBe('42501');
    await act(client, two.adminRole);
    expect((await failure(client, () => plan(manifest))).code).toBe('42501');
    await act(client, one.adminRole);
    expect((await plan(manifest)).rows[0].plan_manifest.changes).toEqual([]);
    expect((await failure(client, () => plan({ objects: [] }))).code).toBe('RV030');
    const object = { nameSingular: 'boat', namePlural: 'boats', labelSingular: 'Boat', labelPlural: 'Boats' };
    const relation = {
      name: 'port',
      label: 'Port',
      type: 'RELATION',
      relations: [{ target: 'port', inverseName: 'boats', inverseLabel: 'Boats' }],
    };
    expect((await failure(client, () => plan({ name: 'x', objects: [{ ...object, fields: [relation] }] }))).code).toBe(
      'RV067',
    );
    const view = { name: 'All', filter: { 'field:boat.nothing': { eq: 1 } } };
    expect(
      (await failure(client, () => plan({ name: 'x', objects: [{ ...object, fields: [], views: [view] }] }))).code,
    ).toBe('RV067');
  }));

test('roles move by name with what they may do, without who has them, and what the product keeps of its own', () =>
  db.inTransaction(async (client) => {
    const right = (workspace: Workspace, role: string, object: string, rights: string) =>
      client.query(
        `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
         select $1, r.id, o.id, ${rights} from metadata.roles r, metadata.objects o
         where r.workspace_id = $1 and o.workspace_id = $1 and r.name = $2 and o.name_singular = $3`,
        [workspace.id, role, object],
      );
    const role = (workspace: Workspace, name: string) =>
      insert(client, 'metadata.roles', { workspace_id: workspace.id, name, can_read_all: false });
    await role(one, 'Seller');
    await right(one, 'Seller', 'company', 'true, false, true, false');
    await right(one, 'Member', 'company', 'false, false, false, false');
    await client.query(
      `insert into metadata.field_permissions (role_id, field_id, can_read)
       select r.id, f.id, false from metadata.roles r, metadata.fields f join metadata.objects o on o.id = f.object_id
       where r.workspace_id = $1 and o.workspace_id = $1 and r.name = 'Seller' and o.name_singular = 'company' and f.name = 'employees'`,
      [one.id],
    );
    for (const [action, condition] of [
      ['READ', 'accountOwner = currentMember()'],
      ['UPDATE', 'employees < 100'],
    ])
      await client.query(
        `insert into metadata.record_rules (role_id, object_id, action, condition)
         select r.id, o.id, $2, $3 from metadata.roles r, metadata.objects o
         where r.workspace_id = $1 and o.workspace_id = $1 and r.name = 'Seller' and o.name_singular = 'company'`,
        [one.id, action, condition],
      );
    await client.query(
      `update metadata.roles set can_delete_all = false, permissions = '{VIEWS}' where workspace_id = $1 and name = 'Member'`,
      [one.id],
    );
    await client.query(`select core.add_member('one', 's@one.example', 'Sal', 'Seller')`);
    await role(two, 'Unused');
    await role(two, 'Held');
    await client.query(`select core.add_member('two', 'h@two.example', 'Hal', 'Held')`);
    await right(two, 'Member', 'person', 'true, true, true, true');
    await reconcile(client);
    const manifest = await value<Manifest>(client, 'select engine.manifest_of($1)', [one.id]);
    expect(JSON.stringify(manifest.roles)).not.toMatch(/pgRole|_r_|Sal|[0-9a-f]{8}-[0-9a-f]{4}-/);
    const plan = await take(client, manifest, two, true);
    expect(plan.warnings.map((warning) => warning.code)).toContain('ROLE_HELD');
    const [mine, theirs] = [await exported(client, one), await exported(client, two)];
    expect(theirs.roles.filter((each) => each.name !== 'Held')).toEqual(mine.roles);
    expect(theirs.roles.map((each) => each.name)).toEqual(['Admin', 'Held', 'Member', 'Read-only', 'Seller']);
    await client.query('reset role');
    const { rows } = await client.query('select pg_role from metadata.roles where workspace_id = $1 and name = $2', [
      two.id,
      'Seller',
    ]);
    await act(client, rows[0].pg_role, two.schema);
    await client.query('select name from companies');
    expect((await failure(client, () => client.query('select employees from companies'))).code).toBe('42501');
    expect((await failure(client, () => client.query('select 1 from people'))).code).toBe('42501');
    await client.query('reset role');
    expect((await take(client, manifest, two, true)).changes).toEqual([]);
    expect(await statements(client, two)).toEqual([]);
    // A role of the product is never made a second time, nor called otherwise.
    const renamed = { ...manifest, roles: [{ name: 'Chief', isSystem: true, canReadAll: true }] };
    expect((await take(client, renamed, two)).warnings.map((warning) => warning.code)).toContain('ROLE_MISSING');
    expect((await exported(client, two)).roles.map((each) => each.name)).not.toContain('Chief');
  }));
