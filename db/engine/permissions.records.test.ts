import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
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

// Record rules, teams, shares and private objects, as the roles meet them.
const db = useDatabase();
let ws: Workspace;
/** Members with the role that is limited. */
let ann: string;
let bob: string;
let role: { id: string; name: string };
let opportunity: string;
let company: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  role = rows[0];
  const member = async (name: string) =>
    (await db.admin.query(`select core.add_member('acme', $1, $2, 'Rep') as id`, [`${name}@acme.example`, name]))
      .rows[0].id as string;
  ann = await member('ann');
  bob = await member('bob');
  opportunity = await objectNamed(db.admin, ws, 'opportunity');
  company = await objectNamed(db.admin, ws, 'company');
});

const rule = (client: pg.ClientBase, object: string, condition: string, action = 'READ') =>
  insert(client, 'metadata.record_rules', { role_id: role.id, object_id: object, action, condition });
const deal = (client: pg.ClientBase, name: string, values: Record<string, unknown> = {}) =>
  insert(client, `${ws.schema}.opportunities`, { name, stage: 'NEW', ...values });
/** Everything up to here is reconciled, and the plan is empty. */
async function agree(client: pg.ClientBase) {
  await reconcile(client);
  expect(await statements(client, ws)).toEqual([]);
}
/** And what is granted is what metadata says, in shapes that cost nothing. */
async function settle(client: pg.ClientBase) {
  await agree(client);
  expect((await client.query('select detail from engine.lint_rights()')).rows).toEqual([]);
  expect((await client.query('select * from engine.lint()')).rows).toEqual([]);
}
async function be(client: pg.ClientBase, member: string, pgRole = role.name) {
  await act(client, pgRole);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [member]);
}
const names = async (client: pg.ClientBase, table = 'opportunities') =>
  (await client.query<{ name: string }>(`select name from ${table} order by name`)).rows.map((row) => row.name);

test('own records: read, changed and deleted by their member alone, and given away by nobody', () =>
  db.inTransaction(async (client) => {
    await rule(client, opportunity, 'owner = currentMember()');
    await settle(client);
    await deal(client, 'of ann', { owner_id: ann });
    await deal(client, 'of bob', { owner_id: bob });
    await deal(client, 'of nobody');
    await be(client, ann);
    expect(await names(client)).toEqual(['of ann']);
    expect((await client.query(`update opportunities set name = name || '!'`)).rowCount).toBe(1);
    expect((await client.query('delete from opportunities where name = $1', ['of bob'])).rowCount).toBe(0);
    // Without a condition an update asks no right to read; what is not seen is not touched all the same.
    expect(await failure(client, () => client.query('update opportunities set owner_id = $1', [bob]))).toMatchObject({
      code: '42501',
    });
    expect((await client.query('delete from opportunities')).rowCount).toBe(1);
    await be(client, bob);
    expect(await names(client)).toEqual(['of bob']);
    await act(client, ws.memberRole);
    expect(await names(client)).toEqual(['of bob', 'of nobody']);
  }));

test('who is nobody sees nothing: no member, and none that there is', () =>
  db.inTransaction(async (client) => {
    await rule(client, opportunity, 'owner = currentMember()');
    await settle(client);
    await deal(client, 'of ann', { owner_id: ann });
    await act(client, role.name);
    expect(await names(client)).toEqual([]);
    await client.query(`select set_config('relvar.member_id', gen_random_uuid()::text, true)`);
    expect(await names(client)).toEqual([]);
  }));

