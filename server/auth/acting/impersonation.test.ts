import request from 'supertest';
import { cookieOf, eventually, PASSWORD, useServer } from '../../testing/server.ts';
import { hashPassword } from '../passwords.ts';

/** Who acts as a member, and who does not. */
const server = useServer();
const people: Record<string, string> = {};
let admin: string;

const post = (path: string, cookie: string, body: object = {}) =>
  request(server.app.handler).post(path).set('cookie', cookie).send(body);
const get = (path: string, cookie: string) => request(server.app.handler).get(path).set('cookie', cookie);
const signIn = async (email: string) =>
  cookieOf(await post('/auth/sign-in', '', { email, password: PASSWORD }).expect(200));
const act = (cookie: string, member: string, body: object = {}) =>
  post('/auth/impersonate', cookie, { member, reason: 'Ticket 4711', minutes: 30, ...body });
const metadata = async (cookie: string, query: string) =>
  (await post('/metadata', cookie, { query })).body as {
    data?: Record<string, unknown>;
    errors?: { extensions: { code: string } }[];
  };
const allow = (isAllowed: boolean) =>
  server.db.admin.query('update core.workspace_settings set allows_impersonation = $1', [isAllowed]);
const events = async (kind: string) =>
  (
    await server.db.admin.query<{ email: string; detail: Record<string, unknown> }>(
      'select email, detail from core.auth_events where kind = $1 order by id',
      [kind],
    )
  ).rows;

beforeAll(async () => {
  await server.createWorkspace('acme');
  await server.createWorkspace('rival');
  const hash = await hashPassword(PASSWORD);
  const role = async (name: string, permissions: string) =>
    server.db.admin.query(
      `insert into metadata.roles (workspace_id, name, permissions, can_create_all, can_update_all, can_delete_all, can_destroy_all)
       select id, $1, $2, false, false, false, false from core.workspaces where slug = 'acme'`,
      [name, permissions],
    );
  await role('Support', '{IMPERSONATE}');
  await server.db.admin.query(
    `insert into metadata.role_includes (role_id, included_role_id)
     select s.id, m.id from metadata.roles s join metadata.roles m on m.workspace_id = s.workspace_id and m.name = 'Member' where s.name = 'Support'`,
  );
  await role('Helper', '{IMPERSONATE}');
  for (const [name, roleName] of [
    ['ann', 'Member'],
    ['bob', 'Member'],
    ['sue', 'Support'],
    ['hal', 'Helper'],
    ['ada', 'Admin'],
  ] as const) {
    const { rows } = await server.db.admin.query<{ id: string }>('select core.add_member($1, $2, $3, $4, $5) as id', [
      'acme',
      `${name}@acme.test`,
      name,
      roleName,
      hash,
    ]);
    people[name] = rows[0]!.id;
  }
  const { rows } = await server.db.admin.query<{ id: string; slug: string }>(
    `select m.id, w.slug from core.members m join core.workspaces w on w.id = m.workspace_id where m.name = 'Olive Owner'`,
  );
  for (const { id, slug } of rows) people[slug] = id;
  admin = await signIn('ada@acme.test');
});
afterEach(() => allow(true));

test('nobody does where the workspace does not allow it, and that they tried is written down', async () => {
  const { body } = await act(admin, people.ann!).expect(422);
  expect(body.error).toMatchObject({ code: 'RV155', field: 'member' });
  expect((await metadata(admin, '{ impersonation }')).data).toEqual({
    impersonation: { isAllowed: false, mayAct: false },
  });
  expect(await events('IMPERSONATION_REFUSED')).toMatchObject([
    { email: 'ada@acme.test', detail: { member: people.ann } },
  ]);
  expect((await get('/auth/me', admin)).body.member.name).toBe('ada');
});

