import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { withIdentity } from '../pool.ts';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  createWorkspace,
  failure,
  insert,
  reconcile,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let object: string;
let member: string;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  await addField(db.admin, object, { label: 'Price', type: 'CURRENCY' });
  await addField(db.admin, object, { label: 'Data', type: 'RAW_JSON' });
  member = (await db.admin.query('select m.id from core.members m where workspace_id = $1', [ws.id])).rows[0].id;
});

const events = async (client: pg.ClientBase | pg.Pool) =>
  (
    await client.query(
      `select batch, seq, action, before, after, actor_type as actor, actor_id, actor_name as name, source, request_id
                         from ${ws.schema}.record_events where object_id = $1 order by batch, seq`,
      [object],
    )
  ).rows;
const outbox = async (client: pg.ClientBase | pg.Pool) =>
  (await client.query('select batch, action from engine.outbox where object_id = $1 order by batch', [object])).rows;

test('one event a record, one outbox row a statement', () =>
  db.inTransaction(async (client) => {
    await client.query(`insert into ${ws.schema}.things (name) select 'n' || i from generate_series(1, 3) i`);
    await client.query(`update ${ws.schema}.things set name = 'x' || name where name <> 'n3'`);
    await client.query(`delete from ${ws.schema}.things`);
    const log = await events(client);
    expect(log.map((e) => e.action)).toEqual([
      'created',
      'created',
      'created',
      'updated',
      'updated',
      'deleted',
      'deleted',
      'deleted',
    ]);
    expect(log.map((e) => e.seq)).toEqual([1, 2, 3, 1, 2, 1, 2, 3]);
    expect(await outbox(client)).toEqual(
      ['created', 'updated', 'deleted'].map((action) => ({
        action,
        batch: log.find((e) => e.action === action).batch,
      })),
    );
  }));

test('an update says what changed, and only that', () =>
  db.inTransaction(async (client) => {
    const id = await insert(client, `${ws.schema}.things`, { name: 'a', price_amount_micros: 1 });
    await client.query(
      `update ${ws.schema}.things set name = 'b', price_currency_code = 'EUR', position = position where id = $1`,
      [id],
    );
    const [created, updated] = await events(client);
    expect(created).toMatchObject({
      action: 'created',
      before: null,
      after: { id, name: 'a', price_amount_micros: 1 },
    });
    expect(created.after).not.toHaveProperty('search_vector');
    expect(updated).toMatchObject({
      action: 'updated',
      before: { name: 'a', price_currency_code: null },
      after: { name: 'b', price_currency_code: 'EUR' },
    });
    expect(Object.keys(updated.after).sort()).toEqual(['name', 'price_currency_code']);
  }));

test('an update that changes nothing leaves nothing: no event, no outbox row, no new time', () =>
  db.inTransaction(async (client) => {
    await insert(client, `${ws.schema}.things`, { name: 'a' });
    // Some time ago, by somebody else: otherwise nothing could be told from the new time.
    await client.query('set local session_replication_role = replica');
    await client.query(
      `update ${ws.schema}.things set updated_at = '2020-02-02', updated_by_name = 'Eve', updated_by_source = 'IMPORT'`,
    );
    await client.query('set local session_replication_role = origin');
    const touched = async () =>
      (await client.query(`select updated_at, updated_by_name, updated_by_source from ${ws.schema}.things`)).rows;
    const before = { log: await events(client), outbox: await outbox(client), touched: await touched() };
    await client.query(`update ${ws.schema}.things set name = 'a'`);
    await client.query(`update ${ws.schema}.things set name = 'b' where false`);
    await client.query(`delete from ${ws.schema}.things where false`);
    await client.query(`insert into ${ws.schema}.things (name) select 'x' where false`);
    expect({ log: await events(client), outbox: await outbox(client), touched: await touched() }).toEqual(before);
    await client.query(`update ${ws.schema}.things set name = 'b'`);
    expect(await touched()).not.toEqual(before.touched);
  }));

