import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, objectNamed, type Workspace } from '../testing/workspace.ts';

// Two walls stand between tenants: a role reaches its own schema alone, and each table asks for the
// role again. Here everybody tries to climb them, with the logins that they would really have.
const db = useDatabase();
let mine: Workspace;
let theirs: Workspace;
let theirCompany: string;
let theirMember: string;
/** A person's own database login, mapped to the owner of `mine`, who is a Member there. */
const login = `person_${randomBytes(4).toString('hex')}`;

beforeAll(async () => {
  mine = await createWorkspace(db.admin, 'mine');
  theirs = await createWorkspace(db.admin, 'theirs');
  theirCompany = (await db.admin.query(`insert into ${theirs.schema}.companies (name) values ('Theirs') returning id`))
    .rows[0].id;
  theirMember = (await db.admin.query('select id from core.members where workspace_id = $1', [theirs.id])).rows[0].id;
  await db.admin.query(`create role ${login} login password 'secret'`);
  await db.admin.query(`grant ${mine.memberRole} to ${login}`);
  // A workspace always has an administrator.
  await db.admin.query(`select core.add_member('mine', 'second@mine.example', 'Second', 'Admin')`);
  await db.admin.query(
    `update core.members set role_id = (select id from metadata.roles where pg_role = $2)
     where workspace_id = $1 and name <> 'Second'`,
    [mine.id, mine.memberRole],
  );
  await db.admin.query(
    `insert into core.database_logins (workspace_id, member_id, login_role, may_write, expires_at)
     select workspace_id, id, $2, true, now() + interval '1 day' from core.members where workspace_id = $1 and name <> 'Second'`,
    [mine.id, login],
  );
});
afterAll(async () => {
  // The database is gone by now, and the login's rights with it.
  const cluster = new pg.Client({ connectionString: process.env.RELVAR_TEST_ADMIN_URL });
  await cluster.connect();
  await cluster.query(`drop role ${login}`);
  await cluster.end();
});

/** Statements of one session in one transaction, rolled back. Returns the rows of the last one. */
async function asLogin(url: string, ...script: string[]) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    let rows: Record<string, unknown>[] = [];
    for (const statement of script) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}
const asServer = (...script: string[]) => asLogin(db.serverUrl, ...script);
const asPerson = (...script: string[]) => {
  const url = new URL(db.adminUrl);
  url.username = login;
  url.password = 'secret';
  return asLogin(url.href, ...script);
};
const denied = { code: '42501' };

