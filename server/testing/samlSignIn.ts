import request from 'supertest';
import type { SamlProvider, Statement } from './samlProvider.ts';
import type { useServer } from './server.ts';

type Server = ReturnType<typeof useServer>;

/** A browser: an address and a name of its own, and the cookies that it was given. */
export class Browser {
  readonly #server: Server;
  readonly agent: string;
  readonly address: string;
  /** What it calls us. */
  host = 'localhost:3000';
  readonly #cookies = new Map<string, string>();

  constructor(server: Server, number: number) {
    this.#server = server;
    this.agent = `browser ${number}`;
    this.address = `198.51.${Math.floor(number / 250)}.${(number % 250) + 1}`;
  }

  get isSignedIn(): boolean {
    return this.#cookies.has('relvar_access');
  }

  async get(url: string): Promise<request.Response> {
    const { pathname, search } = new URL(url, 'http://localhost:3000');
    return this.#note(await this.#send(request(this.#server.app.handler).get(pathname + search), pathname, false));
  }

  /** What a page of another site has the browser do: cookies that are not for other sites stay at home. */
  async postFromElsewhere(url: string, form: { [name: string]: string }): Promise<request.Response> {
    const { pathname } = new URL(url, 'http://localhost:3000');
    const post = request(this.#server.app.handler).post(pathname).type('form').set('origin', 'https://idp.test');
    return this.#note(await this.#send(post, pathname, true).send(form));
  }

  async who(): Promise<{ email: string; name: string; workspace: string; role: string }> {
    const { user, workspace, member } = (await this.get('/auth/me')).body;
    return { email: user.email, name: user.name, workspace: workspace.slug, role: member.role };
  }

  #send(test: request.Test, path: string, isFromElsewhere: boolean): request.Test {
    test.set({ 'user-agent': this.agent, 'x-forwarded-for': this.address, host: this.host }).redirects(0);
    const cookies = [...this.#cookies]
      .filter(([name]) => !isFromElsewhere && (name !== 'relvar_sso' || path.startsWith('/auth/sso')))
      .map(([name, value]) => `${name}=${value}`);
    return cookies.length > 0 ? test.set('cookie', cookies.join('; ')) : test;
  }

  #note(response: request.Response): request.Response {
    for (const cookie of response.get('Set-Cookie') ?? []) {
      const [pair = '', ...rest] = cookie.split('; ');
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      const expires = rest.find((each) => each.startsWith('Expires='))?.slice('Expires='.length);
      if (expires && Date.parse(expires) < Date.now()) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}

/** Signing in by a SAML provider that a workspace has set up, with browsers on the one side and an identity provider on the other. */
export class SamlSignIn {
  readonly #server: Server;
  readonly provider: SamlProvider;
  readonly id: string;
  metadata = '';
  static #browsers = 0;

  private constructor(server: Server, provider: SamlProvider, id: string) {
    this.#server = server;
    this.provider = provider;
    this.id = id;
  }

  /** Sets a provider up in a workspace that has approved the domain acme.test. */
  static async setUp(server: Server, slug: string, provider: SamlProvider, settings: object = {}): Promise<SamlSignIn> {
    const { admin } = server.db;
    await admin.query(
      `insert into core.approved_domains (workspace_id, domain, requested_email, approved_at)
       select id, 'acme.test', 'it@acme.test', now() from core.workspaces where slug = $1 on conflict do nothing`,
      [slug],
    );
    const { rows } = await admin.query<{ id: string }>(
      `insert into core.identity_providers (workspace_id, kind, label, slug, is_enabled, makes_members, settings)
       select id, 'SAML', 'Test login', 'saml-' || substr(gen_random_uuid()::text, 1, 8), true, true, $2 from core.workspaces where slug = $1 returning id`,
      [
        slug,
        {
          entityId: provider.entityId,
          signInUrl: 'https://idp.test/sso',
          certificates: [provider.keys.certificate],
          ...settings,
        },
      ],
    );
    const signIn = new SamlSignIn(server, provider, rows[0]!.id);
    await signIn.readMetadata();
    return signIn;
  }

  get acs(): string {
    return `/auth/saml/${this.id}/acs`;
  }

  async set(settings: object): Promise<void> {
    await this.#server.db.admin.query('update core.identity_providers set settings = settings || $2 where id = $1', [
      this.id,
      settings,
    ]);
  }

  async readMetadata(): Promise<void> {
    this.metadata = (await this.browser().get(`/auth/saml/${this.id}/metadata`)).text;
  }

  browser(): Browser {
    SamlSignIn.#browsers += 1;
    return new Browser(this.#server, SamlSignIn.#browsers);
  }

  /** Presses the button. Returns the address of the provider, and the request in it. */
  async begin(browser: Browser, next = '/', provider = this.provider): Promise<{ id: string; url: string }> {
    const response = await browser.get(`/auth/sso/start/${this.id}?next=${encodeURIComponent(next)}`);
    const url = response.get('location')!;
    return { ...(await provider.readRequest(url, this.metadata)), url };
  }

  answer(statement: Statement, provider = this.provider): Promise<string> {
    return provider.answer(this.metadata, {
      attributes: { email: `${statement.nameId ?? 'ada'}@acme.test`, displayName: 'Ada Lovelace' },
      ...statement,
    });
  }

  /** Brings an answer and follows where it leads, until a page. */
  async bring(browser: Browser, answer: string, relayState?: string): Promise<request.Response> {
    let response = await browser.postFromElsewhere(this.acs, {
      SAMLResponse: answer,
      ...(relayState !== undefined && { RelayState: relayState }),
    });
    while (response.status === 303 && response.get('location')!.startsWith('/auth/sso/')) {
      response = await browser.get(response.get('location')!);
    }
    return response;
  }

  /** From the button to the end. */
  async run(statement: Statement = {}, { next = '/', provider = this.provider } = {}) {
    const browser = this.browser();
    const { id } = await this.begin(browser, next, provider);
    const response = await this.bring(browser, await this.answer({ inResponseTo: id, ...statement }, provider));
    return { browser, response };
  }

  /** Why the browser was refused, as the audit has it. */
  async refusalOf(browser: Browser): Promise<string | undefined> {
    const { rows } = await this.#server.db.admin.query<{ reason: string }>(
      `select detail ->> 'reason' as reason from core.auth_events
       where kind in ('SSO_REFUSED', 'REQUEST_REFUSED') and user_agent = $1 and ip = $2 order by id desc limit 1`,
      [browser.agent, browser.address],
    );
    return rows[0]?.reason;
  }
}