test('a large statement is logged as many small ones are', () =>
  db.inTransaction(async (client) => {
    const things = `${ws.schema}.things`;
    await client.query(`alter table ${things} add place point, add words json`);
    await client.query(
      `insert into ${things} (name, data, price_amount_micros, place) select 'n' || i, '{"a": [null]}', i, point(i, i) from generate_series(1, 300) i`,
    );
    const changes = `name = case when position('3' in name) > 0 then name || '!' else name end,
      price_amount_micros = nullif(price_amount_micros, 30), price_currency_code = case when price_amount_micros < 40 then 'EUR' end,
      data = case when price_amount_micros % 2 = 0 then data else '{"b": {"c": null}}' end, place = case when price_amount_micros = 7 then point(0, 0) else place end,
      words = case when price_amount_micros = 8 then '["x"]'::json end`;
    const changed = async (work: () => Promise<unknown>) => {
      const from = (await events(client)).length;
      await client.query('savepoint s');
      await work();
      const log = (await events(client)).slice(from);
      const rows = await client.query(
        `select id, record_id, before, after from ${ws.schema}.record_events e join ${things} t on t.id = e.record_id where action = 'updated' order by 1, 2`,
      );
      await client.query('rollback to s');
      return { rows: rows.rows, batches: new Set(log.map((e) => e.batch)).size };
    };
    const { rows: ids } = await client.query<{ id: string }>(`select id from ${things}`);
    const large = await changed(() => client.query(`update ${things} set ${changes}`));
    const small = await changed(async () => {
      for (const { id } of ids) await client.query(`update ${things} set ${changes} where id = $1`, [id]);
    });
    expect(large.rows).toEqual(small.rows);
    expect(large.rows.length).toBeGreaterThan(150);
    expect(large.batches).toBe(1);
    const outboxed = (await outbox(client)).length;
    await client.query(`update ${things} set name = name, words = words, place = place`);
    expect((await outbox(client)).length).toBe(outboxed);
  }));

test('a bulk change after single ones in the same session takes no longer for it', () =>
  db.inTransaction(async (client) => {
    const things = `${ws.schema}.things`;
    for (let i = 0; i < 8; i++) {
      const id = await insert(client, things, { name: 'single' });
      await client.query(`update ${things} set name = 'changed' where id = $1`, [id]);
    }
    await client.query(`insert into ${things} (name) select 'n' || i from generate_series(1, 20000) i`);
    await client.query(`set local statement_timeout = '30s'`);
    await client.query(`update ${things} set name = name || '!'`);
    expect((await events(client)).filter((e) => e.action === 'updated')).toHaveLength(20_016);
  }));

test('the log keeps values whole, nulls inside JSON too', () =>
  db.inTransaction(async (client) => {
    const id = await insert(client, `${ws.schema}.things`, {
      name: 'a',
      data: '{"a": null, "b": [null, {"c": null}]}',
    });
    await client.query(`delete from ${ws.schema}.things where id = $1`, [id]);
    const [created, deleted] = await events(client);
    expect(created.after.data).toEqual({ a: null, b: [null, { c: null }] });
    expect(deleted.before.data).toEqual({ a: null, b: [null, { c: null }] });
  }));

test('upsert, copy and merge are logged like any other write', () =>
  db.inTransaction(async (client) => {
    const id = await insert(client, `${ws.schema}.things`, { name: 'a' });
    await client.query(
      `insert into ${ws.schema}.things (id, name) values ($1, 'b'), (gen_random_uuid(), 'c') on conflict (id) do update set name = excluded.name`,
      [id],
    );
    await client.query(
      `merge into ${ws.schema}.things t using (values ('b'), ('d')) v (name) on t.name = v.name
         when matched then update set name = 'bb' when not matched then insert (name) values (v.name)`,
    );
    expect((await events(client)).map((e) => e.action).sort()).toEqual([
      'created',
      'created',
      'created',
      'updated',
      'updated',
    ]);
    expect(
      await failure(client, () => client.query(`truncate ${ws.schema}.things`)).catch((error: Error) => error.message),
    ).toContain('expected to fail');
  }));

