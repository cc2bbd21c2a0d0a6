import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { noteAuthEvent } from './events.ts';
import { presentIdentity } from './presentIdentity.ts';
import type { Sessions } from './sessions.ts';

/** How somebody proved who they are. */
export type SignInMethod = 'PASSWORD' | 'MAGIC_LINK' | 'INVITATION' | 'SIGN_UP' | 'RESET' | 'OIDC' | 'SAML' | 'PASSKEY';

export interface SignIn {
  readonly userId: string;
  readonly workspaceId: string;
  readonly method: SignInMethod;
  /** Whether the method was a second factor already, such as that of an identity provider. */
  readonly mfa?: boolean;
  /** For programs: answer with the tokens, and set no cookies. */
  readonly tokens?: boolean;
}

/** Signs somebody in and answers the request: cookies and who they are. */
export type StartSession = (request: Request, response: Response, signIn: SignIn) => Promise<void>;

export function makeStartSession({ pool, sessions }: { pool: Pool; sessions: Sessions }): StartSession {
  return async (request, response, { userId, workspaceId, method, mfa = false, tokens = false }) => {
    const begun = await sessions.begin(request, { userId, workspaceId, method, mfaAt: mfa ? new Date() : null });
    await noteAuthEvent(pool, request, 'SIGN_IN', { workspaceId, userId, detail: { method } });
    response.setHeader('cache-control', 'no-store');
    if (tokens) {
      response.json({ ...presentIdentity(begun.identity), tokens: begun.pair });
      return;
    }
    sessions.setCookies(request, response, begun);
    response.json(presentIdentity(begun.identity));
  };
}
