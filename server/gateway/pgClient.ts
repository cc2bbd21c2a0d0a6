import type { Pool, PoolClient } from "pg";
import type { PgClient, PgClientQuery, PgClientResult, WithPgClient } from "postgraphile/@dataplan/pg";
import { PipelinedQuery } from "./pipelinedQuery.ts";
import type { PipelinedResult, PipelinedStatement } from "./pipelinedQuery.ts";

/** Settings of one request: `role`, `search_path`, `relvar.member_id` and so on. */
export type RequestSettings = Readonly<Record<string, string>>;

/**
 * The way in which PostGraphile reaches the database: every statement carries its settings with it in
 * one round trip (see PipelinedQuery), so each is a transaction of its own. That is what PostGraphile
 * sends anyway, one statement at a time; `withTransaction` is there for several that belong together.
 */
export function makeWithPgClient(pool: Pool): WithPgClient {
  return async (settings, callback) => {
    const client = await pool.connect();
    const flat = flatten(settings);
    let broken = false;
    const runner: PgClient = {
      query: <TData>(query: PgClientQuery) =>
        send(client, flat, query).catch((error: unknown) => {
          broken = !isFromServer(error);
          throw error;
        }) as Promise<PgClientResult<TData>>,
      withTransaction: (inner) => transaction(client, flat, inner as (client: PgClient) => Promise<never>),
    };
    try {
      return await callback(runner);
    } finally {
      client.release(broken);
    }
  };
}

/** One statement with settings, on a connection that the caller holds. */
export async function sendWithSettings(
  client: PoolClient,
  settings: RequestSettings,
  statement: PipelinedStatement,
): Promise<PipelinedResult> {
  return pipelined(client, flatten(settings), statement);
}

async function send(client: PoolClient, settings: readonly string[], query: PgClientQuery) {
  if (!query.arrayMode) {
    throw new Error("The gateway's client answers in array mode only; ask with arrayMode: true.");
  }
  const statement = { text: query.text, name: query.name, values: query.values ?? [] };
  try {
    return await pipelined(client, settings, statement);
  } catch (error) {
    // A statement that was prepared when a column had another type says so before it runs anything;
    // its name is forgotten by then, so that the second attempt prepares it anew.
    if (statement.name && isStalePlan(error)) return pipelined(client, settings, statement);
    throw error;
  }
}

function pipelined(client: PoolClient, settings: readonly string[], statement: PipelinedStatement) {
  return new Promise<PipelinedResult>((resolve, reject) => {
    client.query(
      new PipelinedQuery(settings, statement, (error, result) => {
        if (error) reject(error);
        else resolve(result!);
      }),
    );
  });
}

async function transaction<T>(
  client: PoolClient,
  settings: readonly string[],
  callback: (client: PgClient) => Promise<T>,
): Promise<T> {
  await client.query("begin");
  try {
    const inner: PgClient = {
      query: <TData>(query: PgClientQuery) =>
        send(client, [], query) as Promise<PgClientResult<TData>>,
      withTransaction: () => {
        throw new Error("A transaction inside a transaction: use savepoints in SQL instead.");
      },
    };
    await pipelined(client, settings, { text: "select", values: [] });
    const result = await callback(inner);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

function flatten(settings: Record<string, string | undefined> | null): string[] {
  const flat: string[] = [];
  for (const name in settings) {
    const value = settings[name];
    if (value !== undefined) flat.push(name, value);
  }
  return flat;
}

/** Errors that Postgres reports carry a severity; a broken connection's do not. */
function isFromServer(error: unknown): boolean {
  return typeof error === "object" && error !== null && "severity" in error;
}

function isStalePlan(error: unknown): boolean {
  return (
    isFromServer(error) &&
    (error as { code?: string }).code === "0A000" &&
    /cached plan must not change result type/.test((error as Error).message)
  );
}
