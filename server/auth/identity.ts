import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import { assertSameOrigin } from '../http/sameOrigin.ts';
import type { Identity as DatabaseIdentity } from '../../db/pool.ts';
import { readSessionToken } from './cookie.ts';

/** Who makes a request: a member with a session, or an API key; always with one CRM role. */
export interface Identity extends DatabaseIdentity {
  readonly workspaceId: string;
  readonly workspaceSlug: string;
  readonly workspaceName: string;
  readonly roleName: string;
  readonly userId: string | null;
  readonly email: string | null;
  readonly displayName: string | null;
  readonly modelVersion: number;
  readonly shape: string;
}

interface IdentityRow {
  workspace_id: string;
  workspace_slug: string;
  workspace_name: string;
  schema_name: string;
  pg_role: string;
  role_name: string;
  member_id: string | null;
  user_id: string | null;
  api_key_id: string | null;
  email: string | null;
  display_name: string | null;
  model_version: string;
  shape: string;
}

/** How long a session or key that was revoked elsewhere may still be believed. */
const MAX_AGE_MS = 10_000;
const MAX_CACHED = 10_000;

const RESOLVERS = {
  session: 'select * from core.resolve_session($1)',
  apiKey: 'select * from core.resolve_api_key($1)',
};

/** Finds out who makes a request, and remembers it for a few seconds by the token's hash. */
export class Identities {
  readonly #pool: Pool;
  readonly #cache = new Map<string, { identity: Identity; until: number }>();
  readonly #onResolved: (identity: Identity) => void;
  /** Counts what was forgotten: an answer that was asked for before must not be remembered after. */
  #forgotten = 0;

  constructor(pool: Pool, onResolved: (identity: Identity) => void) {
    this.#pool = pool;
    this.#onResolved = onResolved;
  }

  /** The identity of a request; throws NOT_SIGNED_IN where there is none. */
  of(request: IncomingMessage): Identity | Promise<Identity> {
    const bearer = request.headers.authorization;
    if (bearer !== undefined) {
      const key = /^Bearer (rv_[\w-]{43})$/.exec(bearer)?.[1];
      if (!key) throw new RequestError('NOT_SIGNED_IN');
      return this.#find('apiKey', hashToken(key));
    }
    const token = readSessionToken(request);
    if (!token) throw new RequestError('NOT_SIGNED_IN');
    // A navigation or a stream that is only read changes nothing; everything else must be ours.
    if (request.method !== 'GET') assertSameOrigin(request);
    return this.#find('session', hashToken(token));
  }

  /** The identity of a session that has just begun. */
  ofSession(token: string): Identity | Promise<Identity> {
    return this.#find('session', hashToken(token));
  }

  /** Roles and permissions are part of the model, so its changes end what is remembered. */
  forgetWorkspace(workspaceId: string): void {
    this.#forgotten += 1;
    for (const [key, { identity }] of this.#cache) {
      if (identity.workspaceId === workspaceId) this.#cache.delete(key);
    }
  }

  forgetSession(hash: Buffer): void {
    this.#forgotten += 1;
    this.#cache.delete(cacheKey('session', hash));
  }

  forgetAll(): void {
    this.#forgotten += 1;
    this.#cache.clear();
  }

  #find(kind: keyof typeof RESOLVERS, hash: Buffer): Identity | Promise<Identity> {
    const key = cacheKey(kind, hash);
    const cached = this.#cache.get(key);
    if (cached && cached.until > Date.now()) return cached.identity;
    return this.#resolve(kind, hash, key);
  }

  async #resolve(kind: keyof typeof RESOLVERS, hash: Buffer, key: string): Promise<Identity> {
    const forgotten = this.#forgotten;
    const { rows } = await this.#pool.query<IdentityRow>({
      name: `relvar_resolve_${kind}`,
      text: RESOLVERS[kind],
      values: [hash],
    });
    const row = rows[0];
    if (!row?.workspace_id) {
      this.#cache.delete(key);
      throw new RequestError('NOT_SIGNED_IN');
    }
    const identity = fromRow(row);
    this.#onResolved(identity);
    if (forgotten !== this.#forgotten) return identity;
    if (this.#cache.size >= MAX_CACHED) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(key, { identity, until: Date.now() + MAX_AGE_MS });
    return identity;
  }
}

/** Tokens are random and long, so one plain hash keeps what the database holds useless to a thief. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function cacheKey(kind: keyof typeof RESOLVERS, hash: Buffer): string {
  return kind + hash.toString('base64');
}

function fromRow(row: IdentityRow): Identity {
  return {
    workspaceId: row.workspace_id,
    workspaceSlug: row.workspace_slug,
    workspaceName: row.workspace_name,
    schemaName: row.schema_name,
    pgRole: row.pg_role,
    source: row.api_key_id === null ? 'MANUAL' : 'API',
    roleName: row.role_name,
    memberId: row.member_id,
    userId: row.user_id,
    apiKeyId: row.api_key_id,
    email: row.email,
    displayName: row.display_name,
    modelVersion: Number(row.model_version),
    shape: row.shape,
  };
}
