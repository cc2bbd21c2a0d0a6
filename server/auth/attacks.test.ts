import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, exportJWK, importJWK, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import request from 'supertest';
import { cookieOf, eventually, PASSWORD, SECRETS, useServer } from '../testing/server.ts';

/** What somebody might try to come in, or to come in as somebody else. Each is refused, and written to the audit. */
const server = useServer();
const right = { email: 'owner@acme.test', password: PASSWORD };
const signIn = (body: object, headers: Record<string, string> = {}) =>
  request(server.app.handler).post('/auth/sign-in').set(headers).send(body);

let token: string;
let claims: JWTPayload;
let kid: string;
let publicJwk: object;

beforeAll(async () => {
  await server.createWorkspace('acme');
  await server.createWorkspace('other');
  token = (await signIn({ ...right, tokens: true })).body.tokens.accessToken as string;
  claims = decodeJwt(token);
  ({ kid } = decodeProtectedHeader(token) as { kid: string });
  const { body } = await request(server.app.handler).get('/.well-known/jwks.json');
  publicJwk = body.keys.find((key: { kid: string }) => key.kid === kid);
});

/** Each attempt comes from an address of its own, as far as the server knows, and is looked for by a name of its own. */
let attempts = 0;
function anotherAttacker() {
  attempts += 1;
  return { 'user-agent': `attack ${attempts}`, 'x-forwarded-for': `198.51.100.${attempts}` };
}

async function expectRefused(forged: string, reason: string): Promise<void> {
  const attacker = anotherAttacker();
  const answer = await request(server.app.handler)
    .get('/auth/me')
    .set({ ...attacker, authorization: `Bearer ${forged}` });
  expect(answer.status).toBe(401);
  expect(answer.body.error.code).toBe('NOT_SIGNED_IN');
  const inCookie = await request(server.app.handler)
    .get('/auth/me')
    .set({ ...anotherAttacker(), cookie: `relvar_access=${forged}` });
  expect(inCookie.status).toBe(401);
  await expectLogged('REQUEST_REFUSED', attacker['user-agent'], { reason });
}

const expectLogged = (kind: string, agent: string, detail: object) =>
  eventually(`${kind} is in the audit`, async () => {
    const { rows } = await server.db.admin.query(
      'select detail from core.auth_events where kind = $1 and user_agent = $2 and detail @> $3',
      [kind, agent, detail],
    );
    return rows.length > 0;
  });

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token signed with the server's own key, as only a bug of ours could make it. */
async function signed(change: object, header: object = {}, expires: number | undefined = claims.exp): Promise<string> {
  const { rows } = await server.db.admin.query('select private_jwk from core.signing_keys where kid = $1', [kid]);
  const key = await importJWK(JSON.parse(SECRETS.unseal(rows[0].private_jwk, `signing key ${kid}`)), 'ES256');
  const payload = { ...claims, exp: expires, ...change };
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt', ...header }).sign(key);
}

