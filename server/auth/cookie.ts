import type { IncomingMessage } from 'node:http';

const NAME = 'relvar_session';

export function readSessionToken(request: IncomingMessage): string | undefined {
  const header = request.headers.cookie;
  if (header === undefined) return undefined;
  return /(?:^|;\s*)relvar_session=([\w-]{43})(?:;|$)/.exec(header)?.[1];
}

/** `Secure` follows the connection, ours or that of the proxy in front: over plain http it would lock people out. */
export function sessionCookie(request: IncomingMessage, token: string, expires: Date): string {
  const parts = [`${NAME}=${token}`, 'Path=/', 'HttpOnly', 'SameSite=Lax', `Expires=${expires.toUTCString()}`];
  if (isHttps(request)) parts.push('Secure');
  return parts.join('; ');
}

export function expiredSessionCookie(request: IncomingMessage): string {
  return sessionCookie(request, '', new Date(0));
}

function isHttps(request: IncomingMessage): boolean {
  if ('encrypted' in request.socket) return true;
  return request.headers['x-forwarded-proto'] === 'https';
}
