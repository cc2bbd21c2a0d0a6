import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { settleDatabaseLogins } from '../databaseLogins.ts';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, objectNamed, statements, type Workspace } from '../testing/workspace.ts';

// Members with psql: real logins over TCP, which try what they should not be able to do.
const db = useDatabase();
let ws: Workspace;
let theirs: Workspace;
let ann: string;
let bob: string;
let boss: string;
const denied = { code: '42501' };

interface Granted {
  id: string;
  login: string;
  password: string;
  database: string;
  port: number;
}

beforeAll(async () => {
  ws = await createWorkspace(db.admin, 'acme');
  theirs = await createWorkspace(db.admin, 'rival');
  const add = async (name: string, role: string) =>
    (await db.admin.query('select core.add_member($1, $2, $3, $4) as id', ['acme', `${name}@acme.example`, name, role]))
      .rows[0].id as string;
  ann = await add('Ann', 'Member');
  bob = await add('Bob', 'Member');
  boss = await add('Boss', 'Admin');
  const opportunity = await objectNamed(db.admin, ws, 'opportunity');
  await db.admin.query(
    `insert into metadata.record_rules (role_id, object_id, condition)
     select r.id, $2, 'owner = currentMember()' from metadata.roles r where r.workspace_id = $1 and r.name = 'Member'`,
    [ws.id, opportunity],
  );
  await db.admin.query(
    `insert into ${ws.schema}.opportunities (name, stage, owner_id) values ('of Ann', 'NEW', $1), ('of Bob', 'NEW', $2)`,
    [ann, bob],
  );
  await db.admin.query(`insert into ${ws.schema}.companies (name) values ('Acme')`);
  await db.admin.query(`insert into ${theirs.schema}.companies (name) values ('Secret')`);
});

// Roles outlive the database of the test.
afterAll(async () => {
  const cluster = new pg.Client({ connectionString: process.env.RELVAR_TEST_ADMIN_URL });
  await cluster.connect();
  const { rows } = await cluster.query(
    `select rolname from pg_roles where rolname like 'rv\\_acme\\_%' or rolname like 'rv\\_rival\\_%'`,
  );
  for (const { rolname } of rows) await cluster.query(`drop role ${rolname}`);
  await cluster.end();
});

async function grant(memberId: string, options: { write?: boolean; expires?: string } = {}): Promise<Granted> {
  const { rows } = await db.admin.query<{ given: Granted }>(
    'select metadata.grant_database_access($1, $2, $3) as given',
    [memberId, options.write ?? false, options.expires ?? null],
  );
  await tidy();
  return rows[0]!.given;
}

function open({ login, password }: Pick<Granted, 'login' | 'password'>) {
  const url = new URL(db.adminUrl);
  url.username = login;
  url.password = password;
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => {});
  return client;
}

/** Statements of one session, each on its own. Returns the rows of the last one. */
async function as(login: Granted, ...script: string[]): Promise<Record<string, unknown>[]> {
  const client = open(login);
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of script) rows = (await client.query(statement)).rows as Record<string, unknown>[];
    return rows;
  } finally {
    await client.end();
  }
}

/** As the job does. */
async function tidy() {
  const client = await db.worker.connect();
  try {
    return await settleDatabaseLogins(client);
  } finally {
    client.release(true);
  }
}