describe('conditions choose exactly the records that they are true of', () => {
  const deals = {
    'ann new': { stage: 'NEW', amount_amount_micros: 5_000_000, close_date: '2020-01-01' },
    'bob won': { stage: 'CUSTOMER', amount_amount_micros: 50_000_000, close_date: '2099-01-01' },
    empty: { stage: 'NEW' },
  };
  const cases: [condition: string, seen: string[]][] = [
    ['true', ['ann new', 'bob won', 'empty']],
    ['owner = currentMember() or owner in myTeam()', ['ann new']],
    ['owner != currentMember() or owner in below()', ['ann new', 'bob won', 'empty']],
    ['false', []],
    ['stage = "NEW"', ['ann new', 'empty']],
    ['stage != "NEW"', ['bob won']],
    ['stage in ("NEW", "CUSTOMER")', ['ann new', 'bob won', 'empty']],
    ['not stage in ("CUSTOMER")', ['ann new', 'empty']],
    ['amount > 5', ['bob won']],
    ['amount >= 5', ['ann new', 'bob won']],
    ['not amount > 5', ['ann new', 'empty']],
    ['10 < amount', ['bob won']],
    ['closeDate >= today()', ['bob won']],
    ['closeDate < now()', ['ann new']],
    ['closeDate < date("2021-01-01")', ['ann new']],
    ['isEmpty(closeDate)', ['empty']],
    ['not isEmpty(closeDate)', ['ann new', 'bob won']],
    ['closeDate = null or stage = "CUSTOMER"', ['bob won', 'empty']],
    ['owner = currentMember()', ['ann new']],
    ['owner != currentMember()', ['bob won', 'empty']],
    ['not (owner = currentMember() or stage = "CUSTOMER")', ['empty']],
    ['owner = null', ['empty']],
    ['company.name = "Acme"', ['ann new']],
    ['not company.name = "Acme"', ['bob won', 'empty']],
    ['company.name != "Acme"', ['bob won', 'empty']],
    ['isEmpty(company.name)', ['empty']],
    ['company.idealCustomerProfile', ['bob won']],
    ['company.accountOwner = currentMember()', ['bob won']],
    ['not company.accountOwner = currentMember()', ['ann new', 'empty']],
    ['company.employees > 10 and company.employees <= 100', ['bob won']],
    ['company.accountOwner.userEmail = "ann@acme.example"', ['bob won']],
    ['company.accountOwner = null', ['ann new', 'empty']],
    ['createdBy.memberId = currentMember()', []],
  ];
  test.each(cases)('%s', (condition, seen) =>
    db.inTransaction(async (client) => {
      await rule(client, opportunity, condition);
      await agree(client);
      const acme = await insert(client, `${ws.schema}.companies`, { name: 'Acme', employees: 5 });
      const other = await insert(client, `${ws.schema}.companies`, {
        name: 'Other',
        employees: 100,
        ideal_customer_profile: true,
        account_owner_id: ann,
      });
      await deal(client, 'ann new', { ...deals['ann new'], owner_id: ann, company_id: acme });
      await deal(client, 'bob won', { ...deals['bob won'], owner_id: bob, company_id: other });
      await deal(client, 'empty', deals.empty);
      await be(client, ann);
      expect(await names(client)).toEqual(seen);
      // What a definer function reads beside the policies is the same.
      await client.query('reset role');
      const { rows } = await client.query<{ id: string }>(
        `select t.name as id from engine.find_visible_ids($1, $2, $3) v join ${ws.schema}.opportunities t on t.id = v order by 1`,
        [role.name, opportunity, ann],
      );
      expect(rows.map((row) => row.id)).toEqual(seen);
    }),
  );
});

test.each([
  ['name & "x" = "ax"', 'RV059'],
  ['name = stage', 'RV059'],
  ['contains(name, "a")', 'RV059'],
  ['amount + 1 > 2', 'RV059'],
  ['length(name) > 2', 'RV059'],
  ['owner = pointOfContact', 'RV059'],
  ['pointOfContact = currentMember()', 'RV059'],
  ['pointOfContact in myTeam()', 'RV059'],
  ['amount > 1.5 or name = 3', 'RV053'],
  ['stage = "NONE"', 'RV053'],
  ['nothing = 1', 'RV051'],
  ['company.domainName = "x"', null],
  ['company.address = null', 'RV053'],
  ['amount > money(1, "EUR")', 'RV059'],
  ['if(name = "a", true, false)', 'RV059'],
  ['name', 'RV053'],
  ['', 'RV050'],
])('a rule says what a policy can say cheaply: %s', (condition, code) =>
  db.inTransaction(async (client) => {
    if (code === null) await rule(client, opportunity, condition);
    else expect(await failure(client, () => rule(client, opportunity, condition))).toMatchObject({ code });
  }),
);

