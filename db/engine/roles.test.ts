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
let owner: string;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  owner = (await db.admin.query('select id from core.members')).rows[0].id;
});

const one = async (client: pg.ClientBase, sql: string, values: unknown[] = []) =>
  (await client.query(sql, values)).rows[0];
const roleId = async (client: pg.ClientBase, name: string) =>
  (await one(client, 'select id from metadata.roles where workspace_id = $1 and name = $2', [ws.id, name]))
    .id as string;
async function be(client: pg.ClientBase, role: string, member = owner) {
  await act(client, role);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [member]);
}
async function settle(client: pg.ClientBase) {
  await reconcile(client);
  expect(await statements(client, ws)).toEqual([]);
  expect((await client.query('select detail from engine.lint_rights()')).rows).toEqual([]);
}

test('a workspace has Admin, Member and Read-only; new members get Member', async () => {
  const { rows } = await db.admin.query(
    'select name, is_system, has_all_permissions as all from metadata.roles where workspace_id = $1 order by pg_role',
    [ws.id],
  );
  expect(rows).toEqual([
    { name: 'Admin', is_system: true, all: true },
    { name: 'Member', is_system: true, all: false },
    { name: 'Read-only', is_system: true, all: false },
  ]);
  await db.inTransaction(async (client) => {
    await act(client, ws.memberRole);
    expect(await one(client, 'select metadata.default_role_id() as id')).toEqual({
      id: await roleId(client, 'Member'),
    });
    await act(client, `${ws.schema}_r_3`);
    await client.query('select * from companies');
    for (const statement of [
      `insert into companies (name) values ('x')`,
      `update companies set name = 'x'`,
      'delete from companies',
    ])
      expect(await failure(client, () => client.query(statement))).toMatchObject({ code: '42501' });
  });
});

