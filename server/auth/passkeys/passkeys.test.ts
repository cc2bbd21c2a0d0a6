import request from 'supertest';
import { Authenticator } from '../../testing/authenticator.ts';
import { cookieOf, PASSWORD, useServer } from '../../testing/server.ts';
import type { Caller } from '../../testing/server.ts';

/** Passkeys over HTTP, with a key of the tests' own that also does what none should. The browser is in web/tests/passkeys.test.ts. */
const ORIGIN = 'https://crm.acme.test';
const server = useServer({ publicUrl: ORIGIN });
let acme: Caller;
const OWNER = 'owner@acme.test';
const key = new Authenticator(ORIGIN);
let cookie: string;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  await server.createWorkspace('other');
});

const post = (path: string, body: object = {}, cookies = '') =>
  request(server.app.handler)
    .post(`/auth/${path}`)
    .set({ host: 'crm.acme.test', ...(cookies ? { cookie: cookies } : {}) })
    .send(body);
const get = (path: string, cookies: string) => request(server.app.handler).get(`/auth/${path}`).set('cookie', cookies);
const signIn = (email = OWNER, password = PASSWORD) => post('sign-in', { email, password });
const reasons = async () =>
  (
    await server.db.admin.query<{ reason: string }>(
      "select detail ->> 'reason' as reason from core.auth_events where kind = 'PASSKEY_REFUSED' order by id",
    )
  ).rows.map(({ reason }) => reason);

const register = async (who: Authenticator, cookies: string, how: Parameters<Authenticator['create']>[1] = {}) => {
  const begun = await post('passkeys/begin', { password: PASSWORD }, cookies);
  const browser = `${cookies}; ${cookieOf(begun)}`;
  const response = who.create(begun.body.options, how);
  return { answer: await post('passkeys', { ticket: begun.body.ticket, response, name: 'Key' }, browser), begun };
};
const beginSignIn = async () => {
  const begun = await post('sign-in/passkey/begin');
  return { options: begun.body.options, ticket: begun.body.ticket as string, browser: cookieOf(begun) };
};
/** Signs in with a passkey, in the circumstances given. */
const enter = async (how: Parameters<Authenticator['get']>[1] = {}, who = key) => {
  const { options, ticket, browser } = await beginSignIn();
  return post('sign-in/passkey', { ticket, response: who.get(options, how) }, browser);
};

