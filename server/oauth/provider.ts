import { randomUUID, timingSafeEqual } from 'node:crypto';
import { errors, Provider } from 'oidc-provider';
import type { Account, ClaimsParameter, Configuration, KoaContextWithOIDC, UnknownObject } from 'oidc-provider';
import type { JWK } from 'jose';
import type { Pool } from 'pg';
import { SIGNING_ALGORITHM } from '../../db/signingKeys.ts';
import { hashToken, randomToken } from '../auth/tokenHash.ts';
import { makeAdapter } from './adapter.ts';
import { deviceConfirmed, deviceCodePage, deviceConfirmPage, errorPage } from './pages.ts';
import { resourcesAt } from './resource.ts';

const HOUR = 60 * 60;
const DAY = 24 * HOUR;
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export const ROUTES = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  registration: '/oauth/register',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
  userinfo: '/oauth/userinfo',
  device_authorization: '/oauth/device/authorize',
  code_verification: '/oauth/device',
  jwks: '/.well-known/jwks.json',
};

/** The page on which a member decides; the application of web/ shows it. */
export const CONSENT_PATH = '/oauth/consent';

/** What an app that asks for nothing in particular is understood to want. */
const DEFAULT_SCOPE = 'api:read';

export interface Scope {
  readonly scope: string;
  readonly is_api: boolean;
}

interface ProviderParts {
  readonly pool: Pool;
  readonly issuer: string;
  /** The private key that signs identity tokens; its public half is in /.well-known/jwks.json. */
  readonly key: JWK;
  readonly scopes: readonly Scope[];
}

/**
 * The authorization server (OAuth 2.1, OpenID Connect): the certified library, told what we allow. It keeps no account of who
 * is signed in: each authorization passes our own page, where our own session counts.
 */
export function makeProvider({ pool, issuer, key, scopes }: ProviderParts): Provider {
  const apiScope = scopes
    .filter(({ is_api: isApi }) => isApi)
    .map(({ scope }) => scope)
    .join(' ');
  const provider = new Provider(issuer, {
    adapter: makeAdapter(pool),
    routes: ROUTES,
    jwks: {
      keys: [{ ...key, alg: SIGNING_ALGORITHM, use: 'sig' } as NonNullable<Configuration['jwks']>['keys'][number]],
    },
    enabledJWA: { idTokenSigningAlgValues: [SIGNING_ALGORITHM], userinfoSigningAlgValues: [SIGNING_ALGORITHM] },
    responseTypes: ['code'],
    // What is not listed here needs keys or addresses of the client that somebody would have to fetch.
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    clientDefaults: {
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: SIGNING_ALGORITHM,
      token_endpoint_auth_method: 'client_secret_basic',
    },
    extraClientMetadata: {
      properties: ['client_name'],
      validator: (_context, _name, _value, metadata) => admit(metadata as Record<string, unknown>),
    },
    fetch: () => Promise.reject(new Error('Nothing that a client registers is fetched.')),
    scopes: scopes.filter(({ is_api: isApi }) => !isApi).map(({ scope }) => scope),
    claims: {
      openid: ['sub'],
      profile: ['name', 'given_name', 'family_name'],
      email: ['email', 'email_verified'],
    },
    // The identity token of who asks for the API, too, is the only place for them: such an access token is not for userinfo.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    expiresWithSession: () => false,
    // An app that uses OAuth alone says in its registration whether it refreshes; OpenID asks for a scope of its own besides.
    issueRefreshToken: (_context, client, { scopes: granted }) =>
      client.grantTypeAllowed('refresh_token') && (granted.has('offline_access') || !granted.has('openid')),
    ttl: {
      AccessToken: HOUR,
      AuthorizationCode: 60,
      ClientCredentials: HOUR,
      DeviceCode: HOUR / 4,
      Grant: 365 * DAY,
      IdToken: HOUR,
      Interaction: HOUR,
      RefreshToken: 30 * DAY,
      Session: HOUR,
    },
    cookies: {
      names: { session: 'relvar_oauth', interaction: 'relvar_oauth_consent', resume: 'relvar_oauth_resume' },
    },
    interactions: { url: (_context, { uid }) => `${CONSENT_PATH}/${uid}` },
    findAccount: (_context, id) => findAccount(pool, id),
    extraTokenClaims: (_context, token) => {
      if (token.kind === 'ClientCredentials' && !token.scope) {
        throw new errors.InvalidScope('say with "scope" what the token is for', apiScope);
      }
      return undefined;
    },
    clientBasedCORS: (_context, origin, client) =>
      client.clientAuthMethod === 'none' &&
      (client.redirectUris ?? []).some((uri) => URL.canParse(uri) && new URL(uri).origin === origin),
    renderError: (context, { error, error_description: description }) => errorPage(context, { error, description }),
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        // A client asks about its own tokens, and learns nothing of those of others.
        allowedPolicy: (_context, client, token) => token.clientId === client.clientId,
      },
      revocation: { enabled: true, allowedPolicy: (_context, client, token) => token.clientId === client.clientId },
      registration: {
        enabled: true,
        issueRegistrationAccessToken: false,
        idFactory: () => randomUUID(),
        secretFactory: () => `rvs_${randomToken()}`,
      },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (context, form, _out, error) => deviceCodePage(context, form, error),
        userCodeConfirmSource: (context, form, client, _device, userCode) =>
          deviceConfirmPage(context, form, { app: client.clientName ?? client.clientId, userCode }),
        successSource: (context) => deviceConfirmed(context),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (context, _client, oneOf) => oneOf ?? (wantsApi(context, apiScope) ? issuer : []),
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, indicator) => {
          const audience = indicator.replace(/\/$/, '');
          if (!resourcesAt(issuer).includes(audience)) throw new errors.InvalidTarget('there is no such resource here');
          return { scope: apiScope, audience, accessTokenFormat: 'opaque', accessTokenTTL: HOUR };
        },
      },
    },
  });
  // The database has the hash of each secret and nothing else, so hashes are compared.
  provider.Client.prototype.compareClientSecret = function compareClientSecret(this: { clientSecret?: string }, given) {
    const kept = Buffer.from(this.clientSecret ?? '', 'hex');
    const hash = hashToken(given);
    return kept.length === hash.length && timingSafeEqual(kept, hash);
  };
  // Only cookies follow from it, which are then sent over https alone.
  provider.proxy = true;
  provider.use(async (context, next) => {
    if (context.path === ROUTES.authorization && context.query['scope'] === undefined) {
      context.query = { ...context.query, scope: DEFAULT_SCOPE };
    }
    await next();
    if (
      /^\/\.well-known\/(oauth-authorization-server|openid-configuration)$/.test(context.path) &&
      context.status === 200
    ) {
      Object.assign(context.body as UnknownObject, {
        scopes_supported: scopes.map(({ scope }) => scope),
        response_modes_supported: ['query'],
      });
    }
  });
  return provider;
}

