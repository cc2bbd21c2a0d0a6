import { randomBytes } from 'node:crypto';
import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { toString as drawQrCode } from 'qrcode';
import type { Secrets } from '../../../db/secrets.ts';
import { RequestError } from '../../errors.ts';
import type { Attempts } from '../attempts.ts';
import { readCookie, setCookie } from '../cookies.ts';
import { hashToken, randomToken } from '../tokenHash.ts';
import { findTotpStep, makeTotpSecret } from './totp.ts';

const DAY_MS = 86_400_000;
const RECOVERY_CODES = 10;
/** Of 32 letters and digits that nobody takes for another. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789x';

interface State {
  secret: string | null;
  is_confirmed: boolean;
  passkeys: number;
  codes_left: number;
  is_enforced: boolean;
  trusted_device_days: number;
}

const NOTHING: State = {
  secret: null,
  is_confirmed: false,
  passkeys: 0,
  codes_left: 0,
  is_enforced: false,
  trusted_device_days: 0,
};

interface Parts {
  readonly pool: Pool;
  readonly secrets: Secrets;
  readonly attempts: Attempts;
}

/** Proves and keeps one-time passwords, recovery codes, and browsers that need not prove a second factor for a while. */
export class SecondFactor {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async state(userId: string, workspaceId: string | null): Promise<State> {
    const { rows } = await this.#parts.pool.query<State>('select * from core.second_factor_of($1, $2)', [
      userId,
      workspaceId,
    ]);
    return rows[0] ?? NOTHING;
  }

  /** A secret for an app, until it is confirmed by a code. */
  async begin(userId: string, email: string): Promise<{ secret: string; uri: string; qrCode: string }> {
    const { pool, secrets } = this.#parts;
    const secret = makeTotpSecret();
    const { rows } = await pool.query<{ begun: boolean }>('select core.begin_second_factor($1, $2) as begun', [
      userId,
      secrets.seal(secret, purposeOf(userId)),
    ]);
    if (!rows[0]!.begun) throw new RequestError('SECOND_FACTOR_ON');
    const uri = `otpauth://totp/Relvar:${encodeURIComponent(email)}?secret=${secret}&issuer=Relvar&algorithm=SHA1&digits=6&period=30`;
    return { secret, uri, qrCode: await drawQrCode(uri, { type: 'svg', margin: 1 }) };
  }

  /** Throws SECOND_FACTOR_FAILED unless the code is right; it is used up by this. Recovery codes count, once each. */
  async prove(userId: string, code: string, { isRecoveryAllowed }: { isRecoveryAllowed: boolean }): Promise<void> {
    const { attempts } = this.#parts;
    // A million codes, three of them right at a time: ten guesses in a quarter of an hour lead nowhere.
    const limit = { key: `second factor ${userId}`, max: 10, seconds: 15 * 60 };
    await attempts.count(limit);
    const plain = code.replaceAll(/[\s-]/g, '').toLowerCase();
    const isRight = /^\d{6}$/.test(plain)
      ? await this.#useCode(userId, plain)
      : isRecoveryAllowed && (await this.#useRecoveryCode(userId, plain));
    if (!isRight) throw new RequestError('SECOND_FACTOR_FAILED');
    await attempts.takeBack(limit);
  }

  /** Ten new codes in place of those that there were. Told once. */
  async makeRecoveryCodes(userId: string): Promise<string[]> {
    const codes = Array.from({ length: RECOVERY_CODES }, () =>
      [...randomBytes(10)].map((byte) => LETTERS[byte & 31]).join(''),
    );
    await this.#parts.pool.query('select core.replace_recovery_codes($1, $2)', [
      userId,
      codes.map((code) => hashToken(code)),
    ]);
    return codes.map((code) => `${code.slice(0, 5)}-${code.slice(5)}`);
  }

  async end(userId: string): Promise<void> {
    await this.#parts.pool.query('select core.end_second_factor($1)', [userId]);
  }

  /** Lets this browser in without the second factor, for as long as the workspace that is entered says. */
  async trust(request: Request, response: Response, userId: string, workspaceId: string): Promise<void> {
    const { trusted_device_days: days } = await this.state(userId, workspaceId);
    if (days === 0) return;
    const token = randomToken();
    const expires = new Date(Date.now() + days * DAY_MS);
    await this.#parts.pool.query('select core.trust_device($1, $2, $3)', [userId, hashToken(token), expires]);
    setCookie(request, response, { name: 'relvar_device', value: token, expires });
  }

  async isTrusted(request: Request, userId: string, workspaceId: string): Promise<boolean> {
    const token = readCookie(request, 'relvar_device');
    if (!token) return false;
    const { rows } = await this.#parts.pool.query<{ trusted: boolean }>(
      'select core.is_trusted_device($1, $2, $3) as trusted',
      [userId, hashToken(token), workspaceId],
    );
    return rows[0]!.trusted;
  }

  async #useCode(userId: string, code: string): Promise<boolean> {
    const { pool, secrets } = this.#parts;
    const { secret } = await this.state(userId, null);
    if (secret === null) return false;
    const step = findTotpStep(secrets.unseal(secret, purposeOf(userId)), code);
    if (step === undefined) return false;
    const { rows } = await pool.query<{ used: boolean }>('select core.use_totp_step($1, $2) as used', [userId, step]);
    return rows[0]!.used;
  }

  async #useRecoveryCode(userId: string, code: string): Promise<boolean> {
    const { rows } = await this.#parts.pool.query<{ used: boolean }>('select core.use_recovery_code($1, $2) as used', [
      userId,
      hashToken(code),
    ]);
    return rows[0]!.used;
  }
}

const purposeOf = (userId: string): string => `totp ${userId}`;
