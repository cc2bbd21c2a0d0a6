import { beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addObject, createWorkspace, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let other: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  other = await createWorkspace(db.admin, 'other');
  for (const workspace of [ws, other])
    await addObject(db.admin, workspace, { label_singular: 'Thing', label_plural: 'Things' });
  await relay();
});

const relay = async (client: pg.ClientBase | pg.Pool = db.worker, rows = 500) =>
  (await client.query<{ n: number }>('select engine.relay_outbox($1) as n', [rows])).rows[0]!.n;
const last = async (workspace = ws, client: pg.ClientBase | pg.Pool = db.server) =>
  Number((await client.query('select engine.last_position($1) as p', [workspace.id])).rows[0].p);
const add = (client: pg.ClientBase | pg.Pool, name: string, workspace = ws) =>
  client.query(`insert into ${workspace.schema}.things (name) values ($1)`, [name]);
interface Event {
  position: string;
  batch: string;
  seq: number;
  action: string;
  after: { name: string };
}
const after = async (position: number, ...more: (number | null)[]) =>
  (
    await db.server.query<Event>(
      `select * from engine.events_after($1, $2 ${more.map((_, i) => `, $${i + 3}`).join('')})`,
      [ws.id, position, ...more],
    )
  ).rows;
const names = (events: Event[]) => events.map((event) => event.after.name);

