import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../../errors.ts';
import { ACCESS_SECONDS } from '../accessTokens.ts';
import type { AccessTokens } from '../accessTokens.ts';
import { expireSessionCookies, readCookie, setSessionCookies } from '../cookies.ts';
import { noteAuthEvent } from '../events.ts';
import type { Identities, Identity } from '../identity.ts';
import { hashToken, randomToken } from '../tokenHash.ts';

const DAY_MS = 86_400_000;
/** Nobody is asked to keep anything for longer. The workspace says how long a session lasts, used or not, and the database holds to it. */
const MAX_MS = 365 * DAY_MS;

export interface NewSession {
  readonly userId: string;
  readonly workspaceId: string;
  readonly method: string;
  readonly mfaAt?: Date | null;
  /** The identity provider that has named the user. */
  readonly providerId?: string;
  /** With the method SWITCH: the session that is left. */
  readonly fromSessionId?: string;
  /** Where it is to end sooner than the workspace says. */
  readonly milliseconds?: number;
}

/** What a program gets that asked for tokens in place of cookies. */
export interface TokenPair {
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly refreshToken: string;
}

/** A session, with what its browser or program gets. */
export interface Begun {
  readonly identity: Identity;
  readonly pair: TokenPair;
  readonly expires: Date;
}

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly tokens: AccessTokens;
}

interface Rotation {
  outcome: 'ROTATED' | 'REUSED' | 'ENDED';
  session_id: string;
  user_id: string;
  workspace_id: string;
  token_expires_at: Date;
}

/** Begins, renews and ends sessions. */
export class Sessions {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A new session has new tokens, whatever the browser came with: nobody can have planted them. */
  async begin(request: Request, session: NewSession): Promise<Begun> {
    const { pool } = this.#parts;
    const { userId, workspaceId, method, mfaAt, milliseconds = MAX_MS } = session;
    const { providerId = null, fromSessionId = null } = session;
    const refreshToken = randomToken();
    const expires = new Date(Date.now() + milliseconds);
    const { rows } = await pool.query<{ id: string | null }>(
      'select core.create_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as id',
      [
        userId,
        workspaceId,
        method,
        hashToken(refreshToken),
        expires,
        expires,
        request.ip ?? null,
        request.headers['user-agent'] ?? null,
        mfaAt ?? null,
        providerId,
        fromSessionId,
      ],
    );
    const sessionId = rows[0]?.id;
    // Membership ended meanwhile.
    if (!sessionId) throw new RequestError('NO_WORKSPACE');
    return this.#present(sessionId, refreshToken, expires);
  }

  /** As a member, from the session of who is to act as the member. */
  async impersonate(
    request: Request,
    by: { sessionId: string; member: string; reason: string; minutes: number; staysIn: string | null },
  ): Promise<Begun> {
    const { pool } = this.#parts;
    const refreshToken = randomToken();
    const { rows } = await pool.query<{ id: string }>(
      'select core.begin_impersonation($1, $2, $3, $4, $5, $6, $7, $8) as id',
      [
        by.sessionId,
        by.member,
        by.reason,
        by.minutes,
        hashToken(refreshToken),
        request.ip ?? null,
        request.headers['user-agent'] ?? null,
        by.staysIn,
      ],
    );
    return this.#present(rows[0]!.id, refreshToken, new Date(Date.now() + by.minutes * 60_000));
  }

  /** The session that somebody came from who acts as a member; undefined where it has ended. */
  async returnFrom(token: string): Promise<Begun | undefined> {
    const next = randomToken();
    const { rows } = await this.#parts.pool.query<{ session_id: string; token_expires_at: Date }>(
      'select * from core.return_from_impersonation($1, $2, $3)',
      [hashToken(token), hashToken(next), new Date(Date.now() + MAX_MS)],
    );
    return rows[0] && this.#present(rows[0].session_id, next, rows[0].token_expires_at);
  }

  async #present(sessionId: string, refreshToken: string, expires: Date): Promise<Begun> {
    const { identities, tokens } = this.#parts;
    const identity = await identities.ofSession(sessionId);
    const { userId, workspaceId } = identity;
    const accessToken = await tokens.sign({ userId: userId!, workspaceId, sessionId });
    return { identity, pair: { accessToken, expiresIn: ACCESS_SECONDS, refreshToken }, expires };
  }

  setCookies(request: Request, response: Response, { pair, expires }: { pair: TokenPair; expires: Date }): void {
    setSessionCookies(request, response, {
      access: pair.accessToken,
      refresh: pair.refreshToken,
      refreshExpires: expires,
    });
  }

  /** The next tokens of a session, for the one that it has. */
  async refresh(request: Request, refreshToken: string): Promise<{ pair: TokenPair; expires: Date }> {
    const { pool, tokens } = this.#parts;
    const next = randomToken();
    const { rows } = await pool.query<Rotation>('select * from core.rotate_refresh_token($1, $2, $3, $4, $5)', [
      hashToken(refreshToken),
      hashToken(next),
      new Date(Date.now() + MAX_MS),
      request.ip ?? null,
      request.headers['user-agent'] ?? null,
    ]);
    const rotation = rows[0];
    if (rotation?.outcome === 'ROTATED') {
      const { user_id: userId, workspace_id: workspaceId, session_id: sessionId } = rotation;
      const accessToken = await tokens.sign({ userId, workspaceId, sessionId });
      return {
        pair: { accessToken, expiresIn: ACCESS_SECONDS, refreshToken: next },
        expires: rotation.token_expires_at,
      };
    }
    await noteAuthEvent(pool, request, rotation?.outcome === 'REUSED' ? 'REFRESH_REUSED' : 'REFRESH_REFUSED', {
      userId: rotation?.user_id,
      workspaceId: rotation?.workspace_id,
      detail: rotation ? { sessionId: rotation.session_id } : {},
    });
    throw new RequestError('NOT_SIGNED_IN');
  }

  /** Ends the session of a request, if there is one; with an access token that has run out the other still names it. */
  async end(request: Request, response: Response): Promise<void> {
    const { pool, identities } = this.#parts;
    const identity = await this.#current(request, response);
    const refreshToken = readCookie(request, 'relvar_refresh');
    if (identity?.sessionId) await pool.query("select core.revoke_session($1, 'SIGNED_OUT')", [identity.sessionId]);
    else if (refreshToken) await pool.query('select core.end_session_of_token($1)', [hashToken(refreshToken)]);
    if (identity?.sessionId) {
      identities.forget({ session: identity.sessionId });
      await noteAuthEvent(pool, request, 'SIGN_OUT', identity);
    }
    expireSessionCookies(request, response);
  }

  async #current(request: Request, response: Response): Promise<Identity | undefined> {
    try {
      return await this.#parts.identities.of(request, response, true);
    } catch (error) {
      if (error instanceof RequestError && error.code === 'NOT_SIGNED_IN') return undefined;
      throw error;
    }
  }
}
