import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as client from 'openid-client';
import { Browser, CALLBACK, useOauth } from '../testing/oauth.ts';
import type { Attempt } from '../testing/oauth.ts';
import { eventually } from '../testing/server.ts';

/** What somebody might try to get at what was granted to others. Each is refused, and written to the audit. */
const oauth = useOauth();
const PEOPLE = '{ people(first: 1) { nodes { id } } }';
let app: client.Configuration;
let member: Browser;

beforeAll(async () => {
  await oauth.server.createWorkspace('acme');
  await oauth.server.createWorkspace('other');
  app = await oauth.register();
  member = await oauth.signIn();
});

/** Each attempt is another program, by whose name it is found in the audit. */
let attempts = 0;
const anotherAttacker = () => {
  attempts += 1;
  return { 'user-agent': `attack ${attempts}`, 'x-forwarded-for': `198.51.100.${attempts}` };
};
const expectLogged = (agent: string, reason: string, why?: string) =>
  eventually(`${reason} is in the audit`, async () => {
    const { rows } = await oauth.db.admin.query<{ detail: { reason: string; why?: string } }>(
      "select detail from core.auth_events where kind = 'REQUEST_REFUSED' and user_agent = $1",
      [agent],
    );
    return rows.some(({ detail }) => detail.reason === reason && (why === undefined || detail.why?.includes(why)));
  });

