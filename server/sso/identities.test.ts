import request from 'supertest';
import type { PoolClient } from 'pg';
import { cookieOf, PASSWORD, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

/** What the database decides of single sign-on, whatever protocol it came by. */

const server = useServer();
let acme: Caller;
let evil: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  evil = await server.createWorkspace('evil');
});

const sql = async <T = Record<string, unknown>>(text: string, values: unknown[] = []) =>
  (await server.db.admin.query(text, values)).rows as T[];

/** As a member of a workspace, by the functions that the screen calls; null for the owner's role Admin alone. */
async function as<T>(who: string, slug: string, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return server.db.inTransaction(async (client) => {
    await client.query('select engine.become($1, $2)', [slug, who]);
    const result = await work(client);
    await client.query('reset role');
    await client.query('commit');
    return result;
  });
}
const call = (slug: string, text: string, values: unknown[] = [], who = `owner@${slug}.test`) =>
  as(who, slug, async (client) => Object.values((await client.query(text, values)).rows[0])[0] as never);

async function makeProvider(slug: string, patch: object = {}): Promise<string> {
  const { id } = await call(slug, `select metadata.create_identity_provider('OIDC', 'Login of ' || $1)`, [slug]);
  await call(slug, 'select metadata.update_identity_provider($1, $2)', [
    id,
    { settings: { issuer: 'https://login.example', clientId: 'relvar' }, isEnabled: true, ...patch },
  ]);
  return id;
}
const approve = (slug: string, domain: string) =>
  sql(
    `insert into core.approved_domains (workspace_id, domain, requested_email, approved_at)
     select id, $2, 'it@' || $2, now() from core.workspaces where slug = $1 on conflict do nothing`,
    [slug, domain],
  );
const invite = (slug: string, email: string, role = 'Member') =>
  call(slug, 'select metadata.invite_members($1, (select id from metadata.roles where name = $2))', [[email], role]);
interface Statement {
  subject?: string;
  email?: string | null;
  isVerified?: boolean;
  name?: string;
  claims?: object;
}
interface Entered {
  user_id: string | null;
  workspace_id: string;
  refusal: { code: string; message: string; hint: string } | null;
}
async function enter(
  provider: string,
  { subject = 's1', email = null, isVerified = true, name = 'Nora New', claims = {} }: Statement,
): Promise<Entered> {
  const { rows } = await server.db.server.query<Entered>(
    'select * from core.enter_with_provider($1, $2, $3, $4, $5, $6, $7, $8)',
    [provider, subject, email, isVerified, name, claims, '192.0.2.7', 'test'],
  );
  return rows[0]!;
}
const codeOf = async (provider: string, statement: Statement) => (await enter(provider, statement)).refusal?.code;
const roleOf = async (userId: string | null, slug: string) =>
  (
    await sql<{ name: string }>(
      'select r.name from core.members m join metadata.roles r on r.id = m.role_id join core.workspaces w on w.id = m.workspace_id where m.user_id = $1 and w.slug = $2',
      [userId, slug],
    )
  )[0]?.name;
const refusals = async () =>
  sql<{ email: string; detail: Record<string, string>; ip: string }>(
    "select email, detail, host(ip) as ip from core.auth_events where kind = 'SSO_REFUSED' order by id desc",
  );
const createSession = async (userId: string, slug: string, method: string, more: Record<string, string> = {}) =>
  (
    await server.db.server.query<{ id: string }>(
      `select core.create_session($1, $2, $3, decode(md5(random()::text), 'hex'), now() + interval '1 day', now() + interval '1 day', provider_id => $4, from_session_id => $5) as id`,
      [
        userId,
        slug === 'acme' ? acme.workspaceId : evil.workspaceId,
        method,
        more['provider'] ?? null,
        more['from'] ?? null,
      ],
    )
  ).rows[0]!.id;
const refused = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing was refused',
    (error: { code: string }) => error.code,
  );
const user = async (email: string) =>
  (
    await sql<{ id: string; password_hash: string | null; email_verified_at: Date | null }>(
      'select * from core.users where email = $1',
      [email],
    )
  )[0]!;

