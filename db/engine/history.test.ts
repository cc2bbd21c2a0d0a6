import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  addRelation,
  createWorkspace,
  failure,
  insert,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

// The history of a field, records as of a moment, and taking changes back. Times are those of transactions, so within
// one the log is put where it would be: an hour apart for each statement.
const db = useDatabase();
let ws: Workspace;
let ann: string;
let role: { id: string; name: string };

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  role = rows[0];
  ann = (await db.admin.query(`select core.add_member('acme', 'ann@acme.example', 'Ann', 'Rep') as id`)).rows[0].id;
});

interface Clients {
  object: string;
  stage: string;
  salary: string;
  mine: string;
  others: string;
}

/** Clients with a salary that the role may not read, of which it sees those with the stage "OPEN". */
async function clients(client: pg.PoolClient): Promise<Clients> {
  const object = await addObject(client, ws, { label_singular: 'Client', label_plural: 'Clients' });
  const stage = await addField(client, object, { label: 'Stage', type: 'TEXT' });
  await addField(client, object, { label: 'Code', type: 'TEXT', is_unique: true });
  const salary = await addField(client, object, { label: 'Salary', type: 'TEXT' });
  await insert(client, 'metadata.record_rules', { role_id: role.id, object_id: object, condition: 'stage = "OPEN"' });
  await insert(client, 'metadata.field_permissions', { role_id: role.id, field_id: salary, can_read: false });
  await reconcile(client);
  await client.query(`set local search_path = ${ws.schema}, public`);
  const make = (name: string, of: string) => insert(client, 'clients', { name, stage: of, salary: `${name} earns` });
  const [mine, others] = [await make('Mine', 'OPEN'), await make('Others', 'WON')];
  await spread(client);
  return { object, stage, salary, mine, others };
}

const spread = (client: pg.ClientBase) =>
  client.query(
    `reset role; update ${ws.schema}.record_events e set happened_at = date_trunc('day', now()) - interval '30 days' + b.n * interval '1 hour'
     from (select batch, row_number() over (order by batch) as n from (select distinct batch from ${ws.schema}.record_events) x) b where b.batch = e.batch`,
  );
const be = async (client: pg.ClientBase) => {
  await act(client, role.name);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [ann]);
};
const query = async (client: pg.ClientBase, sql: string, values: unknown[] = []) =>
  (await client.query(sql, values)).rows;
/** The moment right after a statement, counted back from the last. */
const after = async (client: pg.ClientBase, back = 0) =>
  (
    await query(
      client,
      `select (happened_at + interval '1 minute')::text as at from (select distinct happened_at from ${ws.schema}.record_events) x order by happened_at desc offset $1 limit 1`,
      [back],
    )
  )[0].at as string;
const lastBatch = async (client: pg.ClientBase, id: string, action = 'updated') =>
  (
    await query(
      client,
      `select batch, seq from ${ws.schema}.record_events where record_id = $1 and action = $2 order by batch desc limit 1`,
      [id, action],
    )
  )[0] as { batch: string; seq: number };

test('the functions of a workspace are what they should be', async () => {
  expect(await statements(db.admin, ws)).toEqual([]);
});

