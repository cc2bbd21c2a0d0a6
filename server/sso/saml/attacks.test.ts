import { jest } from '@jest/globals';
import { makeSamlKeys, SamlProvider } from '../../testing/samlProvider.ts';
import type { Statement } from '../../testing/samlProvider.ts';
import { SamlSignIn } from '../../testing/samlSignIn.ts';
import type { Browser } from '../../testing/samlSignIn.ts';
import { useServer } from '../../testing/server.ts';
import { WRAPPINGS, wrapSignature } from '../../testing/signatureWrapping.ts';

/** What somebody might try to come in as somebody else by SAML. Each is refused, and written to the audit. */

const server = useServer();
let acme: SamlSignIn;
let other: SamlSignIn;

beforeAll(async () => {
  await server.createWorkspace('acme');
  await server.createWorkspace('other');
  const provider = new SamlProvider();
  acme = await SamlSignIn.setUp(server, 'acme', provider);
  // Another workspace trusts the same provider, with the same key.
  other = await SamlSignIn.setUp(server, 'other', provider);
});

const decode = (answer: string) => Buffer.from(answer, 'base64').toString('utf8');
const encode = (xml: string) => Buffer.from(xml).toString('base64');

async function expectRefused(browser: Browser, answer: string, reason: string, relayState?: string) {
  const response = await acme.bring(browser, answer, relayState);
  expect(browser.isSignedIn).toBe(false);
  expect(await acme.refusalOf(browser)).toBe(reason);
  return response;
}

/** An answer to a request that the browser has begun indeed, changed on its way. */
async function tamper(
  statement: Statement,
  change: (answer: string) => string,
  reason: string,
  provider = acme.provider,
) {
  const browser = acme.browser();
  const { id } = await acme.begin(browser);
  await expectRefused(browser, change(await acme.answer({ inResponseTo: id, ...statement }, provider)), reason);
}

const same = (answer: string) => answer;
const edit = (change: (xml: string) => string) => (answer: string) => encode(change(decode(answer)));

test('without any change one comes in', async () => {
  const { browser } = await acme.run({ nameId: 'victim' });
  expect(await browser.who()).toMatchObject({ email: 'victim@acme.test', workspace: 'acme' });
});

describe('signature wrapping', () => {
  test.each(WRAPPINGS)('%s', async (variant) => {
    await tamper(
      { nameId: 'mallory' },
      (answer) => wrapSignature(variant, answer, 'victim'),
      'WRAPPED',
      acme.provider.but({ signsResponse: true }),
    );
  });

  test.each(WRAPPINGS.slice(2))('%s, without a signature of the whole', async (variant) => {
    await tamper({ nameId: 'mallory' }, (answer) => wrapSignature(variant, answer, 'victim'), 'WRAPPED');
  });

  test('an assertion of another namespace', async () => {
    const forged = '<x:Assertion xmlns:x="urn:x" ID="_x"/>';
    await tamper(
      {},
      edit((xml) => xml.replace('<samlp:Status>', `${forged}<samlp:Status>`)),
      'WRAPPED',
    );
  });

  test('two elements with one ID', async () => {
    const twin = (xml: string) => {
      const id = /<saml:Assertion [^>]*\bID="([^"]+)"/.exec(xml)![1]!;
      return xml.replace(
        '<samlp:Status>',
        `<samlp:Extensions><x xmlns="urn:x" Id="${id}"/></samlp:Extensions><samlp:Status>`,
      );
    };
    await tamper({}, edit(twin), 'DUPLICATE_ID');
  });
});