describe('whom a provider may name', () => {
  test('somebody new at a proved domain becomes a member, and is known by the subject from then on', async () => {
    await approve('acme', 'acme.test');
    const provider = await makeProvider('acme', { makesMembers: true });
    const first = await enter(provider, { subject: 'nora', email: 'Nora@acme.test' });
    expect(first).toMatchObject({ refusal: null, workspace_id: acme.workspaceId });
    expect(await roleOf(first.user_id, 'acme')).toBe('Member');
    expect(await user('nora@acme.test')).toMatchObject({ password_hash: null, email_verified_at: null });
    // The address may change; the person is the same. It need not even be told.
    expect((await enter(provider, { subject: 'nora', email: 'nora.newname@acme.test' })).user_id).toBe(first.user_id);
    expect((await enter(provider, { subject: 'nora', email: null })).user_id).toBe(first.user_id);
    // The address that was given to somebody else opens nothing of who had it.
    expect(await codeOf(provider, { subject: 'nora 2', email: 'nora@acme.test' })).toBe('RV136');
    const joined = await sql("select detail from core.auth_events where kind = 'MEMBER_JOINED' and user_id = $1", [
      first.user_id,
    ]);
    expect(joined).toEqual([{ detail: { by: 'SSO', provider: 'Login of acme' } }]);
  });

  test('nobody joins from a domain that is not proved, or is not the provider’s, or where the provider makes no members', async () => {
    const open = await makeProvider('acme', { makesMembers: true });
    const narrow = await makeProvider('acme', { makesMembers: true, emailDomains: ['other.test'] });
    const closed = await makeProvider('acme');
    expect(await codeOf(open, { email: 'a@elsewhere.test' })).toBe('RV134');
    expect((await refusals())[0]).toMatchObject({
      email: 'a@elsewhere.test',
      ip: '192.0.2.7',
      detail: { reason: 'RV134', detail: 'DOMAIN_NOT_APPROVED', provider: 'Login of acme' },
    });
    expect(await codeOf(narrow, { email: 'a@acme.test' })).toBe('RV134');
    expect(await codeOf(closed, { email: 'a@acme.test' })).toBe('RV134');
    // A domain that was asked for and not approved is not proved.
    await sql(
      "insert into core.approved_domains (workspace_id, domain, requested_email) values ($1, 'asked.test', 'it@asked.test')",
      [acme.workspaceId],
    );
    expect(await codeOf(open, { email: 'a@asked.test' })).toBe('RV134');
    expect(await sql("select 1 from core.users where email like 'a@%'")).toEqual([]);
  });

  test('an address that is missing or not verified opens nothing', async () => {
    const provider = await makeProvider('acme', { makesMembers: true });
    expect(await codeOf(provider, { email: 'b@acme.test', isVerified: false })).toBe('RV135');
    expect((await refusals())[0]!.detail).toMatchObject({ detail: 'UNVERIFIED' });
    expect(await codeOf(provider, { email: null })).toBe('RV135');
    expect(await codeOf(provider, { email: 'not an address' })).toBe('RV135');
    expect((await refusals())[0]!.detail).toMatchObject({ detail: 'MISSING' });
  });

  test('who was invited joins with the role of the invitation; the domain need not be proved', async () => {
    const provider = await makeProvider('acme');
    await invite('acme', 'guest@guests.test', 'Read-only');
    const { user_id: id } = await enter(provider, { subject: 'guest', email: 'guest@guests.test' });
    expect(await roleOf(id, 'acme')).toBe('Read-only');
    expect(
      await sql("select accepted_at is not null as done from core.invitations where email = 'guest@guests.test'"),
    ).toEqual([{ done: true }]);
  });

  test('a member is connected by the address; who keeps the roles connects by themselves', async () => {
    const provider = await makeProvider('acme');
    await sql("select core.add_member('acme', 'mia@private.test', 'Mia', 'Member', 'x')");
    expect((await enter(provider, { subject: 'mia', email: 'mia@private.test' })).user_id).toBe(
      (await user('mia@private.test')).id,
    );
    const mails = await sql("select to_address from core.mail_outbox where template = 'identity_connected'");
    expect(mails).toContainEqual({ to_address: 'mia@private.test' });
    expect(await codeOf(provider, { subject: 'boss', email: 'owner@acme.test' })).toBe('RV137');
    const { id } = await user('owner@acme.test');
    const connect = (subject: string, userId = id) =>
      server.db.server
        .query('select core.connect_identity($1, $2, $3, null) as refusal', [userId, provider, subject])
        .then(({ rows }) => rows[0].refusal);
    // Nor with a person who is somebody else already, nor in a workspace where one is no member.
    expect(await connect('mia')).toMatchObject({ code: 'RV136' });
    expect(await connect('boss', (await user('owner@evil.test')).id)).toMatchObject({ code: 'RV136' });
    expect(await connect('boss')).toBeNull();
    expect((await enter(provider, { subject: 'boss', email: null })).user_id).toBe(id);
  });

  test('a suspended member, a disabled account and a provider that is off are refused', async () => {
    const provider = await makeProvider('acme', { makesMembers: true });
    await sql("select core.add_member('acme', 'sue@acme.test', 'Sue', 'Member')");
    await enter(provider, { subject: 'sue', email: 'sue@acme.test' });
    await sql("update core.members set is_active = false where name = 'Sue'");
    expect(await codeOf(provider, { subject: 'sue', email: 'sue@acme.test' })).toBe('RV111');
    await sql("update core.members set is_active = true where name = 'Sue'");
    await sql("update core.users set disabled_at = now() where email = 'sue@acme.test'");
    expect(await codeOf(provider, { subject: 'sue' })).toBe('RV111');
    await call('acme', 'select metadata.update_identity_provider($1, $2)', [provider, { isEnabled: false }]);
    expect(await codeOf(provider, { subject: 'x', email: 'x@acme.test' })).toBe('RV132');
    expect(await codeOf('00000000-0000-0000-0000-000000000000', { subject: 'x', email: 'x@acme.test' })).toBe('RV132');
  });
});

