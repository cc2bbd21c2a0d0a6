import type { Express, NextFunction, Request, Response } from 'express';
import type Provider from 'oidc-provider';
import type { errors, KoaContextWithOIDC } from 'oidc-provider';
import type { Pool } from 'pg';
import type { Attempts } from '../auth/attempts.ts';
import type { Identities } from '../auth/identity.ts';
import type { Own } from '../auth/own.ts';
import type { Refusals } from '../auth/refusals.ts';
import { assertOwnHost } from '../auth/requestFields.ts';
import type { SigningKeys } from '../auth/signingKeys.ts';
import { RequestError } from '../errors.ts';
import { originOf } from '../http/origin.ts';
import { logHidden } from '../log.ts';
import { installConsent } from './consent.ts';
import { makeProvider, ROUTES } from './provider.ts';
import type { Scope } from './provider.ts';
import { METADATA_PATHS, resourcesAt } from './resource.ts';

interface OauthParts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly attempts: Attempts;
  readonly refusals: Refusals;
  readonly own: Own;
  readonly signingKeys: SigningKeys;
  readonly publicUrl: string | null;
}

const QUARTER = 15 * 60;
/** Names of one machine; more than these few need RELVAR_URL, and nobody fills the memory with names of their own. */
const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;
const MAX_PROVIDERS = 8;

/** The authorization server for apps and MCP clients (OAuth 2.1, OpenID Connect), and how they find it. */
export function installOauth(app: Express, parts: OauthParts): void {
  const { pool, attempts, refusals, publicUrl } = parts;
  const providerOf = makeProviders(parts);

  app.get(METADATA_PATHS, async (request, response) => {
    const origin = originOf(request, publicUrl);
    const [, mcp] = resourcesAt(origin);
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('cache-control', 'public, max-age=300');
    response.json({
      resource: request.path.endsWith('/mcp') ? mcp : origin,
      authorization_servers: [origin],
      scopes_supported: (await listScopes(pool)).filter(({ is_api: isApi }) => isApi).map(({ scope }) => scope),
      bearer_methods_supported: ['header'],
      resource_name: 'Relvar',
    });
  });

  installConsent(app, { ...parts, providerOf });

  const answer = async (request: Request, response: Response) => {
    const provider = await providerOf(request);
    await provider.callback()(request, response);
  };
  const limited =
    (limit: { what: string; max: number; seconds: number }, isFailure?: (response: Response) => boolean) =>
    async (request: Request, response: Response, next: NextFunction) => {
      const counted = { key: `oauth ${limit.what} ${request.ip ?? ''}`, max: limit.max, seconds: limit.seconds };
      try {
        await attempts.count(counted);
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        refusals.note(request, 'TOO_MANY_ATTEMPTS');
        response.status(429).set(error.headers).json({
          error: 'temporarily_unavailable',
          error_description: 'Too many attempts. Wait as long as Retry-After says.',
        });
        return;
      }
      if (isFailure) {
        response.once('finish', () => {
          if (isFailure(response)) return;
          attempts.takeBack(counted).catch((error: unknown) => void logHidden(error));
        });
      }
      next();
    };
  const wrongSecret = ({ statusCode }: Response) => statusCode === 401;

  app.all(ROUTES.registration, limited({ what: 'registration', max: 20, seconds: 3_600 }), answer);
  for (const path of [ROUTES.token, ROUTES.revocation, ROUTES.introspection]) {
    app.all(path, limited({ what: 'secret', max: 100, seconds: QUARTER }, wrongSecret), answer);
  }
  app.post(
    ROUTES.code_verification,
    limited({ what: 'device', max: 20, seconds: QUARTER }, () => true),
    answer,
  );
  // Each begins something that is kept for an hour.
  for (const path of [ROUTES.authorization, ROUTES.device_authorization]) {
    app.all(path, limited({ what: 'authorization', max: 300, seconds: QUARTER }), answer);
  }
  app.all(
    [
      `${ROUTES.authorization}/:uid`,
      ROUTES.userinfo,
      ROUTES.code_verification,
      `${ROUTES.code_verification}/:uid`,
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
    ],
    answer,
  );
}

/** One authorization server for each name that this server goes by, made anew when another key signs. */
function makeProviders({
  pool,
  refusals,
  signingKeys,
  publicUrl,
}: OauthParts): (request: Request) => Promise<Provider> {
  const made = new Map<string, { kid: string; provider: Promise<Provider> }>();
  return async (request) => {
    await assertOwnHost(pool, request, publicUrl);
    const issuer = originOf(request, publicUrl);
    if (publicUrl === null && !LOCAL_HOST.test(request.headers.host ?? '')) {
      throw new RequestError('WRONG_HOST', { hint: 'To connect apps, set RELVAR_URL to the address of this server.' });
    }
    const { kid, jwk } = await signingKeys.signing();
    const known = made.get(issuer);
    if (known?.kid === kid) return known.provider;
    if (made.size >= MAX_PROVIDERS) made.clear();
    const provider = listScopes(pool).then((scopes) => {
      const fresh = makeProvider({ pool, issuer, key: { ...jwk, kid }, scopes });
      noteRefusals(fresh, refusals);
      return fresh;
    });
    provider.catch(() => made.delete(issuer));
    made.set(issuer, { kid, provider });
    return provider;
  };
}

async function listScopes(pool: Pool): Promise<Scope[]> {
  const { rows } = await pool.query<Scope>('select * from core.list_oauth_scopes()');
  return rows;
}

/** What the library refuses is written to the audit; what it could not do is for the log. */
function noteRefusals(provider: Provider, refusals: Refusals): void {
  const note = (context: KoaContextWithOIDC, error: errors.OIDCProviderError | Error) => {
    const { error: code, error_description: description, error_detail: detail } = error as errors.OIDCProviderError;
    // What people decide, and what a client asks again and again while it waits for them, is no attack.
    if (['access_denied', 'authorization_pending', 'login_required'].includes(code)) return;
    const client = context.oidc.client;
    refusals.note(context.req, `OAUTH_${code.toUpperCase()}`, {
      applicationId: client?.clientId,
      detail: { why: detail ?? description, ...(client && { app: client.clientName, clientId: client.clientId }) },
    });
  };
  provider.on('authorization.error', note);
  provider.on('grant.error', note);
  provider.on('registration_create.error', note);
  provider.on('revocation.error', note);
  provider.on('introspection.error', note);
  provider.on('userinfo.error', note);
  provider.on('device_authorization.error', note);
  provider.on('code_verification.error', note);
  provider.on('device_resume.error', note);
  provider.on('server_error', (_context, error) => void logHidden(error));
}
