import { createHmac } from 'node:crypto';
import { generateKeyPair, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { APP, Browser } from '../testing/browser.ts';
import type { Landed } from '../testing/browser.ts';
import { startLyingPeer, startRealPeer } from '../testing/openIdPeers.ts';
import type { Lie, LyingPeer, RealPeer } from '../testing/openIdPeers.ts';
import { eventually, PASSWORD, useServer } from '../testing/server.ts';

/** The whole way: a browser, this application, and providers that listen. One is certified, the other lies. */

const presets = { google: '', microsoft: (tenant: string) => tenant };
const server = useServer({ publicUrl: APP }, () => ({ presets }));
let real: RealPeer;
let liar: LyingPeer;
let provider: string;
let lying: string;
let owner: Browser;

const browser = () => new Browser(server.app.handler);
const sql = async <T = Record<string, unknown>>(text: string, values: unknown[] = []) =>
  (await server.db.admin.query(text, values)).rows as T[];

async function signedIn(email: string, workspace?: string): Promise<Browser> {
  const here = browser();
  const answer = await here.post('/auth/sign-in', { email, password: PASSWORD, ...(workspace && { workspace }) });
  expect(answer.status).toBe(200);
  return here;
}
async function metadata<T>(here: Browser, query: string, variables: object = {}): Promise<T> {
  const { body } = await here.post('/metadata', { query, variables });
  if (body.errors) throw Object.assign(new Error(body.errors[0].message), body.errors[0].extensions);
  return body.data as T;
}
async function makeProvider(here: Browser, kind: string, patch: object, secret?: string): Promise<string> {
  const { made } = await metadata<{ made: { result: { id: string } } }>(
    here,
    'mutation M($input: CreateIdentityProviderInput!) { made: createIdentityProvider(input: $input) { result } }',
    { input: { kind, label: `${kind} login` } },
  );
  const { id } = made.result;
  await change(here, id, { settings: (patch as { settings: object }).settings });
  if (secret !== undefined) expect((await here.post('/auth/sso/secret', { provider: id, secret })).status).toBe(204);
  await change(here, id, { isEnabled: true, ...patch });
  return id;
}
const change = (here: Browser, id: string, patch: object) =>
  metadata(
    here,
    'mutation M($input: UpdateIdentityProviderInput!) { done: updateIdentityProvider(input: $input) { clientMutationId } }',
    { input: { id, patch } },
  );
/** What the page says that a browser is sent to where it does not get in. */
async function told(
  here: Browser,
  { url }: Landed,
): Promise<{ code: string; message: string; hint: string; back: string }> {
  const outcome = new URLSearchParams(url.hash.slice(1)).get('outcome');
  if (url.pathname !== '/sso' || outcome === null) throw new Error(`Nothing is told at ${url.href}`);
  return (await here.post('/auth/sso/outcome', { outcome })).body;
}
const codeTold = async (here: Browser, landed: Landed) => (await told(here, landed)).code;
const me = async (here: Browser) => (await here.get('/auth/me')).body.user?.email as string | undefined;
const lastRefusal = async () =>
  (
    await sql<{ detail: { reason: string }; ip: string }>(
      "select detail, host(ip) as ip from core.auth_events where kind = 'SSO_REFUSED' order by id desc limit 1",
    )
  )[0];
const refusalCount = async () =>
  Number((await sql("select count(*) from core.auth_events where kind = 'SSO_REFUSED'"))[0]!['count']);

beforeAll(async () => {
  await server.createWorkspace('acme');
  await server.createWorkspace('evil');
  await sql(
    "insert into core.approved_domains (workspace_id, domain, requested_email, approved_at) select id, 'acme.test', 'it@acme.test', now() from core.workspaces where slug = 'acme'",
  );
  [real, liar] = await Promise.all([startRealPeer(), startLyingPeer()]);
  server.db.onEnd(() => Promise.all([real.close(), liar.close()]));
  owner = await signedIn('owner@acme.test');
  provider = await makeProvider(
    owner,
    'OIDC',
    { settings: { issuer: real.issuer, clientId: 'relvar' }, makesMembers: true },
    'a secret that the provider gave us',
  );
  lying = await makeProvider(owner, 'OIDC', {
    settings: { issuer: liar.issuer, clientId: 'relvar' },
    makesMembers: true,
  });
  real.start({
    id: 'relvar',
    secret: 'a secret that the provider gave us',
    redirectUris: [`${APP}/auth/sso/callback/${provider}`],
  });
  real.accounts = {
    nora: { email: 'nora@acme.test', email_verified: true, name: 'Nora New', groups: ['readers'] },
    unverified: { email: 'victim@acme.test', email_verified: false, name: 'Ulf' },
    stranger: { email: 'stranger@elsewhere.test', email_verified: true, name: 'Stranger' },
  };
});

beforeEach(() => {
  liar.lie = {};
  liar.person = { email: 'liv@acme.test', email_verified: true, name: 'Liv' };
});

describe('with a certified provider', () => {
  test('somebody new signs in, comes to where they wanted to go, and is signed in by a session of the provider', async () => {
    real.person = 'nora';
    const here = browser();
    const landed = await here.open(
      `/auth/sso/start/${provider}?next=${encodeURIComponent('/objects/people?sort=name')}`,
      /\/objects\//,
    );
    expect(landed.url.href).toBe(`${APP}/objects/people?sort=name`);
    expect(await me(here)).toBe('nora@acme.test');
    expect(landed.setCookies.join('\n')).toMatch(/relvar_refresh=.*Path=\/auth; HttpOnly; SameSite=Strict.*Secure/);
    expect(here.visited[1]).toMatch(/code_challenge_method=S256/);
    expect(here.visited[1]).toContain(`redirect_uri=${encodeURIComponent(`${APP}/auth/sso/callback/${provider}`)}`);
    const sessions = (await here.get('/auth/sessions')).body;
    expect(sessions).toEqual([expect.objectContaining({ method: 'OIDC', workspace: 'acme', hasSecondFactor: false })]);
    const again = browser();
    await again.open(`/auth/sso/start/${provider}`);
    expect(await me(again)).toBe('nora@acme.test');
    expect(await sql("select count(*)::int from core.users where email = 'nora@acme.test'")).toEqual([{ count: 1 }]);
    expect(await sql("select detail from core.auth_events where kind = 'SIGN_IN' order by id desc limit 1")).toEqual([
      { detail: { method: 'OIDC', mfa: false } },
    ]);
  });

  test('a role comes from a claim that only the user info tells', async () => {
    const [{ id }] = (await sql<{ id: string }>(
      "select r.id from metadata.roles r join core.workspaces w on w.id = r.workspace_id where w.slug = 'acme' and r.name = 'Read-only'",
    )) as [{ id: string }];
    await change(owner, provider, {
      roleClaim: 'groups',
      roles: [{ value: 'readers', roleId: id }],
      setsRoleAnew: true,
    });
    const here = browser();
    await here.open(`/auth/sso/start/${provider}`);
    expect((await here.get('/auth/me')).body.member.role).toBe('Read-only');
  });

  test('the sign-in page finds the provider by workspace and by the domain of an address, and never by who has an account', async () => {
    const here = browser();
    const ways = (await here.get('/auth/sso/providers?workspace=acme')).body;
    expect(ways).toMatchObject({ workspace: { slug: 'acme' }, isPasswordOn: true, isSsoEnforced: false });
    expect(ways.providers[0]).toEqual({ id: provider, kind: 'OIDC', label: 'OIDC login' });
    const nothing = { workspace: null, isPasswordOn: true, isMagicLinkOn: true, isSsoEnforced: false, providers: [] };
    for (const path of ['?workspace=unknown', '?workspace=evil', ''])
      expect((await here.get(`/auth/sso/providers${path}`)).body).toEqual(nothing);
    const find = async (email: string) => (await here.post('/auth/sso/find', { email })).body.providers.length;
    expect(await find('whoever@acme.test')).toBe(2);
    expect(await find('owner@evil.test')).toBe(0);
    // An address of the provider's own list of applications leads there, too.
    const landed = await here.open('/auth/sso/go/acme/oidc-login', /127\.0\.0\.1/);
    expect(landed.url.origin).toBe(real.issuer);
    expect(await codeTold(here, await here.open('/auth/sso/go/acme/nothing'))).toBe('NOT_FOUND');
  });

  test('who cancels is told so', async () => {
    real.person = null;
    const here = browser();
    const landed = await here.open(`/auth/sso/start/${provider}`);
    expect(await told(here, landed)).toMatchObject({
      code: 'SSO_FAILED',
      message: 'The provider has not let you in.',
      back: '/',
    });
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'ACCESS_DENIED' });
    expect(await me(here)).toBeUndefined();
  });

  test('an unverified address and a stranger are refused in words, and written down', async () => {
    for (const [person, code] of [
      ['unverified', 'RV135'],
      ['stranger', 'RV134'],
    ] as const) {
      real.person = person;
      const here = browser();
      expect(await codeTold(here, await here.open(`/auth/sso/start/${provider}`))).toBe(code);
      expect((await lastRefusal())!.detail).toMatchObject({ reason: code });
      expect(await me(here)).toBeUndefined();
    }
  });

  test('a code works once: neither the same address again, nor a copy of all that the browser had', async () => {
    real.person = 'nora';
    const here = browser();
    const { url } = await here.open(`/auth/sso/start/${provider}`, /\/auth\/sso\/callback\//);
    const cookie = here.cookie('relvar_sso')!;
    await here.open(url.href);
    expect(await me(here)).toBe('nora@acme.test');
    const again = await here.open(url.href);
    expect(await codeTold(here, again)).toBe('SSO_FAILED');
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'NOT_BEGUN_HERE' });
    const thief = browser();
    thief.setCookie('relvar_sso', cookie);
    expect(await codeTold(thief, await thief.open(url.href))).toBe('SSO_FAILED');
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'REPLAYED' });
    expect(await me(thief)).toBeUndefined();
    // The provider itself would not have redeemed it, had we forgotten.
    await sql('truncate core.attempts');
    const later = browser();
    later.setCookie('relvar_sso', cookie);
    expect(await codeTold(later, await later.open(url.href))).toBe('SSO_FAILED');
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'INVALID_GRANT' });
  });

  test('nobody is signed in as somebody else by following their link back', async () => {
    real.person = 'nora';
    const attacker = browser();
    const { url } = await attacker.open(`/auth/sso/start/${provider}`, /\/auth\/sso\/callback\//);
    // Whether the victim has begun nothing, or something else.
    const victim = browser();
    expect(await codeTold(victim, await victim.open(url.href))).toBe('SSO_FAILED');
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'NOT_BEGUN_HERE' });
    await victim.open(`/auth/sso/start/${provider}`, /127\.0\.0\.1/);
    expect(await codeTold(victim, await victim.open(url.href))).toBe('SSO_FAILED');
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'WRONG_STATE' });
    expect(await me(victim)).toBeUndefined();
  });

  test('the state of a round trip is bound to the browser by a cookie that no script and no other site has, and cannot be made up', async () => {
    const here = browser();
    const { setCookies } = await here.open(`/auth/sso/start/${provider}`, /127\.0\.0\.1/);
    expect(setCookies.join()).toMatch(
      /^relvar_sso=s1\.[\w-]+; Path=\/auth\/sso; HttpOnly; SameSite=Lax; Expires=.*; Secure$/,
    );
    const { url } = await here.open(`/auth/sso/start/${provider}`, /\/auth\/sso\/callback\//);
    here.setCookie(
      'relvar_sso',
      here.cookie('relvar_sso')!.replace(/^(.{40})(.)/, (_all, before, next) => before + (next === 'A' ? 'B' : 'A')),
    );
    expect(await codeTold(here, await here.open(url.href))).toBe('SSO_FAILED');
    const missing = await here.open(`/auth/sso/callback/${provider}?code=x`);
    expect(await codeTold(here, missing)).toBe('SSO_FAILED');
  });

  test('nobody is led away: next is a path of these pages, and the host is ours', async () => {
    for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      const here = browser();
      const landed = await here.open(`/auth/sso/start/${provider}?next=${encodeURIComponent(next)}`);
      expect(await codeTold(here, landed)).toBe('INVALID_REQUEST');
      expect(
        await sql(
          "select detail -> 'reason' as reason from core.auth_events where kind = 'REQUEST_REFUSED' order by id desc limit 1",
        ),
      ).toEqual([{ reason: 'OPEN_REDIRECT' }]);
    }
    // Words for the page come from here alone.
    expect((await browser().post('/auth/sso/outcome', { outcome: 's1.AAAA' })).status).toBe(403);
  });
});

