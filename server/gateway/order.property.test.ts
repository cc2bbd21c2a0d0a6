import { beforeAll, expect, test } from '@jest/globals';
import { addField, addObject } from '../../db/testing/workspace.ts';
import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// Lists in any order, page by page in either direction, are what plain JavaScript makes of the same records.
const server = useServer();
let acme: Caller;
let records: Thing[];

type Value = string | number | boolean | null;
type Thing = Record<string, Value> & { id: string };

/** What is sorted by, as the API writes it; `createdAt` is the one that is never empty. */
const COLUMNS = ['size', 'word', 'dueAt', 'stage', 'isOpen', 'exact', 'stars', 'createdAt'];

let state = 20261129;
const random = (below: number): number => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * below);
};
const pick = <T>(of: readonly T[]): T => of[random(of.length)]!;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  const client = await server.db.admin.connect();
  await client.query('begin');
  const workspace = { id: acme.workspaceId } as Parameters<typeof addObject>[1];
  const object = await addObject(client, workspace, { label_singular: 'Thing', label_plural: 'Things' });
  for (const field of [
    { label: 'Size', type: 'NUMBER' },
    { label: 'Word', type: 'TEXT' },
    { label: 'Due at', type: 'DATE_TIME' },
    { label: 'Stage', type: 'SELECT', options: ['A', 'B'].map((value) => ({ value, label: value })) },
    { label: 'Is open', type: 'BOOLEAN' },
    { label: 'Exact', type: 'NUMERIC' },
    { label: 'Stars', type: 'RATING' },
  ]) {
    const id = await addField(client, object, field);
    if (field.type !== 'BOOLEAN')
      await client.query(`insert into metadata.indexes (object_id, name, parts) values ($1, $2, $3)`, [
        object,
        field.label,
        JSON.stringify([{ fieldId: id }]),
      ]);
  }
  await client.query('commit');
  client.release();
  for (let n = 0; n < 70; n += 1)
    await server.db.admin.query(
      `insert into ${acme.schemaName}.things (size, word, due_at, stage, is_open, exact, created_at, stars) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        pick([null, -1, 0, 0, 2.5, 40]),
        pick([null, null, '', 'a', 'ab', 'B', 'ä', 'я']),
        pick([null, '2026-01-01T00:00:00Z', '2026-03-01T00:00:00Z', '-infinity']),
        pick([null, 'A', 'B']),
        pick([null, true, false]),
        pick([null, null, null, '1.5', '10']),
        pick(['2026-05-01T00:00:00Z', '2026-06-01T00:00:00Z']),
        pick([null, 1, 2, 5]),
      ],
    );
  const { rows } = await server.db.admin.query<Thing>(
    `select id, size, word, extract(epoch from due_at)::float8 as "dueAt", stage, is_open as "isOpen", exact::float8 as exact, stars,
       extract(epoch from created_at)::float8 as "createdAt" from ${acme.schemaName}.things`,
  );
  records = rows;
});

interface Order {
  column: string;
  direction: 'ASC' | 'DESC';
}

/** What is empty comes last in either direction; the id decides in the end, in the direction of the first. */
function sorted(order: Order[]): string[] {
  const keys = [...order, { column: 'id', direction: order[0]!.direction }];
  const compare = (a: Thing, b: Thing): number => {
    for (const { column, direction } of keys) {
      const [x, y] = [a[column]!, b[column]!];
      if (x === y) continue;
      if (x === null || y === null) return x === null ? 1 : -1;
      return x < y === (direction === 'ASC') ? -1 : 1;
    }
    return 0;
  };
  return records.toSorted(compare).map(({ id }) => id);
}

interface Page {
  nodes: { id: string }[];
  pageInfo: { startCursor: string; endCursor: string; hasNextPage: boolean; hasPreviousPage: boolean };
}

async function page(order: Order[], places: string, cursor: string | null): Promise<Page> {
  const names = order.map(({ column, direction }) => `${column.replace(/[A-Z]/g, '_$&').toUpperCase()}_${direction}`);
  const { data, errors } = await acme.records(
    `query ($cursor: Cursor, $orderBy: [ThingOrderBy!]) { things(${places}, orderBy: $orderBy) {
       nodes { id } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }`,
    { cursor, orderBy: names },
  );
  expect(errors).toBeUndefined();
  return data!.things as unknown as Page;
}

test('pages forward and backward, by one and by several columns that may be empty, are the list of plain JavaScript', async () => {
  for (let round = 0; round < 40; round += 1) {
    const order = Array.from({ length: 1 + random(3) }, () => ({
      column: pick(COLUMNS),
      direction: pick(['ASC', 'DESC'] as const),
    })).filter(({ column }, at, all) => all.findIndex((other) => other.column === column) === at);
    const expected = sorted(order);
    const size = 5 + random(25);
    const forward: string[] = [];
    for (let cursor: string | null = null, more = true; more;) {
      const found: Page = await page(order, `first: ${size}, after: $cursor`, cursor);
      forward.push(...found.nodes.map(({ id }) => id));
      cursor = found.pageInfo.endCursor;
      more = found.pageInfo.hasNextPage;
    }
    expect({ order, ids: forward }).toEqual({ order, ids: expected });
    const backward: string[] = [];
    for (let cursor: string | null = null, more = true; more;) {
      const found: Page = await page(order, `last: ${size}, before: $cursor`, cursor);
      backward.unshift(...found.nodes.map(({ id }) => id));
      cursor = found.pageInfo.startCursor;
      more = found.pageInfo.hasPreviousPage;
    }
    expect({ order, ids: backward }).toEqual({ order, ids: expected });
  }
}, 120_000);

test('a page deep in such a list is read from an index that begins there', async () => {
  await server.db.admin.query(
    `insert into ${acme.schemaName}.things (size, word) select nullif(i % 3000, 0), 'many' from generate_series(1, 6000) i`,
  );
  await server.db.admin.query(`analyze ${acme.schemaName}.things`);
  // A backend tells what it has read at the end of a transaction, once a second has passed.
  const read = async (): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const others = Array.from({ length: 4 }, () => acme.records('{ companies(first: 1) { nodes { id } } }'));
    await Promise.all([...others, server.db.admin.query('select 1')]);
    const { rows } = await server.db.admin.query<{ rows: number }>(
      `select (seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_user_tables where relid = $1::regclass`,
      [`${acme.schemaName}.things`],
    );
    return rows[0]!.rows;
  };
  const cursors: [Order[], string][] = [];
  for (const direction of ['ASC', 'DESC'] as const) {
    const order = [{ column: 'size', direction }];
    cursors.push([order, (await page(order, 'first: 1, offset: 3000, after: $cursor', null)).pageInfo.endCursor]);
  }
  const before = await read();
  expect(before).toBeGreaterThanOrEqual(6_000);
  for (const [order, cursor] of cursors)
    for (const part of ['first: 20, after: $cursor', 'last: 20, before: $cursor'])
      expect((await page(order, part, cursor)).nodes).toHaveLength(20);
  let rows = 0;
  for (let tries = 0; tries < 10 && rows < 80; tries++) rows = (await read()) - before;
  expect(rows).toBeGreaterThanOrEqual(80);
  expect(rows).toBeLessThan(200);
}, 60_000);
