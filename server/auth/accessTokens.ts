import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { SIGNING_ALGORITHM } from '../../db/signingKeys.ts';
import type { SigningKeys } from './signingKeys.ts';
import { hashToken } from './tokenHash.ts';

/** What an access token says. It is believed only together with the session that it names. */
export interface AccessClaims {
  readonly userId: string;
  readonly workspaceId: string;
  readonly sessionId: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

export const ACCESS_SECONDS = 600;
const ISSUER = 'relvar';
const AUDIENCE = 'relvar';
/** Of clocks of several servers. */
const TOLERANCE_SECONDS = 5;
const MAX_CACHED = 20_000;
/** Ours have about 500 characters; nobody makes us parse a megabyte. */
const MAX_LENGTH = 4_000;

/** Thrown with the reason that the audit names. */
export class TokenRefused extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(`The access token was refused: ${reason}.`);
    this.reason = reason;
  }
}

/** Signs and verifies access tokens, and remembers by hash which it has verified. */
export class AccessTokens {
  readonly #keys: SigningKeys;
  readonly #verified = new Map<string, AccessClaims>();
  /** Counts what was forgotten: what was verified with keys of before must not be remembered after. */
  #forgotten = 0;

  constructor(keys: SigningKeys) {
    this.#keys = keys;
  }

  async sign({ userId, workspaceId, sessionId }: Omit<AccessClaims, 'expiresAt'>): Promise<string> {
    const { kid, key } = await this.#keys.signing();
    return new SignJWT({ wid: workspaceId, sid: sessionId, typ: 'ACCESS' })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, kid, typ: 'at+jwt' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime(`${ACCESS_SECONDS} s`)
      .sign(key);
  }

  /** Without waiting where the token was verified before. */
  verify(token: string): AccessClaims | Promise<AccessClaims> {
    if (token.length > MAX_LENGTH) throw new TokenRefused('TOO_LONG');
    const hash = hashToken(token).toString('base64');
    const known = this.#verified.get(hash);
    if (!known) return this.#verify(token, hash);
    if (known.expiresAt + TOLERANCE_SECONDS > Date.now() / 1000) return known;
    this.#verified.delete(hash);
    throw new TokenRefused('EXPIRED');
  }

  /** Keys were added or retired. */
  forget(): void {
    this.#forgotten += 1;
    this.#verified.clear();
    this.#keys.forget();
  }

  async #verify(token: string, hash: string): Promise<AccessClaims> {
    const forgotten = this.#forgotten;
    const claims = await this.#read(token);
    if (forgotten !== this.#forgotten) return claims;
    if (this.#verified.size >= MAX_CACHED) this.#verified.delete(this.#verified.keys().next().value!);
    this.#verified.set(hash, claims);
    return claims;
  }

  async #read(token: string): Promise<AccessClaims> {
    let kid: unknown;
    try {
      ({ kid } = decodeProtectedHeader(token));
    } catch {
      throw new TokenRefused('MALFORMED');
    }
    // The id of a key is looked up among ours and nothing else: no address, no file, no key in the token.
    const key = typeof kid === 'string' ? await this.#keys.verifying(kid) : undefined;
    if (!key) throw new TokenRefused('UNKNOWN_KEY');
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [SIGNING_ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        typ: 'at+jwt',
        clockTolerance: TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'iat', 'sub', 'sid', 'wid'],
      });
      const { sub, wid, sid, exp, typ } = payload;
      if (typ !== 'ACCESS' || typeof wid !== 'string' || typeof sid !== 'string')
        throw new TokenRefused('WRONG_CLAIMS');
      return { userId: sub!, workspaceId: wid, sessionId: sid, expiresAt: exp! };
    } catch (error) {
      if (error instanceof TokenRefused) throw error;
      throw new TokenRefused(reasonOf(error));
    }
  }
}

/** Why jose has refused, in a word of the audit. */
function reasonOf(error: unknown): string {
  const { code, claim } = error as { code?: string; claim?: string };
  if (code === 'ERR_JWT_EXPIRED') return 'EXPIRED';
  if (code === 'ERR_JOSE_ALG_NOT_ALLOWED') return 'WRONG_ALGORITHM';
  if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return 'WRONG_SIGNATURE';
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') return claim === 'aud' ? 'WRONG_AUDIENCE' : 'WRONG_CLAIMS';
  return 'MALFORMED';
}
