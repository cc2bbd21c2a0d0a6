import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
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
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

/** Ten parts, each with a code that no other has. */
async function parts(client: pg.PoolClient): Promise<string[]> {
  const object = await addObject(client, ws, { label_singular: 'Part', label_plural: 'Parts' });
  await addField(client, object, { label: 'Part code', type: 'TEXT', is_unique: true });
  await addField(client, object, { label: 'Weight', type: 'NUMBER', settings: { dataType: 'int' } });
  await reconcile(client);
  const ids: string[] = [];
  for (let n = 0; n < 10; n++)
    ids.push(await insert(client, `${ws.schema}.parts`, { name: `Part ${n}`, part_code: `C${n}`, weight: n }));
  await client.query(`set local search_path = ${ws.schema}, public`);
  return ids;
}

const update = async (client: pg.PoolClient, ids: string[], patches: unknown, onProblem = 'REFUSE') =>
  (
    await client.query<{ result: { updated: number; left: string[] } }>(
      `select update_records('part', $1, $2, $3) as result`,
      [ids, JSON.stringify(patches), onProblem],
    )
  ).rows[0]!.result;
const kept = async (client: pg.PoolClient, column: string) =>
  (await client.query<{ value: unknown }>(`select to_jsonb(${column}) as value from parts order by name`)).rows.map(
    ({ value }) => value,
  );

test('one patch changes all of them, in one transaction of the log', () =>
  db.inTransaction(async (client) => {
    const ids = await parts(client);
    expect(await update(client, ids, { weight: 70 })).toEqual({ updated: 10, left: [] });
    expect(new Set(await kept(client, 'weight'))).toEqual(new Set([70]));
    const { rows } = await client.query(
      `select count(*)::int as events, count(distinct transaction_id)::int as together from record_events where action = 'updated'`,
    );
    expect(rows).toEqual([{ events: 10, together: 1 }]);
  }));

test('each record takes its own patch, whichever columns it has', () =>
  db.inTransaction(async (client) => {
    const ids = await parts(client);
    const patches = ids.map((_, n) => (n % 2 ? { weight: n * 10 } : { partCode: `D${n}`, weight: null }));
    expect(await update(client, ids, patches)).toEqual({ updated: 10, left: [] });
    expect((await kept(client, 'part_code')).slice(0, 3)).toEqual(['D0', 'C1', 'D2']);
    expect((await kept(client, 'weight')).slice(0, 3)).toEqual([null, 10, null]);
  }));

test('what cannot be changed refuses all, or is left while the others are changed', () =>
  db.inTransaction(async (client) => {
    const ids = await parts(client);
    const patches = ids.map((_, n) =>
      n === 3 ? { partCode: 'C9' } : n === 6 ? { weight: 'heavy' } : { weight: 100 + n },
    );
    expect((await failure(client, () => update(client, ids, patches))).code).toMatch(/^(22P02|23505)$/);
    const gone = '00000000-0000-7000-8000-000000000000';
    expect(await update(client, [...ids, gone], [...patches, { weight: 1 }], 'SKIP')).toEqual({
      updated: 8,
      left: [ids[3], ids[6], gone],
    });
    expect((await kept(client, 'weight')).slice(2, 8)).toEqual([102, 3, 104, 105, 6, 107]);
  }));

test('what it is asked in no way that there is, it says', () =>
  db.inTransaction(async (client) => {
    const ids = await parts(client);
    const code = async (run: () => Promise<unknown>) => (await failure(client, run)).code;
    expect(await code(() => update(client, ids, { wieght: 1 }))).toBe('RV264');
    expect(await code(() => update(client, ids, [{ weight: 1 }]))).toBe('RV262');
    expect(await code(() => update(client, ids, { weight: 1 }, 'MAYBE'))).toBe('RV263');
    expect(await code(() => client.query(`select update_records('prat', '{}', '{}')`))).toBe('RV011');
    expect(await update(client, [], { weight: 1 })).toEqual({ updated: 0, left: [] });
  }));
