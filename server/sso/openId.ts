import * as client from 'openid-client';
import type { Secrets } from '../../db/secrets.ts';
import type { ProviderKind, Statement } from './enterWithProvider.ts';
import { readStatement } from './readStatement.ts';
import type { OpenIdSettings } from './readStatement.ts';
import { isUnreachable, reasonOf, WrongDomain } from './reasons.ts';
import type { SamlSettings } from './saml/service.ts';

/** A row of core.provider_to_use. */
export interface Provider {
  readonly id: string;
  readonly workspace_id: string;
  readonly workspace_slug: string;
  readonly kind: ProviderKind;
  readonly label: string;
  readonly settings: OpenIdSettings & SamlSettings;
  readonly secret: string | null;
  readonly is_enabled: boolean;
  readonly role_claim: string | null;
  readonly trusts_second_factor: boolean;
}

/** What must come back with the browser; of a SAML provider the state alone, which is the ID of the request. */
export interface Expected {
  readonly state: string;
  readonly nonce?: string;
  readonly verifier?: string;
}

/** Where the providers are that need no issuer of their own. */
export interface Presets {
  readonly google: string;
  readonly microsoft: (tenant: string) => string;
}

export const PRESETS: Presets = {
  google: 'https://accounts.google.com',
  microsoft: (tenant) => `https://login.microsoftonline.com/${encodeURIComponent(tenant)}/v2.0`,
};

interface Parts {
  readonly secrets: Secrets;
  readonly fetch: client.CustomFetch;
  readonly presets: Presets;
  /** Providers on this machine speak plain http, in development. */
  readonly allowsLoopback: boolean;
}

const SCOPES = 'openid email profile';
/** Discovery documents hardly change; keys are read anew by the library when one is missing. */
const MAX_AGE_MS = 10 * 60_000;
const MAX_CACHED = 500;

export const secretPurpose = (providerId: string): string => `identity provider ${providerId}`;

