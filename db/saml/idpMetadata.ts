import { CertificateRefused, readCertificates, toBase64 } from './certificates.ts';
import { childrenOf, elementsOf, parseXml, textOf, XmlRefused } from './xml.ts';

/** What a service must know of an identity provider. */
export interface IdpMetadata {
  readonly entityId: string;
  /** Where browsers are sent with a request. */
  readonly signInUrl: string;
  /** Base64; every one of them may sign. Several are there while an old key is replaced by a new one. */
  readonly certificates: readonly string[];
  readonly wantsSignedRequests: boolean;
}

/** Said to the person who gave the metadata. */
export class MetadataRefused extends Error {}

/** That of one provider has some kilobytes; that of a whole federation is not meant for this. */
export const MAX_METADATA_LENGTH = 1_000_000;
const MAX_CERTIFICATES = 10;

const MD = 'urn:oasis:names:tc:SAML:2.0:metadata';
const DS = 'http://www.w3.org/2000/09/xmldsig#';
const PROTOCOL = 'urn:oasis:names:tc:SAML:2.0:protocol';
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';

/** Reads the metadata document of an identity provider; throws MetadataRefused with a sentence for people. */
export function readIdpMetadata(xml: string): IdpMetadata {
  const entity = onlyEntity(parseMetadata(xml));
  const validUntil = entity.getAttribute('validUntil');
  if (validUntil && !(Date.parse(validUntil) > Date.now())) {
    throw new MetadataRefused(`The metadata was valid until ${validUntil}. Fetch it again from the identity provider.`);
  }
  const entityId = entity.getAttribute('entityID')?.trim() ?? '';
  if (entityId === '') throw new MetadataRefused('The metadata does not say its entityID.');
  const role = childrenOf(entity, MD, 'IDPSSODescriptor').find((descriptor) =>
    (descriptor.getAttribute('protocolSupportEnumeration') ?? '').split(/\s+/).includes(PROTOCOL),
  );
  if (!role) {
    throw new MetadataRefused(
      'This is not the metadata of an identity provider: it has no IDPSSODescriptor of SAML 2.0.',
    );
  }
  return {
    entityId,
    signInUrl: signInUrlOf(role),
    certificates: certificatesOf(role),
    wantsSignedRequests: ['true', '1'].includes(role.getAttribute('WantAuthnRequestsSigned') ?? ''),
  };
}

function parseMetadata(xml: string): Element {
  try {
    return parseXml(xml.replace(/^\uFEFF/, ''), { maxLength: MAX_METADATA_LENGTH, isMessage: false });
  } catch (error) {
    if (error instanceof XmlRefused) throw new MetadataRefused(error.message);
    throw error;
  }
}

function onlyEntity(root: Element): Element {
  if (root.namespaceURI !== MD || !['EntityDescriptor', 'EntitiesDescriptor'].includes(root.localName)) {
    throw new MetadataRefused('This is not SAML metadata: its first element is no EntityDescriptor.');
  }
  const entities = elementsOf(root).filter(
    (element) => element.namespaceURI === MD && element.localName === 'EntityDescriptor',
  );
  if (entities.length !== 1) {
    throw new MetadataRefused(
      `The metadata describes ${entities.length} entities. Give that of one identity provider.`,
    );
  }
  return entities[0]!;
}

function signInUrlOf(role: Element): string {
  const service = childrenOf(role, MD, 'SingleSignOnService').find(
    (element) => element.getAttribute('Binding') === REDIRECT,
  );
  const url = service?.getAttribute('Location')?.trim() ?? '';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new MetadataRefused('The metadata names no address for the binding HTTP-Redirect.');
  }
  return url;
}

function certificatesOf(role: Element): string[] {
  const found = new Set<string>();
  let problem = 'The metadata has no certificate for signing.';
  for (const descriptor of childrenOf(role, MD, 'KeyDescriptor')) {
    // A key without a use is for every use.
    if (!['signing', ''].includes(descriptor.getAttribute('use') ?? '')) continue;
    for (const element of elementsOf(descriptor)) {
      if (element.namespaceURI !== DS || element.localName !== 'X509Certificate') continue;
      try {
        for (const certificate of readCertificates(textOf(element) ?? '')) found.add(toBase64(certificate));
      } catch (error) {
        // One that we cannot use does no harm beside one that we can.
        if (!(error instanceof CertificateRefused)) throw error;
        problem = error.message;
      }
    }
  }
  if (found.size === 0) throw new MetadataRefused(problem);
  if (found.size > MAX_CERTIFICATES)
    throw new MetadataRefused(`The metadata has more than ${MAX_CERTIFICATES} certificates.`);
  return [...found];
}