describe('a token', () => {
  test('that is signed as it should be is believed', async () => {
    const me = await request(server.app.handler)
      .get('/auth/me')
      .set('authorization', `Bearer ${await signed({})}`);
    expect(me.status).toBe(200);
  });

  test('without a signature is refused', async () => {
    const payload = encode(claims);
    for (const alg of ['none', 'None', 'NONE']) {
      await expectRefused(`${encode({ alg, kid, typ: 'at+jwt' })}.${payload}.`, 'WRONG_ALGORITHM');
    }
    await expectRefused(`${encode({ alg: 'ES256', kid, typ: 'at+jwt' })}.${payload}.`, 'WRONG_SIGNATURE');
  });

  test('signed with the public key as if it were a shared secret is refused', async () => {
    const body = `${encode({ alg: 'HS256', kid, typ: 'at+jwt' })}.${encode(claims)}`;
    for (const secret of [JSON.stringify(publicJwk), (publicJwk as { x: string }).x]) {
      await expectRefused(
        `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`,
        'WRONG_ALGORITHM',
      );
    }
  });

  test("that brings its own key, or names another's by file, address or SQL, is refused", async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = await exportJWK(publicKey);
    const forge = (header: object) => {
      const body = `${encode({ alg: 'ES256', typ: 'at+jwt', ...header })}.${encode(claims)}`;
      const signature = sign('sha256', Buffer.from(body), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${body}.${signature.toString('base64url')}`;
    };
    await expectRefused(forge({ kid, jwk }), 'WRONG_SIGNATURE');
    await expectRefused(forge({ kid, jku: 'http://127.0.0.1:9/jwks.json' }), 'WRONG_SIGNATURE');
    for (const other of ['../../../dev/null', '/dev/null', "' or true --", 'http://127.0.0.1:9/key', '__proto__', '']) {
      await expectRefused(forge({ kid: other, jwk }), 'UNKNOWN_KEY');
    }
    await expectRefused(forge({ jwk }), 'UNKNOWN_KEY');
    await expectRefused(forge({ kid: 7 }), 'UNKNOWN_KEY');
  });

  test('whose claims were changed is refused', async () => {
    const [header, , signature] = token.split('.');
    await expectRefused(`${header}.${encode({ ...claims, sub: 'somebody else' })}.${signature}`, 'WRONG_SIGNATURE');
  });

  test('that has run out is refused, also once it was believed', async () => {
    await expectRefused(await signed({}, {}, Math.floor(Date.now() / 1000) - 60), 'EXPIRED');
  });

  test('for another audience, of another issuer or of another kind is refused', async () => {
    await expectRefused(await signed({ aud: 'another application' }), 'WRONG_AUDIENCE');
    await expectRefused(await signed({ iss: 'somebody else' }), 'WRONG_CLAIMS');
    await expectRefused(await signed({ typ: 'REFRESH' }), 'WRONG_CLAIMS');
    await expectRefused(await signed({}, { typ: 'JWT' }), 'WRONG_CLAIMS');
  });

  test('of another workspace or user than its session is refused', async () => {
    const { rows } = await server.db.admin.query("select id from core.workspaces where slug = 'other'");
    await expectRefused(await signed({ wid: rows[0].id }), 'WRONG_SESSION');
    const users = await server.db.admin.query("select id from core.users where email = 'owner@other.test'");
    await expectRefused(await signed({ sub: users.rows[0].id }), 'WRONG_SESSION');
  });

  test('of a session that does not exist is refused', async () => {
    await expectRefused(await signed({ sid: '01a204d0-2f0d-7a55-9675-fe55f0cd9ee7' }), 'NO_SESSION');
  });

  test('of a session that has ended is refused', async () => {
    const { accessToken } = (await signIn({ ...right, tokens: true })).body.tokens as { accessToken: string };
    const bearer = { authorization: `Bearer ${accessToken}` };
    await request(server.app.handler).post('/auth/sign-out').set(bearer).send({}).expect(204);
    await expectRefused(accessToken, 'NO_SESSION');
  });

  test('as long as a book is refused before anybody parses it', async () => {
    await expectRefused('a'.repeat(5_000), 'TOO_LONG');
  });

  test('that is a key of nobody is refused', async () => {
    for (const prefix of ['rv', 'rvp']) await expectRefused(`${prefix}_${'A'.repeat(43)}`, 'UNKNOWN_KEY');
  });
});

test('a session that was planted before signing in is not the one that begins', async () => {
  const planted = cookieOf(await signIn({ email: 'owner@other.test', password: PASSWORD }));
  const answer = await signIn(right, { cookie: planted });
  const cookies = cookieOf(answer);
  // The name of the browser says nothing of who signs in, and stays.
  for (const part of cookies.split('; ').filter((each) => !each.startsWith('relvar_browser=')))
    expect(planted).not.toContain(part.split('=')[1]);
  const me = await request(server.app.handler).get('/auth/me').set('cookie', cookies);
  expect(me.body.workspace.slug).toBe('acme');
  // Nor is a name that the attacker knows taken from the address or the body.
  const sid = decodeJwt(cookies.split('relvar_access=')[1]!.split(';')[0]!)['sid'];
  const fixed = await signIn({ ...right, sid, sessionId: sid });
  expect(decodeJwt(cookieOf(fixed).split('relvar_access=')[1]!.split(';')[0]!)['sid']).not.toBe(sid);
});

test('requests that another site causes are refused, for each address that takes a cookie', async () => {
  const cookie = cookieOf(await signIn(right));
  for (const path of ['/graphql', '/metadata', '/auth/sign-out', '/auth/refresh', '/auth/sign-in']) {
    const foreigners: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://evil.test' },
      { origin: 'null' },
    ];
    for (const foreign of foreigners) {
      const attacker = anotherAttacker();
      const answer = await request(server.app.handler)
        .post(path)
        .set({ cookie, ...attacker, ...foreign })
        .send({});
      expect(answer.status).toBe(403);
      await expectLogged('REQUEST_REFUSED', attacker['user-agent'], { reason: 'CROSS_SITE' });
    }
  }
  expect((await request(server.app.handler).get('/auth/me').set('cookie', cookie)).status).toBe(200);
});

test('a browser cannot be made to send a form in place of JSON', async () => {
  const cookie = cookieOf(await signIn(right));
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
    for (const path of ['/graphql', '/auth/sign-in', '/auth/refresh']) {
      const answer = await request(server.app.handler).post(path).set({ cookie, 'content-type': type }).send('{}');
      expect(answer.status).toBe(415);
    }
  }
});

test('one address that tries many passwords is stopped, and so are many addresses that try one account', async () => {
  const address = { 'x-forwarded-for': '203.0.113.1', 'user-agent': 'brute force' };
  const statuses: number[] = [];
  for (let i = 0; i < 12; i += 1) statuses.push((await signIn({ ...right, password: `guess ${i}` }, address)).status);
  expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
  await expectLogged('SIGN_IN_FAILED', 'brute force', {});
  await expectLogged('SIGN_IN_BLOCKED', 'brute force', {});
  // The count is in the database: another server, or this one started again, goes on from there.
  const { rows } = await server.db.admin.query(
    "select max(count) from core.attempts where key like 'sign-in 203.0.113.1%'",
  );
  expect(rows[0].max).toBeGreaterThanOrEqual(12);

  await server.db.admin.query(
    `insert into core.attempts values ('sign-in owner@acme.test', now(), now() + interval '10 minutes', 100)
     on conflict (key) do update set count = 100`,
  );
  const elsewhere = await signIn(right, { 'x-forwarded-for': '203.0.113.77', 'user-agent': 'many addresses' });
  expect(elsewhere.status).toBe(429);
  await expectLogged('SIGN_IN_BLOCKED', 'many addresses', {});
  await server.db.admin.query('delete from core.attempts');
  expect((await signIn(right)).status).toBe(200);
});

test('one address that tries many accounts is stopped', async () => {
  await server.db.admin.query(
    `insert into core.attempts values ('sign-in 203.0.113.2', now(), now() + interval '10 minutes', 100)`,
  );
  const attacker = { 'x-forwarded-for': '203.0.113.2', 'user-agent': 'many accounts' };
  const answer = await signIn({ email: 'x@y.test', password: 'guess' }, attacker);
  expect(answer.status).toBe(429);
  await expectLogged('SIGN_IN_BLOCKED', 'many accounts', {});
  expect(Number(answer.get('Retry-After'))).toBeGreaterThan(0);
});

test('nobody learns by text or by time which addresses have an account', async () => {
  const times = { known: [] as number[], unknown: [] as number[] };
  const bodies = new Set<string>();
  for (let i = 0; i < 7; i += 1) {
    await server.db.admin.query('delete from core.attempts');
    for (const [kind, email] of [
      ['known', right.email],
      ['unknown', `nobody${i}@acme.test`],
    ] as const) {
      const start = performance.now();
      const answer = await signIn({ email, password: 'not the password' }, { 'user-agent': `guessing ${kind}` });
      times[kind].push(performance.now() - start);
      expect(answer.status).toBe(401);
      bodies.add(answer.text);
    }
  }
  expect(bodies.size).toBe(1);
  for (const kind of ['known', 'unknown']) await expectLogged('SIGN_IN_FAILED', `guessing ${kind}`, {});
  // Coarse, since the machine does other things: without the hash an unknown one would be ten times as quick.
  const best = (list: number[]) => Math.min(...list);
  expect(best(times.unknown)).toBeGreaterThan(best(times.known) / 3);
  expect(best(times.unknown)).toBeLessThan(best(times.known) * 3);
});

test('the host that a request names decides nothing', async () => {
  const evil = { host: 'evil.test', 'x-forwarded-host': 'evil.test' };
  const answer = await signIn(right, evil);
  expect(answer.status).toBe(200);
  expect(JSON.stringify([answer.headers, answer.body])).not.toContain('evil.test');
  for (const cookie of answer.get('Set-Cookie')!) expect(cookie).not.toMatch(/domain=/i);
  // A page of the evil host may not use it to pass for ours.
  const passing = await signIn(right, { 'x-forwarded-host': 'evil.test', origin: 'https://evil.test' });
  expect(passing.status).toBe(403);
});

test('what a sign-in says of roles and workspaces gives neither', async () => {
  const { rows } = await server.db.admin.query("select id from core.workspaces where slug = 'other'");
  const wanted = {
    workspaceId: rows[0].id,
    roleId: rows[0].id,
    role: 'Read-only',
    pgRole: 'relvar_owner',
    memberId: rows[0].id,
  };
  const answer = await signIn({ ...right, ...wanted });
  const me = await request(server.app.handler).get('/auth/me').set('cookie', cookieOf(answer));
  expect(me.body).toMatchObject({ workspace: { slug: 'acme' }, member: { role: 'Admin' } });
});
