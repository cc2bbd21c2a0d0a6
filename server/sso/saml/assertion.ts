import { childrenOf, textOf } from '../../../db/saml/xml.ts';
import { SamlRefused } from './refused.ts';
import { SAML } from './shape.ts';

/** What a signed assertion says of a person. */
export interface Assertion {
  readonly id: string;
  readonly nameId: string;
  readonly nameIdFormat: string;
  /** By their names, and by their friendly names where no attribute has that name. */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
  /** The request that it answers; null where nobody asked. */
  readonly inResponseTo: string | null;
  /** How the provider made sure who it is. */
  readonly contexts: readonly string[];
  /** Nobody accepts it after that. */
  readonly goodUntil: Date;
}

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly recipient: string;
}

/** Clocks of servers differ by less. */
export const SKEW_MS = 60_000;
/** An assertion is made when somebody signs in and arrives at once, whatever it says of how long it is good for. */
const MAX_AGE_MS = 10 * 60_000;
const MAX_NAME_ID_LENGTH = 500;
const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';

/**
 * Reads an assertion whose signature was verified, and makes sure that it is for us and for now. Everything that is used
 * comes from here. What the profile for browsers asks for must be there; absence is no consent.
 */
export function readAssertion(assertion: Element, expected: Expected, now = Date.now()): Assertion {
  const id = assertion.getAttribute('ID') ?? '';
  if (id === '' || assertion.getAttribute('Version') !== '2.0') {
    throw new SamlRefused('INVALID', 'The assertion is not one of SAML 2.0.');
  }
  assertIssuer(only(assertion, 'Issuer'), expected.issuer);
  const issued = readTime(assertion, 'IssueInstant');
  if (issued === null) throw new SamlRefused('INVALID', 'The assertion does not say when it was made.');
  assertNotBefore(issued, now);
  assertNotAfter(issued + MAX_AGE_MS, now);

  const subject = only(assertion, 'Subject');
  const confirmation = readConfirmation(subject, expected.recipient, now);
  assertConditions(only(assertion, 'Conditions'), expected.audience, now);
  const { nameId, nameIdFormat } = readNameId(subject);
  return {
    id,
    nameId,
    nameIdFormat,
    attributes: readAttributes(assertion),
    inResponseTo: confirmation.inResponseTo,
    contexts: readContexts(assertion, now),
    goodUntil: new Date(Math.min(issued + MAX_AGE_MS, confirmation.notOnOrAfter) + SKEW_MS),
  };
}

export function assertIssuer(issuer: Element, expected: string): void {
  const text = textOf(issuer);
  if (text === expected) return;
  throw new SamlRefused('WRONG_ISSUER', `The answer is by "${String(text).slice(0, 200)}", not by "${expected}".`);
}

function only(parent: Element, name: string): Element {
  const [element, ...others] = childrenOf(parent, SAML, name);
  if (element && others.length === 0) return element;
  throw new SamlRefused('INVALID', `${parent.localName} must have one ${name}.`);
}

function readTime(element: Element, name: string): number | null {
  const text = element.getAttribute(name);
  if (!text) return null;
  // Times without a zone are UTC in SAML, and local to whoever reads them in JavaScript.
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]00:00)$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) throw new SamlRefused('INVALID', `${name} is not a time in UTC.`);
  return time;
}

function assertNotBefore(time: number, now: number): void {
  if (now + SKEW_MS >= time) return;
  throw new SamlRefused('NOT_YET_VALID', 'The assertion is not valid yet. The clocks of the two servers differ.');
}

function assertNotAfter(time: number, now: number): void {
  if (now - SKEW_MS < time) return;
  throw new SamlRefused('EXPIRED', 'The assertion has run out. Signing in took too long, or the clocks differ.');
}