describe('roles are made, changed and deleted by who may', () => {
  test('with the PostgreSQL role that goes with them, and members moved to the default', () =>
    db.inTransaction(async (client) => {
      await be(client, ws.adminRole);
      const role = await one(
        client,
        `insert into metadata.roles (name, permissions) values ('Rep', '{VIEWS,EXPORT_CSV}') returning id, pg_role as name`,
      );
      await client.query('reset role');
      await settle(client);
      expect(await one(client, `select core.add_member('acme', 'ann@acme.example', 'Ann', 'Rep')`)).toBeDefined();
      await act(client, role.name);
      await client.query('select * from companies');
      await be(client, ws.adminRole);
      await client.query(`update metadata.roles set can_read_all = false where id = $1`, [role.id]);
      await client.query('reset role');
      await settle(client);
      await act(client, role.name);
      expect(await failure(client, () => client.query('select * from companies'))).toMatchObject({ code: '42501' });
      await be(client, ws.adminRole);
      await client.query('delete from metadata.roles where id = $1', [role.id]);
      await client.query('reset role');
      await settle(client);
      expect(await one(client, 'select count(*)::int as n from pg_roles where rolname = $1', [role.name])).toEqual({
        n: 0,
      });
      expect(
        await one(
          client,
          `select r.name from core.members m join metadata.roles r on r.id = m.role_id where m.name = 'Ann'`,
        ),
      ).toEqual({
        name: 'Member',
      });
    }));

  test('and by nobody else', () =>
    db.inTransaction(async (client) => {
      const admin = await roleId(client, 'Admin');
      await act(client, ws.memberRole);
      for (const statement of [
        `insert into metadata.roles (name) values ('Mine')`,
        `insert into metadata.role_includes (role_id, included_role_id) select a.id, b.id from metadata.roles a, metadata.roles b where a.name = 'Member' and b.name = 'Admin'`,
        `insert into metadata.object_permissions (role_id, object_id, can_read) select r.id, o.id, true from metadata.roles r, metadata.objects o limit 1`,
        `insert into metadata.field_permissions (role_id, field_id) select r.id, f.id from metadata.roles r, metadata.fields f where r.name = 'Member' and f.name = 'name' limit 1`,
        `insert into metadata.record_rules (role_id, object_id, condition) select r.id, o.id, 'true' from metadata.roles r, metadata.objects o where r.name = 'Member' and o.name_singular = 'company'`,
        `insert into metadata.teams (name) values ('x')`,
        `select metadata.set_default_role('${admin}')`,
        `select metadata.set_member_role('${owner}', '${admin}')`,
        `select metadata.create_own_records_role()`,
        `select metadata.explain_access('company', role_id => '${admin}')`,
      ])
        expect({ statement, code: (await failure(client, () => client.query(statement))).code }).toEqual({
          statement,
          code: '42501',
        });
      for (const table of [
        'roles',
        'role_includes',
        'object_permissions',
        'field_permissions',
        'record_rules',
        'teams',
        'team_members',
      ])
        expect((await client.query(`delete from metadata.${table}`)).rowCount).toBe(0);
    }));

  test.each([
    [`update metadata.roles set permissions = '{DATA_MODELS}' where name = 'Member'`, 'RV090'],
    [`update metadata.roles set can_read_all = false where name = 'Admin'`, 'RV093'],
    [`update metadata.roles set has_all_permissions = false where name = 'Admin'`, 'RV093'],
    [`delete from metadata.roles where name = 'Admin'`, 'RV007'],
    [`delete from metadata.roles where name = 'Read-only'`, 'RV007'],
    [
      `insert into metadata.record_rules (role_id, object_id, condition) select r.id, o.id, 'false' from metadata.roles r, metadata.objects o where r.name = 'Admin' and o.name_singular = 'company'`,
      'RV093',
    ],
    [
      `insert into metadata.role_includes (role_id, included_role_id) select id, id from metadata.roles where name = 'Member'`,
      'RV091',
    ],
    [`update metadata.roles set pg_role = 'postgres'`, '42501'],
    [`update metadata.roles set is_system = false`, '42501'],
    [`insert into metadata.roles (name, pg_role) values ('x', 'relvar_owner')`, '42501'],
  ])('refused even to Admin: %s', (statement, code) =>
    db.inTransaction(async (client) => {
      await be(client, ws.adminRole);
      expect(await failure(client, () => client.query(statement))).toMatchObject({ code });
    }),
  );

  test('the default role stays until another is chosen, and a role of keys until somebody decides about them', () =>
    db.inTransaction(async (client) => {
      await be(client, ws.adminRole);
      const role = await one(client, `insert into metadata.roles (name) values ('New') returning id`);
      await client.query('select metadata.set_default_role($1)', [role.id]);
      const drop = () => client.query('delete from metadata.roles where id = $1', [role.id]);
      expect(await failure(client, drop)).toMatchObject({ code: 'RV094' });
      await client.query('select metadata.set_default_role($1)', [await roleId(client, 'Member')]);
      await client.query('reset role');
      await client.query(`select core.create_api_key('acme', 'New', 'k', 'rv_x', '\\x03')`);
      expect(await failure(client, drop)).toMatchObject({ code: 'RV087' });
      await client.query('delete from core.api_keys');
      await drop();
    }));

  test('a number of a role is not given twice in one transaction', () =>
    db.inTransaction(async (client) => {
      const first = await one(
        client,
        `insert into metadata.roles (workspace_id, name) values ($1, 'A') returning id, pg_role`,
        [ws.id],
      );
      await settle(client);
      await client.query('delete from metadata.roles where id = $1', [first.id]);
      const second = await one(
        client,
        `insert into metadata.roles (workspace_id, name) values ($1, 'B') returning pg_role`,
        [ws.id],
      );
      expect(second.pg_role).not.toBe(first.pg_role);
      await settle(client);
    }));
});

