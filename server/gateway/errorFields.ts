import type { Pool } from 'pg';
import { visit } from 'postgraphile/graphql';
import type { DocumentNode, GraphQLError } from 'postgraphile/graphql';
import { camelCase } from './databaseErrors.ts';
import type { FriendlyError } from './databaseErrors.ts';
import { sendWithSettings } from './pgClient.ts';
import type { RequestSettings } from './pgClient.ts';

/** A request that failed, as far as is needed to explain why. */
export interface FailedRequest {
  readonly pool: Pool;
  readonly settings: RequestSettings;
  readonly document: DocumentNode;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly requestId: string;
}

/**
 * The field at fault where the error itself does not say. Under row-level security Postgres keeps the
 * columns of a violated constraint to itself, and of a missing grant it names the table alone; the
 * catalogue, asked as the caller once something has failed, knows both. `ruleField` is the field of the rule
 * that was broken.
 */
export async function findField(
  error: GraphQLError,
  { code, table, constraint }: FriendlyError,
  request: FailedRequest,
  ruleField?: string | null,
): Promise<string | undefined> {
  if (!table) return undefined;
  if (constraint) {
    const names = await constraintColumns(request, table, constraint);
    // A rule knows which of its constraint's columns it is about; of a field of several parts the column says which.
    return ruleField ? (names.find((name) => name.startsWith(ruleField)) ?? ruleField) : names[0];
  }
  if (code !== 'FORBIDDEN') return undefined;

  const { selected, given } = namesIn(request);
  const root = String(error.path?.[0]);
  const write = root.startsWith('create') ? 'insert' : root.startsWith('update') ? 'update' : undefined;
  // An update names its record by id, which is not the field that it may not write.
  if (write === 'update') given.delete('id');
  const unwritable = write && (await forbiddenColumns(request, table, write)).find((name) => given.has(name));
  if (unwritable) return unwritable;
  return (await forbiddenColumns(request, table, 'select')).find((name) => selected.has(name));
}

function constraintColumns(request: FailedRequest, table: string, constraint: string): Promise<string[]> {
  return columns(request, {
    name: 'relvar_constraint_columns',
    text: `
      select a.attname::text
      from (
        select u.attnum, u.place
        from pg_catalog.pg_constraint c, unnest(c.conkey) with ordinality u(attnum, place)
        where c.conname = $2 and c.conrelid = to_regclass(quote_ident($1))
        union all
        -- A unique index without a constraint may be on an expression, lower(email) for one.
        select d.refobjsubid, d.refobjsubid
        from pg_catalog.pg_class i
        join pg_catalog.pg_depend d on d.classid = 'pg_class'::regclass and d.objid = i.oid
          and d.refobjid = to_regclass(quote_ident($1)) and d.refobjsubid > 0
        where i.relname = $2 and i.relkind = 'i') k
      join pg_catalog.pg_attribute a on a.attrelid = to_regclass(quote_ident($1)) and a.attnum = k.attnum
      -- Not those that the caller neither reads nor writes.
      where has_column_privilege(a.attrelid, a.attnum, 'select') or has_column_privilege(a.attrelid, a.attnum, 'insert')
        or has_column_privilege(a.attrelid, a.attnum, 'update')
      order by k.place`,
    values: [table, constraint],
  });
}

function forbiddenColumns(
  request: FailedRequest,
  table: string,
  privilege: 'select' | 'insert' | 'update',
): Promise<string[]> {
  return columns(request, {
    name: 'relvar_forbidden_columns',
    text: `
      select attname::text from pg_catalog.pg_attribute
      where attrelid = to_regclass(quote_ident($1)) and attnum > 0 and not attisdropped
        and not has_column_privilege(attrelid, attnum, $2)`,
    values: [table, privilege],
  });
}

async function columns(
  { pool, settings }: FailedRequest,
  question: { name: string; text: string; values: string[] },
): Promise<string[]> {
  const client = await pool.connect();
  let broken = true;
  try {
    const { rows } = await sendWithSettings(client, settings, question);
    broken = false;
    return rows.map(([column]) => camelCase(column!));
  } finally {
    client.release(broken);
  }
}

/** The names that a request reads and those that it writes. */
function namesIn({ document, variables }: FailedRequest): {
  selected: Set<string>;
  given: Set<string>;
} {
  const selected = new Set<string>();
  const given = new Set<string>();
  visit(document, {
    Field: (node) => void selected.add(node.name.value),
    ObjectField: (node) => void given.add(node.name.value),
  });
  addKeys(variables, given);
  return { selected, given };
}

function addKeys(value: unknown, keys: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) keys.add(key);
    addKeys(inner, keys);
  }
}
