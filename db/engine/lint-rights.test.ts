import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, type Workspace } from '../testing/workspace.ts';

// Whatever a role was given by hand, by a superuser, the lint tells, and names the workspace's part in it.
const db = useDatabase();
let ws: Workspace;
let other: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  other = await createWorkspace(db.admin, 'other');
});

const findings = async (client: pg.ClientBase | pg.Pool) =>
  (
    await client.query<{ detail: string }>(
      `select detail from engine.lint_rights() union all select lint || ' ' || detail from engine.lint()`,
    )
  ).rows.map((row) => row.detail);

test('what the engine makes is not told', async () => {
  expect(await findings(db.admin)).toEqual([]);
});

test.each<[sin: string, told: string]>([
  ['grant truncate on WS.people to WS_r_2', 'truncate'],
  ['grant delete on WS.people to WS_r_3', 'delete'],
  ['grant update (created_at) on WS.people to WS_r_2', 'created_at'],
  ['grant select on WS.record_shares to WS_r_2', 'WS_r_2'],
  ['grant select on WS.people to public', 'public'],
  ['grant select (id) on WS.people to public', 'public'],
  ['grant select on WS.people to stranger', 'stranger'],
  ['grant select on WS.people to relvar_server', 'relvar_server'],
  ['grant select on WS.people to OTHER_r_1', 'OTHER_r_1'],
  ['grant select on WS.people to WS_r_3 with grant option', 'to pass on'],
  ['grant create on schema WS to WS_r_2', 'CREATE on schema'],
  ['grant usage on schema WS to public', 'everybody has USAGE'],
  ['grant usage on schema WS to OTHER_r_1', 'OTHER_r_1 has USAGE'],
  ['grant usage on schema core to WS_r_2', 'schema core'],
  ['grant usage on schema engine to relvar_crm', 'closed_schema_open'],
  ['grant create on schema public to WS_r_2', 'schema public'],
  ['grant create on database DATABASE to WS_r_2', 'database'],
  ['grant set on parameter session_replication_role to WS_r_2', 'session_replication_role'],
  ['grant select on core.users to WS_r_2', 'core.users'],
  ['grant select (email) on core.users to relvar_crm', 'closed_table_open'],
  ['grant select on metadata.webhooks to public', 'closed_table_open'],
  ['grant execute on function engine.drop_workspace(text) to WS_r_2', 'drop_workspace'],
  ['grant execute on function WS.destroy_record(text, uuid) to public', 'everybody has EXECUTE'],
  ['grant execute on function WS.destroy_record(text, uuid) to stranger', 'stranger has EXECUTE'],
  ['grant execute on function WS.destroy_record(text, uuid) to WS_r_3', 'WS_r_3 has EXECUTE'],
  ['alter default privileges for role relvar_owner in schema WS grant select on tables to WS_r_2', 'WS_r_2'],
  ['alter default privileges for role relvar_owner in schema WS grant select on tables to public', 'open to others'],
  ['alter default privileges for role relvar_owner grant select on tables to WS_r_2', 'default privileges'],
  ['grant WS_r_1 to WS_r_2', 'WS_r_2 WS_r_1'],
  ['grant WS_r_1 to stranger', 'stranger WS_r_1'],
  ['grant WS to stranger', 'stranger is a member of WS'],
  ['grant WS_r_1 to OTHER_r_2', 'OTHER_r_2 is a member of WS_r_1'],
  ['grant relvar_jobs to WS_r_2', 'WS_r_2 is a member of relvar_jobs'],
  ['grant pg_read_all_data to WS_r_2', 'WS_r_2 is a member of pg_read_all_data'],
  ['grant pg_read_all_data to WS', 'WS is a member of pg_read_all_data'],
  ['grant WS_r_1 to relvar_server with admin option', 'passes it on'],
  ['grant WS to WS_r_2 with admin option', 'passes it on'],
  ['create policy mine on WS.people for select to WS_r_2 using (true)', 'mine'],
  ['create policy mine on WS.people as restrictive for select to WS_r_2 using (true)', 'mine'],
  ['create policy mine on WS.people for select using (true)', 'mine'],
  ['alter policy r_2 on WS.people using (id is not null)', 'WS_r_2'],
  ['create policy mine on core.users to WS_r_2 using (true)', 'is named by policy mine'],
  ['alter table WS.people owner to WS_r_2', 'WS_r_2 owns'],
  ['alter table WS.people owner to stranger', 'stranger owns table'],
  ['alter schema WS owner to stranger', 'stranger owns schema'],
  ['alter function WS.destroy_record(text, uuid) owner to stranger', 'stranger owns function'],
  ['create view WS.v as select * from WS.people; grant select on WS.v to WS_r_2', 'SELECT on WS.v'],
  ['create view WS.v as select * from WS.people; grant select on WS.v to public', 'everybody has SELECT on WS.v'],
  ['create table WS.t (id int); grant insert on WS.t to WS_r_2', 'INSERT on WS.t'],
  ['create table WS.t (id int); create policy mine on WS.t using (true)', 'policy mine on WS.t'],
  ['create sequence WS.s; grant usage on sequence WS.s to WS_r_2', 'USAGE on WS.s'],
  ['alter role WS_r_2 bypassrls', 'bypass row-level security'],
  ['alter role WS superuser', 'do everything'],
  ['alter role WS_r_2 createrole createdb replication', 'create roles, create databases, replicate'],
  ['alter role WS_r_2 login', 'log in'],
  ['alter role relvar_server bypassrls', 'bypass_rls'],
])('a right that was given by hand is told: %s', (sin, told) =>
  db.inTransaction(async (client) => {
    const { rows } = await client.query<{ name: string }>('select quote_ident(current_database()) as name');
    const here = (text: string) =>
      text.replaceAll('WS', ws.schema).replaceAll('OTHER', other.schema).replaceAll('DATABASE', rows[0]!.name);
    await client.query('create role stranger');
    await client.query(here(sin));
    expect((await findings(client)).join('\n')).toContain(here(told));
  }),
);

test('a server that has the rights of a role without taking it is told', () =>
  db.inTransaction(async (client) => {
    const { rows } = await client.query<{ major: number }>(
      `select current_setting('server_version_num')::int / 10000 as major`,
    );
    // Before PostgreSQL 16 the role itself says whether it inherits, which the installation sees to.
    if (rows[0]!.major < 16) return;
    await client.query(`grant ${ws.adminRole} to relvar_server with inherit true`);
    expect((await findings(client)).join('\n')).toContain('relvar_server is a member of');
  }));
