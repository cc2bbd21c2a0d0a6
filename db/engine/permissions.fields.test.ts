import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  createWorkspace,
  failure,
  insert,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

// Field rules are column grants: what a role may not read it may not filter, sort, group or count by either.
const db = useDatabase();
let ws: Workspace;
let role: { id: string; name: string };
let company: string;
let person: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Clerk') returning id, pg_role as name`,
    [ws.id],
  );
  role = rows[0];
  company = await objectNamed(db.admin, ws, 'company');
  person = await objectNamed(db.admin, ws, 'person');
});

const fieldNamed = async (client: pg.ClientBase, object: string, name: string) =>
  (await client.query('select id from metadata.fields where object_id = $1 and name = $2', [object, name])).rows[0]
    .id as string;
async function permit(
  client: pg.ClientBase,
  object: string,
  name: string,
  rights: { can_read?: boolean; can_update?: boolean },
) {
  await insert(client, 'metadata.field_permissions', {
    role_id: role.id,
    field_id: await fieldNamed(client, object, name),
    ...rights,
  });
}
const only = (client: pg.ClientBase, object: string) =>
  insert(client, 'metadata.object_permissions', { role_id: role.id, object_id: object, field_mode: 'ONLY' });
async function settle(client: pg.ClientBase) {
  await reconcile(client);
  expect(await statements(client, ws)).toEqual([]);
  expect((await client.query('select detail from engine.lint_rights()')).rows).toEqual([]);
}
const may = async (client: pg.ClientBase, statement: string) => {
  await client.query('savepoint may');
  const answer = await client.query(statement).then(
    () => true,
    (error: pg.DatabaseError) => {
      expect(error.code).toBe('42501');
      return false;
    },
  );
  await client.query('rollback to may');
  return answer;
};

test('a deny-list takes a field away, with all its columns, wherever it is named', () =>
  db.inTransaction(async (client) => {
    await permit(client, company, 'annualRevenue', { can_read: false });
    await permit(client, company, 'employees', { can_update: false });
    await settle(client);
    await act(client, role.name);
    for (const [statement, allowed] of [
      ['select name, employees, account_owner_id, created_at from companies', true],
      ['select * from companies', false],
      ['select annual_revenue_amount_micros from companies', false],
      ['select annual_revenue_currency_code from companies', false],
      ['select name from companies where annual_revenue_amount_micros > 5', false],
      ['select name from companies order by annual_revenue_amount_micros', false],
      ['select count(*) from companies group by annual_revenue_currency_code', false],
      ['select sum(annual_revenue_amount_micros) from companies', false],
      [`insert into companies (name) values ('x')`, true],
      [`insert into companies (name) values ('x') returning id`, true],
      [`insert into companies (name) values ('x') returning annual_revenue_amount_micros`, false],
      [`insert into companies (name, annual_revenue_amount_micros) values ('x', 1)`, false],
      [`update companies set annual_revenue_amount_micros = 1`, false],
      [`update companies set employees = 1`, false],
      [`insert into companies (name, employees) values ('x', 1)`, false],
      [`update companies set name = 'y'`, true],
      [`update companies set name = 'y' where annual_revenue_amount_micros > 1`, false],
      ['delete from companies', true],
      ['delete from companies where annual_revenue_amount_micros > 1', false],
    ] as const)
      expect({ statement, allowed: await may(client, statement) }).toEqual({ statement, allowed });
    await act(client, ws.memberRole);
    await client.query('select * from companies');
  }));

