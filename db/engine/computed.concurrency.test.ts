import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, addRelation, createWorkspace, type Workspace } from '../testing/workspace.ts';

// Computed values under many writers at a time, and under random work: they always equal what a
// fresh look at the records gives.
const db = useDatabase();
let ws: Workspace;
let pool: pg.Pool;
const parents = Array.from({ length: 5 }, (_, i) => `0198c0de-0000-7000-8000-00000000000${i}`);

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const client = await db.admin.connect();
  await client.query('begin');
  const orders = await addObject(client, ws, { label_singular: 'Order', label_plural: 'Orders' });
  const lines = await addObject(client, ws, { label_singular: 'Line', label_plural: 'Lines' });
  const { relation } = await addRelation(client, lines, 'Order', orders, { label: 'Lines', onDelete: 'CASCADE' });
  const size = await addField(client, lines, { label: 'Size', type: 'NUMBER' });
  const price = await addField(client, lines, { label: 'Price', type: 'CURRENCY' });
  const rollup = (label: string, settings: object) =>
    addField(client, orders, { label, type: 'ROLLUP', settings: { relationId: relation, ...settings } });
  await rollup('Number', { aggregate: 'COUNT' });
  await rollup('Total', { aggregate: 'SUM', fieldId: size });
  await rollup('Biggest', { aggregate: 'MAX', fieldId: size, filter: 'size < 90' });
  await rollup('Mean', { aggregate: 'AVG', fieldId: size });
  await rollup('Sizes', { aggregate: 'LIST', fieldId: size, orderFieldId: size });
  await rollup('Worth', { aggregate: 'SUM', fieldId: price });
  await addField(client, lines, {
    label: 'Full name',
    type: 'FORMULA',
    settings: { expression: 'order.name & "/" & size' },
  });
  await client.query('commit');
  await client.query(`insert into ${ws.schema}.orders (id, name) select id, 'o' from unnest($1::uuid[]) id`, [parents]);
  client.release();
  pool = new pg.Pool({
    connectionString: db.adminUrl,
    max: 8,
    options: `-c search_path=${ws.schema} -c deadlock_timeout=30ms`,
  });
  // The database may be dropped while a connection that is closed is still saying so.
  pool.on('error', () => {});
  db.onEnd(() => pool.end());
});

/** Orders whose rollups, or lines whose names, are not what they should be: what is, and what should be. */
async function wrong(of: pg.Pool | pg.PoolClient = pool) {
  const { rows } = await of.query(`
    select to_jsonb(o) as is, to_jsonb(a) as should
    from (select id, number, total, biggest, mean, sizes, worth_amount_micros, worth_currency_code from orders) o
    cross join lateral (
      select o.id, count(l.id)::float8 as number, coalesce(sum(size::numeric), 0)::float8 as total, max(size) filter (where size < 90) as biggest,
        avg(size::numeric)::float8 as mean, (array_agg(trim_scale(size::numeric)::text order by size, l.id) filter (where size is not null))[1:100] as sizes,
        case when p.currencies <= 1 then sum(price_amount_micros)::bigint end as worth_amount_micros,
        case when p.currencies <= 1 then p.currency end as worth_currency_code
      from (
        -- A currency without an amount is no money.
        select count(distinct price_currency_code) as currencies, min(price_currency_code) as currency
        from lines where order_id = o.id and price_amount_micros is not null
      ) p
      left join lines l on l.order_id = o.id
      group by p.currencies, p.currency
    ) a
    where to_jsonb(o) is distinct from to_jsonb(a)`);
  const names = await of.query(
    `select l.id, l.full_name as is, concat(o.name, '/', trim_scale(l.size::numeric)) as should from lines l left join orders o on o.id = l.order_id
     where l.full_name is distinct from concat(o.name, '/', trim_scale(l.size::numeric))`,
  );
  return [...rows, ...names.rows];
}

