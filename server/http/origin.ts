import type { IncomingMessage } from 'node:http';

/**
 * Where this server is reached, without a slash at the end. What a request says of that counts only where nobody has said it
 * with RELVAR_URL, and then for this request alone.
 */
export function originOf(request: IncomingMessage, publicUrl: string | null): string {
  if (publicUrl !== null) return publicUrl;
  const isHttps = 'encrypted' in request.socket || request.headers['x-forwarded-proto'] === 'https';
  return `${isHttps ? 'https' : 'http'}://${request.headers.host ?? 'localhost'}`;
}
