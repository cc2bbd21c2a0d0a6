import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import samlify from 'samlify';
import { selfSign } from '../../db/saml/selfSign.ts';

// The schema is not its matter here; our own reader is what is tested.
samlify.setSchemaValidator({ validate: () => Promise.resolve('not validated') });

const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect';
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';

export interface SamlKeys {
  readonly privateKey: string;
  /** Base64. */
  readonly certificate: string;
}

export function makeSamlKeys(name = 'idp.test'): SamlKeys {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return keysOf(privateKey, name);
}

function keysOf(privateKey: KeyObject, name: string): SamlKeys {
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: selfSign(name, { publicKey: createPublicKey(privateKey), privateKey }),
  };
}

/** What an assertion says; everything that a test wants to be otherwise. */
export interface Statement {
  nameId?: string;
  nameIdFormat?: string;
  attributes?: { [name: string]: string | string[] };
  inResponseTo?: string | null;
  issuer?: string;
  audience?: string;
  recipient?: string;
  destination?: string;
  status?: string;
  issuedAt?: Date;
  notBefore?: Date;
  notOnOrAfter?: Date;
  assertionId?: string;
  /** Changes the whole XML before it is signed. */
  edit?: (xml: string) => string;
}

interface ProviderOptions {
  entityId?: string;
  signInUrl?: string;
  keys?: SamlKeys;
  /** Certificates in the metadata beside that of the key which signs. */
  alsoTrusted?: string[];
  encrypts?: boolean;
  dataEncryption?: string;
  keyEncryption?: string;
  signsResponse?: boolean;
  signsAssertion?: boolean;
  wantsSignedRequests?: boolean;
  signatureAlgorithm?: string;
}

const escape = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** An identity provider by another hand (samlify), which signs and encrypts what a test has it say. */
export class SamlProvider {
  readonly entityId: string;
  readonly keys: SamlKeys;
  readonly #options: ProviderOptions;

  constructor(options: ProviderOptions = {}) {
    this.#options = options;
    this.entityId = options.entityId ?? 'https://idp.test/metadata';
    this.keys = options.keys ?? makeSamlKeys();
  }

  /** The same provider with some things otherwise. */
  but(options: ProviderOptions): SamlProvider {
    return new SamlProvider({ ...this.#options, entityId: this.entityId, keys: this.keys, ...options });
  }

  metadata(): string {
    return this.#identityProvider().getMetadata();
  }

  /** Reads a request that was sent by the redirect binding, and verifies its signature where the provider wants one. */
  async readRequest(url: string, serviceMetadata: string): Promise<{ id: string; relayState: string | null }> {
    const { search, searchParams } = new URL(url);
    const query = Object.fromEntries(searchParams);
    const signed = search.slice(1).split('&Signature=')[0]!;
    const { extract } = await this.#identityProvider().parseLoginRequest(this.#service(serviceMetadata), 'redirect', {
      query,
      octetString: signed,
    });
    return { id: String((extract.request as { id: string }).id), relayState: query['RelayState'] ?? null };
  }

  /** The base64 of an answer, as a form would post it. */
  async answer(serviceMetadata: string, statement: Statement = {}): Promise<string> {
    const service = this.#service(serviceMetadata);
    const acs = service.entityMeta.getAssertionConsumerService('post') as string;
    const { context } = await this.#identityProvider().createLoginResponse(
      service,
      { extract: {} },
      'post',
      {},
      {
        encryptThenSign: true,
        customTagReplacement: () => {
          const xml = this.#write(statement, { acs, audience: service.entityMeta.getEntityID() });
          return { id: '_response', context: statement.edit ? statement.edit(xml) : xml };
        },
      },
    );
    return context;
  }

  #write(statement: Statement, defaults: { acs: string; audience: string }): string {
    const issuedAt = statement.issuedAt ?? new Date();
    const notOnOrAfter = statement.notOnOrAfter ?? new Date(issuedAt.getTime() + 5 * 60_000);
    const issuer = escape(statement.issuer ?? this.entityId);
    const answers = statement.inResponseTo ? ` InResponseTo="${statement.inResponseTo}"` : '';
    const attributes = Object.entries(statement.attributes ?? {}).map(
      ([name, values]) =>
        `<saml:Attribute Name="${escape(name)}">${[values]
          .flat()
          .map((value) => `<saml:AttributeValue xsi:type="xs:string">${escape(value)}</saml:AttributeValue>`)
          .join('')}</saml:Attribute>`,
    );
    return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_${randomBytes(16).toString('hex')}" Version="2.0" IssueInstant="${issuedAt.toISOString()}" Destination="${statement.destination ?? defaults.acs}"${answers}><saml:Issuer>${issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${statement.status ?? 'Success'}"/></samlp:Status><saml:Assertion xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${statement.assertionId ?? `_${randomBytes(16).toString('hex')}`}" Version="2.0" IssueInstant="${issuedAt.toISOString()}"><saml:Issuer>${issuer}</saml:Issuer><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:${statement.nameIdFormat ?? 'persistent'}">${escape(statement.nameId ?? 'ada')}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="${notOnOrAfter.toISOString()}" Recipient="${statement.recipient ?? defaults.acs}"${answers}/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="${(statement.notBefore ?? issuedAt).toISOString()}" NotOnOrAfter="${notOnOrAfter.toISOString()}"><saml:AudienceRestriction><saml:Audience>${escape(statement.audience ?? defaults.audience)}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="${issuedAt.toISOString()}" SessionIndex="_session"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement>${attributes.join('')}</saml:AttributeStatement></saml:Assertion></samlp:Response>`;
  }

  #identityProvider() {
    const { alsoTrusted = [], encrypts = false, wantsSignedRequests = false } = this.#options;
    // Two of them are known to samlify and not to its types.
    const settings = {
      entityID: this.entityId,
      privateKey: this.keys.privateKey,
      signingCert: [this.keys.certificate, ...alsoTrusted],
      isAssertionEncrypted: encrypts,
      wantAuthnRequestsSigned: wantsSignedRequests,
      requestSignatureAlgorithm: this.#options.signatureAlgorithm ?? RSA_SHA256,
      dataEncryptionAlgorithm: this.#options.dataEncryption ?? 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
      keyEncryptionAlgorithm: this.#options.keyEncryption ?? 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
      singleSignOnService: [{ Binding: REDIRECT, Location: this.#options.signInUrl ?? 'https://idp.test/sso' }],
      singleLogoutService: [{ Binding: REDIRECT, Location: 'https://idp.test/slo' }],
    };
    return samlify.IdentityProvider(settings);
  }

  #service(metadata: string) {
    const { signsResponse = false, signsAssertion = true } = this.#options;
    return samlify.ServiceProvider({
      metadata: signsAssertion
        ? metadata
        : metadata.replace('WantAssertionsSigned="true"', 'WantAssertionsSigned="false"'),
      wantMessageSigned: signsResponse,
    });
  }
}
