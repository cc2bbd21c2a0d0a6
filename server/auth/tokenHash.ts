import { createHash, randomBytes } from 'node:crypto';

/** Tokens are random and long, so one plain hash keeps what the database holds useless to a thief. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}
