import request from 'supertest';
import { makeApp } from '../app.ts';
import { hashPassword } from '../auth/passwords.ts';
import { cookieOf, eventually, PASSWORD, SECRETS, useServer, type Caller } from '../testing/server.ts';

/** Workspaces with addresses of their own, acme.crm.test and rival.crm.test; and domains that they bring. */
const PUBLIC_URL = 'https://*.crm.test';
const OWN = 'sales.acme.example';
const records = new Map<string, string[][]>();
const resolveTxt = (name: string) => {
  const found = records.get(name);
  return found ? Promise.resolve(found) : Promise.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' }));
};
const accounts = { publicUrl: PUBLIC_URL, isSignUpOpen: false, isEmailVerificationRequired: false };
const server = useServer(accounts, () => ({ resolveTxt }));
let acme: Caller;
let rival: Caller;
/** Another server at the same database, for all workspaces at one address. */
let shared: Awaited<ReturnType<typeof makeApp>>;

const at = (host: string, cookie = '', app = server.app) => {
  const headers = { host, 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1', ...(cookie && { cookie }) };
  return {
    get: (path: string) => request(app.handler).get(path).set(headers),
    post: (path: string, body: object = {}) => request(app.handler).post(path).set(headers).send(body),
  };
};
const credentials = { email: 'ann@acme.test', password: PASSWORD };
const signIn = async (host: string, app = server.app) =>
  cookieOf(await at(host, '', app).post('/auth/sign-in', credentials).expect(200));

interface Domain {
  id: string;
  host: string;
  record: string;
  token: string;
  provedAt: string | null;
  isPrimary: boolean;
}
const call = async (caller: Caller, field: string) => {
  const { body } = await at(`${caller.slug}.crm.test`)
    .post('/metadata', { query: field })
    .set('authorization', `Bearer ${caller.apiKey}`);
  const { data, errors } = body as Awaited<ReturnType<Caller['metadata']>>;
  const answer = (data as { payload?: { result: unknown }; domains?: unknown } | null | undefined) ?? {};
  return { domains: (answer.payload?.result ?? answer.domains) as Domain[], errors };
};
const domainsOf = async (caller: Caller) => (await call(caller, '{ domains: ownDomains }')).domains;
const add = (caller: Caller, host: string) =>
  call(caller, `mutation { payload: addOwnDomain(input: {host: "${host}"}) { result } }`);
const lead = (caller: Caller, id: string | null) =>
  call(caller, `mutation { payload: setPrimaryDomain(input: {id: ${JSON.stringify(id)}}) { result } }`);
const remove = (caller: Caller, id: string) =>
  call(caller, `mutation { payload: removeOwnDomain(input: {id: "${id}"}) { result } }`);
const check = (caller: Caller, id: string) =>
  at(`${caller.slug}.crm.test`).post('/domains/check', { id }).set('authorization', `Bearer ${caller.apiKey}`);
const prove = async (caller: Caller, host: string) => {
  const { domains, errors } = await add(caller, host);
  expect(errors).toBeUndefined();
  const { id, record, token } = domains.find((domain) => domain.host === host)!;
  // DNS cuts long texts; other records may stand beside it.
  records.set(record, [['v=spf1 -all'], [token.slice(0, 10), token.slice(10)]]);
  const answer = await check(caller, id).expect(200);
  expect(answer.body).toMatchObject({ isProved: true, isFound: true });
  return id;
};
const served = async (host: string, app = server.app) => (await at(host, '', app).get('/auth/options')).status;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  rival = await server.createWorkspace('rival');
  const hash = await hashPassword(PASSWORD);
  for (const slug of ['acme', 'rival'])
    await server.db.admin.query('select core.add_member($1, $2, $3, $4, $5)', [
      slug,
      credentials.email,
      'Ann',
      'Member',
      hash,
    ]);
  shared = await makeApp({
    pool: server.db.server,
    serverUrl: server.db.serverUrl,
    secrets: SECRETS,
    webDirectory: '/nonexistent',
    development: true,
    pendingMigrations: () => Promise.resolve([]),
    accounts: { ...accounts, publicUrl: 'https://one.test' },
    resolveTxt,
  });
  server.db.onEnd(() => shared.stop());
});

