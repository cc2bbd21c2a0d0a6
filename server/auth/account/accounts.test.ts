import request from 'supertest';
import { eventually, PASSWORD, useServer } from '../../testing/server.ts';

const server = useServer({ publicUrl: 'https://crm.acme.test' });
const OWNER = 'owner@acme.test';
const NEW_PASSWORD = 'a new and long one';

beforeAll(async () => {
  await server.createWorkspace('acme');
});
// Limits are for attackers, not for the next test.
beforeEach(() => server.db.admin.query('delete from core.attempts'));

const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  request(server.app.handler)
    .post(`/auth/${path}`)
    .set({ host: 'crm.acme.test', ...headers })
    .send(body);

const signIn = (email: string, password: string) => post('sign-in', { email, password });

interface Mail {
  template: string;
  props: { token: string };
}

async function mailsTo(address: string): Promise<Mail[]> {
  const { rows } = await server.db.admin.query<Mail>(
    "select template, props from core.mail_outbox where to_address = $1 and template <> 'new_sign_in' order by queued_at desc, id desc",
    [address],
  );
  return rows;
}

async function tokenTo(address: string, template: string): Promise<string> {
  const mail = (await mailsTo(address)).find((each) => each.template === template);
  if (!mail) throw new Error(`No mail "${template}" to ${address}.`);
  return mail.props.token;
}

async function eventsOf(kind: string): Promise<{ email: string | null; detail: Record<string, unknown> }[]> {
  const { rows } = await server.db.admin.query<{ email: string | null; detail: Record<string, unknown> }>(
    'select email, detail from core.auth_events where kind = $1 order by id',
    [kind],
  );
  return rows;
}

const lastRefusal = async () => (await eventsOf('LINK_REFUSED')).at(-1)?.detail;

async function makeUser(email: string, password = PASSWORD): Promise<void> {
  await server.db.admin.query("select core.add_member('acme', $1, 'Ann Other', 'Member')", [email]);
  const { hashPassword } = await import('../passwords.ts');
  await server.db.admin.query('update core.users set password_hash = $2 where email = $1', [
    email,
    await hashPassword(password),
  ]);
}

describe('a forgotten password', () => {
  test('is set anew by the link of a mail, once, and every session ends', async () => {
    const session = (await signIn(OWNER, PASSWORD)).headers['set-cookie'] as unknown as string[];
    const cookie = session.map((line) => line.split(';')[0]).join('; ');
    expect((await post('password-reset/request', { email: ' Owner@ACME.test ' })).status).toBe(202);
    const token = await tokenTo(OWNER, 'reset_password');

    const short = await post('password-reset', { token, password: 'short' });
    expect(short.body.error).toMatchObject({ code: 'PASSWORD_TOO_SHORT', field: 'password' });
    expect((await post('password-reset', { token, password: NEW_PASSWORD })).status).toBe(200);
    expect((await signIn(OWNER, PASSWORD)).status).toBe(401);
    expect((await signIn(OWNER, NEW_PASSWORD)).status).toBe(200);
    await eventually('the session has ended', async () => {
      const me = await request(server.app.handler).get('/auth/me').set('cookie', cookie);
      return me.status === 401;
    });
    expect((await mailsTo(OWNER))[0]!.template).toBe('password_changed');

    const again = await post('password-reset', { token, password: 'yet another one' });
    expect(again.status).toBe(410);
    expect(again.body.error.code).toBe('LINK_NOT_VALID');
    expect(await lastRefusal()).toEqual({ link: 'RESET_PASSWORD', reason: 'USED' });
    expect((await signIn(OWNER, NEW_PASSWORD)).status).toBe(200);
  });

  test('of two requests with one token, one wins', async () => {
    await post('password-reset/request', { email: OWNER });
    const token = await tokenTo(OWNER, 'reset_password');
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => post('password-reset', { token, password: NEW_PASSWORD })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 410, 410, 410]);
  });

  test('an old link, one of another kind and an invented one do nothing', async () => {
    await post('password-reset/request', { email: OWNER });
    const token = await tokenTo(OWNER, 'reset_password');
    const magic = await post('magic-link', { token });
    expect(magic.status).toBe(410);
    expect(await lastRefusal()).toEqual({ link: 'RESET_PASSWORD', reason: 'WRONG_KIND' });
    await server.db.admin.query("update core.one_time_tokens set expires_at = now() - interval '1 second'");
    expect((await post('password-reset', { token, password: NEW_PASSWORD })).status).toBe(410);
    expect(await lastRefusal()).toEqual({ link: 'RESET_PASSWORD', reason: 'EXPIRED' });
    expect((await post('password-reset', { token: 'f'.repeat(64), password: NEW_PASSWORD })).status).toBe(410);
    expect(await lastRefusal()).toEqual({ link: 'UNKNOWN', reason: 'UNKNOWN' });
  });

  test('only the hash of a token is stored', async () => {
    await post('password-reset/request', { email: OWNER });
    const token = await tokenTo(OWNER, 'reset_password');
    const { rows } = await server.db.admin.query<{ row: string }>('select t::text as row from core.one_time_tokens t');
    expect(rows.some(({ row }) => row.includes(token))).toBe(false);
  });
});

