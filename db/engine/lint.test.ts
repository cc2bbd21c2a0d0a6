import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, type Workspace } from '../testing/workspace.ts';

// Each lint is proven by a sin and its cure: a check that finds nothing may be a check of nothing.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

interface Finding {
  lint: string;
  detail: string;
  remedy: string;
}
const lint = async (client: { query: typeof db.admin.query }) =>
  (await client.query<Finding>('select * from engine.lint()')).rows;

test('there are no findings', async () => {
  expect(await lint(db.admin)).toEqual([]);
});

const table = `create table SCHEMA.sinners (id uuid primary key); comment on table SCHEMA.sinners is 'x'; comment on column SCHEMA.sinners.id is 'x'; alter table SCHEMA.sinners enable row level security, force row level security;`;

test.each<[name: string, sin: string, cure: string | null]>([
  ['rls_not_forced', 'alter table SCHEMA.people no force row level security', null],
  ['rls_not_forced', 'alter table SCHEMA.trash disable row level security', null],
  ['metadata_without_rls', 'alter table metadata.webhooks disable row level security', null],
  ['foreign_key_without_index', 'drop index SCHEMA.people_company_id_idx', null],
  ['foreign_key_without_index', 'drop index core.sessions_user_id_idx', null],
  [
    'definer_without_search_path',
    `create function engine.f() returns int language sql stable security definer as 'select 1'; revoke execute on function engine.f() from public`,
    null,
  ],
  [
    'definer_open_to_public',
    `create function core.f() returns int language sql stable security definer set search_path = '' as 'select 1'; grant execute on function core.f() to public`,
    null,
  ],
  [
    'policy_shape',
    `alter policy r_2 on SCHEMA.people using (name_first_name like 'A%')`,
    'alter policy r_2 on SCHEMA.people using (true)',
  ],
  [
    'policy_shape',
    `alter policy r_2 on SCHEMA.people using (engine.current_member() is not null)`,
    'alter policy r_2 on SCHEMA.people using (created_by_member_id = (select engine.current_member()))',
  ],
  [
    'policy_for_everyone',
    'alter policy r_2 on SCHEMA.people to public',
    'alter policy r_2 on SCHEMA.people to SCHEMA_r_2',
  ],
  ['no_comment', 'comment on table SCHEMA.trash is null', `comment on table SCHEMA.trash is 'x'`],
  ['no_comment', `${table} comment on table SCHEMA.sinners is null`, `comment on table SCHEMA.sinners is 'x'`],
  [
    'no_comment',
    `create function metadata.f() returns int language sql stable as 'select 1'`,
    `comment on function metadata.f() is 'x'`,
  ],
  ['no_comment', 'comment on column metadata.objects.icon is null', `comment on column metadata.objects.icon is 'x'`],
  [
    'no_comment',
    'comment on column SCHEMA.people.created_at is null',
    `comment on column SCHEMA.people.created_at is 'x'`,
  ],
  [
    'tenant_reaches_outside',
    `${table} alter table SCHEMA.sinners add foreign key (id) references core.users`,
    'alter table SCHEMA.sinners drop constraint sinners_id_fkey',
  ],
  [
    'constraint_not_valid',
    `alter table SCHEMA.companies add constraint mine check (name <> 'x') not valid; comment on constraint mine on SCHEMA.companies is '@relvar rule:mine'`,
    null,
  ],
  ['table_writable_whole', 'grant update on SCHEMA.people to SCHEMA_r_2', null],
  [
    'computed_column_writable',
    `insert into metadata.fields (object_id, label, type) select id, 'Number', 'AUTO_NUMBER' from metadata.objects where table_name = 'companies';
     set constraints all immediate; set constraints all deferred; grant update (number) on SCHEMA.companies to SCHEMA_r_2`,
    null,
  ],
  ['bypass_rls', 'alter role relvar_crm bypassrls', null],
])('%s: %s', (name, sin, cure) =>
  db.inTransaction(async (client) => {
    const here = (sql: string) => sql.replaceAll('SCHEMA', ws.schema);
    await client.query(here(sin));
    const found = await lint(client);
    expect(found.map((finding) => finding.lint)).toEqual([name]);
    await client.query(cure === null ? found[0]!.remedy : here(cure));
    expect(await lint(client)).toEqual([]);
  }),
);

const folder = join(import.meta.dirname, '..', 'sql');
const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.sql'))
  .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));

/** Functions whose head says neither immutable, stable nor volatile. */
const unstated = (text: string) =>
  [...text.matchAll(/create (?:or replace )?function\s+([\w.%$]+)[\s\S]*?(?=\n?\s*(?:as \$|begin atomic|return\s))/g)]
    .filter(([head]) => !/\b(immutable|stable|volatile)\b/.test(head))
    .map(([, name]) => name);

test('every function states its volatility', () => {
  expect(unstated('create function f() returns int\nlanguage sql\nas $$ select 1 $$;')).toEqual(['f']);
  expect(sources.flatMap(({ name, text }) => unstated(text).map((it) => `${name}: ${it}`))).toEqual([]);
});

test('every refusal of the engine has a code', () => {
  for (const { name, text } of sources)
    for (const [statement] of text.matchAll(/raise exception '[\s\S]*?;\n/g))
      expect({ name, statement, coded: /errcode = ('|v_state)/.test(statement) }).toMatchObject({ coded: true });
});