test('a formula that is computed anew, and a renamed or a new field, stay with who reads by columns', () =>
  db.inTransaction(async (client) => {
    const twice = await addField(client, company, {
      label: 'Twice',
      type: 'FORMULA',
      settings: { expression: 'employees * 2' },
    });
    await permit(client, company, 'annualRevenue', { can_read: false });
    await settle(client);
    await client.query(`update metadata.fields set settings = '{"expression": "employees * 3"}' where id = $1`, [
      twice,
    ]);
    await settle(client);
    await client.query(`update metadata.fields set name = 'headcount' where object_id = $1 and name = 'employees'`, [
      company,
    ]);
    await addField(client, company, { label: 'Later', type: 'TEXT' });
    await client.query(`update metadata.roles set can_delete_all = false where id = $1`, [role.id]);
    await settle(client);
    await act(client, role.name);
    expect(await may(client, 'select twice, headcount, later from companies')).toBe(true);
    expect(await may(client, 'update companies set headcount = 1, later = null')).toBe(true);
    expect(await may(client, 'select annual_revenue_amount_micros from companies')).toBe(false);
    expect(await may(client, 'delete from companies')).toBe(false);
  }));

test('of what a role has, only what differs is granted or revoked, and rules are altered in place', () =>
  db.inTransaction(async (client) => {
    await permit(client, company, 'annualRevenue', { can_read: false });
    const rule = await insert(client, 'metadata.record_rules', {
      role_id: role.id,
      object_id: company,
      condition: 'name = "a"',
    });
    await settle(client);
    const changes = async (change: string, values: unknown[]) => {
      await client.query('set constraints all deferred');
      await client.query(change, values);
      const { rows } = await client.query<{ statement: string }>(
        `select s.statement from engine.steps($1, engine.differences($2, $1, '{}', array[$3])) s order by s.step`,
        [ws.schema, ws.id, role.name],
      );
      await settle(client);
      return rows.map(({ statement }) => statement.replaceAll(ws.schema, 'ws'));
    };
    const mine = (list: string[]) => list.filter((each) => each.includes('ws.companies'));
    expect(mine(await changes('update metadata.roles set can_create_all = false where id = $1', [role.id]))).toEqual([
      expect.stringMatching(/^drop policy r_\d+_insert on ws.companies$/),
      expect.stringMatching(/^revoke insert on ws.companies from ws_r_\d+$/),
    ]);
    const withhold = async (field: string, right: string) =>
      mine(
        await changes(`insert into metadata.field_permissions (role_id, field_id, ${right}) values ($1, $2, false)`, [
          role.id,
          await fieldNamed(client, company, field),
        ]),
      );
    expect(await withhold('employees', 'can_update')).toEqual([
      expect.stringMatching(/^revoke update \(employees\) on ws.companies from ws_r_\d+$/),
    ]);
    expect(await withhold('idealCustomerProfile', 'can_read')).toEqual([
      expect.stringMatching(
        /^revoke select \(ideal_customer_profile\), update \(ideal_customer_profile\) on ws.companies from ws_r_\d+$/,
      ),
    ]);
    const altered = await changes(`update metadata.record_rules set condition = 'name = "b"' where id = $1`, [rule]);
    expect(altered).toHaveLength(3);
    for (const statement of altered) expect(statement).toMatch(/^alter policy r_\d+_\w+ on ws.companies to ws_r_\d+ /);
  }));

test('privileges are told apart with the columns that they are for', async () => {
  const change = async (have: string, want: string) =>
    Object.values((await db.admin.query('select * from engine.grant_change($1, $2)', [have, want])).rows[0]);
  expect(await change('select', 'select')).toEqual([null, null]);
  expect(await change('select', '')).toEqual(['select', null]);
  expect(await change('', 'insert (a, "b, (c""")')).toEqual([null, 'insert (a, "b, (c""")']);
  expect(await change('select, update ("b, c", d)', 'select, update (d, e)')).toEqual([
    'update ("b, c")',
    'update (e)',
  ]);
  expect(await change('select', 'select (a)')).toEqual(['select', 'select (a)']);
  expect(await change('select (a)', 'select')).toEqual(['select', 'select']);
  expect(await change('delete, references, select', 'delete, select')).toEqual(['references', null]);
});

