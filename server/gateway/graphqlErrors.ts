import { GraphQLError, visit } from 'postgraphile/graphql';
import type { DocumentNode } from 'postgraphile/graphql';
import type { Pool } from 'pg';
import { RequestError, ERRORS } from '../errors.ts';
import { logHidden } from '../log.ts';
import { camelCase, explainDatabaseError, isDatabaseError } from './databaseErrors.ts';
import type { FriendlyError } from './databaseErrors.ts';
import type { RequestSettings } from './pgClient.ts';
import { sendWithSettings } from './pgClient.ts';

/** One entry of `errors` in a GraphQL answer. */
export interface AnswerError {
  message: string;
  path?: readonly (string | number)[] | undefined;
  locations?: readonly { line: number; column: number }[] | undefined;
  extensions: { code: string; hint?: string | null; field?: string; id?: string };
}

/** The errors of a document that does not parse or does not fit the schema. */
export function explainInvalidDocument(errors: readonly GraphQLError[]): AnswerError[] {
  return errors.map(({ message, locations }) => ({
    message,
    locations,
    extensions: { code: 'INVALID_QUERY', hint: null },
  }));
}

export interface FailedRequest {
  readonly pool: Pool;
  readonly settings: RequestSettings;
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly requestId: string;
}

/** Turns what went wrong while running into errors for people; the rest is logged and masked. */
export async function explainErrors(
  errors: readonly GraphQLError[],
  request: FailedRequest,
): Promise<AnswerError[]> {
  return Promise.all(errors.map((error) => explain(error, request)));
}

async function explain(error: GraphQLError, request: FailedRequest): Promise<AnswerError> {
  const place = { path: error.path, locations: error.locations };
  const cause = error.originalError;
  if (cause instanceof RequestError) {
    return { message: cause.message, ...place, extensions: { code: cause.code, hint: cause.hint } };
  }
  if (isDatabaseError(cause)) {
    const friendly = explainDatabaseError(cause);
    if (friendly) {
      const field = friendly.field ?? (await forbiddenField(error, friendly, request));
      return {
        message: friendly.message,
        ...place,
        extensions: { code: friendly.code, hint: friendly.hint, ...(field && { field }) },
      };
    }
  }
  // GraphQL's own complaints about variables, and Grafast's about arguments, are safe to read.
  if (!cause || cause instanceof GraphQLError || isSafe(cause)) {
    return { message: error.message, ...place, extensions: { code: 'INVALID_REQUEST', hint: null } };
  }
  const id = logHidden(cause, { requestId: request.requestId, path: error.path });
  const { message, hint } = ERRORS.INTERNAL;
  return { message, ...place, extensions: { code: 'INTERNAL', hint, id } };
}

/** Grafast marks the errors that it means for the client. */
function isSafe(error: Error): boolean {
  return Object.getOwnPropertySymbols(error).some((symbol) => symbol.description === 'safeError');
}

/**
 * Postgres says which table a role may not touch, not which column. Columns that lack the privilege and
 * that the request names are the answer; the question is asked only after something was refused.
 */
async function forbiddenField(
  error: GraphQLError,
  { code, table }: FriendlyError,
  { pool, settings, document, variables }: FailedRequest,
): Promise<string | undefined> {
  if (code !== 'FORBIDDEN' || !table) return undefined;
  const root = String(error.path?.[0]);
  const write = root.startsWith('create') ? 'insert' : root.startsWith('update') ? 'update' : undefined;
  const selected = new Set<string>();
  const given = new Set<string>();
  visit(document, {
    Field: (node) => void selected.add(node.name.value),
    ObjectField: (node) => void given.add(node.name.value),
  });
  addKeys(variables, given);
  const client = await pool.connect();
  try {
    const lacking = async (privilege: string) => {
      const { rows } = await sendWithSettings(client, settings, {
        name: 'relvar_forbidden_columns',
        text: `select attname::text from pg_catalog.pg_attribute
          where attrelid = to_regclass(quote_ident($1)) and attnum > 0 and not attisdropped
            and not has_column_privilege(attrelid, attnum, $2)`,
        values: [table, privilege],
      });
      return rows.map(([column]) => camelCase(column!));
    };
    const unwritable = write && (await lacking(write)).find((name) => given.has(name));
    return unwritable ?? (await lacking('select')).find((name) => selected.has(name));
  } finally {
    client.release();
  }
}

function addKeys(value: unknown, keys: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) keys.add(key);
    addKeys(inner, keys);
  }
}
