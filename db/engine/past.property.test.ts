import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, addRelation, createWorkspace, reconcile, type Workspace } from '../testing/workspace.ts';

// Random changes of clients, their visits (which go with them) and letters (which stay), of the names and types of
// fields in between: each moment is remembered as it was, and asked for in the end.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  await db.admin.query(
    `alter database ${new URL(db.adminUrl).pathname.slice(1)} set search_path = ${ws.schema}, public`,
  );
});

/** mulberry32: the same numbers in each run. */
function dice(seed: number) {
  let state = seed;
  const roll = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { roll, pick: <T>(list: readonly T[]): T => list[Math.floor(roll() * list.length)]! };
}

const run = async (sql: string, values: unknown[] = []) => (await db.admin.query(sql, values)).rows;

interface Shop {
  prefix: string;
  tables: string[];
  /** What the columns are called now, by what they are called here. */
  names: Map<string, string>;
  note: string;
}

async function shop(prefix: string): Promise<Shop> {
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    const object = async (name: string) =>
      addObject(client, ws, { label_singular: `${prefix} ${name}`, label_plural: `${prefix} ${name}s` });
    const clients = await object('client');
    const visits = await object('visit');
    const letters = await object('letter');
    const note = await addField(client, clients, { label: 'Note', type: 'TEXT' });
    await addField(client, clients, { label: 'Size', type: 'NUMBER' });
    await addField(client, clients, { label: 'Loud', type: 'FORMULA', settings: { expression: 'upper(name)' } });
    await addRelation(client, visits, 'Client', clients, { label: 'Visits', onDelete: 'CASCADE' });
    await addRelation(client, letters, 'Client', clients, { label: 'Letters' });
    await addRelation(client, clients, 'Parent', clients, { label: 'Children' });
    await reconcile(client);
    await client.query('commit');
    return {
      prefix,
      tables: ['clients', 'visits', 'letters'].map((table) => `${prefix.toLowerCase()}_${table}`),
      names: new Map(),
      note,
    };
  } finally {
    client.release(true);
  }
}

/** What stands in a table, or stood, under the names that the columns had first. */
async function rows({ names }: Shop, from: string, except: string[] = []) {
  const found = await run(`select to_jsonb(t) as row from ${from} t order by t.id`);
  return found.map(({ row }) => {
    const renamed: Record<string, unknown> = { ...row };
    for (const [first, now] of names)
      if (now in row) {
        renamed[first] = row[now];
        delete renamed[now];
      }
    for (const column of ['search_vector', ...except]) delete renamed[column];
    return renamed;
  });
}

const CASES = Number(process.env.RELVAR_PAST_CASES ?? 3);
const STEPS = 30;

test.each(Array.from({ length: CASES }, (_, i) => i + 1))(
  'moments are what they were, and all that was done is taken back, latest first (seed %i)',
  async (seed) => {
    const d = dice(seed);
    const made = await shop(`Shop${seed}`);
    const [clients, visits, letters] = made.tables as [string, string, string];
    const singular = (table: string) =>
      `shop${seed}${table
        .split('_')[1]!
        .replace(/^./, (c) => c.toUpperCase())
        .slice(0, -1)}`;
    const column = (name: string) => made.names.get(name) ?? name;
    const some = (table: string) =>
      `(select id from ${table} order by md5(id::text || ${Math.floor(d.roll() * 1000)}) limit 1)`;
    // What is as it was before is no change.
    const link = (table: string, by: string) =>
      run(
        `update ${table} t set ${by} = x.id from ${some(clients)} x where t.id = ${some(table)} and t.${by} is distinct from x.id`,
      );
    const steps: (() => Promise<unknown>)[] = [
      () =>
        run(
          `insert into ${clients} (name, ${column('note')}, size) select 'c' || n, 'n' || n, n from generate_series(1, 3) n`,
        ),
      () =>
        run(`insert into ${visits} (name, client_id) select 'v' || n, ${some(clients)} from generate_series(1, 3) n`),
      () =>
        run(`insert into ${letters} (name, client_id) select 'l' || n, ${some(clients)} from generate_series(1, 3) n`),
      () =>
        run(`update ${clients} set ${column('note')} = $1, size = size + 1 where id = ${some(clients)}`, [
          `${d.roll()}`,
        ]),
      () => run(`update ${clients} set ${column('note')} = null, name = name || '!' where size::int % 2 = 0`),
      () => link(clients, 'parent_id'),
      () => link(letters, 'client_id'),
      () => link(visits, 'client_id'),
      () => run(`delete from ${clients} where id = ${some(clients)}`),
      () => run(`delete from ${letters} where id = ${some(letters)}`),
      async () => {
        for (const table of made.tables) {
          const [found] = await run(
            `select t.record_id from trash t join metadata.objects o on o.id = t.object_id where o.table_name = $1 order by md5(t.id::text) limit 1`,
            [table],
          );
          if (found) await run('select restore_record($1, $2)', [singular(table), found.record_id]);
        }
      },
    ];
    const rename = async () => {
      const now = `note${Math.floor(d.roll() * 1000)}`;
      await run(`update metadata.fields set name = $2 where id = $1`, [made.note, now]);
      made.names.set('note', now);
    };
    const begin = (await run('select coalesce(max(batch), 0) as batch from record_events'))[0].batch;
    const moments: { at: string; was: unknown[][] }[] = [];
    for (let i = 0; i < STEPS; i += 1) {
      await (i % 13 === 12 ? rename() : steps[i < 3 ? i : Math.floor(d.roll() * steps.length)]!());
      const was = [];
      for (const table of made.tables) was.push(await rows(made, table));
      moments.push({ at: (await run('select clock_timestamp()::text as at'))[0].at, was });
    }
    for (const { at, was } of moments)
      for (const [i, table] of made.tables.entries())
        expect(await rows(made, `as_of(null::${table}, '${at}')`)).toEqual(was[i]);

    const transactions = await run(
      'select transaction_id::text as id from record_events where batch > $1 group by 1 order by max(batch) desc',
      [begin],
    );
    for (const { id } of transactions) await run(`select revert(transaction_id => $1)`, [id]);
    for (const table of made.tables) expect(await rows(made, table)).toEqual([]);
  },
  120_000,
);
