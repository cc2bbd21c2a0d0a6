import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import type { Secrets } from '../../db/secrets.ts';
import { RequestError } from '../errors.ts';
import { noteAuthEvent } from './events.ts';
import { presentIdentity } from './presentIdentity.ts';
import type { SecondFactor } from './secondFactor.ts';
import type { Sessions } from './sessions.ts';

/** How somebody proved who they are. */
export type SignInMethod =
  'PASSWORD' | 'MAGIC_LINK' | 'INVITATION' | 'SIGN_UP' | 'RESET' | 'OIDC' | 'SAML' | 'PASSKEY' | 'SWITCH';

export interface SignIn {
  readonly userId: string;
  readonly workspaceId: string;
  readonly method: SignInMethod;
  /** Whether the method was a second factor already, such as that of an identity provider. */
  readonly mfa?: boolean;
  /** For programs: answer with the tokens, and set no cookies. */
  readonly tokens?: boolean;
  /** What the answer says besides. */
  readonly also?: Readonly<Record<string, unknown>>;
}

/**
 * Signs somebody in and answers the request: cookies and who they are. Where a second factor is wanted it answers
 * {next: 'SECOND_FACTOR', ticket}, or {next: 'SET_UP_SECOND_FACTOR', ticket} where the workspace wants one and there is none;
 * the ticket, within ten minutes, is what the second step of signing in is done with.
 */
export type StartSession = (request: Request, response: Response, signIn: SignIn) => Promise<void>;

const TICKET_MS = 10 * 60_000;
const TICKET = 'sign-in ticket';

export type Ticket = Omit<SignIn, 'mfa'> & { readonly next: string };

interface Parts {
  readonly pool: Pool;
  readonly sessions: Sessions;
  readonly secondFactor: SecondFactor;
  readonly secrets: Secrets;
}

export function makeStartSession({ pool, sessions, secondFactor, secrets }: Parts): StartSession {
  return async (request, response, signIn) => {
    const { userId, workspaceId, method, mfa = false, tokens = false, also } = signIn;
    response.setHeader('cache-control', 'no-store');
    const { is_confirmed: hasOne, is_enforced: isEnforced } = await secondFactor.state(userId, workspaceId);
    const isWanted = hasOne ? !(await secondFactor.isTrusted(request, userId)) : isEnforced;
    if (isWanted && !mfa) {
      const next = hasOne ? 'SECOND_FACTOR' : 'SET_UP_SECOND_FACTOR';
      const ticket: Ticket & { until: number } = { ...signIn, next, until: Date.now() + TICKET_MS };
      response.json({ next, ticket: secrets.seal(JSON.stringify(ticket), TICKET) });
      return;
    }
    const begun = await sessions.begin(request, { userId, workspaceId, method, mfaAt: mfa ? new Date() : null });
    await noteAuthEvent(pool, request, 'SIGN_IN', { workspaceId, userId, detail: { method, mfa } });
    if (tokens) {
      response.json({ ...presentIdentity(begun.identity), ...also, tokens: begun.pair });
      return;
    }
    sessions.setCookies(request, response, begun);
    response.json({ ...presentIdentity(begun.identity), ...also });
  };
}

/** What the first step of signing in has found out. */
export function openTicket(secrets: Secrets, sealed: unknown): Ticket {
  try {
    const { until, ...ticket } = JSON.parse(secrets.unseal(String(sealed), TICKET)) as Ticket & { until: number };
    if (until > Date.now()) return ticket;
  } catch {
    // Not one of ours.
  }
  throw new RequestError('TICKET_EXPIRED');
}