describe('the history of a field', () => {
  test('tells what changed it, from what to what, by pages', () =>
    db.inTransaction(async (client) => {
      const { mine } = await clients(client);
      await client.query(`update clients set name = 'Second', code = 'B' where id = $1`, [mine]);
      await client.query(`update clients set code = 'C' where id = $1`, [mine]);
      await client.query(`update clients set name = 'Third' where id = $1`, [mine]);
      const page = (before: string | null) =>
        query(client, `select batch, before, after from field_history('client', $1, 'name', 2, $2)`, [mine, before]);
      const first = await page(null);
      expect(first.map((row) => [row.before, row.after])).toEqual([
        [{ name: 'Second' }, { name: 'Third' }],
        [{ name: 'Mine' }, { name: 'Second' }],
      ]);
      expect((await page(first[1].batch)).map((row) => [row.before, row.after])).toEqual([[null, { name: 'Mine' }]]);
    }));

  test('follows the field through its names', () =>
    db.inTransaction(async (client) => {
      const { mine, stage } = await clients(client);
      await client.query(`update clients set stage = 'LOST' where id = $1`, [mine]);
      await client.query(`update metadata.fields set name = 'phase' where id = $1`, [stage]);
      await reconcile(client);
      await client.query(`update clients set phase = 'OPEN' where id = $1`, [mine]);
      const rows = await query(client, `select before, after from field_history('client', $1, 'phase')`, [mine]);
      expect(rows.map((row) => [row.before, row.after])).toEqual([
        [{ phase: 'LOST' }, { phase: 'OPEN' }],
        [{ phase: 'OPEN' }, { phase: 'LOST' }],
        [null, { phase: 'OPEN' }],
      ]);
    }));

  test('is told to who reads the record and the field', () =>
    db.inTransaction(async (client) => {
      const { mine, others } = await clients(client);
      const of = (id: string, field: string) =>
        query(client, `select after from field_history('client', $1, $2)`, [id, field]);
      await be(client);
      expect(await of(mine, 'name')).toHaveLength(1);
      expect(await of(others, 'name')).toEqual([]);
      expect(await failure(client, () => of(mine, 'salary'))).toMatchObject({ code: '42501' });
      expect(await failure(client, () => of(mine, 'nam'))).toMatchObject({
        code: 'RV196',
        hint: 'Did you mean name?',
      });
    }));
});