describe('a workspace whose provider lies', () => {
  test('takes no account along that others know, by an invitation alone', async () => {
    const provider = await makeProvider('evil', { makesMembers: true });
    const victim = 'owner@acme.test';
    expect(await codeOf(provider, { subject: 'v', email: victim })).toBe('RV134');
    await invite('evil', victim);
    expect(await codeOf(provider, { subject: 'v', email: victim })).toBe('RV138');
    // Neither do those that have no password, but a membership elsewhere.
    await sql("select core.add_member('acme', 'without@password.test', 'W', 'Member')");
    await invite('evil', 'without@password.test');
    expect(await codeOf(provider, { subject: 'w', email: 'without@password.test' })).toBe('RV138');
    expect((await refusals())[0]).toMatchObject({ email: 'without@password.test', detail: { reason: 'RV138' } });
  });

  test('reaches with a session of its own neither the account nor another workspace', async () => {
    // Some employee has had the domain approved for a workspace of their own.
    await approve('evil', 'acme.test');
    await sql(
      "select core.add_member('acme', 'ceo@acme.test', 'The CEO', 'Member', (select password_hash from core.users where email = 'owner@acme.test'))",
    );
    const provider = await makeProvider('evil', { makesMembers: true });
    const { user_id: ceo } = await enter(provider, { subject: 'ceo', email: 'ceo@acme.test' });
    const bound = await createSession(ceo!, 'evil', 'OIDC', { provider });
    // Not a session of the provider in the other workspace, nor by way of switching.
    expect(await refused(createSession(ceo!, 'acme', 'OIDC', { provider }))).toBe('RV132');
    expect(await refused(createSession(ceo!, 'acme', 'SWITCH', { from: bound }))).toBe('RV131');
    expect(await refused(createSession(ceo!, 'evil', 'OIDC'))).toBe('RV132');
    expect(await refused(createSession(ceo!, 'evil', 'SAML', { provider }))).toBe('RV132');
    // The sessions elsewhere are neither seen nor ended.
    const elsewhere = await createSession(ceo!, 'acme', 'PASSWORD');
    const seen = (await server.db.server.query('select id from core.list_sessions($1, $2)', [ceo, bound])).rows;
    expect(seen).toEqual([{ id: bound }]);
    await server.db.server.query("select core.revoke_sessions($1, 'REVOKED', $2)", [ceo, bound]);
    expect(await sql('select revoked_at from core.sessions where id = $1', [elsewhere])).toEqual([
      { revoked_at: null },
    ]);
  });

  test('does not reach another workspace as an administrator of the instance', async () => {
    // The first user of the instance, who is no member of the workspace whose provider vouches for the address.
    const admin = await user('owner@acme.test');
    await approve('evil', 'acme.test');
    const provider = await makeProvider('evil', { makesMembers: true });
    expect(await codeOf(provider, { subject: 'root', email: 'owner@acme.test' })).toBe('RV137');
    // Nor where they are a member and have connected it themselves.
    await sql("select core.add_member('evil', 'owner@acme.test', 'Root', 'Member')");
    await server.db.server.query("select core.connect_identity($1, $2, 'root', null)", [admin.id, provider]);
    const bound = await createSession(admin.id, 'evil', 'OIDC', { provider });
    await sql('update core.workspace_settings set allows_impersonation = true where workspace_id = $1', [
      acme.workspaceId,
    ]);
    await sql("select core.add_member('acme', 'target@acme.test', 'Target', 'Member')");
    const [target] = await sql<{ id: string }>(
      "select m.id from core.members m join core.users u on u.id = m.user_id where u.email = 'target@acme.test'",
    );
    const act = (from: string, key: string) =>
      server.db.server.query('select core.begin_impersonation($1, $2, $3, 10, sha256($4::bytea))', [
        from,
        target!.id,
        'to see what they see',
        key,
      ]);
    expect(await refused(act(bound, 'a'))).toBe('RV155');
    const own = await createSession(admin.id, 'acme', 'PASSWORD');
    expect(await refused(act(own, 'b'))).toBe('nothing was refused');
    await sql('delete from core.members where user_id = $1 and workspace_id = $2', [admin.id, evil.workspaceId]);
  });

  test('leaves nothing behind on an account whose mailbox is proved for the first time', async () => {
    const provider = await makeProvider('evil');
    await invite('evil', 'victim@bank.test');
    const { user_id: id } = await enter(provider, { subject: 'bank', email: 'victim@bank.test' });
    const session = await createSession(id!, 'evil', 'OIDC', { provider });
    await sql("insert into core.totp (user_id, secret, confirmed_at) values ($1, 'of the attacker', now())", [id]);
    const [{ token }] = (await sql<{ token: string }>(
      "select core.issue_token('RESET_PASSWORD', 'victim@bank.test', $1, '1 hour') as token",
      [id],
    )) as [{ token: string }];
    await server.db.server.query('select core.reset_password($1, $2)', [token, 'hash']);
    expect(await sql('select from core.totp where user_id = $1', [id])).toEqual([]);
    expect(await sql('select from core.identities where user_id = $1', [id])).toEqual([]);
    expect(await sql('select revoked_reason from core.sessions where id = $1', [session])).toEqual([
      { revoked_reason: 'CLAIMED' },
    ]);
  });
});