/** OpenID Connect as its relying party: the code flow with PKCE, state and nonce; Google and Microsoft are presets of it. */
export class OpenId {
  readonly #parts: Parts;
  readonly #known = new Map<string, { configuration: Promise<client.Configuration>; until: number }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Where to send the browser, and what must come back with it. Throws ProviderFailed, as all of this does. */
  async begin(
    provider: Provider,
    redirectUri: string,
    { loginHint, asksWho }: { loginHint?: string | undefined; asksWho: boolean },
  ): Promise<{ url: string; expected: Expected }> {
    const configuration = await this.configuration(provider);
    const expected = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    };
    const { hostedDomain, scopes } = provider.settings;
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: [...new Set(`${SCOPES} ${scopes ?? ''}`.split(/\s+/).filter(Boolean))].join(' '),
      state: expected.state,
      nonce: expected.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(expected.verifier),
      code_challenge_method: 'S256',
      ...(hostedDomain ? { hd: hostedDomain } : {}),
      ...(loginHint ? { login_hint: loginHint } : {}),
      ...(asksWho && canAskWho(provider, configuration) ? { prompt: 'select_account' } : {}),
    });
    return { url: url.href, expected };
  }

  /** What the provider says of whom it sends back, checked: state, issuer, audience, nonce, signature and times. */
  async finish(provider: Provider, returned: URL, expected: Expected): Promise<Statement> {
    const configuration = await this.configuration(provider);
    return failing(this.#finish(provider, configuration, returned, expected));
  }

  async #finish(
    provider: Provider,
    configuration: client.Configuration,
    returned: URL,
    { state, nonce = '', verifier = '' }: Expected,
  ): Promise<Statement> {
    const tokens = await client.authorizationCodeGrant(configuration, returned, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    });
    const signed = tokens.claims()!;
    const claims = await this.#complete(provider, configuration, tokens.access_token, signed);
    const { hostedDomain } = provider.settings;
    if (provider.kind === 'GOOGLE' && hostedDomain && claims['hd'] !== hostedDomain) {
      throw new WrongDomain('The account belongs to another domain.');
    }
    return readStatement(provider.kind, provider.settings, claims);
  }

  /** The provider as it describes itself. */
  configuration(provider: Provider): Promise<client.Configuration> {
    const key = JSON.stringify([provider.id, provider.settings, provider.secret]);
    const known = this.#known.get(key);
    if (known && known.until > Date.now()) return known.configuration;
    const configuration = failing(this.#discover(provider));
    configuration.catch(() => this.#known.delete(key));
    if (this.#known.size >= MAX_CACHED) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(key, { configuration, until: Date.now() + MAX_AGE_MS });
    return configuration;
  }

  async #discover(provider: Provider): Promise<client.Configuration> {
    const { secrets, fetch, allowsLoopback } = this.#parts;
    const issuer = this.#issuerOf(provider);
    const { clientId } = provider.settings;
    if (!issuer || !URL.canParse(issuer) || !clientId)
      throw new Error('The provider has no issuer or no client id yet.');
    const secret = provider.secret === null ? null : secrets.unseal(provider.secret, secretPurpose(provider.id));
    return client.discovery(new URL(issuer), clientId, {}, secret === null ? client.None() : authenticateWith(secret), {
      [client.customFetch]: fetch,
      execute: [
        // The signature counts, not only the connection that the token came by.
        client.enableNonRepudiationChecks,
        ...(allowsLoopback ? [client.allowInsecureRequests] : []),
      ],
      timeout: 10,
    });
  }

  #issuerOf({ kind, settings }: Provider): string | undefined {
    const { google, microsoft } = this.#parts.presets;
    if (kind === 'GOOGLE') return google;
    return kind === 'MICROSOFT' ? microsoft(settings.tenant ?? '') : settings.issuer;
  }

  /** Some providers tell the address, or groups, only when they are asked again. */
  async #complete(
    provider: Provider,
    configuration: client.Configuration,
    accessToken: string,
    signed: client.IDToken,
  ): Promise<Record<string, unknown>> {
    const isWhole =
      signed['email'] !== undefined && (provider.role_claim === null || hasClaim(signed, provider.role_claim));
    if (isWhole || !configuration.serverMetadata().userinfo_endpoint) return signed;
    const told = await client.fetchUserInfo(configuration, accessToken, signed.sub);
    return { ...told, ...signed };
  }
}

/** Thrown for whatever a provider did not do as it should, with a word for the audit. */
export class ProviderFailed extends Error {
  readonly reason: string;
  readonly isUnreachable: boolean;
  /** What the library or the network has said. */
  readonly inner: string;

  constructor(cause: unknown) {
    super('The provider did not do as it should.', { cause });
    this.reason = reasonOf(cause);
    this.isUnreachable = isUnreachable(cause);
    this.inner = innermostMessage(cause);
  }
}

const failing = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    throw new ProviderFailed(error);
  });

function innermostMessage(error: unknown): string {
  let last = String(error);
  for (let each = error; each instanceof Error; each = each.cause) last = each.message;
  return last.slice(0, 300);
}

/** As core.claim_values finds it. */
const hasClaim = (claims: Record<string, unknown>, name: string): boolean =>
  claims[name] !== undefined || claims[name.split('.')[0]!] !== undefined;

/** Providers that do not know what they are asked for may refuse it. */
const canAskWho = ({ kind }: Provider, configuration: client.Configuration): boolean => {
  const { prompt_values_supported: prompts } = configuration.serverMetadata();
  return kind === 'GOOGLE' || kind === 'MICROSOFT' || (Array.isArray(prompts) && prompts.includes('select_account'));
};

/** In the header unless the provider wants it otherwise, which is what RFC 6749 has every provider support. */
function authenticateWith(secret: string): client.ClientAuth {
  const [basic, post] = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (methods.includes('client_secret_basic') ? basic : post)(server, ...rest);
  };
}