describe('who gets which role', () => {
  test('the last administrator stays one', () =>
    db.inTransaction(async (client) => {
      const member = await roleId(client, 'Member');
      await be(client, ws.adminRole);
      expect(
        await failure(client, async () => {
          await client.query('select metadata.set_member_role($1, $2)', [owner, member]);
          await reconcile(client);
        }),
      ).toMatchObject({ code: 'RV092' });
      await client.query('reset role');
      for (const statement of [
        `update core.members set is_active = false where id = $1`,
        `delete from core.members where id = $1`,
      ])
        expect(
          await failure(client, async () => {
            await client.query(statement, [owner]);
            await reconcile(client);
          }),
        ).toMatchObject({ code: 'RV092' });
      await client.query(`select core.add_member('acme', 'ann@acme.example', 'Ann', 'Admin')`);
      await be(client, ws.adminRole);
      await client.query('select metadata.set_member_role($1, $2)', [owner, member]);
    }));

  test('who keeps the members gives what his own role is or includes, and the default; never more', () =>
    db.inTransaction(async (client) => {
      const id = (name: string) => roleId(client, name);
      const keeper = await one(
        client,
        `insert into metadata.roles (workspace_id, name, permissions) values ($1, 'Keeper', '{WORKSPACE_MEMBERS}') returning id, pg_role as name`,
        [ws.id],
      );
      const boss = await one(
        client,
        `insert into metadata.roles (workspace_id, name) values ($1, 'Boss') returning id`,
        [ws.id],
      );
      await insert(client, 'metadata.role_includes', { role_id: keeper.id, included_role_id: await id('Read-only') });
      await reconcile(client);
      const add = async (name: string, role: string) =>
        (await one(client, `select core.add_member('acme', $1, $2, $3) as id`, [`${name}@acme.example`, name, role]))
          .id as string;
      const kim = await add('kim', 'Keeper');
      const ann = await add('ann', 'Member');
      const roles = { admin: await id('Admin'), readOnly: await id('Read-only'), member: await id('Member') };
      await be(client, keeper.name, kim);
      const give = (member: string, role: string) =>
        client.query('select metadata.set_member_role($1, $2)', [member, role]);
      await give(ann, roles.readOnly);
      await give(ann, roles.member);
      await give(ann, keeper.id);
      for (const role of [roles.admin, boss.id])
        expect(await failure(client, () => give(ann, role))).toMatchObject({ code: '42501' });
      expect(await failure(client, () => give(owner, roles.member))).toMatchObject({ code: '42501' });
      expect((await one(client, 'select metadata.members() as list')).list).toHaveLength(3);
      await be(client, ws.memberRole, ann);
      expect(await failure(client, () => client.query('select metadata.members()'))).toMatchObject({ code: '42501' });
    }));

  test('a role is given to those whom it is meant for', () =>
    db.inTransaction(async (client) => {
      const role = await one(
        client,
        `insert into metadata.roles (workspace_id, name, assignable_to) values ($1, 'Robot', '{API_KEYS}') returning id`,
        [ws.id],
      );
      expect(
        await failure(client, () => client.query(`select core.add_member('acme', 'a@b.example', 'A', 'Robot')`)),
      ).toMatchObject({ code: 'RV097' });
      expect(
        await failure(client, () => client.query('select metadata.set_default_role($1)', [role.id])),
      ).toMatchObject({ code: 'RV097' });
      await client.query(`select core.create_api_key('acme', 'Robot', 'k', 'rv_x', '\\x01')`);
      const narrow = `update metadata.roles set assignable_to = '{MEMBERS}' where id = $1`;
      // Not while a key has it.
      expect(await failure(client, () => client.query(narrow, [role.id]))).toMatchObject({ code: 'RV097' });
      await client.query('update core.api_keys set revoked_at = now()');
      await client.query(narrow, [role.id]);
      expect(
        await failure(client, () => client.query(`select core.create_api_key('acme', 'Robot', 'k', 'rv_x', '\\x02')`)),
      ).toMatchObject({ code: 'RV097' });
    }));
});

