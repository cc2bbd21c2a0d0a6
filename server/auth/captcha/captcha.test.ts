import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { loadConfig } from '../../../db/config.ts';
import { securityHeaders } from '../../static/headers.ts';
import { PASSWORD, useServer } from '../../testing/server.ts';

/** A provider on this machine that speaks the protocol which all three speak. */
const asked: { secret: string | null; response: string | null; remoteip: string | null }[] = [];
let mood: 'well' | 'broken' | 'silent' = 'well';
const provider = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    asked.push({ secret: form.get('secret'), response: form.get('response'), remoteip: form.get('remoteip') });
    if (mood === 'silent') return incoming.socket.destroy();
    outgoing.writeHead(mood === 'broken' ? 500 : 200, { 'content-type': 'application/json' });
    const isRight = form.get('secret') === 'the secret' && form.get('response') === 'solved';
    outgoing.end(
      JSON.stringify(isRight ? { success: true } : { success: false, 'error-codes': ['invalid-input-response'] }),
    );
  });
});
let verifyUrl: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  verifyUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/siteverify`;
});
afterAll(() => provider.close());

const server = useServer({ isSignUpOpen: true }, () => ({
  captcha: { kind: 'turnstile', siteKey: 'the site', secret: 'the secret', verifyUrl, afterFailures: 3 },
}));
const OWNER = 'owner@acme.test';
beforeAll(() => server.createWorkspace('acme'));
beforeEach(() => {
  asked.length = 0;
  mood = 'well';
});

const post = (path: string, body: object) => request(server.app.handler).post(`/auth/${path}`).send(body);

test('the page is told which widget to show', async () => {
  const { body } = await request(server.app.handler).get('/auth/options');
  expect(body.captcha).toEqual({ kind: 'turnstile', siteKey: 'the site' });
});

describe.each([
  ['sign-up/request', { email: 'new@acme.test' }, 202],
  ['sign-up', { email: 'new@acme.test', password: PASSWORD, workspace: 'new-one', newWorkspace: 'New' }, 200],
  ['password-reset/request', { email: OWNER }, 202],
  ['magic-link/request', { email: OWNER }, 202],
])('%s', (path, body, status) => {
  test('wants a task solved, and asks the provider whether it was', async () => {
    const mails = async () => (await server.db.admin.query('select from core.mail_outbox')).rowCount;
    const before = await mails();
    expect((await post(path, body)).body.error.code).toBe('CAPTCHA_REQUIRED');
    expect(asked).toEqual([]);
    expect((await post(path, { ...body, captcha: 'guessed' })).body.error.code).toBe('CAPTCHA_FAILED');
    expect(asked).toEqual([
      { secret: 'the secret', response: 'guessed', remoteip: expect.stringMatching(/127\.0\.0\.1$/) },
    ]);
    expect(await mails()).toBe(before);
    expect((await post(path, { ...body, captcha: 'solved' })).status).toBe(status);
  });
});

test('signing in wants it after some failures, for the account from anywhere, known or not', async () => {
  for (const email of [OWNER, 'nobody@acme.test']) {
    const attempt = (password: string, captcha?: string, address = '203.0.113.1') =>
      post('sign-in', { email, password, captcha }).set('x-forwarded-for', address);
    for (let i = 0; i < 3; i += 1) expect((await attempt('wrong')).body.error.code).toBe('SIGN_IN_FAILED');
    expect((await attempt(PASSWORD)).body.error.code).toBe('CAPTCHA_REQUIRED');
    expect((await attempt(PASSWORD, undefined, '198.51.100.1')).body.error.code).toBe('CAPTCHA_REQUIRED');
    expect((await attempt(PASSWORD, 'guessed')).body.error.code).toBe('CAPTCHA_FAILED');
    expect((await attempt('wrong', 'solved')).body.error.code).toBe('SIGN_IN_FAILED');
    expect((await attempt(PASSWORD, 'solved')).status).toBe(email === OWNER ? 200 : 401);
  }
});

test('a provider that does not answer lets nobody past, and says so', async () => {
  for (const state of ['broken', 'silent'] as const) {
    mood = state;
    const answer = await post('password-reset/request', { email: OWNER, captcha: 'solved' });
    expect([answer.status, answer.body.error.code]).toEqual([503, 'CAPTCHA_UNAVAILABLE']);
  }
});

test('refusals are written down', async () => {
  const { rows } = await server.db.admin.query<{ detail: { path: string } }>(
    "select detail from core.auth_events where kind = 'CAPTCHA_FAILED'",
  );
  expect(new Set(rows.map(({ detail }) => detail.path))).toEqual(
    new Set([
      '/auth/sign-up/request',
      '/auth/sign-up',
      '/auth/password-reset/request',
      '/auth/magic-link/request',
      '/auth/sign-in',
    ]),
  );
});

test('pages may load the script of the provider that is used, and of no other', () => {
  const policyWith = (kind?: 'turnstile' | 'recaptcha' | 'hcaptcha') => {
    const headers: { [name: string]: unknown } = {};
    const response = { setHeader: (name: string, value: unknown) => (headers[name] = value) };
    securityHeaders({ captcha: kind })({} as never, response as never, () => undefined);
    return String(headers['content-security-policy']);
  };
  expect(policyWith()).not.toMatch(/https?:\/\//);
  expect(policyWith('turnstile')).toContain("script-src 'self' https://challenges.cloudflare.com;");
  expect(policyWith('turnstile')).not.toMatch(/google|hcaptcha/);
  expect(policyWith('recaptcha')).toContain(
    "script-src 'self' https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/;",
  );
  expect(policyWith('hcaptcha')).toContain("frame-src 'self' https://hcaptcha.com https://*.hcaptcha.com;");
});

test('it is configured whole or not at all', () => {
  expect(loadConfig({}).captcha).toBeNull();
  const keys = { RELVAR_CAPTCHA_SITE_KEY: 'a', RELVAR_CAPTCHA_SECRET: 'b' };
  expect(loadConfig({ RELVAR_CAPTCHA: 'hcaptcha', ...keys }).captcha).toEqual({
    kind: 'hcaptcha',
    siteKey: 'a',
    secret: 'b',
    verifyUrl: null,
    afterFailures: 3,
  });
  expect(() => loadConfig({ RELVAR_CAPTCHA: 'turnstile' })).toThrow('without its two keys');
  expect(() => loadConfig({ RELVAR_CAPTCHA: 'riddles', ...keys })).toThrow('turnstile, recaptcha (v2) or hcaptcha');
  expect(() => loadConfig({ RELVAR_CAPTCHA: 'turnstile', ...keys, RELVAR_CAPTCHA_VERIFY_URL: 'nowhere' })).toThrow(
    'RELVAR_CAPTCHA_VERIFY_URL',
  );
});
