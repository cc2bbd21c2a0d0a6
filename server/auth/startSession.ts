import type { Request, Response } from 'express';
import { DatabaseError } from 'pg';
import type { Pool } from 'pg';
import type { Secrets } from '../../db/secrets.ts';
import { hasOwnAddresses } from '../../db/workspaceAddress.ts';
import { RequestError } from '../errors.ts';
import { slugOfRequest } from '../http/origin.ts';
import { workspaceOrigin } from '../http/workspaceOrigin.ts';
import type { Devices } from './sessions/devices.ts';
import { noteAuthEvent } from './events.ts';
import type { Passkeys } from './passkeys/passkeys.ts';
import { presentIdentity } from './presentIdentity.ts';
import type { SecondFactor } from './secondFactor/secondFactor.ts';
import type { Sessions } from './sessions/sessions.ts';

/** How somebody proved who they are. */
export type SignInMethod =
  | 'PASSWORD'
  | 'MAGIC_LINK'
  | 'INVITATION'
  | 'SIGN_UP'
  | 'RESET'
  | 'GOOGLE'
  | 'MICROSOFT'
  | 'OIDC'
  | 'SAML'
  | 'PASSKEY'
  | 'SWITCH';

export interface SignIn {
  readonly userId: string;
  readonly workspaceId: string;
  readonly method: SignInMethod;
  /** Whether the method was a second factor already, such as that of an identity provider. */
  readonly mfa?: boolean;
  /** The identity provider of the workspace that has named the user. The session is for the workspace alone. */
  readonly providerId?: string;
  /** With SWITCH: the session that is left. */
  readonly fromSessionId?: string;
  /** Where the browser goes on to, for ways of signing in that end with a page: it is sent there rather than answered. */
  readonly goTo?: string;
  /** When that was, where it was not just now. */
  readonly mfaAt?: Date | null;
  /** For programs: answer with the tokens, and set no cookies. */
  readonly tokens?: boolean;
  /** What the answer says besides. */
  readonly also?: Readonly<Record<string, unknown>>;
}

/**
 * Signs somebody in and answers the request: cookies and who they are. Where a second factor is wanted it answers
 * {next: 'SECOND_FACTOR', ticket}, or {next: 'SET_UP_SECOND_FACTOR', ticket} where the workspace wants one and there is none;
 * the ticket, within ten minutes, is what the second step of signing in is done with. `ways` says what it is done by, and
 * `rememberDays` for how long this browser may go without it. Where the workspace has another address than the request came
 * to it answers {next: 'ADDRESS', address} and begins nothing.
 */
export type StartSession = (request: Request, response: Response, signIn: SignIn) => Promise<void>;

const TICKET_MS = 10 * 60_000;
const TICKET = 'sign-in ticket';
/** The page that goes on where a way of signing in has come back from another site. */
export const RETURN_PATH = '/sso';

export type Ticket = Omit<SignIn, 'mfa' | 'mfaAt' | 'goTo'> & { readonly next: string };

interface Parts {
  readonly publicUrl: string | null;
  readonly pool: Pool;
  readonly sessions: Sessions;
  readonly secondFactor: SecondFactor;
  readonly secrets: Secrets;
  readonly devices: Devices;
  readonly passkeys: Passkeys;
}

