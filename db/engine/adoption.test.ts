import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  createWorkspace,
  failure,
  insert,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

// What somebody changed by hand is shown, and adopted, repaired or ignored one by one.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

interface Item {
  kind: string;
  key: string;
  objectName: string;
  name: string;
  detail: string;
  proposals: string[];
  statements: string[];
  isIgnored: boolean;
}

async function drift(client: pg.ClientBase): Promise<Item[]> {
  const { rows } = await client.query('select metadata.drift($1) as drift', [ws.id]);
  return rows[0].drift;
}

const resolve = (client: pg.ClientBase, how: 'adopt' | 'repair' | 'ignore', { kind, key }: Item) =>
  client.query(`select metadata.${how}_drift(kind => $1, key => $2, workspace_id => $3)`, [kind, key, ws.id]);

const table = () => `${ws.schema}.things`;

async function things(client: pg.ClientBase) {
  const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const size = await addField(client, object, { label: 'Size', type: 'NUMBER' });
  const code = await addField(client, object, { label: 'Code', type: 'TEXT', is_unique: true });
  const tags = await addField(client, object, { label: 'Tags', type: 'ARRAY' });
  await insert(client, 'metadata.rules', {
    object_id: object,
    field_id: size,
    kind: 'RANGE',
    settings: JSON.stringify({ max: 100 }),
  });
  await insert(client, 'metadata.indexes', {
    object_id: object,
    name: 'By size',
    parts: JSON.stringify([{ fieldId: size }]),
  });
  await reconcile(client);
  await client.query(
    `insert into ${table()} (name, size, code, tags) select 'n' || i, i, 'c' || i, array['t'] from generate_series(1, 50) i`,
  );
  return { object, size, code, tags };
}

const filenode = async (client: pg.ClientBase, name: string) =>
  (await client.query(`select pg_relation_filenode('${ws.schema}.${name}') as node`)).rows[0].node;

const contents = async (client: pg.ClientBase) =>
  (await client.query(`select to_jsonb(t) as row from ${table()} t order by id`)).rows.map(({ row }) => row);

test('a fresh workspace has no drift', async () => {
  const client = await db.admin.connect();
  expect(await drift(client)).toEqual([]);
  client.release();
});

