import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  addRelation,
  createWorkspace,
  plan,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

// Whatever was changed by hand beside the metadata: the plan shows it, and applying it is the cure.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

const apply = (client: pg.ClientBase) => client.query('select engine.apply($1)', [ws.id]);

test.each<[string, (schema: string) => string, RegExp]>([
  ['an index dropped', (s) => `drop index ${s}.people_company_id_idx`, /^create index people_company_id_idx/],
  [
    'a unique index dropped',
    (s) =>
      `do $$ begin execute (select format('drop index %s', i.indexrelid::regclass) from pg_index i where i.indrelid = '${s}.people'::regclass and indisunique and not indisprimary limit 1); end $$`,
    /^create unique index/,
  ],
  ['a trigger disabled', (s) => `alter table ${s}.people disable trigger _200_log_insert`, /trigger _200_log_insert/],
  ['a trigger dropped', (s) => `drop trigger _300_trash on ${s}.people`, /^create trigger _300_trash/],
  [
    'a trigger that fires in replicas alone',
    (s) => `alter table ${s}.people enable replica trigger _100_touch`,
    /trigger _100_touch/,
  ],
  [
    'row-level security switched off',
    (s) => `alter table ${s}.people disable row level security`,
    /enable row level security/,
  ],
  [
    'row-level security not forced',
    (s) => `alter table ${s}.people no force row level security`,
    /force row level security/,
  ],
  ['a policy dropped', (s) => `drop policy r_2 on ${s}.people`, /^create policy r_2/],
  ['a policy altered', (s) => `alter policy r_2 on ${s}.people using (name_first_name = 'x')`, /policy r_2/],
  ['a policy opened to everyone', (s) => `alter policy r_2 on ${s}.people to public`, /policy r_2/],
  ['a policy of the log opened', (s) => `alter policy r_2_select on ${s}.record_events using (true)`, /policy r_2/],
  [
    'a policy made beside',
    (s) => `create policy mine on ${s}.people for select to public using (true)`,
    /^drop policy mine/,
  ],
  ['a right revoked', (s) => `revoke select on ${s}.people from ${s}_r_2`, /^grant/],
  ['a right granted', (s) => `grant truncate on ${s}.people to ${s}_r_2`, /^revoke/],
  ['a right granted on a column', (s) => `grant update (created_at) on ${s}.people to ${s}_r_2`, /^revoke/],
  ['a right granted to everyone', (s) => `grant select on ${s}.people to public`, /^revoke all .* from public/],
  ['a right to write the log', (s) => `grant insert on ${s}.record_events to ${s}_r_1`, /^revoke/],
  ['a default changed', (s) => `alter table ${s}.people alter column position set default 7`, /set default/],
  ['a default dropped', (s) => `alter table ${s}.people alter column created_at drop default`, /set default now\(\)/],
  ['a default added', (s) => `alter table ${s}.people alter column name_first_name set default 'x'`, /drop default/],
  [
    'a column made required',
    (s) => `alter table ${s}.people alter column name_first_name set not null`,
    /drop not null/,
  ],
  ['a column made optional', (s) => `alter table ${s}.people alter column created_at drop not null`, /set not null/],
  [
    'a column of another type',
    (s) => `alter table ${s}.people alter column position type numeric`,
    /type double precision/,
  ],
  [
    'a column renamed',
    (s) => `alter table ${s}.people rename column name_first_name to forename`,
    /rename column forename to name_first_name/,
  ],
  ['a column dropped', (s) => `alter table ${s}.people drop column city cascade`, /add column/],
  ['a table renamed', (s) => `alter table ${s}.people rename to persons`, /rename to people/],
  [
    'a foreign key dropped',
    (s) => `alter table ${s}.people drop constraint people_company_id_fkey`,
    /add constraint people_company_id_fkey/,
  ],
  [
    'a comment rewritten',
    (s) =>
      `do $$ begin execute format('comment on table ${s}.people is %L', obj_description('${s}.people'::regclass) || ' and more'); end $$`,
    /^comment on table/,
  ],
  ['a function dropped', (s) => `drop function ${s}.search_records`, /function .*search_records/],
  [
    'a function replaced',
    (s) =>
      `create or replace function ${s}.restore_record(object_name text, record_id uuid) returns boolean language sql begin atomic select true; end`,
    /^CREATE OR REPLACE FUNCTION .*restore_record/,
  ],
  [
    'a function that runs as its owner',
    (s) => `alter function ${s}.search_records security definer`,
    /^CREATE OR REPLACE FUNCTION .*search_records/,
  ],
  [
    'a trigger replaced',
    (s) =>
      `create or replace trigger _100_touch before update on ${s}.people for each row execute function suppress_redundant_updates_trigger()`,
    /^create trigger _100_touch/,
  ],
  [
    'a trigger under a condition',
    (s) =>
      `create or replace trigger _100_touch before update on ${s}.people for each row when (false) execute function engine.tg_records__touch()`,
    /^create trigger _100_touch/,
  ],
  [
    'a trigger for one column',
    (s) =>
      `create or replace trigger _100_touch before update of city on ${s}.people for each row execute function engine.tg_records__touch()`,
    /^create trigger _100_touch/,
  ],
  [
    'a trigger with other arguments',
    (s) =>
      `create or replace trigger _300_trash after delete on ${s}.people referencing old table as old_rows for each statement execute function engine.tg_records__trash('0198c0de-0000-7000-8000-000000000000')`,
    /^create trigger _300_trash/,
  ],
  [
    'a foreign key checked at the commit',
    (s) => `alter table ${s}.people alter constraint people_company_id_fkey deferrable initially deferred`,
    /add constraint people_company_id_fkey/,
  ],
  [
    'foreign keys that are not checked',
    (s) => `alter table ${s}.people disable trigger all`,
    /add constraint people_company_id_fkey/,
  ],
  ['a table dropped', (s) => `drop table ${s}.people cascade`, /^create table/],
])('%s', (_, change, expected) =>
  db.inTransaction(async (client) => {
    await client.query(change(ws.schema));
    const found = await statements(client, ws);
    expect(found.some((line) => expected.test(line))).toBe(true);
    await apply(client);
    expect(await statements(client, ws)).toEqual([]);
  }),
);

