import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Pool } from 'pg';
import { log } from '../log.ts';

const WINDOW_MS = 60_000;
const MAX_IN_WINDOW = 120;
const MAX_FROM_ADDRESS = 20;

/** Whom a refusal concerns, as far as that is known. */
interface Refused {
  readonly workspaceId?: string;
  readonly userId?: string;
  /** The app that asked; its workspace is told, if it is an app of one. */
  readonly applicationId?: string | undefined;
  readonly detail?: object;
}

/**
 * Writes refused requests to the audit of sign-ins: forged tokens, requests of other sites. Whoever sends many is not
 * allowed to fill the table: what is over the limit is counted and left out.
 */
export class Refusals {
  readonly #pool: Pool;
  readonly #noted = new WeakSet<IncomingMessage>();
  #since = 0;
  #byAddress = new Map<string, number>();
  #count = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Nobody waits for it: the answer is the same whether it could be written or not. */
  note(request: IncomingMessage, reason: string, who: Refused = {}): void {
    if (this.#noted.has(request)) return;
    this.#noted.add(request);
    const address = addressOf(request);
    if (!this.#mayWrite(address)) return;
    const path = (request.url ?? '').split('?')[0]!.slice(0, 200);
    this.#pool
      .query('select core.note_auth_event($1, coalesce($2, core.workspace_of_app($7)), $3, null, $4, $5, $6)', [
        'REQUEST_REFUSED',
        who.workspaceId ?? null,
        who.userId ?? null,
        address,
        request.headers['user-agent'] ?? null,
        { reason, path, ...who.detail },
        who.applicationId ?? null,
      ])
      .catch((error: Error) => log('a refused request could not be written down', { reason, error: error.message }));
  }

  #mayWrite(address: string): boolean {
    const now = Date.now();
    if (now - this.#since > WINDOW_MS) {
      if (this.#count > MAX_IN_WINDOW) log('many requests were refused', { count: this.#count });
      this.#since = now;
      this.#byAddress.clear();
      this.#count = 0;
    }
    this.#count += 1;
    const fromAddress = (this.#byAddress.get(address) ?? 0) + 1;
    this.#byAddress.set(address, fromAddress);
    return this.#count <= MAX_IN_WINDOW && fromAddress <= MAX_FROM_ADDRESS;
  }
}

/** The GraphQL endpoints go past Express, which knows the address behind a trusted proxy, and trust the same one. */
function addressOf(request: IncomingMessage): string {
  const remote = (request as { ip?: string }).ip ?? request.socket.remoteAddress ?? '';
  const claimed = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .at(-1)!
    .trim();
  if (/^(::ffff:)?127\.|^::1$/.test(remote) && isIP(claimed)) return claimed;
  return isIP(remote) ? remote : '0.0.0.0';
}