test.each<[string, string, RegExp, string[]]>([
  [
    'a column',
    'alter table T add column weight double precision',
    /does not know this column: double/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a column with a default',
    `alter table T add column colour_name text not null default 'it''s red'`,
    /know this column/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  ['a whole number', 'alter table T add column stock int default 5', /know this column/, ['ADOPT', 'REPAIR', 'IGNORE']],
  [
    'a generated column',
    'alter table T add column twice float8 generated always as (size * 2) stored',
    /know this column/,
    ['REPAIR', 'IGNORE'],
  ],
  ['a column of a type of its own', 'alter table T add column net inet', /know this column/, ['REPAIR', 'IGNORE']],
  [
    'a column with a default that computes',
    'alter table T add column dice float8 default random()',
    /know this column/,
    ['REPAIR', 'IGNORE'],
  ],
  [
    'a relation',
    'alter table T add column maker_id uuid references S.companies on delete set null',
    /know this column/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  ['an index', 'create index things_mine on T (size desc, name)', /know this index/, ['ADOPT', 'REPAIR', 'IGNORE']],
  [
    'an index of trigrams',
    'create index things_mine on T using gin (name public.gin_trgm_ops)',
    /know this index/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'an index of lists',
    'create index things_mine on T using gin (tags)',
    /know this index/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a unique index',
    'create unique index things_mine on T (size, name)',
    /know this index/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  ['an index of an expression', 'create index things_mine on T (lower(name))', /know this index/, ['REPAIR', 'IGNORE']],
  [
    'a unique constraint',
    'alter table T add constraint mine unique (size)',
    /know this constraint/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a check of a bound',
    'alter table T add constraint mine check (size >= 0)',
    /know this constraint/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a check of a length',
    'alter table T add constraint mine check (length(name) <= 50)',
    /know this constraint/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a check that something is there',
    'alter table T add constraint mine check (size is not null)',
    /know this constraint/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a check of its own',
    'alter table T add constraint mine check (size < length(name) + 1000)',
    /know this constraint/,
    ['REPAIR', 'IGNORE'],
  ],
  [
    'a trigger',
    'create trigger mine before update on T for each row execute function suppress_redundant_updates_trigger()',
    /know this trigger/,
    ['REPAIR', 'IGNORE'],
  ],
  [
    'a function',
    'create function S.mine() returns int language sql return 1',
    /know this function/,
    ['REPAIR', 'IGNORE'],
  ],
  [
    'a table',
    'create table S.machines (id uuid primary key, name text not null, power int); insert into S.machines select gen_random_uuid(), i::text, i from generate_series(1, 3) i; alter table S.machines owner to relvar_owner',
    /know this table/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a table with a key of its own',
    'create table S.machines (nr int primary key)',
    /know this table/,
    ['REPAIR', 'IGNORE'],
  ],
  [
    'a policy',
    'create policy mine on T for select to public using (true)',
    /opens what the engine keeps shut/,
    ['REPAIR'],
  ],
  ['a right', 'grant truncate on T to S_r_2', /rights of the role/, ['REPAIR']],
  ['row-level security switched off', 'alter table T disable row level security', /switched off/, ['REPAIR']],
  ['a trigger disabled', 'alter table T disable trigger _200_log_insert', /is disabled/, ['REPAIR']],
  [
    'a column that must not be empty',
    'alter table T alter column size set not null',
    /must not be empty/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a default',
    `alter table T alter column name set default 'x'`,
    /default is 'x'::text instead of nothing/,
    ['ADOPT', 'REPAIR', 'IGNORE'],
  ],
  [
    'a default that computes',
    'alter table T alter column size set default random()',
    /default is random\(\)/,
    ['REPAIR', 'IGNORE'],
  ],
  [
    'another type',
    'alter table T drop constraint RULE; alter table T alter column size type numeric',
    /type is numeric/,
    ['REPAIR', 'IGNORE'],
  ],
  ['another name', 'alter table T rename column size to extent', /called extent instead of size/, ['ADOPT', 'REPAIR']],
  [
    'another name of the table',
    'alter table T rename to gadgets',
    /called gadgets instead of things/,
    ['ADOPT', 'REPAIR'],
  ],
  ['a column that is gone', 'alter table T drop column tags', /is missing/, ['ADOPT', 'REPAIR']],
  ['an index that is gone', 'drop index INDEX', /is missing/, ['ADOPT', 'REPAIR', 'IGNORE']],
  ['uniqueness that is gone', 'drop index S.things_code_key', /is missing/, ['ADOPT', 'REPAIR', 'IGNORE']],
  ['a rule that is gone', 'alter table T drop constraint RULE', /is missing/, ['ADOPT', 'REPAIR', 'IGNORE']],
])('%s', (_, change, detail, proposals) =>
  db.inTransaction(async (client) => {
    await things(client);
    const { rows } = await client.query(
      `select (select format('%I.%I', '${ws.schema}', relname) from pg_class where relname ~ '^things_index_[0-9a-f]+$') as index,
              (select conname from pg_constraint where conname like 'things_rule_%') as rule`,
    );
    const sql = change
      .replaceAll('S.', `${ws.schema}.`)
      .replaceAll('S_r', `${ws.schema}_r`)
      .replaceAll(/\bT\b/g, table())
      .replaceAll('INDEX', rows[0].index)
      .replaceAll('RULE', rows[0].rule);
    await client.query(sql);
    const isRenamed = change.includes('rename to');
    const before = isRenamed ? null : await contents(client);
    const nodes = isRenamed ? null : await filenode(client, 'things');
    const found = await drift(client);
    const item = found.find((one) => detail.test(one.detail))!;
    expect(found).toEqual(expect.arrayContaining([expect.objectContaining({ detail: expect.stringMatching(detail) })]));
    expect(item.proposals).toEqual(proposals);
    expect(item.statements.length).toBeGreaterThan(0);

    const attempt = async (how: 'adopt' | 'repair' | 'ignore', check: () => Promise<void>) => {
      await client.query('savepoint attempt');
      await resolve(client, how, item);
      await reconcile(client);
      await check();
      await client.query('rollback to attempt');
    };
    const gone = async () => {
      const left = await drift(client);
      expect(left.filter((one) => one.kind === item.kind && one.key === item.key)).toEqual([]);
    };
    await attempt('repair', gone);
    if (proposals.includes('IGNORE'))
      await attempt('ignore', async () => {
        const left = await drift(client);
        expect(left.find((one) => one.kind === item.kind && one.key === item.key)).toMatchObject({ isIgnored: true });
        if (!item.key.includes('unmanaged:') && found.length === 1) expect(await statements(client, ws)).toEqual([]);
      });
    else expect((await failure(client, () => resolve(client, 'ignore', item))).code).toBe('RV085');
    if (proposals.includes('ADOPT'))
      await attempt('adopt', async () => {
        await gone();
        expect(await statements(client, ws)).toEqual([]);
        if (before && !/whole number|relation|gone|name|unique constraint/.test(_)) {
          expect(await filenode(client, 'things')).toEqual(nodes);
          expect(await contents(client)).toEqual(before);
        }
      });
    else expect((await failure(client, () => resolve(client, 'adopt', item))).code).toBe('RV085');
  }),
);

test('what was ignored is shown again when it changes', () =>
  db.inTransaction(async (client) => {
    await things(client);
    await client.query(`alter table ${table()} alter column name set default 'x'`);
    await resolve(client, 'ignore', (await drift(client))[0]!);
    await reconcile(client);
    // Other changes of the object leave it alone.
    await client.query(
      `update metadata.fields set label = 'Title' where name = 'name' and object_id = (select id from metadata.objects where name_plural = 'things')`,
    );
    await reconcile(client);
    expect(await drift(client)).toMatchObject([{ isIgnored: true }]);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`alter table ${table()} alter column name set default 'y'`);
    expect(await drift(client)).toMatchObject([{ isIgnored: false }]);
    expect(await statements(client, ws)).toHaveLength(1);
  }));

test('an adopted table is an object with its records, and an adopted relation a relation', () =>
  db.inTransaction(async (client) => {
    const s = ws.schema;
    await client.query(`
      create table ${s}.machines (id uuid primary key default gen_random_uuid(), title varchar(80), power int not null default 3, maker_id uuid references ${s}.companies on delete restrict);
      insert into ${s}.machines (title) values ('Drill'), ('Saw');`);
    const theirs = await failure(client, async () => resolve(client, 'adopt', (await drift(client))[0]!));
    expect(theirs).toMatchObject({ code: 'RV085', hint: expect.stringMatching(/owner to relvar_owner/) });
    await client.query(`alter table ${s}.machines owner to relvar_owner`);
    await resolve(client, 'adopt', (await drift(client))[0]!);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await drift(client)).toEqual([]);
    const { rows } = await client.query('select engine.model_of($1) as model', [ws.id]);
    const object = rows[0].model.objects.find((one: { tableName: string }) => one.tableName === 'machines');
    expect(object).toMatchObject({ nameSingular: 'machine', labelPlural: 'Machines' });
    const named = Object.fromEntries(object.fields.map((field: { name: string }) => [field.name, field]));
    expect(named).toMatchObject({
      title: { type: 'TEXT' },
      power: { type: 'NUMBER', isRequired: true, defaultValue: 3 },
      maker: { type: 'RELATION', relations: [{ onDelete: 'RESTRICT', inverseName: 'machines' }] },
    });
    await act(client, ws.memberRole);
    expect((await client.query(`select title, power from machines order by title`)).rows).toEqual([
      { title: 'Drill', power: '3' },
      { title: 'Saw', power: '3' },
    ]);
    await client.query(`update machines set title = 'Big saw' where title = 'Saw'`);
    expect((await client.query(`select 1 from record_events where action = 'updated'`)).rowCount).toBe(1);
  }));

test('only roles that manage the model see and change drift', () =>
  db.inTransaction(async (client) => {
    await client.query(`drop index ${ws.schema}.people_company_id_idx`);
    await act(client, ws.memberRole);
    expect((await failure(client, () => client.query('select metadata.drift()'))).code).toBe('42501');
    await act(client, ws.adminRole);
    const { rows } = await client.query('select metadata.drift() as drift');
    expect(rows[0].drift).toMatchObject([{ kind: 'index', name: 'people_company_id_idx', objectName: 'People' }]);
    await client.query('select metadata.repair_drift($1, $2)', [rows[0].drift[0].kind, rows[0].drift[0].key]);
    expect((await client.query('select metadata.drift() as drift')).rows[0].drift).toEqual([]);
    const again = await failure(client, () => client.query(`select metadata.repair_drift('index', 'x')`));
    expect(again.code).toBe('RV086');
  }));
