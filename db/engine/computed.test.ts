import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  addRelation,
  createWorkspace,
  failure,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

// Formulas and rollups in tables: generated columns, triggers, and what changes of the model do to them.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

interface Shop {
  customers: string;
  orders: string;
  lines: string;
  lineRelation: string;
  customerRelation: string;
  fields: Record<string, string>;
}

/** Customers have orders, orders have lines. */
async function shop(client: pg.PoolClient): Promise<Shop> {
  const customers = await addObject(client, ws, { label_singular: 'Customer', label_plural: 'Customers' });
  const orders = await addObject(client, ws, { label_singular: 'Order', label_plural: 'Orders' });
  const lines = await addObject(client, ws, { label_singular: 'Line', label_plural: 'Lines' });
  const customer = await addRelation(client, orders, 'Customer', customers, { label: 'Orders' });
  const order = await addRelation(client, lines, 'Order', orders, { label: 'Lines', onDelete: 'CASCADE' });
  const fields = {
    rebate: await addField(client, customers, { label: 'Rebate', type: 'NUMBER' }),
    price: await addField(client, lines, { label: 'Price', type: 'CURRENCY' }),
    pieces: await addField(client, lines, { label: 'Pieces', type: 'NUMBER' }),
    kind: await addField(client, lines, {
      label: 'Kind',
      type: 'SELECT',
      options: [
        { value: 'GOODS', label: 'Goods' },
        { value: 'WORK', label: 'Work' },
      ],
    }),
    customer: customer.field,
    order: order.field,
  };
  await reconcile(client);
  await client.query(`set local search_path = ${ws.schema}, public`);
  return { customers, orders, lines, lineRelation: order.relation, customerRelation: customer.relation, fields };
}

const formula = (client: pg.PoolClient, object: string, label: string, expression: string) =>
  addField(client, object, { label, type: 'FORMULA', settings: { expression } });
const rollup = (client: pg.PoolClient, object: string, label: string, settings: Record<string, unknown>) =>
  addField(client, object, { label, type: 'ROLLUP', settings });

const one = async (client: pg.PoolClient, sql: string) => (await client.query<Record<string, unknown>>(sql)).rows[0]!;
const undone = async (client: pg.PoolClient) => {
  await reconcile(client);
  return statements(client as unknown as pg.Pool, ws);
};

test('a formula over its own record is computed, also for the records that were there', () =>
  db.inTransaction(async (client) => {
    const { lines } = await shop(client);
    await client.query(
      `insert into lines (name, price_amount_micros, price_currency_code, pieces) values ('a', 2000000, 'EUR', 3)`,
    );
    await formula(client, lines, 'Total', 'price * pieces');
    await formula(client, lines, 'Doubled', 'total * 2');
    await formula(client, lines, 'Note', 'upper(name) & ": " & text(total)');
    expect(await undone(client)).toEqual([]);
    await client.query(
      `insert into lines (name, price_amount_micros, price_currency_code, pieces) values ('b', 1000000, 'EUR', 1.5)`,
    );
    const { rows } = await client.query(
      'select name, total_amount_micros as total, total_currency_code as code, doubled_amount_micros as doubled, note from lines order by name',
    );
    expect(rows).toEqual([
      { name: 'a', total: '6000000', code: 'EUR', doubled: '12000000', note: 'A: 6.00 EUR' },
      { name: 'b', total: '1500000', code: 'EUR', doubled: '3000000', note: 'B: 1.50 EUR' },
    ]);
  }));

test('a formula over relations follows the record that it reads, two steps far', () =>
  db.inTransaction(async (client) => {
    const { orders, lines } = await shop(client);
    await client.query(`
      insert into customers (id, name, rebate) values ('0198c0de-0000-7000-8000-000000000001', 'Ann', 10), ('0198c0de-0000-7000-8000-000000000002', 'Bob', 20);
      insert into orders (id, name, customer_id) values ('0198c0de-0000-7000-8000-00000000000a', 'o1', '0198c0de-0000-7000-8000-000000000001');
      insert into lines (name, order_id, pieces) values ('l1', '0198c0de-0000-7000-8000-00000000000a', 5)`);
    await formula(client, lines, 'Who', 'order.customer.name & "/" & order.name');
    await formula(client, orders, 'Rate', 'customer.rebate / 100');
    await formula(client, lines, 'Reduced', 'pieces * order.rate');
    expect(await undone(client)).toEqual([]);
    const line = () => one(client, 'select who, reduced, updated_at = created_at as untouched from lines');
    expect(await line()).toEqual({ who: 'Ann/o1', reduced: 0.5, untouched: true });
    await client.query(`update customers set name = 'Anna', rebate = 30 where name = 'Ann'`);
    expect(await line()).toEqual({ who: 'Anna/o1', reduced: 1.5, untouched: true });
    await client.query(`update orders set customer_id = '0198c0de-0000-7000-8000-000000000002', name = 'o2'`);
    expect(await line()).toMatchObject({ who: 'Bob/o2', reduced: 1 });
    await client.query(`update lines set pieces = 10`);
    expect(await line()).toMatchObject({ who: 'Bob/o2', reduced: 2 });
    await client.query(`delete from customers where name = 'Bob'`);
    expect(await line()).toMatchObject({ who: '/o2', reduced: null });
    await client.query(`update lines set order_id = null`);
    expect(await line()).toMatchObject({ who: '/', reduced: null });
  }));

