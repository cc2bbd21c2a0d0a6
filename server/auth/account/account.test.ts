import { TOTP } from 'otpauth';
import request from 'supertest';
import { cookieOf, eventually, PASSWORD, useServer } from '../../testing/server.ts';
import type { Caller } from '../../testing/server.ts';
import { isCommonPassword, isIn, makeFilter } from '../commonPasswords.ts';
import { findTotpStep } from '../secondFactor/totp.ts';

const server = useServer();
let acme: Caller;
const EMAIL = 'owner@acme.test';

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
});

const signIn = (password = PASSWORD, headers: Record<string, string> = {}, workspace = 'acme') =>
  request(server.app.handler).post('/auth/sign-in').set(headers).send({ email: EMAIL, password, workspace });
const post = (path: string, cookie: string, body: object = {}) =>
  request(server.app.handler).post(path).set('cookie', cookie).send(body);
const get = (path: string, cookie: string) => request(server.app.handler).get(path).set('cookie', cookie);
const FIREFOX = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };

/** Codes by somebody else's reading of RFC 6238. */
const codeAt = (secret: string, seconds = 0) =>
  new TOTP({ secret, algorithm: 'SHA1', digits: 6, period: 30 }).generate({ timestamp: Date.now() + seconds * 1000 });
/** Each code works once, so the tests, which do not wait, take back what was used. */
const forgetUse = () => server.db.admin.query('update core.totp set last_step = 0');

test('a member sees where they are signed in, and ends one session or all others', async () => {
  const here = cookieOf(await signIn(PASSWORD, FIREFOX));
  const there = cookieOf(await signIn());
  const third = cookieOf(await signIn());
  const list = (await get('/auth/sessions', here)).body as { id: string; isCurrent: boolean; device: string }[];
  expect(list).toHaveLength(3);
  const mine = list.find(({ isCurrent }) => isCurrent)!;
  expect(mine).toMatchObject({ device: 'Firefox on Linux', workspace: 'acme', method: 'PASSWORD' });
  const ofThere = ((await get('/auth/sessions', there)).body as typeof list).find(({ isCurrent }) => isCurrent)!;
  expect((await post('/auth/sessions/revoke', here, { id: ofThere.id })).status).toBe(204);
  await eventually('that one has ended', async () => (await get('/auth/me', there)).status === 401);
  expect((await get('/auth/me', third)).status).toBe(200);
  expect((await post('/auth/sessions/revoke', here, { others: true })).status).toBe(204);
  await eventually('all others have ended', async () => (await get('/auth/me', third)).status === 401);
  expect((await get('/auth/me', here)).status).toBe(200);
  // Nobody ends the session of another.
  await server.createWorkspace('other');
  const stranger = await request(server.app.handler)
    .post('/auth/sign-in')
    .send({ email: 'owner@other.test', password: PASSWORD });
  expect((await post('/auth/sessions/revoke', cookieOf(stranger), { id: mine.id })).status).toBe(404);
  expect((await get('/auth/me', here)).status).toBe(200);
});

test('a member changes the password: the present one is asked, weak ones are refused, other sessions end, a mail tells', async () => {
  const here = cookieOf(await signIn());
  const there = cookieOf(await signIn());
  const change = (current: string, next: string) => post('/auth/password', here, { current, next });
  expect((await change('wrong', 'a new long password')).body.error.code).toBe('PASSWORD_WRONG');
  expect((await change(PASSWORD, 'short')).body.error.code).toBe('PASSWORD_TOO_SHORT');
  expect((await change(PASSWORD, 'Sunshine2024!')).body.error.code).toBe('PASSWORD_COMMON');
  expect((await change(PASSWORD, 'a new long password')).status).toBe(204);
  await eventually('the other has ended', async () => (await get('/auth/me', there)).status === 401);
  expect((await get('/auth/me', here)).status).toBe(200);
  expect((await signIn()).status).toBe(401);
  expect((await signIn('a new long password')).status).toBe(200);
  const mails = await server.db.admin.query(
    "select to_address, template from core.mail_outbox where template <> 'new_sign_in'",
  );
  expect(mails.rows).toEqual([{ to_address: EMAIL, template: 'password_changed' }]);
  expect((await change('a new long password', PASSWORD)).status).toBe(204);
});

