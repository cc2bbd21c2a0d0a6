import pg from 'pg';

export interface PoolOptions {
  connectionString: string;
  applicationName: string;
  max?: number;
  /** Becomes the role of every connection at once, for processes that only ever act as one role. */
  role?: string;
}

/**
 * A backend keeps about 0.9 MB of catalogue for each workspace it has touched (890 MB after 1,000,
 * DESIGN.md section 4), so connections are replaced by use count and by age.
 */
export function createPool({ connectionString, applicationName, max, role }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    application_name: applicationName,
    max: max ?? 10,
    maxUses: 2_000,
    maxLifetimeSeconds: 600,
    idleTimeoutMillis: 30_000,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...(role === undefined ? {} : { options: `-c role=${role}` }),
  });
  // A connection that breaks while idle is replaced by the pool; without listeners it would end the
  // process. One that breaks in use fails its query, which is where the error is told.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** Who a transaction acts for. Comes from core.resolve_session, core.resolve_api_key or core.resolve_oauth_token. */
export interface Identity {
  pgRole: string;
  schemaName: string;
  memberId: string | null;
  apiKeyId: string | null;
  /** The user who acts as the member, where it is somebody else. */
  impersonatorId?: string | null;
  /** The member who looks, where what is shown is another's view: nothing can be written then. */
  seenBy?: string | null;
  /** The app that acts, for the member or for itself, and what it was granted. */
  applicationId?: string | null;
  scopes?: string | null;
  /** Whether nothing may be written, whatever the role allows. */
  isReadOnly?: boolean;
  /** Where a change comes from: UI writes are MANUAL, keys API, files IMPORT, and so on. */
  source: string;
  requestId?: string;
}

/** The settings that make a connection act for someone, all of them local to the transaction. */
export function identitySettings(identity: Identity): Record<string, string> {
  return {
    role: identity.pgRole,
    search_path: `${pg.escapeIdentifier(identity.schemaName)}, public`,
    'relvar.member_id': identity.memberId ?? '',
    'relvar.api_key_id': identity.apiKeyId ?? '',
    'relvar.impersonator_id': identity.impersonatorId ?? '',
    'relvar.source': identity.source,
    'relvar.request_id': identity.requestId ?? '',
    // PostgreSQL lets no statement of the transaction take this back.
    ...(identity.seenBy && { 'relvar.seen_by': identity.seenBy, transaction_read_only: 'on' }),
    ...(identity.applicationId && {
      'relvar.application_id': identity.applicationId,
      'relvar.scopes': identity.scopes ?? '',
    }),
    ...(identity.isReadOnly && { transaction_read_only: 'on' }),
  };
}

/** Runs `work` in one transaction as `identity`; commits when it returns, rolls back when it throws. */
export async function withIdentity<T>(
  pool: pg.Pool,
  identity: Identity,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const settings = Object.entries(identitySettings(identity)).map(
    ([name, value]) => `set_config(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)}, true)`,
  );
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    // One round trip instead of two: literals, since several statements cannot take parameters.
    await client.query(`begin; select ${settings.join(', ')}`);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    // A connection that could not roll back must not serve anyone else.
    client.release(broken);
  }
}
