import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { SamlProvider } from '../../testing/samlProvider.ts';
import { cookieOf, PASSWORD, useServer } from '../../testing/server.ts';

/** Setting a SAML provider up, as the screen does it, from an empty one to the first sign-in. */

const server = useServer();
const peer = new SamlProvider();
let page = { status: 200, body: peer.metadata() };
const http = createServer((_request, response) => response.writeHead(page.status).end(page.body));
let address: string;
let cookie: string;
let id: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}/metadata`;
  server.db.onEnd(() => new Promise((resolve) => http.close(resolve)));
  await server.createWorkspace('acme');
  await server.createWorkspace('other');
  cookie = await signIn('acme');
  ({ id } = await metadata<{ id: string }>('createIdentityProvider', { kind: 'SAML', label: 'Acme login' }));
});

const signIn = async (slug: string) =>
  cookieOf(
    await request(server.app.handler)
      .post('/auth/sign-in')
      .send({ email: `owner@${slug}.test`, password: PASSWORD }),
  );

const ask = (path: string, as = cookie) =>
  request(server.app.handler).get(path).set({ host: 'localhost:3000', cookie: as });
const post = (path: string, body: object, as = cookie) =>
  request(server.app.handler).post(path).set({ host: 'localhost:3000', cookie: as }).send(body);

async function metadata<Result>(name: string, input: object): Promise<Result> {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation Run($input: ${type}!) { payload: ${name}(input: $input) { result } }`;
  const { body } = await post('/metadata', { query, variables: { input } });
  if (body.errors) throw Object.assign(new Error(body.errors[0].message), body.errors[0].extensions);
  const { result } = body.data.payload;
  return typeof result === 'string' ? JSON.parse(result) : result;
}
const update = (patch: object) =>
  metadata<{ lacks: string | null; settings: object }>('updateIdentityProvider', { id, patch });

test('a provider that is new has addresses of ours, and cannot be switched on', async () => {
  const { body } = await ask(`/auth/saml/${id}/facts`);
  expect(body).toEqual({
    entityId: `http://localhost:3000/auth/saml/${id}/metadata`,
    acsUrl: `http://localhost:3000/auth/saml/${id}/acs`,
    certificates: [],
    metadataReadAt: null,
    metadataFailure: null,
  });
  const ours = await ask(`/auth/saml/${id}/metadata?download`, '');
  expect(ours.get('content-disposition')).toBe('attachment; filename=relvar-saml.xml');
  expect(ours.text).toContain('use="encryption"');
  await expect(update({ isEnabled: true })).rejects.toMatchObject({ code: 'RV133', field: 'entityId' });
  expect((await post('/auth/sso/test', { provider: id })).body.error.message).toMatch('not known yet');
});