test('an allow-list gives what it names, and what the engine keeps', () =>
  db.inTransaction(async (client) => {
    await only(client, company);
    await permit(client, company, 'name', { can_read: true, can_update: true });
    await permit(client, company, 'employees', { can_read: true });
    await permit(client, company, 'address', { can_update: true });
    await permit(client, company, 'createdBy', { can_read: false });
    await settle(client);
    await act(client, role.name);
    for (const [statement, allowed] of [
      ['select id, name, employees, created_at, position from companies', true],
      ['select account_owner_id from companies', false],
      ['select created_by_name from companies', false],
      ['select updated_by_name from companies', true],
      [`update companies set name = 'x'`, true],
      ['update companies set employees = 1', false],
      ['select address_city from companies', false],
      [`update companies set address_city = 'x'`, true],
      [`insert into companies (id, name, position) values (gen_random_uuid(), 'x', 1)`, true],
      // A field that is made later is not open by itself.
      ['select id from companies', true],
    ] as const)
      expect({ statement, allowed: await may(client, statement) }).toEqual({ statement, allowed });
    await client.query('reset role');
    await addField(client, company, { label: 'Later', type: 'TEXT' });
    await settle(client);
    await act(client, role.name);
    expect(await may(client, 'select later from companies')).toBe(false);
  }));

describe('what is computed shows what it is made of', () => {
  test('a formula over a field that is not read is not read, unless it is named', () =>
    db.inTransaction(async (client) => {
      await addField(client, company, { label: 'Half', type: 'FORMULA', settings: { expression: 'employees / 2' } });
      await addField(client, company, { label: 'Quarter', type: 'FORMULA', settings: { expression: 'half / 2' } });
      await permit(client, company, 'employees', { can_read: false });
      await settle(client);
      await act(client, role.name);
      expect(await may(client, 'select half from companies')).toBe(false);
      expect(await may(client, 'select quarter from companies')).toBe(false);
      await client.query('reset role');
      await permit(client, company, 'quarter', { can_read: true });
      await settle(client);
      await act(client, role.name);
      expect(await may(client, 'select half from companies')).toBe(false);
      expect(await may(client, 'select quarter from companies')).toBe(true);
    }));

  test('so it is over relations and in rollups, also where some records only are seen', () =>
    db.inTransaction(async (client) => {
      await addField(client, person, {
        label: 'Firm',
        type: 'FORMULA',
        settings: { expression: 'upper(company.name)' },
      });
      const relation = (
        await client.query(
          `select r.id from metadata.relations r join metadata.fields f on f.id = r.field_id where f.object_id = $1 and f.name = 'company'`,
          [person],
        )
      ).rows[0].id;
      await addField(client, company, {
        label: 'Heads',
        type: 'ROLLUP',
        settings: { relationId: relation, aggregate: 'COUNT' },
      });
      await settle(client);
      await act(client, role.name);
      expect(await may(client, 'select firm from people')).toBe(true);
      expect(await may(client, 'select heads from companies')).toBe(true);
      await client.query('reset role');
      await insert(client, 'metadata.record_rules', {
        role_id: role.id,
        object_id: company,
        condition: 'accountOwner = currentMember()',
      });
      await insert(client, 'metadata.object_permissions', { role_id: role.id, object_id: person, can_read: false });
      await settle(client);
      await act(client, role.name);
      expect(await may(client, 'select heads from companies')).toBe(false);
      await client.query('reset role');
      await client.query('delete from metadata.object_permissions where object_id = $1 and role_id = $2', [
        person,
        role.id,
      ]);
      await settle(client);
      await act(client, role.name);
      expect(await may(client, 'select firm from people')).toBe(false);
      expect(await may(client, 'select heads from companies')).toBe(true);
      await client.query('reset role');
      await client.query('delete from metadata.record_rules');
      await permit(client, company, 'name', { can_read: false });
      await settle(client);
      await act(client, role.name);
      expect(await may(client, 'select firm from people')).toBe(false);
      expect(await may(client, 'select heads from companies')).toBe(true);
    }));

  test('the search vector is read, and searched, by who reads all that it is made of', () =>
    db.inTransaction(async (client) => {
      await insert(client, `${ws.schema}.companies`, { name: 'Zeppelin' });
      await permit(client, company, 'name', { can_read: false });
      await settle(client);
      await act(client, role.name);
      expect(await may(client, 'select search_vector from companies')).toBe(false);
      expect((await client.query(`select * from search_records('zeppelin')`)).rows).toEqual([]);
      await act(client, ws.memberRole);
      expect((await client.query(`select * from search_records('zeppelin')`)).rows).toHaveLength(1);
    }));
});