test('all of them are of the shapes that a policy may have', () =>
  db.inTransaction(async (client) => {
    for (const [action, condition] of [
      [
        'READ',
        'owner = currentMember() or owner in myTeam() or not owner in below() or stage in ("NEW", "MEETING") and not company.name = "Acme"',
      ],
      ['UPDATE', 'amount > 5 and closeDate >= today() or createdAt < now() and not isEmpty(name) or owner = null'],
      ['DELETE', 'false or not (position = -1.5 or company.idealCustomerProfile)'],
    ] as const)
      await rule(client, opportunity, condition, action);
    await settle(client);
  }));

test('a value that holds quotes, brackets and what a policy is made of stays a value', () =>
  db.inTransaction(async (client) => {
    const evil = `') or true) -- ( SELECT engine.current_member() AS x) '' \\ T AND T`;
    await rule(client, opportunity, `name = "${evil}"`);
    await settle(client);
    await deal(client, evil);
    await deal(client, 'other');
    await be(client, ann);
    expect(await names(client)).toEqual([evil]);
  }));

test('teams: records of the own team, and of those below who leads', () =>
  db.inTransaction(async (client) => {
    const team = (name: string, parent?: string) =>
      insert(client, 'metadata.teams', { workspace_id: ws.id, name, ...(parent ? { parent_team_id: parent } : {}) });
    const join = (teamId: string, member: string, lead = false) =>
      insert(client, 'metadata.team_members', { team_id: teamId, member_id: member, is_lead: lead });
    const sales = await team('Sales');
    const north = await team('North', sales);
    await join(sales, ann, true);
    await join(north, bob);
    const { rows } = await client.query(`select core.add_member('acme', 'cid@acme.example', 'cid', 'Rep') as id`);
    const cid = rows[0].id as string;
    await join(north, cid);
    for (const [name, owner] of Object.entries({ a: ann, b: bob, c: cid }))
      await deal(client, name, { owner_id: owner });
    await rule(client, opportunity, 'owner in myTeam()');
    await settle(client);
    await be(client, bob);
    expect(await names(client)).toEqual(['b', 'c']);
    await be(client, ann);
    expect(await names(client)).toEqual(['a']);
    await client.query('reset role');
    await client.query(`update metadata.record_rules set condition = 'owner in below()'`);
    await settle(client);
    await be(client, ann);
    expect(await names(client)).toEqual(['a', 'b', 'c']);
    await be(client, bob);
    expect(await names(client)).toEqual(['b']);
    await client.query('reset role');
    expect(
      await failure(client, () =>
        client.query('update metadata.teams set parent_team_id = $1 where id = $2', [north, sales]),
      ),
    ).toMatchObject({ code: 'RV096' });
  }));

test('reading, changing and deleting have rules of their own, and the latter two ask the first', () =>
  db.inTransaction(async (client) => {
    await rule(client, opportunity, 'owner in myTeam()');
    await rule(client, opportunity, 'stage = "NEW"', 'UPDATE');
    await rule(client, opportunity, 'name = "mine"', 'DELETE');
    await settle(client);
    await deal(client, 'mine', { owner_id: ann });
    await deal(client, 'won', { owner_id: ann, stage: 'CUSTOMER' });
    await deal(client, 'of bob', { owner_id: bob });
    await be(client, ann);
    expect(await names(client)).toEqual(['mine', 'won']);
    expect((await client.query('update opportunities set position = 5')).rowCount).toBe(1);
    expect((await client.query('delete from opportunities')).rowCount).toBe(1);
    expect(await names(client)).toEqual(['won']);
    await act(client, ws.memberRole);
    expect(await names(client)).toEqual(['of bob', 'won']);
  }));

