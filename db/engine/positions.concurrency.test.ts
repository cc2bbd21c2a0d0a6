import { expect, test } from '@jest/globals';
import pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addObject, createWorkspace } from '../testing/workspace.ts';

// Many writers, relays that are killed, and a reader with a cursor. RELVAR_TEST_COMMITS=100000 is the whole.
const db = useDatabase();
const COMMITS = Number(process.env['RELVAR_TEST_COMMITS'] ?? 4000);
const WRITERS = 8;
const RELAYS = 2;

const connect = async (connectionString: string) => {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  return client;
};

test(
  `a reader with a cursor sees each of ${COMMITS} commits of ${WRITERS} writers once, while relays are killed`,
  async () => {
    const ws = await createWorkspace(db.admin);
    const things = `${ws.schema}.things`;
    await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const shared = (
      await db.admin.query<{ id: string }>(
        `insert into ${things} (name) select '0' from generate_series(1, 20) returning id`,
      )
    ).rows.map((row) => row.id);

    let left = COMMITS;
    let isDone = false;
    /** What each writer has committed, in its order: id of the record, or null for a change of a shared one. */
    const write = async () => {
      const client = await connect(db.adminUrl);
      const created: string[] = [];
      while (left-- > 0) {
        const dice = Math.random();
        if (dice < 0.1) {
          // Long ones and short ones overlap; some come to nothing.
          await client.query('begin');
          const { rows } = await client.query(`insert into ${things} (name) values ('long') returning id`);
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
          await client.query(`update ${things} set name = 'longer' where id = $1`, [rows[0].id]);
          if (dice < 0.02) await client.query('rollback');
          else {
            await client.query('commit');
            created.push(rows[0].id);
          }
        } else if (dice < 0.5) {
          await client.query(`update ${things} set name = (name::int + 1)::text where id = $1`, [
            shared[Math.floor(Math.random() * shared.length)],
          ]);
        } else {
          const { rows } = await client.query(`insert into ${things} (name) values ('short') returning id`);
          created.push(rows[0].id);
        }
      }
      await client.end();
      return created;
    };

    const relays = new Set<pg.Client>();
    const relay = async () => {
      while (!isDone) {
        const client = await connect(db.workerUrl);
        relays.add(client);
        // The last round is for what the last writer left.
        for (let alive = true; alive && !isDone;)
          alive = await client.query('select engine.relay_outbox(200)').then(
            () => new Promise((resolve) => setTimeout(resolve, 5, true)),
            () => false,
          );
        relays.delete(client);
        await client.end().catch(() => {});
      }
    };
    let kills = 0;
    const kill = async () => {
      while (!isDone) {
        await new Promise((resolve) => setTimeout(resolve, 40));
        const pids = [...relays].map((client) => (client as unknown as { processID: number }).processID);
        const { rowCount } = await db.admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where pid = any ($1) and state = 'active' and query like '%relay_outbox%' limit 1`,
          [pids],
        );
        kills += rowCount ?? 0;
      }
    };

    interface Seen {
      position: number;
      batch: number;
      seq: number;
      record: string;
      name: string;
    }
    const seen: Seen[] = [];
    const reader = await connect(db.serverUrl);
    const read = async () => {
      for (;;) {
        const wasDone = isDone;
        const from = seen.at(-1)?.position ?? 0;
        const { rows } = await reader.query<Seen>(
          `select position::int, batch::int, seq, record_id as record, after ->> 'name' as name from engine.events_after($1, $2, 500)`,
          [ws.id, from],
        );
        seen.push(...rows);
        if (wasDone && rows.length === 0) return;
        if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };

    const working = [...Array.from({ length: RELAYS }, relay), kill()];
    const reading = read();
    const created = (await Promise.all(Array.from({ length: WRITERS }, write))).flat();
    for (let rest = true; rest;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      rest = (await db.admin.query('select exists (select from engine.outbox) as rest')).rows[0].rest;
    }
    isDone = true;
    await Promise.all([...working, reading]);
    await reader.end();

    // Without a gap, in order, and once.
    const positions = [...new Set(seen.map((event) => event.position))];
    expect(positions).toEqual(positions.map((_, index) => index + 1));
    expect(new Set(seen.map(({ batch, seq }) => `${batch}-${seq}`)).size).toBe(seen.length);
    // All that is in the log, and all that was committed.
    const { rows: log } = await db.admin.query<{ n: number }>(
      `select count(*)::int as n from ${ws.schema}.record_events`,
    );
    expect(seen).toHaveLength(log[0]!.n);
    const records = new Set(seen.map((event) => event.record));
    expect(created.filter((id) => !records.has(id))).toEqual([]);
    // One record's changes in the order in which they happened: each counts one further.
    for (const id of shared) {
      const names = seen.filter((event) => event.record === id).map((event) => Number(event.name));
      expect(names).toEqual(names.map((_, index) => index));
    }
    expect(kills).toBeGreaterThan(0);
  },
  60_000 + COMMITS * 10,
);

test('a clock that was set back changes no order', async () => {
  const { rows } = await db.admin.query<{ id: string; schema: string }>(
    'select id, schema_name as schema from core.workspaces',
  );
  const { id, schema } = rows[0]!;
  const from = (await db.admin.query('select engine.last_position($1)::int as n', [id])).rows[0].n;
  const record = (await db.admin.query(`insert into ${schema}.things (name) values ('0') returning id`)).rows[0].id;
  // As a clock that runs back has it: each statement earlier than the one before.
  for (let i = 1; i <= 3; i++) {
    await db.admin.query(`update ${schema}.things set name = $1 where id = $2`, [String(i), record]);
    await db.admin.query(
      `update ${schema}.record_events set happened_at = now() - make_interval(hours => $1::int) where record_id = $2 and after ->> 'name' = $1::int::text`,
      [i, record],
    );
  }
  await db.worker.query('select engine.relay_outbox()');
  const { rows: events } = await db.server.query(
    `select after ->> 'name' as name, happened_at from engine.events_after($1, $2)`,
    [id, from],
  );
  expect(events.map((event) => event.name)).toEqual(['0', '1', '2', '3']);
  const { rows: history } = await db.admin.query(
    `select after ->> 'name' as name from ${schema}.record_history('thing', $1)`,
    [record],
  );
  expect(history.map((event) => event.name)).toEqual(['3', '2', '1', '0']);
});
