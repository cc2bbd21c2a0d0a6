import request from 'supertest';
import { cookieOf, PASSWORD, useServer } from '../../testing/server.ts';
import type { Caller } from '../../testing/server.ts';

const server = useServer({ isSignUpOpen: true });
const strict = useServer({ isEmailVerificationRequired: true });
type Server = typeof server;

let acme: Caller;
let schema: string;

const post = (path: string, body: object, on: Server = server) =>
  request(on.app.handler).post(`/auth/${path}`).send(body);

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  schema = acme.schemaName;
  await strict.createWorkspace('strict');
});
beforeEach(() => server.db.admin.query('delete from core.attempts'));

async function tokenTo(address: string, template: string, on: Server = server): Promise<string> {
  const { rows } = await on.db.admin.query<{ token: string }>(
    `select props ->> 'token' as token from core.mail_outbox where to_address = $1 and template = $2
     order by queued_at desc, id desc limit 1`,
    [address, template],
  );
  if (!rows[0]) throw new Error(`No mail "${template}" to ${address}.`);
  return rows[0].token;
}

async function lastEvent(kind: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await server.db.admin.query<{ detail: Record<string, unknown> }>(
    'select detail from core.auth_events where kind = $1 order by id desc limit 1',
    [kind],
  );
  return rows[0]?.detail;
}

async function run(name: string, input: string, caller: Caller = acme) {
  const answer = await caller.metadata(`mutation { ${name}(input: { ${input} }) { result } }`);
  if (answer.errors) throw Object.assign(new Error(answer.errors[0]!.message), answer.errors[0]!.extensions);
  return (answer.data as Record<string, { result: unknown }>)[name]!.result;
}

async function roleId(name: string): Promise<string> {
  const { rows } = await server.db.admin.query<{ id: string }>(
    'select id from metadata.roles where workspace_id = $1 and name = $2',
    [acme.workspaceId, name],
  );
  return rows[0]!.id;
}

async function invite(email: string, role = 'Member'): Promise<string> {
  await run('inviteMembers', `emails: ["${email}"], roleId: "${await roleId(role)}"`);
  return tokenTo(email, 'invitation');
}

async function member(email: string) {
  const { rows } = await server.db.admin.query<{
    id: string;
    role: string;
    name: string;
    verified: boolean;
    active: boolean;
  }>(
    `select m.id, r.name as role, m.name, u.email_verified_at is not null as verified, m.is_active as active
       from core.members m join core.users u on u.id = m.user_id join metadata.roles r on r.id = m.role_id
      where m.workspace_id = $1 and u.email = $2`,
    [acme.workspaceId, email],
  );
  return rows[0];
}

test('an invitation comes in the language of who invites, the mail of a sign-up in that of the browser', async () => {
  const localeTo = async (address: string) => {
    const { rows } = await server.db.admin.query<{ locale: string }>(
      'select locale from core.mail_outbox where to_address = $1',
      [address],
    );
    return rows[0]?.locale;
  };
  const cookie = cookieOf(await post('sign-in', { email: 'owner@acme.test', password: PASSWORD }));
  const ask = (query: string) => request(server.app.handler).post('/metadata').set('cookie', cookie).send({ query });
  await ask('mutation { updateMyProfile(input: { locale: "fr" }) { result } }');
  await ask(
    `mutation { inviteMembers(input: { emails: ["claire@acme.test"], roleId: "${await roleId('Member')}" }) { result } }`,
  );
  expect(await localeTo('claire@acme.test')).toBe('fr');
  await post('sign-up/request', { email: 'grete@acme.test' }).set('accept-language', 'de-AT,de;q=0.9,en;q=0.8');
  await tokenTo('grete@acme.test', 'sign_up');
  expect(await localeTo('grete@acme.test')).toBe('de-AT');
});

