import type pg from 'pg';
import type { Identity } from '../../db/pool.ts';
import type { GraphqlAnswer } from '../testing/server.ts';
import type { Checks } from './checks.ts';
import type { Model } from './model.ts';
import type { Random } from './random.ts';
import type { Caller, World } from './data.ts';

/** What a door is asked with. */
export interface Setting {
  readonly world: World;
  readonly model: Model;
  readonly checks: Checks;
  /** For doors that ask of some only. */
  readonly random: Random;
  readonly workspaceId: string;
  readonly schema: string;
  /** A superuser's pool, and that of the server's login. */
  readonly admin: pg.Pool;
  readonly server: pg.Pool;
  readonly adminUrl: string;
  /** Where the application listens. */
  readonly url: string;
  tokenOf: (caller: Caller) => string;
  identityOf: (caller: Caller) => Omit<Identity, 'source'>;
  /** Runs `work` in a transaction as the caller, as psql does after taking the role, and rolls back. */
  as: <T>(caller: Caller, work: (client: pg.ClientBase) => Promise<T>) => Promise<T>;
  /** The same, with all that is said of who acts. */
  asIdentity: <T>(identity: Identity, work: (client: pg.ClientBase) => Promise<T>) => Promise<T>;
  graphql: (caller: Caller, query: string, variables?: object) => Promise<GraphqlAnswer>;
}

/** A way by which somebody might learn or do something. It is asked in bulk: one answer tells hundreds of facts. */
export interface Door {
  readonly name: string;
  ask: (setting: Setting) => Promise<void>;
}

/** What a statement comes to: its rows, or the code with which it was refused. The transaction goes on. */
export async function attempt(client: pg.ClientBase, sql: string, values: unknown[] = []): Promise<Attempt> {
  await client.query('savepoint attempt');
  try {
    const { rows, rowCount } = await client.query<Record<string, unknown>>(sql, values);
    return { rows, count: rowCount ?? 0, code: null };
  } catch (error) {
    return { rows: [], count: 0, code: (error as pg.DatabaseError).code ?? String(error) };
  } finally {
    await client.query('rollback to attempt');
  }
}

interface Attempt {
  readonly rows: Record<string, unknown>[];
  readonly count: number;
  readonly code: string | null;
}

export const REFUSED = '42501';

/** The code with which GraphQL refuses, or null. */
export const codeOf = ({ errors }: GraphqlAnswer): string | null => errors?.[0]?.extensions.code ?? null;

/** The nodes of the one list that was asked for. */
export function nodesOf<T = Record<string, unknown>>({ data }: GraphqlAnswer): T[] {
  const [list] = Object.values(data ?? {}) as ({ nodes: T[] } | null)[];
  return list?.nodes ?? [];
}
