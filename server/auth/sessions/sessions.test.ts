import request from 'supertest';
import { jwtVerify, createLocalJWKSet } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { makeSigningKey } from '../../../db/signingKeys.ts';
import { makeApp } from '../../app.ts';
import type { App } from '../../app.ts';
import { cookieOf, eventually, PASSWORD, SECRETS, useServer } from '../../testing/server.ts';

const server = useServer();
/** A second server on the same database: what one learns, the other must hear of. */
let other: App;

beforeAll(async () => {
  await server.createWorkspace('acme');
  other = await makeApp({
    pool: server.db.server,
    serverUrl: server.db.serverUrl,
    secrets: SECRETS,
    webDirectory: '/nonexistent',
    development: false,
    pendingMigrations: () => Promise.resolve([]),
  });
  server.db.onEnd(() => other.stop());
});

const right = { email: 'owner@acme.test', password: PASSWORD };
const post = (path: string, cookie: string, body: object = {}) =>
  request(server.app.handler).post(path).set('cookie', cookie).send(body);
const signIn = () => request(server.app.handler).post('/auth/sign-in').send(right);
const me = (cookie: string, app = server.app) => request(app.handler).get('/auth/me').set('cookie', cookie);
const isRefused = async (cookie: string, app?: App) => (await me(cookie, app)).status === 401;

const events = async (kind: string) =>
  (await server.db.admin.query('select * from core.auth_events where kind = $1 order by id', [kind])).rows;
/** Makes a token look as if it had been used long ago. */
const age = (seconds: number) =>
  server.db.admin.query('update core.refresh_tokens set used_at = used_at - make_interval(secs => $1)', [seconds]);

test('a session gets its next tokens for its refresh token, and goes on', async () => {
  const first = cookieOf(await signIn());
  const answer = await post('/auth/refresh', first);
  expect(answer.status).toBe(204);
  const second = cookieOf(answer);
  expect(second).not.toBe(first);
  expect((await me(second)).body.user).toMatchObject({ email: 'owner@acme.test' });
  expect(answer.get('Set-Cookie')![1]).toContain('Path=/auth; HttpOnly; SameSite=Strict');
});

test('a refresh token that comes twice within a minute is two tabs; later it is theft, and ends all that followed from it', async () => {
  const stolen = cookieOf(await signIn());
  const ours = cookieOf(await post('/auth/refresh', stolen));
  const tab = await post('/auth/refresh', stolen);
  expect(tab.status).toBe(204);
  expect((await me(ours)).status).toBe(200);
  expect((await me(ours, other)).status).toBe(200);

  await age(61);
  const thief = await post('/auth/refresh', stolen);
  expect(thief.status).toBe(401);
  expect(thief.body.error.code).toBe('NOT_SIGNED_IN');
  // Neither what the thief got nor what the member has is good any more, on any server.
  for (const cookie of [ours, cookieOf(tab), stolen]) {
    expect((await post('/auth/refresh', cookie)).status).toBe(401);
    await eventually('the session has ended', () => isRefused(cookie));
    await eventually('the session has ended on the other server', () => isRefused(cookie, other));
  }
  expect(await events('REFRESH_REUSED')).toHaveLength(1);
  const { rows } = await server.db.admin.query(
    "select revoked_reason from core.sessions where revoked_reason = 'REFRESH_REUSED'",
  );
  expect(rows).toHaveLength(1);
});

test('signing out ends the session on every server, and the refresh token with it', async () => {
  const cookie = cookieOf(await signIn());
  expect((await me(cookie, other)).status).toBe(200);
  const out = await post('/auth/sign-out', cookie);
  expect(out.status).toBe(204);
  expect(out.get('Set-Cookie')!.join()).toMatch(/relvar_access=;.*1970.*relvar_refresh=;.*1970/);
  expect(await isRefused(cookie)).toBe(true);
  await eventually('the other server has heard', () => isRefused(cookie, other));
  expect((await post('/auth/refresh', cookie)).status).toBe(401);
});

test('with the access token run out, the refresh token alone signs out', async () => {
  const cookie = cookieOf(await signIn());
  const refreshOnly = cookie.split('; ').find((part) => part.startsWith('relvar_refresh='))!;
  expect((await post('/auth/sign-out', refreshOnly)).status).toBe(204);
  await eventually('the session has ended', () => isRefused(cookie));
});

