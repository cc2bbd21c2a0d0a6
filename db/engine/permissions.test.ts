import { beforeAll, describe, expect, test } from '@jest/globals';
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
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

type Rights = { can_read?: boolean; can_create?: boolean; can_update?: boolean; can_delete?: boolean };
async function permit(client: pg.ClientBase, object: string, rights: Rights) {
  const all = { can_read: false, can_create: false, can_update: false, can_delete: false, ...rights };
  await client.query(
    `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
     select $1, id, $2, $4, $5, $6, $7 from metadata.roles where pg_role = $3`,
    [ws.id, object, ws.memberRole, all.can_read, all.can_create, all.can_update, all.can_delete],
  );
  await reconcile(client);
  expect(await statements(client, ws)).toEqual([]);
}

/** Each right with a statement that uses it and nothing else. */
const uses: Record<string, string> = {
  can_read: 'select count(*) from companies',
  can_create: `insert into companies (name) values ('x')`,
  can_update: `update companies set name = 'y'`,
  can_delete: 'delete from companies',
};

describe('rights on one object, each granted and each refused', () => {
  test.each(Object.keys(uses))('%s', (right) =>
    db.inTransaction(async (client) => {
      const company = await objectNamed(client, ws, 'company');
      await insert(client, `${ws.schema}.companies`, { name: 'a' });
      await permit(client, company, { [right]: true });
      await act(client, ws.memberRole);
      await client.query(uses[right]!);
      for (const other of Object.keys(uses).filter((name) => name !== right))
        expect(await failure(client, () => client.query(uses[other]!))).toMatchObject({ code: '42501' });
      // Other objects and other roles are as they were.
      await client.query('select 1 from people');
      await act(client, ws.adminRole);
      for (const statement of Object.values(uses)) await client.query(statement);
    }),
  );
});

test('taking the exception back restores the defaults of the role', () =>
  db.inTransaction(async (client) => {
    await permit(client, await objectNamed(client, ws, 'company'), {});
    await client.query('delete from metadata.object_permissions');
    await reconcile(client);
    await act(client, ws.memberRole);
    for (const statement of Object.values(uses)) await client.query(statement);
  }));

test('events, trash, search and restoring are for readers of the object', () =>
  db.inTransaction(async (client) => {
    const company = await objectNamed(client, ws, 'company');
    const id = await insert(client, `${ws.schema}.companies`, { name: 'Secret' });
    await insert(client, `${ws.schema}.companies`, { name: 'Secret too' });
    await client.query(`delete from ${ws.schema}.companies where id = $1`, [id]);
    const seen = async () => ({
      events: (await client.query('select 1 from record_events where object_id = $1', [company])).rowCount,
      trash: (await client.query('select 1 from trash where object_id = $1', [company])).rowCount,
      found: (await client.query(`select 1 from search_records('secret')`)).rowCount,
    });
    await act(client, ws.memberRole);
    expect(await seen()).toEqual({ events: 3, trash: 1, found: 1 });
    await client.query('reset role');
    await permit(client, company, {});
    await act(client, ws.memberRole);
    expect(await seen()).toEqual({ events: 0, trash: 0, found: 0 });
    expect(await failure(client, () => client.query(`select restore_record('company', $1)`, [id]))).toMatchObject({
      code: '42501',
    });
    expect(await failure(client, () => client.query(`select destroy_record('company', $1)`, [id]))).toMatchObject({
      code: '42501',
    });
  }));

test('the log and the trash are read, never written', () =>
  db.inTransaction(async (client) => {
    await insert(client, `${ws.schema}.companies`, { name: 'a' });
    await client.query(`delete from ${ws.schema}.companies`);
    await act(client, ws.adminRole);
    for (const statement of [
      `update record_events set actor_name = 'nobody'`,
      'delete from record_events',
      'truncate record_events',
      `insert into record_events (batch, seq, object_id, record_id, action, actor_type, source) values (1, 1, gen_random_uuid(), gen_random_uuid(), 'x', 'x', 'x')`,
      `update trash set label = 'x'`,
      'delete from trash',
      'truncate trash',
      `insert into trash (object_id, record_id, data) values (gen_random_uuid(), gen_random_uuid(), '{}')`,
    ])
      expect(await failure(client, () => client.query(statement))).toMatchObject({ code: '42501' });
  }));

test.each([
  'created_at',
  'updated_at',
  'created_by_source',
  'created_by_member_id',
  'created_by_name',
  'updated_by_name',
  'updated_by_member_id',
])('no role writes the system column %s', (column) =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    expect(
      await failure(client, () => client.query(`insert into companies (${column}) values (default)`)),
    ).toMatchObject({ code: '42501' });
    expect(await failure(client, () => client.query(`update companies set ${column} = default`))).toMatchObject({
      code: '42501',
    });
  }),
);