afterEach(async () => {
  records.clear();
  await server.db.admin.query('delete from core.workspace_domains');
  await eventually('no server answers it', async () => (await served(OWN)) === 421);
});

test.each([
  '',
  'acme',
  'com',
  'https://crm.acme.com',
  'crm.acme.com:8443',
  '10.0.0.1',
  '[::1]',
  'x.localhost',
  'a.internal',
  '*.acme.com',
  '-a.acme.com',
  'bücher.example',
  'a_b.acme.com',
])('is no domain: "%s"', async (host) => {
  const { errors } = await add(acme, host);
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'RV237' });
});

test('a domain is answered once it is proved, and not before', async () => {
  const { domains } = await add(acme, ` ${OWN.toUpperCase()}. `);
  expect(domains).toMatchObject([{ host: OWN, record: `_relvar.${OWN}`, provedAt: null, isPrimary: false }]);
  const { id, record, token } = domains[0]!;
  expect(await served(OWN)).toBe(421);
  expect((await check(acme, id)).body).toMatchObject({ isProved: false, isFound: false, problem: 'NO_RECORD' });
  records.set(record, [['relvar-something-else']]);
  expect((await check(acme, id)).body).toMatchObject({ isProved: false, texts: ['relvar-something-else'] });
  // Nobody proves another's claim, even who knows of it.
  records.set(record, [[token]]);
  expect((await check(rival, id)).body.error.code).toBe('RV239');
  expect(await served(OWN)).toBe(421);
  expect((await check(acme, id)).body).toMatchObject({ isProved: true });
  expect(await served(OWN)).toBe(200);
  expect(await domainsOf(acme)).toMatchObject([{ host: OWN, isPrimary: true, provedAt: expect.any(String) }]);
  expect(await domainsOf(rival)).toEqual([]);
  // Once proved it stays so, though the record goes.
  records.clear();
  expect((await check(acme, id)).body).toMatchObject({ isProved: true, isFound: false });
  const { rows } = await server.db.admin.query(
    `select kind from core.auth_events where kind like 'DOMAIN%' and workspace_id = $1 order by id`,
    [acme.workspaceId],
  );
  expect(rows.slice(-2)).toEqual([{ kind: 'DOMAIN_ADDED' }, { kind: 'DOMAIN_PROVED' }]);
});

test('only who keeps the workspace adds, sees, checks and removes domains', async () => {
  const { domains } = await add(acme, OWN);
  const { id } = domains[0]!;
  const member = await server.createKey('acme', 'Member');
  for (const { errors } of [
    await call(member, '{ domains: ownDomains }'),
    await add(member, 'other.acme.example'),
    await lead(member, id),
    await remove(member, id),
  ])
    expect(errors).toHaveLength(1);
  expect((await check(member, id)).status).toBe(403);
  expect((await at('acme.crm.test').post('/domains/check', { id })).status).toBe(401);
  // And no role of the workspace can say that the record was found.
  const { rows } = await server.db.admin.query<{ pg_role: string }>(
    `select pg_role from metadata.roles where workspace_id = $1 and name = 'Admin'`,
    [acme.workspaceId],
  );
  const client = await server.db.admin.connect();
  try {
    await client.query(`begin; set local role ${rows[0]!.pg_role}`);
    await expect(
      client.query('select core.note_domain_check($1, $2, true, null)', [id, domains[0]!.token]),
    ).rejects.toMatchObject({ code: '42501' });
  } finally {
    await client.query('rollback');
    client.release();
  }
  expect(await domainsOf(acme)).toMatchObject([{ id, provedAt: null }]);
});

