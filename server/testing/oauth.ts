import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as client from 'openid-client';
import { PASSWORD, useServer } from './server.ts';

/** Keeps cookies as a browser does, by path, and goes on by itself only where it is told to. */
export class Browser {
  readonly #cookies = new Map<string, { name: string; value: string; path: string }>();
  readonly agent: string;

  constructor(agent = 'a browser') {
    this.agent = agent;
  }

  async fetch(address: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(address);
    const sent = [...this.#cookies.values()].filter(({ path }) => url.pathname.startsWith(path));
    const response = await fetch(url, {
      redirect: 'manual',
      ...init,
      headers: {
        'user-agent': this.agent,
        cookie: sent.map(({ name, value }) => `${name}=${value}`).join('; '),
        ...(init.headers as Record<string, string> | undefined),
      },
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line, url);
    return response;
  }

  post(address: string | URL, body: object, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  }

  #keep(line: string, url: URL): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const of = (wanted: string) =>
      attributes.find((each) => each.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const path = of('path') ?? url.pathname;
    const expires = of('expires');
    if (value === '' || (expires !== undefined && new Date(expires) <= new Date()))
      this.#cookies.delete(`${name} ${path}`);
    else this.#cookies.set(`${name} ${path}`, { name, value, path });
  }
}

export const CALLBACK = 'https://app.example/callback';

/** An authorization on its way: what only the app knows of it. */
export interface Attempt {
  readonly url: URL;
  readonly verifier: string;
  readonly state: string;
}

type Tokens = Awaited<ReturnType<typeof client.authorizationCodeGrant>>;

/** The application of a test file, listening on loopback, with what apps and members do with it. */
export function useOauth() {
  const server = useServer();
  const oauth = {
    ...server,
    server,
    origin: '',
    /** Signs a member in, in a browser of their own. */
    signIn: async (email = 'owner@acme.test', workspace = 'acme'): Promise<Browser> => {
      const browser = new Browser();
      const answer = await browser.post(`${oauth.origin}/auth/sign-in`, { email, password: PASSWORD, workspace });
      if (answer.status !== 200) throw new Error(await answer.text());
      return browser;
    },
    /** An app as it registers itself. */
    register: (metadata: Partial<client.ClientMetadata> = {}): Promise<client.Configuration> =>
      client.dynamicClientRegistration(
        new URL(oauth.origin),
        {
          client_name: 'Example App',
          redirect_uris: [CALLBACK],
          grant_types: ['authorization_code', 'refresh_token'],
          token_endpoint_auth_method: 'none',
          ...metadata,
        },
        undefined,
        { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
      ),
    /** An app that a workspace has registered. */
    known: (clientId: string, secret?: string): Promise<client.Configuration> =>
      client.discovery(new URL(oauth.origin), clientId, secret, undefined, {
        algorithm: 'oauth2',
        execute: [client.allowInsecureRequests],
      }),
    begin: async (app: client.Configuration, parameters: Record<string, string> = {}): Promise<Attempt> => {
      const verifier = client.randomPKCECodeVerifier();
      const state = client.randomState();
      const url = client.buildAuthorizationUrl(app, {
        redirect_uri: CALLBACK,
        scope: 'api',
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        ...parameters,
      });
      return { url, verifier, state };
    },
    /** Follows the app's link as far as the page of consent. */
    open: async (browser: Browser, { url }: { url: URL }): Promise<string> => {
      const sent = await browser.fetch(url);
      const location = sent.headers.get('location') ?? '';
      if (!location.startsWith('/oauth/consent/')) throw new Error(`${sent.status} ${location} ${await sent.text()}`);
      return oauth.origin + location;
    },
    /** What the member presses; the address to which the app is sent back. */
    decide: async (browser: Browser, consent: string, allow = true): Promise<URL> => {
      const decided = await browser.post(consent, { allow });
      const { next } = (await decided.json()) as { next: string };
      const back = await browser.fetch(next);
      return new URL(back.headers.get('location') ?? '', oauth.origin);
    },
    /** From the first link to the tokens. */
    connect: async (
      app: client.Configuration,
      parameters: Record<string, string> = {},
      browser?: Browser,
    ): Promise<Tokens> => {
      const visitor = browser ?? (await oauth.signIn());
      const attempt = await oauth.begin(app, parameters);
      const back = await oauth.decide(visitor, await oauth.open(visitor, attempt));
      return client.authorizationCodeGrant(app, back, {
        pkceCodeVerifier: attempt.verifier,
        expectedState: attempt.state,
      });
    },
    graphql: async (token: string, query: string, path = '/graphql') => {
      const response = await fetch(oauth.origin + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ query }),
      });
      const body = (await response.json()) as {
        data?: Record<string, never> | null;
        errors?: { message: string; extensions: { code: string } }[];
      };
      return { status: response.status, challenge: response.headers.get('www-authenticate'), ...body };
    },
    /** A line in the audit, as it is written. */
    logged: async (kind: string, detail: object): Promise<boolean> => {
      const { rows } = await server.db.admin.query('select 1 from core.auth_events where kind = $1 and detail @> $2', [
        kind,
        detail,
      ]);
      return rows.length > 0;
    },
  };

  beforeAll(async () => {
    const listener = createServer((request, response) => server.app.handler(request, response));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    oauth.origin = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    server.db.onEnd(async () => {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    });
  });
  return oauth;
}
