import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  addRelation,
  insert,
  createWorkspace,
  failure,
  objectNamed,
  plan,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

const labels = { label_singular: 'Sales order', label_plural: 'Sales orders' };

const privileges = async (client: Parameters<typeof act>[0], table: string, role: string) =>
  (
    await client.query<{ right: string }>(
      `select r as right from unnest('{select,delete}'::text[]) r where has_table_privilege($2, $1, r)
       union all select r from unnest('{insert,update}'::text[]) r where has_any_column_privilege($2, $1, r) order by 1`,
      [`${ws.schema}.${table}`, role],
    )
  ).rows.map((row) => row.right);

test('a workspace is created whole, and its plan is empty', async () => {
  expect(await statements(db.admin, ws)).toEqual([]);
  const { rows } = await db.admin.query('select * from engine.lint()');
  expect(rows).toEqual([]);
});

test('an object is a table with its system columns, keys, triggers, policies and grants', () =>
  db.inTransaction(async (client) => {
    await addObject(client, ws, labels);
    await reconcile(client);
    const table = `${ws.schema}.sales_orders`;
    const { rows } = await client.query(
      `select relrowsecurity and relforcerowsecurity as forced, relowner::regrole::text as owner,
              obj_description(oid) as comment, (select count(*)::int from pg_trigger t where t.tgrelid = c.oid and not tgisinternal) as triggers
         from pg_class c where oid = $1::regclass`,
      [table],
    );
    expect(rows[0]).toMatchObject({ forced: true, owner: 'relvar_owner', triggers: 5 });
    expect(rows[0].comment).toMatch(
      /^@relvar \S+\n@singular salesOrder\n@plural salesOrders\n@labelColumn name\nSales orders$/,
    );
    expect(await privileges(client, 'sales_orders', ws.memberRole)).toEqual(['delete', 'insert', 'select', 'update']);
    expect(await statements(client, ws)).toEqual([]);
    await act(client, ws.memberRole);
    await client.query(`insert into sales_orders (name) values ('one')`);
  }));

test('a member who may manage the model creates an object and fields by function', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const { rows } = await client.query(`select * from metadata.create_object('Projekt ✨', 'Projekte ✨')`);
    const object = rows[0];
    expect(object).toMatchObject({ name_singular: 'projekt', name_plural: 'projekte', table_name: 'projekte' });
    expect(object.label_field_id).toBeTruthy();
    const company = await objectNamed(client, ws, 'company');
    await client.query(`select metadata.create_field($1, 'Budget', 'CURRENCY')`, [object.id]);
    await client.query(
      `select metadata.create_field(object_id => $1, label => 'Customer', type => 'RELATION', target_object_id => $2)`,
      [object.id, company],
    );
    await reconcile(client);
    await client.query(`insert into projekte (name, budget_amount_micros, customer_id)
      values ('a', 1, (select id from companies limit 1))`);
    const model = (await client.query('select metadata.model() as model')).rows[0].model;
    const found = model.objects.find((o: { nameSingular: string }) => o.nameSingular === 'projekt');
    expect(found.fields.map((f: { name: string }) => f.name)).toEqual(
      expect.arrayContaining(['name', 'budget', 'customer', 'createdBy']),
    );
    expect(found.fields.find((f: { name: string }) => f.name === 'customer').relations).toMatchObject([
      {
        targetObjectId: company,
        name: 'customer',
        column: 'customer_id',
        columnName: 'customerId',
        inverseName: 'projekte',
        onDelete: 'SET_NULL',
      },
    ]);
    await client.query('reset role');
    expect(await statements(client, ws)).toEqual([]);
  }));