test('the log and the trash, which hold whole records, are shown of objects that are read whole', () =>
  db.inTransaction(async (client) => {
    await insert(client, `${ws.schema}.companies`, { name: 'a' });
    await client.query(`delete from ${ws.schema}.companies`);
    await permit(client, company, 'employees', { can_read: false });
    await settle(client);
    await act(client, role.name);
    expect((await client.query('select * from record_events where object_id = $1', [company])).rows).toEqual([]);
    expect((await client.query('select * from trash where object_id = $1', [company])).rows).toEqual([]);
    await act(client, ws.memberRole);
    expect((await client.query('select * from record_events where object_id = $1', [company])).rowCount).toBe(2);
  }));

test('rules of fields follow renames and changes of type, and go with the field', () =>
  db.inTransaction(async (client) => {
    const secret = await addField(client, company, { label: 'Secret', type: 'TEXT' });
    await insert(client, 'metadata.field_permissions', { role_id: role.id, field_id: secret, can_read: false });
    await settle(client);
    await client.query(`update metadata.fields set name = 'hush' where id = $1`, [secret]);
    await settle(client);
    await client.query(`update metadata.fields set type = 'CURRENCY' where id = $1`, [secret]);
    await settle(client);
    await act(client, role.name);
    expect(await may(client, 'select hush_amount_micros from companies')).toBe(false);
    await client.query('reset role');
    const users = (await client.query(`select metadata.dependents('field', $1) as list`, [secret])).rows[0].list;
    expect(users).toContainEqual(expect.objectContaining({ kind: 'permission', label: 'Clerk', isBlocking: false }));
    await client.query('delete from metadata.fields where id = $1', [secret]);
    await settle(client);
    await client.query('delete from metadata.fields where id = $1', [secret]);
    await settle(client);
    expect((await client.query('select * from metadata.field_permissions')).rows).toEqual([]);
  }));

test('an includer reads the fields of each', () =>
  db.inTransaction(async (client) => {
    const other = (
      await client.query(
        `insert into metadata.roles (workspace_id, name) values ($1, 'Other') returning id, pg_role as name`,
        [ws.id],
      )
    ).rows[0] as { id: string; name: string };
    await permit(client, company, 'employees', { can_read: false });
    await permit(client, company, 'xLink', { can_read: false });
    await insert(client, 'metadata.field_permissions', {
      role_id: other.id,
      field_id: await fieldNamed(client, company, 'annualRevenue'),
      can_read: false,
    });
    await insert(client, 'metadata.field_permissions', {
      role_id: other.id,
      field_id: await fieldNamed(client, company, 'xLink'),
      can_read: false,
    });
    await insert(client, 'metadata.role_includes', { role_id: other.id, included_role_id: role.id });
    await settle(client);
    await act(client, other.name);
    expect(await may(client, 'select employees, annual_revenue_amount_micros from companies')).toBe(true);
    expect(await may(client, 'select x_link_primary_link_url from companies')).toBe(false);
    const answer = (await client.query('select metadata.my_permissions() as p')).rows[0].p;
    expect(answer.objects[company]).toMatchObject({
      canRead: true,
      isLimited: false,
      unreadableFields: [await fieldNamed(client, company, 'xLink')],
    });
  }));

test.each([['the id', `select id from metadata.fields where object_id = $1 and name = 'id'`, 'RV095']])(
  'no rule takes away %s',
  (_, field, code) =>
    db.inTransaction(async (client) => {
      const id = (await client.query(field, [company])).rows[0].id;
      expect(
        await failure(client, () =>
          insert(client, 'metadata.field_permissions', { role_id: role.id, field_id: id, can_read: false }),
        ),
      ).toMatchObject({ code });
    }),
);