test('the list of common passwords has what people try first, and nothing that they would not', () => {
  for (const common of [
    '1234567890',
    'password123',
    'P@ssw0rd123',
    'qwertyuiop',
    'Qwerty12345',
    'dragon!!!!2025',
    'abcabcabcabc',
  ]) {
    expect([common, isCommonPassword(common)]).toEqual([common, true]);
  }
  for (const rare of [PASSWORD, 'violet harbour nine', 'kX9#mQ2$vL7p']) expect(isCommonPassword(rare)).toBe(false);
  const filter = makeFilter(['Anna-Lena 1', 'another one']);
  expect([isIn(filter, 'anna-lena 1'), isIn(filter, 'another one'), isIn(filter, 'a third one')]).toEqual([
    true,
    true,
    false,
  ]);
});

describe('the second factor', () => {
  let secret: string;
  let codes: string[];

  test('is set up with the password and a code of the app', async () => {
    const cookie = cookieOf(await signIn());
    expect((await get('/auth/second-factor', cookie)).body).toEqual({
      isOn: false,
      passkeys: 0,
      codesLeft: 0,
      isEnforced: false,
      hasPassword: true,
    });
    expect((await post('/auth/second-factor/begin', cookie, { password: 'wrong' })).body.error.code).toBe(
      'PASSWORD_WRONG',
    );
    const begun = (await post('/auth/second-factor/begin', cookie, { password: PASSWORD })).body;
    secret = begun.secret;
    expect(begun.uri).toContain(`otpauth://totp/Relvar:${encodeURIComponent(EMAIL)}?secret=${secret}&issuer=Relvar`);
    expect(begun.qrCode).toMatch(/^<svg /);
    expect((await post('/auth/second-factor/confirm', cookie, { code: '000000' })).body.error.code).toBe(
      'SECOND_FACTOR_FAILED',
    );
    // Not yet on: signing in asks for nothing.
    expect((await signIn()).body.user).toBeTruthy();
    const confirmed = await post('/auth/second-factor/confirm', cookie, { code: codeAt(secret) });
    codes = confirmed.body.recoveryCodes;
    expect(codes).toHaveLength(10);
    expect((await get('/auth/second-factor', cookie)).body).toMatchObject({ isOn: true, codesLeft: 10 });
    const kept = await server.db.admin.query('select secret from core.totp');
    expect(kept.rows[0].secret).not.toContain(secret);
  });

  test('is asked for at sign-in; a code works once, within half a minute of its time', async () => {
    await forgetUse();
    const first = await signIn();
    expect(first.body).toEqual({ next: 'SECOND_FACTOR', ticket: expect.any(String), ways: ['APP'], rememberDays: 30 });
    expect(first.get('Set-Cookie')).toBeUndefined();
    const prove = (code: string, ticket: string = first.body.ticket) =>
      request(server.app.handler).post('/auth/sign-in/second-factor').send({ ticket, code });
    for (const wrong of ['000000', codeAt(secret, -120), codeAt(secret, 120), '']) {
      expect((await prove(wrong)).body.error.code).toBe('SECOND_FACTOR_FAILED');
    }
    expect((await prove(codeAt(secret), 'forged')).body.error.code).toBe('TICKET_EXPIRED');
    const code = codeAt(secret);
    const done = await prove(code);
    expect(done.body.user.email).toBe(EMAIL);
    expect((await get('/auth/me', cookieOf(done))).status).toBe(200);
    expect((await prove(code)).body.error.code).toBe('SECOND_FACTOR_FAILED');
    // Another app's reading of the standard agrees at every moment of a step.
    for (const now of [0, 29_999, 30_000, 1_700_000_000_000]) {
      const other = new TOTP({ secret }).generate({ timestamp: now });
      expect(findTotpStep(secret, other, now)).toBe(Math.floor(now / 30_000));
      expect(findTotpStep(secret, other, now + 90_000)).toBeUndefined();
    }
  });

  test('may be replaced by a recovery code, once', async () => {
    const attempt = async (code: string) =>
      request(server.app.handler)
        .post('/auth/sign-in/second-factor')
        .send({ ticket: (await signIn()).body.ticket, code });
    expect((await attempt(codes[0]!.toUpperCase())).status).toBe(200);
    expect((await attempt(codes[0]!)).body.error.code).toBe('SECOND_FACTOR_FAILED');
    expect((await attempt(codes[1]!.replace('-', ' '))).status).toBe(200);
  });

  test('is not asked for on a device that is remembered, until the password changes', async () => {
    await forgetUse();
    const { ticket } = (await signIn()).body;
    const done = await request(server.app.handler)
      .post('/auth/sign-in/second-factor')
      .send({ ticket, code: codeAt(secret), remember: true });
    const device = cookieOf(done)
      .split('; ')
      .find((part) => part.startsWith('relvar_device='))!;
    expect((await signIn(PASSWORD, { cookie: device })).body.user).toBeTruthy();
    expect((await signIn(PASSWORD, { cookie: `relvar_device=${'A'.repeat(43)}` })).body.next).toBe('SECOND_FACTOR');
    await server.db.admin.query('update core.users set password_hash = password_hash');
    expect((await signIn(PASSWORD, { cookie: device })).body.next).toBe('SECOND_FACTOR');
  });

  test('cannot be guessed: ten wrong codes close it for a while', async () => {
    await server.db.admin.query('delete from core.attempts');
    const { ticket } = (await signIn()).body;
    const guess = () =>
      request(server.app.handler).post('/auth/sign-in/second-factor').send({ ticket, code: '000000' });
    for (let i = 0; i < 10; i += 1) expect((await guess()).status).toBe(403);
    expect((await guess()).status).toBe(429);
    await server.db.admin.query('delete from core.attempts');
  });

  test('is turned off with the password, and wanted again where the workspace enforces it', async () => {
    await forgetUse();
    const { ticket } = (await signIn()).body;
    const done = await request(server.app.handler)
      .post('/auth/sign-in/second-factor')
      .send({ ticket, code: codeAt(secret) });
    const cookie = cookieOf(done);
    const renewed = await post('/auth/second-factor/recovery-codes', cookie, { password: PASSWORD });
    expect(renewed.body.recoveryCodes).not.toContain(codes[5]);
    expect((await post('/auth/second-factor/off', cookie, { password: 'wrong' })).body.error.code).toBe(
      'PASSWORD_WRONG',
    );
    const enforce = (on: boolean) =>
      acme.metadata(`mutation { setMfaEnforced(input: { isMfaEnforced: ${on} }) { clientMutationId } }`);
    expect((await enforce(true)).errors).toBeUndefined();
    expect((await post('/auth/second-factor/off', cookie, { password: PASSWORD })).body.error.code).toBe(
      'SECOND_FACTOR_ENFORCED',
    );
    await enforce(false);
    expect((await post('/auth/second-factor/off', cookie, { password: PASSWORD })).status).toBe(204);
    expect((await signIn()).body.user).toBeTruthy();
    const told = await server.db.admin.query(
      `select props ->> 'change' as change from core.mail_outbox where template = 'sign_in_changed' and to_address = $1 order by queued_at, id`,
      [EMAIL],
    );
    expect(told.rows.map(({ change }) => change)).toEqual([
      'SECOND_FACTOR_ON',
      'RECOVERY_CODES_MADE',
      'SECOND_FACTOR_OFF',
    ]);

    await enforce(true);
    const led = await signIn();
    expect(led.body).toMatchObject({ next: 'SET_UP_SECOND_FACTOR', ticket: expect.any(String), ways: ['APP'] });
    const step = (path: string, body: object) =>
      request(server.app.handler)
        .post(`/auth/sign-in/second-factor${path}`)
        .send({ ticket: led.body.ticket, ...body });
    // The ticket of one step is not good for another.
    expect((await step('', { code: '000000' })).body.error.code).toBe('TICKET_EXPIRED');
    const begun = (await step('/begin', {})).body;
    const confirmed = await step('/confirm', { code: codeAt(begun.secret) });
    expect(confirmed.body).toMatchObject({ user: { email: EMAIL }, recoveryCodes: expect.any(Array) });
    expect((await get('/auth/me', cookieOf(confirmed))).status).toBe(200);
    await enforce(false);
    await server.db.admin.query('delete from core.totp');
  });
});

