import type { ClientBase, DatabaseError, Pool } from 'pg';

/** What a broken constraint means, in the words of the rule that it stands for. */
export interface Violation {
  readonly message: string;
  readonly hint: string | null;
  /** The API name of the field, where it is about one. */
  readonly field: string | null;
}

/** A constraint or unique index by its name, or a column that may not be empty. */
export interface Broken {
  readonly constraint?: string | undefined;
  readonly column?: string | undefined;
}

/**
 * The rule behind each of some constraints of a tenant's table; undefined where there is none, as for
 * those that belong to a type. Asked as the login, since CRM roles do not reach the engine by name; `caller` is the
 * role that is told, of which only what it may know is said.
 */
export async function explainViolations(
  db: Pool | ClientBase,
  schema: string,
  table: string,
  broken: readonly Broken[],
  caller: string | undefined,
): Promise<(Violation | undefined)[]> {
  const { rows } = await db.query<{ message: string | null; hint: string | null; field: string | null }>({
    name: 'relvar_explain_violations',
    text: `
      select e.message, e.hint, e.field_name as field
      from unnest($3::text[], $4::text[]) with ordinality b (constraint_name, column_name, place)
      left join lateral (select * from engine.explain_violation($1, $2, b.constraint_name, b.column_name, $5) limit 1) e on true
      order by b.place`,
    values: [
      schema,
      table,
      broken.map(({ constraint }) => constraint ?? null),
      broken.map(({ column }) => column ?? null),
      caller ?? null,
    ],
  });
  return rows.map(({ message, hint, field }) => (message === null ? undefined : { message, hint, field }));
}

/** What an error of the class "integrity constraint violation" says was broken. */
export function brokenBy(error: DatabaseError): (Broken & { schema: string; table: string }) | undefined {
  const { code, schema, table, constraint, column } = error;
  if (!code?.startsWith('23') || !schema || !table) return undefined;
  if (!constraint && !column) return undefined;
  // The key that holds a record back is of the other records; what it demands of them is no answer here.
  if (code === '23001' || error.message.startsWith('update or delete on table')) return undefined;
  return { schema, table, constraint, column };
}