test.each([
  ['DATA_MODEL', `insert into metadata.objects (label_singular, label_plural) values ('Thing', 'Things')`],
  [
    'VIEWS',
    `insert into metadata.views (object_id, name) select id, 'x' from metadata.objects where name_singular = 'company'`,
  ],
  ['API_KEYS_AND_WEBHOOKS', `insert into metadata.webhooks (target_url) values ('https://a.example')`],
  ['WORKSPACE_MEMBERS', `insert into metadata.teams (name) values ('x')`],
  ['ROLES', `insert into metadata.roles (name) values ('x')`],
  ['APPLICATIONS', `select metadata.sync_application(engine_workspace, '{"name": "app", "objects": []}')`],
])('the flag %s opens what it names, through an included role, too', (flag, statement) =>
  db.inTransaction(async (client) => {
    const sql = statement.replace('engine_workspace', `'${ws.id}'`);
    const role = await one(
      client,
      `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
      [ws.id],
    );
    await reconcile(client);
    await act(client, role.name);
    expect(await failure(client, () => client.query(sql))).toMatchObject({ code: '42501' });
    await client.query('reset role');
    const giver = await insert(client, 'metadata.roles', {
      workspace_id: ws.id,
      name: 'Giver',
      permissions: `{${flag}}`,
    });
    await insert(client, 'metadata.role_includes', { role_id: role.id, included_role_id: giver });
    await reconcile(client);
    await act(client, role.name);
    await client.query(sql);
    expect((await one(client, 'select metadata.my_permissions() as p')).p.flags).toEqual([flag]);
  }),
);

test('"Own records only" is made for the objects that there are, and opens no later one', () =>
  db.inTransaction(async (client) => {
    await be(client, ws.adminRole);
    const role = await one(client, `select r.id, r.pg_role as name from metadata.create_own_records_role('Own') r`);
    await client.query('reset role');
    await settle(client);
    const ann = (await one(client, `select core.add_member('acme', 'ann@acme.example', 'Ann', 'Own') as id`)).id;
    await client.query(`insert into ${ws.schema}.companies (name) values ('other')`);
    await be(client, role.name, ann);
    expect((await client.query('select * from companies')).rows).toEqual([]);
    expect((await client.query(`insert into companies (name) values ('mine') returning name`)).rows).toEqual([
      { name: 'mine' },
    ]);
    expect((await client.query(`update companies set employees = 1`)).rowCount).toBe(1);
    await be(client, ws.adminRole);
    await client.query(`select metadata.create_object('Thing', 'Things')`);
    await client.query('reset role');
    await settle(client);
    await be(client, role.name, ann);
    expect(await failure(client, () => client.query('select * from things'))).toMatchObject({ code: '42501' });
  }));

describe('explain', () => {
  test('names the rules that allow and deny, for a role, a member, a record, a field', () =>
    db.inTransaction(async (client) => {
      const company = await objectNamed(client, ws, 'company');
      const role = await one(
        client,
        `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
        [ws.id],
      );
      await insert(client, 'metadata.record_rules', {
        role_id: role.id,
        object_id: company,
        condition: 'accountOwner = currentMember()',
      });
      await insert(client, 'metadata.record_rules', {
        role_id: role.id,
        object_id: company,
        action: 'UPDATE',
        condition: 'employees > 5',
      });
      await insert(client, 'metadata.field_permissions', {
        role_id: role.id,
        field_id: (
          await one(client, `select id from metadata.fields where object_id = $1 and name = 'xLink'`, [company])
        ).id,
        can_read: false,
      });
      await insert(client, 'metadata.object_permissions', { role_id: role.id, object_id: company, can_delete: false });
      await settle(client);
      const ann = (await one(client, `select core.add_member('acme', 'ann@acme.example', 'Ann', 'Rep') as id`))
        .id as string;
      const mine = await insert(client, `${ws.schema}.companies`, {
        name: 'mine',
        account_owner_id: ann,
        employees: 3,
      });
      const other = await insert(client, `${ws.schema}.companies`, { name: 'other' });
      const explain = async (action: string, record?: string, field?: string, who: object = { member_id: ann }) => {
        const { rows } = await client.query('select engine.explain_access($1, $2, $3, $4, $5, $6, $7) as e', [
          ws.id,
          'company',
          action,
          record,
          field,
          (who as { member_id?: string }).member_id,
          (who as { role_id?: string }).role_id,
        ]);
        const e = rows[0].e as { allowed: boolean; reasons: { kind: string; allows: boolean; text: string }[] };
        return [e.allowed, ...e.reasons.map((reason) => `${reason.allows ? '+' : '-'}${reason.kind}`)].join(' ');
      };
      expect(await explain('READ')).toBe('true +ROLE');
      expect(await explain('READ', mine)).toBe('true +ROLE +RECORD');
      expect(await explain('READ', other)).toBe('false +ROLE -RECORD');
      expect(await explain('UPDATE', mine)).toBe('false +ROLE +RECORD -RECORD');
      expect(await explain('DELETE', mine)).toMatch(/^false -OBJECT/);
      expect(await explain('READ', mine, 'xLink')).toMatch(/^false \+ROLE -FIELD/);
      expect(await explain('READ', mine, 'name')).toBe('true +ROLE +FIELD +RECORD');
      expect(await explain('UPDATE', mine, 'createdAt')).toMatch(/-FIELD/);
      expect(await explain('CREATE', undefined, 'position')).toBe('true +ROLE +FIELD');
      expect(await explain('CREATE', undefined, 'id')).toBe('true +ROLE +FIELD');
      expect(await explain('UPDATE', mine, 'id')).toMatch(/-FIELD/);
      expect(await explain('READ', '00000000-0000-0000-0000-000000000001')).toBe('false -RECORD');
      await be(client, ws.adminRole);
      await client.query(`select share_record('company', $1, 'MEMBER', $2, 'WRITE', 'please look')`, [other, ann]);
      await client.query('reset role');
      expect(await explain('READ', other)).toBe('true +ROLE -RECORD +SHARE');
      const union = await insert(client, 'metadata.roles', { workspace_id: ws.id, name: 'Union', can_read_all: false });
      await insert(client, 'metadata.role_includes', { role_id: union, included_role_id: role.id });
      expect(await explain('READ', undefined, undefined, { role_id: union })).toBe('true -ROLE +ROLE');
      // What is shared with the one role is read by the right of the other, which it includes.
      const third = await insert(client, `${ws.schema}.companies`, { name: 'third' });
      await be(client, ws.adminRole);
      await client.query(`select share_record('company', $1, 'ROLE', $2)`, [third, union]);
      await client.query('reset role');
      expect(await explain('READ', third, undefined, { role_id: union })).toBe('true -ROLE +ROLE -RECORD +SHARE');
      expect(await explain('READ', third)).toBe('false +ROLE -RECORD');
      // As its member in psql: the same.
      await settle(client);
      await be(client, role.name, ann);
      expect((await client.query('select name from companies order by name')).rows).toEqual([
        { name: 'mine' },
        { name: 'other' },
      ]);
      expect((await one(client, `select metadata.explain_access('company', 'READ', $1) as e`, [mine])).e).toMatchObject(
        { allowed: true, role: 'Rep' },
      );
      expect(
        (await one(client, `select metadata.explain_access('company', 'READ', gen_random_uuid()) as e`)).e,
      ).toMatchObject({
        allowed: false,
        reasons: [{ text: 'Your rules do not show this record, or there is none.' }],
      });
    }));

  test.each([
    [`engine.explain_access($1, 'company', 'LOOK', role_id => $2)`, 'RV099'],
    [`engine.explain_access($1, 'company', 'READ', field_name => 'nme', role_id => $2)`, 'RV099'],
    [`engine.explain_access($1, 'nothing', 'READ', role_id => $2)`, 'RV011'],
    [`engine.explain_access($1, 'company', 'READ', role_id => $1)`, 'RV010'],
  ])('refused: %s', (call, code) =>
    db.inTransaction(async (client) => {
      const id = await roleId(client, 'Member');
      expect(
        await failure(client, () => client.query(`select ${call} where $2::uuid is not null`, [ws.id, id])),
      ).toMatchObject({ code });
    }),
  );
});
