import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import { log } from '../log.ts';

interface Limit {
  readonly key: string;
  readonly max: number;
  readonly seconds: number;
}

const SWEEP_MS = 10 * 60_000;

/** Limits how often something may be tried. The database counts, so that several servers count together. */
export class Attempts {
  readonly #pool: Pool;
  readonly #sweep: NodeJS.Timeout;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#sweep = setInterval(() => {
      pool.query('select core.forget_attempts()').catch((error: Error) => {
        log('old counts of attempts could not be deleted', { error: error.message });
      });
    }, SWEEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  /** Counts one attempt against each limit; throws TOO_MANY_ATTEMPTS once one is passed. */
  async count(...limits: Limit[]): Promise<void> {
    for (const { key, max, seconds } of limits) {
      const { rows } = await this.#pool.query<{ allowed: boolean }>(
        'select core.count_attempt($1, $2, make_interval(secs => $3)) as allowed',
        [key, max, seconds],
      );
      if (rows[0]!.allowed) continue;
      const wait = await this.#pool.query<{ wait: number | null }>('select core.attempt_wait($1) as wait', [key]);
      throw new RequestError('TOO_MANY_ATTEMPTS', {
        headers: { 'retry-after': String(wait.rows[0]!.wait ?? seconds) },
      });
    }
  }

  /** What was counted before it was known to be right. */
  async takeBack(...limits: Limit[]): Promise<void> {
    for (const { key } of limits) await this.#pool.query('select core.uncount_attempt($1)', [key]);
  }
}

/**
 * Counted before the password is checked, so that attempts made at the same moment all count: by e-mail and address
 * together, by address alone against one that tries many e-mails, and by e-mail alone, generously, against many
 * addresses that try one: nobody should lock out another person easily.
 */
export function signInLimits(email: string, address: string): Limit[] {
  const seconds = 15 * 60;
  return [
    { key: `sign-in ${address} ${email}`, max: 10, seconds },
    { key: `sign-in ${address}`, max: 100, seconds },
    { key: `sign-in ${email}`, max: 100, seconds },
  ];
}