/** What a client may say of itself; all else, such as addresses to fetch keys and logos from, is left out (RFC 7591, section 2). */
function admit(metadata: Record<string, unknown>): void {
  for (const name of Object.keys(metadata)) if (!ADMITTED.has(name)) delete metadata[name];
  metadata['response_modes'] = ['query'];
  const uris = Array.isArray(metadata['redirect_uris']) ? (metadata['redirect_uris'] as unknown[]) : [];
  if (uris.some((uri) => !String(uri).toLowerCase().startsWith('https:'))) metadata['application_type'] = 'native';
  // It registers itself: to act for itself an app needs a role, which only a workspace can give it.
  if (metadata['client_id_issued_at'] !== undefined) {
    const asked = Array.isArray(metadata['grant_types']) ? (metadata['grant_types'] as unknown[]) : [];
    metadata['grant_types'] = ['authorization_code', 'refresh_token', DEVICE_GRANT].filter((type) =>
      asked.includes(type),
    );
  }
}

const ADMITTED = new Set([
  'application_type',
  'client_id',
  'client_id_issued_at',
  'client_name',
  'client_secret',
  'client_secret_expires_at',
  'grant_types',
  'id_token_signed_response_alg',
  'redirect_uris',
  'response_types',
  'subject_type',
  'token_endpoint_auth_method',
]);

const wantsApi = (context: KoaContextWithOIDC, apiScope: string): boolean => {
  const known = new Set(apiScope.split(' '));
  const asked = context.oidc.params?.['scope'];
  return typeof asked === 'string' && asked.split(' ').some((scope) => known.has(scope));
};

async function findAccount(pool: Pool, memberId: string): Promise<Account | undefined> {
  const { rows } = await pool.query<{ claims: { sub: string } | null }>('select core.oauth_account($1) as claims', [
    memberId,
  ]);
  const claims = rows[0]?.claims;
  if (!claims) return undefined;
  return { accountId: memberId, claims: (_use: string, _scope: string, _claims: ClaimsParameter) => claims };
}
