import type { Statement } from '../enterWithProvider.ts';
import type { Assertion } from './assertion.ts';
import type { SamlSettings } from './service.ts';

/** What Entra ID, AD FS, Okta, Keycloak, Google and Shibboleth call an e-mail address and a name, unless they are told otherwise. */
const EMAIL = [
  'email',
  'mail',
  'emailAddress',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
  'urn:oid:0.9.2342.19200300.100.1.3',
  'urn:oid:1.2.840.113549.1.9.1',
];
const NAME = [
  'displayName',
  'name',
  'cn',
  'http://schemas.microsoft.com/identity/claims/displayname',
  'urn:oid:2.16.840.1.113730.3.1.241',
  'urn:oid:2.5.4.3',
];
const FIRST_NAME = [
  'firstName',
  'givenName',
  'first_name',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname',
  'urn:oid:2.5.4.42',
];
const LAST_NAME = [
  'lastName',
  'surname',
  'sn',
  'last_name',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname',
  'urn:oid:2.5.4.4',
];
const EMAIL_FORMAT = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';

/** How providers say that two factors were proved: the profile of REFEDS, and Microsoft's two ways. */
const SECOND_FACTOR = ['https://refeds.org/profile/mfa', 'http://schemas.microsoft.com/claims/multipleauthn'];
const MICROSOFT_METHODS = 'http://schemas.microsoft.com/claims/authnmethodsreferences';

/** Makes of an assertion whom it is about, by the attributes that the administrator has named, or else by those that are usual. */
export function statementOf(assertion: Assertion, settings: SamlSettings): Statement {
  const { attributes, nameId, nameIdFormat, contexts } = assertion;
  const first = (names: readonly string[]): string | null => {
    for (const name of names) {
      const value = attributes.get(name)?.[0];
      if (value) return value;
    }
    return null;
  };
  const emailOfNameId = nameIdFormat === EMAIL_FORMAT || /^[^@\s]+@[^@\s]+$/.test(nameId) ? nameId : null;
  const parts = [first(FIRST_NAME), first(LAST_NAME)].filter((part) => part !== null);
  const email = settings.emailAttribute ? first([settings.emailAttribute]) : (first(EMAIL) ?? emailOfNameId);
  return {
    subject: nameId,
    email,
    // SAML has no word for it: the workspace believes its provider, as far as it has proved its domains.
    isEmailVerified: email !== null,
    name: settings.nameAttribute ? first([settings.nameAttribute]) : parts.length === 2 ? parts.join(' ') : first(NAME),
    claims: Object.fromEntries(
      [...attributes].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
    ),
    hasSecondFactor: [...contexts, ...(attributes.get(MICROSOFT_METHODS) ?? [])].some((said) =>
      SECOND_FACTOR.includes(said),
    ),
  };
}