describe('an invitation', () => {
  test('lets the person in with its role, once, and proves the address', async () => {
    const invitation = await invite('ada@acme.test', 'Admin');
    const look = await post('sign-up/look', { invitation });
    expect(look.body).toMatchObject({ email: 'ada@acme.test', account: 'NONE', workspaces: [{ slug: 'acme' }] });
    const joined = await post('sign-up', { invitation, name: 'Ada Lovelace', password: PASSWORD });
    expect(joined.body).toMatchObject({
      user: { email: 'ada@acme.test' },
      member: { name: 'Ada Lovelace', role: 'Admin' },
    });
    expect(await member('ada@acme.test')).toMatchObject({ role: 'Admin', verified: true });
    const again = await post('sign-up', { invitation, name: 'Eve', password: 'another password' });
    expect(again.status).toBe(410);
    expect(await lastEvent('LINK_REFUSED')).toEqual({ link: 'INVITATION', reason: 'USED' });
  });

  test('of two requests with one token, one gets in', async () => {
    const invitation = await invite('twice@acme.test');
    const answers = await Promise.all(
      [1, 2, 3].map(() => post('sign-up', { invitation, name: 'Twice', password: PASSWORD })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('that was revoked, has expired or was sent again works no more', async () => {
    const first = await invite('slow@acme.test');
    const open = (await acme.metadata('{ invitations }')).data!['invitations'] as { id: string; email: string }[];
    const { id } = open.find(({ email }) => email === 'slow@acme.test')!;
    await run('resendInvitation', `id: "${id}"`);
    const second = await tokenTo('slow@acme.test', 'invitation');
    expect((await post('sign-up/look', { invitation: first })).status).toBe(410);
    expect((await post('sign-up/look', { invitation: second })).status).toBe(200);
    await server.db.admin.query('update core.invitations set expires_at = now() where id = $1', [id]);
    expect((await post('sign-up', { invitation: second, password: PASSWORD })).status).toBe(410);
    expect(await lastEvent('LINK_REFUSED')).toEqual({ link: 'INVITATION', reason: 'EXPIRED' });
    await server.db.admin.query("update core.invitations set expires_at = now() + interval '1 day' where id = $1", [
      id,
    ]);
    await run('revokeInvitation', `id: "${id}"`);
    expect((await post('sign-up', { invitation: second, password: PASSWORD })).status).toBe(410);
    expect(await lastEvent('LINK_REFUSED')).toEqual({ link: 'INVITATION', reason: 'REVOKED' });
  });

  test('gives an account to nobody who does not know its password', async () => {
    await server.db.admin.query("select engine.create_workspace('elsewhere', 'Elsewhere', 'grace@acme.test')");
    const { hashPassword } = await import('../passwords.ts');
    await server.db.admin.query("update core.users set password_hash = $1 where email = 'grace@acme.test'", [
      await hashPassword(PASSWORD),
    ]);
    const invitation = await invite('grace@acme.test');
    expect((await post('sign-up/look', { invitation })).body.account).toBe('WITH_PASSWORD');
    const stranger = await post('sign-up', { invitation, password: 'a guess of a stranger' });
    expect(stranger.body.error.code).toBe('SIGN_IN_FAILED');
    expect((await post('sign-up', { invitation, password: PASSWORD })).status).toBe(200);
    expect(await member('grace@acme.test')).toMatchObject({ role: 'Member' });
  });

  test('takes no role, workspace or address from who accepts it', async () => {
    const invitation = await invite('greedy@acme.test');
    for (const more of [
      { role: 'Admin' },
      { roleId: await roleId('Admin') },
      { workspaceId: acme.workspaceId },
      { isInstanceAdmin: true },
    ]) {
      const refused = await post('sign-up', { invitation, name: 'Greedy', password: PASSWORD, ...more });
      expect(refused.status).toBe(400);
      expect(await lastEvent('REQUEST_REFUSED')).toMatchObject({ reason: 'UNKNOWN_FIELDS', fields: Object.keys(more) });
    }
    const joined = await post('sign-up', {
      invitation,
      email: 'other@acme.test',
      workspace: 'elsewhere',
      name: 'G',
      password: PASSWORD,
    });
    expect(joined.body).toMatchObject({
      user: { email: 'greedy@acme.test' },
      workspace: { slug: 'acme' },
      member: { role: 'Member' },
    });
  });

  test('is limited by address, and is for those who keep the members', async () => {
    for (let i = 0; i < 10; i += 1) await invite('often@acme.test');
    await expect(invite('often@acme.test')).rejects.toMatchObject({ code: 'RV115' });
    await expect(invite('ada@acme.test')).rejects.toMatchObject({ code: 'RV045' });
    await expect(invite('no address')).rejects.toMatchObject({ code: 'RV043' });
    const plain = await server.createKey('acme', 'Member');
    await expect(run('inviteMembers', 'emails: ["x@acme.test"]', plain)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    for (const question of ['members', 'invitations', 'joining']) {
      expect((await plain.metadata(`{ ${question} }`)).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
    }
  });

  test('of another workspace cannot be reached', async () => {
    await invite('mine@acme.test');
    const { rows } = await server.db.admin.query<{ id: string }>(
      "select id from core.invitations where email = 'mine@acme.test'",
    );
    const other = await server.createWorkspace('other');
    await expect(run('revokeInvitation', `id: "${rows[0]!.id}"`, other)).rejects.toMatchObject({ code: 'RV063' });
    const ada = (await member('ada@acme.test'))!;
    await expect(run('removeMember', `memberId: "${ada.id}"`, other)).rejects.toMatchObject({ code: 'RV063' });
    await expect(
      run('inviteMembers', `emails: ["y@acme.test"], roleId: "${await roleId('Admin')}"`, other),
    ).rejects.toMatchObject({ code: 'RV044' });
  });
});

describe('the invite link', () => {
  test('lets anybody in with the default role until it is replaced or turned off', async () => {
    const { token: former } = (await run('newInviteLink', '')) as { token: string };
    const { token: link } = (await run('newInviteLink', '')) as { token: string };
    expect((await post('sign-up/look', { link: former })).status).toBe(410);
    expect((await post('sign-up/look', { link })).body).toMatchObject({
      workspaces: [{ slug: 'acme' }],
      maySignUp: false,
    });
    const joined = await post('sign-up', { link, email: 'Linda@acme.test', name: 'Linda', password: PASSWORD });
    expect(joined.body).toMatchObject({ user: { email: 'linda@acme.test' }, member: { role: 'Member' } });
    expect(await member('linda@acme.test')).toMatchObject({ verified: false });
    const wrong = await post('sign-up', {
      link,
      email: 'owner@acme.test',
      name: 'Eve',
      password: 'a guess of a stranger',
    });
    expect(wrong.body.error.code).toBe('SIGN_IN_FAILED');
    await run('endInviteLink', '');
    expect((await post('sign-up', { link, email: 'late@acme.test', name: 'Late', password: PASSWORD })).status).toBe(
      410,
    );
    expect(await member('late@acme.test')).toBeUndefined();
  });

  test('does not bring back who was deactivated', async () => {
    const { token: link } = (await run('newInviteLink', '')) as { token: string };
    const { id } = (await member('linda@acme.test'))!;
    await run('setMemberActive', `memberId: "${id}", isActive: false`);
    const refused = await post('sign-up', { link, email: 'linda@acme.test', password: PASSWORD });
    expect(refused.status).toBe(422);
    expect(refused.body.error.code).toBe('RV111');
    expect((await post('sign-in', { email: 'linda@acme.test', password: PASSWORD })).status).toBe(403);
    await run('setMemberActive', `memberId: "${id}", isActive: true`);
    expect((await post('sign-in', { email: 'linda@acme.test', password: PASSWORD })).status).toBe(200);
  });
});

describe('an approved domain', () => {
  test('lets in who has proved an address there, once somebody there agreed', async () => {
    await post('sign-up/request', { email: 'tim@analytical.test' });
    const early = await post('sign-up/look', { token: await tokenTo('tim@analytical.test', 'sign_up') });
    expect(early.body.workspaces).toEqual([]);

    await run('requestDomain', 'domain: "analytical.test", email: "it@analytical.test"');
    const waiting = await post('sign-up/look', { token: await tokenTo('tim@analytical.test', 'sign_up') });
    expect(waiting.body.workspaces).toEqual([]);
    const approval = await tokenTo('it@analytical.test', 'approve_domain');
    expect((await post('approve-domain', { token: approval })).body).toEqual({ domain: 'analytical.test' });
    expect((await post('approve-domain', { token: approval })).status).toBe(410);

    const token = await tokenTo('tim@analytical.test', 'sign_up');
    expect((await post('sign-up/look', { token })).body).toMatchObject({
      email: 'tim@analytical.test',
      workspaces: [{ slug: 'acme', name: 'acme' }],
    });
    const astray = await post('sign-up', { token, name: 'Tim', password: PASSWORD, workspace: 'elsewhere' });
    expect(astray.body.error.code).toBe('RV112');
    const joined = await post('sign-up', { token, name: 'Tim', password: PASSWORD, workspace: 'acme' });
    expect(joined.body).toMatchObject({ user: { email: 'tim@analytical.test' }, member: { role: 'Member' } });
    expect((await post('sign-up', { token, name: 'Tim', password: PASSWORD, workspace: 'acme' })).status).toBe(410);
  });

  test.each([
    ['analytical.test', 'eve@evil.test'],
    ['gmail.com', 'eve@gmail.com'],
    ['localhost', 'root@localhost'],
  ])('is not %s by %s', async (domain, email) => {
    await expect(run('requestDomain', `domain: "${domain}", email: "${email}"`)).rejects.toMatchObject({
      code: 'RV116',
    });
  });
});

describe('a workspace of one’s own', () => {
  test('is made where sign-up is open', async () => {
    const body = {
      email: 'founder@new.test',
      name: 'Fay Founder',
      password: PASSWORD,
      newWorkspace: 'New',
      workspace: 'new-one',
    };
    const made = await post('sign-up', body);
    expect(made.body).toMatchObject({
      workspace: { slug: 'new-one', name: 'New' },
      member: { name: 'Fay Founder', role: 'Admin' },
    });
    const taken = await post('sign-up', { ...body, email: 'second@new.test' });
    expect(taken.status).toBe(422);
    expect(taken.body.error).toMatchObject({ code: 'RV041', field: 'slug' });
    const stranger = await post('sign-up', { ...body, workspace: 'new-two', password: 'a guess of a stranger' });
    expect(stranger.body.error.code).toBe('SIGN_IN_FAILED');
  });

  test('is refused where it is closed, but for the first user, who administers the instance', async () => {
    const body = {
      email: 'boss@strict.test',
      name: 'Boss',
      password: PASSWORD,
      newWorkspace: 'Mine',
      workspace: 'mine',
    };
    const refused = await post('sign-up', body, strict);
    expect(refused.status).toBe(403);
    expect(refused.body.error.code).toBe('SIGN_UP_CLOSED');
    expect((await request(strict.app.handler).get('/auth/options')).body).toMatchObject({ maySignUp: false });
    await strict.db.admin.query("select engine.drop_workspace('strict')");
    expect((await request(strict.app.handler).get('/auth/options')).body).toMatchObject({ maySignUp: true });
    expect((await post('sign-up', body, strict)).body.error.code).toBe('EMAIL_NOT_VERIFIED');
    await post('sign-up/request', { email: 'boss@strict.test' }, strict);
    const token = await tokenTo('boss@strict.test', 'sign_up', strict);
    const made = await post(
      'sign-up',
      { token, name: 'Boss', password: PASSWORD, newWorkspace: 'Mine', workspace: 'mine' },
      strict,
    );
    expect(made.body).toMatchObject({ workspace: { slug: 'mine' }, member: { role: 'Admin' } });
    const { rows } = await strict.db.admin.query(
      'select is_instance_admin, email_verified_at is not null as verified from core.users',
    );
    expect(rows).toEqual([{ is_instance_admin: true, verified: true }]);
  });
});

test('where addresses must be proved, nobody enters before', async () => {
  const { hashPassword } = await import('../passwords.ts');
  await strict.db.admin.query("select core.add_member('mine', 'new@strict.test', 'New', 'Member', $1)", [
    await hashPassword(PASSWORD),
  ]);
  const signIn = () => post('sign-in', { email: 'new@strict.test', password: PASSWORD }, strict);
  const refused = await signIn();
  expect(refused.status).toBe(403);
  expect(refused.body.error.code).toBe('EMAIL_NOT_VERIFIED');
  const token = await tokenTo('new@strict.test', 'verify_email', strict);
  expect((await post('verify-email', { token }, strict)).body).toEqual({ email: 'new@strict.test' });
  expect((await post('verify-email', { token }, strict)).status).toBe(410);
  expect((await signIn()).status).toBe(200);
});

describe('members', () => {
  test('are listed with what who keeps them needs', async () => {
    const { data } = await acme.metadata('{ members }');
    const ada = (data!['members'] as { email: string }[]).find(({ email }) => email === 'ada@acme.test');
    expect(ada).toMatchObject({
      name: 'Ada Lovelace',
      isActive: true,
      isEmailVerified: true,
      lastSeenAt: expect.any(String),
    });
  });

  test('one administrator always stays', async () => {
    const ada = (await member('ada@acme.test'))!;
    const owner = (await member('owner@acme.test'))!;
    await run('setMemberRole', `memberId: "${ada.id}", roleId: "${await roleId('Member')}"`);
    for (const [name, input] of [
      ['setMemberRole', `memberId: "${owner.id}", roleId: "${await roleId('Member')}"`],
      ['setMemberActive', `memberId: "${owner.id}", isActive: false`],
      ['removeMember', `memberId: "${owner.id}"`],
    ] as const)
      await expect(run(name, input)).rejects.toMatchObject({ code: 'RV092' });
    await run('setMemberRole', `memberId: "${ada.id}", roleId: "${await roleId('Admin')}"`);
    expect(await lastEvent('MEMBER_ROLE_CHANGED')).toMatchObject({ memberId: ada.id, to: await roleId('Admin') });
  });

  test('are removed with their record, and can be invited again', async () => {
    const tim = (await member('tim@analytical.test'))!;
    await run('removeMember', `memberId: "${tim.id}"`);
    expect(await member('tim@analytical.test')).toBeUndefined();
    const { rowCount } = await server.db.admin.query(`select from ${schema}.workspace_members where id = $1`, [tim.id]);
    expect(rowCount).toBe(0);
    expect((await post('sign-in', { email: 'tim@analytical.test', password: PASSWORD })).status).toBe(403);
    const invitation = await invite('tim@analytical.test');
    expect((await post('sign-up', { invitation, password: PASSWORD })).status).toBe(200);
  });

  test('have one name and picture, in core and in the tenant', async () => {
    const ada = (await member('ada@acme.test'))!;
    const record = async () => {
      const { rows } = await server.db.admin.query(
        `select name_first_name, name_last_name, avatar_url from ${schema}.workspace_members where id = $1`,
        [ada.id],
      );
      return rows[0];
    };
    await server.db.admin.query(
      `update ${schema}.workspace_members set name_last_name = 'King', avatar_url = '/a.png' where id = $1`,
      [ada.id],
    );
    const { rows } = await server.db.admin.query('select name, avatar_url from core.members where id = $1', [ada.id]);
    expect(rows[0]).toEqual({ name: 'Ada King', avatar_url: '/a.png' });
    await server.db.admin.query("update core.members set name = 'Augusta Ada Byron', avatar_url = null where id = $1", [
      ada.id,
    ]);
    expect(await record()).toEqual({ name_first_name: 'Augusta', name_last_name: 'Ada Byron', avatar_url: null });
    await expect(
      server.db.admin.query(`update ${schema}.workspace_members set user_email = 'eve@evil.test' where id = $1`, [
        ada.id,
      ]),
    ).rejects.toMatchObject({ code: 'RV114' });
  });

  test('a record of one workspace says nothing about a member of another', async () => {
    const other = (
      await server.db.admin.query<{ schema_name: string }>(
        "select schema_name from core.workspaces where slug = 'other'",
      )
    ).rows[0]!;
    const ada = (await member('ada@acme.test'))!;
    await server.db.admin.query(
      `insert into ${other.schema_name}.workspace_members (id, name_first_name) values ($1, 'Eve')`,
      [ada.id],
    );
    await server.db.admin.query(
      `update ${other.schema_name}.workspace_members set name_first_name = 'Mallory' where id = $1`,
      [ada.id],
    );
    expect(await member('ada@acme.test')).toMatchObject({ name: 'Augusta Ada Byron' });
  });
});
