/** The parts of the query whose things have dependencies and comments, and the tables these stand in. */
const DESCRIBED = ['namespaces', 'classes', 'constraints', 'procs', 'types', 'enums', 'extensions'];
const DESCRIBED_IDS = `array(${DESCRIBED.map((part) => `select _id from ${part}`).join(' union all ')})`;
const DESCRIBED_TABLES = ['namespace', 'class', 'attribute', 'constraint', 'proc', 'type', 'enum', 'extension']
  .map((name) => `'pg_catalog.pg_${name}'::regclass`)
  .join(', ');

/**
 * PostGraphile introspects every schema of the database, whatever `schemas` says: with 200 workspaces a
 * build took 12 s and 600 MB. A few of the query's parts decide all the others, so those are narrowed
 * to one schema. Each must be found exactly once: when an upgrade of pg-introspection changes the query,
 * this throws, and its test fails, instead of quietly reading the whole database again.
 */
const LIMITS: readonly { part: string; find: string; replace: (schema: string) => string }[] = [
  {
    part: 'namespaces',
    find: "from pg_catalog.pg_namespace\n    where nspname <> 'information_schema'\n",
    replace: (schema) => `from pg_catalog.pg_namespace\n    where nspname in ('pg_catalog', ${schema})\n`,
  },
  {
    // `metadata` has keys to `core`, which no API reads; PostGraphile stumbles over half a relation.
    part: 'constraints',
    find: 'from pg_catalog.pg_constraint\n    where connamespace in',
    replace: () =>
      'from pg_catalog.pg_constraint\n' +
      "    where (contype <> 'f' or confrelid in (select classes._id from classes)) and connamespace in",
  },
  {
    // Functions over rows of any table are called by plugins of ours, and are no part of the API themselves.
    part: 'procs',
    find: '    and prorettype operator(pg_catalog.<>) 2279\n',
    replace: () => '    and prorettype operator(pg_catalog.<>) all (array[2279, 2283]::oid[])\n',
  },
  {
    // A cluster holds a Postgres role for every CRM role of every workspace; owners are all we need.
    part: 'roles',
    find: 'from pg_catalog.pg_roles\n  ),',
    replace: () =>
      'from pg_catalog.pg_roles\n    where rolname = current_user\n' +
      '      or oid in (select nspowner from namespaces)\n' +
      '      or oid in (select relowner from classes)\n' +
      '      or oid in (select proowner from procs)\n  ),',
  },
  {
    // By default the members of those roles, and relvar_server is a member of every CRM role.
    part: 'auth_members',
    find: 'where roleid in (select roles._id from roles)\n',
    replace: () => 'where roleid in (select roles._id from roles) and member in (select roles._id from roles)\n',
  },
  // What follows changes no result. These three read their table of the catalogue whole, which with 500
  // workspaces took half of a build; said like this, they use its index.
  {
    part: 'depends',
    find: "from pg_catalog.pg_depend\n    where deptype IN ('a', 'e') and (",
    replace: () =>
      'from pg_catalog.pg_depend\n' +
      `    where classid in (${DESCRIBED_TABLES}) and objid = any (${DESCRIBED_IDS})\n` +
      "      and deptype IN ('a', 'e') and (",
  },
  {
    part: 'descriptions',
    find: 'from pg_catalog.pg_description\n    where (',
    replace: () => `from pg_catalog.pg_description\n    where objoid = any (${DESCRIBED_IDS}) and (`,
  },
  {
    part: 'catalog_by_oid',
    find: "      where nspname = 'pg_catalog'\n    )\n    and relkind = 'r'",
    replace: () =>
      "      where nspname = 'pg_catalog'\n    )\n    and relname >= 'pg_' and relname < 'pg`'\n    and relkind = 'r'",
  },
];

/** The introspection query of this version of PostGraphile, limited to `schema` and `pg_catalog`. */
export function limitIntrospection(query: string, schema: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(schema)) {
    throw new Error(`Cannot introspect "${schema}": that is not the name of a workspace's schema.`);
  }
  return LIMITS.reduce((text, { part, find, replace }) => {
    if (text.split(find).length !== 2) {
      throw new Error(
        `pg-introspection has changed the "${part}" part of its query, so it can no longer be limited to ` +
          'one schema. Compare its makeIntrospectionQuery() with server/gateway/introspection.ts.',
      );
    }
    return text.replace(find, () => replace(`'${schema}'`));
  }, query);
}