describe('who did it', () => {
  const write = async (client: pg.ClientBase) => {
    await client.query(`insert into ${ws.schema}.things (name) values ('by somebody')`);
  };
  const last = async () => (await events(db.admin)).at(-1);
  const identity = () => ({
    pgRole: ws.memberRole,
    schemaName: ws.schema,
    memberId: null,
    apiKeyId: null,
    source: 'API',
  });

  test('a member', async () => {
    await withIdentity(db.server, { ...identity(), memberId: member, source: 'MANUAL', requestId: 'r-1' }, write);
    expect(await last()).toMatchObject({
      actor: 'member',
      actor_id: member,
      name: 'owner',
      source: 'MANUAL',
      request_id: 'r-1',
    });
    const { rows } = await db.admin.query(
      `select created_by_member_id, created_by_name, created_by_source from ${ws.schema}.things order by id desc limit 1`,
    );
    expect(rows).toEqual([{ created_by_member_id: member, created_by_name: 'owner', created_by_source: 'MANUAL' }]);
  });

  test('an API key', async () => {
    const { rows } = await db.admin.query(
      `select core.create_api_key('acme', 'Member', 'Zapier', 'rv_x', '\\x01') as id`,
    );
    await withIdentity(db.server, { ...identity(), apiKeyId: rows[0].id }, write);
    expect(await last()).toMatchObject({ actor: 'api_key', actor_id: rows[0].id, name: 'Zapier', source: 'API' });
  });

  test('what runs by itself, on behalf of a member or of nobody', async () => {
    const process = '0198f0c0-0000-7000-8000-000000000001';
    for (const kind of ['workflow', 'import', 'agent']) {
      const run = (memberId: string | null) =>
        withIdentity(db.worker, { ...identity(), memberId, source: '' }, async (client) => {
          await client.query(
            `select set_config('relvar.process_kind', $1, true), set_config('relvar.process_id', $2, true), set_config('relvar.process_name', 'Follow-up', true)`,
            [kind, process],
          );
          await write(client);
        });
      await run(null);
      expect(await last()).toMatchObject({
        actor: kind,
        actor_id: process,
        name: 'Follow-up',
        source: kind.toUpperCase(),
      });
      await run(member);
      expect(await last()).toMatchObject({ actor: 'member', actor_id: member, name: 'Follow-up on behalf of owner' });
    }
  });

  test('a kind of process that nobody knows is none', async () => {
    await withIdentity(db.worker, { ...identity(), source: '' }, async (client) => {
      await client.query(`select set_config('relvar.process_kind', 'administrator', true)`);
      await write(client);
    });
    expect(await last()).toMatchObject({ actor: 'system' });
  });

  test('the system', async () => {
    await withIdentity(db.worker, { ...identity(), source: '' }, write);
    expect(await last()).toMatchObject({ actor: 'system', actor_id: null, name: 'System', source: 'SYSTEM' });
  });

  test('a database login', async () => {
    await db.admin.query(`insert into ${ws.schema}.things (name) values ('by hand')`);
    expect(await last()).toMatchObject({ actor: 'psql', actor_id: null, name: 'postgres', source: 'MANUAL' });
  });

  test('the last to change is kept beside the first', () =>
    db.inTransaction(async (client) => {
      const id = await insert(client, `${ws.schema}.things`, { name: 'a' });
      await client.query(
        `select set_config('role', $1, true), set_config('relvar.member_id', $2, true), set_config('relvar.source', 'API', true)`,
        [ws.memberRole, member],
      );
      await client.query(`update ${ws.schema}.things set name = 'b' where id = $1`, [id]);
      expect(
        (
          await client.query(
            `select created_by_name, updated_by_name, updated_by_member_id, updated_by_source from ${ws.schema}.things where id = $1`,
            [id],
          )
        ).rows,
      ).toEqual([
        {
          created_by_name: 'postgres',
          updated_by_name: 'owner',
          updated_by_member_id: member,
          updated_by_source: 'API',
        },
      ]);
    }));

  test('a person who changes role within a transaction signs each change as who they then are', () =>
    db.inTransaction(async (client) => {
      await write(client);
      await client.query(`select set_config('role', $1, true), set_config('relvar.member_id', $2, true)`, [
        ws.memberRole,
        member,
      ]);
      await write(client);
      await client.query('reset role');
      await write(client);
      expect((await events(client)).slice(-3).map((e) => e.actor)).toEqual(['psql', 'member', 'psql']);
    }));
});

test('the id of a record stays as it is', () =>
  db.inTransaction(async (client) => {
    const id = await insert(client, `${ws.schema}.things`, { name: 'a' });
    expect(
      await failure(client, () =>
        client.query(`update ${ws.schema}.things set id = gen_random_uuid() where id = $1`, [id]),
      ),
    ).toMatchObject({ code: 'RV190' });
  }));

test('an action cannot be forged by a setting', () =>
  db.inTransaction(async (client) => {
    const before = (await events(client)).length;
    await client.query(`set local relvar.action = 'restored'`);
    await client.query(`insert into ${ws.schema}.things (name) values ('new')`);
    expect((await events(client)).slice(before).map((e) => e.action)).toEqual(['created']);
    await reconcile(client);
  }));