const clientId = (of = app) => of.clientMetadata().client_id;
/** A request to the token endpoint as nobody's library would send it. */
async function exchange(parameters: Record<string, string>, headers: Record<string, string> = anotherAttacker()) {
  const response = await fetch(`${oauth.origin}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(parameters),
  });
  return { status: response.status, ...((await response.json()) as { error?: string; access_token?: string }) };
}
const codeExchange = (code: string, verifier: string, of = app) => ({
  grant_type: 'authorization_code',
  client_id: clientId(of),
  redirect_uri: CALLBACK,
  code,
  code_verifier: verifier,
});
async function freshCode(of = app): Promise<Attempt & { code: string }> {
  const attempt = await oauth.begin(of);
  const back = await oauth.decide(member, await oauth.open(member, attempt));
  return { ...attempt, code: back.searchParams.get('code')! };
}

describe('the address to be sent back to', () => {
  test.each([
    ['a longer path', `${CALLBACK}/../evil`],
    ['a path that begins alike', `${CALLBACK}evil`],
    ['another path', 'https://app.example/other'],
    ['a query', `${CALLBACK}?next=https://evil.example`],
    ['another port', 'https://app.example:444/callback'],
    ['a fragment', `${CALLBACK}#fragment`],
    ['user information', 'https://app.example@evil.example/callback'],
    ['user information before the host', 'https://evil@app.example/callback'],
    ['a host that begins alike', 'https://app.example.evil.example/callback'],
    ['another scheme', 'http://app.example/callback'],
    ['a script', 'javascript:alert(1)'],
    ['other letters', 'https://APP.example/callback'],
    ['an encoded path', 'https://app.example/%63allback'],
  ])('is exact: %s', async (_what, uri) => {
    const attacker = anotherAttacker();
    const { url } = await oauth.begin(app, { redirect_uri: uri });
    const answer = await member.fetch(url, { headers: attacker });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('location')).toBeNull();
    expect(await answer.text()).toContain('The app could not be connected');
    expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_REDIRECT_URI');
  });

  test('is not left out, nor given twice', async () => {
    for (const change of [
      (url: URL) => url.searchParams.delete('redirect_uri'),
      (url: URL) => url.searchParams.append('redirect_uri', 'https://evil.example'),
    ]) {
      const attacker = anotherAttacker();
      const { url } = await oauth.begin(app);
      change(url);
      const answer = await member.fetch(url, { headers: attacker });
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
      await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_REQUEST');
    }
  });

  test('of a program on this computer may have any port, and nothing else', async () => {
    const native = await oauth.register({ redirect_uris: ['http://127.0.0.1:33418/callback'] });
    const to = async (redirect_uri: string) =>
      (await member.fetch((await oauth.begin(native, { redirect_uri })).url)).status;
    expect(await to('http://127.0.0.1:50123/callback')).toBe(303);
    expect(await to('http://127.0.0.1:50123/other')).toBe(400);
    expect(await to('http://localhost:50123/callback')).toBe(400);
    expect(await to('http://127.0.0.1.evil.example/callback')).toBe(400);
    expect(await to('http://a@127.0.0.1:33418/callback')).toBe(400);
  });

  test.each([
    'javascript:alert(1)',
    'JavaScript://app.example/%0aalert(1)',
    'data:text/html,hello',
    'vbscript:x',
    'file:///etc/passwd',
    'http://app.example/callback',
    'https://user:secret@app.example/callback',
    'https://app.example/callback#fragment',
    'https://*.example/callback',
    '//app.example/callback',
    'https:\\\\app.example',
  ])('is not registered: %s', async (uri) => {
    const attacker = anotherAttacker();
    const answer = await fetch(`${oauth.origin}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...attacker },
      body: JSON.stringify({ redirect_uris: [uri], token_endpoint_auth_method: 'none' }),
    });
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as { error: string };
    expect(['invalid_redirect_uri', 'invalid_client_metadata']).toContain(error);
    await expectLogged(attacker['user-agent'], `OAUTH_${error.toUpperCase()}`);
  });
});

describe('PKCE', () => {
  const sentBack = async (change: (parameters: URLSearchParams) => void) => {
    const attacker = anotherAttacker();
    const { url } = await oauth.begin(app);
    change(url.searchParams);
    const answer = await member.fetch(url, { headers: attacker });
    const location = new URL(answer.headers.get('location')!, oauth.origin);
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_REQUEST');
    return [location.origin + location.pathname, location.searchParams.get('error')];
  };

  test('is not left out, not plain, and not taken down', async () => {
    const refused = [CALLBACK, 'invalid_request'];
    expect(
      await sentBack((parameters) => {
        parameters.delete('code_challenge');
        parameters.delete('code_challenge_method');
      }),
    ).toEqual(refused);
    expect(await sentBack((parameters) => parameters.set('code_challenge_method', 'plain'))).toEqual(refused);
    expect(await sentBack((parameters) => parameters.delete('code_challenge_method'))).toEqual(refused);
    expect(await sentBack((parameters) => parameters.set('code_challenge', 'short'))).toEqual(refused);
  });

  test('is asked of an app with a secret, too', async () => {
    const confidential = await oauth.register({ token_endpoint_auth_method: 'client_secret_basic' });
    const { url } = await oauth.begin(confidential);
    url.searchParams.delete('code_challenge');
    url.searchParams.delete('code_challenge_method');
    const answer = await member.fetch(url);
    expect(new URL(answer.headers.get('location')!).searchParams.get('error')).toBe('invalid_request');
  });

  test('a code is worth nothing without its verifier', async () => {
    const { code } = await freshCode();
    for (const verifier of [client.randomPKCECodeVerifier(), '']) {
      const attacker = anotherAttacker();
      expect(await exchange(codeExchange(code, verifier), attacker)).toMatchObject({ status: 400 });
      await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_GRANT');
    }
  });
});

describe('a code', () => {
  test('that comes again ends all that came of it', async () => {
    const { code, verifier } = await freshCode();
    const { access_token: token } = await exchange(codeExchange(code, verifier));
    expect((await oauth.graphql(token!, PEOPLE)).status).toBe(200);
    const attacker = anotherAttacker();
    expect(await exchange(codeExchange(code, verifier), attacker)).toMatchObject({ error: 'invalid_grant' });
    await eventually('the token has ended', async () => (await oauth.graphql(token!, PEOPLE)).status === 401);
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_GRANT', 'already consumed');
    expect(await oauth.logged('APP_TOKEN_REUSED', { app: 'Example App' })).toBe(true);
  });

  test('that two use at the same moment is used by one at most, and then by nobody', async () => {
    const { code, verifier } = await freshCode();
    const both = await Promise.all([exchange(codeExchange(code, verifier)), exchange(codeExchange(code, verifier))]);
    const given = both.flatMap(({ access_token: token }) => token ?? []);
    expect(given.length).toBeLessThanOrEqual(1);
    for (const token of given) {
      await eventually('it has ended', async () => (await oauth.graphql(token, PEOPLE)).status === 401);
    }
  });

  test('of one app is of no use to another', async () => {
    const other = await oauth.register({ client_name: 'Another App' });
    const { code, verifier } = await freshCode();
    const attacker = anotherAttacker();
    expect(await exchange(codeExchange(code, verifier, other), attacker)).toMatchObject({ error: 'invalid_grant' });
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_GRANT', 'client mismatch');
    // Whoever it was meant for still has it.
    expect(await exchange(codeExchange(code, verifier))).toMatchObject({ status: 200 });
  });

  test('is bound to the address that it was sent to', async () => {
    const two = await oauth.register({ redirect_uris: [CALLBACK, 'https://app.example/second'] });
    const { code, verifier } = await freshCode(two);
    const body = { ...codeExchange(code, verifier, two), redirect_uri: 'https://app.example/second' };
    const attacker = anotherAttacker();
    expect(await exchange(body, attacker)).toMatchObject({ error: 'invalid_grant' });
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_GRANT', 'redirect_uri mismatch');
  });

  test('from another server is noticed by the client, since each answer names who gives it (mix-up)', async () => {
    const attempt = await oauth.begin(app);
    const back = await oauth.decide(member, await oauth.open(member, attempt));
    const checks = { pkceCodeVerifier: attempt.verifier, expectedState: attempt.state };
    const forged = new URL(back);
    forged.searchParams.set('iss', 'https://evil.example');
    await expect(client.authorizationCodeGrant(app, forged, checks)).rejects.toThrow();
    const silent = new URL(back);
    silent.searchParams.delete('iss');
    await expect(client.authorizationCodeGrant(app, silent, checks)).rejects.toThrow();
    await expect(client.authorizationCodeGrant(app, back, checks)).resolves.toHaveProperty('access_token');
  });
});

describe('a refresh token', () => {
  test('that comes again ends the app for this member', async () => {
    const tokens = await oauth.connect(app, {}, member);
    const fresh = await client.refreshTokenGrant(app, tokens.refresh_token!);
    const attacker = anotherAttacker();
    const stolen = { grant_type: 'refresh_token', client_id: clientId(), refresh_token: tokens.refresh_token! };
    expect(await exchange(stolen, attacker)).toMatchObject({ error: 'invalid_grant' });
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_GRANT', 'already used');
    await eventually('all has ended', async () => (await oauth.graphql(fresh.access_token, PEOPLE)).status === 401);
    await expect(client.refreshTokenGrant(app, fresh.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  test('gives no more than was granted', async () => {
    const tokens = await oauth.connect(app, { scope: 'api:read' }, member);
    const attacker = anotherAttacker();
    const more = {
      grant_type: 'refresh_token',
      client_id: clientId(),
      refresh_token: tokens.refresh_token!,
      scope: 'api settings',
    };
    expect(await exchange(more, attacker)).toMatchObject({ error: 'invalid_scope' });
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_SCOPE');
    const fresh = await client.refreshTokenGrant(app, tokens.refresh_token!);
    expect(fresh.scope).toBe('api:read');
  });

  test('of one app is of no use to another', async () => {
    const other = await oauth.register({ client_name: 'Another App' });
    const tokens = await oauth.connect(app, {}, member);
    const attacker = anotherAttacker();
    const body = { grant_type: 'refresh_token', client_id: clientId(other), refresh_token: tokens.refresh_token! };
    expect(await exchange(body, attacker)).toMatchObject({ error: 'invalid_grant' });
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_GRANT', 'client mismatch');
    expect(await client.tokenIntrospection(other, tokens.access_token)).toEqual({ active: false });
    await client.tokenRevocation(other, tokens.access_token).catch(() => undefined);
    expect((await oauth.graphql(tokens.access_token, PEOPLE)).status).toBe(200);
    expect(await client.tokenIntrospection(app, tokens.access_token)).toMatchObject({ active: true, scope: 'api' });
  });
});

describe('a workspace', () => {
  test('is not entered with the token of another', async () => {
    const stranger = await oauth.signIn('owner@other.test', 'other');
    const { access_token: token } = await oauth.connect(app, {}, stranger);
    const { rows } = await oauth.db.admin.query<{ schema_name: string }>(
      "select schema_name from core.workspaces where slug = 'acme'",
    );
    await oauth.db.admin.query(`insert into ${rows[0]!.schema_name}.people (name_last_name) values ('Acme only')`);
    const { data } = await oauth.graphql(token, '{ people { nodes { nameLastName } } }');
    expect(JSON.stringify(data)).not.toContain('Acme only');
  });

  test('keeps its own apps to itself', async () => {
    const { rows } = await oauth.db.admin.query<{ id: string }>(
      `insert into core.oauth_clients (workspace_id, name, redirect_uris, grant_types, auth_method)
       select w.id, 'Ours', array[$1], '{authorization_code}', 'none' from core.workspaces w where w.slug = 'acme' returning id`,
      [CALLBACK],
    );
    const ours = await oauth.known(rows[0]!.id);
    const stranger = await oauth.signIn('owner@other.test', 'other');
    const consent = await oauth.open(stranger, await oauth.begin(ours));
    expect((await stranger.post(consent, { allow: true })).status).toBe(403);
    expect(await oauth.logged('APP_REFUSED', { app: 'Ours' })).toBe(true);
  });
});

describe('consent', () => {
  test('is given by the browser that the app has sent, on our own page', async () => {
    const attempt = await oauth.begin(app);
    const consent = await oauth.open(member, attempt);
    // Another site makes the browser send it.
    const site = anotherAttacker();
    const crossSite = await member.post(consent, { allow: true }, { ...site, 'sec-fetch-site': 'cross-site' });
    expect(crossSite.status).toBe(403);
    await expectLogged(site['user-agent'], 'CROSS_SITE');
    const form = await member.fetch(consent, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'allow=true',
    });
    expect(form.status).toBe(415);
    // Somebody has begun it in a browser of their own, and sends the member the link.
    const attacker = new Browser('attack with a link');
    const planted = await oauth.open(attacker, await oauth.begin(app));
    const answer = await member.post(planted, { allow: true }, { 'user-agent': 'attack with a link' });
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([
      410,
      'CONSENT_EXPIRED',
    ]);
    await expectLogged('attack with a link', 'CONSENT_WITHOUT_REQUEST');
    // Nobody is signed in, or a program comes with a key.
    expect((await attacker.post(planted, { allow: true })).status).toBe(401);
    const back = await oauth.decide(member, consent);
    expect(back.searchParams.get('code')).toBeTruthy();
  });

  test('is not given by an app for another one', async () => {
    const { access_token: token } = await oauth.connect(app, {}, member);
    const browser = new Browser();
    const consent = await oauth.open(browser, await oauth.begin(await oauth.register(), { scope: 'api settings' }));
    const attacker = anotherAttacker();
    const answer = await browser.post(consent, { allow: true }, { ...attacker, authorization: `Bearer ${token}` });
    expect(answer.status).toBe(403);
    await expectLogged(attacker['user-agent'], 'CONSENT_BY_PROGRAM');
  });

  test('is asked of every app by its own name, whatever another was given (confused deputy)', async () => {
    await oauth.connect(app, {}, member);
    const twin = await oauth.register();
    const consent = await oauth.open(member, await oauth.begin(twin));
    const details = (await (await member.fetch(`${consent}/details`)).json()) as { isRemembered: boolean };
    expect(details.isRemembered).toBe(false);
  });
});

describe('what an app registers', () => {
  test('is fetched from nowhere', async () => {
    let fetched = 0;
    const trap = createServer((_request, response) => {
      fetched += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;
    const answer = await fetch(`${oauth.origin}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...anotherAttacker() },
      body: JSON.stringify({
        client_name: 'Curious',
        redirect_uris: [CALLBACK],
        token_endpoint_auth_method: 'none',
        logo_uri: `${address}/logo`,
        jwks_uri: `${address}/keys`,
        sector_identifier_uri: `${address}/sector`,
        policy_uri: `${address}/policy`,
        initiate_login_uri: `${address}/login`,
      }),
    });
    const metadata = (await answer.json()) as { client_id: string };
    expect(answer.status).toBe(201);
    for (const name of ['logo_uri', 'jwks_uri', 'sector_identifier_uri', 'policy_uri', 'initiate_login_uri'])
      expect(metadata).not.toHaveProperty(name);
    await oauth.connect(await oauth.known(metadata.client_id), {}, member);
    // An address as the name of a client is none that is looked for, either.
    const { url } = await oauth.begin(app);
    url.searchParams.set('client_id', `${address}/client.json`);
    const attacker = anotherAttacker();
    expect((await member.fetch(url, { headers: attacker })).status).toBe(400);
    await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_CLIENT');
    expect(fetched).toBe(0);
    await new Promise((resolve) => trap.close(resolve));
  });

  test('gives it no role, no secret of others, and no name that is code', async () => {
    const answer = await fetch(`${oauth.origin}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...anotherAttacker() },
      body: JSON.stringify({
        client_id: 'mine',
        client_secret: 'chosen',
        client_name: '<script>alert(1)</script>',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'client_credentials', 'implicit'],
        role_id: 'Admin',
        workspace_id: 'acme',
      }),
    });
    const made = (await answer.json()) as { client_id: string; client_secret: string; grant_types: string[] };
    expect(made.client_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.client_secret).not.toBe('chosen');
    expect(made.grant_types).toEqual(['authorization_code']);
    const body = { grant_type: 'client_credentials', client_id: made.client_id, client_secret: made.client_secret };
    const attacker = anotherAttacker();
    const refused = await exchange({ ...body, scope: 'api' }, attacker);
    expect(refused.status).toBe(400);
    await expectLogged(attacker['user-agent'], `OAUTH_${refused.error!.toUpperCase()}`);
  });

  test.each([
    ['not JSON', 'application/x-www-form-urlencoded', 'redirect_uris=x'],
    ['a broken text', 'application/json', '{'],
    [
      'a method that there is not',
      'application/json',
      JSON.stringify({ redirect_uris: [CALLBACK], token_endpoint_auth_method: 'tls_client_auth' }),
    ],
    ['no address', 'application/json', JSON.stringify({ token_endpoint_auth_method: 'none' })],
  ])('is refused as %s, and written down', async (_what, type, body) => {
    const attacker = anotherAttacker();
    const answer = await fetch(`${oauth.origin}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': type, ...attacker },
      body,
    });
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as { error: string };
    await expectLogged(attacker['user-agent'], `OAUTH_${error.toUpperCase()}`);
  });

  test('is taken only so often from one address', async () => {
    const from = { 'x-forwarded-for': '203.0.113.77', 'user-agent': 'attack by many names' };
    const register = async () =>
      (
        await fetch(`${oauth.origin}/oauth/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...from },
          body: JSON.stringify({ redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' }),
        })
      ).status;
    const answers: number[] = [];
    for (let i = 0; i < 22; i += 1) answers.push(await register());
    expect(answers.filter((status) => status === 201)).toHaveLength(20);
    expect(answers.at(-1)).toBe(429);
    await expectLogged('attack by many names', 'TOO_MANY_ATTEMPTS');
  });
});

test('a secret is tried only so often', async () => {
  const confidential = await oauth.register({ token_endpoint_auth_method: 'client_secret_post' });
  const from = { 'x-forwarded-for': '203.0.113.78', 'user-agent': 'attack on a secret' };
  const guess = () =>
    exchange(
      { grant_type: 'refresh_token', client_id: clientId(confidential), client_secret: 'guess', refresh_token: 'x' },
      from,
    );
  expect(await guess()).toMatchObject({ status: 401, error: 'invalid_client' });
  await expectLogged('attack on a secret', 'OAUTH_INVALID_CLIENT');
  await oauth.db.admin.query("update core.attempts set count = 100 where key = 'oauth secret 203.0.113.78'");
  expect(await guess()).toMatchObject({ status: 429 });
  // It is the address that waits: others go on.
  expect(await exchange({ grant_type: 'refresh_token', client_id: clientId(), refresh_token: 'x' })).toMatchObject({
    status: 400,
  });
});

test('what is tried with an app of a workspace stands in the audit of that workspace', async () => {
  const { rows } = await oauth.db.admin.query<{ id: string }>(
    `insert into core.oauth_clients (workspace_id, name, redirect_uris, grant_types, auth_method, secret_hash)
     select w.id, 'Payroll', array[$1], '{authorization_code}', 'client_secret_basic', sha256('right') from core.workspaces w where w.slug = 'acme' returning id`,
    [CALLBACK],
  );
  const attacker = anotherAttacker();
  const guess = { grant_type: 'authorization_code', client_id: rows[0]!.id, client_secret: 'wrong', code: 'x' };
  expect(await exchange(guess, attacker)).toMatchObject({ status: 401 });
  await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_CLIENT');
  const answer = await member.post(`${oauth.origin}/metadata`, { query: '{ signInEvents }' });
  const { data } = (await answer.json()) as { data: { signInEvents: { detail: { app?: string } }[] } };
  expect(data.signInEvents.some(({ detail }) => detail.app === 'Payroll')).toBe(true);
});

test('a token that was made up, or has run out, is refused and written down', async () => {
  const attacker = anotherAttacker();
  const answer = await fetch(`${oauth.origin}/graphql`, {
    method: 'POST',
    headers: { ...attacker, 'content-type': 'application/json', authorization: `Bearer ${'A'.repeat(43)}` },
    body: JSON.stringify({ query: PEOPLE }),
  });
  expect(answer.status).toBe(401);
  expect(answer.headers.get('www-authenticate')).toMatch(
    /^Bearer error="invalid_token", scope="api", resource_metadata=/,
  );
  await expectLogged(attacker['user-agent'], 'UNKNOWN_APP_TOKEN');
  const tokens = await oauth.connect(app, {}, member);
  await oauth.db.admin.query(
    "update core.oauth_tokens set expires_at = now() - interval '1 second' where model = 'AccessToken'",
  );
  expect((await oauth.graphql(tokens.access_token, PEOPLE)).status).toBe(401);
});

test('the pages of the authorization are shown in no frame, and errors carry no code of others', async () => {
  const attacker = anotherAttacker();
  const answer = await member.fetch(`${oauth.origin}/oauth/authorize?client_id=${encodeURIComponent('<script>')}`, {
    headers: { ...attacker, accept: 'text/html' },
  });
  const text = await answer.text();
  expect(answer.status).toBe(400);
  expect(text).not.toContain('<script>');
  expect(answer.headers.get('x-frame-options')).toBe('DENY');
  await expectLogged(attacker['user-agent'], 'OAUTH_INVALID_CLIENT');
});
