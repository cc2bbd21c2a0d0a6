import type { ClientBase } from 'pg';
import { explainViolations, type Broken, type Violation } from '../../violation.ts';
import { literal } from '../sql.ts';

/** What the catalogue knows about the table, so that nothing of it is said twice. */
export interface TableFacts {
  columns: Map<
    string,
    { type: string; isRequired: boolean; isGenerated: boolean; isReadable: boolean; defaultExpression: string | null }
  >;
  /** Unique keys other than the id, as the expressions that PostgreSQL itself prints. */
  uniqueKeys: { name: string; expressions: string[]; predicate: string | null; columns: string[] }[];
  checks: { name: string; expression: string; columns: string[] }[];
}

/** To be called while the session is the caller's, whose rights and defaults it reads. */
export async function readTable(
  client: ClientBase,
  schema: string,
  { id, tableName }: { id: string; tableName: string },
): Promise<TableFacts> {
  const { rows: columns } = await client.query<{
    name: string;
    type: string;
    required: boolean;
    generated: boolean;
    readable: boolean;
    expression: string | null;
  }>(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
            a.attgenerated <> '' or a.attidentity <> '' as generated,
            has_column_privilege(a.attrelid, a.attnum, 'select') as readable,
            pg_get_expr(d.adbin, d.adrelid) as expression
     from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = format('%I.%I', $1::text, $2::text)::regclass and a.attnum > 0 and not a.attisdropped`,
    [schema, tableName],
  );
  const { rows: uniqueKeys } = await client.query<TableFacts['uniqueKeys'][number]>(
    `select c.relname as name, pg_get_expr(i.indpred, i.indrelid) as predicate,
            (select array_agg(pg_get_indexdef(i.indexrelid, k, true) order by k) from generate_series(1, i.indnkeyatts) k) as expressions,
            (select array_agg(distinct a.attname::text) from pg_depend d
               join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
              where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid > 0) as columns
     from pg_index i join pg_class c on c.oid = i.indexrelid
     where i.indrelid = format('%I.%I', $1::text, $2::text)::regclass and i.indisunique and i.indisvalid
     order by i.indisprimary desc, c.relname`,
    [schema, tableName],
  );
  const { rows: checks } = await client.query<TableFacts['checks'][number]>(
    `select c.conname as name, pg_get_expr(c.conbin, c.conrelid) as expression,
            (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey)) as columns
     from pg_constraint c
     where c.conrelid = format('%I.%I', $1::text, $2::text)::regclass and c.contype = 'c'
     order by c.conname`,
    [schema, tableName],
  );
  const {
    rows: [defaults],
  } = await client.query<{ values: Record<string, string> }>('select metadata.default_values($1) as values', [id]);
  // Functions of the engine are bound into defaults and closed by name: what they come to stands for them.
  const initial = (name: string, type: string, expression: string | null) => {
    if (name === 'id' || !expression?.includes('engine.')) return expression;
    const value = defaults!.values[name];
    return value === undefined ? null : `${literal(value)}::${type}`;
  };
  return {
    columns: new Map(
      columns.map(({ name, type, required, generated, readable, expression }) => [
        name,
        {
          type,
          isRequired: required,
          isGenerated: generated,
          isReadable: readable,
          defaultExpression: generated ? null : initial(name, type, expression),
        },
      ]),
    ),
    // The primary key, which depends on its column through a constraint, has no such dependency.
    uniqueKeys: uniqueKeys.map((key) => ({ ...key, columns: key.columns ?? key.expressions })),
    checks,
  };
}

/** The rules behind a table's constraints, by the name of the constraint, and of required columns by that of the column. */
export type Rules = ReadonlyMap<string, Violation>;

/** Reads the rules; to be called while the session is the login's and not a CRM role's. */
export async function readRules(
  client: ClientBase,
  schema: string,
  table: string,
  { columns, uniqueKeys, checks }: TableFacts,
  caller: string,
): Promise<Rules> {
  const required = [...columns].flatMap(([column, { isRequired }]): Broken[] => (isRequired ? [{ column }] : []));
  const constraints = [...checks, ...uniqueKeys].map(({ name }): Broken => ({ constraint: name }));
  const broken = [...constraints, ...required];
  const violations = await explainViolations(client, schema, table, broken, caller);
  return new Map(
    broken.flatMap(({ constraint, column }, index) => {
      const violation = violations[index];
      return violation ? [[constraint ?? column!, violation] as const] : [];
    }),
  );
}
