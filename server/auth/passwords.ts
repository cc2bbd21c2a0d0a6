import { hash, verify } from '@node-rs/argon2';
import { RequestError } from '../errors.ts';
import { isCommonPassword } from './commonPasswords.ts';

/** OWASP's first choice for argon2id (the library's default algorithm): 19 MiB, two passes, one lane. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** A hash of nobody's password: verifying against it makes an unknown e-mail take as long as a known one. */
const NOBODY = hash('nobody has this password', OPTIONS);

const MIN_LENGTH = 10;
/** Argon2 takes any length; a limit keeps a megabyte from being hashed. */
const MAX_LENGTH = 1_000;

/** Length makes a password hard to guess, unless it is one that is guessed first. Those that must have signs and digits are written on notes. */
export function assertNewPassword(password: string): void {
  if (password.length < MIN_LENGTH) throw new RequestError('PASSWORD_TOO_SHORT', { field: 'password' });
  if (password.length > MAX_LENGTH) {
    throw new RequestError('INVALID_REQUEST', { message: 'This password is too long.', field: 'password' });
  }
  if (isCommonPassword(password)) throw new RequestError('PASSWORD_COMMON', { field: 'password' });
}

export function hashPassword(password: string): Promise<string> {
  return hash(password, OPTIONS);
}

export async function isPassword(stored: string | null | undefined, password: string): Promise<boolean> {
  const matches = await verify(stored ?? (await NOBODY), password);
  return matches && stored !== null && stored !== undefined;
}
