import request from 'supertest';
import { loadConfig } from '../../db/config.ts';
import { slugOfHost, workspaceUrl } from '../../db/workspaceAddress.ts';
import { cookieOf, eventually, PASSWORD, useServer, type Caller } from '../testing/server.ts';
import { hashPassword } from './passwords.ts';

/** Workspaces with addresses of their own: acme.crm.test and rival.crm.test, and crm.test, which leads to them. */
const PUBLIC_URL = 'https://*.crm.test';
const server = useServer({ publicUrl: PUBLIC_URL, isSignUpOpen: true });
let acme: Caller;

/** As a proxy on the same machine passes it on; what is refused is counted by address. */
const at = (host: string, cookie = '', address = '192.0.2.1') => {
  const headers = { host, 'x-forwarded-proto': 'https', 'x-forwarded-for': address, ...(cookie && { cookie }) };
  return {
    get: (path: string) => request(server.app.handler).get(path).set(headers),
    post: (path: string, body: object = {}) => request(server.app.handler).post(path).set(headers).send(body),
  };
};
const ACME = 'acme.crm.test';
const RIVAL = 'rival.crm.test';
const credentials = { email: 'ann@acme.test', password: PASSWORD };
const refusals = async (reason: string) =>
  (
    await server.db.admin.query<{ detail: Record<string, unknown> }>(
      `select detail from core.auth_events where kind = 'REQUEST_REFUSED' and detail ->> 'reason' = $1`,
      [reason],
    )
  ).rows.map(({ detail }) => detail);

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  await server.createWorkspace('rival');
  const hash = await hashPassword(PASSWORD);
  for (const slug of ['acme', 'rival'])
    await server.db.admin.query('select core.add_member($1, $2, $3, $4, $5)', [
      slug,
      credentials.email,
      'Ann',
      'Member',
      hash,
    ]);
});

test('a session is for the address that it was begun at, and its cookies are for that host alone', async () => {
  // The address says which workspace; nobody is asked although Ann has two.
  const begun = await at(ACME).post('/auth/sign-in', credentials).expect(200);
  expect(begun.body.workspace.slug).toBe('acme');
  for (const cookie of begun.get('Set-Cookie') ?? []) expect(cookie).not.toMatch(/domain=/i);
  const cookie = cookieOf(begun);
  expect((await at(ACME, cookie).get('/auth/me')).body.workspace.slug).toBe('acme');
  for (const host of [RIVAL, 'crm.test']) {
    expect((await at(host, cookie).get('/auth/me')).status).toBe(401);
    expect((await at(host, cookie).post('/graphql', { query: '{ __typename }' })).status).toBe(401);
  }
  await eventually('it is written down', async () =>
    (await refusals('OTHER_WORKSPACE')).some(({ path }) => path === '/graphql'),
  );
  const other = cookieOf(await at(RIVAL).post('/auth/sign-in', credentials).expect(200));
  expect((await at(RIVAL, other).get('/auth/me')).body.workspace.slug).toBe('rival');
  expect((await at(ACME, cookie).get('/auth/me')).status).toBe(200);
});

test('a workspace that the request names is none but that of the address', async () => {
  const begun = await at(ACME)
    .post('/auth/sign-in', { ...credentials, workspace: 'rival' })
    .expect(200);
  expect(begun.body.workspace.slug).toBe('acme');
  const ways = await at(ACME).get('/auth/sso/providers?workspace=rival').expect(200);
  expect(ways.body).toEqual((await at(ACME).get('/auth/sso/providers')).body);
});

test('keys open their workspace at its address and at that of all, and not at another', async () => {
  const ask = (host: string) => at(host).get('/auth/me').set('authorization', `Bearer ${acme.apiKey}`);
  expect((await ask(ACME)).status).toBe(200);
  expect((await ask('crm.test')).status).toBe(200);
  expect((await ask(RIVAL)).status).toBe(401);
});

test.each([
  'evil.test',
  'acme.crm.test.evil.test',
  'x.acme.crm.test',
  'acme.crm.test:8080',
  '127.0.0.1',
  '-a.crm.test',
])('no other host is answered: %s', async (host) => {
  const from = `198.51.100.${host.length}`;
  for (const answer of [
    await at(host, '', from).get('/auth/options'),
    await at(host, '', from).get('/').set('accept', 'text/html'),
    await at(host, '', from).post('/graphql', { query: '{ __typename }' }),
    await at(host, '', from).post('/auth/password-reset/request', { email: credentials.email }),
    await at(ACME, '', from)
      .post('/auth/password-reset/request', { email: credentials.email })
      .set('x-forwarded-host', host),
  ])
    expect([answer.status, answer.body.error?.code]).toEqual([421, 'WRONG_HOST']);
  const noted = await eventually('it is written down', async () => {
    const all = await refusals('WRONG_HOST');
    return all.some((detail) => detail.host === host) && all;
  });
  expect(noted.length).toBeGreaterThan(0);
  expect((await at(host, '', from).get('/healthz')).status).not.toBe(421);
});

test('the address of all signs nobody in, and says where', async () => {
  const options = await at('crm.test').get('/auth/options').expect(200);
  expect(options.body).toMatchObject({ addresses: PUBLIC_URL });
  expect((await at(ACME).get('/auth/options')).body.workspace).toEqual({ slug: 'acme', name: 'acme' });
  expect((await at('nobody.crm.test').get('/auth/options')).body.workspace).toBeNull();
  const begun = await at('crm.test')
    .post('/auth/sign-in', { ...credentials, workspace: 'rival' })
    .expect(200);
  expect(begun.body).toEqual({ next: 'ADDRESS', address: 'https://rival.crm.test/' });
  expect(begun.get('Set-Cookie')).toBeUndefined();
  // A program asks for tokens anywhere.
  const tokens = await at('crm.test')
    .post('/auth/sign-in', { ...credentials, workspace: 'rival', tokens: true })
    .expect(200);
  expect(tokens.body.tokens.accessToken).toEqual(expect.any(String));
});

