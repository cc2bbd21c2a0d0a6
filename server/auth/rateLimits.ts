import type { ServerResponse } from 'node:http';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';

const WINDOW_SECONDS = 60;
const DEFAULT_LIMIT = 600;
/** A tenth of a window at a time: the database is asked ten times a minute at most, and several servers share fairly. */
const SHARE = 10;

interface Lease {
  left: number;
  /** What the database still had to give when this was taken. */
  remaining: number;
  resetsAt: number;
}

/**
 * Requests that a key may make in a minute, over all servers: each takes a part of them from the database and counts
 * that down by itself. Never more than the limit; a little less where several servers hold parts.
 */
export class RateLimits {
  readonly #pool: Pool;
  readonly #leases = new Map<string, Lease>();
  readonly #taking = new Map<string, Promise<Lease>>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Counts a request of the key, tells the client what is left, and throws once nothing is. */
  count(keyId: string, limit: number | null, response: ServerResponse): void | Promise<void> {
    const max = limit ?? DEFAULT_LIMIT;
    const lease = this.#leases.get(keyId);
    if (lease && lease.resetsAt > Date.now() && (lease.left > 0 || lease.remaining === 0))
      return spend(lease, max, response);
    return this.#renew(keyId, max, response);
  }

  async #renew(keyId: string, max: number, response: ServerResponse): Promise<void> {
    let taking = this.#taking.get(keyId);
    if (!taking) {
      taking = this.#take(keyId, max).finally(() => this.#taking.delete(keyId));
      this.#taking.set(keyId, taking);
    }
    await taking;
    // Others waited for the same part and may have used it up.
    return this.count(keyId, max, response);
  }

  async #take(keyId: string, max: number): Promise<Lease> {
    const { rows } = await this.#pool.query<{ granted: number; remaining: number; seconds: number }>(
      'select * from core.take_requests($1, $2, $3, make_interval(secs => $4))',
      [`key ${keyId}`, Math.max(1, Math.floor(max / SHARE)), max, WINDOW_SECONDS],
    );
    const { granted, remaining, seconds } = rows[0]!;
    const lease = { left: granted, remaining, resetsAt: Date.now() + seconds * 1000 };
    if (this.#leases.size >= 10_000) this.#leases.delete(this.#leases.keys().next().value!);
    this.#leases.set(keyId, lease);
    return lease;
  }
}

function spend(lease: Lease, max: number, response: ServerResponse): void {
  const seconds = Math.max(1, Math.ceil((lease.resetsAt - Date.now()) / 1000));
  const isOver = lease.left === 0;
  if (!isOver) lease.left -= 1;
  response.setHeader('RateLimit-Policy', `"key";q=${max};w=${WINDOW_SECONDS}`);
  response.setHeader('RateLimit', `"key";r=${lease.left + lease.remaining};t=${seconds}`);
  if (isOver) {
    throw new RequestError('RATE_LIMITED', { headers: { 'retry-after': String(seconds) } });
  }
}
