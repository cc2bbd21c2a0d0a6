import { readIdpMetadata } from '../../../db/saml/idpMetadata.ts';
import { makeSamlKeys, SamlProvider } from '../../testing/samlProvider.ts';
import { SamlSignIn } from '../../testing/samlSignIn.ts';
import { useServer } from '../../testing/server.ts';

/** Signing in by an identity provider of another hand, which signs and encrypts real assertions. */

const server = useServer();
let acme: SamlSignIn;

beforeAll(async () => {
  await server.createWorkspace('acme');
  acme = await SamlSignIn.setUp(server, 'acme', new SamlProvider());
});

const expectEntered = async ({ browser, response }: Awaited<ReturnType<SamlSignIn['run']>>, path = '/') => {
  expect([response.status, response.get('location')]).toEqual([303, path]);
  return browser.who();
};

describe('who begins with us', () => {
  test('is sent to the provider with a request, and comes back as the member whom it names', async () => {
    const browser = acme.browser();
    const { id, url } = await acme.begin(browser, '/objects/people?sort=name');
    expect(url).toMatch(/^https:\/\/idp\.test\/sso\?SAMLRequest=/);
    expect(id).toMatch(/^_[\da-f]{40}$/);
    expect(browser.isSignedIn).toBe(false);
    const response = await acme.bring(browser, await acme.answer({ inResponseTo: id, nameId: 'ada' }));
    expect([response.status, response.get('location')]).toEqual([303, '/objects/people?sort=name']);
    expect(await browser.who()).toMatchObject({ email: 'ada@acme.test', workspace: 'acme', role: 'Member' });
    const { rows } = await server.db.admin.query(
      "select detail, email from core.auth_events where kind = 'SIGN_IN' and user_agent = $1",
      [browser.agent],
    );
    expect(rows).toEqual([{ detail: { method: 'SAML', mfa: false }, email: 'ada@acme.test' }]);
  });

  test('is the same person the next time, whatever the address is then', async () => {
    await expectEntered(await acme.run({ nameId: 'bob', attributes: { email: 'bob@acme.test' } }));
    const again = await acme.run({ nameId: 'bob', attributes: { email: 'robert@acme.test' } });
    expect(await expectEntered(again)).toMatchObject({ email: 'bob@acme.test' });
  });

  test('gets the role that the provider names by a group', async () => {
    const { rows } = await server.db.admin.query<{ workspace_id: string; role_id: string }>(
      `select r.workspace_id, r.id as role_id from metadata.roles r join core.workspaces w on w.id = r.workspace_id
       where w.slug = 'acme' and r.name = 'Read-only'`,
    );
    await server.db.admin.query("update core.identity_providers set role_claim = 'groups' where id = $1", [acme.id]);
    await server.db.admin.query(
      "insert into core.provider_roles (workspace_id, provider_id, value, role_id) values ($1, $2, 'readers', $3)",
      [rows[0]!.workspace_id, acme.id, rows[0]!.role_id],
    );
    const attributes = { email: 'rita@acme.test', groups: ['everybody', 'readers'] };
    expect(await expectEntered(await acme.run({ nameId: 'rita', attributes }))).toMatchObject({ role: 'Read-only' });
  });

  test('is known by the attributes that the administrator has named', async () => {
    await acme.set({ emailAttribute: 'upn', nameAttribute: 'full' });
    const attributes = { upn: 'carl@acme.test', email: 'other@acme.test', full: 'Carl Card' };
    expect(await expectEntered(await acme.run({ nameId: 'carl', attributes }))).toMatchObject({
      email: 'carl@acme.test',
      name: 'Carl Card',
    });
    await acme.set({ emailAttribute: null, nameAttribute: null });
  });

  test.each([
    ['the address is the NameID', { nameId: 'dora@acme.test', nameIdFormat: 'emailAddress', attributes: {} }],
    [
      'the attributes are those of Entra ID',
      {
        nameId: 'x1',
        attributes: {
          'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress': 'dora@acme.test',
          'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname': 'Dora',
        },
      },
    ],
  ])('is known where %s', async (_what, statement) => {
    await server.db.admin.query('delete from core.identities where provider_id = $1', [acme.id]);
    expect(await expectEntered(await acme.run(statement))).toMatchObject({ email: 'dora@acme.test' });
  });
});