test('renaming keeps the records, and what hangs on the table follows', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    const company = await objectNamed(client, ws, 'company');
    await addField(client, id, { label: 'Number', type: 'TEXT', is_unique: true });
    await addField(client, id, { label: 'State', type: 'SELECT', options: [{ value: 'A', label: 'A' }] });
    await addRelation(client, id, 'Customer', company, { label: 'Orders' });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.sales_orders (name, number) values ('kept', '1')`);
    await client.query(
      `update metadata.objects set name_singular = 'invoice', name_plural = 'invoices', label_plural = 'Invoices' where id = $1`,
      [id],
    );
    await reconcile(client);
    expect((await client.query(`select name from ${ws.schema}.invoices`)).rows).toEqual([{ name: 'kept' }]);
    const { rows } = await client.query(
      `select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = '${ws.schema}.invoices'::regclass
       union all select conname from pg_constraint where conrelid = '${ws.schema}.invoices'::regclass and contype <> 'n'`,
    );
    expect(rows.filter((row) => !row.name.startsWith('invoices_'))).toEqual([]);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`update ${ws.schema}.invoices set name = 'changed'`);
  }));

test('two objects change names with each other', () =>
  db.inTransaction(async (client) => {
    const a = await addObject(client, ws, { label_singular: 'Alpha', label_plural: 'Alphas' });
    const b = await addObject(client, ws, { label_singular: 'Beta', label_plural: 'Betas' });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.alphas (name) values ('was alpha')`);
    const rename = (id: string, singular: string) =>
      client.query('update metadata.objects set name_singular = $2, name_plural = $3 where id = $1', [
        id,
        singular,
        `${singular}s`,
      ]);
    await rename(a, 'gamma');
    await rename(b, 'alpha');
    await rename(a, 'beta');
    await reconcile(client);
    expect((await client.query(`select name from ${ws.schema}.betas`)).rows).toEqual([{ name: 'was alpha' }]);
    expect((await client.query(`select name from ${ws.schema}.alphas`)).rows).toEqual([]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('deactivating takes the grants and leaves the data; reactivating brings them back', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.sales_orders (name) values ('kept')`);
    const before = await privileges(client, 'sales_orders', ws.memberRole);

    await client.query('update metadata.objects set is_active = false where id = $1', [id]);
    await reconcile(client);
    for (const role of [ws.adminRole, ws.memberRole])
      expect(await privileges(client, 'sales_orders', role)).toEqual([]);
    expect(
      (await client.query(`select obj_description('${ws.schema}.sales_orders'::regclass) as c`)).rows[0].c,
    ).toContain('@behavior -*');
    expect(await statements(client, ws)).toEqual([]);

    await client.query('update metadata.objects set is_active = true where id = $1', [id]);
    await reconcile(client);
    expect(await privileges(client, 'sales_orders', ws.memberRole)).toEqual(before);
    expect((await client.query(`select name from ${ws.schema}.sales_orders`)).rows).toEqual([{ name: 'kept' }]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('deleting an object hides its table and the relations that point to it; restoring brings all back; deleting twice drops them', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    const line = await addObject(client, ws, { label_singular: 'Line', label_plural: 'Lines' });
    const company = await objectNamed(client, ws, 'company');
    await addRelation(client, line, 'Order', id, { label: 'Lines', onDelete: 'CASCADE' });
    await addRelation(client, id, 'Customer', company, { label: 'Orders' });
    await reconcile(client);
    const order = await insert(client, `${ws.schema}.sales_orders`, { name: 'first' });
    await client.query(`insert into ${ws.schema}.lines (name, order_id) values ('kept', $1)`, [order]);

    const fieldsOfLine = async () =>
      (
        await client.query(
          'select name from metadata.fields where object_id = $1 and not is_system and deleted_at is null order by name',
          [line],
        )
      ).rows.map((row) => row.name);
    const erase = async () => {
      await client.query('delete from metadata.objects where id = $1', [id]);
      await reconcile(client);
      expect(await statements(client, ws)).toEqual([]);
    };
    await erase();
    expect(await fieldsOfLine()).toEqual(['name']);
    expect((await client.query(`select to_regclass('${ws.schema}.sales_orders') as t`)).rows[0].t).toBeNull();
    await client.query(`insert into ${ws.schema}.lines (name) values ('x')`);

    await client.query('update metadata.objects set deleted_at = null where id = $1', [id]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await fieldsOfLine()).toEqual(['name', 'order']);
    expect((await client.query(`select order_id from ${ws.schema}.lines where name = 'kept'`)).rows).toEqual([
      { order_id: order },
    ]);

    await erase();
    await erase();
    expect((await client.query('select 1 from metadata.objects where id = $1', [id])).rowCount).toBe(0);
    expect(
      (await client.query('select 1 from metadata.fields where object_id = $1 and deleted_at is not null', [line]))
        .rowCount,
    ).toBe(0);
  }));

test('ten changes of metadata are one reconciliation and one step of the version', async () => {
  const versionOf = async () =>
    Number(
      (await db.admin.query('select model_version from core.workspaces where id = $1', [ws.id])).rows[0].model_version,
    );
  const before = await versionOf();
  const listener = await db.admin.connect();
  const notices: string[] = [];
  listener.on('notification', (notice) => notices.push(notice.payload!));
  await listener.query('listen relvar_model');
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    const id = await addObject(client, ws, { label_singular: 'Ten', label_plural: 'Tens' });
    for (let i = 0; i < 10; i++) await addField(client, id, { label: `Field ${i}`, type: 'TEXT' });
    expect((await client.query(`select to_regclass('${ws.schema}.tens') as t`)).rows[0].t).toBeNull();
    await client.query('commit');
  } finally {
    client.release();
  }
  await listener.query('select 1');
  expect(notices.map((notice) => JSON.parse(notice))).toEqual([
    { workspace: ws.id, version: before + 1, shape: expect.stringMatching(/^[0-9a-f]{32}$/) },
  ]);
  listener.release(true);
  expect(await versionOf()).toBe(before + 1);
  expect(await statements(db.admin, ws)).toEqual([]);
  await db.admin.query(`delete from metadata.objects where name_singular = 'ten'`);
});

test('a dry run: the plan says what would be done, and rolling back leaves no trace', async () => {
  const before = await db.admin.query(`select shape, model_version from core.workspaces`);
  await db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    await addField(client, id, { label: 'Amount', type: 'CURRENCY' });
    const steps = await plan(client, ws);
    expect(steps.map((step) => step.kind)).toEqual(
      expect.arrayContaining(['table', 'constraint', 'index', 'rls', 'policy', 'trigger', 'grant', 'comment']),
    );
    expect(steps.find((step) => step.kind === 'table')!.statement).toMatch(
      new RegExp(`^create table ${ws.schema}\\.sales_orders \\(id uuid`),
    );
  });
  expect(await db.admin.query(`select shape, model_version from core.workspaces`)).toMatchObject({ rows: before.rows });
  expect((await db.admin.query(`select to_regclass('${ws.schema}.sales_orders') as t`)).rows[0].t).toBeNull();
  expect(await statements(db.admin, ws)).toEqual([]);
});

test('the plan names the lock, and the rewrite, of what it would do', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    const field = await addField(client, id, { label: 'Amount', type: 'NUMBER' });
    await reconcile(client);
    await client.query(`update metadata.fields set settings = '{"dataType": "bigint"}', name = 'sum' where id = $1`, [
      field,
    ]);
    const steps = await plan(client, ws);
    expect(steps.filter((step) => step.kind === 'column')).toMatchObject([
      {
        statement: `alter table ${ws.schema}.sales_orders rename column amount to sum`,
        lock_level: 'AccessExclusive',
        rewrites: false,
      },
      {
        statement: `alter table ${ws.schema}.sales_orders alter column sum type bigint using sum::bigint`,
        rewrites: true,
      },
    ]);
    await client.query('delete from metadata.fields where id = $1', [field]);
    await client.query('delete from metadata.fields where id = $1', [field]);
    expect((await plan(client, ws)).find((step) => step.kind === 'column')!.note).toBe(
      'The column and its data are dropped.',
    );
  }));

test('the switch refuses every change of a model while it is off', () =>
  db.inTransaction(async (client) => {
    await client.query('update engine.settings set ddl_enabled = false');
    const error = await failure(client, async () => {
      await addObject(client, ws, labels);
      await reconcile(client);
    });
    expect(error).toMatchObject({ code: 'RV020' });
    expect(error.hint).toBeTruthy();
    // Records are written as ever.
    await client.query(`insert into ${ws.schema}.companies (name) values ('Acme')`);
  }));

test('the label field of another object is refused, and so is deactivating the label field', () =>
  db.inTransaction(async (client) => {
    const a = await addObject(client, ws, labels);
    const b = await addObject(client, ws, { label_singular: 'Line', label_plural: 'Lines' });
    const foreign = await addField(client, b, { label: 'Title', type: 'TEXT' });
    expect(
      await failure(client, () =>
        client.query('update metadata.objects set label_field_id = $2 where id = $1', [a, foreign]),
      ),
    ).toMatchObject({ code: 'RV006' });
    expect(
      await failure(client, () =>
        client.query(
          'update metadata.fields f set is_active = false from metadata.objects o where o.id = $1 and f.id = o.label_field_id',
          [a],
        ),
      ),
    ).toMatchObject({ code: 'RV007' });
    expect(
      await failure(client, () =>
        client.query(
          'delete from metadata.fields f using metadata.objects o where o.id = $1 and f.id = o.label_field_id',
          [a],
        ),
      ),
    ).toMatchObject({ code: 'RV007' });
  }));

test('an object without a label field names its records by their ids', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    await client.query('update metadata.objects set label_field_id = null where id = $1', [id]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${ws.schema}.sales_orders default values`);
    await client.query(`delete from ${ws.schema}.sales_orders`);
    expect((await client.query(`select label = record_id::text as ok from ${ws.schema}.trash`)).rows).toEqual([
      { ok: true },
    ]);
  }));

