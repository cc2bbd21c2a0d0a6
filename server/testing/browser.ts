import type { RequestListener } from 'node:http';
import request from 'supertest';

export const APP = 'https://crm.test';

export interface Landed {
  readonly url: URL;
  readonly status: number;
  readonly body: unknown;
  /** The cookies that the last answer of the application has set, as it wrote them. */
  readonly setCookies: readonly string[];
}

/** As much of a browser as redirects between sites need: it keeps the cookies of each site, and follows. */
export class Browser {
  readonly #app: RequestListener;
  readonly #cookies = new Map<string, Map<string, string>>();
  /** Where it was sent on its way. */
  readonly visited: string[] = [];

  constructor(app: RequestListener) {
    this.#app = app;
  }

  cookie(name: string, host = new URL(APP).host): string | undefined {
    return this.#cookies.get(host)?.get(name);
  }

  setCookie(name: string, value: string, host = new URL(APP).host): void {
    this.#keep(host, [`${name}=${value}`]);
  }

  forget(name: string): void {
    this.#cookies.get(new URL(APP).host)?.delete(name);
  }

  /** Follows redirects until a page comes, or until the next address is the one to stop before. */
  async open(address: string, stopBefore?: RegExp): Promise<Landed> {
    let url = new URL(address, APP);
    for (let hops = 0; hops < 20; hops += 1) {
      this.visited.push(url.href);
      const { status, body, location, setCookies } = await this.#get(url);
      const next = location === undefined ? undefined : new URL(location, url);
      if (!next) return { url, status, body, setCookies };
      if (stopBefore?.test(next.href) || next.pathname.match(/^\/(sso|settings|objects)?\b/)?.[0] === next.pathname)
        return { url: next, status, body, setCookies };
      url = next;
    }
    throw new Error(`Too many redirects from ${address}.`);
  }

  async post(path: string, body: object): Promise<request.Response> {
    const answer = await request(this.#app)
      .post(path)
      .set({ host: new URL(APP).host, 'x-forwarded-proto': 'https', cookie: this.#header(new URL(APP).host) })
      .send(body);
    this.#keep(new URL(APP).host, answer.get('Set-Cookie') ?? []);
    return answer;
  }

  async get(path: string): Promise<request.Response> {
    return request(this.#app)
      .get(path)
      .set({ host: new URL(APP).host, 'x-forwarded-proto': 'https', cookie: this.#header(new URL(APP).host) });
  }

  async #get(url: URL): Promise<{ status: number; body: unknown; location: string | undefined; setCookies: string[] }> {
    if (url.origin === APP) {
      const answer = await this.get(url.pathname + url.search);
      const setCookies = answer.get('Set-Cookie') ?? [];
      this.#keep(url.host, setCookies);
      return { status: answer.status, body: answer.body, location: answer.get('Location'), setCookies };
    }
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie: this.#header(url.host) } });
    this.#keep(url.host, answer.headers.getSetCookie());
    const location = answer.headers.get('location') ?? undefined;
    return { status: answer.status, body: await answer.text(), location, setCookies: [] };
  }

  #header(host: string): string {
    return [...(this.#cookies.get(host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keep(host: string, setCookies: readonly string[]): void {
    const jar = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, jar);
    for (const cookie of setCookies) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(cookie)) jar.delete(name!);
      else jar.set(name!, value!);
    }
  }
}