describe('roles', () => {
  const id = async (name: string) =>
    (
      await sql<{ id: string }>('select id from metadata.roles where workspace_id = $1 and name = $2', [
        acme.workspaceId,
        name,
      ])
    )[0]!.id;

  test('come from a claim, by the first line that fits, and are set anew if that is wanted', async () => {
    const [admin, member, readOnly] = [await id('Admin'), await id('Member'), await id('Read-only')];
    const roles = [
      { value: 'crm-admins', roleId: admin },
      { value: 'crm-readers', roleId: readOnly },
    ];
    const provider = await makeProvider('acme', {
      makesMembers: true,
      roleClaim: 'realm_access.roles',
      roles,
      defaultRoleId: member,
    });
    const at = (subject: string, groups: unknown) =>
      enter(provider, { subject, email: `${subject}@acme.test`, claims: { realm_access: { roles: groups } } });
    const reader = (await at('rita', ['x', 'crm-readers'])).user_id;
    expect(await roleOf(reader, 'acme')).toBe('Read-only');
    expect(await roleOf((await at('ada', ['crm-readers', 'crm-admins'])).user_id, 'acme')).toBe('Admin');
    expect(await roleOf((await at('ned', 'something')).user_id, 'acme')).toBe('Member');
    await at('rita', ['crm-admins']);
    expect(await roleOf(reader, 'acme')).toBe('Read-only');
    await call('acme', 'select metadata.update_identity_provider($1, $2)', [provider, { setsRoleAnew: true }]);
    await at('rita', 'crm-admins');
    expect(await roleOf(reader, 'acme')).toBe('Admin');
    await at('rita', []);
    expect(await roleOf(reader, 'acme')).toBe('Member');
  });

  test('the last administrator stays one, whatever the claim says', async () => {
    const provider = await makeProvider('evil', { setsRoleAnew: true });
    const owner = (await user('owner@evil.test')).id;
    await server.db.server.query("select core.connect_identity($1, $2, 'owner', null)", [owner, provider]);
    expect((await enter(provider, { subject: 'owner' })).refusal).toBeNull();
    expect(await roleOf(owner, 'evil')).toBe('Admin');
  });

  test('nobody maps to a role that they could not give', async () => {
    await sql(
      "insert into metadata.roles (workspace_id, name, permissions, pg_role) select $1, 'Guard', '{SECURITY}', schema_name || '_r_99' from core.workspaces where id = $1",
      [acme.workspaceId],
    );
    await sql("select core.add_member('acme', 'guard@acme.test', 'Guard', 'Guard')");
    const provider = await makeProvider('acme');
    const asGuard = (patch: object) =>
      call('acme', 'select metadata.update_identity_provider($1, $2)', [provider, patch], 'guard@acme.test');
    expect(await refused(asGuard({ roles: [{ value: 'all', roleId: await id('Admin') }] }))).toBe('42501');
    expect(await refused(asGuard({ defaultRoleId: await id('Admin') }))).toBe('42501');
    // Nor makes the provider that knows an administrator one of their own.
    const owner = (await user('owner@acme.test')).id;
    await server.db.server.query("select core.connect_identity($1, $2, 'boss', null)", [owner, provider]);
    await enter(provider, { subject: 'mia again', email: 'mia@private.test' });
    await asGuard({ settings: { issuer: 'https://login.example', clientId: 'another' } });
    expect(await sql('select subject from core.identities where provider_id = $1', [provider])).toEqual([
      { subject: 'mia again' },
    ]);
    await call('acme', 'select metadata.update_identity_provider($1, $2)', [
      provider,
      { settings: { issuer: 'https://other.example', clientId: 'another' } },
    ]);
    expect(await sql('select subject from core.identities where provider_id = $1', [provider])).toEqual([]);
  });
});