test('an id may be given and not changed, the search vector neither', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    await client.query('insert into companies (id, name) values (gen_random_uuid(), $1)', ['a']);
    for (const statement of [
      'update companies set id = gen_random_uuid()',
      `update companies set search_vector = ''`,
      `insert into companies (search_vector) values ('')`,
    ])
      expect((await failure(client, () => client.query(statement))).code).toMatch(/^42501$|^428C9$/);
  }));

test.each([
  'truncate companies',
  'drop table companies',
  'alter table companies add column x int',
  'create table mine (x int)',
  'create index on companies (name)',
  'alter table companies disable row level security',
  'alter table companies no force row level security',
  'drop policy owner on companies',
  'create policy p on companies using (true)',
  'alter table companies disable trigger all',
  'create trigger t after insert on companies execute function engine.tg_records__trash()',
  'create function f() returns int language sql return 1',
  'create schema s',
  'set session_replication_role = replica',
])('Admin is no owner: %s', (statement) =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    expect((await failure(client, () => client.query(statement))).code).toMatch(/^42501$|^42P17$/);
  }),
);

describe('the model', () => {
  const writes: [string, string][] = [
    ['insert an object', `insert into metadata.objects (label_singular, label_plural) values ('Thing', 'Things')`],
    ['create an object', `select metadata.create_object('Thing', 'Things')`],
    [
      'create a field',
      `select metadata.create_field((select id from metadata.objects where name_singular = 'company'), 'Extra', 'TEXT')`,
    ],
    [
      'insert a field',
      `insert into metadata.fields (object_id, label, type) select id, 'Extra', 'TEXT' from metadata.objects where name_singular = 'company'`,
    ],
    ['insert a webhook', `insert into metadata.webhooks (target_url) values ('https://a.example')`],
  ];
  test.each(writes)('Admin may %s, Member may not', (_, statement) =>
    db.inTransaction(async (client) => {
      await act(client, ws.adminRole);
      await client.query(statement);
      await client.query('reset role');
      await reconcile(client);
      await act(client, ws.memberRole);
      expect(
        await failure(client, () => client.query(statement.replaceAll('Thing', 'Other').replace('Extra', 'More'))),
      ).toMatchObject({ code: '42501' });
    }),
  );

  test.each(['objects', 'fields', 'relations', 'webhooks'])('Member changes and deletes no row of %s', (table) =>
    db.inTransaction(async (client) => {
      await insert(client, 'metadata.webhooks', { workspace_id: ws.id, target_url: 'https://a.example' });
      await act(client, ws.memberRole);
      // The address of a webhook may hold a key, so only who keeps webhooks reads them.
      expect((await client.query(`select 1 from metadata.${table}`)).rowCount! > 0).toBe(table !== 'webhooks');
      const column = { objects: 'icon', fields: 'icon', relations: 'inverse_label', webhooks: 'name' }[table]!;
      // Row-level security hides what may not be changed, so nothing is touched.
      expect((await client.query(`update metadata.${table} set ${column} = 'x'`)).rowCount).toBe(0);
      expect((await client.query(`delete from metadata.${table}`)).rowCount).toBe(0);
    }),
  );

  test.each([
    `update metadata.roles set is_system = false`,
    `insert into metadata.roles (name, pg_role) values ('Root', 'postgres')`,
    `update metadata.object_permissions set role_id = null`,
    `update metadata.objects set is_system = false`,
    `update metadata.objects set workspace_id = null`,
    `update metadata.fields set is_system = false`,
    `update metadata.fields set object_id = null`,
    `update metadata.fields set deleted_at = now()`,
    `update metadata.fields set compiled = null`,
    'select manifest from metadata.applications',
    `insert into metadata.objects (workspace_id, label_singular, label_plural) values (gen_random_uuid(), 'A', 'B')`,
    'truncate metadata.objects cascade',
  ])('even Admin may not: %s', (statement) =>
    db.inTransaction(async (client) => {
      await act(client, ws.adminRole);
      expect(await failure(client, () => client.query(statement))).toMatchObject({ code: '42501' });
    }),
  );

  test('Member installs no application; Admin does, here', () =>
    db.inTransaction(async (client) => {
      const install = () =>
        client.query(`select metadata.sync_application($1, '{"name": "app", "objects": []}')`, [ws.id]);
      await act(client, ws.memberRole);
      expect(await failure(client, install)).toMatchObject({ code: '42501' });
      await act(client, ws.adminRole);
      await install();
    }));
});
