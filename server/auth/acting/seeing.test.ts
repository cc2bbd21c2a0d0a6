import request from 'supertest';
import { withIdentity } from '../../../db/pool.ts';
import { cookieOf, eventually, PASSWORD, useServer } from '../../testing/server.ts';
import type { GraphqlAnswer } from '../../testing/server.ts';
import { hashPassword } from '../passwords.ts';

// Seeing as a role or a member: what is shown, what cannot be changed, and that nobody sees more by it than without.
const server = useServer();
let ann: string;
let schema: string;
const roles: Record<string, string> = {};

const sql = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await server.db.admin.query<Row>(text, values)).rows;

/** A browser of somebody who is signed in. */
async function browserOf(email: string) {
  const signedIn = await request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD });
  const cookie = cookieOf(signedIn);
  const app = request(server.app.handler);
  const send = (method: 'get' | 'post', path: string, body?: object, headers: Record<string, string> = {}) =>
    app[method](path)
      .set({ cookie, ...headers })
      .send(body);
  const graphql = async (path: string, query: string, variables: object = {}) =>
    (await send('post', path, { query, variables })).body as GraphqlAnswer;
  return {
    send,
    see: (target: { roleId?: string | undefined; memberId?: string }) => send('post', '/auth/see-as', target),
    leave: () => send('post', '/auth/see-as/end', {}),
    names: async (list = 'companies') => {
      const { data, errors } = await graphql('/graphql', `{ ${list}(orderBy: NAME_ASC) { nodes { name } } }`);
      if (errors) return errors[0]!.extensions.code;
      return (data as Record<string, { nodes: { name: string }[] }>)[list]!.nodes.map(({ name }) => name);
    },
    records: (query: string, variables?: object) => graphql('/graphql', query, variables),
    metadata: (query: string, variables?: object) => graphql('/metadata', query, variables),
  };
}

async function addRole(name: string, values: Record<string, unknown> = {}): Promise<string> {
  const columns = { workspace_id: await workspace(), name, ...values };
  const names = Object.keys(columns);
  const [row] = await sql<{ id: string }>(
    `insert into metadata.roles (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')}) returning id`,
    Object.values(columns),
  );
  roles[name] = row!.id;
  return row!.id;
}

const workspace = async () => (await sql<{ id: string }>("select id from core.workspaces where slug = 'acme'"))[0]!.id;
const objectId = async (name: string) =>
  (await sql<{ id: string }>('select id from metadata.objects where name_singular = $1', [name]))[0]!.id;

beforeAll(async () => {
  await server.createWorkspace('acme');
  schema = (await sql<{ name: string }>('select schema_name as name from core.workspaces'))[0]!.name;
  for (const { id, name } of await sql<{ id: string; name: string }>('select id, name from metadata.roles')) {
    roles[name] = id;
  }
  const rep = await addRole('Rep', { permissions: [], can_destroy_all: false });
  await sql('insert into metadata.record_rules (workspace_id, role_id, object_id, condition) values ($1, $2, $3, $4)', [
    await workspace(),
    rep,
    await objectId('company'),
    'accountOwner = currentMember()',
  ]);
  const keeper = await addRole('Keeper', { permissions: ['ROLES'] });
  await sql(
    'insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read) values ($1, $2, $3, false)',
    [await workspace(), keeper, await objectId('opportunity')],
  );
  const hash = await hashPassword(PASSWORD);
  const add = async (email: string, name: string, role: string) =>
    (await sql<{ id: string }>("select core.add_member('acme', $1, $2, $3, $4) as id", [email, name, role, hash]))[0]!
      .id;
  ann = await add('ann@acme.test', 'Ann', 'Rep');
  await add('kim@acme.test', 'Kim', 'Keeper');
  const company = (name: string, owner: string | null) =>
    sql(`insert into ${schema}.companies (name, account_owner_id) values ($1, $2)`, [name, owner]);
  await company('Annex', ann);
  await company('Other', null);
});