test('a member of two workspaces goes from one to the other', async () => {
  await server.createWorkspace('second');
  await server.db.admin.query("select core.add_member('second', $1, 'Olive', 'Member')", [EMAIL]);
  const cookie = cookieOf(await signIn());
  expect((await get('/auth/workspaces', cookie)).body.map(({ slug }: { slug: string }) => slug)).toEqual([
    'acme',
    'second',
  ]);
  expect((await post('/auth/switch', cookie, { workspace: 'other' })).body.error.code).toBe('NO_WORKSPACE');
  const switched = await post('/auth/switch', cookie, { workspace: 'second' });
  expect(switched.body).toMatchObject({ workspace: { slug: 'second' }, member: { role: 'Member' } });

  // Another page of the same browser still shows the first workspace, and has the same cookie.
  const left = (
    await server.db.admin.query<{ id: string }>(
      `select m.id from core.members m join core.workspaces w on w.id = m.workspace_id where w.slug = $1 order by m.created_at limit 1`,
      ['acme'],
    )
  ).rows[0]!.id;
  const asMember = (member: string) =>
    post('/graphql', cookieOf(switched), {
      query: 'mutation { createCompany(input: { company: { name: "Where?" } }) { company { id } } }',
    }).set('X-Member', member);
  const stray = await asMember(left);
  expect(stray.status).toBe(409);
  expect(stray.body.errors[0].extensions.code).toBe('OTHER_SESSION');
  expect((await asMember(switched.body.member.id)).body.errors).toBeUndefined();
  await eventually('the former has ended', async () => (await get('/auth/me', cookie)).status === 401);
  await server.db.admin.query(
    "delete from core.members m using core.workspaces w where w.id = m.workspace_id and w.slug = 'second' and m.name = 'Olive'",
  );
});