describe('a login that reads', () => {
  let login: Granted;
  beforeAll(async () => {
    login = await grant(ann);
  });

  test('is at once where its member is, and sees what its member sees', async () => {
    expect(await as(login, 'select name from opportunities')).toEqual([{ name: 'of Ann' }]);
    expect(await as(login, 'select name from companies')).toEqual([{ name: 'Acme' }]);
    const [role] = await as(login, 'select current_user::text as role, session_user::text as login');
    expect(role).toEqual({ role: ws.memberRole.replace('_r_', '_ro_'), login: login.login });
    // The functions that read, under the same rules.
    expect(await as(login, `select label from search_records('of')`)).toEqual([{ label: 'of Ann' }]);
    expect(await as(login, `select h.action from opportunities o, record_history('opportunity', o.id) h`)).toEqual([
      { action: 'created' },
    ]);
    const [bobs] = (await db.admin.query(`select id from ${ws.schema}.opportunities where name = 'of Bob'`)).rows;
    expect(await as(login, `select * from record_history('opportunity', '${bobs.id}')`)).toEqual([]);
    expect(await as(login, `select * from deleted_records('opportunity')`)).toEqual([]);
    // Every table that its member reads, whatever its columns are computed by.
    const { rows } = await db.admin.query(
      `select relname as name from pg_class where relnamespace = '${ws.schema}'::regnamespace and relkind = 'r' and has_any_column_privilege('${ws.memberRole}', oid, 'select')`,
    );
    for (const { name } of rows) await as(login, `select * from ${name}`);
    expect(rows.length).toBeGreaterThan(10);
  });

  test('shares open records to it as to its member', async () => {
    const [bobs] = (await db.admin.query(`select id from ${ws.schema}.opportunities where name = 'of Bob'`)).rows;
    const share = async (change: (client: pg.PoolClient) => Promise<unknown>) => {
      const client = await db.admin.connect();
      try {
        await client.query('begin');
        await act(client, ws.adminRole);
        await change(client);
        await client.query('commit');
      } finally {
        client.release(true);
      }
    };
    await share((client) => client.query(`select share_record('opportunity', $1, 'MEMBER', $2)`, [bobs.id, ann]));
    expect(await as(login, 'select count(*)::int as n from opportunities')).toEqual([{ n: 2 }]);
    await db.admin.query(`delete from ${ws.schema}.record_shares`);
    expect(await as(login, 'select count(*)::int as n from opportunities')).toEqual([{ n: 1 }]);
  });

  test.each([
    `insert into companies (name) values ('x')`,
    `update companies set name = 'x'`,
    'delete from companies',
    'truncate companies',
    `merge into companies c using (select 1) s on true when matched then update set name = 'x'`,
    `with gone as (delete from companies returning 1) select * from gone`,
    `copy companies (name) from stdin`,
    'select * from companies for update',
    'select * from companies for key share',
    'begin; lock table companies in share mode',
    'begin; lock table companies in access exclusive mode',
    `select restore_record('company', gen_random_uuid())`,
    `select destroy_record('company', gen_random_uuid())`,
    `select share_record('company', gen_random_uuid(), 'MEMBER', gen_random_uuid())`,
    `select metadata.create_personal_token('x')`,
    `select metadata.update_my_profile('{}')`,
    `select metadata.grant_database_access()`,
    `insert into metadata.teams (name) values ('x')`,
    'delete from trash',
    `insert into record_events select * from record_events`,
    'create table mine (x int)',
    'create schema mine',
    'create extension dblink',
    'create role mine',
    'create publication mine',
    `do $$ begin update companies set name = 'x'; end $$`,
    `prepare p as update companies set name = 'x'; execute p`,
    `create function pg_temp.f() returns void language sql security definer as $$ update companies set name = 'x' $$; select pg_temp.f()`,
    `select lo_from_bytea(0, 'x')`,
    'select lo_create(0)',
    'alter table companies disable trigger all',
    'set session_replication_role = replica',
    `select setval('engine.event_batch', 1)`,
  ])('cannot: %s', async (statement) => {
    const schema = `set search_path = ${ws.schema}, public`;
    const free = 'set default_transaction_read_only = off; set transaction_read_only = off';
    for (const role of ['select 1', 'set role none', `set role ${ws.memberRole.replace('_r_', '_ro_')}`])
      await expect(as(login, free, schema, role, statement)).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|42P01|42883)$/),
      });
    const { rows } = await db.admin.query(`select name from ${ws.schema}.companies`);
    expect(rows).toEqual([{ name: 'Acme' }]);
  });

  test('tells who asks for a write that it only reads', async () => {
    await expect(as(login, `insert into companies (name) values ('x')`)).rejects.toMatchObject({ code: '25006' });
  });
});

