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
