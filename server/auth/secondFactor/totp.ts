import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** One-time passwords by time, RFC 6238, as every authenticator app makes them: SHA-1, six digits, thirty seconds. */
const STEP_SECONDS = 30;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** 160 random bits in base32, as RFC 4226 advises. */
export function makeTotpSecret(): string {
  return [...randomBytes(32)].map((byte) => ALPHABET[byte & 31]).join('');
}

/** The step of the code, if it is that of now or of the one before or after: clocks differ, and people type slowly. */
export function findTotpStep(secret: string, code: string, now: number = Date.now()): number | undefined {
  const key = decodeBase32(secret);
  const step = Math.floor(now / 1000 / STEP_SECONDS);
  return [step - 1, step, step + 1].find((each) => each >= 0 && isSame(codeOf(key, each), code));
}

function codeOf(key: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', key).update(counter).digest();
  const offset = digest.at(-1)! & 15;
  return String((digest.readUInt32BE(offset) & 0x7f_ff_ff_ff) % 1_000_000).padStart(6, '0');
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

function decodeBase32(text: string): Buffer {
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