describe('who keeps the providers', () => {
  test('has the permission SECURITY, sees no secret and nothing of other workspaces', async () => {
    const provider = await makeProvider('acme');
    await call('acme', 'select metadata.set_identity_provider_secret($1, $2)', [provider, 'sealed']);
    const list = JSON.stringify(await call('acme', 'select metadata.identity_providers()'));
    expect(list).toContain('"hasSecret":true');
    expect(list).not.toContain('sealed');
    for (const [text, values] of [
      ['select metadata.identity_providers()', []],
      [`select metadata.create_identity_provider('OIDC', 'Mine')`, []],
      ['select metadata.update_identity_provider($1, $2)', [provider, { label: 'Mine' }]],
      ['select metadata.set_identity_provider_secret($1, $2)', [provider, 'x']],
      ['select metadata.delete_identity_provider($1)', [provider]],
      ['select metadata.sign_in_settings()', []],
      ['select metadata.set_sign_in_methods(false)', []],
    ] as [string, unknown[]][]) {
      expect([text, await refused(call('acme', text, values, 'Member'))]).toEqual([text, '42501']);
      if (values.length > 0) expect([text, await refused(call('evil', text, values))]).toEqual([text, 'RV133']);
    }
  });

  test('is told in words what cannot be', async () => {
    const provider = await makeProvider('acme');
    const change = (patch: object) =>
      call('acme', 'select metadata.update_identity_provider($1, $2)', [provider, patch]).then(
        () => 'done',
        (error: { code: string; column: string }) => `${error.code} ${error.column}`,
      );
    expect(await change({ settings: { issuer: 'http://login.example', clientId: 'x' } })).toBe('RV133 issuer');
    expect(await change({ settings: { issuer: 'http://localhost:9000/x', clientId: 'x' } })).toBe('done');
    expect(await change({ settings: { issuer: 'https://a.b?c', clientId: 'x' } })).toBe('RV133 issuer');
    expect(await change({ settings: { clientSecret: 'x' } })).toBe('RV133 clientSecret');
    expect(await change({ settings: { clientId: 'x' } })).toBe('RV133 issuer');
    expect(await change({ clientSecret: 'x' })).toBe('RV133 clientSecret');
    expect(await change({ label: '' })).toBe('RV133 undefined');
    expect(await change({ isEnabled: 'perhaps' })).toBe('RV133 undefined');
  });
});

