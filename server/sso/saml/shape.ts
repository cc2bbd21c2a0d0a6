import { childrenOf, elementsOf, parseXml, XmlRefused } from '../../../db/saml/xml.ts';
import { SamlRefused } from './refused.ts';

export const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion';
export const SAMLP = 'urn:oasis:names:tc:SAML:2.0:protocol';
const DS = 'http://www.w3.org/2000/09/xmldsig#';
const ENC = 'http://www.w3.org/2001/04/xmlenc#';
const EXC_C14N = ['http://www.w3.org/2001/10/xml-exc-c14n#', 'http://www.w3.org/2001/10/xml-exc-c14n#WithComments'];

/** Long lists of groups are long; an answer with more than this is no answer. */
const MAX_LENGTH = 400_000;

/**
 * The algorithms that may stand in an answer, by the element that names them. SHA-1 is not among those that sign; CBC is
 * among those that encrypt, for that is what most identity providers do, and inside there must be a signature anyway.
 */
const ALGORITHMS: { [name: string]: readonly string[] } = {
  [`${DS} SignatureMethod`]: [
    'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
    'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1',
  ],
  [`${DS} DigestMethod in Reference`]: [
    'http://www.w3.org/2001/04/xmlenc#sha256',
    'http://www.w3.org/2001/04/xmlenc#sha512',
  ],
  [`${DS} CanonicalizationMethod`]: EXC_C14N,
  [`${DS} Transform`]: ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', ...EXC_C14N],
  [`${ENC} EncryptionMethod in EncryptedData`]: [
    'http://www.w3.org/2009/xmlenc11#aes256-gcm',
    'http://www.w3.org/2009/xmlenc11#aes128-gcm',
    'http://www.w3.org/2001/04/xmlenc#aes256-cbc',
    'http://www.w3.org/2001/04/xmlenc#aes128-cbc',
  ],
  [`${ENC} EncryptionMethod in EncryptedKey`]: ['http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p'],
};

/** Parses an answer, or what was encrypted in one. */
export function parseMessage(xml: string): Element {
  try {
    return parseXml(xml, { maxLength: MAX_LENGTH, isMessage: true });
  } catch (error) {
    if (error instanceof XmlRefused) throw new SamlRefused(error.reason, error.message);
    throw error;
  }
}

export interface ResponseShape {
  readonly assertion: Element | undefined;
  readonly encrypted: Element | undefined;
  readonly isSigned: boolean;
}

/**
 * What an answer may look like: one Response, in it one assertion, signatures where they belong, and each ID once. Wrapping
 * attacks need a second place for the signed element to stand, or an ID that two elements have. There is none.
 */
export function readShape(response: Element): ResponseShape {
  if (response.namespaceURI !== SAMLP || response.localName !== 'Response') {
    throw new SamlRefused('INVALID', 'This is not a Response of SAML 2.0.');
  }
  const [assertion, ...others] = childrenOf(response, SAML, 'Assertion');
  const [encrypted, ...otherEncrypted] = childrenOf(response, SAML, 'EncryptedAssertion');
  if (others.length + otherEncrypted.length > 0 || (assertion && encrypted)) {
    throw new SamlRefused('WRAPPED', 'The answer has more than one assertion.');
  }
  assertOrderly(response, [response, assertion, encrypted]);
  return { assertion, encrypted, isSigned: isSigned(response) };
}

/** The same for the assertion that was encrypted. */
export function assertAssertion(element: Element): void {
  if (element.namespaceURI !== SAML || element.localName !== 'Assertion') {
    throw new SamlRefused('INVALID', 'What is encrypted is not an assertion of SAML 2.0.');
  }
  assertOrderly(element, [element]);
}

export const isSigned = (element: Element): boolean => childrenOf(element, DS, 'Signature').length === 1;

function assertOrderly(root: Element, known: readonly (Element | undefined)[]): void {
  const ids = new Set<string>();
  for (const element of elementsOf(root)) {
    const name = element.localName;
    // By the local name: an element that is called Assertion in another namespace is there to be taken for one.
    if (['Response', 'Assertion', 'EncryptedAssertion'].includes(name) && !known.includes(element)) {
      throw new SamlRefused('WRAPPED', `There is a second ${name} in the answer.`);
    }
    if (name === 'Signature' && !mayBeSignedBy(element, known)) {
      throw new SamlRefused('WRAPPED', 'A signature stands where none belongs.');
    }
    if (name === 'Object' || name === 'Manifest') {
      throw new SamlRefused('WRAPPED', 'A signature has contents of its own.');
    }
    assertAlgorithm(element);
    for (const attribute of Array.from(element.attributes)) {
      if (attribute.localName.toLowerCase() !== 'id' || attribute.value === '') continue;
      if (ids.has(attribute.value)) throw new SamlRefused('DUPLICATE_ID', 'Two elements have the same ID.');
      ids.add(attribute.value);
    }
  }
}

function mayBeSignedBy(signature: Element, known: readonly (Element | undefined)[]): boolean {
  const parent = signature.parentNode as Element | null;
  if (!parent || !known.includes(parent) || parent.localName === 'EncryptedAssertion') return false;
  return signature.namespaceURI === DS && childrenOf(parent, DS, 'Signature').length === 1;
}

function assertAlgorithm(element: Element): void {
  const name = `${element.namespaceURI} ${element.localName}`;
  const allowed = ALGORITHMS[name] ?? ALGORITHMS[`${name} in ${(element.parentNode as Element | null)?.localName}`];
  const algorithm = element.getAttribute('Algorithm');
  if (!allowed || allowed.includes(algorithm ?? '')) return;
  throw new SamlRefused('WEAK_ALGORITHM', `The algorithm ${String(algorithm).slice(0, 100)} is not accepted.`);
}
