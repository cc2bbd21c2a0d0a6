import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK, JWTPayload } from 'jose';
import { Provider } from 'oidc-provider';
import type { Adapter, AdapterPayload } from 'oidc-provider';

/** Identity providers on this machine, for tests: a certified one, and one that lies as it is told. */

export interface Peer {
  readonly issuer: string;
  readonly close: () => Promise<void>;
}

interface Account {
  [claim: string]: unknown;
}

export interface RealPeer extends Peer {
  /** Who sits before the browser, by subject; null for somebody who cancels. */
  person: string | null;
  accounts: Record<string, Account>;
  /** Made once the addresses are known to which it sends browsers back. */
  start: (client: { id: string; secret: string; redirectUris: string[] }) => void;
}

async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Peer & { server: Server }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { server, issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

async function makeKey(kid: string): Promise<{ privateKey: CryptoKey; publicJwk: JWK; privateJwk: JWK }> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const about = { kid, alg: 'RS256', use: 'sig' };
  return {
    privateKey,
    publicJwk: { ...(await exportJWK(publicKey)), ...about },
    privateJwk: { ...(await exportJWK(privateKey)), ...about },
  };
}

/** Keeps what oidc-provider keeps for as long as a test runs. */
class Memory implements Adapter {
  static readonly #all = new Map<string, AdapterPayload>();
  readonly #kind: string;

  constructor(kind: string) {
    this.#kind = kind;
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    Memory.#all.set(`${this.#kind} ${id}`, payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return Memory.#all.get(`${this.#kind} ${id}`);
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return [...Memory.#all.values()].find((payload) => payload.uid === uid);
  }

  async findByUserCode(): Promise<undefined> {}

  async consume(id: string): Promise<void> {
    const payload = await this.find(id);
    if (payload) payload['consumed'] = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    Memory.#all.delete(`${this.#kind} ${id}`);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, payload] of Memory.#all) if (payload.grantId === grantId) Memory.#all.delete(key);
  }
}

/** oidc-provider, which lets in whoever `person` names without asking. */
export async function startRealPeer(): Promise<RealPeer> {
  let provider: Provider | undefined;
  const { privateJwk } = await makeKey('real');
  const { issuer, close } = await listen((request, response) => {
    if (!request.url?.startsWith('/interaction/')) {
      provider!
        .callback()(request, response)
        .catch(() => response.destroy());
      return;
    }
    const result = peer.person === null ? { error: 'access_denied' } : { login: { accountId: peer.person } };
    provider!
      .interactionFinished(request, response, result, { mergeWithLastSubmission: false })
      .catch(() => response.destroy());
  });
  const peer: RealPeer = {
    issuer,
    close,
    person: null,
    accounts: {},
    start: ({ id, secret, redirectUris }) => {
      provider = new Provider(issuer, {
        clients: [
          {
            client_id: id,
            client_secret: secret,
            redirect_uris: redirectUris,
            grant_types: ['authorization_code'],
            response_types: ['code'],
          },
        ],
        pkce: { required: () => true },
        claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
        jwks: { keys: [privateJwk as Required<JWK>] },
        adapter: Memory,
        ttl: { AccessToken: 300, AuthorizationCode: 60, Grant: 600, IdToken: 300, Interaction: 600, Session: 600 },
        cookies: { keys: ['a secret of the test'] },
        features: { devInteractions: { enabled: false } },
        interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
        findAccount: (_context, sub) => ({
          accountId: sub,
          claims: () => Promise.resolve({ sub, ...peer.accounts[sub] }),
        }),
        loadExistingGrant: async ({ oidc }) => {
          const grant = new oidc.provider.Grant({
            clientId: oidc.client!.clientId,
            accountId: oidc.session!.accountId!,
          });
          grant.addOIDCScope('openid email profile');
          await grant.save();
          return grant;
        },
      });
    },
  };
  return peer;
}

/** What a lying provider does otherwise than it should; nothing for an honest answer. */
export interface Lie {
  /** Changes what the id token says. */
  claims?: (honest: JWTPayload) => JWTPayload;
  /** Signs it, or does not. */
  sign?: (claims: JWTPayload) => Promise<string>;
  /** Changes where the browser is sent, and with what. */
  redirect?: (url: URL) => void;
  /** What the discovery document says otherwise. */
  discovery?: Record<string, unknown>;
  /** Answers a request itself. */
  answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface LyingPeer extends Peer {
  readonly publicJwk: JWK;
  readonly privateKey: CryptoKey;
  lie: Lie;
  /** What an honest id token says besides. */
  person: JWTPayload;
  /** How often a code was to be redeemed. */
  redeemed: number;
}

export async function startLyingPeer(): Promise<LyingPeer> {
  const { privateKey, publicJwk } = await makeKey('lying');
  const codes = new Map<string, JWTPayload>();
  const json = (response: ServerResponse, body: object) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  };
  const { issuer, close } = await listen((request, response) => {
    const url = new URL(request.url!, peer.issuer);
    if (peer.lie.answer?.(request, response)) return;
    if (url.pathname === '/.well-known/openid-configuration') {
      json(response, {
        issuer: peer.issuer,
        authorization_endpoint: `${peer.issuer}/authorize`,
        token_endpoint: `${peer.issuer}/token`,
        jwks_uri: `${peer.issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        ...peer.lie.discovery,
      });
    } else if (url.pathname === '/jwks') {
      json(response, { keys: [publicJwk] });
    } else if (url.pathname === '/authorize') {
      const code = String(codes.size);
      codes.set(code, { aud: url.searchParams.get('client_id')!, nonce: url.searchParams.get('nonce')! });
      const back = new URL(url.searchParams.get('redirect_uri')!);
      back.searchParams.set('code', code);
      back.searchParams.set('state', url.searchParams.get('state')!);
      peer.lie.redirect?.(back);
      response.writeHead(303, { location: back.href }).end();
    } else if (url.pathname === '/token') {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => void redeem(new URLSearchParams(body).get('code')!, response));
    } else {
      response.writeHead(404).end();
    }
  });
  const redeem = async (code: string, response: ServerResponse) => {
    peer.redeemed += 1;
    const now = Math.floor(Date.now() / 1000);
    const honest = { iss: peer.issuer, sub: 'somebody', iat: now, exp: now + 300, ...codes.get(code), ...peer.person };
    const claims = peer.lie.claims?.(honest) ?? honest;
    const sign =
      peer.lie.sign ??
      ((said) => new SignJWT(said).setProtectedHeader({ alg: 'RS256', kid: 'lying' }).sign(privateKey));
    json(response, { access_token: 'x', token_type: 'Bearer', id_token: await sign(claims) });
  };
  const peer: LyingPeer = { issuer, close, publicJwk, privateKey, lie: {}, person: {}, redeemed: 0 };
  return peer;
}