test('a foreign key that is not enforced', () =>
  db.inTransaction(async (client) => {
    const { rows } = await client.query(`select current_setting('server_version_num')::int >= 180000 as can`);
    if (!rows[0].can) return;
    await client.query(`alter table ${ws.schema}.people alter constraint people_company_id_fkey not enforced`);
    expect((await statements(client, ws))[0]).toMatch(/drop constraint people_company_id_fkey/);
    await apply(client);
    expect(await statements(client, ws)).toEqual([]);
  }));

/** Things that count their parts, with a filter of all that SQL writes in its own way. */
async function counted(client: pg.ClientBase) {
  const things = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const parts = await addObject(client, ws, { label_singular: 'Part', label_plural: 'Parts' });
  const { relation } = await addRelation(client, parts, 'Thing', things, { label: 'Parts' });
  const odd = String.raw`'\000 \ %s %% "" é🎉 $1 $function$`;
  await addField(client, things, {
    label: 'Odd ones',
    type: 'ROLLUP',
    settings: { relationId: relation, aggregate: 'COUNT', filter: `name = "${odd}"` },
  });
  await addField(client, parts, {
    label: 'Called',
    type: 'FORMULA',
    settings: { expression: `thing.name & "${odd}" & name` },
  });
  await reconcile(client);
  return { name: odd.replaceAll('""', '"') };
}