describe('a provider, or who stands between, that lies', () => {
  const attempt = async (lie: Lie): Promise<{ code: string; reason: string | undefined }> => {
    liar.lie = lie;
    const before = await refusalCount();
    const here = browser();
    const landed = await here.open(`/auth/sso/start/${lying}`);
    const code = await codeTold(here, landed);
    expect(await me(here)).toBeUndefined();
    expect(await refusalCount()).toBe(before + 1);
    return { code, reason: (await lastRefusal())?.detail.reason };
  };
  const claims = (lies: JWTPayload) => attempt({ claims: (honest) => ({ ...honest, ...lies }) });
  const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test('gets in when it does not', async () => {
    const here = browser();
    await here.open(`/auth/sso/start/${lying}`);
    expect(await me(here)).toBe('liv@acme.test');
  });

  test('is refused with another nonce, audience, issuer, or a time that has passed', async () => {
    const hourAgo = Math.floor(Date.now() / 1000) - 3_600;
    expect(await claims({ nonce: 'another' })).toEqual({ code: 'SSO_FAILED', reason: 'WRONG_NONCE' });
    expect(await claims({ aud: 'another' })).toEqual({ code: 'SSO_FAILED', reason: 'WRONG_AUDIENCE' });
    expect(await claims({ aud: ['relvar', 'another'], azp: 'another' })).toEqual({
      code: 'SSO_FAILED',
      reason: 'WRONG_AUDIENCE',
    });
    expect(await claims({ iss: real.issuer })).toEqual({ code: 'SSO_FAILED', reason: 'WRONG_ISSUER' });
    expect(await claims({ iat: hourAgo, exp: hourAgo + 300 })).toEqual({ code: 'SSO_FAILED', reason: 'EXPIRED' });
  });

  test('is refused without a signature, with one by the public key as a secret, or by another key', async () => {
    expect(
      await attempt({ sign: (said) => Promise.resolve(`${base64({ alg: 'none' })}.${base64(said)}.`) }),
    ).toMatchObject({ code: 'SSO_FAILED' });
    const hmac = (said: JWTPayload) => {
      const text = `${base64({ alg: 'HS256', kid: 'lying' })}.${base64(said)}`;
      return Promise.resolve(
        `${text}.${createHmac('sha256', JSON.stringify(liar.publicJwk)).update(text).digest('base64url')}`,
      );
    };
    expect(await attempt({ sign: hmac })).toMatchObject({ code: 'SSO_FAILED' });
    const { privateKey } = await generateKeyPair('RS256');
    const forged = (said: JWTPayload) =>
      new SignJWT(said).setProtectedHeader({ alg: 'RS256', kid: 'lying' }).sign(privateKey);
    expect(await attempt({ sign: forged })).toEqual({ code: 'SSO_FAILED', reason: 'WRONG_SIGNATURE' });
  });

  test('is refused with the answer of another issuer, which would bring a code to where it does not belong', async () => {
    const discovery = { authorization_response_iss_parameter_supported: true };
    await change(owner, lying, { settings: { issuer: liar.issuer, clientId: 'relvar', scopes: 'iss' } });
    const before = liar.redeemed;
    expect(await attempt({ discovery, redirect: (url) => url.searchParams.set('iss', real.issuer) })).toEqual({
      code: 'SSO_FAILED',
      reason: 'WRONG_ISSUER',
    });
    expect(await attempt({ discovery })).toMatchObject({ code: 'SSO_FAILED' });
    // Nor may one provider's answer come in at the address of another.
    expect(await attempt({ discovery, redirect: (url) => (url.pathname = `/auth/sso/callback/${provider}`) })).toEqual({
      code: 'SSO_FAILED',
      reason: 'OTHER_PROVIDER',
    });
    expect(await attempt({ discovery, redirect: (url) => url.searchParams.set('state', 'another') })).toEqual({
      code: 'SSO_FAILED',
      reason: 'WRONG_STATE',
    });
    expect(liar.redeemed).toBe(before);
    await change(owner, lying, { settings: { issuer: liar.issuer, clientId: 'relvar' } });
  });

  test('is refused where it sends the server somewhere else, says too much, or nothing', async () => {
    const ways: [Lie, string][] = [
      [{ discovery: { issuer: real.issuer } }, 'SSO_FAILED'],
      [
        {
          answer: (_request, response) =>
            Boolean(response.writeHead(302, { location: 'http://169.254.169.254/' }).end()),
        },
        'SSO_UNREACHABLE',
      ],
      [
        {
          answer: (_request, response) =>
            Boolean(response.writeHead(200, { 'content-type': 'application/json' }).end(' '.repeat(1_100_000))),
        },
        'SSO_UNREACHABLE',
      ],
      [
        {
          answer: (_request, response) => Boolean(response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')),
        },
        'SSO_UNREACHABLE',
      ],
    ];
    for (const [i, [lie, code]] of ways.entries()) {
      await change(owner, lying, { settings: { issuer: liar.issuer, clientId: 'relvar', scopes: `n${i}` } });
      expect([i, (await attempt(lie)).code]).toEqual([i, code]);
    }
    await change(owner, lying, { settings: { issuer: 'https://10.0.0.1', clientId: 'relvar' } });
    expect(await attempt({})).toEqual({ code: 'SSO_UNREACHABLE', reason: 'ADDRESS_REFUSED' });
    await change(owner, lying, { settings: { issuer: liar.issuer, clientId: 'relvar' } });
  });
});

describe('Google', () => {
  test('is the same with another issuer: its word counts for its own domains, and one of them can be asked for', async () => {
    presets.google = liar.issuer;
    await sql(
      "insert into core.approved_domains (workspace_id, domain, requested_email, approved_at) select id, 'work.test', 'it@work.test', now() from core.workspaces where slug = 'acme'",
    );
    const settings = { clientId: 'relvar', hostedDomain: 'work.test' };
    const google = await makeProvider(owner, 'GOOGLE', { settings, makesMembers: true }, 'secret');
    const enter = async (person: JWTPayload) => {
      liar.person = { email_verified: true, ...person };
      const here = browser();
      const landed = await here.open(`/auth/sso/start/${google}`);
      return landed.url.pathname === '/' ? me(here) : codeTold(here, landed);
    };
    expect(await enter({ sub: 'g1', email: 'gina@work.test', hd: 'work.test' })).toBe('gina@work.test');
    expect((await browser().open(`/auth/sso/start/${google}`, /authorize/)).url.searchParams.get('hd')).toBe(
      'work.test',
    );
    // hd in the address is a wish; what counts is the claim.
    expect(await enter({ sub: 'g2', email: 'gil@work.test', hd: 'other.test' })).toBe('SSO_FAILED');
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'WRONG_DOMAIN' });
    expect(await enter({ sub: 'g3', email: 'gil@work.test' })).toBe('SSO_FAILED');
    await change(owner, google, { settings: { clientId: 'relvar' } });
    // An address of another domain that Google has seen once.
    expect(await enter({ sub: 'g3', email: 'gil@work.test' })).toBe('RV135');
  });
});