test('an administrator sees as the member, signs with both names, and comes back', async () => {
  const begun = await act(admin, people.ann!).expect(200);
  expect(begun.body).toMatchObject({ member: { id: people.ann, role: 'Member' }, impersonator: { name: 'ada' } });
  const cookie = cookieOf(begun);
  expect((await get('/auth/me', cookie)).body).toMatchObject({
    member: { id: people.ann },
    impersonator: { name: 'ada' },
  });
  const { body } = await get('/auth/impersonate', cookie).expect(200);
  expect(body).toMatchObject({ name: 'ada', reason: 'Ticket 4711' });
  expect(Date.parse(body.until) - Date.now()).toBeLessThanOrEqual(30 * 60_000);
  const made = await post('/graphql', cookie, {
    query: 'mutation { createCompany(input: { company: { name: "Helped" } }) { company { createdByName } } }',
  });
  expect(made.body.errors).toBeUndefined();
  const { rows } = await server.db.admin.query(`select schema_name as s from core.workspaces where slug = 'acme'`);
  const log = await server.db.admin.query(
    `select actor_name, actor_id from ${rows[0].s}.record_events where after ->> 'name' = 'Helped'`,
  );
  expect(log.rows).toEqual([{ actor_name: 'ada as ann', actor_id: people.ann }]);

  // Nothing of the account, nothing that outlives the hour, and no third person.
  for (const [method, path, sent] of [
    ['get', '/auth/sessions', {}],
    ['post', '/auth/password', { current: PASSWORD, next: 'several other words' }],
    ['post', '/auth/second-factor/begin', { password: PASSWORD }],
    ['post', '/auth/second-factor/off', { password: PASSWORD }],
    ['post', '/auth/change-email/request', { email: 'mine@evil.test', password: PASSWORD }],
    ['post', '/auth/switch', { workspace: 'rival' }],
    ['post', '/auth/sessions/revoke', { others: true }],
  ] as const) {
    const answer = method === 'get' ? await get(path, cookie) : await post(path, cookie, sent);
    expect([path, answer.status]).toEqual([path, 403]);
  }
  await act(cookie, people.bob!).expect(403);
  for (const call of [
    'mutation { createPersonalToken(input: { name: "x" }) { result } }',
    'mutation { grantDatabaseAccess(input: {}) { result } }',
  ])
    expect((await metadata(cookie, call)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');

  const back = await post('/auth/impersonate/end', cookie).expect(200);
  expect(back.body).toMatchObject({ member: { name: 'ada' }, impersonator: null });
  expect((await get('/auth/me', cookieOf(back))).body.member.name).toBe('ada');
  await eventually('the session as the member is over', async () => (await get('/auth/me', cookie)).status === 401);
  await post('/auth/impersonate/end', cookie).expect(401);
  expect(await events('IMPERSONATION_BEGUN')).toMatchObject([
    { email: 'ann@acme.test', detail: { impersonator: 'ada', reason: 'Ticket 4711' } },
  ]);
  expect(await events('IMPERSONATION_ENDED')).toMatchObject([
    { email: 'ann@acme.test', detail: { impersonator: 'ada', reason: 'RETURNED' } },
  ]);
  const mails = await server.db.admin.query(
    `select to_address, props from core.mail_outbox where template = 'impersonated'`,
  );
  expect(mails.rows).toMatchObject([{ to_address: 'ann@acme.test', props: { by: 'ada', reason: 'Ticket 4711' } }]);
  admin = cookieOf(back);
});

test('who acts as an administrator makes no keys either', async () => {
  await act(admin, people.acme!).expect(422);
  const olive = await signIn('owner@acme.test');
  // The first user of the instance administers it, so nobody below acts as her; she acts as others.
  const begun = cookieOf(await act(olive, people.ada!).expect(200));
  const { rows } = await server.db.admin.query(
    `select r.id from metadata.roles r join core.workspaces w on w.id = r.workspace_id where w.slug = 'acme' and r.name = 'Member'`,
  );
  const key = await metadata(
    begun,
    `mutation { createApiKey(input: { name: "x", roleId: "${rows[0].id}" }) { result } }`,
  );
  expect(key.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  const off = await metadata(begun, 'mutation { setImpersonationAllowed(input: { isAllowed: true }) { result } }');
  expect(off.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
});

test('a role with the permission acts as those only who may not do more', async () => {
  const sue = await signIn('sue@acme.test');
  for (const name of ['ada', 'acme', 'hal', 'rival', 'sue'] as const)
    expect((await act(sue, people[name]!)).body.error).toMatchObject({ code: 'RV155' });
  await act(sue, people.bob!).expect(200);
  const hal = await signIn('hal@acme.test');
  expect((await act(hal, people.bob!)).status).toBe(422);
  const bob = await signIn('bob@acme.test');
  expect((await act(bob, people.ann!)).status).toBe(422);
  expect((await metadata(bob, '{ impersonation }')).data).toEqual({
    impersonation: { isAllowed: true, mayAct: false },
  });
});

test('an administrator of the instance enters other workspaces, with the second factor that they want', async () => {
  const olive = await signIn('owner@acme.test');
  const settings = (isWanted: boolean) =>
    server.db.admin.query(
      `update core.workspace_settings set is_mfa_enforced = $1 where workspace_id = (select id from core.workspaces where slug = 'rival')`,
      [isWanted],
    );
  expect((await act(admin, people.rival!)).status).toBe(422);
  await settings(true);
  expect((await act(olive, people.rival!)).body.error.message).toMatch(/second factor/);
  await settings(false);
  const begun = await act(olive, people.rival!).expect(200);
  expect(begun.body).toMatchObject({ workspace: { slug: 'rival' } });
  const back = await post('/auth/impersonate/end', cookieOf(begun)).expect(200);
  expect(back.body.workspace.slug).toBe('acme');
});

test.each([
  ['without a reason', { reason: '  ' }, 'RV156'],
  ['for more than an hour', { minutes: 61 }, 'RV157'],
  ['for no time', { minutes: 0 }, 'RV157'],
])('not %s', async (_, body, code) => {
  expect((await act(admin, people.ann!, body)).body.error.code).toBe(code);
});

describe('it ends', () => {
  const ended = (cookie: string) =>
    eventually('it has ended', async () => (await get('/auth/me', cookie)).status === 401);

  test('when the workspace forbids it', async () => {
    const cookie = cookieOf(await act(admin, people.ann!).expect(200));
    const answer = await metadata(
      admin,
      'mutation { setImpersonationAllowed(input: { isAllowed: false }) { result } }',
    );
    expect(answer.errors).toBeUndefined();
    await ended(cookie);
    expect((await events('IMPERSONATION_ENDED')).at(-1)!.detail.reason).toBe('FORBIDDEN');
  });

  test('when the permission is taken away, or the member gets more rights', async () => {
    const sue = await signIn('sue@acme.test');
    for (const change of [
      `update metadata.roles set permissions = '{}' where name = 'Support'`,
      `update core.members set role_id = (select r.id from metadata.roles r where r.workspace_id = core.members.workspace_id and r.name = 'Admin') where name = 'bob'`,
    ]) {
      await server.db.admin.query(`update metadata.roles set permissions = '{IMPERSONATE}' where name = 'Support'`);
      const cookie = cookieOf(await act(sue, people.bob!).expect(200));
      await server.db.admin.query(change);
      await ended(cookie);
    }
  });

  test('with the session that it came from, and when somebody signs out', async () => {
    const own = await signIn('ada@acme.test');
    const cookie = cookieOf(await act(own, people.ann!).expect(200));
    await post('/auth/sign-out', cookie).expect(204);
    await ended(cookie);
    await ended(own);
    await post('/auth/impersonate/end', cookie).expect(401);
  });

  test('when its time is over, with a note, and the way back stays open', async () => {
    const own = await signIn('ada@acme.test');
    const begun = await act(own, people.ann!).expect(200);
    const cookie = cookieOf(begun);
    const { rows } = await server.db.admin.query(
      `update core.sessions set expires_at = now() where impersonator_user_id is not null and revoked_at is null returning id`,
    );
    server.app.notices.emit('resumed');
    expect((await get('/auth/me', cookie)).status).toBe(401);
    await server.db.worker.query('select core.end_impersonation($1)', [rows.at(-1)!.id]);
    expect((await events('IMPERSONATION_ENDED')).at(-1)!.detail.reason).toBe('EXPIRED');
    expect((await post('/auth/impersonate/end', cookie).expect(200)).body.member.name).toBe('ada');
  });
});

test('the database allows no longer session, whoever writes it', async () => {
  await expect(
    server.db.admin.query(
      `insert into core.sessions (user_id, workspace_id, method, expires_at, impersonator_user_id, impersonation_reason, from_session_id)
       select user_id, workspace_id, 'IMPERSONATION', now() + interval '2 hours', user_id, 'x', id from core.sessions limit 1`,
    ),
  ).rejects.toMatchObject({ code: '23514' });
});