describe('a passkey is registered', () => {
  test('with the password, which is asked; a refusal says nothing and is written down', async () => {
    cookie = cookieOf(await signIn());
    expect((await get('passkeys', cookie)).body).toEqual({ isAvailable: true, passkeys: [] });
    expect((await post('passkeys/begin', {}, cookie)).body.error.code).toBe('PASSWORD_WRONG');
    for (const [how, reason] of [
      [{ origin: 'https://crm.acme.test.evil.example' }, 'ORIGIN'],
      [{ party: 'evil.example' }, 'PARTY'],
      [{ isUserVerified: false }, 'NOT_VERIFIED'],
    ] as const) {
      expect((await register(key, cookie, how)).answer.body.error.code).toBe('PASSKEY_REFUSED');
      expect((await reasons()).at(-1)).toBe(reason);
    }
  });

  test('and shown once with recovery codes, if there are none', async () => {
    const { answer, begun } = await register(key, cookie);
    expect(begun.body.options).toMatchObject({
      rp: { id: 'crm.acme.test', name: 'Relvar' },
      user: { name: OWNER },
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    expect(answer.body).toMatchObject({ name: 'Key', recoveryCodes: expect.arrayContaining([expect.any(String)]) });
    const { body } = await get('passkeys', cookie);
    expect(body.passkeys).toMatchObject([{ name: 'Key', isSynced: false, lastUsedAt: null }]);
    // The same key again, and a second one: no new codes.
    expect((await register(key, cookie)).answer.body.error.code).toBe('RV167');
    const second = await register(new Authenticator(ORIGIN), cookie);
    expect(second.answer.body.recoveryCodes).toBeNull();
    expect(second.begun.body.options.excludeCredentials).toHaveLength(1);
    expect((await get('second-factor', cookie)).body).toMatchObject({ isOn: false, passkeys: 2, codesLeft: 10 });
  });

  test('renamed and removed by its owner', async () => {
    const list = async () => (await get('passkeys', cookie)).body.passkeys as { id: string; name: string }[];
    const [, second] = await list();
    expect((await post('passkeys/rename', { id: second!.id, name: 'At home' }, cookie)).status).toBe(204);
    expect((await list())[1]!.name).toBe('At home');
    const stranger = cookieOf(await post('sign-in', { email: 'owner@other.test', password: PASSWORD }));
    expect((await post('passkeys/rename', { id: second!.id, name: 'Mine' }, stranger)).status).toBe(404);
    expect((await post('passkeys/remove', { id: second!.id, password: PASSWORD }, stranger)).status).toBe(404);
    await server.db.admin.query("update core.sessions set mfa_at = now() - interval '1 hour'");
    expect((await post('passkeys/remove', { id: second!.id }, cookie)).body.error.code).toBe('PASSWORD_WRONG');
    expect((await post('passkeys/remove', { id: second!.id, password: PASSWORD }, cookie)).status).toBe(204);
    expect(await list()).toHaveLength(1);
    // Of each the owner is told, and of nothing that was refused.
    const { rows } = await server.db.admin.query(
      `select to_address, props ->> 'change' as change, props ->> 'name' as name from core.mail_outbox
       where template = 'sign_in_changed' order by queued_at, id`,
    );
    expect(rows).toEqual([
      { to_address: OWNER, change: 'PASSKEY_ADDED', name: 'Key' },
      { to_address: OWNER, change: 'PASSKEY_ADDED', name: 'Key' },
      { to_address: OWNER, change: 'PASSKEY_REMOVED', name: 'At home' },
    ]);
  });

  test('at most twenty times', async () => {
    const { rows } = await server.db.admin.query<{ id: string }>('select id from core.users where email = $1', [
      'owner@other.test',
    ]);
    const add = (n: number) =>
      server.db.server.query("select core.add_passkey($1, $2, '\\x00', 0, '{}', 'Key', false)", [
        rows[0]!.id,
        Buffer.from(`credential ${n}`),
      ]);
    for (let n = 0; n < 20; n += 1) await add(n);
    await expect(add(20)).rejects.toMatchObject({ code: 'RV166' });
    await server.db.admin.query('delete from core.passkeys where user_id = $1', [rows[0]!.id]);
  });
});

describe('a passkey signs in', () => {
  test('alone, as two factors, into the workspace of last time or the one that is named', async () => {
    const answer = await enter();
    expect(answer.body).toMatchObject({ user: { email: OWNER }, workspace: { slug: 'acme' } });
    const sessions = (await get('sessions', cookieOf(answer))).body as { isCurrent: boolean }[];
    expect(sessions.find(({ isCurrent }) => isCurrent)).toMatchObject({ method: 'PASSKEY', hasSecondFactor: true });
    await server.db.admin.query("select core.add_member('other', $1, 'Olive', 'Member')", [OWNER]);
    expect((await enter()).body.workspace.slug).toBe('acme');
    const { options, ticket, browser } = await beginSignIn();
    const named = await post('sign-in/passkey', { ticket, response: key.get(options), workspace: 'other' }, browser);
    expect(named.body.workspace.slug).toBe('other');
    expect((await enter()).body.workspace.slug).toBe('other');
    await server.db.admin.query(
      "delete from core.members where workspace_id = (select id from core.workspaces where slug = 'other') and user_id = (select id from core.users where email = $1)",
      [OWNER],
    );
  });

  test('after the password, in which a recovery code may stand in for it', async () => {
    const step = (await signIn()).body;
    expect(step).toMatchObject({ next: 'SECOND_FACTOR', ways: ['PASSKEY'], rememberDays: 30 });
    const begun = await post('sign-in/second-factor/passkey/begin', { ticket: step.ticket });
    expect(begun.body.options.allowCredentials).toMatchObject([{ id: key.id.toString('base64url') }]);
    const done = await post(
      'sign-in/second-factor/passkey',
      {
        ticket: step.ticket,
        passkeyTicket: begun.body.ticket,
        response: key.get(begun.body.options),
        remember: true,
      },
      cookieOf(begun),
    );
    expect(done.body.user.email).toBe(OWNER);
    const again = await post('sign-in', { email: OWNER, password: PASSWORD }, cookieOf(done));
    expect(again.body.user.email).toBe(OWNER);
    cookie = cookieOf(done);
  });

  test('proves once more who sits before an open session', async () => {
    await server.db.admin.query("update core.sessions set mfa_at = now() - interval '1 hour'");
    expect((await post('second-factor/recovery-codes', {}, cookie)).body.error.code).toBe('PASSWORD_WRONG');
    const begun = await post('prove/passkey/begin', {}, cookie);
    const response = key.get(begun.body.options);
    const browser = `${cookie}; ${cookieOf(begun)}`;
    expect((await post('prove/passkey', { ticket: begun.body.ticket, response }, browser)).status).toBe(204);
    expect((await post('second-factor/recovery-codes', {}, cookie)).body.recoveryCodes).toHaveLength(10);
  });

  test('satisfies a workspace that wants a second factor, and is set up there', async () => {
    const enforce = (on: boolean) =>
      acme.metadata(`mutation { setMfaEnforced(input: { isMfaEnforced: ${on} }) { clientMutationId } }`);
    await enforce(true);
    expect((await enter()).body.user.email).toBe(OWNER);
    const { id } = (await get('passkeys', cookie)).body.passkeys[0];
    expect((await post('passkeys/remove', { id, password: PASSWORD }, cookie)).body.error.code).toBe(
      'SECOND_FACTOR_ENFORCED',
    );
    await server.db.admin.query("select core.add_member('acme', 'new@acme.test', 'Nina', 'Member')");
    await server.db.admin.query(
      "update core.users set password_hash = (select password_hash from core.users where email = $1) where email = 'new@acme.test'",
      [OWNER],
    );
    const step = (await signIn('new@acme.test')).body;
    expect(step).toMatchObject({ next: 'SET_UP_SECOND_FACTOR', ways: ['PASSKEY', 'APP'] });
    const theirs = new Authenticator(ORIGIN);
    const begun = await post('sign-in/second-factor/passkey/set-up/begin', { ticket: step.ticket });
    const setUp = (passkeyTicket: unknown) =>
      post(
        'sign-in/second-factor/passkey/set-up',
        { ticket: step.ticket, passkeyTicket, response: theirs.create(begun.body.options) },
        cookieOf(begun),
      );
    const done = await setUp(begun.body.ticket);
    expect(done.body).toMatchObject({ user: { email: 'new@acme.test' }, recoveryCodes: expect.any(Array) });
    // The ticket of the first step is no way to add another.
    expect((await setUp(begun.body.ticket)).body.error.code).toBe('SECOND_FACTOR_ON');
    expect((await enter({}, theirs)).body.user.email).toBe('new@acme.test');
    await enforce(false);
  });
});

describe('refused, and written down, is', () => {
  const refused = async (reason: string, attempt: Promise<request.Response>) => {
    const { body, status } = await attempt;
    expect([status, body.error?.code]).toEqual([403, 'PASSKEY_REFUSED']);
    expect((await reasons()).at(-1)).toBe(reason);
  };

  test('an answer that is sent again', async () => {
    const { options, ticket, browser } = await beginSignIn();
    const response = key.get(options);
    expect((await post('sign-in/passkey', { ticket, response }, browser)).status).toBe(200);
    await refused('REUSED', post('sign-in/passkey', { ticket, response }, browser));
    // Nor is it one to another challenge.
    const next = await beginSignIn();
    await refused('CHALLENGE', post('sign-in/passkey', { ticket: next.ticket, response }, next.browser));
  });

  test('an answer given at another site, or for another one', async () => {
    await refused('ORIGIN', enter({ origin: 'https://crm-acme.test' }));
    await refused('ORIGIN', enter({ origin: 'http://crm.acme.test' }));
    await refused('PARTY', enter({ party: 'evil.example' }));
  });

  test('one without a finger, a face or a PIN', () => refused('NOT_VERIFIED', enter({ isUserVerified: false })));

  test('one by a key that nobody has registered', () => refused('UNKNOWN', enter({}, new Authenticator(ORIGIN))));

  test('one that says it is another user', async () => {
    const { rows } = await server.db.admin.query<{ id: string }>('select id from core.users where email = $1', [
      'owner@other.test',
    ]);
    const userHandle = Buffer.from(rows[0]!.id.replaceAll('-', ''), 'hex').toString('base64url');
    await refused('OTHER_USER', enter({ userHandle }));
  });

  test('one that is signed by another key', async () => {
    const forger = new Authenticator(ORIGIN);
    Object.assign(forger, { id: key.id, userHandle: key.userHandle, counter: key.counter + 100 });
    await refused('SIGNATURE', enter({}, forger));
  });

  test("somebody else's passkey as the second factor", async () => {
    const theirs = new Authenticator(ORIGIN);
    await register(theirs, cookieOf(await post('sign-in', { email: 'owner@other.test', password: PASSWORD })));
    const step = (await signIn()).body;
    const begun = await post('sign-in/second-factor/passkey/begin', { ticket: step.ticket });
    const answer = (who: Authenticator, passkeyTicket: unknown, cookies: string) =>
      post(
        'sign-in/second-factor/passkey',
        { ticket: step.ticket, passkeyTicket, response: who.get(begun.body.options) },
        cookies,
      );
    await refused('OTHER_USER', answer(theirs, begun.body.ticket, cookieOf(begun)));
    // A challenge that was given out for signing in alone, to anybody, is not one of the second step.
    const { ticket, browser } = await beginSignIn();
    await refused('TICKET', answer(key, ticket, browser));
  });

  test('a challenge of another browser', async () => {
    const { options, ticket } = await beginSignIn();
    const { browser } = await beginSignIn();
    await refused('BROWSER', post('sign-in/passkey', { ticket, response: key.get(options) }, browser));
    await refused('BROWSER', post('sign-in/passkey', { ticket, response: key.get(options) }));
  });

  test('a copy, whose counter lags behind', async () => {
    expect((await enter()).status).toBe(200);
    await refused('COUNTER', enter({ counter: 1 }));
    await refused('COUNTER', enter({ counter: 0 }));
    expect((await enter()).status).toBe(200);
  });

  test('what is no answer at all', async () => {
    for (const response of [
      undefined,
      null,
      {},
      { id: key.id.toString('base64url') },
      'text',
      { id: 'x'.repeat(5_000) },
    ]) {
      const { ticket, browser } = await beginSignIn();
      expect((await post('sign-in/passkey', { ticket, response }, browser)).body.error.code).toBe('PASSKEY_REFUSED');
    }
    for (const ticket of [undefined, '', 's1.forged', {}]) await refused('TICKET', post('sign-in/passkey', { ticket }));
    // Nor the request of another site.
    const foreign = await post('sign-in/passkey').set('sec-fetch-site', 'cross-site');
    expect(foreign.body.error.code).toBe('CROSS_SITE');
  });

  test('a passkey of an account that is disabled, or is no member any more', async () => {
    const { rows } = await server.db.admin.query(
      'update core.users set disabled_at = now() where email = $1 returning id',
      [OWNER],
    );
    expect(rows).toHaveLength(1);
    await refused('UNKNOWN', enter());
    await server.db.admin.query('update core.users set disabled_at = null where email = $1', [OWNER]);
    await server.db.admin.query("select core.add_member('acme', 'left@acme.test', 'Lea', 'Admin')");
    await server.db.admin.query(
      'update core.members set is_active = false where user_id = (select id from core.users where email = $1)',
      [OWNER],
    );
    expect((await enter()).body.error.code).toBe('NO_WORKSPACE');
  });
});
