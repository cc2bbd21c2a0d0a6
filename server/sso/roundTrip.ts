import type { Request, Response } from 'express';
import type { Secrets } from '../../db/secrets.ts';
import { readCookie, setCookie } from '../auth/cookies.ts';
import type { Expected } from './openId.ts';

const TRIP_MS = 10 * 60_000;
const PURPOSE = 'single sign-on';

/** What a browser has begun at a provider, and comes back with. */
export interface RoundTrip {
  readonly providerId: string;
  readonly expected: Expected;
  /** To sign in; to connect the account of who is signed in; or to try whether the provider works. */
  readonly purpose: 'ENTER' | 'CONNECT' | 'TEST';
  /** The session that connects or tests. */
  readonly sessionId?: string;
  /** Where to go on to. */
  readonly next: string;
}

/**
 * The state of a round trip is a sealed cookie of the browser that began it: who follows somebody else's link back from a
 * provider has no such cookie, and is not signed in as them.
 */
export function keepRoundTrip(secrets: Secrets, request: Request, response: Response, trip: RoundTrip): void {
  const expires = new Date(Date.now() + TRIP_MS);
  const value = secrets.seal(JSON.stringify({ ...trip, until: expires.getTime() }), PURPOSE);
  setCookie(request, response, { name: 'relvar_sso', value, expires });
}

/** Takes the round trip of a browser, once; undefined when it has begun none, or long ago. */
export function takeRoundTrip(secrets: Secrets, request: Request, response: Response): RoundTrip | undefined {
  const sealed = readCookie(request, 'relvar_sso');
  if (sealed === undefined) return undefined;
  setCookie(request, response, { name: 'relvar_sso', value: '', expires: new Date(0) });
  try {
    const { until, ...trip } = JSON.parse(secrets.unseal(sealed, PURPOSE)) as RoundTrip & { until: number };
    return until > Date.now() ? trip : undefined;
  } catch {
    // Not one of ours.
    return undefined;
  }
}
