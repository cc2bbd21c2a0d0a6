import type { IncomingMessage } from 'node:http';
import type { Pool } from 'pg';
import { domainUrl, isOfServer } from '../../db/workspaceAddress.ts';
import { log } from '../log.ts';
import { noteOwnDomain } from './origin.ts';

interface DomainRow {
  host: string;
  slug: string;
  is_primary: boolean;
  is_removed: boolean;
}

/**
 * The proved own domains of all workspaces, as this process remembers them, so that no request waits to learn whose host it
 * names. The database tells of each change. Without RELVAR_URL there are none: what is no own domain would have no address.
 */
export class Domains {
  readonly #pool: Pool;
  readonly #publicUrl: string | null;
  #byHost = new Map<string, DomainRow>();
  #loading: Promise<void> = Promise.resolve();

  constructor(pool: Pool, publicUrl: string | null) {
    this.#pool = pool;
    this.#publicUrl = publicUrl;
  }

  /** One after the other: an answer that was asked for before must not replace one that was asked for after. */
  load(): Promise<void> {
    const loaded = this.#loading.then(() => this.#load());
    this.#loading = loaded.catch((error: Error) => {
      log('cannot read the domains of workspaces; trying again', { error: error.message });
      setTimeout(() => void this.load().catch(() => undefined), 1_000).unref();
    });
    return loaded;
  }

  async #load(): Promise<void> {
    const publicUrl = this.#publicUrl;
    if (publicUrl === null) return;
    const { rows } = await this.#pool.query<DomainRow>('select * from core.known_domains()');
    // Another RELVAR_URL may have come since they were proved, and the server's own names come first.
    const own = rows.filter(({ host }) => !isOfServer(publicUrl, host));
    this.#byHost = new Map(own.map((row) => [new URL(domainUrl(publicUrl, row.host)).host, row]));
  }

  /** Whether a request may come in by the domain that it names, if it names one; what follows from its host is then of that. */
  admits(request: IncomingMessage): boolean {
    const { host = '', 'x-forwarded-host': forwarded = host } = request.headers;
    const domain = this.#byHost.get(host.toLowerCase());
    // Behind a proxy that rewrites Host, a domain that was removed is refused by the name that people came by.
    if (domain === undefined) return this.#byHost.get(String(forwarded).toLowerCase())?.is_removed !== true;
    if (domain.is_removed || forwarded !== host) return false;
    noteOwnDomain(request, { slug: domain.slug, origin: domainUrl(this.#publicUrl!, domain.host) });
    return true;
  }

  /** Whether a certificate for this name would be one of ours. */
  has(name: string): boolean {
    for (const { host, is_removed: isRemoved } of this.#byHost.values()) if (host === name && !isRemoved) return true;
    return false;
  }

  /** The address of a workspace, where that is a domain of its own. */
  primaryOf(slug: string): string | null {
    for (const row of this.#byHost.values())
      if (row.slug === slug && row.is_primary) return domainUrl(this.#publicUrl!, row.host);
    return null;
  }
}