test('whatever a formula says, what keeps it is no drift', () =>
  db.inTransaction(async (client) => {
    const { name } = await counted(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(
      `with thing as (insert into ${ws.schema}.things (name) values ('T') returning id)
       insert into ${ws.schema}.parts (name, thing_id) select $1, id from thing`,
      [name],
    );
    const { rows } = await client.query(
      `select odd_ones, called from ${ws.schema}.things t join ${ws.schema}.parts p on p.thing_id = t.id`,
    );
    expect(rows).toEqual([{ odd_ones: 1, called: `T${name}${name}` }]);
  }));

test.each<[string, string]>([
  [
    'replaced',
    `create or replace function F() returns trigger language plpgsql volatile security definer set search_path = '' as 'begin return new; end'`,
  ],
  ['run as the caller', 'alter function F() security invoker'],
  ['run with a search path', `alter function F() set search_path = public`],
  ['run with another setting', `alter function F() set work_mem = '64kB'`],
])('a function that computes is %s: drift shows it, and repairs it', (_, change) =>
  db.inTransaction(async (client) => {
    await counted(client);
    const { rows } = await client.query<{ name: string }>(
      `select oid::regproc::text as name from pg_proc where pronamespace = '${ws.schema}'::regnamespace and proname like 'compute%' and prosrc ~ 'called'`,
    );
    await client.query(change.replaceAll('F()', `${rows[0]!.name}()`));
    const { rows: found } = await client.query('select kind, key, detail, proposals from engine.drift($1)', [ws.id]);
    expect(found).toMatchObject([{ kind: 'function', detail: 'The function was altered.', proposals: ['REPAIR'] }]);
    await client.query('select metadata.repair_drift($1, $2, $3)', [found[0].kind, found[0].key, ws.id]);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${ws.schema}.parts (name) values ('p')`);
    expect((await client.query(`select called from ${ws.schema}.parts`)).rows[0].called).toMatch(/p$/);
  }),
);

test('a table nobody recorded the events of gets its log back, and keeps its records', () =>
  db.inTransaction(async (client) => {
    await client.query(
      `insert into ${ws.schema}.companies (name) values ('kept'); drop trigger _200_log_update on ${ws.schema}.companies`,
    );
    await apply(client);
    await client.query(`update ${ws.schema}.companies set name = 'changed'`);
    expect((await client.query(`select 1 from ${ws.schema}.record_events where action = 'updated'`)).rowCount).toBe(1);
  }));

test('what somebody made beside the engine stays, whether it has a comment or not', () =>
  db.inTransaction(async (client) => {
    const s = ws.schema;
    await client.query(`
      create table ${s}.bi_summary (x int); create table ${s}.bi_totals (x int); comment on table ${s}.bi_totals is 'Totals for the board.';
      create index bi_idx on ${s}.people (name_last_name); create index bi_described on ${s}.people (created_at); comment on index ${s}.bi_described is 'For the board.';
      alter table ${s}.people add column legacy_id int; alter table ${s}.people add column legacy_code text; comment on column ${s}.people.legacy_code is 'From the old system.';
      alter table ${s}.people add constraint legacy check (legacy_id > 0);
      create view ${s}.bi_view as select 1 as one;
      create function ${s}.bi() returns int language sql stable return 1;
      create trigger bi after insert on ${s}.people execute function suppress_redundant_updates_trigger();
    `);
    expect(await statements(client, ws)).toEqual([]);
    // Also when the table itself changes.
    await client.query(
      `update metadata.objects set name_plural = 'humans' where name_singular = 'person' and not is_system`,
    );
    await apply(client);
    const { rows } = await client.query(
      `select to_regclass('${s}.bi_summary') is not null and to_regclass('${s}.bi_totals') is not null and to_regclass('${s}.bi_idx') is not null and to_regclass('${s}.bi_described') is not null as ok,
              (select count(*)::int from pg_attribute where attrelid = '${s}.humans'::regclass and attname like 'legacy%' and not attisdropped) as columns,
              (select count(*)::int from pg_trigger where tgrelid = '${s}.humans'::regclass and tgname = 'bi') as triggers`,
    );
    expect(rows).toEqual([{ ok: true, columns: 2, triggers: 1 }]);
  }));

test('metadata that says otherwise wins over the tables, and only there', () =>
  db.inTransaction(async (client) => {
    const before = await plan(client, ws);
    await client.query(`drop index ${ws.schema}.people_company_id_idx`);
    const steps = await plan(client, ws);
    expect(before).toEqual([]);
    expect(steps.map((step) => step.kind)).toEqual(['index', 'comment']);
    expect(steps.every((step) => step.object_name === 'people')).toBe(true);
  }));
