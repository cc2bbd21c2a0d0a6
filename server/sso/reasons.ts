import { AnswerTooLong } from '../../db/guardedFetch.ts';
import { AddressRefused } from '../../db/publicAddresses.ts';

/** Thrown for a person of another domain than the one that the workspace wants. */
export class WrongDomain extends Error {}

interface LibraryError {
  code?: string;
  error?: string;
  message: string;
  claim?: string;
  cause?: unknown;
}

const CLAIMS: Readonly<Record<string, string>> = {
  aud: 'WRONG_AUDIENCE',
  azp: 'WRONG_AUDIENCE',
  iss: 'WRONG_ISSUER',
  nonce: 'WRONG_NONCE',
  exp: 'EXPIRED',
  iat: 'WRONG_TIME',
  nbf: 'WRONG_TIME',
  alg: 'WRONG_ALGORITHM',
};

/** Why the library, or the way to the provider, has refused what came back, in a word of the audit. */
export function reasonOf(error: unknown): string {
  if (error instanceof WrongDomain) return 'WRONG_DOMAIN';
  const chain: LibraryError[] = [];
  for (
    let each = error;
    typeof each === 'object' && each !== null && chain.length < 5;
    each = (each as LibraryError).cause
  ) {
    chain.push(each as LibraryError);
    if (each instanceof AddressRefused) return 'ADDRESS_REFUSED';
    if (each instanceof AnswerTooLong) return 'ANSWER_TOO_LONG';
  }
  for (const { claim, error: said, message } of chain) {
    if (claim && CLAIMS[claim]) return CLAIMS[claim];
    if (/"state"/.test(message ?? '')) return 'WRONG_STATE';
    if (/response parameter "iss"|issuer/.test(message ?? '')) return 'WRONG_ISSUER';
    if (/signature/i.test(message ?? '')) return 'WRONG_SIGNATURE';
    if (/"alg"/.test(message ?? '')) return 'WRONG_ALGORITHM';
    // What the provider itself says, such as access_denied or invalid_grant.
    if (said && /^[a-z_]{3,60}$/.test(said)) return said.toUpperCase();
  }
  return chain.find(({ code }) => code)?.code ?? 'UNKNOWN';
}

/** Whether it was the way to the provider that failed, rather than what came back by it. */
export function isUnreachable(error: unknown): boolean {
  return /^(ADDRESS_REFUSED|ANSWER_TOO_LONG|E(CONN|TIMEDOUT|NOTFOUND|AI_|HOST|NET|PROTO|PIPE)\w*|OAUTH_TIMEOUT|ABORT_ERR|OAUTH_RESPONSE_IS_NOT_(CONFORM|JSON)|.*CERT.*)$/.test(
    reasonOf(error),
  );
}
