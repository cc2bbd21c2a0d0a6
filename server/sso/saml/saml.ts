import { randomBytes } from 'node:crypto';
import { SAML as NodeSaml } from '@node-saml/node-saml';
import type { Pool } from 'pg';
import type { Secrets } from '../../../db/secrets.ts';
import { hashToken, randomToken } from '../../auth/tokenHash.ts';
import { ERRORS, RequestError } from '../../errors.ts';
import { SsoRefused } from '../enterWithProvider.ts';
import type { Statement } from '../enterWithProvider.ts';
import { NotOurs } from '../explain.ts';
import type { Expected, Provider } from '../openId.ts';
import type { Assertion } from './assertion.ts';
import { SamlRefused } from './refused.ts';
import { verifyResponse } from './response.ts';
import { SamlServices } from './service.ts';
import type { SamlService } from './service.ts';
import { statementOf } from './statement.ts';

const REFUSAL = 'refused SAML answer';

/** Thrown where the browser comes with an answer that was refused when it arrived, and is in the audit since then. */
export class AnswerRefused extends SsoRefused {
  readonly reason: string;
  readonly inner: string;

  constructor({ reason, message }: { reason: string; message: string }) {
    super({ code: 'SSO_FAILED', message: ERRORS.SSO_FAILED.message, hint: ERRORS.SSO_FAILED.hint });
    this.reason = reason;
    this.inner = message;
  }
}

/**
 * SAML as its service provider. The provider's answer is posted by a page of another site, so no cookie of ours comes
 * along. It is verified and used up at once; what it said waits for the browser to fetch it with a ticket, at an address
 * where its cookies do come along and tell whether it is the browser that has asked.
 */
export class Saml {
  readonly services: SamlServices;
  readonly #pool: Pool;
  readonly #secrets: Secrets;

  constructor(pool: Pool, secrets: Secrets) {
    this.services = new SamlServices(pool, secrets);
    this.#pool = pool;
    this.#secrets = secrets;
  }

  /** Where to send the browser, with a request in the address, and the ID of the request, which the answer must name. */
  async begin(provider: Provider, base: string): Promise<{ url: string; expected: Expected }> {
    const id = `_${randomBytes(20).toString('hex')}`;
    const { settings, entityId, acsUrl, keys } = await this.services.open(provider, base);
    if (!settings.signInUrl || !settings.entityId) {
      throw new RequestError('INVALID_REQUEST', { message: 'The metadata of the provider is not known yet.' });
    }
    const saml = new NodeSaml({
      entryPoint: settings.signInUrl,
      issuer: entityId,
      callbackUrl: acsUrl,
      idpCert: [...(settings.certificates ?? [])],
      generateUniqueId: () => id,
      // How the provider names people, and how they prove who they are, is the provider's to decide.
      identifierFormat: null,
      disableRequestedAuthnContext: true,
      ...(settings.signsRequests && { privateKey: keys[0]!.privateKey, signatureAlgorithm: 'sha256' }),
    });
    return { url: await saml.getAuthorizeUrlAsync('', undefined, {}), expected: { state: id } };
  }

  /** Verifies an answer. Throws SamlRefused. */
  verify(encoded: string, { settings, entityId, acsUrl, keys }: SamlService): Promise<Assertion> {
    return verifyResponse(encoded, {
      issuer: settings.entityId ?? '',
      certificates: settings.certificates ?? [],
      audience: entityId,
      recipient: acsUrl,
      decryptionKeys: keys.map(({ privateKey }) => privateKey),
      wantsSignedResponse: settings.wantsSignedResponse ?? false,
    });
  }

  /** Uses an assertion up, on all servers, and returns the ticket for what it said. Throws SamlRefused. */
  async useUp({ id, settings }: Provider, assertion: Assertion): Promise<string> {
    const ticket = randomToken();
    const { rows } = await this.#pool.query<{ kept: boolean }>(
      'select core.keep_saml_assertion($1, $2, $3, $4, $5, $6) as kept',
      [
        id,
        assertion.id,
        assertion.goodUntil,
        hashToken(ticket),
        assertion.inResponseTo,
        statementOf(assertion, settings),
      ],
    );
    if (!rows[0]!.kept) throw new SamlRefused('REPLAYED', 'The assertion was used before.');
    return ticket;
  }

  /** What the browser brings along in place of a ticket when its answer was refused. */
  sealRefusal({ reason, message }: SamlRefused): string {
    return this.#secrets.seal(JSON.stringify({ reason, message }), REFUSAL);
  }

  /** Throws AnswerRefused. */
  assertAccepted(sealed: unknown): void {
    if (sealed === undefined) return;
    let refused = { reason: 'UNKNOWN', message: '' };
    try {
      refused = JSON.parse(this.#secrets.unseal(String(sealed), REFUSAL)) as typeof refused;
    } catch {
      // Not one of ours: refused all the same.
    }
    throw new AnswerRefused(refused);
  }

  /** What the answer to the request of this browser said. Once; throws NotOurs afterwards. */
  async finish({ id }: Provider, returned: URL, { state }: Expected): Promise<Statement> {
    const { rows } = await this.#pool.query<{ content: Statement }>(
      'select core.take_saml_assertion($1, $2, $3) as content',
      [id, hashToken(returned.searchParams.get('ticket') ?? ''), state],
    );
    const content = rows[0]?.content;
    if (!content) throw new NotOurs('REPLAYED');
    return content;
  }
}