export function makeStartSession(parts: Parts): StartSession {
  const { pool, sessions, secondFactor, secrets, devices, passkeys } = parts;
  const refuse = async (request: Request, { userId, workspaceId, method }: SignIn, error: unknown): Promise<never> => {
    if (error instanceof DatabaseError && /^RV13\d$/.test(error.code ?? '')) {
      await noteAuthEvent(pool, request, 'SIGN_IN_REFUSED', {
        workspaceId,
        userId,
        detail: { method, reason: error.code },
      });
    }
    throw error;
  };

  return async (request, response, signIn) => {
    const {
      userId,
      workspaceId,
      method,
      mfa = false,
      mfaAt = new Date(),
      tokens = false,
      also,
      goTo,
      ...more
    } = signIn;
    response.setHeader('cache-control', 'no-store');
    const address = tokens ? null : await otherAddress(parts, request, signIn);
    if (address !== null) {
      if (goTo === undefined) response.json({ next: 'ADDRESS', address, ...also });
      else response.redirect(303, address);
      return;
    }
    const state = await secondFactor.state(userId, workspaceId);
    const hasOne = state.is_confirmed || state.passkeys > 0;
    const isWanted = hasOne ? !(await secondFactor.isTrusted(request, userId, workspaceId)) : state.is_enforced;
    if (isWanted && !mfa) {
      // Nobody is asked for a second factor, or has one set up, who is not let in anyway.
      await assertMayEnter(pool, signIn, { isSetUp: !hasOne }).catch((error: unknown) =>
        refuse(request, signIn, error),
      );
      const next = hasOne ? 'SECOND_FACTOR' : 'SET_UP_SECOND_FACTOR';
      const ticket: Ticket & { until: number } = {
        userId,
        workspaceId,
        method,
        tokens,
        ...more,
        next,
        until: Date.now() + TICKET_MS,
      };
      const canUsePasskey = passkeys.partyOf(request) !== null && (state.passkeys > 0 || !hasOne);
      const answer = {
        next,
        ticket: secrets.seal(JSON.stringify({ ...ticket, ...(also && { also }) }), TICKET),
        ways: [...(canUsePasskey ? ['PASSKEY'] : []), ...(state.is_confirmed || !hasOne ? ['APP'] : [])],
        rememberDays: hasOne ? state.trusted_device_days : 0,
      };
      if (goTo === undefined) response.json(answer);
      else {
        const step = { ...answer, ways: answer.ways.join(' '), rememberDays: String(answer.rememberDays), path: goTo };
        response.redirect(303, `${RETURN_PATH}#${String(new URLSearchParams(step))}`);
      }
      return;
    }
    const begun = await sessions
      .begin(request, { userId, workspaceId, method, mfaAt: mfa ? mfaAt : null, ...more })
      .catch((error: unknown) => refuse(request, signIn, error));
    await noteAuthEvent(pool, request, 'SIGN_IN', { workspaceId, userId, detail: { method, mfa } });
    if (method !== 'SWITCH')
      await devices.note(request, response, { userId, workspaceId, isProgram: tokens, isPosted: method === 'SAML' });
    if (tokens) {
      response.json({ ...presentIdentity(begun.identity), ...also, tokens: begun.pair });
      return;
    }
    sessions.setCookies(request, response, begun);
    if (goTo === undefined) response.json({ ...presentIdentity(begun.identity), ...also });
    else response.redirect(303, goTo);
  };
}

/** Where the workspace has an address of its own and this is another: cookies are for one host, so one signs in there. */
async function otherAddress(
  { pool, publicUrl }: Parts,
  request: Request,
  { userId, workspaceId }: SignIn,
): Promise<string | null> {
  const here = slugOfRequest(request, publicUrl);
  if (publicUrl === null || (!hasOwnAddresses(publicUrl) && here === null)) return null;
  const { rows } = await pool.query<{ slug: string }>('select slug from core.workspaces_of($1) where id = $2', [
    userId,
    workspaceId,
  ]);
  const slug = rows[0]?.slug;
  return slug === undefined || slug === here ? null : `${await workspaceOrigin(pool, publicUrl, slug)}/`;
}

/**
 * A provider of one workspace does not give a second factor to an account that is used elsewhere, too: it would lock its
 * owner out there.
 */
async function assertMayEnter(pool: Pool, signIn: SignIn, { isSetUp }: { isSetUp: boolean }): Promise<void> {
  const { userId, workspaceId, method, providerId = null } = signIn;
  if (method !== 'SWITCH') {
    await pool.query('select core.assert_method($1, $2, $3, $4)', [workspaceId, userId, method, providerId]);
  }
  if (!isSetUp || providerId === null) return;
  const { rows } = await pool.query<{ own: boolean }>('select core.is_account_of($1, $2) as own', [
    userId,
    workspaceId,
  ]);
  if (!rows[0]!.own) throw new RequestError('SECOND_FACTOR_FIRST');
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
