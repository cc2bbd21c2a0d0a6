import { generateKeyPairSync } from 'node:crypto';
import { MetadataRefused, readIdpMetadata } from '../../../db/saml/idpMetadata.ts';
import { makeSamlKeys, SamlProvider } from '../../testing/samlProvider.ts';
import { selfSign } from '../../../db/saml/selfSign.ts';

const provider = new SamlProvider();
const xml = provider.metadata();

const refusal = (text: string): string => {
  try {
    readIdpMetadata(text);
  } catch (error) {
    if (error instanceof MetadataRefused) return error.message;
    throw error;
  }
  throw new Error('This was expected to be refused, and was not.');
};

test('metadata of a provider says who it is, where to send people, and what it signs with', () => {
  expect(readIdpMetadata(xml)).toEqual({
    entityId: 'https://idp.test/metadata',
    signInUrl: 'https://idp.test/sso',
    certificates: [provider.keys.certificate],
    wantsSignedRequests: false,
  });
  const another = makeSamlKeys().certificate;
  const both = provider.but({ alsoTrusted: [another], wantsSignedRequests: true }).metadata();
  expect(readIdpMetadata(both)).toMatchObject({
    certificates: [provider.keys.certificate, another],
    wantsSignedRequests: true,
  });
});

test('metadata is read as people find it: with a byte order mark, a comment, in a list of one, certificates in lines', () => {
  const lines = provider.keys.certificate.replaceAll(/.{64}/g, '$&\n');
  const found = xml.replace(provider.keys.certificate, `\n${lines}\n`);
  const inList = `\uFEFF<?xml version="1.0"?><!-- ours --><EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">${found}</EntitiesDescriptor>`;
  expect(readIdpMetadata(inList)).toEqual(readIdpMetadata(xml));
});

test('a certificate for encryption signs nothing', () => {
  expect(refusal(xml.replace('use="signing"', 'use="encryption"'))).toMatch('no certificate for signing');
  expect(readIdpMetadata(xml.replace(' use="signing"', '')).certificates).toHaveLength(1);
});

test('what is not metadata of one identity provider is refused in words', () => {
  expect(refusal('nonsense')).toMatch('well-formed');
  expect(refusal('')).toMatch('well-formed');
  expect(refusal('<html><body>Sign in</body></html>')).toMatch('no EntityDescriptor');
  expect(refusal(xml.replaceAll('IDPSSODescriptor', 'SPSSODescriptor'))).toMatch(
    'not the metadata of an identity provider',
  );
  expect(refusal(xml.replace('HTTP-Redirect', 'SOAP'))).toMatch('HTTP-Redirect');
  expect(refusal(xml.replace('https://idp.test/sso', 'javascript:alert(1)'))).toMatch('HTTP-Redirect');
  expect(refusal(xml.replace('entityID="https://idp.test/metadata"', ''))).toMatch('entityID');
  expect(refusal(xml.replace('entityID=', 'validUntil="2020-01-01T00:00:00Z" entityID='))).toMatch('2020-01-01');
  expect(
    refusal(`<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">${xml}${xml}</EntitiesDescriptor>`),
  ).toMatch('2 entities');
});

test('keys that are too short, or of a kind that SAML libraries do not verify, are not taken', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const certificate = selfSign('weak', weak);
  expect(refusal(xml.replace(provider.keys.certificate, certificate))).toMatch('at least 2048 bits');
  // Beside one that is good it does no harm.
  expect(readIdpMetadata(provider.but({ alsoTrusted: [certificate] }).metadata()).certificates).toEqual([
    provider.keys.certificate,
  ]);
});

test('entities, document types and floods are refused before they are read', () => {
  const laughs = `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>${xml.replace('https://idp.test/sso', '&b;')}`;
  expect(refusal(laughs)).toMatch('document type or entities');
  const fetches = `<!DOCTYPE l SYSTEM "file:///etc/passwd">${xml}`;
  expect(refusal(fetches)).toMatch('document type or entities');
  expect(refusal(`${xml}${' '.repeat(1_000_001)}`)).toMatch('longer than');
  const deep = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}</EntityDescriptor>`;
  expect(refusal(deep)).toMatch('deeper than');
});
