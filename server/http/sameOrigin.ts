import type { IncomingMessage } from 'node:http';
import { RequestError } from '../errors.ts';

/**
 * A browser sends the session cookie with requests that other sites cause, too. SameSite=Lax stops most;
 * this stops the rest: what carries a cookie must come from our own pages.
 */
export function assertSameOrigin(request: IncomingMessage): void {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) {
    if (site === 'same-origin' || site === 'none') return;
    throw new RequestError('CROSS_SITE');
  }
  // Older browsers send Origin with every POST; programs send neither.
  const { origin, host } = request.headers;
  if (origin === undefined) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new RequestError('CROSS_SITE');
}