test('an object that is not searched or not audited has no vector and no log', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, { ...labels, is_searchable: false, is_audited: false });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.sales_orders (name) values ('quiet')`);
    expect((await client.query(`select 1 from ${ws.schema}.record_events where object_id = $1`, [id])).rowCount).toBe(
      0,
    );
    await client.query('update metadata.objects set is_audited = true, is_searchable = true where id = $1', [id]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(`insert into ${ws.schema}.sales_orders (name) values ('loud')`);
    expect((await client.query(`select 1 from ${ws.schema}.record_events where object_id = $1`, [id])).rowCount).toBe(
      1,
    );
    await act(client, ws.memberRole);
    expect((await client.query(`select label from search_records('loud')`)).rows).toEqual([{ label: 'loud' }]);
  }));

test('an object of hundreds of fields, up to what PostgreSQL holds', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    await client.query(
      `insert into metadata.fields (object_id, label, type) select $1, 'Field ' || i, 'TEXT' from generate_series(1, 300) i`,
      [id],
    );
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await client.query(
      `insert into metadata.fields (object_id, label, type) select $1, 'More ' || i, 'ADDRESS' from generate_series(1, 160) i`,
      [id],
    );
    expect(await failure(client, () => reconcile(client))).toMatchObject({ code: 'RV004' });
  }));

test('an object written at a psql prompt comes last in the navigation', () =>
  db.inTransaction(async (client) => {
    const id = await addObject(client, ws, labels);
    const { rows } = await client.query(
      'select id from metadata.objects where workspace_id = $1 order by position desc limit 1',
      [ws.id],
    );
    expect(rows).toEqual([{ id }]);
  }));
