import { makeIntrospectionQuery } from 'postgraphile/graphile-build-pg/pg-introspection';
import { useServer } from '../testing/server.ts';
import { limitIntrospection } from './introspection.ts';
import { introspectSchema } from './introspect.ts';

const server = useServer();

interface Catalogue {
  namespaces: { nspname: string }[];
  classes: { relname: string; relnamespace: string }[];
  roles: { rolname: string }[];
  auth_members: unknown[];
  procs: unknown[];
}

test('an upgrade of PostGraphile that changes the introspection query is noticed', () => {
  const query = makeIntrospectionQuery();
  expect(() => limitIntrospection(query, 'ws_1')).not.toThrow();
  for (const part of [
    'pg_catalog.pg_namespace',
    'pg_catalog.pg_roles',
    'pg_catalog.pg_auth_members',
    'pg_catalog.pg_constraint',
  ]) {
    const changed = query.replace(`from ${part}`, `from only ${part}`);
    if (part === 'pg_catalog.pg_auth_members') continue;
    expect(() => limitIntrospection(changed, 'ws_1')).toThrow(/has changed the "\w+" part/);
  }
  expect(() => limitIntrospection(query.replace('select roles._id from roles', 'select 1'), 'ws_1')).toThrow(
    /"auth_members" part/,
  );
});

test('only names of schemas get into the query', () => {
  expect(() => limitIntrospection(makeIntrospectionQuery(), "x' or true --")).toThrow(/not the name/);
});

test('of twenty other workspaces nothing is read: no schema, no table, no role', async () => {
  const acme = await server.createWorkspace('acme');
  const alone = await introspectSchema(server.db.server, acme.schemaName);
  for (let i = 0; i < 20; i += 1) {
    await server.db.admin.query('select engine.create_workspace($1, $1, $2)', [`other-${i}`, `a@other-${i}.test`]);
  }
  const among = await introspectSchema(server.db.server, acme.schemaName);
  const catalogue = JSON.parse(among) as Catalogue;

  expect(catalogue.namespaces.map(({ nspname }) => nspname).sort()).toEqual(['pg_catalog', acme.schemaName].sort());
  expect(new Set(catalogue.classes.map(({ relnamespace }) => relnamespace)).size).toBe(1);
  expect(catalogue.roles.map(({ rolname }) => rolname).filter((name) => name.startsWith('ws_'))).toEqual([]);
  expect(among).not.toContain(await schemaOf('other-7'));
  // The statistics and sequence numbers in the catalogue vary by a few digits.
  expect(Math.abs(among.length - alone.length)).toBeLessThan(alone.length * 0.02);
}, 120_000);

async function schemaOf(slug: string): Promise<string> {
  const { rows } = await server.db.admin.query<{ schema_name: string }>(
    'select schema_name from core.workspaces where slug = $1',
    [slug],
  );
  return rows[0]!.schema_name;
}
