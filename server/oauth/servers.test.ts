import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useDatabase } from '../../db/testing/database.ts';
import { makeApp } from '../app.ts';
import { hashPassword } from '../auth/passwords.ts';
import { Browser, CALLBACK } from '../testing/oauth.ts';
import { eventually, PASSWORD, SECRETS } from '../testing/server.ts';

/** Two servers behind one name: what one of them gives, the other knows, and what one ends, the other forgets. */
const ISSUER = 'https://crm.example';
const db = useDatabase();
const addresses: string[] = [];
const BEHIND_PROXY = { 'x-forwarded-host': 'crm.example', 'x-forwarded-proto': 'https' };

beforeAll(async () => {
  await db.admin.query('select engine.create_workspace($1, $2, $3, $4, $5)', [
    'acme',
    'acme',
    'owner@acme.test',
    'Olive Owner',
    await hashPassword(PASSWORD),
  ]);
  for (const _ of ['one', 'two']) {
    const app = await makeApp({
      pool: db.server,
      serverUrl: db.serverUrl,
      secrets: SECRETS,
      webDirectory: '/nonexistent',
      development: false,
      pendingMigrations: () => Promise.resolve([]),
      accounts: { publicUrl: ISSUER, isSignUpOpen: false, isEmailVerificationRequired: false },
    });
    const listener = createServer((request, response) => app.handler(request, response));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    addresses.push(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
    db.onEnd(async () => {
      await app.stop();
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    });
  }
});

async function form(address: string, path: string, body: Record<string, string>) {
  const response = await fetch(address + path, {
    method: 'POST',
    headers: BEHIND_PROXY,
    body: new URLSearchParams(body),
  });
  return { status: response.status, body: (await response.json().catch(() => ({}))) as Record<string, string> };
}
const ask = async (address: string, token: string) =>
  (
    await fetch(`${address}/graphql`, {
      method: 'POST',
      headers: { ...BEHIND_PROXY, 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: '{"query":"{ people(first: 1) { nodes { id } } }"}',
    })
  ).status;

test('one begins an authorization, the other ends it; a token is known to both, and its end, too', async () => {
  const [one, two] = addresses as [string, string];
  const registered = await fetch(`${two}/oauth/register`, {
    method: 'POST',
    headers: { ...BEHIND_PROXY, 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    }),
  });
  const { client_id: clientId } = (await registered.json()) as { client_id: string };
  const verifier = randomBytes(32).toString('base64url');
  const parameters = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'api',
    resource: ISSUER,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const browser = new Browser();
  const signedIn = await browser.post(
    `${one}/auth/sign-in`,
    { email: 'owner@acme.test', password: PASSWORD },
    BEHIND_PROXY,
  );
  expect(signedIn.status).toBe(200);
  const sent = await browser.fetch(`${one}/oauth/authorize?${parameters.toString()}`, { headers: BEHIND_PROXY });
  // Behind a proxy that speaks https its cookies go over https alone.
  expect(sent.headers.getSetCookie().every((cookie) => /; secure/i.test(cookie))).toBe(true);
  const decided = await browser.post(two + sent.headers.get('location')!, { allow: true }, BEHIND_PROXY);
  const { next } = (await decided.json()) as { next: string };
  expect(next.startsWith(`${ISSUER}/oauth/authorize/`)).toBe(true);
  const back = await browser.fetch(next.replace(ISSUER, one), { headers: BEHIND_PROXY });
  const { searchParams } = new URL(back.headers.get('location')!);
  expect(searchParams.get('iss')).toBe(ISSUER);

  const exchanged = await form(two, '/oauth/token', {
    grant_type: 'authorization_code',
    client_id: clientId,
    code: searchParams.get('code')!,
    code_verifier: verifier,
    redirect_uri: CALLBACK,
  });
  const { access_token: token, refresh_token: refresh } = exchanged.body as {
    access_token: string;
    refresh_token: string;
  };
  expect([await ask(one, token), await ask(two, token)]).toEqual([200, 200]);
  expect((await form(one, '/oauth/revoke', { client_id: clientId, token: refresh })).status).toBe(200);
  await eventually('both have forgotten it', async () => {
    const answers = [await ask(one, token), await ask(two, token)];
    return answers.every((status) => status === 401);
  });
});

test('its name is the one that it was given, whatever a request says', async () => {
  const response = await fetch(`${addresses[0]}/.well-known/oauth-authorization-server`, {
    headers: { 'x-forwarded-host': 'evil.example' },
  });
  expect(response.status).toBe(421);
  const metadata = await fetch(`${addresses[0]}/.well-known/oauth-authorization-server`, { headers: BEHIND_PROXY });
  expect(await metadata.json()).toMatchObject({ issuer: ISSUER, token_endpoint: `${ISSUER}/oauth/token` });
  const resource = await fetch(`${addresses[0]}/.well-known/oauth-protected-resource`, {
    headers: { 'x-forwarded-host': 'evil.example' },
  });
  expect(await resource.json()).toMatchObject({ resource: ISSUER, authorization_servers: [ISSUER] });
  const { rows } = await db.admin.query(
    'select 1 from core.auth_events where kind = \'REQUEST_REFUSED\' and detail @> \'{"reason": "WRONG_HOST"}\'',
  );
  expect(rows.length).toBeGreaterThan(0);
});