describe('a login that writes', () => {
  test('signs what it writes by its member, come from psql, whatever it says', async () => {
    const login = await grant(ann, { write: true });
    const forge = [
      `set relvar.member_id = '${boss}'`,
      `set relvar.api_key_id = '${randomUUID()}'`,
      `set relvar.impersonator_id = '${boss}'`,
      `set relvar.source = 'IMPORT'`,
      `set relvar.actor_type = 'member'; set relvar.actor_id = '${boss}'; set relvar.actor_name = 'Boss'`,
      `select set_config('relvar.actor_basis', concat_ws('|', session_user, current_setting('role'), current_setting('relvar.member_id', true), current_setting('relvar.api_key_id', true), current_setting('relvar.impersonator_id', true)), false)`,
    ];
    expect(
      await as(
        login,
        ...forge,
        `insert into companies (name) values ('By Ann') returning created_by_name as name, created_by_member_id as id, created_by_source as source`,
      ),
    ).toEqual([{ name: 'Ann', id: ann, source: 'PSQL' }]);
    expect(await as(login, ...forge, 'select name from opportunities')).toEqual([{ name: 'of Ann' }]);
    const { rows } = await db.admin.query(
      `select actor_type, actor_id, actor_name, source from ${ws.schema}.record_events where after ->> 'name' = 'By Ann'`,
    );
    expect(rows).toEqual([{ actor_type: 'member', actor_id: ann, actor_name: 'Ann', source: 'PSQL' }]);
    await db.admin.query(`delete from ${ws.schema}.companies where name = 'By Ann'`);
    // What would outlive the login is made in the application.
    await expect(as(login, `select metadata.create_personal_token('x')`)).rejects.toMatchObject(denied);
    await expect(as(login, 'select metadata.grant_database_access()')).rejects.toMatchObject(denied);
  });
});

describe.each([false, true])('a login (may write: %s)', (write) => {
  let login: Granted;
  beforeAll(async () => {
    login = await grant(ann, { write });
  });

  test.each([
    () => `set role ${ws.adminRole}`,
    () => `set role ${ws.adminRole.replace('_r_', '_ro_')}`,
    () => `set role ${theirs.memberRole}`,
    () => 'set role relvar_owner',
    () => 'set role relvar_server',
    () => 'set role relvar_worker',
    () => 'set role postgres',
    () => 'set session authorization postgres',
    () => 'set session authorization relvar_server',
    () => `select set_config('role', 'relvar_owner', false)`,
    () => 'select * from core.users',
    () => 'select * from core.members',
    () => 'select * from core.database_logins',
    () => `select * from ${theirs.schema}.companies`,
    () => `select engine.record_history('${ws.adminRole}', '${ws.schema}', 'company', gen_random_uuid(), 1, null)`,
    () => `select engine.search('${theirs.memberRole}', '${theirs.schema}', 'secret', 10)`,
    () => `select engine.find_visible_ids('${ws.adminRole}', gen_random_uuid())`,
    () => `select engine.become('acme', 'Admin')`,
    () => `select core.resolve_session(gen_random_uuid())`,
    () => `select core.bind_database_login(null)`,
    () => `select metadata.grant_database_access('${boss}')`,
    () => `select pg_read_file('/etc/passwd')`,
    () => `select pg_ls_dir('.')`,
    () => `copy companies to '/tmp/x'`,
    () => `copy companies to program 'true'`,
    () => 'create extension dblink',
    () => 'create extension postgres_fdw',
    () => 'select passwd from pg_shadow',
    () => 'select rolpassword from pg_authid',
    () => `alter role ${login.login} valid until 'infinity'`,
    () => `alter role ${login.login} connection limit -1`,
    () => `alter role ${login.login} superuser`,
    () => `grant ${ws.adminRole} to ${login.login}`,
  ])('cannot: %s', async (statement) => {
    const free = 'set default_transaction_read_only = off; set transaction_read_only = off';
    for (const role of ['select 1', 'set role none'])
      await expect(as(login, free, role, statement())).rejects.toMatchObject({
        code: expect.stringMatching(/^(42501|42P01|22023)$/),
      });
  });

  test('shadows nothing that the rules call', async () => {
    const traps = [
      'set default_transaction_read_only = off; set transaction_read_only = off',
      'create temp table opportunities (id uuid, name text)',
      'create temp table members (id uuid)',
      `create function pg_temp.current_setting(text) returns text language sql as $$ select '${boss}' $$`,
      `create function pg_temp.current_member() returns uuid language sql as $$ select '${boss}'::uuid $$`,
      `create function pg_temp.equal(uuid, uuid) returns boolean language sql as 'select true'`,
      `create operator pg_temp.= (leftarg = uuid, rightarg = uuid, function = pg_temp.equal)`,
      `set search_path = pg_temp, ${ws.schema}, pg_catalog`,
    ];
    expect(await as(login, ...traps, `select name from ${ws.schema}.opportunities`)).toEqual([{ name: 'of Ann' }]);
  });

  test('is nobody without its role', async () => {
    await expect(as(login, 'set role none', `select * from ${ws.schema}.companies`)).rejects.toMatchObject(denied);
    await expect(as(login, 'set role none', 'select metadata.model()')).rejects.toMatchObject(denied);
  });

  test('does not see what others are doing', async () => {
    const rows = await as(
      login,
      `select distinct query from pg_stat_activity where usename is not null and usename <> session_user`,
    );
    expect(rows).toEqual([{ query: '<insufficient privilege>' }]);
    const [own] = await as(login, `select pg_terminate_backend(min(pid)) as done from pg_stat_activity where false`);
    expect(own).toEqual({ done: null });
    const server = await db.server.connect();
    try {
      const pid = (await server.query('select pg_backend_pid() as pid')).rows[0].pid as number;
      await expect(as(login, `select pg_terminate_backend(${pid})`)).rejects.toMatchObject(denied);
    } finally {
      server.release();
    }
  });
});