test('a member who is switched off, or a user who is, is out within a moment', async () => {
  const { admin } = server.db;
  // Some administrator stays.
  await admin.query("select core.add_member('acme', 'second@acme.test', 'Second', 'Admin')");
  for (const [off, on] of [
    [
      `update core.members set is_active = false where name = 'Olive Owner'`,
      'update core.members set is_active = true',
    ],
    ['update core.users set disabled_at = now()', 'update core.users set disabled_at = null'],
  ]) {
    const cookie = cookieOf(await signIn());
    expect((await me(cookie, other)).status).toBe(200);
    await admin.query(off!);
    await eventually('refused', async () => (await isRefused(cookie)) && (await isRefused(cookie, other)));
    expect((await post('/auth/refresh', cookie)).status).toBe(401);
    expect((await signIn()).status).not.toBe(200);
    await admin.query(on!);
  }
});

test('a program asks for tokens in place of cookies, and sends them as bearer', async () => {
  const answer = await request(server.app.handler)
    .post('/auth/sign-in')
    .send({ ...right, tokens: true });
  expect(answer.get('Set-Cookie')).toBeUndefined();
  const { accessToken, refreshToken, expiresIn } = answer.body.tokens;
  expect(expiresIn).toBe(600);
  const ask = (token: string) =>
    request(server.app.handler)
      .post('/graphql')
      .set('authorization', `Bearer ${token}`)
      .send({ query: '{ people(first: 1) { nodes { id } } }' });
  expect((await ask(accessToken)).body).toEqual({ data: { people: { nodes: [] } } });
  const next = await request(server.app.handler).post('/auth/refresh').send({ refreshToken });
  expect(next.get('Set-Cookie')).toBeUndefined();
  expect((await ask(next.body.tokens.accessToken)).status).toBe(200);
  // What a browser has in its cookie is not told to the scripts of its pages.
  const inBrowser = await post('/auth/refresh', cookieOf(await signIn()), { tokens: true });
  expect(inBrowser.text).toBe('');
});

test('tokens are signed by a key whose public half anybody can fetch, and keys rotate without signing anybody out', async () => {
  const before = (
    await request(server.app.handler)
      .post('/auth/sign-in')
      .send({ ...right, tokens: true })
  ).body.tokens;
  const jwks = async (app = server.app) =>
    (await request(app.handler).get('/.well-known/jwks.json')).body as JSONWebKeySet;
  const { payload, protectedHeader } = await jwtVerify(before.accessToken, createLocalJWKSet(await jwks()), {
    issuer: 'relvar',
    audience: 'relvar',
  });
  expect(protectedHeader.alg).toBe('ES256');
  expect(payload.exp! - payload.iat!).toBe(600);
  expect(JSON.stringify(await jwks())).not.toContain('"d"');

  const key = await makeSigningKey(SECRETS);
  const rotate = (next: typeof key, retireAfter: string) =>
    server.db.admin.query('select core.add_signing_key($1, $2, $3, $4)', [
      next.kid,
      next.publicJwk,
      next.privateJwk,
      retireAfter,
    ]);
  await rotate(key, '1 hour');
  for (const app of [server.app, other]) {
    await eventually('the key is known', async () => (await jwks(app)).keys.some(({ kid }) => kid === key.kid));
  }
  const bearer = (token: string, app = server.app) =>
    request(app.handler).get('/auth/me').set('authorization', `Bearer ${token}`);
  expect((await bearer(before.accessToken, other)).status).toBe(200);
  const after = (
    await request(server.app.handler)
      .post('/auth/sign-in')
      .send({ ...right, tokens: true })
  ).body.tokens;
  const header = JSON.parse(Buffer.from(after.accessToken.split('.')[0], 'base64url').toString());
  expect(header.kid).toBe(key.kid);

  // A key that others may know is believed no longer, by either server.
  await rotate(await makeSigningKey(SECRETS), '0');
  for (const token of [before.accessToken, after.accessToken]) {
    await eventually('refused', async () => (await bearer(token)).status === 401);
    await eventually('refused by the other', async () => (await bearer(token, other)).status === 401);
  }
  const renewed = await request(server.app.handler).post('/auth/refresh').send({ refreshToken: after.refreshToken });
  expect((await bearer(renewed.body.tokens.accessToken, other)).status).toBe(200);
});
