import type { IncomingMessage, ServerResponse } from 'node:http';
import { ACCESS_SECONDS } from './accessTokens.ts';

/**
 * The short token goes with every request; the long one to /auth alone, and with no request that another site causes;
 * so does the mark of a device that need not prove a second factor. The name of the browser also comes back from a provider
 * of sign-ins.
 */
const COOKIES = {
  relvar_access: { pattern: /(?:^|;\s*)relvar_access=([\w.-]+)(?:;|$)/, scope: 'Path=/; HttpOnly; SameSite=Lax' },
  relvar_refresh: {
    pattern: /(?:^|;\s*)relvar_refresh=([\w-]{43})(?:;|$)/,
    scope: 'Path=/auth; HttpOnly; SameSite=Strict',
  },
  relvar_device: {
    pattern: /(?:^|;\s*)relvar_device=([\w-]{43})(?:;|$)/,
    scope: 'Path=/auth; HttpOnly; SameSite=Strict',
  },
  relvar_browser: {
    pattern: /(?:^|;\s*)relvar_browser=([\w-]{43})(?:;|$)/,
    scope: 'Path=/auth; HttpOnly; SameSite=Lax',
  },
  // What a browser has begun at an identity provider, from where another site sends it back.
  relvar_sso: { pattern: /(?:^|;\s*)relvar_sso=([\w.-]+)(?:;|$)/, scope: 'Path=/auth/sso; HttpOnly; SameSite=Lax' },
};

type CookieName = keyof typeof COOKIES;

export function readCookie(request: IncomingMessage, name: CookieName): string | undefined {
  const header = request.headers.cookie;
  return header === undefined ? undefined : COOKIES[name].pattern.exec(header)?.[1];
}

export function setCookie(
  request: IncomingMessage,
  response: ServerResponse,
  { name, value, expires }: { name: CookieName; value: string; expires: Date },
): void {
  const parts = [`${name}=${value}`, COOKIES[name].scope, `Expires=${expires.toUTCString()}`];
  // `Secure` follows the connection, ours or that of the proxy in front: over plain http it would lock people out.
  if (isHttps(request)) parts.push('Secure');
  response.appendHeader('set-cookie', parts.join('; '));
}

export function setSessionCookies(
  request: IncomingMessage,
  response: ServerResponse,
  { access, refresh, refreshExpires }: { access: string; refresh: string; refreshExpires: Date },
): void {
  const accessExpires = new Date(Date.now() + ACCESS_SECONDS * 1000);
  setCookie(request, response, { name: 'relvar_access', value: access, expires: accessExpires });
  setCookie(request, response, { name: 'relvar_refresh', value: refresh, expires: refreshExpires });
}

export function expireSessionCookies(request: IncomingMessage, response: ServerResponse): void {
  for (const name of ['relvar_access', 'relvar_refresh'] as const) {
    setCookie(request, response, { name, value: '', expires: new Date(0) });
  }
}

function isHttps(request: IncomingMessage): boolean {
  if ('encrypted' in request.socket) return true;
  return request.headers['x-forwarded-proto'] === 'https';
}
