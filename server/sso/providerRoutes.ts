import type { Express, Request, Response } from 'express';
import { readTexts } from '../auth/requestFields.ts';
import { RequestError } from '../errors.ts';
import { beginRoundTrip, redirectUri } from './begin.ts';
import type { SsoParts } from './begin.ts';
import { findProvider } from './findProvider.ts';
import { asKeeper, providerOfKeeper } from './keeper.ts';
import { ProviderFailed, secretPurpose } from './openId.ts';
import type { Provider } from './openId.ts';

/** What the settings of a workspace need the server for: sealing secrets, and talking to providers. The rest is SQL. */
export function installProviders(app: Express, parts: SsoParts): void {
  const { pool, secrets, own, accounts, openId } = parts;

  app.post('/auth/sso/secret', async (request, response) => {
    const { provider, secret } = await readTexts(pool, request, ['provider', 'secret']);
    const { id } = await providerOfKeeper(parts, { request, response }, provider);
    const sealed = secret.trim() === '' ? null : secrets.seal(secret.trim(), secretPurpose(id));
    await asKeeper(parts, { request, response }, 'metadata.set_identity_provider_secret($1, $2)', [id, sealed]);
    response.status(204).end();
  });

  // Whether the provider can be reached, and speaks what is needed, before anybody signs in by it.
  app.post('/auth/sso/check', async (request, response) => {
    const { provider: id } = await readTexts(pool, request, ['provider']);
    const provider = await providerOfKeeper(parts, { request, response }, id);
    response.setHeader('cache-control', 'no-store');
    try {
      const found = (await openId.configuration(provider)).serverMetadata();
      response.json({
        issuer: found.issuer,
        authorizationEndpoint: found.authorization_endpoint,
        tokenEndpoint: found.token_endpoint,
        tellsIssuer: found.authorization_response_iss_parameter_supported === true,
        redirectUri: redirectUri(accounts, request, provider.id),
      });
    } catch (error) {
      if (!(error instanceof ProviderFailed)) throw error;
      throw new RequestError('SSO_UNREACHABLE', { hint: `${error.inner} (${error.reason})` });
    }
  });

  app.post('/auth/sso/test', async (request, response) => {
    const { sessionId } = await own.member(request, response);
    const { provider: id } = await readTexts(pool, request, ['provider']);
    const provider = await providerOfKeeper(parts, { request, response }, id);
    response.json({
      location: await begin(request, response, provider, {
        purpose: 'TEST',
        sessionId,
        next: `/settings/sign-in?provider=${provider.id}`,
      }),
    });
  });

  app.post('/auth/sso/connect', async (request, response) => {
    const member = await own.member(request, response);
    const { sessionId, workspaceId } = member;
    const { provider: id, password, code } = await readTexts(pool, request, ['provider'], ['password', 'code']);
    await own.assertProof(request, member, { password, code });
    const provider = await findProvider(pool, id);
    if (provider.workspace_id !== workspaceId || !provider.is_enabled) {
      throw new RequestError('NOT_FOUND', { message: 'The workspace has no such provider.' });
    }
    const next = '/settings/security';
    response.json({ location: await begin(request, response, provider, { purpose: 'CONNECT', sessionId, next }) });
  });

  /** As an answer to our own page, which says what went wrong. */
  const begin = async (
    request: Request,
    response: Response,
    provider: Provider,
    trip: { purpose: 'TEST' | 'CONNECT'; sessionId: string; next: string },
  ): Promise<string> => {
    try {
      return await beginRoundTrip(parts, { request, response }, provider, trip);
    } catch (error) {
      if (!(error instanceof ProviderFailed)) throw error;
      throw new RequestError('SSO_UNREACHABLE', { hint: `${error.inner} (${error.reason})` });
    }
  };
}