test('nobody learns by text or time whether an address has an account', async () => {
  for (const path of ['password-reset/request', 'magic-link/request', 'sign-up/request']) {
    const answers = [];
    for (const email of [OWNER, 'nobody@acme.test']) {
      const begun = performance.now();
      const { status, text, headers } = await post(path, { email });
      expect(performance.now() - begun).toBeGreaterThan(290);
      answers.push({ status, text, headers: { ...headers, date: undefined } });
    }
    expect(answers[1]).toEqual(answers[0]);
  }
  const mails = await mailsTo('nobody@acme.test');
  expect(mails.map(({ template }) => template)).toEqual(['sign_up']);
  // What the sign-up of a known address opens is told only to who has the link.
  expect(await tokenTo(OWNER, 'sign_up')).toMatch(/^[0-9a-f]{64}$/);
});

test('an address gets few mails, and who asks for many is stopped and written down', async () => {
  for (let i = 0; i < 5; i += 1)
    expect((await post('magic-link/request', { email: 'many@acme.test' })).status).toBe(202);
  const refused = await post('magic-link/request', { email: 'many@acme.test' });
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect((await eventsOf('MAIL_BLOCKED')).at(-1)).toMatchObject({ email: 'many@acme.test', detail: { kind: 'magic' } });
});

describe('a magic link', () => {
  test('signs in once, into the workspace that was asked for', async () => {
    await makeUser('magic@acme.test');
    await post('magic-link/request', { email: 'magic@acme.test', next: '/objects/people?sort=name' });
    const token = await tokenTo('magic@acme.test', 'magic_link');
    const look = await post('magic-link/look', { token });
    expect(look.body).toEqual({
      email: 'magic@acme.test',
      next: '/objects/people?sort=name',
      workspaces: [{ slug: 'acme', name: 'acme' }],
    });
    const response = await post('magic-link', { token });
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ user: { email: 'magic@acme.test' }, workspace: { slug: 'acme' } });
    expect((await post('magic-link', { token })).status).toBe(410);
    expect(await lastRefusal()).toEqual({ link: 'MAGIC_LINK', reason: 'USED' });
  });

  test('is not sent where the workspace does not want it, nor to who was disabled', async () => {
    await makeUser('unmagic@acme.test');
    await server.db.admin.query(
      "insert into core.joining (workspace_id, is_magic_link_on) select id, false from core.workspaces where slug = 'acme'",
    );
    await post('magic-link/request', { email: 'unmagic@acme.test' });
    await server.db.admin.query('delete from core.joining');
    await server.db.admin.query("update core.users set disabled_at = now() where email = 'unmagic@acme.test'");
    await post('magic-link/request', { email: 'unmagic@acme.test' });
    await post('password-reset/request', { email: 'unmagic@acme.test' });
    expect(await mailsTo('unmagic@acme.test')).toEqual([]);
  });

  test.each([
    'https://evil.test/',
    '//evil.test',
    '/\\evil.test',
    'javascript:alert(1)',
    '/\t/evil.test',
    'evil.test',
    '\\\\evil.test',
  ])('leads to no other site: %j', async (next) => {
    const refused = await post('magic-link/request', { email: OWNER, next });
    expect(refused.status).toBe(400);
    expect(refused.body.error).toMatchObject({ code: 'INVALID_REQUEST', field: 'next' });
    expect((await eventsOf('REQUEST_REFUSED')).at(-1)?.detail).toMatchObject({ reason: 'OPEN_REDIRECT' });
  });
});

describe('links and hosts', () => {
  test.each<Record<string, string>>([
    { host: 'evil.test' },
    { host: 'crm.acme.test', 'x-forwarded-host': 'evil.test' },
    { host: 'crm.acme.test.evil.test' },
  ])('a request that names another host causes no mail: %j', async (headers) => {
    const before = (await mailsTo(OWNER)).length;
    const refused = await post('password-reset/request', { email: OWNER }, headers);
    expect(refused.status).toBe(421);
    expect(refused.body.error.code).toBe('WRONG_HOST');
    expect(await mailsTo(OWNER)).toHaveLength(before);
    expect((await eventsOf('REQUEST_REFUSED')).at(-1)?.detail).toMatchObject({ reason: 'WRONG_HOST' });
  });

  test('a mail holds no host at all: the worker makes its links of RELVAR_URL', async () => {
    await post('password-reset/request', { email: OWNER });
    expect(JSON.stringify((await mailsTo(OWNER))[0])).not.toMatch(/https?:|acme\.test/);
  });

  test('another site causes none', async () => {
    const refused = await post('password-reset/request', { email: OWNER }, { 'sec-fetch-site': 'cross-site' });
    expect(refused.body.error.code).toBe('CROSS_SITE');
  });
});

