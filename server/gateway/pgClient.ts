import type { ClientBase, Pool } from 'pg';
import type { PgClient, PgClientQuery, PgClientResult, WithPgClient } from 'postgraphile/@dataplan/pg';
import { PipelinedQuery } from './pipelinedQuery.ts';
import type { PipelinedResult, PipelinedStatement } from './pipelinedQuery.ts';
import { isSpent } from './recycling.ts';

/** Settings of one request: `role`, `search_path`, `relvar.member_id` and so on. */
export type RequestSettings = Readonly<Record<string, string>>;

/**
 * The way in which PostGraphile reaches the database. Every statement carries its settings with it in
 * one round trip (see PipelinedQuery) and so is a transaction of its own, which is how PostGraphile
 * uses its client anyway: one statement for a list with its relations, one for each mutation.
 */
export function makeWithPgClient(pool: Pool): WithPgClient {
  return async (settings, callback) => {
    const client = await pool.connect();
    const flat = flatten(settings ?? {});
    let broken = false;
    const runner: PgClient = {
      query: async <TData>(query: PgClientQuery) => {
        try {
          return await send<TData>(client, flat, query);
        } catch (error) {
          broken = !isFromServer(error);
          throw error;
        }
      },
      // Only streamed lists ask for one, and this gateway does not offer @stream.
      withTransaction: () => Promise.reject(new Error('The gateway sends single statements.')),
    };
    try {
      return await callback(runner);
    } finally {
      client.release(isSpent(client, settings?.search_path ?? '') || broken);
    }
  };
}

/** One statement with settings, on a connection that the caller holds. */
export function sendWithSettings(
  client: ClientBase,
  settings: Readonly<Record<string, string>>,
  statement: PipelinedStatement,
): Promise<PipelinedResult> {
  return pipelined(client, flatten(settings), statement);
}

async function send<TData>(
  client: ClientBase,
  settings: readonly string[],
  query: PgClientQuery,
): Promise<PgClientResult<TData>> {
  if (!query.arrayMode) {
    throw new Error("The gateway's client answers in array mode only: ask with arrayMode: true.");
  }
  const statement = { text: query.text, name: query.name, values: query.values ?? [] };
  let result: PipelinedResult;
  try {
    result = await pipelined(client, settings, statement);
  } catch (error) {
    if (!statement.name || !isStalePlan(error)) throw error;
    // A statement that was prepared when a column had another type says so before it runs anything;
    // its name is forgotten by then, so that the second attempt prepares it anew.
    result = await pipelined(client, settings, statement);
  }
  const rows: readonly unknown[] = result.rows;
  return { rows: rows as readonly TData[], rowCount: result.rowCount };
}

function pipelined(
  client: ClientBase,
  settings: readonly string[],
  statement: PipelinedStatement,
): Promise<PipelinedResult> {
  return new Promise((resolve, reject) => {
    client.query(
      new PipelinedQuery(settings, statement, (error, result) => {
        if (error) reject(error);
        else resolve(result!);
      }),
    );
  });
}

function flatten(settings: Readonly<Record<string, string | undefined>>): string[] {
  const flat: string[] = [];
  for (const name in settings) {
    const value = settings[name];
    if (value !== undefined) flat.push(name, value);
  }
  return flat;
}

/** Errors that Postgres reports carry a severity; those of a broken connection do not. */
function isFromServer(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity !== 'FATAL';
}

function isStalePlan(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === '0A000' &&
    error.message.includes('cached plan must not change result type')
  );
}