test('a domain belongs to one workspace: to who proves it first', async () => {
  const claims = [];
  for (const caller of [acme, rival]) {
    const { domains } = await add(caller, OWN);
    claims.push(domains[0]!);
  }
  records.set(
    `_relvar.${OWN}`,
    claims.map(({ token }) => [token]),
  );
  expect((await check(rival, claims[1]!.id)).body).toMatchObject({ isProved: true });
  expect((await check(acme, claims[0]!.id)).body.error.code).toBe('RV238');
  await remove(acme, claims[0]!.id);
  expect((await add(acme, OWN)).errors?.[0]?.extensions).toMatchObject({ code: 'RV238' });
  expect((await at(OWN).get('/auth/options')).body.workspace).toEqual({ slug: 'rival', name: 'rival' });
});

test('names of the server itself are nobody’s', async () => {
  for (const host of ['crm.test', 'rival.crm.test']) {
    const { domains } = await add(acme, host);
    const { id, record, token } = domains.find((domain) => domain.host === host)!;
    records.set(record, [[token]]);
    expect((await check(acme, id)).status).toBe(400);
    // Not even where the database says so.
    await server.db.admin.query('update core.workspace_domains set proved_at = now() where id = $1', [id]);
  }
  await prove(acme, OWN);
  expect((await at('rival.crm.test').get('/auth/options')).body.workspace.slug).toBe('rival');
  expect((await at('crm.test').get('/auth/options')).body.workspace).toBeUndefined();
});

test('a session is for the workspace of the domain, its cookies for that host, and no other comes in there', async () => {
  await prove(acme, OWN);
  const begun = await at(OWN)
    .post('/auth/sign-in', { ...credentials, workspace: 'rival' })
    .expect(200);
  expect(begun.body.workspace.slug).toBe('acme');
  for (const cookie of begun.get('Set-Cookie') ?? []) expect(cookie).not.toMatch(/domain=/i);
  const own = cookieOf(begun);
  expect((await at(OWN, own).get('/auth/me')).body.workspace.slug).toBe('acme');
  const other = await signIn('rival.crm.test');
  expect((await at(OWN, other).get('/auth/me')).status).toBe(401);
  expect((await at(OWN, other).post('/graphql', { query: '{ __typename }' })).status).toBe(401);
  expect((await at('rival.crm.test', own).get('/auth/me')).status).toBe(401);
  const key = (caller: Caller) => at(OWN).get('/auth/me').set('authorization', `Bearer ${caller.apiKey}`);
  expect((await key(acme)).status).toBe(200);
  expect((await key(rival)).status).toBe(401);
  const post = (origin: string) => at(OWN, own).post('/graphql', { query: '{ __typename }' }).set('origin', origin);
  expect((await post(`https://${OWN}`)).status).toBe(200);
  expect((await post('https://acme.crm.test')).status).toBe(403);
});

test.each([`x.${OWN}`, `${OWN}.evil.test`, `${OWN}:8080`, 'evil.test'])(
  'a domain opens no door to another host: %s',
  async (host) => {
    await prove(acme, OWN);
    expect(await served(host)).toBe(421);
    expect((await at(OWN).get('/auth/options').set('x-forwarded-host', host)).status).toBe(421);
  },
);

test('what is removed is refused at once, by every server, and so is a claim to have it again without a new proof', async () => {
  const id = await prove(acme, OWN);
  await eventually(
    'the other server has heard',
    async () => (await served(OWN, shared)) === 200 && (await issuer(OWN, shared)) === `https://${OWN}`,
  );
  const cookies = [await signIn(OWN), await signIn(OWN, shared)];
  expect((await remove(acme, id)).domains).toEqual([]);
  for (const [index, app] of [server.app, shared].entries()) {
    await eventually('it is refused', async () => (await served(OWN, app)) === 421);
    expect((await at(OWN, cookies[index], app).get('/auth/me')).status).toBe(421);
  }
  const [{ id: again, token }] = (await add(acme, OWN)).domains as [Domain];
  expect(again).not.toBe(id);
  expect(records.get(`_relvar.${OWN}`)?.flat().join('')).not.toContain(token);
  expect((await check(acme, again)).body).toMatchObject({ isProved: false });
  expect(await served(OWN)).toBe(421);
});

const issuer = async (host: string, app = server.app): Promise<string> =>
  (await at(host, '', app).get('/.well-known/oauth-authorization-server')).body.issuer;

