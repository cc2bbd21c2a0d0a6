import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import type { Attempts } from './attempts.ts';
import { noteAuthEvent } from './events.ts';
import type { Identities, Identity } from './identity.ts';
import { isPassword } from './passwords.ts';
import type { SecondFactor } from './secondFactor/secondFactor.ts';

/** What somebody sends along with a change of how they sign in. */
export interface Proof {
  readonly password?: unknown;
  readonly code?: unknown;
}

export type OwnIdentity = Identity & { readonly userId: string; readonly sessionId: string; readonly email: string };

/** What somebody does to their own account: with a session of their own, and the password where it matters. */
export class Own {
  readonly #pool: Pool;
  readonly #identities: Identities;
  readonly #attempts: Attempts;
  readonly #secondFactor: SecondFactor;

  constructor(parts: { pool: Pool; identities: Identities; attempts: Attempts; secondFactor: SecondFactor }) {
    this.#pool = parts.pool;
    this.#identities = parts.identities;
    this.#attempts = parts.attempts;
    this.#secondFactor = parts.secondFactor;
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

  /**
   * A browser that was left open is not enough to change how its owner signs in. Wanted is the password, a code of the
   * second factor, or one that was proved within the last ten minutes; of who has no password, a sign-in as fresh.
   */
  async assertProof(request: Request, { userId, workspaceId, sessionId }: OwnIdentity, given: Proof): Promise<void> {
    const { rows } = await this.#pool.query<{ password_hash: string | null; is_fresh: boolean }>(
      'select * from core.proof_of($1)',
      [sessionId],
    );
    const { password_hash: stored = null, is_fresh: isFresh = false } = rows[0] ?? {};
    const { password, code } = given;
    try {
      if (typeof code === 'string' && code !== '') {
        await this.#secondFactor.prove(userId, code, { isRecoveryAllowed: false });
        await this.#pool.query('select core.note_session_mfa($1)', [sessionId]);
      } else if (stored !== null && typeof password === 'string') await this.#assertPassword(userId, stored, password);
      else if (!isFresh)
        throw stored === null
          ? new RequestError('SIGN_IN_AGAIN')
          : new RequestError('PASSWORD_WRONG', { field: 'password' });
    } catch (error) {
      if (error instanceof RequestError)
        await noteAuthEvent(this.#pool, request, 'PROOF_REFUSED', {
          userId,
          workspaceId,
          detail: { reason: error.code },
        });
      throw error;
    }
  }

  async #assertPassword(userId: string, stored: string, password: string): Promise<void> {
    const limit = { key: `password ${userId}`, max: 10, seconds: 15 * 60 };
    await this.#attempts.count(limit);
    if (!(await isPassword(stored, password))) throw new RequestError('PASSWORD_WRONG', { field: 'password' });
    await this.#attempts.takeBack(limit);
  }
}