describe('a role that includes others', () => {
  test('reads and does what any of them may, each command by itself', () =>
    db.inTransaction(async (client) => {
      await client.query(
        `insert into metadata.roles (workspace_id, name, can_create_all, can_update_all, can_delete_all, can_read_all)
        values ($1, 'Union', false, false, false, false)`,
        [ws.id],
      );
      const { rows } = await client.query(`select id, pg_role as name from metadata.roles where name = 'Union'`);
      const union = rows[0] as { id: string; name: string };
      await rule(client, opportunity, 'owner = currentMember()');
      for (const included of [`'Rep'`, `'Read-only'`])
        await client.query(
          `insert into metadata.role_includes (role_id, included_role_id) select $1, id from metadata.roles where name = ${included}`,
          [union.id],
        );
      await settle(client);
      await deal(client, 'of ann', { owner_id: ann });
      await deal(client, 'of bob', { owner_id: bob });
      await client.query('update core.members set role_id = $1 where id = $2', [union.id, ann]);
      await be(client, ann, union.name);
      // Reads all by the one, changes its own by the other: not all of what it reads.
      expect(await names(client)).toEqual(['of ann', 'of bob']);
      expect((await client.query('update opportunities set position = 7')).rowCount).toBe(1);
      expect((await client.query('delete from opportunities')).rowCount).toBe(1);
      expect(await names(client)).toEqual(['of bob']);
      await client.query('reset role');
      await client.query('delete from metadata.role_includes');
      await settle(client);
      await be(client, ann, union.name);
      expect(await failure(client, () => names(client))).toMatchObject({ code: '42501' });
    }));

  test('not itself, in however many steps', () =>
    db.inTransaction(async (client) => {
      const include = (one: string, other: string) =>
        client.query(
          `insert into metadata.role_includes (role_id, included_role_id)
           select a.id, b.id from metadata.roles a, metadata.roles b where a.name = $1 and b.name = $2`,
          [one, other],
        );
      await include('Rep', 'Member');
      await include('Member', 'Read-only');
      expect(await failure(client, () => include('Read-only', 'Rep'))).toMatchObject({ code: 'RV091' });
      expect(await failure(client, () => include('Rep', 'Rep'))).toMatchObject({ code: 'RV091' });
    }));
});

describe('shares', () => {
  test('open one record to a member, a team or a role, to read or to write, and close again', () =>
    db.inTransaction(async (client) => {
      await rule(client, opportunity, 'owner = currentMember()');
      await settle(client);
      const shared = await deal(client, 'shared', { owner_id: ann });
      await deal(client, 'kept', { owner_id: ann });
      const team = await insert(client, 'metadata.teams', { workspace_id: ws.id, name: 'T' });
      await insert(client, 'metadata.team_members', { team_id: team, member_id: bob });
      for (const [kind, id] of [
        ['MEMBER', bob],
        ['TEAM', team],
        ['ROLE', role.id],
      ]) {
        await be(client, ann);
        const { rows } = await client.query(
          `select share_record('opportunity', $1, $2, $3, 'READ', 'have a look') as id`,
          [shared, kind, id],
        );
        await be(client, bob);
        expect(await names(client)).toEqual(['shared']);
        expect((await client.query('update opportunities set position = 9')).rowCount).toBe(0);
        // Who only reads shares nothing on, and takes nothing back.
        expect(
          await failure(client, () =>
            client.query(`select share_record('opportunity', $1, 'MEMBER', $2)`, [shared, bob]),
          ),
        ).toMatchObject({ code: '42501' });
        expect(await failure(client, () => client.query('select unshare_record($1)', [rows[0].id]))).toMatchObject({
          code: '42501',
        });
        expect((await client.query(`select * from shares_of_record('opportunity', $1)`, [shared])).rows).toMatchObject([
          { principal_kind: kind, access: 'READ', reason: 'have a look', created_by_name: 'ann' },
        ]);
        await be(client, ann);
        await client.query(`select share_record('opportunity', $1, $2, $3, 'WRITE')`, [shared, kind, id]);
        await be(client, bob);
        expect((await client.query('update opportunities set position = 9')).rowCount).toBe(1);
        expect((await client.query('delete from opportunities')).rowCount).toBe(0);
        await be(client, ann);
        expect((await client.query('select unshare_record($1) as done', [rows[0].id])).rows).toEqual([{ done: true }]);
        expect((await client.query('select unshare_record($1) as done', [rows[0].id])).rows).toEqual([{ done: false }]);
        await be(client, bob);
        expect(await names(client)).toEqual([]);
        expect(
          await failure(client, () => client.query(`select * from shares_of_record('opportunity', $1)`, [shared])),
        ).toMatchObject({ code: '42501' });
      }
    }));

  test.each([
    [`share_record('opportunity', $1, 'MEMBER', gen_random_uuid())`, 'RV098'],
    [`share_record('opportunity', $1, 'EVERYBODY', gen_random_uuid())`, 'RV098'],
    [`share_record('opportunity', $1, 'MEMBER', '${'0'.repeat(8)}-0000-0000-0000-000000000000', 'OWN')`, 'RV098'],
    [`share_record('nothing', $1, 'MEMBER', gen_random_uuid())`, 'RV011'],
  ])('refused: %s', (call, code) =>
    db.inTransaction(async (client) => {
      const id = await deal(client, 'x', { owner_id: ann });
      await be(client, ann);
      expect(await failure(client, () => client.query(`select ${call}`, [id]))).toMatchObject({ code });
    }),
  );

  test('the table of shares is nobody’s to read or write', () =>
    db.inTransaction(async (client) => {
      await act(client, ws.adminRole);
      for (const statement of [
        'select * from record_shares',
        'delete from record_shares',
        'update record_shares set access = $$WRITE$$',
      ])
        expect(await failure(client, () => client.query(statement))).toMatchObject({ code: '42501' });
    }));
});