test('a formula may read records of its own object', () =>
  db.inTransaction(async (client) => {
    const { customers } = await shop(client);
    await addRelation(client, customers, 'Parent', customers, { label: 'Children' });
    await formula(client, customers, 'Path', 'parent.name & "/" & name');
    await formula(client, customers, 'Grandparent', 'parent.parent.name');
    expect(await undone(client)).toEqual([]);
    await client.query(`insert into customers (id, name) values ('0198c0de-0000-7000-8000-000000000001', 'a')`);
    await client.query(
      `insert into customers (id, name, parent_id) values ('0198c0de-0000-7000-8000-000000000002', 'b', '0198c0de-0000-7000-8000-000000000001')`,
    );
    await client.query(`insert into customers (name, parent_id) values ('c', '0198c0de-0000-7000-8000-000000000002')`);
    await client.query(`update customers set name = upper(name)`);
    const { rows } = await client.query('select path, grandparent from customers order by name');
    expect(rows).toEqual([
      { path: '/A', grandparent: null },
      { path: 'A/B', grandparent: null },
      { path: 'B/C', grandparent: 'A' },
    ]);
  }));

test('rollups count, add and list what points to a record', () =>
  db.inTransaction(async (client) => {
    const { customers, orders, lines, lineRelation, customerRelation, fields } = await shop(client);
    await client.query(`
      insert into orders (id, name) values ('0198c0de-0000-7000-8000-00000000000a', 'o1'), ('0198c0de-0000-7000-8000-00000000000b', 'o2');
      insert into lines (name, order_id, pieces, price_amount_micros, price_currency_code, kind) values
        ('l1', '0198c0de-0000-7000-8000-00000000000a', 5, 1000000, 'EUR', 'GOODS'), ('l2', '0198c0de-0000-7000-8000-00000000000a', 3, 2000000, 'EUR', 'WORK')`);
    const name = (await one(client, `select id from metadata.fields where object_id = '${lines}' and name = 'name'`))
      .id;
    const of = (aggregate: string, field?: string, more = {}) => ({
      relationId: lineRelation,
      aggregate,
      ...(field && { fieldId: field }),
      ...more,
    });
    const total = await formula(client, lines, 'Total', 'price * pieces');
    await rollup(client, orders, 'Number', of('COUNT'));
    await rollup(client, orders, 'Work', of('COUNT', undefined, { filter: 'kind = "WORK"' }));
    await rollup(client, orders, 'Pieces', of('SUM', fields.pieces));
    await rollup(client, orders, 'Average', of('AVG', fields.pieces));
    await rollup(client, orders, 'Dearest', of('MAX', fields.price));
    await rollup(client, orders, 'Total', of('SUM', total));
    await rollup(client, orders, 'Names', of('LIST', name as string, { orderFieldId: fields.pieces }));
    await rollup(client, orders, 'Newest', of('LAST', name as string, { orderFieldId: fields.pieces }));
    const rate = await formula(client, orders, 'Share', 'work / number');
    await rollup(client, customers, 'Orders share', { relationId: customerRelation, aggregate: 'SUM', fieldId: rate });
    expect(await undone(client)).toEqual([]);
    const order = (which = 'o1') =>
      one(
        client,
        `select number, work, orders.pieces, average, dearest_amount_micros::int as dearest, total_amount_micros::int as total, total_currency_code as code,
         names, newest, share from orders where name = '${which}'`,
      );
    const empty = {
      number: 0,
      work: 0,
      pieces: 0,
      average: null,
      dearest: null,
      total: null,
      code: null,
      names: null,
      newest: null,
      share: null,
    };
    expect(await order()).toEqual({
      number: 2,
      work: 1,
      pieces: 8,
      average: 4,
      dearest: 2000000,
      total: 11000000,
      code: 'EUR',
      names: ['l2', 'l1'],
      newest: 'l1',
      share: 0.5,
    });
    expect(await order('o2')).toEqual(empty);
    await client.query(
      `update lines set kind = 'WORK'; insert into lines (name, order_id, pieces) values ('l3', '0198c0de-0000-7000-8000-00000000000a', 1)`,
    );
    expect(await order()).toMatchObject({
      number: 3,
      work: 2,
      pieces: 9,
      average: 3,
      names: ['l3', 'l2', 'l1'],
      total: 11000000,
    });
    await client.query(`update lines set price_currency_code = 'USD' where name = 'l1'`);
    expect(await order()).toMatchObject({ dearest: null, total: null, code: null });
    await client.query(
      `insert into customers (id, name) values ('0198c0de-0000-7000-8000-000000000001', 'Ann'); update orders set customer_id = '0198c0de-0000-7000-8000-000000000001'`,
    );
    expect((await one(client, 'select orders_share::numeric(3, 2) as share from customers')).share).toBe('0.67');
    await client.query(`update lines set order_id = '0198c0de-0000-7000-8000-00000000000b' where name <> 'l1'`);
    expect(await order()).toMatchObject({ number: 1, names: ['l1'], code: 'USD' });
    expect(await order('o2')).toMatchObject({ number: 2, names: ['l3', 'l2'], code: 'EUR' });
    await client.query(`delete from lines where name = 'l1'`);
    expect(await order()).toEqual(empty);
    await client.query(`update orders set name = 'renamed' where name = 'o2'`);
    expect(await order('renamed')).toMatchObject({ number: 2 });
    // Deleting an order takes its lines along; both come back.
    await client.query(`delete from orders where name = 'renamed'`);
    expect((await one(client, 'select orders_share as share from customers')).share).toBe(0);
    await client.query(`select ${ws.schema}.restore_record('order', '0198c0de-0000-7000-8000-00000000000b')`);
    expect(await order('renamed')).toMatchObject({ number: 2, names: ['l3', 'l2'], total: 6000000 });
    expect((await one(client, 'select orders_share as share from customers')).share).toBe(0.5);
  }));