test('an administrator sees what a member sees, and changes nothing meanwhile', async () => {
  const admin = await browserOf('owner@acme.test');
  expect(await admin.names()).toEqual(['Annex', 'Other']);
  const begun = await admin.see({ memberId: ann });
  expect(begun.body).toMatchObject({
    user: { email: 'owner@acme.test' },
    member: { id: ann, name: 'Ann', role: 'Rep' },
    seeing: { memberId: ann, memberName: 'Ann', role: 'Rep' },
  });
  expect(await admin.names()).toEqual(['Annex']);
  const found = await admin.records('{ searchRecords(query: "Other") { nodes { label } } }');
  expect(found.data).toEqual({ searchRecords: { nodes: [] } });
  const writes = await Promise.all([
    admin.records('mutation { createCompany(input: { company: { name: "New" } }) { company { id } } }'),
    admin.records(
      'mutation { updateCompany(input: { id: "01a204d0-2f0d-7a55-9675-fe55f0cd9ee7", patch: { name: "New" } }) { company { id } } }',
    ),
    admin.metadata('mutation { updateMyProfile(input: { dateFormat: "YEAR_FIRST" }) { result } }'),
    admin.metadata('mutation { createPersonalToken(input: { name: "x" }) { result } }'),
  ]);
  expect(writes.map(({ errors }) => errors?.[0]?.extensions.code)).toEqual(Array(4).fill('READ_ONLY'));
  // Neither does what works past the roles of the database.
  for (const path of ['/auth/password', '/auth/sessions/revoke', '/auth/switch']) {
    const { status, body } = await admin.send('post', path, { others: true });
    expect([path, status, body.error.code]).toEqual([path, 403, 'READ_ONLY']);
  }
  expect((await admin.send('get', '/auth/sessions')).status).toBe(200);
  // How to read, and tokens, are those of who looks.
  const profile = await admin.metadata('{ myProfile personalTokens }');
  expect(profile.data).toMatchObject({ myProfile: { email: 'owner@acme.test', keepsMembers: false } });
  const left = await admin.leave();
  expect(left.body.seeing).toBeNull();
  expect(await admin.names()).toEqual(['Annex', 'Other']);
  const noted = await sql<{ kind: string }>("select kind from core.auth_events where kind like 'SEE_AS%' order by id");
  expect(noted.map(({ kind }) => kind)).toEqual(['SEE_AS_BEGUN', 'SEE_AS_ENDED']);
});

test('of a role one sees what one would see with it', async () => {
  const admin = await browserOf('owner@acme.test');
  await admin.see({ roleId: roles['Rep'] });
  expect(await admin.names()).toEqual([]);
  const [me] = await sql<{ id: string }>(
    "select m.id from core.members m join core.users u on u.id = m.user_id where u.email = 'owner@acme.test'",
  );
  await sql(`update ${schema}.companies set account_owner_id = $1 where name = 'Other'`, [me!.id]);
  expect(await admin.names()).toEqual(['Other']);
  // Another page of the same browser, which was opened before, is told that it shows another view.
  const stale = await admin.send('post', '/graphql', { query: '{ __typename }' }, { 'x-member': me!.id });
  expect(stale.body.errors[0].extensions.code).toBe('OTHER_SESSION');
  const { page } = (await admin.send('get', '/auth/me')).body.seeing;
  const current = await admin.send('post', '/graphql', { query: '{ __typename }' }, { 'x-member': page });
  expect(current.body.errors).toBeUndefined();
  expect((await admin.send('post', '/auth/sign-out')).status).toBe(204);
});

test('nobody sees more as another role than without, which is noted', async () => {
  const kim = await browserOf('kim@acme.test');
  for (const target of [{ roleId: roles['Admin'] }, { roleId: roles['Member'] }, { memberId: ann }]) {
    const { status, body } = await kim.see(target);
    expect([status, body.error.code]).toEqual([422, 'RV164']);
  }
  expect((await kim.see({ memberId: ann })).body.error.message).toContain('Opportunities');
  expect(await kim.names('opportunities')).toBe('FORBIDDEN');
  expect((await kim.see({ roleId: roles['Keeper'] })).status).toBe(200);
  await kim.leave();
  const rep = await browserOf('ann@acme.test');
  expect((await rep.see({ roleId: roles['Rep'] })).body.error.code).toBe('RV163');
  const [row] = await sql<{ count: string }>("select count(*) from core.auth_events where kind = 'SEE_AS_REFUSED'");
  expect(row!.count).toBe('5');
  for (const body of [{}, { roleId: 'x' }, { roleId: roles['Rep'], memberId: ann }]) {
    expect((await kim.send('post', '/auth/see-as', body)).status).toBe(400);
  }
  const key = await server.createKey('acme', 'Admin');
  const { status } = await request(server.app.handler)
    .post('/auth/see-as')
    .set('authorization', `Bearer ${key.apiKey}`)
    .send({ roleId: roles['Rep'] });
  expect(status).toBe(403);
});

