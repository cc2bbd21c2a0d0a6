import { RequestError } from '../errors.ts';

const WINDOW_MS = 15 * 60_000;
const MAX_TRACKED = 50_000;

interface Failures {
  count: number;
  until: number;
}

/**
 * Counts failed attempts to sign in, by e-mail and address together, and by address alone against one
 * that tries many e-mails. In memory: with n servers an attacker gets n times as many attempts, which
 * argon2id makes bearable. Nobody can lock out another person, since the address is part of the key.
 */
export class Attempts {
  readonly #failures = new Map<string, Failures>();
  readonly #limits: readonly { key: (email: string, address: string) => string; max: number }[] = [
    { key: (email, address) => `${address} ${email}`, max: 10 },
    { key: (_email, address) => address, max: 100 },
  ];

  assertAllowed(email: string, address: string): void {
    const now = Date.now();
    for (const { key, max } of this.#limits) {
      const failures = this.#failures.get(key(email, address));
      if (failures && failures.until > now && failures.count >= max) {
        const seconds = Math.ceil((failures.until - now) / 1000);
        throw new RequestError('TOO_MANY_ATTEMPTS', {
          headers: { 'retry-after': String(seconds) },
        });
      }
    }
  }

  /** Counted before the password is checked, so that attempts made at the same moment all count. */
  begin(email: string, address: string): void {
    this.assertAllowed(email, address);
    const now = Date.now();
    for (const { key } of this.#limits) {
      const name = key(email, address);
      const failures = this.#failures.get(name);
      const count = failures && failures.until > now ? failures.count : 0;
      const until = failures && failures.until > now ? failures.until : now + WINDOW_MS;
      this.#failures.delete(name);
      if (this.#failures.size >= MAX_TRACKED) this.#failures.delete(this.#failures.keys().next().value!);
      this.#failures.set(name, { count: count + 1, until });
    }
  }

  succeeded(email: string, address: string): void {
    this.#failures.delete(this.#limits[0]!.key(email, address));
    const name = this.#limits[1]!.key(email, address);
    const failures = this.#failures.get(name);
    if (failures) failures.count -= 1;
  }
}