test('a private object shows a record to its creator, and to whom it is shared with, whatever the role', () =>
  db.inTransaction(async (client) => {
    await client.query('update metadata.objects set is_private = true where id = $1', [opportunity]);
    await settle(client);
    await be(client, ann);
    const { rows } = await client.query(
      `insert into opportunities (name, stage) values ('secret', 'NEW') returning id`,
    );
    await be(client, bob);
    expect(await names(client)).toEqual([]);
    const owner = ((await client.query('reset role')) &&
      (await client.query(`select id from core.members where name = 'owner'`)).rows[0].id) as string;
    await be(client, owner, ws.adminRole);
    expect(await names(client)).toEqual([]);
    await be(client, ann);
    await client.query(`select share_record('opportunity', $1, 'MEMBER', $2)`, [rows[0].id, owner]);
    await be(client, owner, ws.adminRole);
    expect(await names(client)).toEqual(['secret']);
    // Search, the log and the trash do not tell more.
    await be(client, bob);
    expect((await client.query(`select * from search_records('secret')`)).rows).toEqual([]);
    expect((await client.query('select * from record_events where object_id = $1', [opportunity])).rows).toEqual([]);
  }));

test('search finds what the rules show, by words and by likeness', () =>
  db.inTransaction(async (client) => {
    await rule(client, opportunity, 'owner = currentMember()');
    await settle(client);
    await deal(client, 'Zeppelin of ann', { owner_id: ann });
    await deal(client, 'Zeppelin of bob', { owner_id: bob });
    await be(client, ann);
    for (const query of ['zepp', 'zeppelni'])
      expect((await client.query('select label from search_records($1)', [query])).rows).toEqual([
        { label: 'Zeppelin of ann' },
      ]);
    await act(client, ws.memberRole);
    expect((await client.query(`select label from search_records('zepp')`)).rows).toHaveLength(2);
  }));

test('what a member could not see he neither restores nor destroys; destroying is a right of its own', () =>
  db.inTransaction(async (client) => {
    await rule(client, opportunity, 'owner = currentMember()');
    await settle(client);
    const mine = await deal(client, 'mine', { owner_id: ann });
    const other = await deal(client, 'other', { owner_id: bob });
    await client.query(`delete from ${ws.schema}.opportunities`);
    await be(client, ann);
    expect((await client.query('select * from trash')).rows).toEqual([]);
    const call = async (name: string, id: string) =>
      (await client.query(`select ${name}('opportunity', $1) as done`, [id])).rows[0].done as boolean;
    expect(await call('restore_record', other)).toBe(false);
    expect(await call('destroy_record', other)).toBe(false);
    expect(await call('restore_record', mine)).toBe(true);
    await client.query('delete from opportunities');
    await client.query('reset role');
    await client.query('update metadata.roles set can_destroy_all = false where id = $1', [role.id]);
    await settle(client);
    await be(client, ann);
    expect(await failure(client, () => call('destroy_record', mine))).toMatchObject({ code: '42501' });
    expect(await call('restore_record', mine)).toBe(true);
  }));