test('nobody writes to a computed field, and computing it is no change by anybody', () =>
  db.inTransaction(async (client) => {
    const { orders, lines, lineRelation } = await shop(client);
    await client.query(`insert into orders (id, name) values ('0198c0de-0000-7000-8000-00000000000a', 'o1')`);
    const events = async () =>
      (await client.query('select action, before, after from record_events order by batch, seq')).rows as {
        action: string;
        before: object | null;
        after: object | null;
      }[];
    const logged = (await events()).length;
    await rollup(client, orders, 'Number', { relationId: lineRelation, aggregate: 'COUNT' });
    await formula(client, orders, 'Twice', 'number * 2');
    await formula(client, lines, 'Long', 'length(name)');
    await reconcile(client);
    expect(await events()).toHaveLength(logged);
    await act(client, ws.adminRole);
    for (const sql of [
      'update orders set number = 7',
      'update orders set twice = 7',
      `insert into lines (name, long) values ('x', 1)`,
    ])
      expect((await failure(client, () => client.query(sql))).code).toMatch(/^(42501|428C9)$/);
    await client.query(`insert into lines (name, order_id) values ('l1', '0198c0de-0000-7000-8000-00000000000a')`);
    await client.query('reset role');
    expect(await one(client, 'select number, twice, updated_at = created_at as untouched from orders')).toEqual({
      number: 1,
      twice: 2,
      untouched: true,
    });
    const after = (await events()).slice(logged);
    expect(after.map((event) => event.action).sort()).toEqual(['created', 'updated']);
    expect(after.find((event) => event.action === 'updated')?.after).toMatchObject({ number: 1 });
    // Those that PostgreSQL generates when they are read follow from the others and are not logged.
    const created = after.find((event) => event.action === 'created')?.after ?? {};
    expect('long' in created ? (created as { long: unknown }).long : 2).toBe(2);
    await client.query('delete from lines');
    const trash = await one(client, `select data from trash`);
    expect((trash.data as { name: string }).name).toBe('l1');
    expect((trash.data as { long?: unknown }).long ?? 2).toBe(2);
  }));