describe('signatures', () => {
  test('none at all', () =>
    tamper({}, same, 'UNSIGNED', acme.provider.but({ signsAssertion: false, signsResponse: true })));

  test('cut out', () =>
    tamper(
      {},
      edit((xml) => xml.replace(/<ds:Signature .*<\/ds:Signature>/s, '')),
      'UNSIGNED',
    ));

  test('of another key', () => tamper({}, same, 'WRONG_SIGNATURE', acme.provider.but({ keys: makeSamlKeys() })));

  test('of another key whose certificate comes along', () => {
    // The answer names the certificate that verifies it, as answers do. It is not asked.
    const forger = acme.provider.but({ keys: makeSamlKeys() });
    return tamper(
      {},
      edit((xml) => (expect(xml).toContain(forger.keys.certificate), xml)),
      'WRONG_SIGNATURE',
      forger,
    );
  });

  test('of what was said before somebody changed it', async () => {
    await tamper(
      { nameId: 'mallory' },
      edit((xml) => xml.replace('>mallory<', '>victim<')),
      'WRONG_SIGNATURE',
    );
    await tamper(
      {},
      edit((xml) => xml.replace('ada@acme.test', 'victim@acme.test')),
      'WRONG_SIGNATURE',
    );
  });

  test('of the whole, wrong, around an assertion that is right', () =>
    tamper(
      {},
      edit((xml) =>
        xml.replace('<samlp:Status>', '<samlp:Status >').replace('2.0" IssueInstant="20', '2.0" IssueInstant="19'),
      ),
      'WRONG_SIGNATURE',
      acme.provider.but({ signsResponse: true }),
    ));

  test('with SHA-1', () =>
    tamper(
      {},
      same,
      'WEAK_ALGORITHM',
      acme.provider.but({ signatureAlgorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }),
    ));

  test('with SHA-1, encrypted', () =>
    tamper(
      {},
      same,
      'WEAK_ALGORITHM',
      acme.provider.but({ encrypts: true, signatureAlgorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }),
    ));

  test('as if by our own public key as a shared secret', () =>
    tamper(
      {},
      edit((xml) =>
        xml.replace('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'http://www.w3.org/2000/09/xmldsig#hmac-sha1'),
      ),
      'WEAK_ALGORITHM',
    ));

  test('with a transform that leaves things out', () =>
    tamper(
      {},
      edit((xml) =>
        xml.replace(
          'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
          'http://www.w3.org/TR/1999/REC-xpath-19991116',
        ),
      ),
      'WEAK_ALGORITHM',
    ));
});

describe('XML', () => {
  test('with entities that grow', () =>
    tamper(
      {},
      edit((xml) => `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>${xml.replace('>ada<', '>&b;<')}`),
      'DTD',
    ));

  test('with entities that fetch', () =>
    tamper(
      {},
      edit((xml) => `<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/passwd">]>${xml.replace('>ada<', '>&f;<')}`),
      'DTD',
    ));

  test('with a document type after its beginning', () =>
    tamper(
      {},
      edit((xml) => `<?xml version="1.0"?>\n<!DOCTYPE samlp:Response SYSTEM "http://127.0.0.1:1/x.dtd">${xml}`),
      'DTD',
    ));

  test('with a comment in the name', async () => {
    // The signature is right, since canonical XML has no comments; who reads up to it would read another name.
    const split = (xml: string) => xml.replace('>victim.mallory<', '>victim<!-- -->.mallory<');
    await tamper({ nameId: 'victim.mallory' }, edit(split), 'COMMENT');
    await tamper({ nameId: 'victim.mallory', edit: split }, same, 'COMMENT');
    await tamper({ nameId: 'victim.mallory', edit: split }, same, 'COMMENT', acme.provider.but({ encrypts: true }));
  });

  test('with an instruction or a CDATA section in the name', async () => {
    await tamper(
      { nameId: 'victim.mallory' },
      edit((xml) => xml.replace('victim.', 'victim<?x y?>.')),
      'COMMENT',
    );
    await tamper(
      { nameId: 'victim.mallory' },
      edit((xml) => xml.replace('victim.', '<![CDATA[victim]]>.')),
      'COMMENT',
    );
  });

  test('that is none, is broken, is too long or too deep', async () => {
    await tamper({}, () => 'nonsense', 'NOT_XML');
    await tamper({}, () => '', 'NOT_XML');
    await tamper(
      {},
      edit((xml) => xml.replace('</samlp:Response>', '')),
      'NOT_XML',
    );
    await tamper(
      {},
      edit((xml) => `${xml}<samlp:Response xmlns:samlp="urn:x"/>`),
      'NOT_XML',
    );
    await tamper(
      {},
      edit((xml) => xml.replace('</samlp:Response>', `${' '.repeat(400_000)}</samlp:Response>`)),
      'TOO_LARGE',
    );
    await tamper({}, () => 'A'.repeat(1_100_000), 'TOO_LARGE');
    await tamper({}, () => encode(`${'<a>'.repeat(20_000)}${'</a>'.repeat(20_000)}`), 'TOO_LARGE');
  });
});

describe('encryption', () => {
  test('for another key', async () => {
    const browser = acme.browser();
    const { id } = await acme.begin(browser);
    const ours = /use="encryption".*?<ds:X509Certificate>([^<]+)/s.exec(acme.metadata)![1]!;
    const foreign = acme.metadata.replace(ours, makeSamlKeys().certificate);
    const answer = await acme.provider.but({ encrypts: true }).answer(foreign, { inResponseTo: id });
    await expectRefused(browser, answer, 'NOT_DECRYPTED');
  });

  test('with RSA 1.5', async () => {
    // The peer warns of what it is made to do.
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
    const weak = acme.provider.but({ encrypts: true, keyEncryption: 'http://www.w3.org/2001/04/xmlenc#rsa-1_5' });
    await tamper({}, same, 'WEAK_ALGORITHM', weak);
    warn.mockRestore();
  });

  test('of something unsigned, which anybody can encrypt for us', () =>
    tamper({}, same, 'UNSIGNED', acme.provider.but({ encrypts: true, signsAssertion: false, signsResponse: true })));
});

describe('an assertion', () => {
  const minutes = (count: number) => new Date(Date.now() + count * 60_000);

  test('that was used before', async () => {
    const browser = acme.browser();
    const { id } = await acme.begin(browser);
    const answer = await acme.answer({ inResponseTo: id, nameId: 'victim' });
    await acme.bring(browser, answer);
    expect(browser.isSignedIn).toBe(true);
    const thief = acme.browser();
    await expectRefused(thief, answer, 'REPLAYED');
  });

  test('that is brought twice at the same moment works once', async () => {
    const browser = acme.browser();
    const { id } = await acme.begin(browser);
    const form = { SAMLResponse: await acme.answer({ inResponseTo: id }) };
    const both = await Promise.all([1, 2, 3].map(() => browser.postFromElsewhere(acme.acs, form)));
    expect(both.filter((response) => response.get('location')!.includes('ticket='))).toHaveLength(1);
  });

  test.each([
    ['that has run out', { issuedAt: minutes(-8), notBefore: minutes(-8), notOnOrAfter: minutes(-3) }, 'EXPIRED'],
    [
      'that was made long ago, whatever it says of itself',
      { issuedAt: minutes(-60), notOnOrAfter: minutes(60) },
      'EXPIRED',
    ],
    ['that is not valid yet', { notBefore: minutes(5), notOnOrAfter: minutes(10) }, 'NOT_YET_VALID'],
    ['that was made in the future', { issuedAt: minutes(5) }, 'NOT_YET_VALID'],
    ['for another service', { audience: 'https://other.example/saml' }, 'WRONG_AUDIENCE'],
    ['for another address', { recipient: 'https://other.example/acs' }, 'WRONG_RECIPIENT'],
    ['in an answer for another address', { destination: 'https://other.example/acs' }, 'WRONG_DESTINATION'],
    ['of another provider', { issuer: 'https://evil.test/metadata' }, 'WRONG_ISSUER'],
    ['that names nobody', { nameId: ' ' }, 'NO_NAME_ID'],
    ['that names people otherwise each time', { nameIdFormat: 'transient' }, 'NO_NAME_ID'],
  ])('%s', (_what, statement, reason) => tamper(statement, same, reason));

  test.each([
    ['conditions', /<saml:Conditions .*<\/saml:Conditions>/, 'INVALID'],
    ['an audience', /<saml:AudienceRestriction>.*<\/saml:AudienceRestriction>/, 'WRONG_AUDIENCE'],
    ['a confirmation', /<saml:SubjectConfirmation .*<\/saml:SubjectConfirmation>/, 'INVALID'],
    ['a recipient', / Recipient="[^"]*"/, 'WRONG_RECIPIENT'],
    ['a time at which its confirmation ends', /(?<=SubjectConfirmationData) NotOnOrAfter="[^"]*"/, 'INVALID'],
    ['a statement of signing in', /<saml:AuthnStatement .*<\/saml:AuthnStatement>/, 'INVALID'],
    ['an issuer', /(?<=<saml:Assertion [^>]*>)<saml:Issuer>[^<]*<\/saml:Issuer>/, 'INVALID'],
  ])('without %s', async (what, part, reason) => {
    // The peer puts its signature behind the issuer; without one it cannot sign.
    if (what === 'an issuer')
      await tamper(
        {},
        edit((xml) => xml.replace(part, '')),
        'WRONG_SIGNATURE',
      );
    else await tamper({ edit: (xml) => xml.replace(part, '') }, same, reason);
  });

  test('with conditions that nobody knows', () =>
    tamper(
      {
        edit: (xml) => xml.replace('<saml:AudienceRestriction>', '<x:Only xmlns:x="urn:x"/><saml:AudienceRestriction>'),
      },
      same,
      'INVALID',
    ));

  test('for another workspace that trusts the same provider', async () => {
    const browser = acme.browser();
    const { id } = await acme.begin(browser);
    await expectRefused(browser, await other.answer({ inResponseTo: id, nameId: 'victim' }), 'WRONG_DESTINATION');
    const bare = await other.answer({
      inResponseTo: id,
      edit: (xml) => xml.replace(/ Destination="[^"]*"/, ''),
    });
    await expectRefused(acme.browser(), bare, 'WRONG_RECIPIENT');
    const readdressed = await other.answer({
      inResponseTo: id,
      recipient: `http://localhost:3000${acme.acs}`,
      destination: `http://localhost:3000${acme.acs}`,
    });
    await expectRefused(acme.browser(), readdressed, 'WRONG_AUDIENCE');
  });
});

describe('an answer', () => {
  test('that nobody has asked for, where the provider may not begin', async () => {
    await expectRefused(acme.browser(), await acme.answer({ inResponseTo: null }), 'UNSOLICITED');
    await tamper({ inResponseTo: null }, same, 'UNSOLICITED');
  });

  test('to the request of another browser signs nobody in', async () => {
    const mallory = acme.browser();
    const { id } = await acme.begin(mallory);
    const answer = await acme.answer({ inResponseTo: id, nameId: 'mallory' });
    // A page of Mallory posts it from the browser of the victim, who has begun nothing, or something else.
    await expectRefused(acme.browser(), answer, 'NOT_BEGUN_HERE');
    const victim = acme.browser();
    await acme.begin(victim);
    await expectRefused(victim, await acme.answer({ inResponseTo: id, nameId: 'mallory' }), 'WRONG_STATE');
  });

  test('that Mallory fetched up to its ticket signs nobody else in', async () => {
    const mallory = acme.browser();
    const { id } = await acme.begin(mallory);
    const form = { SAMLResponse: await acme.answer({ inResponseTo: id, nameId: 'mallory' }) };
    const { location } = (await mallory.postFromElsewhere(acme.acs, form)).headers as { location: string };
    const victim = acme.browser();
    expect((await victim.get(location)).get('location')).toMatch(/^\/sso#/);
    expect(victim.isSignedIn).toBe(false);
    expect(await acme.refusalOf(victim)).toBe('NOT_BEGUN_HERE');
  });

  test('to a request that names another one around the assertion', async () => {
    const browser = acme.browser();
    const { id } = await acme.begin(browser);
    const stolen = await acme.answer({ inResponseTo: '_another' });
    await expectRefused(
      browser,
      edit((xml) => xml.replace('InResponseTo="_another"', `InResponseTo="${id}"`))(stolen),
      'INVALID',
    );
  });

  test('to a provider that was switched off meanwhile', async () => {
    const browser = acme.browser();
    const { id } = await acme.begin(browser);
    await server.db.admin.query('update core.identity_providers set is_enabled = false where id = $1', [acme.id]);
    await acme.bring(browser, await acme.answer({ inResponseTo: id }));
    await server.db.admin.query('update core.identity_providers set is_enabled = true where id = $1', [acme.id]);
    expect(browser.isSignedIn).toBe(false);
    expect(await acme.refusalOf(browser)).toBe('RV132');
  });

  test.each([
    'https://evil.test/',
    '//evil.test/',
    '/\\evil.test',
    'http://localhost:3000.evil.test/',
    'http://localhost:3000@evil.test/',
    'javascript:alert(1)',
    '/a\nLocation: https://evil.test/',
  ])('that leads on to %j', async (relayState) => {
    const browser = acme.browser();
    const { id } = await acme.begin(browser);
    const response = await expectRefused(browser, await acme.answer({ inResponseTo: id }), 'OPEN_REDIRECT', relayState);
    expect(response.get('location')).toMatch(/^\/sso#/);
    const another = acme.browser();
    const begun = await another.get(`/auth/sso/start/${acme.id}?next=${encodeURIComponent(relayState)}`);
    expect(begun.get('location')).toMatch(/^\/sso#/);
    expect(await acme.refusalOf(another)).toBe('OPEN_REDIRECT');
  });

  test('for a host that somebody has made up is not read', async () => {
    const browser = acme.browser();
    browser.host = 'evil.test';
    expect((await browser.get(`/auth/saml/${acme.id}/metadata`)).status).toBe(421);
    const response = await browser.postFromElsewhere(acme.acs, {
      SAMLResponse: await acme.answer({ inResponseTo: '_x' }),
    });
    expect(response.get('location')).toMatch(/^\/sso#/);
    expect(await acme.refusalOf(browser)).toBe('WRONG_HOST');
  });
});

test('a provider names nobody whose account belongs to others', async () => {
  // The provider of a workspace says whatever it likes; the account belongs to others, too.
  const { browser, response } = await acme.run({ nameId: 'x', attributes: { email: 'owner@other.test' } });
  expect(response.get('location')).toMatch(/^\/sso#/);
  expect(browser.isSignedIn).toBe(false);
  expect(await acme.refusalOf(browser)).toBe('RV134');
});

test('many wrong answers from one address are not looked at any more', async () => {
  const browser = acme.browser();
  for (let count = 0; count < 105; count++) await browser.postFromElsewhere(acme.acs, { SAMLResponse: 'x' });
  const { rows } = await server.db.admin.query(
    'select count(*)::int as count from core.auth_events where user_agent = $1',
    [browser.agent],
  );
  expect(rows[0].count).toBe(100);
});
