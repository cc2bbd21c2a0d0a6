import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, insert, objectNamed, reconcile, type Workspace } from '../testing/workspace.ts';

// matching_ids: which of the records that a limited role sees fulfil a filter, asked as the owner so that indexes are used.
const db = useDatabase();
let ws: Workspace;
let role: { id: string; name: string };
let company: string;
let opportunity: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  role = (
    await db.admin.query(
      `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
      [ws.id],
    )
  ).rows[0];
  company = await objectNamed(db.admin, ws, 'company');
  opportunity = await objectNamed(db.admin, ws, 'opportunity');
});

const rule = (client: pg.ClientBase, object: string, condition: string) =>
  insert(client, 'metadata.record_rules', { role_id: role.id, object_id: object, condition });
const matching = async (client: pg.ClientBase, filter: object, table = 'companies', limit = 10, few = 0) => {
  const { rows } = await client.query<{ ids: string[] | null; is_worthwhile: boolean }>(
    'select ids, is_worthwhile from matching_ids($1, $2, $3, $4)',
    [table, JSON.stringify(filter), limit, few],
  );
  return rows[0]!;
};
const includes = (column: string, value: string) => ({ column, is: 'includes', value });

/** Companies of which a limited role sees those of Berlin. */
async function prepare(client: pg.ClientBase) {
  await rule(client, company, 'address.city = "Berlin"');
  await reconcile(client);
  const make = (name: string, city: string) =>
    insert(client, `${ws.schema}.companies`, { name, address_city: city, employees: 5 });
  return { seen: await make('Acme Berlin', 'Berlin'), hidden: await make('Acme Rome', 'Rome') };
}

test('ids are of records that are seen, and none are told to whom no rule limits, or of more than asked for', () =>
  db.inTransaction(async (client) => {
    const { seen } = await prepare(client);
    await act(client, role.name);
    expect(await matching(client, includes('name', 'acme'))).toEqual({ ids: [seen], is_worthwhile: true });
    expect(await matching(client, includes('name', 'rome'))).toEqual({ ids: [], is_worthwhile: true });
    await act(client, ws.memberRole);
    expect(await matching(client, includes('name', 'acme'))).toEqual({ ids: null, is_worthwhile: false });
    await act(client, ws.adminRole);
    await client.query(
      `insert into companies (name, address_city) select 'Acme ' || i, 'Berlin' from generate_series(1, 3) i`,
    );
    await act(client, role.name);
    expect((await matching(client, includes('name', 'acme'), 'companies', 4)).ids).toHaveLength(4);
    expect((await matching(client, includes('name', 'acme'), 'companies', 3)).ids).toBeNull();
    // Of four that are seen, four are few and three are not.
    expect(await matching(client, includes('name', 'acme'), 'companies', 10, 4)).toEqual({
      ids: null,
      is_worthwhile: false,
    });
    expect(await matching(client, includes('name', 'acme'), 'companies', 10, 3)).toMatchObject({ is_worthwhile: true });
  }));

test('a field that is withheld is not asked', () =>
  db.inTransaction(async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `select id from metadata.fields where object_id = $1 and name = 'employees'`,
      [company],
    );
    await insert(client, 'metadata.field_permissions', { role_id: role.id, field_id: rows[0]!.id, can_read: false });
    const { seen } = await prepare(client);
    await act(client, role.name);
    const employees = (value: string) => ({ column: 'employees', is: '=', value });
    // One answer, whatever the value: it is left out, and alone there is nothing to ask.
    for (const value of ['5', '6']) {
      expect(await matching(client, employees(value))).toEqual({ ids: null, is_worthwhile: true });
      expect((await matching(client, { and: [includes('name', 'acme'), employees(value)] })).ids).toEqual([seen]);
      expect((await matching(client, { or: [includes('name', 'zzz'), employees(value)] })).ids).toBeNull();
      expect(
        (
          await matching(
            client,
            { column: 'company_id', in: { table: 'companies', column: 'id', filter: employees(value) } },
            'people',
          )
        ).ids,
      ).toBeNull();
    }
  }));

test('related records count where they are seen, under the rules of their object', () =>
  db.inTransaction(async (client) => {
    const { seen, hidden } = await prepare(client);
    const deal = (name: string, companyId: string) =>
      insert(client, `${ws.schema}.opportunities`, { name, stage: 'NEW', company_id: companyId });
    const ours = await deal('one', seen);
    await deal('two', hidden);
    await act(client, role.name);
    const filter = { column: 'company_id', in: { table: 'companies', column: 'id', filter: includes('name', 'acme') } };
    expect(await matching(client, filter, 'opportunities')).toEqual({ ids: [ours], is_worthwhile: true });
    const backwards = {
      column: 'id',
      in: { table: 'opportunities', column: 'company_id', filter: includes('name', 'o') },
    };
    expect((await matching(client, backwards)).ids).toEqual([seen]);
    expect(opportunity).toBeTruthy();
  }));

test('shares open beside the rule', () =>
  db.inTransaction(async (client) => {
    const { seen, hidden } = await prepare(client);
    await act(client, ws.adminRole);
    await client.query(`select share_record('company', $1, 'ROLE', $2, 'READ', '')`, [hidden, role.id]);
    await act(client, role.name);
    expect((await matching(client, includes('name', 'acme'))).ids!.toSorted()).toEqual([seen, hidden].toSorted());
    expect((await client.query('select id from companies')).rowCount).toBe(2);
  }));

test('a value fails for what it is alone, never for what a hidden record holds', () =>
  db.inTransaction(async (client) => {
    await prepare(client);
    await act(client, role.name);
    // A pattern that ends with what escapes the next character fails where it matches so far: it is escaped here.
    for (const value of ['Acme Rome\\', 'Acme Rom\\', 'nothing\\', '%', '_'])
      expect((await matching(client, includes('name', value))).ids).toEqual([]);
    expect(
      await failure(client, () => matching(client, { column: 'employees', is: '=', value: 'five' })),
    ).toMatchObject({ code: '22P02' });
  }));

test.each([
  ['a table that there is not', 'nothings', includes('name', 'a')],
  ['the log', 'record_events', includes('action', 'a')],
  ['a column that there is not', 'companies', includes('nothing', 'a')],
  ['an operator that does not fit', 'companies', { column: 'employees', is: 'includes', value: 'a' }],
  ['SQL', 'companies', { column: 'name', is: '= any (select 1) --', value: 'a' }],
  ['no value', 'companies', { column: 'name', is: '=' }],
])('%s is refused', (_what, table, filter) =>
  db.inTransaction(async (client) => {
    await prepare(client);
    await act(client, role.name);
    expect(await failure(client, () => matching(client, filter, table))).toMatchObject({ code: 'RV180' });
  }),
);

test('another tenant is out of reach', () =>
  db.inTransaction(async (client) => {
    await prepare(client);
    const other = await createWorkspace(client, 'other');
    await act(client, other.adminRole, ws.schema);
    expect(await failure(client, () => matching(client, includes('name', 'acme')))).toMatchObject({ code: '42883' });
    await client.query(`set local search_path = ${other.schema}, public`);
    expect((await matching(client, includes('name', 'acme'))).ids).toBeNull();
  }));
