import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, addField, addObject, createWorkspace, statements, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let object: string;
const fields: string[] = [];
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  for (const label of ['One', 'Two']) fields.push(await addField(db.admin, object, { label, type: 'TEXT' }));
});

async function sessions(n: number, work: (...clients: pg.PoolClient[]) => Promise<void>) {
  const clients = await Promise.all(Array.from({ length: n }, () => db.admin.connect()));
  try {
    await work(...clients);
  } finally {
    for (const client of clients) {
      await client.query('rollback').catch(() => {});
      client.release(true);
    }
  }
}

const relabel = (client: pg.ClientBase, field: string, label: string) =>
  client.query('update metadata.fields set label = $2 where id = $1', [field, label]);

test(
  'two transactions of members that change the same rows in opposite order do not lock each other out',
  () =>
    sessions(2, async (a, b) => {
      const transaction = async (client: pg.ClientBase, [first, second]: string[], label: string) => {
        await client.query('begin');
        await act(client, ws.adminRole);
        await relabel(client, first!, `${label} 1`);
        await new Promise((resolve) => setTimeout(resolve, 300));
        await relabel(client, second!, `${label} 2`);
        await client.query('commit');
      };
      await Promise.all([transaction(a, fields, 'A'), transaction(b, [...fields].reverse(), 'B')]);
      const { rows } = await db.admin.query<{ label: string }>(
        'select label from metadata.fields where id = any ($1) order by name',
        [fields],
      );
      // Whoever was second, was it wholly.
      expect([
        ['A 1', 'A 2'],
        ['B 2', 'B 1'],
      ]).toContainEqual(rows.map(({ label }) => label));
      expect(await statements(db.admin, ws)).toEqual([]);
    }),
  20_000,
);

/** Works in a transaction of its own, again for as long as it is told to try again. Returns how often it was. */
async function insist(client: pg.ClientBase, work: () => Promise<unknown>) {
  for (let refusals = 0; ; refusals++) {
    try {
      await client.query('begin');
      await work();
      await client.query('commit');
      return refusals;
    } catch (error) {
      await client.query('rollback');
      expect(error).toMatchObject({ code: 'RV021', hint: expect.stringMatching(/Try again/) });
    }
  }
}