test('the links of a many-to-many relation are seen with both sides, and made by who changes one', () =>
  db.inTransaction(async (client) => {
    await client.query(
      `select metadata.create_field($1, 'Partners', 'MANY_TO_MANY', target_object_id => $2, inverse_label => 'Partner deals')`,
      [opportunity, company],
    );
    await rule(client, opportunity, 'owner = currentMember()');
    await settle(client);
    const { rows } = await client.query(`select table_name as name from metadata.objects where is_junction`);
    const junction = rows[0].name as string;
    const firm = await insert(client, `${ws.schema}.companies`, { name: 'Firm' });
    const mine = await deal(client, 'mine', { owner_id: ann });
    const other = await deal(client, 'other', { owner_id: bob });
    const columns = (
      await client.query(
        `select f.name, r.target_object_id = $2 as is_deal from metadata.fields f join metadata.relations r on r.field_id = f.id
         join metadata.objects o on o.id = f.object_id where o.table_name = $1 order by f.name`,
        [junction, opportunity],
      )
    ).rows as { name: string; is_deal: boolean }[];
    const snake = (name: string) => `${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}_id`;
    const dealColumn = snake(columns.find((column) => column.is_deal)!.name);
    const firmColumn = snake(columns.find((column) => !column.is_deal)!.name);
    const link = (id: string) => insert(client, `${ws.schema}.${junction}`, { [dealColumn]: id, [firmColumn]: firm });
    await link(other);
    await be(client, ann);
    expect((await client.query(`select * from ${junction}`)).rows).toEqual([]);
    await link(mine);
    expect((await client.query(`select * from ${junction}`)).rowCount).toBe(1);
    await client.query('reset role');
    // Who reads but one of the sides reads no link; who changes neither makes none.
    await insert(client, 'metadata.object_permissions', { role_id: role.id, object_id: company, can_read: false });
    await settle(client);
    await be(client, ann);
    expect(await failure(client, () => client.query(`select * from ${junction}`))).toMatchObject({ code: '42501' });
    await client.query('reset role');
    await client.query(
      'update metadata.object_permissions set can_read = true, can_update = false where role_id = $1',
      [role.id],
    );
    await insert(client, 'metadata.object_permissions', {
      role_id: role.id,
      object_id: opportunity,
      can_update: false,
    });
    await settle(client);
    await be(client, ann);
    expect((await client.query(`select * from ${junction}`)).rowCount).toBe(1);
    expect(await failure(client, () => client.query(`delete from ${junction}`))).toMatchObject({ code: '42501' });
  }));