describe('the life of a login', () => {
  test('follows the role of its member, in sessions that are open, too', async () => {
    const member = (await db.admin.query(`select core.add_member('acme', 'eve@acme.example', 'Eve', 'Admin') as id`))
      .rows[0].id as string;
    const login = await grant(member);
    const client = open(login);
    await client.connect();
    expect((await client.query('select name from opportunities order by name')).rows).toHaveLength(2);
    await db.admin.query(
      `update core.members set role_id = (select id from metadata.roles where pg_role = $2) where id = $1`,
      [member, ws.memberRole],
    );
    await expect(client.query('select name from opportunities')).rejects.toThrow();
    await tidy();
    expect(await as(login, 'select name from opportunities')).toEqual([]);
    await expect(as(login, `set role ${ws.adminRole.replace('_r_', '_ro_')}`)).rejects.toMatchObject(denied);
    expect(await statements(db.admin, ws)).toEqual([]);
    expect((await db.admin.query('select detail from engine.lint_rights()')).rows).toEqual([]);
    expect((await db.admin.query('select lint, detail from engine.lint()')).rows).toEqual([]);
  });

  const ends: [string, (member: string, login: Granted) => Promise<unknown>][] = [
    ['is revoked', (_, { id }) => db.admin.query('select metadata.revoke_database_access($1)', [id])],
    [
      'its member is deactivated',
      (member) => db.admin.query('update core.members set is_active = false where id = $1', [member]),
    ],
    ['its member is removed', (member) => db.admin.query('delete from core.members where id = $1', [member])],
    [
      'its account is removed',
      (member) =>
        db.admin.query('delete from core.users where id = (select user_id from core.members where id = $1)', [member]),
    ],
    [
      'its account is switched off',
      (member) =>
        db.admin.query(
          'update core.users set disabled_at = now() where id = (select user_id from core.members where id = $1)',
          [member],
        ),
    ],
    [
      'it expires',
      (_, { id }) =>
        db.admin.query(`update core.database_logins set expires_at = now() - interval '1 s' where id = $1`, [id]),
    ],
  ];
  test.each(ends)('it ends when %s, with what it has open and what it has left', async (_, end) => {
    const email = `m_${randomUUID()}@acme.example`;
    const member = (await db.admin.query(`select core.add_member('acme', $1, 'Max', 'Member') as id`, [email])).rows[0]
      .id as string;
    const login = await grant(member, { write: true });
    const client = open(login);
    await client.connect();
    await client.query(`create temp table t as select * from companies`);
    // The owner of the catalogue may make them; a login that could would leave them behind.
    await db.admin.query(`set role ${login.login}; reset role`);
    await end(member, login);
    await tidy();
    await expect(client.query('select * from companies')).rejects.toThrow();
    await expect(open(login).connect()).rejects.toMatchObject({ code: expect.stringMatching(/^28/) });
    await tidy();
    const { rows } = await db.admin.query('select from pg_roles where rolname = $1', [login.login]);
    expect(rows).toEqual([]);
    const left = await db.admin.query('select from core.database_logins where login_role = $1', [login.login]);
    expect(left.rows).toEqual([]);
    const told = await db.admin.query(`select kind from core.auth_events where detail ->> 'login' = $1 order by id`, [
      login.login,
    ]);
    expect(told.rows.map(({ kind }) => kind)).toEqual(['DATABASE_LOGIN_CREATED', 'DATABASE_LOGIN_ENDED']);
  });

  test('a new password ends the former one', async () => {
    const login = await grant(ann);
    const { rows } = await db.admin.query<{ given: Granted }>('select metadata.rotate_database_access($1) as given', [
      login.id,
    ]);
    await expect(open(login).connect()).rejects.toMatchObject({ code: '28P01' });
    expect(await as(rows[0]!.given, 'select count(*)::int as n from companies')).toEqual([{ n: 1 }]);
  });

  test('the reading side follows the rights of its role, and what that includes', async () => {
    const { rows } = await db.admin.query<{ id: string; pg_role: string }>(
      `insert into metadata.roles (workspace_id, name, can_read_all, can_create_all, can_update_all, can_delete_all, can_destroy_all)
       values ($1, 'Outer', false, false, false, false, false), ($1, 'Inner', false, false, false, false, false) returning id, pg_role`,
      [ws.id],
    );
    const [outer, inner] = rows as [{ id: string; pg_role: string }, { id: string; pg_role: string }];
    const member = (await db.admin.query(`select core.add_member('acme', 'out@acme.example', 'Out', 'Outer') as id`))
      .rows[0].id as string;
    const login = await grant(member);
    await expect(as(login, 'select name from companies')).rejects.toMatchObject(denied);
    await db.admin.query('insert into metadata.role_includes (role_id, included_role_id) values ($1, $2)', [
      outer.id,
      inner.id,
    ]);
    const company = await objectNamed(db.admin, ws, 'company');
    await db.admin.query(
      `insert into metadata.object_permissions (role_id, object_id, can_read, can_create, can_update, can_delete, can_destroy)
       values ($1, $2, true, true, true, true, true)`,
      [inner.id, company],
    );
    await db.admin.query(
      `insert into metadata.field_permissions (role_id, field_id, can_read, can_update)
       select $1, f.id, false, false from metadata.fields f where f.object_id = $2 and f.name = 'employees'`,
      [inner.id, company],
    );
    expect(await as(login, 'select name from companies')).toEqual([{ name: 'Acme' }]);
    await expect(as(login, 'select employees from companies')).rejects.toMatchObject(denied);
    await expect(
      as(login, 'set default_transaction_read_only = off', `update companies set name = 'x'`),
    ).rejects.toMatchObject(denied);
    expect(await statements(db.admin, ws)).toEqual([]);
    await db.admin.query('delete from metadata.role_includes where role_id = $1', [outer.id]);
    await expect(as(login, 'select name from companies')).rejects.toMatchObject(denied);
    await db.admin.query('delete from metadata.roles where id = any ($1)', [[inner.id, outer.id]]);
    expect(
      (await db.admin.query('select rolname from pg_roles where rolname = $1', [outer.pg_role.replace('_r_', '_ro_')]))
        .rows,
    ).toEqual([]);
    expect(await statements(db.admin, ws)).toEqual([]);
    expect((await db.admin.query('select detail from engine.lint_rights()')).rows).toEqual([]);
  });

  test('a workspace goes with its logins', async () => {
    await createWorkspace(db.admin, 'brief');
    const { rows } = await db.admin.query(
      'select m.id from core.members m join core.workspaces w on w.id = m.workspace_id where w.slug = $1',
      ['brief'],
    );
    const login = await grant(rows[0].id);
    await db.admin.query(`select engine.drop_workspace('brief')`);
    expect((await db.admin.query('select from pg_roles where rolname = $1', [login.login])).rows).toEqual([]);
  });
});

