import request from 'supertest';
import { cookieOf, PASSWORD, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let acme: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
});

const signIn = (body: object, headers: Record<string, string> = {}) =>
  request(server.app.handler).post('/auth/sign-in').set(headers).send(body);

const right = { email: 'owner@acme.test', password: PASSWORD };

test('a member signs in, is known, and signs out', async () => {
  const response = await signIn({ ...right, email: ' Owner@ACME.test ' });
  expect(response.status).toBe(200);
  expect(response.body).toMatchObject({
    user: { email: 'owner@acme.test' },
    workspace: { slug: 'acme', modelVersion: expect.any(Number) },
    member: { name: 'Olive Owner', role: 'Admin' },
  });
  const cookie = cookieOf(response);
  const me = () => request(server.app.handler).get('/auth/me').set('cookie', cookie);
  expect((await me()).body).toEqual(response.body);

  const graphql = await request(server.app.handler)
    .post('/graphql')
    .set('cookie', cookie)
    .send({ query: '{ people(first: 1) { nodes { id } } }' });
  expect(graphql.body).toEqual({ data: { people: { nodes: [] } } });

  const out = await request(server.app.handler).post('/auth/sign-out').set('cookie', cookie);
  expect(out.status).toBe(204);
  expect((await me()).status).toBe(401);
});

test('the cookies cannot be read by scripts, and over https never travel in the clear', async () => {
  const plain = (await signIn(right)).get('set-cookie')!;
  expect(plain).toEqual([
    expect.stringMatching(/^relvar_browser=[\w-]{43}; Path=\/auth; HttpOnly; SameSite=Lax; Expires=[^;]+$/),
    expect.stringMatching(/^relvar_access=[\w-]+\.[\w-]+\.[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Expires=[^;]+$/),
    expect.stringMatching(/^relvar_refresh=[\w-]{43}; Path=\/auth; HttpOnly; SameSite=Strict; Expires=[^;]+$/),
  ]);
  const behindProxy = (await signIn(right, { 'x-forwarded-proto': 'https' })).get('set-cookie')!;
  for (const cookie of behindProxy) expect(cookie).toContain('; Secure');
});

test('a wrong password and an unknown e-mail get the same answer', async () => {
  const wrong = await signIn({ ...right, password: 'wrong' });
  const unknown = await signIn({ email: 'nobody@acme.test', password: 'wrong' });
  expect(wrong.status).toBe(401);
  expect(wrong.body.error.code).toBe('SIGN_IN_FAILED');
  expect(unknown.status).toBe(401);
  expect(unknown.body).toEqual(wrong.body);
  expect(wrong.headers['set-cookie']).toBeUndefined();
});

test('a member of two workspaces says which one, and enters no third', async () => {
  await server.createWorkspace('two');
  await server.createWorkspace('three');
  await server.db.admin.query("select core.add_member('two', 'owner@acme.test', 'Olive', 'Member')");
  const undecided = await signIn(right);
  expect(undecided.status).toBe(409);
  expect(undecided.body.error).toMatchObject({
    code: 'WORKSPACE_REQUIRED',
    hint: expect.stringContaining('acme, two'),
  });
  const chosen = await signIn({ ...right, workspace: 'two' });
  expect(chosen.body).toMatchObject({ workspace: { slug: 'two' }, member: { role: 'Member' } });
  expect((await signIn({ ...right, workspace: 'three' })).body.error.code).toBe('NO_WORKSPACE');
});

test('after ten failures the e-mail is closed to that address for a while, even with the right password', async () => {
  await server.createWorkspace('guarded');
  const email = 'owner@guarded.test';
  for (let i = 0; i < 10; i += 1) {
    expect((await signIn({ email, password: `wrong ${i}` })).status).toBe(401);
  }
  const refused = await signIn({ email, password: PASSWORD });
  expect(refused.status).toBe(429);
  expect(refused.body.error.code).toBe('TOO_MANY_ATTEMPTS');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  // Behind the proxy, another address is another person.
  const elsewhere = await signIn({ email, password: PASSWORD }, { 'x-forwarded-for': '203.0.113.9' });
  expect(elsewhere.status).toBe(200);
});

test('nobody is signed in without a token, with an invented one or with a revoked key', async () => {
  const me = (headers: Record<string, string>) => request(server.app.handler).get('/auth/me').set(headers);
  for (const headers of [
    {},
    { cookie: `relvar_access=${'A'.repeat(43)}` },
    { cookie: 'relvar_access=a.b.c' },
    { authorization: 'Bearer a.b.c' },
    { authorization: `Bearer rv_${'A'.repeat(43)}` },
    { authorization: 'Basic b3duZXI6cGFzcw==' },
  ]) {
    const response = await me(headers as Record<string, string>);
    expect(response.status).toBe(401);
    expect(response.body.error.code).toBe('NOT_SIGNED_IN');
  }
  const other = await server.createKey('acme', 'Member');
  await server.db.admin.query(
    'update core.api_keys set revoked_at = now() where token_hash = sha256($1::text::bytea)',
    [other.apiKey],
  );
  expect((await me({ authorization: `Bearer ${other.apiKey}` })).status).toBe(401);
  const key = await me({ authorization: `Bearer ${acme.apiKey}` });
  expect(key.body).toMatchObject({
    user: null,
    member: null,
    apiKey: { role: 'Admin' },
    workspace: { slug: 'acme' },
  });
});

test('a session counts only in requests of our own pages, with a JSON body', async () => {
  const cookie = cookieOf(await signIn({ ...right, workspace: 'acme' }));
  const send = (headers: Record<string, string>) =>
    request(server.app.handler)
      .post('/graphql')
      .set({ cookie, ...headers })
      .send(JSON.stringify({ query: '{ __typename }' }));
  const json = { 'content-type': 'application/json' };

  expect((await send(json)).status).toBe(200);
  expect((await send({ ...json, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  expect((await send({ ...json, host: 'crm.test', origin: 'https://crm.test' })).status).toBe(200);

  const foreigners: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { host: 'crm.test', origin: 'https://evil.test' },
    { host: 'crm.test', origin: 'null' },
  ];
  for (const foreign of foreigners) {
    const response = await send({ ...json, ...foreign });
    expect(response.status).toBe(403);
    expect(response.body.errors[0].extensions.code).toBe('CROSS_SITE');
  }
  const form = await send({ 'content-type': 'text/plain' });
  expect(form.status).toBe(415);
  const foreignSignIn = await signIn(right, { 'sec-fetch-site': 'cross-site' });
  expect(foreignSignIn.body.error.code).toBe('CROSS_SITE');
});