describe('rules and the model', () => {
  test('follow renames, and are named by what would break them', () =>
    db.inTransaction(async (client) => {
      const id = await rule(client, opportunity, 'stage = "NEW" and company.name = "Acme"');
      await settle(client);
      await client.query(`update metadata.fields set name = 'phase' where object_id = $1 and name = 'stage'`, [
        opportunity,
      ]);
      await client.query(`update metadata.fields set name = 'account' where object_id = $1 and name = 'company'`, [
        opportunity,
      ]);
      await settle(client);
      expect((await client.query('select condition from metadata.record_rules where id = $1', [id])).rows).toEqual([
        { condition: 'phase = "NEW" and account.name = "Acme"' },
      ]);
      const field = (
        await client.query(`select id, options from metadata.fields where object_id = $1 and name = 'phase'`, [
          opportunity,
        ])
      ).rows[0];
      const users = (await client.query(`select metadata.dependents('field', $1) as list`, [field.id])).rows[0].list;
      expect(users).toContainEqual(expect.objectContaining({ kind: 'role rule', label: 'Rep', isBlocking: true }));
      expect(
        await failure(client, () => client.query('delete from metadata.fields where id = $1', [field.id])),
      ).toMatchObject({
        code: 'RV061',
      });
      expect(
        await failure(client, () =>
          client.query('update metadata.fields set options = $2 where id = $1', [
            field.id,
            JSON.stringify(field.options.filter((option: { value: string }) => option.value !== 'NEW')),
          ]),
        ),
      ).toMatchObject({ code: 'RV061' });
    }));

  test('a change of type is refused by a rule that it would break, and followed by others', () =>
    db.inTransaction(async (client) => {
      const field = (
        await client.query(
          `insert into metadata.fields (object_id, label, type) values ($1, 'Code', 'TEXT') returning id`,
          [opportunity],
        )
      ).rows[0].id;
      await rule(client, opportunity, 'code = "7"');
      await settle(client);
      expect(
        await failure(client, () => client.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [field])),
      ).toMatchObject({ code: 'RV058' });
      await client.query(`update metadata.record_rules set condition = 'isEmpty(code)'`);
      await client.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [field]);
      await settle(client);
    }));

  test('the engine keeps an index on what rules find records by, and drops it with them', () =>
    db.inTransaction(async (client) => {
      const indexes = async () =>
        (
          await client.query(
            `select indexname from pg_indexes where schemaname = $1 and indexname like '%_policy_idx' order by 1`,
            [ws.schema],
          )
        ).rows.map((row) => row.indexname as string);
      await rule(
        client,
        opportunity,
        'stage = "NEW" or owner = currentMember() or company.employees > 5 or createdBy.memberId = currentMember()',
      );
      await settle(client);
      expect(await indexes()).toEqual([
        'companies_employees_policy_idx',
        'opportunities_created_by_member_id_policy_idx',
        'opportunities_stage_policy_idx',
      ]);
      await client.query('delete from metadata.record_rules');
      await settle(client);
      expect(await indexes()).toEqual([]);
    }));

  test('are planned and applied like the model, by who keeps the roles', () =>
    db.inTransaction(async (client) => {
      const changes = JSON.stringify([
        {
          op: 'insert',
          table: 'recordRules',
          values: { roleId: role.id, objectId: opportunity, action: 'READ', condition: 'owner = currentMember()' },
        },
        { op: 'insert', table: 'objectPermissions', values: { roleId: role.id, objectId: company, canUpdate: false } },
      ]);
      await act(client, ws.memberRole);
      expect(
        await failure(client, () => client.query('select metadata.plan_changes($1, $2)', [ws.id, changes])),
      ).toMatchObject({ code: '42501' });
      await act(client, ws.adminRole);
      const { rows } = await client.query('select metadata.plan_changes($1, $2) as plan', [ws.id, changes]);
      const { plan } = rows[0];
      expect(plan.steps.map((step: { statement: string }) => step.statement)).toEqual(
        expect.arrayContaining([
          expect.stringMatching(/^create policy r_\d+_select on \w+\.opportunities for select .*owner_id = /),
        ]),
      );
      // The role's alone.
      for (const { statement } of plan.steps) expect(statement).toMatch(/r_4/);
      await client.query('select metadata.apply_changes($1, $2, $3)', [
        ws.id,
        JSON.stringify(plan.changes),
        plan.fingerprint,
      ]);
      await client.query('reset role');
      await settle(client);
      const history = (await client.query('select engine.history_of($1, 1) as list', [ws.id])).rows[0].list;
      expect(history[0].summary).toMatch(/the role "Rep"/);
    }));

  test('a change of rights leaves the shape as it is', () =>
    db.inTransaction(async (client) => {
      const shape = async () =>
        (await client.query('select shape from core.workspaces where id = $1', [ws.id])).rows[0].shape;
      const before = await shape();
      await rule(client, opportunity, 'owner = currentMember()');
      await client.query('update metadata.roles set can_delete_all = false where id = $1', [role.id]);
      await settle(client);
      expect(await shape()).toBe(before);
    }));
});

test('a policy that somebody altered is drift, and repaired', () =>
  db.inTransaction(async (client) => {
    await rule(client, opportunity, 'owner = currentMember()');
    await settle(client);
    for (const sin of [
      `alter policy r_4_select on ${ws.schema}.opportunities using (true)`,
      `drop policy r_4_delete on ${ws.schema}.opportunities`,
      `create policy mine on ${ws.schema}.opportunities to ${role.name} using (true)`,
      `grant select on ${ws.schema}.record_shares to ${role.name}`,
      `set local role relvar_owner; grant ${ws.adminRole} to ${role.name}; reset role`,
    ]) {
      await client.query(sin);
      expect((await statements(client, ws)).length).toBeGreaterThan(0);
      await client.query('select engine.apply($1)', [ws.id]);
      await settle(client);
    }
  }));

