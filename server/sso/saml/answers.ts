import { createHash } from 'node:crypto';
import type { Express, Request, Response } from 'express';
import { noteAuthEvent } from '../../auth/events.ts';
import { assertOwnPath } from '../../auth/requestFields.ts';
import { RequestError } from '../../errors.ts';
import { readForm } from '../../http/body.ts';
import type { SsoParts } from '../begin.ts';
import { explain } from '../explain.ts';
import { findProvider } from '../findProvider.ts';
import type { Provider } from '../openId.ts';
import type { Assertion } from './assertion.ts';
import { ownBase } from './ownBase.ts';
import { SamlRefused } from './refused.ts';
import { writeMetadata } from './spMetadata.ts';

/** So many times in a minute a provider may send somebody without saying to which request; then it will never say so. */
const MAX_UNSOLICITED = 3;

/** The addresses that SAML providers know of us: our metadata, and where answers are posted to. */
export function installAnswers(app: Express, parts: SsoParts): void {
  const { pool, attempts, saml } = parts;

  const findSaml = async (request: Request): Promise<Provider> => {
    const provider = await findProvider(pool, request.params['id']);
    if (provider.kind !== 'SAML') throw new RequestError('NOT_FOUND', { message: 'There is no such provider.' });
    return provider;
  };

  app.get('/auth/saml/:id/metadata', async (request, response) => {
    const service = await saml.services.open(await findSaml(request), await ownBase(parts, request));
    response.setHeader('content-type', 'application/samlmetadata+xml; charset=utf-8');
    response.setHeader('cache-control', 'no-store');
    if (request.query['download'] !== undefined) response.attachment('relvar-saml.xml');
    response.send(writeMetadata(service));
  });

  app.post('/auth/saml/:id/acs', async (request, response) => {
    response.setHeader('cache-control', 'no-store');
    let provider: Provider | undefined;
    const limit = { key: `saml ${request.ip ?? ''}`, max: 100, seconds: 15 * 60 };
    try {
      await attempts.count(limit);
      provider = await findSaml(request);
      const goOn = await take(request, provider);
      await attempts.takeBack(limit);
      response.redirect(303, goOn);
    } catch (error) {
      if (error instanceof SamlRefused && provider) await refuse(request, response, { provider, refused: error });
      else await explain(parts, { request, response }, error, { provider, back: '/' });
    }
  });

  /** Takes an answer, and says where the browser goes on with it. */
  const take = async (request: Request, provider: Provider): Promise<string> => {
    const base = await ownBase(parts, request);
    const form = await readAnswer(request);
    const assertion = await saml.verify(form.get('SAMLResponse') ?? '', await saml.services.open(provider, base));
    const next = await ownPathOf(form.get('RelayState'), base, request);
    if (assertion.inResponseTo !== null) {
      const ticket = await saml.useUp(provider, assertion);
      const query = new URLSearchParams({ state: assertion.inResponseTo, ticket });
      return `/auth/sso/callback/${provider.id}?${String(query)}`;
    }
    await admitUnsolicited(provider, assertion);
    await saml.useUp(provider, assertion);
    return `/auth/sso/start/${provider.id}?${String(new URLSearchParams({ next }))}`;
  };

  /**
   * An answer that nobody has asked for may be anybody's, put into this browser by another site. Where the provider may begin,
   * it is taken as the wish to sign in, and one is asked for that belongs to this browser.
   */
  const admitUnsolicited = async ({ id, settings }: Provider, { nameId }: Assertion): Promise<void> => {
    if (!settings.allowsIdpInitiated) {
      throw new SamlRefused('UNSOLICITED', 'Nobody has asked for this answer, and the provider may not begin.');
    }
    const { rows } = await pool.query<{ allowed: boolean }>(
      "select core.count_attempt($1, $2, interval '1 minute') as allowed",
      [`saml unasked ${id} ${createHash('sha256').update(nameId).digest('base64')}`, MAX_UNSOLICITED],
    );
    if (!rows[0]!.allowed) {
      throw new SamlRefused('UNSOLICITED', 'The provider does not say which request it answers.');
    }
  };

  /** Where a provider that begins wants people to go: a path of ours, or an address of ours. */
  const ownPathOf = async (relayState: string | null, base: string, request: Request): Promise<string> => {
    const path = relayState?.startsWith(`${base}/`) ? relayState.slice(base.length) : relayState || '/';
    await assertOwnPath(pool, request, path);
    return path;
  };

  /** Says in the audit what went wrong, and lets the browser find out whether that was a test of the provider. */
  const refuse = async (
    request: Request,
    response: Response,
    { provider, refused }: { provider: Provider; refused: SamlRefused },
  ): Promise<void> => {
    const { reason, message } = refused;
    await noteAuthEvent(pool, request, 'SSO_REFUSED', {
      workspaceId: provider.workspace_id,
      detail: { reason, provider: provider.label, says: message.slice(0, 500) },
    });
    const query = new URLSearchParams({ refused: saml.sealRefusal(refused) });
    response.redirect(303, `/auth/sso/callback/${provider.id}?${String(query)}`);
  };
}

async function readAnswer(request: Request): Promise<URLSearchParams> {
  try {
    return await readForm(request);
  } catch (error) {
    if (error instanceof RequestError && error.code === 'BODY_TOO_LARGE') {
      throw new SamlRefused('TOO_LARGE', 'The answer is longer than a megabyte.');
    }
    throw error;
  }
}