describe('an account', () => {
  test('is not taken over by a provider of another workspace that claims its address', async () => {
    const evil = await signedIn('owner@evil.test');
    const theirs = await makeProvider(evil, 'OIDC', {
      settings: { issuer: liar.issuer, clientId: 'relvar', trustsEmail: true },
      makesMembers: true,
    });
    liar.person = { sub: 'boss', email: 'owner@acme.test', email_verified: true };
    const here = browser();
    expect(await codeTold(here, await here.open(`/auth/sso/start/${theirs}`))).toBe('RV134');
    // What comes back by it opens no other workspace's provider either.
    const { url } = await here.open(`/auth/sso/start/${theirs}`, /\/auth\/sso\/callback\//);
    expect(await codeTold(here, await here.open(url.href.replace(theirs, lying)))).toBe('SSO_FAILED');
    // As a member of the workspace, the account is entered in that workspace, and is not changed from there.
    await sql("select core.add_member('evil', 'both@acme.test', 'Both', 'Member')");
    await sql("select core.add_member('acme', 'both@acme.test', 'Both', 'Member')");
    await sql(
      "update core.users set password_hash = (select password_hash from core.users where email = 'owner@acme.test') where email = 'both@acme.test'",
    );
    liar.person = { sub: 'both', email: 'both@acme.test' };
    const inside = browser();
    await inside.open(`/auth/sso/start/${theirs}`);
    expect(await me(inside)).toBe('both@acme.test');
    expect((await inside.get('/auth/workspaces')).body.map(({ slug }: { slug: string }) => slug)).toEqual(['evil']);
    expect((await inside.post('/auth/switch', { workspace: 'acme' })).body.error.code).toBe('RV131');
    for (const [path, body] of [
      ['/auth/password', { current: PASSWORD, next: 'a password of the attacker' }],
      ['/auth/second-factor/begin', { password: PASSWORD }],
      ['/auth/second-factor/off', { password: PASSWORD }],
      ['/auth/second-factor/recovery-codes', { password: PASSWORD }],
      ['/auth/change-email/request', { password: PASSWORD, email: 'attacker@evil.test' }],
    ] as const)
      expect([path, (await inside.post(path, body)).body.error?.code]).toEqual([path, 'SSO_SESSION']);
    const elsewhere = await signedIn('both@acme.test', 'acme');
    expect((await inside.post('/auth/sessions/revoke', { others: true })).status).toBe(204);
    expect(await me(elsewhere)).toBe('both@acme.test');
  });

  test('is connected and disconnected by its owner, with the password, in the browser that began it', async () => {
    expect((await owner.post('/auth/sso/connect', { provider, password: 'wrong' })).body.error.code).toBe(
      'PASSWORD_WRONG',
    );
    const { body } = await owner.post('/auth/sso/connect', { provider, password: PASSWORD });
    real.accounts['boss'] = { email: 'boss@private.test', email_verified: false, name: 'Boss' };
    real.person = 'boss';
    expect((await owner.open(body.location)).url.pathname).toBe('/settings/security');
    const mine = async () =>
      (await metadata<{ myIdentities: { isConnected: boolean; email: string }[] }>(owner, '{ myIdentities }'))
        .myIdentities;
    expect((await mine()).map(({ isConnected }) => isConnected)).toEqual([true, false, false]);
    expect((await mine())[0]).toMatchObject({ email: 'boss@private.test' });
    const here = browser();
    await here.open(`/auth/sso/start/${provider}`);
    expect(await me(here)).toBe('owner@acme.test');
    // Nora is somebody already.
    real.person = 'nora';
    const second = await owner.post('/auth/sso/connect', { provider, password: PASSWORD });
    // The provider remembers the browser, so another person comes with another.
    const switched = browser();
    switched.setCookie('relvar_sso', owner.cookie('relvar_sso')!);
    switched.setCookie('relvar_access', owner.cookie('relvar_access')!);
    expect(await codeTold(switched, await switched.open(second.body.location))).toBe('RV136');
    // What one session has begun is not finished by another.
    const third = await owner.post('/auth/sso/connect', { provider, password: PASSWORD });
    const other = await signedIn('owner@acme.test');
    other.setCookie('relvar_sso', owner.cookie('relvar_sso')!);
    expect(await codeTold(other, await other.open(third.body.location))).toBe('SSO_FAILED');
    expect((await lastRefusal())!.detail).toMatchObject({ reason: 'OTHER_SESSION' });
    await metadata(
      owner,
      `mutation { disconnectMyIdentity(input: { providerId: "${provider}" }) { clientMutationId } }`,
    );
    expect((await mine())[0]).toMatchObject({ isConnected: false });
    await eventually('the session has ended', async () => (await here.get('/auth/me')).status === 401);
  });
});

describe('a second factor', () => {
  test('of the provider counts where it says so and is trusted; otherwise the own one is asked', async () => {
    await sql(
      "update core.workspace_settings set is_mfa_enforced = true where workspace_id = (select id from core.workspaces where slug = 'acme')",
    );
    liar.person = { sub: 'mel', email: 'mel@acme.test', email_verified: true, amr: ['pwd', 'otp'] };
    const first = browser();
    const asked = await first.open(`/auth/sso/start/${lying}?next=/objects`);
    const step = new URLSearchParams(asked.url.hash.slice(1));
    expect(asked.url.pathname).toBe('/sso');
    expect(step.get('next')).toBe('SET_UP_SECOND_FACTOR');
    expect(step.get('path')).toBe('/objects');
    expect(await me(first)).toBeUndefined();
    expect((await first.post('/auth/sign-in/second-factor/begin', { ticket: step.get('ticket') })).body).toHaveProperty(
      'secret',
    );
    // An account that has a password belongs to somebody; a provider does not give it a second factor.
    await sql("update core.users set password_hash = 'x' where email = 'mel@acme.test'");
    expect(await codeTold(first, await first.open(`/auth/sso/start/${lying}`))).toBe('SECOND_FACTOR_FIRST');
    await change(owner, lying, { trustsSecondFactor: true });
    await first.open(`/auth/sso/start/${lying}`);
    expect(await me(first)).toBe('mel@acme.test');
    expect((await first.get('/auth/sessions')).body[0]).toMatchObject({ hasSecondFactor: true });
    liar.person = { ...liar.person, amr: ['pwd'] };
    expect(await codeTold(browser(), await browser().open(`/auth/sso/start/${lying}`))).toBe('SECOND_FACTOR_FIRST');
    await sql('update core.workspace_settings set is_mfa_enforced = false');
  });
});

describe('who keeps the providers', () => {
  test('checks and tests them, and sees what the provider says; the secret is sealed and told nobody', async () => {
    const checked = await owner.post('/auth/sso/check', { provider });
    expect(checked.body).toMatchObject({ issuer: real.issuer, redirectUri: `${APP}/auth/sso/callback/${provider}` });
    const { body } = await owner.post('/auth/sso/test', { provider: lying });
    expect((await owner.open(body.location)).url.href).toBe(`${APP}/settings/sign-in?provider=${lying}`);
    type Providers = { identityProviders: { id: string; testedAt: string; lastTest: Record<string, unknown> }[] };
    const find = async () =>
      (await metadata<Providers>(owner, '{ identityProviders }')).identityProviders.find(({ id }) => id === lying)!;
    expect((await find()).lastTest).toMatchObject({
      email: 'liv@acme.test',
      isEmailVerified: true,
      claims: { name: 'Liv' },
    });
    liar.lie = { claims: (honest) => ({ ...honest, nonce: 'another' }) };
    const again = await owner.post('/auth/sso/test', { provider: lying });
    const failed = await owner.open(again.body.location);
    expect(await told(owner, failed)).toMatchObject({
      code: 'SSO_FAILED',
      back: `/settings/sign-in?provider=${lying}`,
    });
    expect((await find()).lastTest).toMatchObject({ problem: 'WRONG_NONCE' });
    expect((await owner.post('/auth/sso/check', { provider: lying })).status).toBe(200);

    const [{ secret }] = (await sql<{ secret: string }>('select secret from core.identity_providers where id = $1', [
      provider,
    ])) as [{ secret: string }];
    expect(secret).toMatch(/^s1\./);
    expect(JSON.stringify(await metadata(owner, '{ identityProviders }'))).not.toContain(secret);
  });

  test('nobody else seals secrets, checks or tests', async () => {
    await sql(
      "select core.add_member('acme', 'plain@acme.test', 'Plain', 'Member', (select password_hash from core.users where email = 'owner@acme.test'))",
    );
    const member = await signedIn('plain@acme.test');
    const evil = await signedIn('owner@evil.test');
    for (const [path, body] of [
      ['/auth/sso/secret', { provider, secret: 'mine' }],
      ['/auth/sso/check', { provider }],
      ['/auth/sso/test', { provider }],
    ] as const) {
      expect([path, (await member.post(path, body)).body.error?.code]).toEqual([path, 'FORBIDDEN']);
      expect([path, (await evil.post(path, body)).body.error?.code]).toEqual([path, 'NOT_FOUND']);
      expect([path, (await browser().post(path, body)).body.error?.code]).toEqual([path, 'NOT_SIGNED_IN']);
    }
    expect((await evil.post('/auth/sso/connect', { provider, password: PASSWORD })).body.error.code).toBe('NOT_FOUND');
  });
});