const random = (n: number) => Math.floor(Math.random() * n);
const anyOrder = () => parents[random(parents.length)]!;
const someLines = `select id from lines order by random() limit ${2}`;
const work: (() => [string, unknown[]])[] = [
  () => [
    `insert into lines (order_id, size, price_amount_micros, price_currency_code) select $1, $2 + i, 1000000 * i, case when $2 > 95 then 'USD' else 'EUR' end from generate_series(1, 3) i`,
    [anyOrder(), random(100)],
  ],
  () => [`update lines set order_id = $1 where id in (${someLines})`, [anyOrder()]],
  () => [`update lines set size = $1 where id in (${someLines})`, [random(100)]],
  () => [`update lines set order_id = null where id in (select id from lines order by random() limit 1)`, []],
  () => [`delete from lines where id in (${someLines})`, []],
];
const renames: (() => [string, unknown[]])[] = [
  () => [`update orders set name = $2 where id = $1`, [anyOrder(), `n${random(1000)}`]],
];

/** Runs a transaction of several statements, again when PostgreSQL says that it met another. Returns how often. */
async function transact(isolation: string, kinds: typeof work) {
  for (let attempt = 1; ; attempt++) {
    const client = await pool.connect();
    try {
      await client.query(`begin isolation level ${isolation}`);
      for (let i = 0; i < 1 + random(2); i++) await client.query(...kinds[random(kinds.length)]!());
      await client.query('commit');
      return attempt;
    } catch (error) {
      await client.query('rollback');
      if (!['40001', '40P01'].includes((error as pg.DatabaseError).code ?? '')) throw error;
    } finally {
      client.release();
    }
  }
}

test.each([
  ['read committed', work],
  ['repeatable read', work],
  ['read committed', [...work, ...renames]],
  ['serializable', [...work, ...renames]],
])(
  'eight writers in %s (%#) leave computed values exact',
  async (isolation, kinds) => {
    const attempts = await Promise.all(
      Array.from({ length: 8 }, async () => {
        let count = 0;
        for (let i = 0; i < 8; i++) count += await transact(isolation, kinds);
        return count;
      }),
    );
    expect(await wrong()).toEqual([]);
    expect(Math.min(...attempts)).toBeGreaterThanOrEqual(8);
  },
  120_000,
);

test('writers of different isolation levels leave them exact, too', async () => {
  await Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 8; i++)
        await transact(writer % 2 ? 'read committed' : 'repeatable read', writer % 2 ? [...work, ...renames] : work);
    }),
  );
  expect(await wrong()).toEqual([]);
}, 120_000);

test('a record that is linked while the other one changes gets the value that stays', async () => {
  const [writer, reader] = [await pool.connect(), await pool.connect()];
  await writer.query('begin');
  await writer.query(`update orders set name = 'new' where id = $1`, [parents[0]]);
  const linked = reader.query(`insert into lines (order_id, size) values ($1, 1) returning full_name`, [parents[0]]);
  expect(await Promise.race([linked, new Promise((resolve) => setTimeout(() => resolve('waits'), 300))])).toBe('waits');
  await writer.query('commit');
  expect((await linked).rows).toEqual([{ full_name: 'new/1' }]);
  await reader.query('begin');
  await reader.query(`insert into lines (order_id, size) values ($1, 2)`, [parents[0]]);
  const renamed = writer.query(`update orders set name = 'newer' where id = $1`, [parents[0]]);
  expect(await Promise.race([renamed, new Promise((resolve) => setTimeout(() => resolve('waits'), 300))])).toBe(
    'waits',
  );
  await reader.query('commit');
  await renamed;
  writer.release();
  reader.release();
  expect(await wrong()).toEqual([]);
});

test('a transaction that cannot see the other’s records is stopped rather than wrong', async () => {
  const [old, other] = [await pool.connect(), await pool.connect()];
  await pool.query(
    `delete from lines; insert into lines (order_id, size) values ($1, 5), ($1, 4)`.replaceAll('$1', `'${parents[0]}'`),
  );
  await old.query('begin isolation level repeatable read');
  await old.query('select count(*) from lines');
  // The greatest stays 5, so the parent looks the same afterwards.
  await other.query('delete from lines where size = 4');
  const attempt = old.query('delete from lines where size = 5').catch((error: pg.DatabaseError) => error.code);
  expect(await attempt).toBe('40001');
  await old.query('rollback');
  old.release();
  other.release();
  expect(await wrong()).toEqual([]);
});