test('who makes a workspace is sent to its address', async () => {
  const made = await at('crm.test').post('/auth/sign-up', {
    email: 'new@new.test',
    password: PASSWORD,
    name: 'New',
    workspace: 'newcomers',
    newWorkspace: 'Newcomers',
  });
  expect(made.body).toMatchObject({ next: 'ADDRESS', address: 'https://newcomers.crm.test/' });
});

test('the switcher has the addresses, and switching begins nothing', async () => {
  const cookie = cookieOf(await at(ACME).post('/auth/sign-in', credentials).expect(200));
  expect((await at(ACME, cookie).get('/auth/workspaces')).body).toMatchObject([
    { slug: 'acme', address: 'https://acme.crm.test' },
    { slug: 'rival', address: 'https://rival.crm.test' },
  ]);
  const switched = await at(ACME, cookie).post('/auth/switch', { workspace: 'rival' }).expect(200);
  expect(switched.body).toEqual({ next: 'ADDRESS', address: 'https://rival.crm.test/' });
  expect((await at(ACME, cookie).get('/auth/me')).status).toBe(200);
});

test('who acts as a member does so at the address of that workspace, and keeps their own session elsewhere', async () => {
  await server.db.admin.query('update core.workspace_settings set allows_impersonation = true');
  await server.db.admin.query("select core.set_instance_admin('owner@acme.test', true)");
  const member = async (slug: string) =>
    (
      await server.db.admin.query<{ id: string }>(
        `select m.id from core.members m join core.workspaces w on w.id = m.workspace_id join core.users u on u.id = m.user_id
         where w.slug = $1 and u.email = $2`,
        [slug, credentials.email],
      )
    ).rows[0]!.id;
  const cookie = cookieOf(
    await at(ACME).post('/auth/sign-in', { email: 'owner@acme.test', password: PASSWORD }).expect(200),
  );
  const act = async (slug: string) =>
    at(ACME, cookie).post('/auth/impersonate', { member: await member(slug), reason: 'Ticket 4711', minutes: 5 });
  const refused = await act('rival');
  expect([refused.status, refused.body.error.code, refused.body.error.field]).toEqual([422, 'RV181', 'member']);
  expect(refused.get('Set-Cookie')).toBeUndefined();
  expect((await at(ACME, cookie).get('/auth/me')).body.user.email).toBe('owner@acme.test');
  const noted = await server.db.admin.query("select detail from core.auth_events where kind = 'IMPERSONATION_REFUSED'");
  expect(noted.rows).toHaveLength(1);
  const begun = await act('acme');
  expect(begun.body.user.email).toBe(credentials.email);
  await server.db.admin.query("select core.set_instance_admin('owner@acme.test', false)");
});

test('a link by mail signs in at the address of its workspace, and is not used up elsewhere', async () => {
  await at(ACME).post('/auth/magic-link/request', { email: credentials.email }).expect(202);
  const { rows } = await server.db.admin.query<{ token: string; slug: string }>(
    `select m.props ->> 'token' as token, w.slug from core.mail_outbox m join core.workspaces w on w.id = m.workspace_id where m.template = 'magic_link'`,
  );
  expect(rows).toMatchObject([{ slug: 'acme' }]);
  const { token } = rows[0]!;
  const elsewhere = await at('crm.test').post('/auth/magic-link', { token }).expect(200);
  expect(elsewhere.body.address).toBe(`https://acme.crm.test/magic-link#${token}`);
  expect((await at(RIVAL).post('/auth/magic-link', { token })).status).toBe(403);
  const begun = await at(ACME).post('/auth/magic-link', { token }).expect(200);
  expect(begun.body.workspace.slug).toBe('acme');
});

test('requests of a sibling are those of another site', async () => {
  const cookie = cookieOf(await at(ACME).post('/auth/sign-in', credentials).expect(200));
  for (const [name, value] of [
    ['origin', 'https://rival.crm.test'],
    ['sec-fetch-site', 'same-site'],
  ] as const)
    expect((await at(ACME, cookie).post('/graphql', { query: '{ __typename }' }).set(name, value)).status).toBe(403);
});

test('each workspace is an issuer of its own', async () => {
  const { body } = await at(ACME).get('/.well-known/oauth-authorization-server').expect(200);
  expect(body.issuer).toBe('https://acme.crm.test');
});

test('addresses are made of RELVAR_URL', () => {
  expect(workspaceUrl('https://*.crm.test:8443', 'acme')).toBe('https://acme.crm.test:8443');
  expect(workspaceUrl('https://*.crm.test:8443', null)).toBe('https://crm.test:8443');
  expect(workspaceUrl('https://crm.test', 'acme')).toBe('https://crm.test');
  expect(slugOfHost('https://crm.test', 'evil.test')).toBeNull();
  expect(slugOfHost('https://*.crm.test:8443', 'acme.crm.test:8443')).toBe('acme');
  expect(slugOfHost('https://*.crm.test:8443', 'acme.crm.test')).toBeUndefined();
  for (const wrong of ['https://crm.*.test', 'https://*', 'https://*.crm.test/x', 'https://a*.crm.test'])
    expect(() => loadConfig({ RELVAR_URL: wrong })).toThrow(/RELVAR_URL/);
  expect(loadConfig({ RELVAR_URL: 'https://*.crm.test/' }).accounts.publicUrl).toBe('https://*.crm.test');
});
