import { promisify } from 'node:util';
import { SAML as NodeSaml, ValidateInResponseTo } from '@node-saml/node-saml';
import type { Profile } from '@node-saml/node-saml';
import { XMLSerializer } from '@xmldom/xmldom';
import { decrypt } from 'xml-encryption';
import { childrenOf } from '../../../db/saml/xml.ts';
import { assertIssuer, readAssertion } from './assertion.ts';
import type { Assertion } from './assertion.ts';
import { SamlRefused } from './refused.ts';
import { assertAssertion, isSigned, parseMessage, readShape, SAML, SAMLP } from './shape.ts';

/** Whom we believe, and who we are. */
export interface Trust {
  /** The entityID of the identity provider. */
  readonly issuer: string;
  /** PEM or base64; a signature by any of them counts. */
  readonly certificates: readonly string[];
  /** Our own entityID. */
  readonly audience: string;
  /** The address that answers are posted to. */
  readonly recipient: string;
  /** Our private keys in PEM, the newest first. */
  readonly decryptionKeys: readonly string[];
  /** Whether the answer as a whole must be signed, besides the assertion in it. */
  readonly wantsSignedResponse: boolean;
}

const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';

/**
 * Verifies what a browser brought from an identity provider. The assertion must be signed; a signature of the answer as a
 * whole must be right where there is one, and does not count in place of the other. Throws SamlRefused.
 */
export async function verifyResponse(encoded: string, trust: Trust): Promise<Assertion> {
  const response = parseMessage(Buffer.from(encoded, 'base64').toString('utf8'));
  const shape = readShape(response);
  const inResponseTo = readEnvelope(response, trust);

  const decrypted = shape.encrypted && (await decryptAssertion(shape.encrypted, trust.decryptionKeys));
  const assertion = decrypted?.assertion ?? shape.assertion;
  if (!assertion) throw new SamlRefused('INVALID', 'The answer has no assertion.');
  if (!isSigned(assertion)) {
    throw new SamlRefused(
      'UNSIGNED',
      'The assertion is not signed. Let the provider sign assertions, not only responses.',
    );
  }
  const signed = await verifySignatures(encoded, {
    idpCert: [...trust.certificates],
    issuer: trust.audience,
    callbackUrl: trust.recipient,
    decryptionPvk: decrypted?.key,
    wantAuthnResponseSigned: trust.wantsSignedResponse || shape.isSigned,
  });
  const read = readAssertion(parseMessage(signed), trust);
  // The answer need not be signed, and then says nothing that counts; but it must not contradict what is.
  if (inResponseTo !== null && inResponseTo !== read.inResponseTo) {
    throw new SamlRefused('INVALID', 'The answer and its assertion name different requests.');
  }
  return read;
}

/** What stands around the assertion. Returns the request that it claims to answer. */
function readEnvelope(response: Element, { issuer, recipient }: Trust): string | null {
  if (response.getAttribute('Version') !== '2.0')
    throw new SamlRefused('INVALID', 'The answer is not one of SAML 2.0.');
  const destination = response.getAttribute('Destination');
  if (destination && destination !== recipient) {
    throw new SamlRefused('WRONG_DESTINATION', `The answer is for ${destination.slice(0, 200)}, not for ${recipient}.`);
  }
  for (const element of childrenOf(response, SAML, 'Issuer')) assertIssuer(element, issuer);
  const codes = childrenOf(response, SAMLP, 'Status')
    .flatMap((status) => childrenOf(status, SAMLP, 'StatusCode'))
    .flatMap((code) => [code, ...childrenOf(code, SAMLP, 'StatusCode')])
    .map((code) => code.getAttribute('Value') ?? '');
  if (codes[0] !== SUCCESS) {
    const said = codes.map((code) => code.slice(0, 200).split(':').at(-1)).join(', ');
    throw new SamlRefused('PROVIDER_SAID_NO', `The identity provider did not sign the person in: ${said}.`);
  }
  return response.getAttribute('InResponseTo') || null;
}

/**
 * Looks at what is encrypted before its signature is verified: it is as much a message of strangers as the rest. What goes
 * wrong is for the audit alone, since an answer that says why could be used to decrypt one byte after the other.
 */
async function decryptAssertion(
  encrypted: Element,
  keys: readonly string[],
): Promise<{ assertion: Element; key: string }> {
  const xml = new XMLSerializer().serializeToString(encrypted);
  for (const key of keys) {
    try {
      const plain = await promisify(decrypt)(xml, { key, disallowDecryptionWithInsecureAlgorithm: true });
      const assertion = parseMessage(plain);
      assertAssertion(assertion);
      return { assertion, key };
    } catch (error) {
      // Anything else: it is for another of our keys, or for none.
      if (error instanceof SamlRefused) throw error;
    }
  }
  throw new SamlRefused('NOT_DECRYPTED', 'The assertion cannot be decrypted. Give the provider our present metadata.');
}

/**
 * Leaves to the library what is hers: which bytes are signed by whom. What they must say, readAssertion asks, which
 * accepts less than the library does.
 */
class SignatureVerifier extends NodeSaml {
  protected override processValidlySignedAssertionAsync(
    xml: string,
  ): Promise<{ profile: Profile; loggedOut: boolean }> {
    const profile = { issuer: '', nameID: '', nameIDFormat: '', getAssertionXml: () => xml };
    return Promise.resolve({ profile, loggedOut: false });
  }
}

async function verifySignatures(
  encoded: string,
  options: Omit<ConstructorParameters<typeof NodeSaml>[0], 'wantAssertionsSigned'>,
): Promise<string> {
  const verifier = new SignatureVerifier({
    ...options,
    wantAssertionsSigned: true,
    validateInResponseTo: ValidateInResponseTo.never,
  });
  let xml: string | undefined;
  try {
    const { profile } = await verifier.validatePostResponseAsync({ SAMLResponse: encoded });
    xml = profile?.getAssertionXml?.();
  } catch (error) {
    throw new SamlRefused(
      'WRONG_SIGNATURE',
      `No certificate of the provider fits the signature. ${(error as Error).message}`,
    );
  }
  if (!xml) throw new SamlRefused('WRONG_SIGNATURE', 'The answer has no signed assertion.');
  return xml;
}