describe('answers', () => {
  const encryption = 'http://www.w3.org/2001/04/xmlenc#';
  test.each([
    ['with a signed assertion', {}],
    ['signed as a whole, too', { signsResponse: true }],
    ['encrypted', { encrypts: true }],
    ['encrypted in the mode that most providers use', { encrypts: true, dataEncryption: `${encryption}aes256-cbc` }],
    ['encrypted and signed as a whole', { encrypts: true, signsResponse: true }],
    ['signed with SHA-512', { signatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512' }],
  ])('%s are understood', async (_what, options) => {
    await expectEntered(await acme.run({}, { provider: acme.provider.but(options) }));
  });

  test('must be signed as a whole where the administrator wants that', async () => {
    await acme.set({ wantsSignedResponse: true });
    const { browser, response } = await acme.run();
    expect(response.get('location')).toMatch(/^\/sso#/);
    expect(await acme.refusalOf(browser)).toBe('WRONG_SIGNATURE');
    await expectEntered(await acme.run({}, { provider: acme.provider.but({ signsResponse: true }) }));
    await acme.set({ wantsSignedResponse: false });
  });

  test('may be signed with the old key and with the new one while there are two certificates, and then no more', async () => {
    const next = acme.provider.but({ keys: makeSamlKeys() });
    const both = readIdpMetadata(next.but({ alsoTrusted: [acme.provider.keys.certificate] }).metadata());
    await acme.set({ certificates: both.certificates });
    await expectEntered(await acme.run());
    await expectEntered(await acme.run({}, { provider: next }));
    await acme.set({ certificates: [next.keys.certificate] });
    const { browser } = await acme.run();
    expect(browser.isSignedIn).toBe(false);
    expect(await acme.refusalOf(browser)).toBe('WRONG_SIGNATURE');
    await acme.set({ certificates: [acme.provider.keys.certificate] });
  });

  test('that say no are told to the administrator', async () => {
    const { browser } = await acme.run({ status: 'AuthnFailed' });
    expect(await acme.refusalOf(browser)).toBe('PROVIDER_SAID_NO');
    const { rows } = await server.db.admin.query(
      "select detail ->> 'says' as says from core.auth_events where kind = 'SSO_REFUSED' order by id desc limit 1",
    );
    expect(rows[0].says).toMatch('AuthnFailed');
  });
});

describe('our metadata', () => {
  test('are what the provider needs: addresses, a certificate, and that assertions must be signed', () => {
    expect(acme.metadata).toContain(`entityID="http://localhost:3000/auth/saml/${acme.id}/metadata"`);
    expect(acme.metadata).toContain(`Location="http://localhost:3000/auth/saml/${acme.id}/acs"`);
    expect(acme.metadata).toContain('WantAssertionsSigned="true"');
    expect(acme.metadata).toContain('AuthnRequestsSigned="false"');
  });

  test('say that requests are signed where they are, and the provider verifies them', async () => {
    await acme.set({ signsRequests: true });
    await acme.readMetadata();
    expect(acme.metadata).toContain('AuthnRequestsSigned="true"');
    const strict = acme.provider.but({ wantsSignedRequests: true });
    await expectEntered(await acme.run({}, { provider: strict }));
    await acme.set({ signsRequests: false });
    await expect(acme.begin(acme.browser(), '/', strict)).rejects.toThrow('ERR_MISSING_SIG_ALG');
    await acme.readMetadata();
  });

  test('keep one key for each provider, sealed', async () => {
    const { rows } = await server.db.admin.query('select private_key from core.saml_keys where provider_id = $1', [
      acme.id,
    ]);
    expect(rows).toHaveLength(1);
    expect(rows[0].private_key).toMatch(/^s1\./);
  });

  test('are of SAML providers alone', async () => {
    const nobody = await acme.browser().get('/auth/saml/00000000-0000-7000-8000-000000000000/metadata');
    expect(nobody.status).toBe(404);
    expect((await acme.browser().get('/auth/saml/nonsense/metadata')).status).toBe(404);
  });
});

describe('a provider that begins', () => {
  beforeAll(() => acme.set({ allowsIdpInitiated: true }));
  afterAll(() => acme.set({ allowsIdpInitiated: false }));

  test('is asked for an answer that belongs to this browser, and then people are where they wanted to go', async () => {
    const browser = acme.browser();
    const asked = await acme.bring(browser, await acme.answer({ inResponseTo: null }), '/objects/companies');
    expect(browser.isSignedIn).toBe(false);
    const { id } = await acme.provider.readRequest(asked.get('location')!, acme.metadata);
    const response = await acme.bring(browser, await acme.answer({ inResponseTo: id }));
    expect(response.get('location')).toBe('/objects/companies');
    expect(browser.isSignedIn).toBe(true);
  });

  test('may name an address of ours in full', async () => {
    const browser = acme.browser();
    const asked = await acme.bring(
      browser,
      await acme.answer({ inResponseTo: null }),
      'http://localhost:3000/objects/tasks',
    );
    const { id } = await acme.provider.readRequest(asked.get('location')!, acme.metadata);
    expect((await acme.bring(browser, await acme.answer({ inResponseTo: id }))).get('location')).toBe('/objects/tasks');
  });

  test('and never says which request it answers is not asked for ever', async () => {
    const browser = acme.browser();
    let response = await acme.bring(browser, await acme.answer({ inResponseTo: null, nameId: 'loop' }));
    let times = 1;
    while (response.get('location')!.startsWith('https://idp.test') && times < 10) {
      response = await acme.bring(browser, await acme.answer({ inResponseTo: null, nameId: 'loop' }));
      times += 1;
    }
    expect(times).toBe(4);
    expect(response.get('location')).toMatch(/^\/sso#/);
    expect(await acme.refusalOf(browser)).toBe('UNSOLICITED');
  });
});