describe('the server in a role of one workspace', () => {
  const enter = () => `set local role ${mine.memberRole}`;

  test('reaches its own records and not those of others, whatever the search path says', async () => {
    expect(
      await asServer(enter(), `set local search_path = ${mine.schema}`, 'select count(*)::int as n from companies'),
    ).toEqual([{ n: 0 }]);
    // A schema that may not be used is passed over, so the table is not there at all.
    await expect(
      asServer(enter(), `set local search_path = ${theirs.schema}`, 'select * from companies'),
    ).rejects.toMatchObject({ code: '42P01' });
    await expect(asServer(enter(), `select * from ${theirs.schema}.companies`)).rejects.toMatchObject(denied);
    await expect(asServer(enter(), `insert into ${theirs.schema}.companies (name) values ('x')`)).rejects.toMatchObject(
      denied,
    );
    await expect(asServer(enter(), `select ${theirs.schema}.search_records('theirs')`)).rejects.toMatchObject(denied);
  });

  test('the second wall stands without the first: a leaked grant shows no row', () =>
    db.inTransaction(async (client) => {
      await client.query(
        `grant usage on schema ${theirs.schema} to ${mine.memberRole}; grant all on all tables in schema ${theirs.schema} to ${mine.memberRole}; set local role ${mine.memberRole}`,
      );
      for (const table of ['companies', 'record_events', 'trash'])
        expect((await client.query(`select * from ${theirs.schema}.${table}`)).rows).toEqual([]);
      expect((await client.query(`delete from ${theirs.schema}.companies`)).rowCount).toBe(0);
      await expect(client.query(`insert into ${theirs.schema}.companies (name) values ('x')`)).rejects.toMatchObject(
        denied,
      );
    }));

  test('sees the model of its own workspace alone, and of that no other', async () => {
    for (const table of ['objects', 'fields', 'relations', 'roles'])
      expect(await asServer(enter(), `select distinct workspace_id from metadata.${table}`)).toEqual([
        { workspace_id: mine.id },
      ]);
    const [row] = await asServer(
      enter(),
      "select metadata.model() #>> '{workspace,slug}' as slug, metadata.model_version() as version",
    );
    expect(row!.slug).toBe('mine');
  });

  test('changes no model but its own', async () => {
    const company = await objectNamed(db.admin, theirs, 'company');
    const admin = `set local role ${mine.adminRole}`;
    await expect(asServer(admin, `select metadata.create_field('${company}', 'X', 'TEXT')`)).rejects.toMatchObject({
      code: 'RV011',
    });
    await expect(
      asServer(admin, `insert into metadata.fields (object_id, label, type) values ('${company}', 'X', 'TEXT')`),
    ).rejects.toThrow();
    await expect(
      asServer(admin, `select metadata.sync_application('${theirs.id}', '{"name":"a","objects":[]}')`),
    ).rejects.toMatchObject(denied);
    const target = `select id from metadata.objects where name_singular = 'company'`;
    await expect(
      asServer(
        admin,
        `select metadata.create_field(object_id => (${target}), label => 'X', type => 'RELATION', target_object_id => '${company}')`,
      ),
    ).rejects.toThrow();
  });

  test('signs for no member of another workspace', async () => {
    const write = `insert into ${mine.schema}.companies (name) values ('x') returning created_by_member_id as member`;
    expect(await asServer(enter(), `set local relvar.member_id = '${theirMember}'`, write)).toEqual([{ member: null }]);
    const [key] = (
      await db.admin.query(
        `select core.create_api_key('theirs', 'Member', 'Their key', 'rv_t', '\\x${randomBytes(8).toString('hex')}') as id`,
      )
    ).rows;
    expect(
      await asServer(
        enter(),
        `set local relvar.api_key_id = '${key.id}'`,
        `insert into ${mine.schema}.companies (name) values ('x') returning created_by_name as name`,
      ),
    ).toEqual([{ name: 'System' }]);
  });

  test('calls nothing of core or engine', async () => {
    for (const call of [
      `core.find_login('owner@theirs.example')`,
      `core.list_versions()`,
      `core.create_api_key('mine', 'Admin', 'x', 'x', '\\x00')`,
      `core.add_member('mine', 'a@b.example', 'a', 'Admin')`,
      `engine.plan('${mine.id}')`,
      `engine.apply('${mine.id}')`,
      `engine.restore_record('${theirs.adminRole}', '${theirs.schema}', 'company', '${theirCompany}')`,
      `engine.search('${theirs.adminRole}', '${theirs.schema}', 'theirs', 5)`,
      `engine.create_workspace('new', 'New', 'a@b.example')`,
      `engine.drop_workspace('theirs')`,
      `engine.relay_outbox()`,
      `engine.become('theirs', 'Admin')`,
      `engine.model_of('${theirs.id}')`,
      `engine.note_change('${theirs.id}')`,
      `engine.webhook_payloads('${theirs.id}', '{1}', '{1}')`,
      `engine.emit('${mine.id}', 'invoice.paid')`,
      `engine.claim_webhooks('mine', 1)`,
      `graphile_worker.add_job('x')`,
    ])
      await expect(asServer(enter(), `select ${call}`)).rejects.toMatchObject(denied);
    for (const table of [
      'core.users',
      'core.sessions',
      'core.members',
      'core.api_keys',
      'core.workspaces',
      'engine.outbox',
      'engine.settings',
    ])
      await expect(asServer(enter(), `select * from ${table}`)).rejects.toMatchObject(denied);
  });
});

