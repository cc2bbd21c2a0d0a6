import { randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import { sessionCookie } from './cookie.ts';
import { noteAuthEvent } from './events.ts';
import { hashToken } from './identity.ts';
import type { Identities } from './identity.ts';
import { presentIdentity } from './presentIdentity.ts';

const SESSION_DAYS = 30;

/** How somebody proved who they are. */
export type SignInMethod = 'PASSWORD' | 'MAGIC_LINK' | 'INVITATION' | 'SIGN_UP' | 'RESET' | 'OIDC' | 'SAML' | 'PASSKEY';

export interface SignIn {
  readonly userId: string;
  readonly workspaceId: string;
  readonly method: SignInMethod;
  /** Whether the method was a second factor already, such as that of an identity provider. */
  readonly mfa?: boolean;
}

/** Signs somebody in and answers the request: cookies and who they are. */
export type StartSession = (request: Request, response: Response, signIn: SignIn) => Promise<void>;

export function makeStartSession({ pool, identities }: { pool: Pool; identities: Identities }): StartSession {
  return async (request, response, { userId, workspaceId, method }) => {
    const token = randomBytes(32).toString('base64url');
    const expires = new Date(Date.now() + SESSION_DAYS * 86_400_000);
    const { rows } = await pool.query<{ id: string | null }>('select core.create_session($1, $2, $3, $4) as id', [
      userId,
      workspaceId,
      hashToken(token),
      expires,
    ]);
    // Membership ended meanwhile.
    if (!rows[0]?.id) throw new RequestError('NO_WORKSPACE');
    const identity = await identities.ofSession(token);
    await noteAuthEvent(pool, request, 'SIGN_IN', { workspaceId, userId, detail: { method } });
    response.setHeader('set-cookie', sessionCookie(request, token, expires));
    response.setHeader('cache-control', 'no-store');
    response.json(presentIdentity(identity));
  };
}