describe('the e-mail address', () => {
  const cookieOf = async (email: string, password = PASSWORD) => {
    const response = await signIn(email, password);
    return (response.headers['set-cookie'] as unknown as string[]).map((line) => line.split(';')[0]).join('; ');
  };

  test('is changed by a link to the new one, with the password, and the former is told', async () => {
    await makeUser('before@acme.test');
    const cookie = await cookieOf('before@acme.test');
    const ask = (password: string) => post('change-email/request', { email: 'after@acme.test', password }, { cookie });
    expect((await post('change-email/request', { email: 'after@acme.test', password: PASSWORD })).status).toBe(401);
    expect((await ask('wrong')).body.error).toMatchObject({ code: 'PASSWORD_WRONG', field: 'password' });
    expect((await ask(PASSWORD)).status).toBe(202);
    const token = await tokenTo('after@acme.test', 'change_email');
    expect((await post('change-email', { token })).body).toEqual({ email: 'after@acme.test' });
    expect((await mailsTo('before@acme.test'))[0]!.template).toBe('email_changed');
    expect((await signIn('before@acme.test', PASSWORD)).status).toBe(401);
    expect((await signIn('after@acme.test', PASSWORD)).status).toBe(200);
    expect((await post('change-email', { token })).status).toBe(410);
    const { rows } = await server.db.admin.query<{ schema_name: string }>('select schema_name from core.workspaces');
    const records = await server.db.admin.query(
      `select user_email from ${rows[0]!.schema_name}.workspace_members where user_email like '%after@%'`,
    );
    expect(records.rows).toEqual([{ user_email: 'after@acme.test' }]);
  });

  test('is proved by its owner, signed in: neither keys nor personal tokens cause a mail', async () => {
    const cookie = await cookieOf(OWNER, NEW_PASSWORD);
    const made = await request(server.app.handler)
      .post('/metadata')
      .set({ host: 'crm.acme.test', cookie })
      .send({ query: 'mutation { payload: createPersonalToken(input: { name: "Mails" }) { result } }' });
    const { secret: token } = made.body.data.payload.result as { secret: string };
    const key = await server.createKey('acme', 'Admin');
    for (const secret of [key.apiKey, token]) {
      const answer = await post('verify-email/request', {}, { authorization: `Bearer ${secret}` });
      expect([answer.status, answer.body.error.code]).toEqual([403, 'FORBIDDEN']);
    }
    const mails = await server.db.admin.query("select from core.mail_outbox where template = 'verify_email'");
    expect(mails.rowCount).toBe(0);
    await post('verify-email/request', {}, { cookie }).expect(202);
  });

  test('of somebody else is not taken, and nobody is told that there is somebody', async () => {
    await makeUser('taker@acme.test');
    const cookie = await cookieOf('taker@acme.test');
    const before = await mailsTo(OWNER);
    const response = await post('change-email/request', { email: OWNER, password: PASSWORD }, { cookie });
    expect(response.status).toBe(202);
    expect(await mailsTo(OWNER)).toEqual(before);
  });

  test('links that went to the former address work no more', async () => {
    await makeUser('former@acme.test');
    await post('password-reset/request', { email: 'former@acme.test' });
    const stale = await tokenTo('former@acme.test', 'reset_password');
    const cookie = await cookieOf('former@acme.test');
    await post('change-email/request', { email: 'present@acme.test', password: PASSWORD }, { cookie });
    await post('change-email', { token: await tokenTo('present@acme.test', 'change_email') });
    expect((await post('password-reset', { token: stale, password: NEW_PASSWORD })).status).toBe(410);
  });
});

test('a request carries what it may carry, and nothing else', async () => {
  const refused = await post('password-reset/request', { email: OWNER, role: 'Admin' });
  expect(refused.status).toBe(400);
  expect((await eventsOf('REQUEST_REFUSED')).at(-1)?.detail).toMatchObject({
    reason: 'UNKNOWN_FIELDS',
    fields: ['role'],
  });
  for (const email of ['', 'a@b@c', 'a b@c.test', 'a@c.test\r\nBcc: d@e.test', 'a,b@c.test']) {
    expect((await post('password-reset/request', { email })).body.error.code).toBe('INVALID_REQUEST');
  }
  expect((await post('password-reset/request', { email: ['owner@acme.test'] })).status).toBe(400);
});
