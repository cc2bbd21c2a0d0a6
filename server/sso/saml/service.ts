import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Pool } from 'pg';
import type { Secrets } from '../../../db/secrets.ts';
import { log } from '../../log.ts';
import type { Provider } from '../openId.ts';
import { selfSign } from '../../../db/saml/selfSign.ts';

/** What an administrator has set of a SAML provider; see core.provider_setting_keys. */
export interface SamlSettings {
  readonly entityId?: string;
  readonly signInUrl?: string;
  /** Base64; an answer that is signed with any of them is believed. */
  readonly certificates?: readonly string[];
  readonly metadataUrl?: string;
  readonly signsRequests?: boolean;
  readonly wantsSignedResponse?: boolean;
  readonly allowsIdpInitiated?: boolean;
  readonly emailAttribute?: string;
  readonly nameAttribute?: string;
}

export interface SamlKey {
  /** Base64. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
}

/** What we are to one identity provider: each of them knows us by addresses and keys of its own. */
export interface SamlService {
  readonly settings: SamlSettings;
  /** Our name, which is also where our metadata is. */
  readonly entityId: string;
  /** Where answers are posted to. */
  readonly acsUrl: string;
  /** The newest first. */
  readonly keys: readonly SamlKey[];
}

export class SamlServices {
  readonly #pool: Pool;
  readonly #secrets: Secrets;

  constructor(pool: Pool, secrets: Secrets) {
    this.#pool = pool;
    this.#secrets = secrets;
  }

  /** `base` is where people reach us. */
  async open({ id, settings }: Provider, base: string): Promise<SamlService> {
    return {
      settings,
      entityId: `${base}/auth/saml/${id}/metadata`,
      acsUrl: `${base}/auth/saml/${id}/acs`,
      keys: await this.#keysOf(id),
    };
  }

  async #keysOf(providerId: string): Promise<SamlKey[]> {
    const keys = await this.#readKeys(providerId);
    if (keys.length > 0) return keys;
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    await this.#pool.query('select core.add_first_saml_key($1, $2, $3)', [
      providerId,
      selfSign('Relvar', { privateKey, publicKey: createPublicKey(privateKey) }),
      this.#secrets.seal(pem, purposeOf(providerId)),
    ]);
    return this.#readKeys(providerId);
  }

  async #readKeys(providerId: string): Promise<SamlKey[]> {
    const { rows } = await this.#pool.query<{ certificate: string; private_key: string }>(
      'select certificate, private_key from core.saml_keys_of($1)',
      [providerId],
    );
    return rows.flatMap(({ certificate, private_key: sealed }) => {
      try {
        const privateKey = this.#secrets.unseal(sealed, purposeOf(providerId));
        createPrivateKey(privateKey);
        return [{ certificate, privateKey }];
      } catch {
        log('a SAML key is sealed with another secret; servers should share RELVAR_SECRET', { providerId });
        return [];
      }
    });
  }
}

const purposeOf = (providerId: string): string => `saml key ${providerId}`;