describe('as of', () => {
  test('values of a former type are shown where they fit', () =>
    db.inTransaction(async (client) => {
      const { object, mine, others } = await clients(client);
      const field = await addField(client, object, { label: 'Size', type: 'TEXT' });
      await reconcile(client);
      await client.query(`update clients set size = case id when $1 then '12' else 'large' end`, [mine]);
      await client.query(`update clients set size = case id when $1 then '13' else '14' end`, [mine]);
      await spread(client);
      const then = await after(client, 1);
      await client.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [field]);
      await reconcile(client);
      expect(await query(client, 'select id, size from as_of(null::clients, $1) order by name', [then])).toEqual([
        { id: mine, size: 12 },
        { id: others, size: null },
      ]);
    }));

  test('values of every type are what they were, changed and deleted since', () =>
    db.inTransaction(async (client) => {
      const types: Record<string, [string, string][]> = {
        NUMBER: [['kind', '1e300']],
        NUMERIC: [['kind', 'NaN']],
        BOOLEAN: [['kind', 'false']],
        DATE: [['kind', '-infinity']],
        DATE_TIME: [['kind', '2026-02-28T10:00:00.123456Z']],
        UUID: [['kind', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
        RATING: [['kind', '3']],
        ARRAY: [['kind', '{"a,b",NULL,"c\\"d",""}']],
        RAW_JSON: [['kind', '[{"a": null}, "b"]']],
        CURRENCY: [
          ['kind_amount_micros', '9007199254740993'],
          ['kind_currency_code', 'SEK'],
        ],
        EMAILS: [
          ['kind_primary_email', 'a@b.example'],
          ['kind_additional_emails', '{c@d.example}'],
        ],
      };
      const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
      const values: Record<string, string> = { name: '' };
      for (const [type, columns] of Object.entries(types)) {
        const word = type.toLowerCase().replace(/_/g, '');
        await addField(client, object, { label: `${word} kind`, type });
        for (const [column, value] of columns) values[`${word}_${column}`] = value;
      }
      await addField(client, object, { label: 'Loud', type: 'FORMULA', settings: { expression: 'upper(name)' } });
      await reconcile(client);
      await client.query(`set local search_path = ${ws.schema}, public`);
      const [changed, emptied, deleted] = [
        await insert(client, 'things', { ...values, name: 'a' }),
        await insert(client, 'things', { ...values, name: 'b' }),
        await insert(client, 'things', { ...values, name: 'c' }),
      ];
      const filled = await insert(client, 'things', { name: 'd' });
      await spread(client);
      const things = (from: string) =>
        query(
          client,
          `select to_jsonb(t) - '{updated_at,search_vector}'::text[] as row from ${from} t order by t.name`,
        );
      const [was, then] = [await things('things'), await after(client)];
      const set = (list: string, id: string) => client.query(`update things set ${list} where id = $1`, [id]);
      const all = Object.keys(values).map((column) => `"${column}"`);
      const copied = `(${all.join(', ')}) = (select ${all.join(', ')} from things where id = '${changed}')`;
      await set(copied, filled);
      for (const id of [changed, emptied]) await set(all.map((column) => `${column} = null`).join(', '), id);
      await set(`name = 'e', rating_kind = 5`, changed);
      await client.query('delete from things where id = $1', [deleted]);
      await spread(client);
      expect(was).toHaveLength(4);
      expect(await things(`as_of(null::things, '${then}')`)).toEqual(was);
    }));

  test('only records that could be seen then and can be seen now, and only fields that are read', () =>
    db.inTransaction(async (client) => {
      const { mine, others } = await clients(client);
      await client.query(`update clients set name = name || '!', salary = salary || '?'`);
      await client.query(`update clients set stage = case stage when 'OPEN' then 'WON' else 'OPEN' end`);
      await client.query(`update clients set name = name || '.'`);
      await spread(client);
      const [now, swapped, before] = [await after(client), await after(client, 1), await after(client, 2)];
      const names = (moment: string) =>
        query(client, 'select name, salary from as_of(null::clients, $1) order by name', [moment]);
      await be(client);
      expect(await names(now)).toEqual([{ name: 'Others!.', salary: null }]);
      expect(await names(swapped)).toEqual([{ name: 'Others!', salary: null }]);
      // Then he saw the other one, and sees it no more.
      expect(await names(before)).toEqual([]);
      await act(client, ws.adminRole);
      expect(await names(before)).toEqual([
        { name: 'Mine!', salary: 'Mine earns?' },
        { name: 'Others!', salary: 'Others earns?' },
      ]);
      for (const id of [mine, others])
        expect(
          await query(client, 'select name from as_of(null::clients, $1, jsonb_build_object($2::text, $3::uuid))', [
            before,
            'id',
            id,
          ]),
        ).toHaveLength(1);
    }));

  test('a deleted record is there as it was, for who could see it, and a destroyed one for who sees all', () =>
    db.inTransaction(async (client) => {
      const { mine } = await clients(client);
      await client.query('delete from clients');
      await spread(client);
      const then = await after(client, 1);
      const names = () => query(client, 'select name from as_of(null::clients, $1) order by name', [then]);
      await be(client);
      expect(await names()).toEqual([{ name: 'Mine' }]);
      await act(client, ws.adminRole);
      expect(await names()).toHaveLength(2);
      await query(client, `select destroy_record('client', $1)`, [mine]);
      expect(await names()).toHaveLength(2);
      await be(client);
      expect(await names()).toEqual([]);
    }));

  test('is of tables of records alone that the role reads and that keep a history', () =>
    db.inTransaction(async (client) => {
      const { object } = await clients(client);
      const ask = () => client.query(`select * from as_of(null::clients, now())`);
      await be(client);
      expect(await failure(client, () => client.query(`select * from as_of(null::trash, now())`))).toMatchObject({
        code: 'RV011',
      });
      expect(await failure(client, () => client.query(`select * from as_of(null::clients, null)`))).toMatchObject({
        code: 'RV195',
      });
      await client.query('reset role');
      await insert(client, 'metadata.object_permissions', { role_id: role.id, object_id: object, can_read: false });
      await reconcile(client);
      await be(client);
      expect(await failure(client, ask)).toMatchObject({ code: '42501' });
      await client.query('reset role');
      await client.query('update metadata.objects set is_audited = false where id = $1', [object]);
      await reconcile(client);
      await act(client, ws.adminRole);
      expect(await failure(client, ask)).toMatchObject({ code: 'RV195' });
    }));
});

describe('taking back', () => {
  const plan = (client: pg.ClientBase, args: string, values: unknown[]) =>
    query(client, `select * from plan_revert(${args})`, values);
  const revert = async (client: pg.ClientBase, args: string, values: unknown[]) =>
    (await query(client, `select revert(${args}) as done`, values))[0].done;
  const name = async (client: pg.ClientBase, id: string) =>
    (await query(client, `select name from ${ws.schema}.clients where id = $1`, [id]))[0]?.name;

  test('one change: only what it changed, and what is the same already is no change', () =>
    db.inTransaction(async (client) => {
      const { mine } = await clients(client);
      await client.query(`update clients set name = 'Second', code = 'B' where id = $1`, [mine]);
      const { batch, seq } = await lastBatch(client, mine);
      await client.query(`update clients set stage = 'LOST' where id = $1`, [mine]);
      expect(await plan(client, 'batch => $1, seq => $2', [batch, seq])).toMatchObject([
        {
          object_name: 'client',
          record_id: mine,
          label: 'Second',
          action: 'UPDATE',
          before: { name: 'Second', code: 'B' },
          after: { name: 'Mine', code: null },
          conflicts: [],
          total: 1,
          conflicting: 0,
        },
      ]);
      expect(await revert(client, 'batch => $1, seq => $2', [batch, seq])).toMatchObject({ reverted: 1, skipped: 0 });
      expect(await query(client, 'select name, code, stage from clients where id = $1', [mine])).toEqual([
        { name: 'Mine', code: null, stage: 'LOST' },
      ]);
      const again = await failure(client, () => revert(client, 'batch => $1, seq => $2', [batch, seq]));
      expect(again).toMatchObject({ code: 'RV198' });
      // Taken back itself it is there again.
      const undo = await lastBatch(client, mine);
      expect(await query(client, 'select source from record_events where batch = $1', [undo.batch])).toEqual([
        { source: 'REVERT' },
      ]);
      await revert(client, 'batch => $1', [undo.batch]);
      expect(await name(client, mine)).toBe('Second');
    }));

  test('a request as a whole, whatever its transactions and however long it took', () =>
    db.inTransaction(async (client) => {
      const { mine, others } = await clients(client);
      await client.query(`select set_config('relvar.request_id', 'long', true)`);
      await client.query(`insert into clients (name) select 'New ' || n from generate_series(1, 3) n`);
      await client.query(`update clients set name = name || '!' where id = any ($1)`, [[mine, others]]);
      await client.query(`insert into clients (name) select 'Newer ' || n from generate_series(1, 3) n`);
      await client.query(`select set_config('relvar.request_id', '', true)`);
      // It began three days ago, and ended now.
      await client.query(
        `update record_events e set happened_at = now() - b.n * interval '20 hours', transaction_id = (100 + b.n)::text::xid8
         from (select batch, row_number() over (order by batch desc) - 1 as n from (select distinct batch from record_events where request_id = 'long') x) b where b.batch = e.batch`,
      );
      expect(await plan(client, 'request_id => $1', ['long'])).toHaveLength(8);
      await revert(client, 'request_id => $1', ['long']);
      expect(await query(client, 'select name from clients order by name')).toEqual([
        { name: 'Mine' },
        { name: 'Others' },
      ]);
    }));

  test(
    'thousands of records at once, there and back, in a time that grows no faster than they do',
    () =>
      db.inTransaction(async (client) => {
        await clients(client);
        await client.query(`select set_config('relvar.request_id', 'import', true)`);
        await client.query(`insert into clients (name) select 'New ' || n from generate_series(1, 8000) n`);
        await client.query(
          `select set_config('relvar.request_id', 'undo', true), set_config('statement_timeout', '20s', true)`,
        );
        expect(await revert(client, 'request_id => $1', ['import'])).toMatchObject({ reverted: 8000 });
        expect(await revert(client, 'request_id => $1', ['undo'])).toMatchObject({ reverted: 8000 });
        expect(await query(client, 'select count(*)::int from clients')).toEqual([{ count: 8002 }]);
      }),
    120_000,
  );

  test('what was changed since is in the way, until one chooses', () =>
    db.inTransaction(async (client) => {
      const { mine, others } = await clients(client);
      await client.query(`update clients set name = name || '!', code = name`);
      const { batch } = await lastBatch(client, mine);
      await client.query(`update clients set name = 'Else' where id = $1`, [mine]);
      const [first] = await plan(client, 'batch => $1', [batch]);
      expect(first).toMatchObject({ record_id: mine, total: 2, conflicting: 1 });
      expect(first.conflicts).toMatchObject([{ column: 'name', kind: 'CHANGED_SINCE', by: 'postgres' }]);
      const refused = await failure(client, () => revert(client, 'batch => $1', [batch]));
      expect(refused).toMatchObject({ code: 'RV199', message: '1 of 2 records cannot be taken back as they are.' });
      await client.query('savepoint chosen');
      await revert(client, `batch => $1, on_conflict => 'SKIP'`, [batch]);
      expect(await query(client, 'select name, code from clients order by id')).toEqual([
        { name: 'Else', code: null },
        { name: 'Others', code: null },
      ]);
      await client.query('rollback to chosen');
      await revert(client, `batch => $1, on_conflict => 'OVERWRITE'`, [batch]);
      expect([await name(client, mine), await name(client, others)]).toEqual(['Mine', 'Others']);
      expect(await failure(client, () => revert(client, `batch => 1, on_conflict => 'MAYBE'`, []))).toMatchObject({
        code: 'RV197',
      });
      expect(await failure(client, () => plan(client, '', []))).toMatchObject({ code: 'RV197' });
    }));

  test('a record that was deleted since, and a value that another has taken', () =>
    db.inTransaction(async (client) => {
      const { mine, others } = await clients(client);
      await client.query(`update clients set code = 'A' where id = $1`, [mine]);
      await client.query(`update clients set code = null where id = $1`, [mine]);
      const { batch } = await lastBatch(client, mine);
      await client.query(`update clients set code = 'A' where id = $1`, [others]);
      expect((await plan(client, 'batch => $1', [batch]))[0].conflicts).toMatchObject([
        { column: 'code', kind: 'TAKEN' },
      ]);
      await client.query(`delete from clients where id = $1`, [mine]);
      expect((await plan(client, 'batch => $1', [batch]))[0].conflicts).toMatchObject([{ kind: 'DELETED_SINCE' }]);
      expect(await revert(client, `batch => $1, on_conflict => 'OVERWRITE'`, [batch])).toMatchObject({
        reverted: 0,
        skipped: 1,
      });
      const deletion = await lastBatch(client, mine, 'deleted');
      await revert(client, 'batch => $1, seq => $2', [deletion.batch, deletion.seq]);
      expect(await name(client, mine)).toBe('Mine');
    }));

  test('each conflict may be decided by itself, and what is not decided follows the choice for all', () =>
    db.inTransaction(async (client) => {
      const { mine, others } = await clients(client);
      await client.query(`select set_config('relvar.request_id', 'bulk', true)`);
      await client.query(`update clients set name = name || '!', stage = 'LOST'`);
      await client.query(`select set_config('relvar.request_id', '', true)`);
      await client.query(`update clients set name = name || '?', stage = 'NEW'`);
      const decide = (decisions: object, onConflict = 'REFUSE') =>
        query(client, `select revert(request_id => 'bulk', on_conflict => $1, decisions => $2) as done`, [
          onConflict,
          decisions,
        ]);
      await client.query('savepoint changed');
      const undecided = await failure(client, () =>
        decide({ [mine]: { name: 'OVERWRITE', stage: 'SKIP' }, [others]: { name: 'SKIP' } }),
      );
      expect(undecided).toMatchObject({ code: 'RV199', message: '1 of 2 records cannot be taken back as they are.' });
      expect(await failure(client, () => decide({ [mine]: { name: 'YES' } }))).toMatchObject({ code: 'RV257' });
      expect(await failure(client, () => decide({ [mine]: 'SKIP' }))).toMatchObject({ code: 'RV257' });
      await decide({ [mine]: { name: 'OVERWRITE' } }, 'SKIP');
      const rows = () => query(client, 'select name, stage from clients order by name');
      expect(await rows()).toEqual([
        { name: 'Mine', stage: 'NEW' },
        { name: 'Others!?', stage: 'NEW' },
      ]);
      await client.query('rollback to changed');
      await decide({ [mine]: { name: 'SKIP' }, [others]: { stage: 'SKIP' } }, 'OVERWRITE');
      expect(await rows()).toEqual([
        { name: 'Mine!?', stage: 'OPEN' },
        { name: 'Others', stage: 'NEW' },
      ]);
    }));

  test('a plan is looked through page after page', () =>
    db.inTransaction(async (client) => {
      await clients(client);
      await client.query(`select set_config('relvar.request_id', 'many', true)`);
      await client.query(`insert into clients (name) select 'New ' || n from generate_series(10, 34) n`);
      await client.query(`select set_config('relvar.request_id', '', true)`);
      const page = async (skip: number) =>
        (await plan(client, `request_id => 'many', max_results => 10, skip => $1`, [skip])).map((row) => row.label);
      const labels = [...(await page(0)), ...(await page(10)), ...(await page(20))];
      expect(labels).toEqual(Array.from({ length: 25 }, (_, i) => `New ${i + 10}`));
      expect(await page(30)).toEqual([]);
    }));

  test('a link alone, from either end of it, there and back', () =>
    db.inTransaction(async (client) => {
      const { object, mine } = await clients(client);
      const tags = await addObject(client, ws, { label_singular: 'Badge', label_plural: 'Badges' });
      await client.query(
        `select metadata.create_field($1, 'Badges', 'MANY_TO_MANY', target_object_id => $2, inverse_label => 'Clients')`,
        [object, tags],
      );
      await reconcile(client);
      const [red, blue] = [
        await insert(client, 'badges', { name: 'red' }),
        await insert(client, 'badges', { name: 'blue' }),
      ];
      const [junction] = await query(
        client,
        `select o.table_name as name from metadata.objects o where o.workspace_id = $1 and o.is_junction and exists (
           select from metadata.fields f join metadata.relations r on r.field_id = f.id where f.object_id = o.id and r.target_object_id = $2)`,
        [ws.id, tags],
      );
      const links = () => query(client, `select badge_id from ${junction.name} order by badge_id`);
      await client.query(`insert into ${junction.name} (client_id, badge_id) values ($1, $2), ($1, $3)`, [
        mine,
        red,
        blue,
      ]);
      const both = await links();
      const told = await lastBatch(client, red, 'linked');
      expect(await plan(client, 'batch => $1, seq => $2', [told.batch, told.seq])).toMatchObject([
        { action: 'DELETE', total: 1 },
      ]);
      await revert(client, 'batch => $1, seq => $2', [told.batch, told.seq]);
      expect(await links()).toEqual([{ badge_id: blue }]);
      const cut = await lastBatch(client, mine, 'unlinked');
      await revert(client, 'batch => $1, seq => $2', [cut.batch, cut.seq]);
      expect(await links()).toEqual(both);
    }));

  test('what lies in the archive is taken back as what is in the log', () =>
    db.inTransaction(async (client) => {
      const { mine, others } = await clients(client);
      await client.query(`select set_config('relvar.request_id', 'old', true)`);
      await client.query(`update clients set name = name || '!'`);
      await client.query(`update clients set code = id::text`);
      await client.query(`select set_config('relvar.request_id', '', true)`);
      await client.query(
        `update record_events set happened_at = now() - interval '200 days', transaction_id = case when request_id = 'old' then '77'::xid8 else transaction_id end`,
      );
      const { batch, seq } = await lastBatch(client, others);
      await client.query('select engine.archive_events($1)', [ws.id]);
      expect(await query(client, 'select from record_events where record_id = $1', [mine])).toEqual([]);
      await client.query('savepoint archived');
      for (const [args, values] of [
        [`request_id => 'old'`, []],
        [`transaction_id => '77'`, []],
        ['batch => $1, together => true', [batch]],
      ] as const) {
        expect(await plan(client, args, [...values])).toMatchObject([{ total: 2 }, { conflicting: 0 }]);
        await revert(client, args, [...values]);
        expect(await query(client, 'select name, code from clients order by name')).toEqual([
          { name: 'Mine', code: null },
          { name: 'Others', code: null },
        ]);
        await client.query('rollback to archived');
      }
      await revert(client, 'batch => $1, seq => $2', [batch, seq]);
      expect(await query(client, 'select name, code from clients order by name')).toEqual([
        { name: 'Mine!', code: mine },
        { name: 'Others!', code: null },
      ]);
    }));

  test('what was created goes to the trash, unless somebody worked on it since', () =>
    db.inTransaction(async (client) => {
      await clients(client);
      const id = await insert(client, 'clients', { name: 'New' });
      const { batch } = await lastBatch(client, id, 'created');
      await client.query('savepoint made');
      await revert(client, 'batch => $1', [batch]);
      expect(await query(client, 'select label from trash where record_id = $1', [id])).toEqual([{ label: 'New' }]);
      await client.query('rollback to made');
      await client.query(`update clients set code = 'X' where id = $1`, [id]);
      expect((await plan(client, 'batch => $1', [batch]))[0]).toMatchObject({
        action: 'DELETE',
        conflicts: [{ kind: 'CHANGED_SINCE', by: 'postgres' }],
      });
      expect(await failure(client, () => revert(client, 'batch => $1', [batch]))).toMatchObject({ code: 'RV199' });
    }));

  test('a deletion that took others along and cut links, at once and in one go', () =>
    db.inTransaction(async (client) => {
      const { object } = await clients(client);
      const visits = await addObject(client, ws, { label_singular: 'Visit', label_plural: 'Visits' });
      const letters = await addObject(client, ws, { label_singular: 'Letter', label_plural: 'Letters' });
      const { field } = await addRelation(client, visits, 'Client', object, { label: 'Visits', onDelete: 'CASCADE' });
      await client.query('update metadata.fields set is_required = true where id = $1', [field]);
      await addRelation(client, letters, 'Client', object, { label: 'Letters' });
      await reconcile(client);
      await client.query(`insert into visits (name, client_id) select 'v', id from clients`);
      await client.query(`insert into letters (name, client_id) select 'l', id from clients`);
      const links = () =>
        query(client, 'select id, client_id from visits union all select id, client_id from letters order by 1');
      const were = await links();
      await client.query(`select set_config('relvar.request_id', 'r1', true)`);
      await client.query('delete from clients');
      await client.query(`select set_config('relvar.request_id', '', true)`);
      expect(await query(client, 'select from clients union all select from visits')).toHaveLength(0);
      const found = await plan(client, `request_id => 'r1'`, []);
      expect(found.map((row) => `${row.object_name} ${row.action}`).toSorted()).toEqual(
        [
          'client RESTORE',
          'client RESTORE',
          'visit RESTORE',
          'visit RESTORE',
          'letter UPDATE',
          'letter UPDATE',
        ].toSorted(),
      );
      expect(found.every((row) => row.conflicts.length === 0)).toBe(true);
      await revert(client, `request_id => 'r1'`, []);
      expect(await links()).toEqual(were);
      expect(await query(client, 'select from trash')).toHaveLength(0);
    }));

  test('a field, and a record, to a moment and to right after a change', () =>
    db.inTransaction(async (client) => {
      const { mine } = await clients(client);
      for (const letter of ['b', 'c', 'd'])
        await client.query(`update clients set name = $1, code = $1 where id = $2`, [letter, mine]);
      await spread(client);
      const moment = await after(client, 2);
      const { batch } = await lastBatch(client, mine);
      await client.query('savepoint changed');
      await revert(client, `object_name => 'client', record_id => $1, field_name => 'name', moment => $2`, [
        mine,
        moment,
      ]);
      expect(await query(client, 'select name, code from clients where id = $1', [mine])).toEqual([
        { name: 'b', code: 'd' },
      ]);
      await client.query('rollback to changed');
      await client.query(`update clients set name = 'e' where id = $1`, [mine]);
      await revert(client, `object_name => 'client', record_id => $1, after_batch => $2`, [mine, batch]);
      expect(await name(client, mine)).toBe('d');
    }));

  test('many at once', () =>
    db.inTransaction(async (client) => {
      await clients(client);
      await client.query(`select set_config('relvar.request_id', 'import', true)`);
      await client.query(`insert into clients (name, code) select 'n' || n, n from generate_series(1, 3000) n`);
      await client.query(`update clients set stage = 'OPEN' where stage is null`);
      await client.query(`select set_config('relvar.request_id', 'undo', true)`);
      expect(await revert(client, `request_id => 'import'`, [])).toMatchObject({ reverted: 3000, skipped: 0 });
      expect(await query(client, 'select from clients')).toHaveLength(2);
      // How many are planned is nobody else's matter.
      expect(await query(client, 'show enable_nestloop')).toEqual([{ enable_nestloop: 'on' }]);
      await client.query(`select set_config('relvar.request_id', 'redo', true)`);
      expect(await revert(client, `request_id => 'undo'`, [])).toMatchObject({ reverted: 3000 });
      expect(await query(client, `select from clients where stage = 'OPEN'`)).toHaveLength(3001);
      expect(
        (
          await query(
            client,
            `select count(*)::int as n from record_events where request_id = 'redo' and action = 'restored'`,
          )
        )[0].n,
      ).toBe(3000);
    }));

  describe('by a role', () => {
    test('what it does not see is neither told nor touched', () =>
      db.inTransaction(async (client) => {
        const { mine, others } = await clients(client);
        await client.query(`update clients set name = name || '!', salary = salary || '!'`);
        const { batch } = await lastBatch(client, mine);
        await be(client);
        const found = await plan(client, 'batch => $1', [batch]);
        expect(found).toMatchObject([{ record_id: mine, after: { name: 'Mine' }, total: 1 }]);
        expect(JSON.stringify(found)).not.toMatch(/salary|earns|Others/);
        expect(await revert(client, 'batch => $1', [batch])).toMatchObject({ reverted: 1, skipped: 0 });
        await client.query('reset role');
        expect(await query(client, 'select name, salary from clients order by name')).toEqual([
          { name: 'Mine', salary: 'Mine earns!' },
          { name: 'Others!', salary: 'Others earns!' },
        ]);
        await client.query(`update clients set salary = 'x'`);
        const hidden = await lastBatch(client, others);
        await be(client);
        expect(await plan(client, 'batch => $1', [hidden.batch])).toEqual([]);
        expect(await failure(client, () => revert(client, 'batch => $1', [hidden.batch]))).toMatchObject({
          code: 'RV198',
        });
      }));

    test('what it may not change it does not take back', () =>
      db.inTransaction(async (client) => {
        const { object, mine } = await clients(client);
        await client.query(`update clients set name = name || '!', code = name where id = $1`, [mine]);
        const { batch } = await lastBatch(client, mine);
        const created = await lastBatch(client, mine, 'created');
        const { rows } = await client.query(`select id from metadata.fields where object_id = $1 and name = 'code'`, [
          object,
        ]);
        await insert(client, 'metadata.field_permissions', {
          role_id: role.id,
          field_id: rows[0].id,
          can_update: false,
        });
        await insert(client, 'metadata.object_permissions', { role_id: role.id, object_id: object, can_delete: false });
        await reconcile(client);
        await be(client);
        expect((await plan(client, 'batch => $1', [batch]))[0].conflicts).toMatchObject([
          { column: 'code', kind: 'NOT_ALLOWED' },
        ]);
        expect(await revert(client, `batch => $1, on_conflict => 'OVERWRITE'`, [batch])).toMatchObject({ reverted: 1 });
        expect(await query(client, 'select name, code from clients')).toEqual([{ name: 'Mine', code: 'Mine' }]);
        expect((await plan(client, 'batch => $1', [created.batch]))[0]).toMatchObject({
          action: 'DELETE',
          conflicts: [{ kind: 'NOT_ALLOWED' }],
        });
        expect(await revert(client, `batch => $1, on_conflict => 'OVERWRITE'`, [created.batch])).toMatchObject({
          reverted: 0,
          skipped: 1,
        });
        // The rules say no to what a record would become, as to any change.
        await client.query('reset role');
        await client.query(`update clients set stage = 'LOST' where id = $1`, [mine]);
        await client.query(`update clients set stage = 'OPEN' where id = $1`, [mine]);
        const opened = await lastBatch(client, mine);
        await be(client);
        expect(await failure(client, () => revert(client, 'batch => $1', [opened.batch]))).toMatchObject({
          code: '42501',
        });
      }));

    test('the reading side of a role has histories and moments, and takes nothing back', async () => {
      expect(
        (
          await db.admin.query(
            `select engine.reading_functions() @> '{field_history,as_of}' and not engine.reading_functions() && '{revert}' as so`,
          )
        ).rows,
      ).toEqual([{ so: true }]);
    });
  });
});