test('formulas follow renames of fields, objects and relations', () =>
  db.inTransaction(async (client) => {
    const { customers, orders, lines, lineRelation, fields } = await shop(client);
    const who = await formula(client, lines, 'Who', 'order.customer.name & " " & pieces');
    await rollup(client, orders, 'Pieces', {
      relationId: lineRelation,
      aggregate: 'SUM',
      fieldId: fields.pieces,
      filter: 'kind = "WORK"',
    });
    await reconcile(client);
    await client.query(`update metadata.fields set name = 'amount' where id = $1`, [fields.pieces]);
    await client.query(`update metadata.fields set name = 'purchase' where id = $1`, [fields.order]);
    await client.query(`update metadata.fields set name = 'sort' where id = $1`, [fields.kind]);
    await client.query(`update metadata.objects set name_plural = 'buyers', name_singular = 'buyer' where id = $1`, [
      customers,
    ]);
    await client.query(
      `update metadata.objects set name_plural = 'purchases', name_singular = 'purchaseOrder' where id = $1`,
      [orders],
    );
    expect(await undone(client)).toEqual([]);
    const { rows } = await client.query('select settings from metadata.fields where id = $1', [who]);
    expect(rows[0]).toEqual({ settings: { expression: 'purchase.customer.name & " " & amount' } });
    await client.query(`
      insert into buyers (id, name) values ('0198c0de-0000-7000-8000-000000000001', 'Ann');
      insert into purchases (id, name, customer_id) values ('0198c0de-0000-7000-8000-00000000000a', 'o1', '0198c0de-0000-7000-8000-000000000001');
      insert into lines (name, purchase_id, amount, sort) values ('l1', '0198c0de-0000-7000-8000-00000000000a', 5, 'WORK');
      update buyers set name = 'Anna'`);
    expect(await one(client, 'select who, pieces from lines join purchases on purchases.id = purchase_id')).toEqual({
      who: 'Anna 5',
      pieces: 5,
    });
  }));

test('changing an expression computes anew; deleting and restoring a computed field, too', () =>
  db.inTransaction(async (client) => {
    const { orders, lines, lineRelation, fields } = await shop(client);
    await client.query(`
      insert into orders (id, name) values ('0198c0de-0000-7000-8000-00000000000a', 'o1');
      insert into lines (name, order_id, pieces) values ('l1', '0198c0de-0000-7000-8000-00000000000a', 5)`);
    const number = await rollup(client, orders, 'Number', { relationId: lineRelation, aggregate: 'COUNT' });
    const label = await formula(client, lines, 'Title', 'order.name & "!"');
    await reconcile(client);
    const change = (field: string, settings: object) =>
      client.query('update metadata.fields set settings = $2 where id = $1', [field, settings]);
    await change(number, { relationId: lineRelation, aggregate: 'SUM', fieldId: fields.pieces });
    await change(label, { expression: 'length(order.name)' });
    expect(await undone(client)).toEqual([]);
    expect(await one(client, 'select number, title from orders, lines')).toEqual({ number: 5, title: 2 });
    for (const field of [number, label]) await client.query('delete from metadata.fields where id = $1', [field]);
    expect(await undone(client)).toEqual([]);
    expect(
      await one(
        client,
        `select count(*)::int as n from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = '${ws.schema}'::regnamespace and tgname ~ '^_(150|400)'`,
      ),
    ).toEqual({ n: 0 });
    await client.query('update lines set pieces = 8');
    await client.query('update metadata.fields set deleted_at = null where id = any ($1)', [[number, label]]);
    expect(await undone(client)).toEqual([]);
    expect(await one(client, 'select number, title from orders, lines')).toEqual({ number: 8, title: 2 });
  }));