test('fields that one does not read stay hidden as another role', async () => {
  const clerk = await addRole('Clerk', { permissions: ['ROLES'] });
  await sql(
    `insert into metadata.field_permissions (workspace_id, role_id, field_id, can_read) select $1, $2, f.id, false from metadata.fields f
     where f.name = 'employees' and f.object_id = $3`,
    [await workspace(), clerk, await objectId('company')],
  );
  await sql("select core.add_member('acme', 'cleo@acme.test', 'Cleo', 'Clerk', $1)", [await hashPassword(PASSWORD)]);
  const cleo = await browserOf('cleo@acme.test');
  const refused = await cleo.see({ roleId: roles['Read-only'] });
  expect(refused.body.error).toMatchObject({
    code: 'RV164',
    message: expect.stringContaining('"Employees" of Companies'),
  });
});

test('what changes for the two roles meanwhile ends it', async () => {
  const admin = await browserOf('owner@acme.test');
  const keeper = await addRole('Second keeper', { permissions: ['ROLES'] });
  await sql("select core.add_member('acme', 'sam@acme.test', 'Sam', 'Second keeper', $1)", [
    await hashPassword(PASSWORD),
  ]);
  const sam = await browserOf('sam@acme.test');
  const role = await addRole('Seen', { permissions: [] });
  const { body } = await sam.see({ roleId: role });
  expect(body.seeing.role).toBe('Seen');
  await sql("update metadata.roles set permissions = '{SECURITY}' where id = $1", [role]);
  await eventually('the session is its own again', async () => !(await sam.send('get', '/auth/me')).body.seeing);
  const stale = await sam.send('post', '/graphql', { query: '{ __typename }' }, { 'x-member': body.seeing.page });
  expect(stale.body.errors[0].extensions.code).toBe('OTHER_SESSION');
  await sql("update metadata.roles set permissions = '{}' where id = $1", [role]);
  await eventually('it goes on', async () => (await sam.send('get', '/auth/me')).body.seeing);
  await sql("update metadata.roles set permissions = '{}' where id = $1", [keeper]);
  await eventually('who keeps no roles sees as nobody', async () => !(await sam.send('get', '/auth/me')).body.seeing);
  await admin.leave();
});

test('of private objects only what both may see is shown', async () => {
  const admin = await browserOf('owner@acme.test');
  await sql("update metadata.objects set is_private = true where name_singular = 'note'");
  const [me] = await sql<{ id: string }>(
    "select m.id from core.members m join core.users u on u.id = m.user_id where u.email = 'owner@acme.test'",
  );
  const note = async (title: string, creator: string, sharedWith?: string) => {
    const [row] = await sql<{ id: string }>(
      `insert into ${schema}.notes (title, created_by_member_id) values ($1, $2) returning id`,
      [title, creator],
    );
    if (sharedWith) await sql(`select ${schema}.share_record('note', $1, 'MEMBER', $2)`, [row!.id, sharedWith]);
  };
  await note('Ann alone', ann);
  await note('Ann for me', ann, me!.id);
  await note('Me alone', me!.id);
  await note('Me for Ann', me!.id, ann);
  const [kim] = await sql<{ id: string }>("select id from core.members where name = 'Kim'");
  await note('Kim for Ann', kim!.id, ann);
  const titles = async (who: typeof admin) => {
    const { data, errors } = await who.records('{ notes(orderBy: TITLE_ASC) { nodes { title } } }');
    expect(errors).toBeUndefined();
    return (data as { notes: { nodes: { title: string }[] } }).notes.nodes.map(({ title }) => title);
  };
  const rep = await browserOf('ann@acme.test');
  expect(await titles(rep)).toEqual(['Ann alone', 'Ann for me', 'Kim for Ann', 'Me for Ann']);
  expect(await titles(admin)).toEqual(['Ann for me', 'Me alone', 'Me for Ann']);
  expect((await admin.see({ memberId: ann })).status).toBe(200);
  expect(await titles(admin)).toEqual(['Ann for me', 'Me for Ann']);
  const found = await admin.records('{ searchRecords(query: "alone") { nodes { label } } }');
  expect(found.data).toEqual({ searchRecords: { nodes: [] } });
  await admin.leave();
});

test('the transaction itself is read only, and nothing in it can change that', async () => {
  const [admin] = await sql<{ role: string }>("select pg_role as role from metadata.roles where name = 'Admin'");
  const identity = {
    pgRole: admin!.role,
    schemaName: schema,
    memberId: ann,
    apiKeyId: null,
    source: 'MANUAL',
    seenBy: ann,
  };
  for (const attempt of [
    `insert into companies (name) values ('x')`,
    `select set_config('transaction_read_only', 'off', true)`,
    'set transaction read write',
  ]) {
    await expect(withIdentity(server.db.server, identity, (client) => client.query(attempt))).rejects.toMatchObject({
      code: expect.stringMatching(/^25/),
    });
  }
});