/** Waits until so many sessions wait for the lock of a model. */
async function waiting(count: number) {
  for (;;) {
    const { rows } = await db.admin.query<{ count: number }>(
      `select count(*)::int as count from pg_locks where locktype = 'advisory' and not granted
       and database = (select oid from pg_database where datname = current_database())`,
    );
    if (rows[0]!.count >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** That nothing of a model or of its tables is locked, half done, or still to be done. */
async function expectPeace() {
  const { rows } = await db.admin.query(
    `select l.locktype, l.mode from pg_locks l where l.database = (select oid from pg_database where datname = current_database())
     and l.pid <> pg_backend_pid() and (l.locktype = 'advisory' or not l.granted)`,
  );
  expect(rows).toEqual([]);
  expect((await db.admin.query('select from engine.pending')).rowCount).toBe(0);
  expect(await statements(db.admin, ws)).toEqual([]);
}

test(
  'three transactions that change the same rows, each in another order, follow each other',
  () =>
    sessions(3, async (...clients) => {
      const rows = [...fields, await addField(db.admin, object, { label: 'Third', type: 'TEXT' })];
      await Promise.all(
        clients.map((client, n) =>
          insist(client, async () => {
            await act(client, ws.adminRole);
            for (let i = 0; i < 3; i++) await relabel(client, rows[(n + i) % 3]!, `Of ${n}, ${(n + i) % 3}`);
          }),
        ),
      );
      const { rows: found } = await db.admin.query<{ label: string }>(
        'select label from metadata.fields where id = any ($1) order by array_position($1, id)',
        [rows],
      );
      // Whoever was last, was it wholly.
      const last = found[0]!.label.slice(0, 5);
      expect(found.map(({ label }) => label)).toEqual([0, 1, 2].map((i) => `${last} ${i}`));
      await expectPeace();
    }),
  60_000,
);

test(
  'three transactions that each hold the table that another wants to change: refused in words or done, none is left behind',
  () =>
    sessions(3, async (...clients) => {
      const objects: string[] = [];
      for (const name of ['Ring a', 'Ring b', 'Ring c'])
        objects.push(await addObject(db.admin, ws, { label_singular: name, label_plural: `${name}s` }));
      const work = (client: pg.ClientBase, n: number) => async () => {
        await act(client, ws.adminRole);
        await client.query(`insert into ring_${'abc'[n]}s (name) values ('held')`);
      };
      for (const [n, client] of clients.entries()) {
        await client.query('begin');
        await work(client, n)();
      }
      // Each waits for the next one in the ring.
      const change = (client: pg.ClientBase, n: number) =>
        addField(client, objects[(n + 1) % 3]!, { label: `Added by ${n}`, type: 'TEXT' });
      const outcomes = await Promise.all(
        clients.map(async (client, n) => {
          try {
            await change(client, n);
            await client.query('commit');
            return 'done';
          } catch (error) {
            await client.query('rollback');
            expect(error).toMatchObject({ code: 'RV021', hint: expect.stringMatching(/Try again/) });
            return 'refused';
          }
        }),
      );
      // Two that wait for each other cannot both be done.
      expect(outcomes).toContain('refused');
      await expectPeace();
      const count = async () => {
        const { rows } = await db.admin.query<{ fields: number; records: number }>(
          `select (select count(*)::int from metadata.fields where object_id = any ($1) and label like 'Added%') as fields,
           (select count(*)::int from (select from ${ws.schema}.ring_as union all select from ${ws.schema}.ring_bs union all select from ${ws.schema}.ring_cs) r) as records`,
          [objects],
        );
        return rows[0]!;
      };
      const done = outcomes.filter((outcome) => outcome === 'done').length;
      expect(await count()).toEqual({ fields: done, records: done });
      for (const [n, client] of clients.entries())
        if (outcomes[n] === 'refused')
          await insist(client, async () => {
            await work(client, n)();
            await change(client, n);
          });
      expect(await count()).toEqual({ fields: 3, records: 3 });
      await expectPeace();
    }),
  60_000,
);

test(
  'two sessions that wait for a third are done when it dies',
  () =>
    sessions(3, async (dying, ...others) => {
      dying.on('error', () => {});
      await dying.query('begin');
      await act(dying, ws.adminRole);
      await relabel(dying, fields[0]!, 'Never');
      const { rows } = await dying.query<{ pid: number }>('select pg_backend_pid() as pid');
      const done = Promise.all(
        others.map((client, n) =>
          insist(client, async () => {
            await act(client, ws.adminRole);
            await addField(client, object, { label: `After death ${n}`, type: 'TEXT' });
          }),
        ),
      );
      await waiting(2);
      await db.admin.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
      await done;
      const { rows: labels } = await db.admin.query<{ label: string }>(
        `select label from metadata.fields where object_id = $1 and label in ('Never', 'After death 0', 'After death 1') order by label`,
        [object],
      );
      expect(labels.map(({ label }) => label)).toEqual(['After death 0', 'After death 1']);
      // Each change is a version of its own.
      const { rows: versions } = await db.admin.query<{ changes: number }>(
        `select count(*)::int as changes from metadata.model_changes where workspace_id = $1 and after ->> 'label' like 'After death%' group by version`,
        [ws.id],
      );
      expect(versions).toHaveLength(2);
      await expectPeace();
    }),
  60_000,
);

test(
  'a change of type that meets a long transaction on the table is refused in time, in words, and leaves nothing',
  () =>
    sessions(1, async (reader) => {
      await reader.query('begin');
      await reader.query(`insert into ${ws.schema}.things (one) values ('1')`);
      const started = Date.now();
      await expect(
        db.admin.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [fields[0]]),
      ).rejects.toMatchObject({
        code: 'RV021',
        message: 'The table things is busy, so the change was not made.',
      });
      expect(Date.now() - started).toBeLessThan(5_000);
      await reader.query('rollback');
      expect((await db.admin.query('select from metadata.type_changes')).rowCount).toBe(0);
      expect((await db.admin.query('select from engine.retired_columns')).rowCount).toBe(0);
      expect(await statements(db.admin, ws)).toEqual([]);
    }),
  20_000,
);

test('a change whose session dies before the commit leaves nothing behind', () =>
  sessions(1, async (client) => {
    client.on('error', () => {});
    await client.query('begin');
    await client.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [fields[0]]);
    await client.query('set constraints all immediate');
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    await db.admin.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(
      (await db.admin.query('select type, revision from metadata.fields where id = $1', [fields[0]])).rows,
    ).toEqual([{ type: 'TEXT', revision: 1 }]);
    expect(await statements(db.admin, ws)).toEqual([]);
  }));

test('with changes switched off nothing is queued either: RV020', async () => {
  await db.admin.query('update engine.settings set ddl_enabled = false');
  try {
    await expect(
      db.admin.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [fields[0]]),
    ).rejects.toMatchObject({ code: 'RV020' });
  } finally {
    await db.admin.query('update engine.settings set ddl_enabled = true');
  }
});
