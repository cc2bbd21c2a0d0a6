import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import type { Secrets } from './secrets.ts';

/** The one algorithm of access tokens. It is never taken from a token. */
export const SIGNING_ALGORITHM = 'ES256';

export interface SealedSigningKey {
  readonly kid: string;
  readonly publicJwk: object;
  /** Sealed: the database alone cannot sign. */
  readonly privateJwk: string;
}

export async function makeSigningKey(secrets: Secrets): Promise<SealedSigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  const privateJwk = secrets.seal(JSON.stringify(await exportJWK(privateKey)), `signing key ${kid}`);
  return { kid, publicJwk: { ...publicJwk, kid, alg: SIGNING_ALGORITHM, use: 'sig' }, privateJwk };
}