describe('the server before it has become anybody', () => {
  test('owns nothing and reads nothing, also after reset role', async () => {
    const enter = `set local role ${mine.memberRole}`;
    for (const statement of [
      `select * from ${mine.schema}.companies`,
      'select * from metadata.objects',
      'select * from core.users',
      `select engine.plan('${mine.id}')`,
      'create temp table t (x int); select * from core.sessions',
    ])
      await expect(asServer(enter, 'reset role', statement)).rejects.toMatchObject(denied);
    const { rows } = await db.admin.query(
      `select count(*)::int as n from pg_class where relowner in ('relvar_server'::regrole, 'relvar_worker'::regrole)`,
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  test('becomes no owner, no administrator and no job runner', async () => {
    for (const role of ['relvar_owner', 'postgres', 'relvar_jobs', 'relvar_worker'])
      await expect(asServer(`set local role ${role}`)).rejects.toMatchObject(denied);
    // The group of all CRM roles is in no workspace.
    expect(await asServer('set local role relvar_crm', 'select * from metadata.objects')).toEqual([]);
    // The worker becomes the owner to build indexes of large tables; until it does, it is nobody.
    await expect(asLogin(db.workerUrl, 'select 1 from core.users')).rejects.toMatchObject(denied);
  });
});

describe("a person's own login", () => {
  const write = () =>
    `insert into ${mine.schema}.companies (name) values ('x') returning created_by_member_id as member, created_by_name as name`;
  const member = async () =>
    (await db.admin.query('select member_id as id from core.database_logins where login_role = $1', [login])).rows[0]
      .id;

  test('acts as the member it is mapped to, once in the role', async () => {
    expect(await asPerson(`set local role ${mine.memberRole}`, write())).toEqual([
      { member: await member(), name: 'owner' },
    ]);
    expect(
      await asPerson(`set local role ${mine.memberRole}`, 'select distinct workspace_id as id from metadata.objects'),
    ).toEqual([{ id: mine.id }]);
  });

  test('takes no role that was not granted', async () => {
    for (const role of [
      mine.adminRole,
      theirs.memberRole,
      theirs.adminRole,
      'relvar_owner',
      'relvar_server',
      'postgres',
    ])
      await expect(asPerson(`set local role ${role}`)).rejects.toMatchObject(denied);
    await expect(asPerson(`set session authorization relvar_server`)).rejects.toMatchObject(denied);
    await expect(asPerson(`select set_config('role', '${theirs.adminRole}', true)`)).rejects.toMatchObject(denied);
  });

  test('is not believed when it says to be somebody else', async () => {
    const { rows } = await db.admin.query(`select core.add_member('mine', 'boss@mine.example', 'Boss', 'Admin') as id`);
    const [key] = (
      await db.admin.query(
        `select core.create_api_key('mine', 'Admin', 'Key', 'rv_k', '\\x${randomBytes(8).toString('hex')}') as id`,
      )
    ).rows;
    const forged = [
      `set local role ${mine.memberRole}`,
      `set local relvar.member_id = '${rows[0].id}'`,
      `set local relvar.api_key_id = '${key.id}'`,
    ];
    expect(await asPerson(...forged, write())).toEqual([{ member: await member(), name: 'owner' }]);
    // Without the role the login is only itself, however it calls itself.
    expect(await asPerson(`set local relvar.member_id = '${rows[0].id}'`, write())).toEqual([
      { member: null, name: login },
    ]);
    // Every setting that Relvar reads.
    const names = await db.admin.query<{ name: string }>(
      `select distinct m[1] as name from pg_proc p, regexp_matches(pg_get_functiondef(p.oid), 'current_setting\\(''(relvar\\.\\w+)''', 'g') m where p.prokind <> 'a' and p.pronamespace in ('engine'::regnamespace, 'core'::regnamespace)`,
    );
    for (const { name } of names.rows.filter((setting) => setting.name !== 'relvar.source'))
      for (const value of [
        rows[0].id,
        '(member,' + rows[0].id + ',Boss)',
        `{"type":"member","id":"${rows[0].id}","name":"Boss"}`,
      ])
        expect(
          await asPerson(
            `set local role ${mine.memberRole}`,
            `select set_config('${name}', $$${value}$$, true)`,
            write(),
          ),
        ).toEqual([{ member: await member(), name: 'owner' }]);
  });

  test('a login that has expired signs no more', async () => {
    const expire = (moment: string) =>
      db.admin.query(`update core.database_logins set expires_at = ${moment} where login_role = $1`, [login]);
    await expire(`now() - interval '1 s'`);
    expect(await asPerson(`set local role ${mine.memberRole}`, write())).toEqual([{ member: null, name: login }]);
    await expire(`now() + interval '1 day'`);
  });

  test('rights that are inherited without taking the role open nothing more', async () => {
    for (const id of [mine.id, theirs.id])
      await expect(
        asPerson(`select metadata.sync_application('${id}', '{"name":"a","objects":[]}')`),
      ).rejects.toMatchObject(denied);
    await expect(asPerson(`select metadata.create_object('A', 'B')`)).rejects.toThrow();
    expect(await asPerson('select metadata.model() as model')).toEqual([{ model: null }]);
    expect(await asPerson('select * from metadata.objects')).toEqual([]);
    await expect(asPerson(`select * from ${theirs.schema}.companies`)).rejects.toMatchObject(denied);
  });

  test('temporary tables and functions put nothing in the way of what Relvar calls', async () => {
    const traps = [
      'create temp table record_events (like information_schema.sql_features)',
      'create temp table trash (x int)',
      'create temp table companies (id uuid)',
      `create function pg_temp.now() returns timestamptz language sql return '2000-01-01'::timestamptz`,
      `create function pg_temp.lower(text) returns text language sql return 'x'`,
    ];
    const enter = `set local role ${mine.memberRole}`;
    const rows = await asPerson(
      enter,
      ...traps,
      `set local search_path = pg_temp, ${mine.schema}, pg_catalog`,
      write(),
      `select count(*)::int as n from ${mine.schema}.record_events where after ->> 'name' = 'x'`,
    );
    expect(rows[0]!.n).toBeGreaterThan(0);
  });
});