describe('what a workspace lets its members sign in with', () => {
  const signIn = (email: string) =>
    request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD });
  const methods = (text: string) => call('acme', `select metadata.set_sign_in_methods(${text})`);

  beforeAll(async () => {
    await sql(
      "select core.add_member('acme', 'pat@acme.test', 'Pat', 'Member', (select password_hash from core.users where email = 'owner@acme.test'))",
    );
    await sql('delete from core.identity_providers');
  });

  test('single sign-on is enforced only with a provider that has been seen to work', async () => {
    expect(await refused(methods('is_sso_enforced => true'))).toBe('RV139');
    expect(await refused(methods('is_password_on => false, is_magic_link_on => false'))).toBe('RV139');
    const provider = await makeProvider('acme', { makesMembers: true });
    expect(await refused(methods('is_sso_enforced => true'))).toBe('RV139');
    await enter(provider, { subject: 'first', email: 'first@acme.test' });
    await methods('is_sso_enforced => true');
    // The last one stays on.
    expect(
      await refused(call('acme', 'select metadata.update_identity_provider($1, $2)', [provider, { isEnabled: false }])),
    ).toBe('RV139');
    expect(await refused(call('acme', 'select metadata.delete_identity_provider($1)', [provider]))).toBe('RV139');
    await methods('is_sso_enforced => false');
  });

  test('where it is, passwords open nothing, but for who may go past it; sessions of before end', async () => {
    const cookie = cookieOf(await signIn('pat@acme.test'));
    const boss = cookieOf(await signIn('owner@acme.test'));
    await methods('is_sso_enforced => true');
    const me = (sent: string) => request(server.app.handler).get('/auth/me').set('cookie', sent);
    expect((await request(server.app.handler).post('/auth/refresh').set('cookie', cookie).send({})).status).toBe(401);
    expect((await me(boss)).status).toBe(200);
    const answer = await signIn('pat@acme.test');
    expect(answer.body.error).toMatchObject({ code: 'RV130', message: 'This workspace wants single sign-on.' });
    expect(answer.get('Set-Cookie')).toBeUndefined();
    expect(
      await sql("select detail from core.auth_events where kind = 'SIGN_IN_REFUSED' order by id desc limit 1"),
    ).toEqual([{ detail: { method: 'PASSWORD', reason: 'RV130' } }]);
    expect((await signIn('owner@acme.test')).status).toBe(200);
    // It holds in the database: not the server decides.
    const { id } = await user('pat@acme.test');
    for (const method of ['PASSWORD', 'MAGIC_LINK', 'INVITATION', 'SIGN_UP', 'PASSKEY', 'ANYTHING_NEW'])
      expect([method, await refused(createSession(id, 'acme', method))]).toEqual([method, 'RV130']);
    await methods('is_sso_enforced => false');
    expect((await signIn('pat@acme.test')).status).toBe(200);
  });

  test('passwords may be off, and links; who loses the right to go past that is out with the next token', async () => {
    const { id } = await user('pat@acme.test');
    await sql(
      "update core.members set role_id = (select id from metadata.roles where workspace_id = $1 and name = 'Admin') where name = 'Pat'",
      [acme.workspaceId],
    );
    await methods('is_password_on => false');
    const cookie = cookieOf(await signIn('pat@acme.test'));
    const refresh = (sent: string) => request(server.app.handler).post('/auth/refresh').set('cookie', sent).send({});
    const next = cookieOf(await refresh(cookie));
    await sql(
      "update core.members set role_id = (select id from metadata.roles where workspace_id = $1 and name = 'Member') where name = 'Pat'",
      [acme.workspaceId],
    );
    expect((await refresh(next)).status).toBe(401);
    expect((await signIn('pat@acme.test')).body.error).toMatchObject({ code: 'RV131' });
    expect(await createSession(id, 'acme', 'MAGIC_LINK')).toBeTruthy();
    await methods('is_magic_link_on => false');
    expect(await refused(createSession(id, 'acme', 'MAGIC_LINK'))).toBe('RV131');
    await methods('is_password_on => true, is_magic_link_on => true');
  });

  test('switching off a provider ends what it began', async () => {
    const provider = await makeProvider('acme');
    await enter(provider, { subject: 'pat', email: 'pat@acme.test' });
    const session = await createSession((await user('pat@acme.test')).id, 'acme', 'OIDC', { provider });
    await call('acme', 'select metadata.update_identity_provider($1, $2)', [provider, { isEnabled: false }]);
    expect(await sql('select revoked_reason from core.sessions where id = $1', [session])).toEqual([
      { revoked_reason: 'METHOD_OFF' },
    ]);
  });
});