test('issuer, resources and where one is sent back to are of the domain that is used', async () => {
  await prove(acme, OWN);
  expect(await issuer(OWN)).toBe(`https://${OWN}`);
  expect(await issuer('acme.crm.test')).toBe('https://acme.crm.test');
  const { body } = await at(OWN).get('/.well-known/oauth-protected-resource').expect(200);
  expect(body).toMatchObject({ resource: `https://${OWN}`, authorization_servers: [`https://${OWN}`] });
  const asked = await at(OWN).get('/auth/me');
  expect(asked.get('www-authenticate')).toContain(`resource_metadata="https://${OWN}/`);
  const passkey = await at(OWN).post('/auth/passkeys/sign-in/begin');
  expect(passkey.body.options?.rpId ?? OWN).toBe(OWN);
});

test('the address of the workspace is its domain: pages, links and the switcher lead there', async () => {
  const id = await prove(acme, OWN);
  const page = (path: string) => at('acme.crm.test').get(path).set('accept', 'text/html');
  const led = await page('/objects/people?view=1').expect(302);
  expect(led.get('location')).toBe(`https://${OWN}/objects/people?view=1`);
  expect((await at(OWN).get('/').set('accept', 'text/html')).status).not.toBe(302);
  for (const path of ['/?stay', '/sso']) expect((await page(path)).status).not.toBe(302);
  expect((await at('rival.crm.test').get('/').set('accept', 'text/html')).status).not.toBe(302);
  expect((await at('acme.crm.test').get('/auth/options')).status).toBe(200);
  const elsewhere = await at('crm.test')
    .post('/auth/sign-in', { ...credentials, workspace: 'acme' })
    .expect(200);
  expect(elsewhere.body).toEqual({ next: 'ADDRESS', address: `https://${OWN}/` });
  const cookie = await signIn('rival.crm.test');
  expect((await at('rival.crm.test', cookie).get('/auth/workspaces')).body).toMatchObject([
    { slug: 'acme', address: `https://${OWN}` },
    { slug: 'rival', address: 'https://rival.crm.test' },
  ]);
  await lead(acme, null);
  await eventually('pages stay', async () => (await page('/')).status !== 302);
  expect(await served(OWN)).toBe(200);
  await lead(acme, id);
  await eventually('pages are led again', async () => (await page('/')).status === 302);
});

test('where one address is for all, a domain is for its workspace alone, and the address goes on to be for all', async () => {
  await prove(acme, OWN);
  await eventually('the other server has heard', async () => (await issuer(OWN, shared)) === `https://${OWN}`);
  expect(await issuer('one.test', shared)).toBe('https://one.test');
  const own = await signIn(OWN, shared);
  expect((await at(OWN, own, shared).get('/auth/me')).body.workspace.slug).toBe('acme');
  const rivals = cookieOf(
    await at('one.test', '', shared)
      .post('/auth/sign-in', { ...credentials, workspace: 'rival' })
      .expect(200),
  );
  expect((await at('one.test', rivals, shared).get('/auth/me')).status).toBe(200);
  expect((await at(OWN, rivals, shared).get('/auth/me')).status).toBe(401);
  const switched = await at(OWN, own, shared).post('/auth/switch', { workspace: 'rival' }).expect(200);
  expect(switched.body).toEqual({ next: 'ADDRESS', address: 'https://one.test/' });
});

test('a proxy learns for which names to get certificates', async () => {
  await prove(acme, OWN);
  await add(acme, 'claimed.acme.example');
  const ask = async (name: string) =>
    (await at('127.0.0.1:3000').get(`/.well-known/relvar-domain?domain=${encodeURIComponent(name)}`)).status;
  for (const name of [OWN, 'crm.test', 'acme.crm.test']) expect([name, await ask(name)]).toEqual([name, 200]);
  for (const name of ['claimed.acme.example', 'nobody.crm.test', 'evil.test', `x.${OWN}`, '', 'a b', '[::1]', '../x'])
    expect([name, await ask(name)]).toEqual([name, 404]);
});
