import { generateServiceProviderMetadata } from '@node-saml/node-saml';
import type { SamlService } from './service.ts';

/**
 * What identity providers want to know of us: addresses, and the certificates of all our keys, the one that signs first. The next key
 * stands there before it is used.
 */
export function writeMetadata({ entityId, acsUrl, keys, settings }: SamlService): string {
  const [current] = keys;
  if (!current) throw new Error('A provider without a key has no metadata.');
  return generateServiceProviderMetadata({
    issuer: entityId,
    callbackUrl: acsUrl,
    identifierFormat: null,
    wantAssertionsSigned: true,
    decryptionPvk: current.privateKey,
    decryptionCert: current.certificate,
    // Without a key here the library says that requests are not signed, and names no certificate for that.
    ...(settings.signsRequests && {
      privateKey: current.privateKey,
      publicCerts: keys.map(({ certificate }) => certificate),
    }),
  });
}