/** Waits in the background until `client` waits for a lock. */
async function untilWaiting(client: pg.Client) {
  const { rows } = await db.admin.query('select 1');
  expect(rows).toHaveLength(1);
  const pid = (client as unknown as { processID: number }).processID;
  for (let i = 0; i < 200; i++) {
    const { rowCount } = await db.admin.query(
      `select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`,
      [pid],
    );
    if (rowCount === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('It does not wait.');
}

test('each statement gets the next position of its workspace, whatever happens in others', async () => {
  const [before, beside] = [await last(), await last(other)];
  await add(db.admin, 'one');
  await add(db.admin, 'elsewhere', other);
  await add(db.admin, 'two');
  await db.admin.query(`insert into ${ws.schema}.things (name) values ('three'), ('four')`);
  expect(await relay()).toBe(4);
  expect(await last()).toBe(before + 3);
  expect(await last(other)).toBe(beside + 1);
  const events = await after(before);
  expect(events.map((event) => [Number(event.position), event.seq, event.after.name])).toEqual([
    [before + 1, 1, 'one'],
    [before + 2, 1, 'two'],
    [before + 3, 1, 'three'],
    [before + 3, 2, 'four'],
  ]);
});

test('a reader takes as much as it asks for, and goes on within a statement', async () => {
  const before = await last();
  for (let i = 0; i < 3; i++)
    await db.admin.query(`insert into ${ws.schema}.things (name) select $1 || n from generate_series(1, 3) n`, [
      i + ':',
    ]);
  await relay();
  expect(names(await after(before, 1))).toEqual(['0:1', '0:2', '0:3']);
  expect(names(await after(before, 100, null, 4))).toEqual(['0:1', '0:2', '0:3', '1:1']);
  expect(names(await after(before + 2, 100, 1, 4))).toEqual(['1:2', '1:3', '2:1', '2:2']);
  expect(await after(before + 3)).toEqual([]);
});

test('who commits late comes late: a reader that was further has skipped nothing', async () => {
  const before = await last();
  const slow = await db.admin.connect();
  await slow.query('begin');
  await add(slow, 'began first');
  await add(db.admin, 'began second');
  await relay();
  expect(names(await after(before))).toEqual(['began second']);
  await slow.query('commit');
  slow.release();
  await relay();
  expect(names(await after(before + 1))).toEqual(['began first']);
});

test('what was rolled back has no position, and leaves no gap', async () => {
  const before = await last();
  await db.inTransaction((client) => add(client, 'nothing'));
  await add(db.admin, 'something');
  await relay();
  expect(await last()).toBe(before + 1);
});

test('a second relay passes by the workspaces of the first, and takes the others', async () => {
  const before = await last();
  const beside = await last(other);
  await add(db.admin, 'a');
  const first = await db.worker.connect();
  await first.query('begin');
  expect(await relay(first)).toBe(1);
  await add(db.admin, 'b');
  await add(db.admin, 'c', other);
  expect(await relay()).toBe(1);
  expect(await last()).toBe(before);
  expect(await last(other)).toBe(beside + 1);
  await first.query('commit');
  first.release();
  expect(await last()).toBe(before + 1);
  expect(await relay()).toBe(1);
  expect(names(await after(before))).toEqual(['a', 'b']);
});

test('a relay that dies gives back what it had taken, and the positions too', async () => {
  const before = await last();
  await add(db.admin, 'kept');
  const dying = new pg.Client({ connectionString: db.workerUrl });
  dying.on('error', () => {});
  await dying.connect();
  await dying.query('begin');
  expect(await relay(dying)).toBe(1);
  const pid = (await dying.query('select pg_backend_pid() as pid')).rows[0].pid;
  await db.admin.query('select pg_terminate_backend($1, 5000)', [pid]);
  expect(await last()).toBe(before);
  expect(await relay()).toBe(1);
  expect(names(await after(before))).toEqual(['kept']);
});

test('a change of a record that followed another has the later position, in however small rounds', async () => {
  const before = await last();
  const id = (await db.admin.query(`insert into ${ws.schema}.things (name) values ('0') returning id`)).rows[0].id;
  const first = await db.admin.connect();
  await first.query('begin');
  await first.query(`update ${ws.schema}.things set name = '1' where id = $1`, [id]);
  const second = new pg.Client({ connectionString: db.adminUrl });
  await second.connect();
  const done = second.query(`update ${ws.schema}.things set name = '2' where id = $1`, [id]);
  await untilWaiting(second);
  await first.query('commit');
  first.release();
  await done;
  await second.end();
  while ((await relay(db.worker, 1)) > 0);
  expect(names(await after(before))).toEqual(['0', '1', '2']);
});

test('a workspace of an earlier release gets positions for what it has, when the relay meets it', async () => {
  await add(db.admin, 'old', other);
  await relay();
  const had = await last(other);
  await add(db.admin, 'waiting', other);
  await db.admin.query(`delete from engine.event_positions where workspace_id = $1`, [other.id]);
  await db.admin.query(`drop table ${other.schema}.event_batches`);
  expect(await last(other)).toBe(0);
  expect(await relay()).toBe(1);
  expect(await last(other)).toBe(had + 1);
  await db.admin.query('select engine.reconcile($1)', [other.id]);
  expect((await db.admin.query('select * from engine.plan($1)', [other.id])).rows).toEqual([]);
  expect((await db.admin.query(`select engine.first_position($1) as p`, [other.id])).rows[0].p).toBe('1');
});

test('the notice says how far the workspace is, however many objects have changed', async () => {
  const listener = new pg.Client({ connectionString: db.serverUrl });
  await listener.connect();
  await listener.query('listen relvar_records');
  const heard: { workspace: string; position: number; object: string; table: string; batch: number }[][] = [];
  listener.on('notification', ({ payload }) => heard.push(JSON.parse(payload!)));
  for (let i = 0; i < 45; i++) {
    const label = `Part${i}${'a'.repeat(25)}`;
    await addObject(db.admin, ws, { label_singular: label, label_plural: `${label}s` });
  }
  const { rows } = await db.admin.query<{ name: string }>(
    `select table_name as name from metadata.objects where workspace_id = $1 and name_singular like 'part%a'`,
    [ws.id],
  );
  const tables = rows.map((row) => row.name);
  expect(tables).toHaveLength(45);
  await relay();
  heard.length = 0;
  for (const table of tables) await db.admin.query(`insert into ${ws.schema}."${table}" (name) values ('x')`);
  await relay();
  await listener.query('select');
  expect(heard.map((notice) => notice.length)).toEqual([30, 15]);
  const position = await last();
  expect(new Set(heard.flat().map((notice) => notice.position))).toEqual(new Set([position]));
  expect(
    heard
      .flat()
      .map((notice) => notice.table)
      .sort(),
  ).toEqual(tables.sort());
  await listener.end();
}, 60_000);

test('dropping a workspace takes its positions along', async () => {
  await createWorkspace(db.admin, 'gone');
  await db.admin.query(`select engine.drop_workspace('gone')`);
  await relay();
  const { rows } = await db.admin.query('select count(*)::int as n from engine.event_positions');
  expect(rows).toEqual([{ n: 2 }]);
});