test.each<[string, string, (string | number | null)[]]>([
  ['a currency without an amount is no money', `(null, 'USD'), (5, 'EUR')`, ['5', 'EUR']],
  ['an amount without a currency takes that of the others', `(1, null), (5, 'EUR')`, ['6', 'EUR']],
  ['amounts in two currencies have no sum', `(1, 'USD'), (5, 'EUR')`, [null, null]],
  ['a currency alone gives no sum', `(null, 'USD')`, [null, null]],
])('%s', async (_, lines, worth) => {
  const client = await pool.connect();
  try {
    await client.query(`begin; delete from lines;
      insert into lines (order_id, price_amount_micros, price_currency_code)
      select '${parents[0]}', amount::bigint, currency from (values ${lines}) v (amount, currency)`);
    const { rows } = await client.query({
      text: 'select worth_amount_micros, worth_currency_code from orders where id = $1',
      values: [parents[0]],
      rowMode: 'array',
    });
    expect(rows).toEqual([worth]);
    expect(await wrong(client)).toEqual([]);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

const runs = Number(process.env.RELVAR_TEST_RUNS ?? 25);
test(
  'any sequence of statements leaves them exact',
  async () => {
    const order = fc.option(fc.constantFrom(...parents), { nil: null });
    const size = fc.option(fc.oneof(fc.integer({ min: -5, max: 120 }), fc.constantFrom(0.1, 1e15, -0.3)), {
      nil: null,
    });
    const some = fc.integer({ min: 0, max: 3 });
    const amount = fc.constantFrom(null, 0, 5, -7_000_001, 9_000_000_000_000);
    const currency = fc.constantFrom(null, 'EUR', 'USD');
    const statement = fc.oneof(
      fc
        .tuple(order, size, some, amount, currency)
        .map(
          ([o, s, n, a, c]) =>
            [
              `insert into lines (order_id, size, price_amount_micros, price_currency_code) select $1, $2, $4, $5 from generate_series(1, $3)`,
              [o, s, n, a, c],
            ] as const,
        ),
      fc
        .tuple(order, size, some)
        .map(
          ([o, s, n]) =>
            [
              `update lines set order_id = $1, size = $2 where id in (select id from lines order by id limit $3)`,
              [o, s, n],
            ] as const,
        ),
      fc
        .tuple(size, some, currency)
        .map(
          ([s, n, c]) =>
            [
              `update lines set size = $1, price_currency_code = $3 where id in (select id from lines order by id desc limit $2)`,
              [s, n, c],
            ] as const,
        ),
      fc
        .tuple(amount, currency, some)
        .map(
          ([a, c, n]) =>
            [
              `update lines set price_amount_micros = $1, price_currency_code = $2 where id in (select id from lines order by id limit $3)`,
              [a, c, n],
            ] as const,
        ),
      fc
        .tuple(some)
        .map(([n]) => [`delete from lines where id in (select id from lines order by id limit $1)`, [n]] as const),
      fc
        .tuple(fc.constantFrom(...parents), fc.string())
        .map(([o, name]) => [`update orders set name = $2 where id = $1`, [o, name]] as const),
      fc.tuple(fc.constantFrom(...parents)).map(([o]) => [`delete from orders where id = $1`, [o]] as const),
      fc.tuple(fc.constantFrom(...parents)).map(([o]) => [`select restore_record('order', $1)`, [o]] as const),
      fc
        .tuple(fc.constantFrom(...parents))
        .map(
          ([o]) =>
            [
              `insert into orders (id, name) select $1, 'again' where not exists (select from orders where id = $1) on conflict do nothing`,
              [o],
            ] as const,
        ),
      fc
        .tuple(order, order)
        .map(
          ([from, to]) =>
            [
              `with gone as (delete from lines where order_id = $1 returning 1) update lines set order_id = $2 where order_id is null`,
              [from, to],
            ] as const,
        ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(statement, { maxLength: 12 }), async (all) => {
        const client = await pool.connect();
        try {
          await client.query('begin; delete from lines');
          for (const [sql, values] of all) {
            await client.query('savepoint s');
            // Pointing to an order that is gone is refused; nothing else is.
            await client.query(sql, [...values]).catch(async (error: pg.DatabaseError) => {
              expect(['23503', 'RV013', 'RV014']).toContain(error.code);
              await client.query('rollback to s');
            });
          }
          expect(await wrong(client)).toEqual([]);
        } finally {
          await client.query('rollback');
          client.release();
        }
      }),
      { seed: Number(process.env.RELVAR_TEST_SEED ?? 1), numRuns: runs },
    );
  },
  60_000 + runs * 2_000,
);
