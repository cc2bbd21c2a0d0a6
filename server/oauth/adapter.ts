import type { Request } from 'express';
import { errors, Provider } from 'oidc-provider';
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import type { Pool } from 'pg';
import { isDatabaseError } from '../gateway/databaseErrors.ts';
import { hashToken } from '../auth/tokenHash.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Stands before the hash of a device code whose device alone knows the code itself. */
const HANDLE = '#';
const DEVICE_PAGES = new Set(['code_verification', 'device_resume']);
/** What has no end of its own ends then. */
const LONGEST_SECONDS = 60 * 60;

/** Where the authorization server keeps everything: functions of schema core, which several servers share. */
export function makeAdapter(pool: Pool): AdapterFactory {
  return (model) => {
    if (model === 'Client') return new Clients(pool);
    if (model === 'Grant') return new Grants(pool);
    return new Tokens(pool, model);
  };
}

/** What this kind of thing is never asked. */
abstract class Store implements Adapter {
  protected readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  abstract upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void>;
  abstract find(id: string): Promise<AdapterPayload | undefined>;
  abstract destroy(id: string): Promise<void>;

  /** Sessions of the library are looked for by it; ours remember nobody, so none is found. */
  findByUid(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  findByUserCode(_userCode: string): Promise<AdapterPayload | undefined> {
    return Promise.resolve(undefined);
  }

  consume(_id: string): Promise<void> {
    return Promise.reject(new Error('This cannot be used up.'));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await endGrant(this.pool, grantId);
  }

  protected async one(text: string, values: unknown[]): Promise<AdapterPayload | undefined> {
    const { rows } = await this.pool.query<{ found: AdapterPayload | null }>(text, values);
    return rows[0]?.found ?? undefined;
  }
}

class Clients extends Store {
  /** Called when an app registers itself, and for nothing else: those of workspaces are made by functions of metadata. */
  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    const { client_secret: secret, ...metadata } = payload;
    try {
      await this.pool.query('select core.register_oauth_client($1, $2, $3, $4, $5)', [
        id,
        metadata,
        secret === undefined ? null : hashToken(secret),
        ...whence(),
      ]);
    } catch (error) {
      if (!isDatabaseError(error) || !/^(RV|23)/.test(error.code ?? '')) throw error;
      throw new errors.InvalidClientMetadata(
        error.code === 'RV146' ? `redirect_uris are not acceptable: ${error.hint}` : 'this cannot be registered',
        error.message,
      );
    }
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    return UUID.test(id) ? this.one('select core.find_oauth_client($1) as found', [id]) : Promise.resolve(undefined);
  }

  destroy(): Promise<void> {
    return Promise.reject(new Error('Apps are deleted by metadata.delete_app.'));
  }
}

class Grants extends Store {
  upsert(): Promise<void> {
    return Promise.reject(new Error('What is granted is written by core.consent_to_client.'));
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const found = await this.one('select core.find_oauth_grant($1) as found', [id]);
    return found && { ...found, jti: id, kind: 'Grant' };
  }

  async destroy(id: string): Promise<void> {
    await endGrant(this.pool, id);
  }
}

class Tokens extends Store {
  readonly #model: string;

  constructor(pool: Pool, model: string) {
    super(pool);
    this.#model = model;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number = LONGEST_SECONDS): Promise<void> {
    const kept = { ...payload };
    // The id is what its holder has. It comes back with whoever shows it.
    delete kept.jti;
    const { userCode } = kept;
    delete kept.userCode;
    // Who is signed in is for our own session to say, each time anew.
    if (this.#model === 'Session') {
      for (const name of ['accountId', 'loginTs', 'acr', 'amr', 'authorizations'] as const) delete kept[name];
    }
    await this.pool.query('select core.save_oauth_token($1, $2, $3, $4, $5)', [
      this.#model,
      this.#hash(id),
      kept,
      new Date(Date.now() + expiresIn * 1000),
      userCode === undefined ? null : hashToken(userCode),
    ]);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const { rows } = await this.pool.query<TokenRow>('select * from core.find_oauth_token($1, $2)', [
      this.#model,
      this.#hash(id),
    ]);
    return rows[0] && payloadOf(rows[0], id);
  }

  override async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const { rows } = await this.pool.query<TokenRow & { id_hash: Buffer }>(
      'select * from core.find_oauth_user_code($1)',
      [hashToken(userCode)],
    );
    return rows[0] && { ...payloadOf(rows[0], HANDLE + rows[0].id_hash.toString('hex')), userCode };
  }

  override async consume(id: string): Promise<void> {
    const { rows } = await this.pool.query<{ won: boolean }>('select core.use_oauth_token($1, $2, $3, $4) as won', [
      this.#model,
      hashToken(id),
      ...whence(),
    ]);
    if (!rows[0]!.won) throw new errors.InvalidGrant('already used');
  }

  async destroy(id: string): Promise<void> {
    await this.pool.query('select core.drop_oauth_token($1, $2)', [this.#model, hashToken(id)]);
  }

  /** The hash of an id. A code that was found by what people typed has no other name here than that. */
  #hash(id: string): Buffer {
    const isHandle = id.startsWith(HANDLE) && DEVICE_PAGES.has(Provider.ctx?.oidc.route ?? '');
    return isHandle ? Buffer.from(id.slice(HANDLE.length), 'hex') : hashToken(id);
  }
}

interface TokenRow {
  payload: AdapterPayload;
  consumed_at: Date | null;
}

function payloadOf({ payload, consumed_at: consumed }: TokenRow, id: string): AdapterPayload {
  return { ...payload, jti: id, ...(consumed && { consumed: consumed.getTime() / 1000 }) };
}

/** Asked by the app itself, or since somebody came again with what was used up. */
async function endGrant(pool: Pool, grantId: string): Promise<void> {
  const reason = Provider.ctx?.oidc.route === 'revocation' ? 'REVOKED' : 'REUSED';
  await pool.query('select core.end_oauth_grant($1, $2, $3, $4)', [grantId, reason, ...whence()]);
}

/** The address and the program of the request that is being answered. Express knows which proxy to believe. */
function whence(): [string | null, string | null] {
  const request = Provider.ctx?.req as Request | undefined;
  return [request?.ip ?? null, request?.headers['user-agent'] ?? null];
}
