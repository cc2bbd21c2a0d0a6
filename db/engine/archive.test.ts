import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, addField, addObject, createWorkspace, failure, insert, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let object: string;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  await addField(db.admin, object, { label: 'Data', type: 'RAW_JSON' });
});

/** Makes all that has happened so far older. */
const age = (client: pg.ClientBase, days: number) =>
  client.query(`update ${ws.schema}.record_events set happened_at = happened_at - make_interval(days => $1)`, [days]);
const archive = async (client: pg.ClientBase, step = 20_000) => {
  let total = 0;
  for (let count = 1; count > 0; total += count)
    count = (await client.query('select engine.archive_events($1, $2) as n', [ws.id, step])).rows[0].n;
  return total;
};
const eventsOf = async (client: pg.ClientBase, id: string) =>
  (
    await client.query(`select e.*, transaction_id::text from ${ws.schema}.events_of($1, $2) e order by batch, seq`, [
      object,
      id,
    ])
  ).rows;
const live = async (client: pg.ClientBase) =>
  (await client.query(`select count(*)::int as n from ${ws.schema}.record_events where object_id = $1`, [object]))
    .rows[0].n;
const history = async (client: pg.ClientBase, id: string) =>
  (await client.query(`select * from ${ws.schema}.record_history('thing', $1)`, [id])).rows;

test('an archived event is read as it was, beside those that are not archived', () =>
  db.inTransaction(async (client) => {
    const things = `${ws.schema}.things`;
    const id = await insert(client, things, { name: 'a', data: '{"a": [null, 1.50, "é"]}' });
    await insert(client, things, { name: 'beside' });
    await client.query(`update ${things} set name = 'b' where id = $1`, [id]);
    await age(client, 100);
    await client.query(`update ${things} set name = 'c' where id = $1`, [id]);
    const before = await eventsOf(client, id);
    const told = await history(client, id);
    expect(before.map((e) => e.action)).toEqual(['created', 'updated', 'updated']);
    expect(await archive(client)).toBeGreaterThan(3);
    expect(await live(client)).toBe(1);
    expect(await eventsOf(client, id)).toEqual(before);
    expect(await history(client, id)).toEqual(told);
    const since = async (moment: Date) =>
      (
        await client.query(
          `select e.batch, e.seq from ${ws.schema}.events_since($1, $2) e where record_id = $3 order by 1`,
          [object, moment, id],
        )
      ).rows;
    expect(await since(new Date(0))).toHaveLength(3);
    expect(await since(new Date(Date.now() - 99 * 86_400_000))).toHaveLength(1);
  }));

test('records of any number lie in parcels of two hundred events, in steps of any size', () =>
  db.inTransaction(async (client) => {
    await client.query(`insert into ${ws.schema}.things (name) select 'n' || i from generate_series(1, 900) i`);
    await client.query(`update ${ws.schema}.things set name = name || '!'`);
    const all = async () =>
      (
        await client.query(
          `select t.id, (select jsonb_agg(to_jsonb(e) order by batch) from ${ws.schema}.events_of($1, t.id) e) as events from ${ws.schema}.things t order by 1`,
          [object],
        )
      ).rows;
    await age(client, 100);
    const before = await all();
    await archive(client, 700);
    expect(await live(client)).toBe(0);
    expect(await all()).toEqual(before);
    const { rows } = await client.query(
      `select max(jsonb_array_length(events))::int as most, bool_and(first_record_id <= last_record_id) as in_order from ${ws.schema}.event_archive where object_id = $1`,
      [object],
    );
    expect(rows).toEqual([{ most: 200, in_order: true }]);
  }));

test('a statement that was archived has no position any more, and a reader can tell', () =>
  db.inTransaction(async (client) => {
    await insert(client, `${ws.schema}.things`, { name: 'old' });
    await age(client, 100);
    await client.query('select engine.relay_outbox()');
    const { rows } = await client.query('select engine.last_position($1)::int as last', [ws.id]);
    await insert(client, `${ws.schema}.things`, { name: 'new' });
    await client.query('select engine.relay_outbox()');
    await archive(client);
    expect((await client.query('select engine.first_position($1)::int as n', [ws.id])).rows[0].n).toBe(
      rows[0].last + 1,
    );
    expect((await client.query('select position::int from engine.events_after($1, 0)', [ws.id])).rows).toEqual([
      { position: rows[0].last + 1 },
    ]);
  }));