describe('who may make logins', () => {
  const member = (role: string, id: string | null, work: (client: pg.PoolClient) => Promise<unknown>) =>
    db.inTransaction(async (client) => {
      await client.query(`set local relvar.member_id = '${id ?? ''}'`);
      await act(client, role);
      return work(client);
    });

  test('a role with the permission, for itself; who keeps the roles, for others', async () => {
    await expect(
      member(ws.memberRole, ann, (client) => client.query('select metadata.grant_database_access()')),
    ).rejects.toMatchObject(denied);
    await db.admin.query(
      `update metadata.roles set permissions = permissions || '{DATABASE_ACCESS}' where pg_role = $1`,
      [ws.memberRole],
    );
    await member(ws.memberRole, ann, async (client) => {
      const { rows } = await client.query('select metadata.grant_database_access() as given');
      expect(rows[0].given).toMatchObject({ memberId: ann, mayWrite: false, isMine: true });
      const list = await client.query('select metadata.database_access() as logins');
      expect(list.rows[0].logins.length).toBeGreaterThan(0);
      expect(JSON.stringify(list.rows)).not.toContain(rows[0].given.password);
    });
    for (const other of [bob, boss])
      await expect(
        member(ws.memberRole, ann, (client) => client.query('select metadata.grant_database_access($1)', [other])),
      ).rejects.toMatchObject(denied);
    await member(ws.adminRole, boss, async (client) => {
      await client.query('select metadata.grant_database_access($1)', [bob]);
      await client.query('reset role');
      const { rows } = await client.query(
        `select to_address from core.mail_outbox where template = 'database_access' and props ->> 'by' = 'Boss'`,
      );
      expect(rows).toEqual([{ to_address: 'bob@acme.example' }]);
    });
  });

  test('nobody of another workspace, nobody who acts as somebody else', async () => {
    await expect(
      member(theirs.adminRole, null, (client) => client.query('select metadata.grant_database_access($1)', [ann])),
    ).rejects.toMatchObject({ code: 'RV063' });
    const login = await grant(ann);
    for (const call of ['rotate_database_access', 'revoke_database_access'])
      await expect(
        member(theirs.adminRole, null, (client) => client.query(`select metadata.${call}($1)`, [login.id])),
      ).rejects.toMatchObject({ code: 'RV150' });
    await expect(
      member(ws.adminRole, boss, async (client) => {
        await client.query(`set local relvar.impersonator_id = '${randomUUID()}'`);
        await client.query('select metadata.grant_database_access()');
      }),
    ).rejects.toMatchObject(denied);
  });

  test('not for ever, and not with a password that is guessed', async () => {
    await expect(grant(ann, { expires: '2020-01-01' })).rejects.toMatchObject({ code: 'RV151' });
    await expect(grant(ann, { expires: '2999-01-01' })).rejects.toMatchObject({ code: 'RV151' });
    await expect(
      db.admin.query(`select metadata.grant_database_access($1, password => 'secret')`, [ann]),
    ).rejects.toMatchObject({ code: 'RV152' });
    const { rows } = await db.admin.query(
      `select l.login_role, a.rolvaliduntil::text as until, a.rolconnlimit as limit, a.rolinherit as inherits, left(a.rolpassword, 13) as hash
       from core.database_logins l join pg_authid a on a.rolname = l.login_role where l.ended_at is null limit 1`,
    );
    expect(rows[0]).toMatchObject({ limit: 5, inherits: false, hash: 'SCRAM-SHA-256' });
    expect(rows[0].until).toMatch(/^20/);
  });
});