test('metadata is read from an address, as text, and a certificate as it was copied', async () => {
  const facts = {
    base64: peer.keys.certificate,
    subject: 'CN=idp.test',
    fingerprint: expect.stringMatching(/^([\dA-F]{2}:){31}[\dA-F]{2}$/),
    notBefore: expect.any(String),
    notAfter: expect.stringMatching(/^204/),
  };
  const read = {
    entityId: 'https://idp.test/metadata',
    signInUrl: 'https://idp.test/sso',
    wantsSignedRequests: false,
    certificates: [facts],
  };
  expect((await post(`/auth/saml/${id}/read`, { url: address })).body).toEqual(read);
  expect((await post(`/auth/saml/${id}/read`, { xml: peer.metadata() })).body).toEqual(read);
  const pem = `-----BEGIN CERTIFICATE-----\n${peer.keys.certificate.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
  expect((await post(`/auth/saml/${id}/read`, { certificate: pem })).body).toEqual({ certificates: [facts] });
});

test('what cannot be read is told in words, at the field', async () => {
  const errors = async (body: object) => (await post(`/auth/saml/${id}/read`, body)).body.error;
  expect(await errors({ xml: '<html/>' })).toMatchObject({
    field: 'xml',
    message: expect.stringMatching('not SAML metadata'),
  });
  expect(await errors({ xml: `<!DOCTYPE x [<!ENTITY a "b">]>${peer.metadata()}` })).toMatchObject({ field: 'xml' });
  expect(await errors({ certificate: 'x' })).toMatchObject({ field: 'certificate' });
  expect(await errors({ url: 'ftp://idp.test' })).toMatchObject({ field: 'url' });
  expect(await errors({ url: 'https://169.254.169.254/latest/meta-data' })).toMatchObject({
    field: 'url',
    message: expect.stringMatching('not an address of the public network'),
  });
  page = { status: 404, body: '' };
  expect(await errors({ url: address })).toMatchObject({
    field: 'url',
    message: expect.stringMatching('answered 404'),
  });
  page = { status: 200, body: 'x'.repeat(1_200_000) };
  expect(await errors({ url: address })).toMatchObject({ field: 'url' });
  page = { status: 200, body: peer.metadata() };
  expect(await errors({})).toMatchObject({ code: 'INVALID_REQUEST' });
  expect(await errors({ url: address, xml: 'x' })).toMatchObject({ code: 'INVALID_REQUEST' });
});

test('settings that cannot be are refused, in psql as well as here', async () => {
  const refused = (settings: object) =>
    update({ settings }).then(
      () => undefined,
      ({ field }: { field?: string }) => field,
    );
  expect(await refused({ certificates: 'x' })).toBe('certificates');
  expect(await refused({ certificates: ['not base64'] })).toBe('certificates');
  expect(await refused({ certificates: Array.from({ length: 11 }, () => peer.keys.certificate) })).toBe('certificates');
  expect(await refused({ signInUrl: 'javascript:alert(1)' })).toBe('signInUrl');
  expect(await refused({ signInUrl: 'http://idp.test/' })).toBe('signInUrl');
  expect(await refused({ metadataUrl: 'file:///etc/passwd' })).toBe('metadataUrl');
  expect(await refused({ allowsIdpInitiated: 'yes' })).toBe('allowsIdpInitiated');
  expect(await refused({ issuer: 'https://idp.test' })).toBe('issuer');
  expect(await refused({ signInUrl: 'https://accounts.google.com/o/saml2/idp?idpid=C01' })).toBeUndefined();
});

test('who may not keep the sign-in, or keeps that of another workspace, gets nothing', async () => {
  const stranger = await signIn('other');
  await server.db.admin.query(
    'select core.add_member($1, $2, $3, $4, (select password_hash from core.users limit 1))',
    ['acme', 'mia@acme.test', 'Mia', 'Member'],
  );
  const answer = await request(server.app.handler)
    .post('/auth/sign-in')
    .send({ email: 'mia@acme.test', password: PASSWORD });
  for (const [who, code] of [
    [stranger, 'NOT_FOUND'],
    [cookieOf(answer), 'FORBIDDEN'],
    ['', 'NOT_SIGNED_IN'],
  ] as const) {
    expect((await ask(`/auth/saml/${id}/facts`, who)).body.error.code).toBe(code);
    expect((await post(`/auth/saml/${id}/read`, { url: address }, who)).body.error.code).toBe(code);
  }
});

test('a test of the sign-in shows what the provider says, or why it was refused, and signs nobody in', async () => {
  const settings = {
    entityId: peer.entityId,
    signInUrl: 'https://idp.test/sso',
    certificates: [peer.keys.certificate],
    metadataUrl: address,
  };
  expect(await update({ settings })).toMatchObject({ lacks: null });
  const ours = (await ask(`/auth/saml/${id}/metadata`, '')).text;
  const run = async (provider: SamlProvider) => {
    const begun = await post('/auth/sso/test', { provider: id });
    const asked = await peer.readRequest(begun.body.location, ours);
    const answer = await provider.answer(ours, {
      inResponseTo: asked.id,
      nameId: 'ada',
      attributes: { mail: 'ada@acme.test', groups: ['a', 'b'] },
    });
    const posted = await request(server.app.handler)
      .post(`/auth/saml/${id}/acs`)
      .set('host', 'localhost:3000')
      .type('form')
      .send({ SAMLResponse: answer });
    return ask(posted.get('location')!, `${cookie}; ${cookieOf(begun)}`);
  };
  const lastTest = async () =>
    (await server.db.admin.query('select last_test, tested_at from core.identity_providers where id = $1', [id]))
      .rows[0];

  const failed = await run(new SamlProvider());
  expect(failed.get('location')).toMatch(/^\/sso#/);
  expect(await lastTest()).toMatchObject({
    tested_at: null,
    last_test: { problem: 'WRONG_SIGNATURE', said: expect.stringMatching('No certificate of the provider fits') },
  });
  const worked = await run(peer);
  expect(worked.get('location')).toBe(`/settings/sign-in?provider=${id}`);
  expect(await lastTest()).toMatchObject({
    tested_at: expect.any(Date),
    last_test: { subject: 'ada', email: 'ada@acme.test', claims: { mail: 'ada@acme.test', groups: '["a","b"]' } },
  });
  expect((await ask('/auth/me')).body.user.email).toBe('owner@acme.test');
});

test('another provider in its place has the members connect anew', async () => {
  await server.db.admin.query(
    "insert into core.identities (provider_id, subject, user_id) select $1, 'olive', id from core.users where email = 'owner@acme.test'",
    [id],
  );
  const identities = async () =>
    (await server.db.admin.query('select from core.identities where provider_id = $1', [id])).rowCount;
  const settings = { signInUrl: 'https://idp.test/sso', certificates: [peer.keys.certificate] };
  await update({ settings: { ...settings, entityId: peer.entityId, allowsIdpInitiated: true } });
  expect(await identities()).toBe(1);
  await update({ settings: { ...settings, entityId: 'https://another.test' } });
  expect(await identities()).toBe(0);
});