test('what a workspace keeps no longer goes, archived or not', () =>
  db.inTransaction(async (client) => {
    const id = await insert(client, `${ws.schema}.things`, { name: 'a' });
    await age(client, 400);
    await client.query(`update ${ws.schema}.things set name = 'b' where id = $1`, [id]);
    await archive(client);
    await age(client, 50);
    await client.query(`update ${ws.schema}.things set name = 'c' where id = $1`, [id]);
    await client.query('update core.workspace_settings set event_retention_days = 40 where workspace_id = $1', [ws.id]);
    expect(await archive(client)).toBe(1);
    expect((await client.query('select engine.drop_archived_events($1) as n', [ws.id])).rows[0].n).toBeGreaterThan(0);
    expect((await client.query('select engine.drop_archived_events($1) as n', [ws.id])).rows[0].n).toBe(0);
    expect((await eventsOf(client, id)).map((e) => e.after.name)).toEqual(['c']);
  }));

test('the worker archives and drops nothing that is younger', () =>
  db.inTransaction(async (client) => {
    await insert(client, `${ws.schema}.things`, { name: 'a' });
    await age(client, 89);
    expect(await archive(client)).toBe(0);
    expect((await client.query('select engine.drop_archived_events($1) as n', [ws.id])).rows[0].n).toBe(0);
  }));

test('who keeps the workspace says for how long, not shorter than the trash; nobody else does', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    await client.query('select metadata.set_event_retention(365)');
    expect((await client.query('select metadata.event_retention() as n')).rows[0].n).toBe(365);
    expect(await failure(client, () => client.query('select metadata.set_event_retention(10)'))).toMatchObject({
      code: 'RV191',
    });
    await client.query('select metadata.set_event_retention(null)');
    expect((await client.query('select metadata.event_retention() as n')).rows[0].n).toBeNull();
    await act(client, ws.memberRole);
    expect(await failure(client, () => client.query('select metadata.set_event_retention(365)'))).toMatchObject({
      code: '42501',
    });
  }));

test('no role reads the archive itself, nor through the functions that do', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    for (const sql of [
      'select * from event_archive',
      'select * from event_batches',
      `select * from events_of('${object}', gen_random_uuid())`,
      `select * from events_since('${object}', now())`,
      `select engine.archive_events('${ws.id}')`,
    ])
      expect(await failure(client, () => client.query(sql))).toMatchObject({ code: '42501' });
  }));

test('a clock that was set back and forth breaks neither moments nor what is kept for how long', () =>
  db.inTransaction(async (client) => {
    const things = `${ws.schema}.things`;
    await client.query(`set local search_path = ${ws.schema}, public`);
    await age(client, 200);
    const id = await insert(client, things, { name: 'a' });
    for (const name of ['b', 'c', 'd']) await client.query(`update ${things} set name = $1 where id = $2`, [name, id]);
    // Created today by a clock that was ahead; then it ran back and forth, once into next year.
    await client.query(
      `update record_events e set happened_at = now() + b.days * interval '1 day'
       from (select e.batch, (array[-200, -300, 400, -150])[row_number() over (order by e.batch)] as days from record_events e where e.record_id = $1) b
       where b.batch = e.batch`,
      [id],
    );
    const named = async (days: number) =>
      (
        await client.query(`select name from as_of(null::things, now() + $1 * interval '1 day') where id = $2`, [
          days,
          id,
        ])
      ).rows;
    // What the log says happened later is taken away, in the order of the log.
    expect(await named(401)).toEqual([{ name: 'd' }]);
    expect(await named(0)).toEqual([{ name: 'b' }]);
    expect(await named(-250)).toEqual([]);
    const told = await history(client, id);
    expect(await archive(client)).toBeGreaterThan(2);
    expect(await history(client, id)).toEqual(told);
    expect(await live(client)).toBe(0);
    expect(await named(0)).toEqual([{ name: 'b' }]);
  }));
