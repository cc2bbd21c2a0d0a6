import { importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import type { Pool } from 'pg';
import type { Secrets } from '../../db/secrets.ts';
import { makeSigningKey, SIGNING_ALGORITHM } from '../../db/signingKeys.ts';
import { log } from '../log.ts';

interface KeyRow {
  kid: string;
  public_jwk: JWK;
  private_jwk: string;
  retired_at: Date | null;
  not_after: Date | null;
}

interface VerifyingKey {
  readonly key: CryptoKey;
  readonly notAfter: number;
}

interface Signing {
  readonly kid: string;
  readonly key: CryptoKey;
  /** The same key as the library of the authorization server takes it. */
  readonly jwk: JWK;
}

interface Loaded {
  readonly signing: Signing | undefined;
  readonly verifying: ReadonlyMap<string, VerifyingKey>;
  readonly jwks: readonly JWK[];
}

/** A key that another server has just made may be asked for before its notice arrives; more often than this, nobody asks. */
const RELOAD_MS = 5_000;

/** The keys of access tokens, as the database has them. */
export class SigningKeys {
  readonly #pool: Pool;
  readonly #secrets: Secrets;
  #loaded: Promise<Loaded> | undefined;
  #loadedAt = 0;

  constructor(pool: Pool, secrets: Secrets) {
    this.#pool = pool;
    this.#secrets = secrets;
  }

  /** Keys were added or retired. */
  forget(): void {
    this.#loaded = undefined;
  }

  async signing(): Promise<Signing> {
    const { signing } = await this.#load();
    if (signing) return signing;
    // Nobody has made a key yet, or all are sealed with the secret of another server; both may sign beside each other.
    const { kid, publicJwk, privateJwk } = await makeSigningKey(this.#secrets);
    await this.#pool.query('select core.add_signing_key($1, $2, $3)', [kid, publicJwk, privateJwk]);
    this.forget();
    const made = (await this.#load()).signing;
    if (!made) throw new Error('No key can sign access tokens.');
    return made;
  }

  /** The key with this id, unless it has run out. */
  async verifying(kid: string): Promise<CryptoKey | undefined> {
    let found = (await this.#load()).verifying.get(kid);
    if (!found && Date.now() - this.#loadedAt > RELOAD_MS) {
      this.forget();
      found = (await this.#load()).verifying.get(kid);
    }
    return found && found.notAfter > Date.now() ? found.key : undefined;
  }

  async jwks(): Promise<{ keys: readonly JWK[] }> {
    await this.signing();
    return { keys: (await this.#load()).jwks };
  }

  #load(): Promise<Loaded> {
    if (!this.#loaded) {
      this.#loadedAt = Date.now();
      const loading = this.#read();
      loading.catch(() => {
        if (this.#loaded === loading) this.#loaded = undefined;
      });
      this.#loaded = loading;
    }
    return this.#loaded;
  }

  async #read(): Promise<Loaded> {
    const { rows } = await this.#pool.query<KeyRow>('select * from core.list_signing_keys()');
    const verifying = new Map<string, VerifyingKey>();
    let signing: Loaded['signing'];
    for (const row of rows) {
      const key = (await importJWK(row.public_jwk, SIGNING_ALGORITHM)) as CryptoKey;
      verifying.set(row.kid, { key, notAfter: row.not_after?.getTime() ?? Infinity });
      if (!signing && row.retired_at === null) signing = await this.#openPrivate(row);
    }
    return { signing, verifying, jwks: rows.map(({ public_jwk }) => public_jwk) };
  }

  async #openPrivate({ kid, private_jwk }: KeyRow): Promise<Loaded['signing']> {
    let jwk: JWK;
    try {
      jwk = JSON.parse(this.#secrets.unseal(private_jwk, `signing key ${kid}`)) as JWK;
    } catch {
      log('a signing key is sealed with another secret; servers should share RELVAR_SECRET', { kid });
      return undefined;
    }
    return { kid, jwk, key: (await importJWK(jwk, SIGNING_ALGORITHM)) as CryptoKey };
  }
}