test('circles, and changes that a formula does not allow, are refused', () =>
  db.inTransaction(async (client) => {
    const { orders, lines, lineRelation, fields } = await shop(client);
    const total = await formula(client, lines, 'Total', 'price * pieces');
    const doubled = await formula(client, lines, 'Doubled', 'total * 2');
    const sum = await rollup(client, orders, 'Sum', { relationId: lineRelation, aggregate: 'SUM', fieldId: doubled });
    const set = (field: string, settings: object) => () =>
      client.query('update metadata.fields set settings = $2 where id = $1', [field, settings]);
    expect(await failure(client, set(total, { expression: 'order.sum + 1' }))).toMatchObject({
      code: 'RV056',
      message: 'The field "Total" would be computed from itself: Total → Sum → Doubled → Total.',
    });
    expect(await failure(client, set(total, { expression: 'total + 1' }))).toMatchObject({ code: 'RV056' });
    expect(
      await failure(client, () => client.query('delete from metadata.fields where id = $1', [fields.pieces])),
    ).toMatchObject({
      code: 'RV061',
    });
    expect(await failure(client, set(total, { expression: 'name' }))).toMatchObject({ code: 'RV058' });
    expect(await failure(client, set(sum, { relationId: lineRelation, aggregate: 'SUM' }))).toMatchObject({
      code: 'RV057',
    });
    expect(await failure(client, set(sum, { relationId: lineRelation, aggregate: 'DROP TABLE' }))).toMatchObject({
      code: 'RV084',
    });
    expect(await failure(client, set(sum, { aggregate: 'COUNT' }))).toMatchObject({ code: 'RV057' });
    expect(
      await failure(client, () =>
        client.query(`update metadata.fields set options = '[{"value":"GOODS","label":"Goods"}]' where id = $1`, [
          fields.kind,
        ]),
      ).catch(() => 'allowed'),
    ).toBe('allowed');
    await formula(client, lines, 'Is work', 'kind = "GOODS"');
    expect(
      await failure(client, () =>
        client.query(`update metadata.fields set options = '[{"value":"WORK","label":"Work"}]' where id = $1`, [
          fields.kind,
        ]),
      ),
    ).toMatchObject({ code: 'RV061' });
  }));

test('defaults may be computed', () =>
  db.inTransaction(async (client) => {
    const { orders } = await shop(client);
    await addField(client, orders, { label: 'Due', type: 'DATE', default_value: { expression: 'today() + 30' } });
    await addField(client, orders, {
      label: 'Since',
      type: 'DATE_TIME',
      default_value: { expression: 'startOf(now(), "month")' },
    });
    await addField(client, orders, { label: 'Points', type: 'NUMBER', default_value: { expression: '2 ^ 3' } });
    await addField(client, orders, {
      label: 'Mark',
      type: 'TEXT',
      default_value: { expression: '"in " & year(today())' },
    });
    expect(await undone(client)).toEqual([]);
    await client.query(`insert into orders (name) values ('o')`);
    expect(
      await one(
        client,
        `select due - (now() at time zone 'UTC')::date as due, since = date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' as since, points, mark = 'in ' || extract(year from now() at time zone 'UTC') as mark from orders`,
      ),
    ).toEqual({ due: 30, since: true, points: 8, mark: true });
    const bad = (type: string, expression: string) =>
      failure(client, () => addField(client, orders, { label: 'Bad', type, default_value: { expression } }));
    expect(await bad('DATE', '"x"')).toMatchObject({ code: 'RV053' });
    expect(await bad('DATE', 'name')).toMatchObject({ code: 'RV055' });
    expect(await bad('TEXT', '1 +')).toMatchObject({ code: 'RV050' });
  }));

test('the screen is told the type, some values, or where a formula is wrong', () =>
  db.inTransaction(async (client) => {
    const { lines } = await shop(client);
    await client.query(
      `insert into lines (name, pieces, price_amount_micros, price_currency_code) values ('l1', 5, 3000000, 'EUR')`,
    );
    await act(client, ws.adminRole);
    const check = async (expression: string, context = 'FORMULA') =>
      (
        await client.query<{ answer: object }>('select metadata.check_formula($1, $2, $3) as answer', [
          lines,
          expression,
          context,
        ])
      ).rows[0]!.answer;
    expect(await check('price * pieces')).toMatchObject({
      ok: true,
      resultType: 'CURRENCY',
      text: 'price * pieces',
      samples: [{ label: 'l1', value: { amountMicros: 15000000, currencyCode: 'EUR' } }],
    });
    expect(await check('pieces * 2')).toMatchObject({ samples: [{ value: 10 }] });
    expect(await check('order.name & "x"')).toMatchObject({ samples: [{ value: 'x' }] });
    expect(await check('pieces * nme')).toEqual({
      ok: false,
      error: {
        code: 'RV051',
        message: 'There is no field "nme" in Lines.',
        hint: 'Did you mean "name"?',
        position: 10,
        token: 'nme',
      },
    });
    expect(await check('today() + 1', 'DEFAULT')).toMatchObject({ ok: true, resultType: 'DATE', samples: [] });
  }));