function readConfirmation(
  subject: Element,
  recipient: string,
  now: number,
): { inResponseTo: string | null; notOnOrAfter: number } {
  const confirmations = childrenOf(subject, SAML, 'SubjectConfirmation').filter(
    (element) => element.getAttribute('Method') === BEARER,
  );
  // One that fits would be enough for the profile. Several are never sent, but by those who hope that one fits.
  if (confirmations.length !== 1) throw new SamlRefused('INVALID', 'Subject must have one confirmation of a bearer.');
  const data = only(confirmations[0]!, 'SubjectConfirmationData');
  if (data.getAttribute('Recipient') !== recipient) {
    throw new SamlRefused('WRONG_RECIPIENT', `The assertion is not for ${recipient}.`);
  }
  const notOnOrAfter = readTime(data, 'NotOnOrAfter');
  if (notOnOrAfter === null) throw new SamlRefused('INVALID', 'The confirmation does not say until when it is good.');
  assertNotAfter(notOnOrAfter, now);
  assertNotBefore(readTime(data, 'NotBefore') ?? -Infinity, now);
  return { inResponseTo: data.getAttribute('InResponseTo') || null, notOnOrAfter };
}

function assertConditions(conditions: Element, audience: string, now: number): void {
  assertNotBefore(readTime(conditions, 'NotBefore') ?? -Infinity, now);
  assertNotAfter(readTime(conditions, 'NotOnOrAfter') ?? Infinity, now);
  const known = ['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction'];
  const strange = childrenOf(conditions).find(
    (element) => element.namespaceURI !== SAML || !known.includes(element.localName),
  );
  if (strange) throw new SamlRefused('INVALID', `The condition ${strange.localName} is not known.`);
  const restrictions = childrenOf(conditions, SAML, 'AudienceRestriction');
  // Each of several restrictions must let us in.
  const isForUs = restrictions.every((restriction) =>
    childrenOf(restriction, SAML, 'Audience').some((element) => textOf(element) === audience),
  );
  if (restrictions.length === 0 || !isForUs) {
    throw new SamlRefused('WRONG_AUDIENCE', `The assertion is not meant for "${audience}".`);
  }
}

function readNameId(subject: Element): { nameId: string; nameIdFormat: string } {
  const [element, ...others] = childrenOf(subject, SAML, 'NameID');
  const nameId = element && others.length === 0 ? textOf(element) : null;
  if (!element || !nameId || nameId.length > MAX_NAME_ID_LENGTH || /\p{C}/u.test(nameId)) {
    throw new SamlRefused('NO_NAME_ID', 'The assertion does not name one person. Let the provider send a NameID.');
  }
  const nameIdFormat = element.getAttribute('Format') ?? '';
  if (nameIdFormat === TRANSIENT) {
    throw new SamlRefused(
      'NO_NAME_ID',
      'The NameID is another one each time. Let the provider send a persistent one, or the e-mail address.',
    );
  }
  return { nameId, nameIdFormat };
}

function readAttributes(assertion: Element): Map<string, string[]> {
  const byName = new Map<string, string[]>();
  const byFriendlyName = new Map<string, string[]>();
  const add = (to: Map<string, string[]>, name: string | null, values: string[]) => {
    if (name) to.set(name, [...(to.get(name) ?? []), ...values]);
  };
  for (const statement of childrenOf(assertion, SAML, 'AttributeStatement')) {
    for (const attribute of childrenOf(statement, SAML, 'Attribute')) {
      const values = childrenOf(attribute, SAML, 'AttributeValue')
        .map((value) => (value.textContent ?? '').trim())
        .filter((value) => value !== '');
      add(byName, attribute.getAttribute('Name'), values);
      add(byFriendlyName, attribute.getAttribute('FriendlyName'), values);
    }
  }
  return new Map([...byFriendlyName, ...byName]);
}

function readContexts(assertion: Element, now: number): string[] {
  const statements = childrenOf(assertion, SAML, 'AuthnStatement');
  if (statements.length === 0) throw new SamlRefused('INVALID', 'The assertion does not say that somebody signed in.');
  for (const statement of statements) assertNotAfter(readTime(statement, 'SessionNotOnOrAfter') ?? Infinity, now);
  return statements
    .flatMap((statement) => childrenOf(statement, SAML, 'AuthnContext'))
    .flatMap((context) => childrenOf(context, SAML, 'AuthnContextClassRef'))
    .map((element) => textOf(element) ?? '');
}