test(
  'on 100,000 records the rule leads to its records by an index',
  () =>
    db.inTransaction(async (client) => {
      await client.query(`select set_config('session_replication_role', 'replica', true)`);
      await client.query(
        `insert into ${ws.schema}.opportunities (name, stage, owner_id)
       select 'deal ' || i, 'NEW', case when i % 1000 = 0 then $1 else ('00000000-0000-4000-8000-' || lpad((i % 1000)::text, 12, '0'))::uuid end
         from generate_series(1, 100000) i`,
        [ann],
      );
      await client.query(`select set_config('session_replication_role', 'origin', true)`);
      await rule(client, opportunity, 'owner = currentMember() or owner in myTeam()');
      await reconcile(client);
      await client.query(`analyze ${ws.schema}.opportunities`);
      await be(client, ann);
      const plan = async (sql: string) =>
        (await client.query(`explain (costs off) ${sql}`)).rows.map((row) => row['QUERY PLAN'] as string).join('\n');
      const list = await plan('select id, name from opportunities order by created_at desc limit 50');
      expect(list).toMatch(/opportunities_owner_id_idx/);
      expect(list).not.toMatch(/Seq Scan/);
      expect((await client.query('select count(*)::int as n from opportunities')).rows).toEqual([{ n: 100 }]);
    }),
  120_000,
);

describe("a person's own login", () => {
  const login = `person_${randomBytes(4).toString('hex')}`;
  afterAll(async () => {
    // The database is gone by now, and the login's rights with it.
    const cluster = new pg.Client({ connectionString: process.env.RELVAR_TEST_ADMIN_URL });
    await cluster.connect();
    await cluster.query(`drop role ${login}`);
    await cluster.end();
  });

  test('sees by the rules what its member sees, whatever it says about itself', async () => {
    const session = async (...script: string[]) => {
      const url = new URL(db.adminUrl);
      url.username = login;
      url.password = 'secret';
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      try {
        for (const statement of script) await client.query(statement);
        return await names(client as unknown as pg.ClientBase, `${ws.schema}.opportunities`);
      } finally {
        await client.end();
      }
    };
    await db.admin.query(`create role ${login} login noinherit password 'secret'`);
    await db.admin.query(`grant ${role.name} to ${login}`);
    await db.admin.query(
      `insert into core.database_logins (workspace_id, member_id, login_role, may_write, expires_at) select workspace_id, id, $1, true, now() + interval '1 day' from core.members where id = $2`,
      [login, ann],
    );
    await db.admin.query(
      `insert into metadata.record_rules (role_id, object_id, condition) values ($1, $2, 'owner = currentMember()')`,
      [role.id, opportunity],
    );
    await db.admin.query(
      `insert into ${ws.schema}.opportunities (name, stage, owner_id) values ('of ann', 'NEW', $1), ('of bob', 'NEW', $2)`,
      [ann, bob],
    );
    expect((await db.admin.query('select detail from engine.lint_rights()')).rows).toEqual([]);
    expect(await session(`set role ${role.name}`)).toEqual(['of ann']);
    const settings = await db.admin.query<{ name: string }>(
      `select distinct m[1] as name from pg_proc p, regexp_matches(pg_get_functiondef(p.oid), 'current_setting\\(''(relvar\\.\\w+)''', 'g') m
       where p.prokind <> 'a' and p.pronamespace in ('engine'::regnamespace, 'core'::regnamespace)`,
    );
    expect(settings.rows.length).toBeGreaterThan(4);
    for (const { name } of settings.rows)
      expect(await session(`set role ${role.name}`, `select set_config('${name}', '${bob}', false)`)).toEqual([
        'of ann',
      ]);
    expect(
      await session(
        `set role ${role.name}`,
        `select set_config('relvar.actor_basis', concat_ws('|', session_user, current_setting('role'), current_setting('relvar.member_id', true), current_setting('relvar.api_key_id', true)), false)`,
        `select set_config('relvar.actor_type', 'member', false), set_config('relvar.actor_id', '${bob}', false)`,
      ),
    ).toEqual(['of ann']);
    // Without the role the login has no table to look at.
    await expect(session()).rejects.toMatchObject({ code: '42501' });
  });
});