describe('keys', () => {
  const make = async (caller: Caller, mutation: string, variables: object) =>
    (await caller.metadata(mutation, variables)) as {
      data?: { payload: { result: { id: string; secret: string } } };
      errors?: { extensions: { code: string } }[];
    };
  const CREATE = `mutation ($input: CreateApiKeyInput!) { payload: createApiKey(input: $input) { result } }`;
  const me = (key: string) => request(server.app.handler).get('/auth/me').set('authorization', `Bearer ${key}`);

  test('are made with a role, shown once, listed by prefix, and revoked at once', async () => {
    const { rows } = await server.db.admin.query(
      "select id from metadata.roles where workspace_id = $1 and name = 'Member'",
      [acme.workspaceId],
    );
    const made = await make(acme, CREATE, { input: { name: 'Zapier', roleId: rows[0].id, rateLimit: 20 } });
    const { secret, id } = made.data!.payload.result;
    expect(secret).toMatch(/^rv_[\w-]{43}$/);
    const answer = await me(secret);
    expect(answer.body).toMatchObject({ apiKey: { name: 'Zapier', role: 'Member' }, user: null });
    expect(answer.get('RateLimit-Policy')).toBe('"key";q=20;w=60');
    expect(answer.get('RateLimit')).toMatch(/^"key";r=19;t=\d+$/);
    const list = async () =>
      (await acme.metadata('{ apiKeys }')).data!['apiKeys'] as { id: string; lastUsedAt: string | null }[];
    await eventually('its use is noted', async () => (await list()).find((key) => key.id === id)?.lastUsedAt);
    expect(JSON.stringify(await list())).not.toContain(secret);
    // The rest of its twenty, and no more, whatever the server remembers.
    const statuses = await Promise.all(Array.from({ length: 25 }, async () => (await me(secret)).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(19);
    const over = await me(secret);
    expect([over.status, over.body.error.code]).toEqual([429, 'RATE_LIMITED']);
    expect(Number(over.get('Retry-After'))).toBeGreaterThan(0);
    expect(
      (await acme.metadata('mutation ($id: UUID!) { revokeKey(input: { id: $id }) { result } }', { id })).errors,
    ).toBeUndefined();
    await eventually('it is refused', async () => (await me(secret)).status === 401);
    // Who may not manage the workspace makes none, and sees none.
    const member = await server.createKey('acme', 'Member');
    expect((await make(member, CREATE, { input: { name: 'x', roleId: rows[0].id } })).errors![0]!.extensions.code).toBe(
      'FORBIDDEN',
    );
    expect((await member.metadata('{ apiKeys }')).errors![0]!.extensions.code).toBe('FORBIDDEN');
    expect((await member.metadata('{ signInEvents }')).errors![0]!.extensions.code).toBe('FORBIDDEN');
  });

  test('that are personal act as the member, and end with the membership', async () => {
    const cookie = cookieOf(await signIn());
    const answer = await request(server.app.handler).post('/metadata').set('cookie', cookie).send({
      query: 'mutation { payload: createPersonalToken(input: { name: "Laptop" }) { result } }',
    });
    const { secret } = answer.body.data.payload.result;
    expect(secret).toMatch(/^rvp_[\w-]{43}$/);
    expect((await me(secret)).body).toMatchObject({ user: { email: EMAIL }, member: { role: 'Admin' } });
    await request(server.app.handler).post('/graphql').set('authorization', `Bearer ${secret}`).send({
      query: 'mutation { createCompany(input: { company: { name: "By token" } }) { company { id } } }',
    });
    const { rows } = await server.db.admin.query(
      `select created_by_name, created_by_source from ${acme.schemaName}.companies where name = 'By token'`,
    );
    expect(rows).toEqual([{ created_by_name: 'Olive Owner', created_by_source: 'API' }]);
    // It may not change how its member signs in.
    const change = await request(server.app.handler)
      .post('/auth/password')
      .set('authorization', `Bearer ${secret}`)
      .send({ current: PASSWORD, next: 'a new long password' });
    expect(change.status).toBe(403);
    await server.db.admin.query("select core.add_member('acme', 'second@acme.test', 'Second', 'Admin')");
    await server.db.admin.query(
      "update core.members set is_active = false where workspace_id = $1 and name = 'Olive Owner'",
      [acme.workspaceId],
    );
    await eventually('it is refused', async () => (await me(secret)).status === 401);
    await server.db.admin.query('update core.members set is_active = true where workspace_id = $1', [acme.workspaceId]);
  });

  test('and sign-ins are in the audit, for those who may see it', async () => {
    await signIn('not the password');
    const { data } = await acme.metadata('{ signInEvents(maxResults: 500) }');
    const kinds = new Set((data!['signInEvents'] as { kind: string }[]).map(({ kind }) => kind));
    for (const kind of [
      'SIGN_IN',
      'SIGN_IN_FAILED',
      'SESSION_REVOKED',
      'PASSWORD_CHANGED',
      'SECOND_FACTOR_ON',
      'SECOND_FACTOR_OFF',
      'KEY_CREATED',
      'KEY_REVOKED',
    ]) {
      expect([kind, kinds.has(kind)]).toEqual([kind, true]);
    }
  });
});
