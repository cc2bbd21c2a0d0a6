import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import type { Attempts } from './attempts.ts';
import type { Identities, Identity } from './identity.ts';
import { isPassword } from './passwords.ts';

type OwnIdentity = Identity & { readonly userId: string; readonly sessionId: string; readonly email: string };

/** What somebody does to their own account: with a session of their own, and the password where it matters. */
export class Own {
  readonly #pool: Pool;
  readonly #identities: Identities;
  readonly #attempts: Attempts;

  constructor(parts: { pool: Pool; identities: Identities; attempts: Attempts }) {
    this.#pool = parts.pool;
    this.#identities = parts.identities;
    this.#attempts = parts.attempts;
  }

  /** Neither keys nor personal tokens change an account, nor does who acts as somebody else. */
  async member(request: Request, response: Response): Promise<OwnIdentity> {
    const identity = await this.#identities.of(request, response);
    if (identity.userId === null || identity.sessionId === null || identity.impersonatorId) {
      throw new RequestError('FORBIDDEN', {
        message: 'Only the member can do this, signed in.',
        hint: 'Sign in as yourself.',
      });
    }
    return identity as OwnIdentity;
  }

  /**
   * As `member`, for what changes the account itself: how its owner signs in, here and in other workspaces. A session that
   * the identity provider of a workspace began is not enough for that.
   */
  async account(request: Request, response: Response): Promise<OwnIdentity> {
    const identity = await this.member(request, response);
    const { rows } = await this.#pool.query<{ foreign: boolean }>('select core.is_provider_session($1) as foreign', [
      identity.sessionId,
    ]);
    if (rows[0]!.foreign) throw new RequestError('SSO_SESSION');
    return identity;
  }

  /** Throws PASSWORD_WRONG. A browser that was left open is not enough to change how its owner signs in. */
  async assertPassword(userId: string, password: unknown): Promise<void> {
    const limit = { key: `password ${userId}`, max: 10, seconds: 15 * 60 };
    await this.#attempts.count(limit);
    const { rows } = await this.#pool.query<{ stored: string | null }>('select core.password_of($1) as stored', [
      userId,
    ]);
    const stored = rows[0]!.stored;
    // Who signs in by other means has no password to prove.
    const isRight = stored === null || (typeof password === 'string' && (await isPassword(stored, password)));
    if (!isRight) throw new RequestError('PASSWORD_WRONG');
    await this.#attempts.takeBack(limit);
  }
}
