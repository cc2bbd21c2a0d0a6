import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { settleDatabaseLogins } from './databaseLogins.ts';
import { useDatabase } from './testing/database.ts';
import { createWorkspace } from './testing/workspace.ts';

// docs/psql.md promises that each of its blocks can be pasted as it stands, in its order. They run
// here in one session, and some are looked at closer.
const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'psql.md'), 'utf8');
const blocks = [...page.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql]) => sql!.trim());

const db = useDatabase();
let client: pg.Client;
const login = { name: '', password: '' };

beforeAll(async () => {
  const workspace = await createWorkspace(db.admin, 'demo');
  await db.admin.query(`select core.add_member('demo', 'member@demo.example', 'Ann Member', 'Member')`);
  await db.admin.query(`insert into ${workspace.schema}.companies (name) values ('Acme')`);
  await db.admin.query(
    `insert into ${workspace.schema}.people (name_first_name, name_last_name, company_id) select 'Ann', 'Smith', id from ${workspace.schema}.companies`,
  );
  client = new pg.Client({ connectionString: db.adminUrl });
  // Its database is dropped before the session ends.
  client.on('error', () => {});
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  // Roles outlive the database of the test.
  const cluster = new pg.Client({ connectionString: process.env.RELVAR_TEST_ADMIN_URL });
  await cluster.connect();
  if (login.name) await cluster.query(`drop role if exists ${login.name}`);
  await cluster.end();
});

type Rows = Record<string, unknown>[];

/** What a reader would see, by words that the block contains. */
const expectations: Record<string, (results: Rows[]) => void> = {
  'from core.workspaces order by slug': ([rows]) => expect(rows).toMatchObject([{ slug: 'demo', model_version: '1' }]),
  'order by p.created_at': ([rows]) =>
    expect(rows).toEqual([{ name_first_name: 'Ann', name_last_name: 'Smith', company: 'Acme' }]),
  'count(*) as fields': ([rows]) =>
    expect(rows!.map((row) => row.name_singular)).toEqual(expect.arrayContaining(['company', 'person', 'opportunity'])),
  "search_records('acm')": ([rows]) => expect(rows).toEqual([{ object_name: 'company', label: 'Acme' }]),
  'find_duplicates(': (results) => {
    expect(results[1]).toEqual([{ label: 'Acme', criteria: [['name']] }]);
    expect(results[2]).toEqual([{ label: 'ACME' }, { label: 'Acme' }]);
  },
  'order by batch desc': ([rows]) =>
    expect(rows).toMatchObject([
      { action: 'updated', before: { name: 'Psql & Sons' }, name: 'Psql & Daughters', actor_type: 'psql' },
      { action: 'created', name: 'Psql & Sons' },
    ]),
  'select restore_record': ([rows]) => expect(rows).toEqual([{ restore_record: true }]),
  "'Newsletter'": (results) =>
    expect(results[2]!.map((row) => row.statement).join('\n')).toMatch(
      /alter table \w+\.people add column newsletter boolean default false/,
    ),
  'count(*) as steps': ([rows]) => expect(rows).toEqual([{ steps: '0' }]),
  'metadata.create_object': (results) =>
    expect(results[2]).toEqual([{ name_singular: 'serviceContract', table_name: 'service_contracts' }]),
  'insert into service_contracts': ([rows]) => expect(rows).toEqual([{ name: 'Lift maintenance', state: 'DRAFT' }]),
  'from agreements': ([rows]) => expect(rows).toEqual([{ name: 'Lift maintenance', state: 'DRAFT' }]),
  "p.kind = 'index'": ([rows]) => expect(rows).toHaveLength(1),
  'select engine.apply': ([rows]) => expect(Number(rows![0]!.statements)).toBeGreaterThan(0),
  'count(*) as people': ([rows]) =>
    expect(rows).toEqual([{ current_user: expect.stringMatching(/^ws_.*_r_2$/), people: '1' }]),
  'r.has_all_permissions, r.permissions from': ([rows]) =>
    expect(rows).toMatchObject([
      { name: 'Admin', has_all_permissions: true },
      { name: 'Member', has_all_permissions: false, permissions: expect.arrayContaining(['VIEWS']) },
      { name: 'Read-only', has_all_permissions: false },
    ]),
  'metadata.grant_database_access': ([rows]) => {
    login.name = String(rows![0]!.login);
    login.password = String(rows![0]!.password);
  },
  'metadata.database_access()': ([rows]) =>
    expect(rows).toEqual([{ login: login.name, member: 'Ann Member', writes: false, expires: expect.any(String) }]),
  'metadata.object_permissions': (results) =>
    expect(results[2]!.map((row) => row.statement).join('\n')).toMatch(
      /revoke delete, insert, update on \w+\.opportunities/,
    ),
};

test('the blocks of docs/psql.md run, in their order, and show what the page says', async () => {
  const unused = new Set(Object.keys(expectations));
  for (const block of blocks) {
    const code = /^-- error: (\w+)\n/.exec(block)?.[1];
    if (code) {
      await expect(client.query(block)).rejects.toMatchObject({ code });
      continue;
    }
    const answer = (await client.query(block).catch((error: Error) => {
      throw new Error(`${error.message}\n${block}`, { cause: error });
    })) as unknown as pg.QueryResult | pg.QueryResult[];
    const results = [answer].flat().map((result) => result.rows as Rows);
    for (const [words, check] of Object.entries(expectations))
      if (block.includes(words) && unused.delete(words)) check(results);
  }
  expect([...unused]).toEqual([]);
});

test('the login of the page is the member, and reads', async () => {
  await settleDatabaseLogins(client);
  const url = new URL(db.adminUrl);
  url.username = login.name;
  url.password = login.password;
  const ann = new pg.Client({ connectionString: url.href });
  await ann.connect();
  try {
    const { rows } = await ann.query('select name from companies order by name limit 1');
    expect(rows).toEqual([{ name: 'Acme' }]);
    await expect(ann.query('select * from core.users')).rejects.toMatchObject({ code: '42501' });
  } finally {
    await ann.end();
  }
  const { rows } = await client.query(`select count(*)::int as n from engine.outbox where action = 'created'`);
  expect(rows[0].n).toBeGreaterThan(0);
});
