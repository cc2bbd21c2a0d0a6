import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, failure, objectNamed, reconcile, statements, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

type Json = Record<string, unknown>;
const rows = async <T extends pg.QueryResultRow = Json>(
  client: pg.ClientBase | pg.Pool,
  sql: string,
  parameters: unknown[] = [],
) => (await client.query<T>(sql, parameters)).rows;

/** Installs or upgrades, and gives the codes of what the upgrade says. */
async function sync(client: pg.ClientBase, manifest: unknown): Promise<{ code: string; message: string }[]> {
  await client.query('select metadata.sync_application($1, $2)', [ws.id, JSON.stringify(manifest)]);
  await reconcile(client);
  const [row] = await rows<{ warnings: { code: string; message: string }[] }>(
    client,
    `select warnings from metadata.applications where workspace_id = $1 and name = 'fleet'`,
    [ws.id],
  );
  return row!.warnings;
}
const uninstall = (client: pg.ClientBase) =>
  client.query(`select metadata.uninstall_application($1, 'fleet')`, [ws.id]);

const truck = (object: Json, more: Json = {}) => ({
  name: 'fleet',
  version: JSON.stringify([object, more]).length.toString(),
  objects: [
    {
      universalIdentifier: 'fleet:truck',
      nameSingular: 'truck',
      namePlural: 'trucks',
      labelSingular: 'Truck',
      labelPlural: 'Trucks',
      labelField: 'plate',
      fields: [],
      ...object,
    },
  ],
  ...more,
});
const field = (name: string, more: Json = {}) => ({
  universalIdentifier: `fleet:truck.${(more['id'] as string | undefined) ?? name}`,
  name,
  label: name.toUpperCase(),
  type: 'TEXT',
  ...more,
});
const plate = field('plate');
const options = (...list: string[]) => list.map((value) => ({ value, label: value }));

interface Case {
  table: string;
  /** The thing before, and as the application and as people change it. */
  make: (values: Json) => unknown;
  where: string;
  column: string;
  key: string;
  base: unknown;
  wanted: unknown;
  mine: unknown;
}
const ofField = (
  key: string,
  column: string,
  base: unknown,
  wanted: unknown,
  mine: unknown,
  more: Json = {},
): Case => ({
  table: 'fields',
  make: (values) => truck({ fields: [plate, field('load', { ...more, ...values })] }),
  where: `universal_identifier = 'fleet:truck.load'`,
  column,
  key,
  base,
  wanted,
  mine,
});
const ofObject = (key: string, column: string, base: unknown, wanted: unknown, mine: unknown): Case => ({
  table: 'objects',
  make: (values) => truck({ fields: [plate], ...values }),
  where: `universal_identifier = 'fleet:truck'`,
  column,
  key,
  base,
  wanted,
  mine,
});
const number = { type: 'NUMBER' };
const part = (
  table: string,
  list: string,
  value: Json,
  key: string,
  column: string,
  base: unknown,
  wanted: unknown,
  mine: unknown,
): Case => ({
  table,
  make: (values) =>
    truck({
      fields: [plate, field('load', number)],
      [list]: [{ universalIdentifier: 'fleet:it', ...value, ...values }],
    }),
  where: `universal_identifier = 'fleet:it'`,
  column,
  key,
  base,
  wanted,
  mine,
});
const filterBy = (value: number) => ({ fieldId: 'f', operand: 'IS', value });
const rule = { kind: 'RANGE', field: 'load', settings: { min: 0 } };
const index = { name: 'Loads', parts: [{ fieldId: 'field:truck.load' }] };

const cases: Case[] = [
  ofObject('namePlural', 'name_plural', 'trucks', 'lorries', 'vans'),
  ofObject('nameSingular', 'name_singular', 'truck', 'lorry', 'van'),
  ofObject('labelPlural', 'label_plural', 'Trucks', 'Lorries', 'Vans'),
  ofObject('icon', 'icon', 'IconA', 'IconB', 'IconC'),
  ofObject('color', 'color', 'red', 'blue', 'green'),
  ofObject('isSearchable', 'is_searchable', true, false, false),
  ofObject('isAudited', 'is_audited', true, false, false),
  ofObject('description', 'description', 'a', 'b', 'c'),
  ofField('name', 'name', 'load', 'cargo', 'freight', { id: 'load' }),
  ofField('label', 'label', 'Load', 'Cargo', 'Freight'),
  ofField('icon', 'icon', 'IconA', 'IconB', 'IconC'),
  ofField('isRequired', 'is_required', false, true, true),
  ofField('isUnique', 'is_unique', false, true, true),
  ofField('isActive', 'is_active', true, false, false),
  ofField('defaultValue', 'default_value', 'a', 'b', 'c'),
  ofField('type', 'type', 'TEXT', 'NUMBER', 'RICH_TEXT'),
  ofField('position', 'position', 1, 2, 3),
  ofField('settings', 'settings', { decimals: 1 }, { decimals: 2 }, { decimals: 3 }, number),
  part('rules', 'rules', rule, 'settings', 'settings', { min: 0 }, { min: 1 }, { min: 2 }),
  part('rules', 'rules', rule, 'condition', 'condition', 'load>1', 'load > 2', 'load > 3'),
  part('rules', 'rules', rule, 'message', 'message', 'a', 'b', 'c'),
  part('rules', 'rules', rule, 'isActive', 'is_active', true, false, false),
  part('indexes', 'indexes', index, 'name', 'name', 'A', 'B', 'C'),
  part('indexes', 'indexes', index, 'condition', 'condition', 'load>1', 'load > 2', 'load > 3'),
  part('views', 'views', { name: 'All' }, 'name', 'name', 'All', 'Each', 'Mine'),
  part('views', 'views', { name: 'All' }, 'type', 'type', 'TABLE', 'BOARD', 'GALLERY'),
  part('views', 'views', { name: 'All' }, 'filter', 'filter', filterBy(1), filterBy(2), filterBy(3)),
];

test.each(cases)('$table.$column: who alone changed it has it, and where both did, people', (c) =>
  db.inTransaction(async (client) => {
    const read = async () =>
      (
        await rows(client, `select ${c.column} as v from metadata.${c.table} where workspace_id = $1 and ${c.where}`, [
          ws.id,
        ])
      )[0]!['v'];
    const write = (value: unknown) =>
      client.query(`update metadata.${c.table} set ${c.column} = $2 where workspace_id = $1 and ${c.where}`, [
        ws.id,
        c.column === 'default_value' ? JSON.stringify(value) : value,
      ]);
    const isConflict = JSON.stringify(c.wanted) !== JSON.stringify(c.mine);
    await sync(client, c.make({ [c.key]: c.base }));
    const installed = await read();
    await client.query('savepoint installed');
    expect(await sync(client, c.make({ [c.key]: c.wanted }))).toEqual([]);
    expect(await read()).toEqual(c.wanted);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('rollback to installed');
    await write(c.mine);
    await reconcile(client);
    // The application changes something else meanwhile, or nothing of this.
    expect(
      await sync(client, c.make({ [c.key]: c.base, [c.key === 'description' ? 'icon' : 'description']: 'Else' })),
    ).toEqual([]);
    expect(await read()).toEqual(c.mine);
    await client.query('rollback to installed');
    await write(c.mine);
    await reconcile(client);
    const said = await sync(client, c.make({ [c.key]: c.wanted }));
    expect(await read()).toEqual(c.mine);
    expect(said.map((w) => w.code)).toEqual(isConflict ? ['KEPT'] : []);
    expect(await statements(client, ws)).toEqual([]);
    expect(installed).toBeDefined();
  }),
);

test('options go by their values, settings by their keys, and the columns of a view each by itself', () =>
  db.inTransaction(async (client) => {
    const manifest = (list: unknown[], fields: unknown[], settings: Json) =>
      truck({
        fields: [
          plate,
          field('size', { type: 'SELECT', options: list }),
          field('load', { type: 'NUMBER', settings }),
          field('more'),
        ],
        views: [{ name: 'All', fields }],
      });
    await sync(
      client,
      manifest(
        options('S', 'M', 'L', 'OLD'),
        [
          { field: 'plate', width: 100 },
          { field: 'load', width: 100 },
        ],
        { decimals: 1 },
      ),
    );
    const object = await objectNamed(client, ws, 'truck');
    const mine = [{ value: 'S', label: 'Small' }, ...options('M', 'OLD'), { value: 'OWN', label: 'Own' }];
    await client.query(`update metadata.fields set options = $2 where object_id = $1 and name = 'size'`, [
      object,
      JSON.stringify(mine),
    ]);
    await client.query(
      `update metadata.fields set settings = settings || '{"type": "number"}' where object_id = $1 and name = 'load'`,
      [object],
    );
    await client.query(
      `update metadata.view_fields c set is_visible = false from metadata.fields f where f.id = c.field_id and f.name = 'plate' and c.workspace_id = $1`,
      [ws.id],
    );
    await client.query(`set local search_path = ${ws.schema}, public`);
    await reconcile(client);
    await client.query(`insert into trucks (plate, size) values ('A', 'OLD')`);
    const said = await sync(
      client,
      manifest(
        [{ value: 'M', label: 'Medium' }, { value: 'S', label: 'Tiny' }, ...options('XL')],
        [
          { field: 'plate', width: 200 },
          { field: 'more', width: 50 },
        ],
        { decimals: 2 },
      ),
    );
    const [size] = await rows(client, `select options from metadata.fields where object_id = $1 and name = 'size'`, [
      object,
    ]);
    // S was called otherwise on both sides, L was deleted here and OLD there, where a record still has it.
    expect(size!['options']).toEqual([
      { value: 'S', label: 'Small' },
      { value: 'M', label: 'Medium' },
      { value: 'OWN', label: 'Own' },
      ...options('XL', 'OLD'),
    ]);
    expect(said.map((w) => w.code).sort()).toEqual(['KEPT', 'OPTION_USED']);
    expect(
      (await rows(client, `select settings from metadata.fields where object_id = $1 and name = 'load'`, [object]))[0],
    ).toEqual({
      settings: { decimals: 2, type: 'number' },
    });
    expect(
      await rows(
        client,
        `select f.name, c.width, c.is_visible from metadata.view_fields c join metadata.fields f on f.id = c.field_id where c.workspace_id = $1 order by 1`,
        [ws.id],
      ),
    ).toEqual([
      { name: 'more', width: 50, is_visible: true },
      { name: 'plate', width: 200, is_visible: false },
    ]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('names that people changed are followed in what the application says of them; given up names are aliases', async () => {
  const manifest = (expression: string, name = 'load') =>
    truck({
      fields: [
        plate,
        field(name, { id: 'load', type: 'NUMBER' }),
        field('twice', { type: 'FORMULA', settings: { expression } }),
      ],
      indexes: [{ name: 'Loads', parts: [{ fieldId: `field:truck.${name}` }] }],
    });
  const apply = (work: (client: pg.ClientBase) => Promise<unknown>) =>
    db.admin.connect().then(async (client) => {
      try {
        await client.query('begin');
        await work(client);
        await client.query('commit');
      } finally {
        client.release(true);
      }
    });
  await apply((client) => sync(client, manifest('load*2')));
  await apply((client) =>
    client.query(
      `update metadata.objects set name_singular = 'van', name_plural = 'vans' where workspace_id = $1 and name_singular = 'truck'`,
      [ws.id],
    ),
  );
  await apply((client) =>
    client.query(
      `update metadata.fields set name = 'weight' where workspace_id = $1 and universal_identifier = 'fleet:truck.load'`,
      [ws.id],
    ),
  );
  await apply(async (client) => expect(await sync(client, manifest('load*3'))).toEqual([]));
  const twice = async () =>
    (
      await rows(
        db.admin,
        `select settings ->> 'expression' as e from metadata.fields where universal_identifier = 'fleet:truck.twice' and workspace_id = $1`,
        [ws.id],
      )
    )[0];
  expect(await twice()).toEqual({ e: 'weight * 3' });
  // The application renames it too: people win, and it says so.
  await apply(async (client) =>
    expect((await sync(client, manifest('cargo * 3', 'cargo'))).map((w) => w.code)).toContain('KEPT'),
  );
  await apply((client) => uninstall(client));
  await apply((client) => sync(client, manifest('load * 2')));
  await apply(async (client) => expect(await sync(client, manifest('cargo * 2', 'cargo'))).toEqual([]));
  expect(await twice()).toEqual({ e: 'cargo * 2' });
  expect(
    await rows(
      db.admin,
      `select a.name from metadata.aliases a join metadata.fields f on f.id = a.field_id where f.universal_identifier = 'fleet:truck.load' and f.workspace_id = $1`,
      [ws.id],
    ),
  ).toEqual([{ name: 'load' }]);
  await apply((client) => uninstall(client));
  // For good, so that other tests meet no second object of this name.
  await apply((client) => client.query(`select engine.purge_deleted('0 s')`));
  expect(await statements(db.admin, ws)).toEqual([]);
});

test('what records do not allow is eased and told; a plan tells the same and changes nothing', () =>
  db.inTransaction(async (client) => {
    await client.query(`set local search_path = ${ws.schema}, public`);
    const manifest = (more: Json) => truck({ fields: [plate, field('a', more), field('b', { type: 'TEXT' })] });
    await sync(client, manifest({}));
    await client.query(`insert into trucks (plate, a) values ('1', 'x'), ('2', 'x'), ('3', null)`);
    const wanted = manifest({ isRequired: true, isUnique: true });
    const [planned] = await rows(client, 'select metadata.plan_application($1, $2) as plan', [
      ws.id,
      JSON.stringify(wanted),
    ]);
    expect((planned!['plan'] as { warnings: { code: string }[] }).warnings.map((w) => w.code)).toEqual(
      expect.arrayContaining(['REQUIRED_FROM_NOW', 'NOT_UNIQUE']),
    );
    expect(
      (await rows(client, `select version, warnings from metadata.applications where name = 'fleet'`))[0],
    ).toMatchObject({ version: manifest({}).version, warnings: [] });
    expect((await sync(client, wanted)).map((w) => w.code)).toEqual(['REQUIRED_FROM_NOW', 'NOT_UNIQUE']);
    expect(
      (
        await rows(
          client,
          `select is_required, required_from is not null as later, is_unique from metadata.fields where universal_identifier = 'fleet:truck.a'`,
        )
      )[0],
    ).toEqual({ is_required: true, later: true, is_unique: false });
    expect(await statements(client, ws)).toEqual([]);
  }));

test('what people changed of what the application gives up becomes their own, and the rest goes', () =>
  db.inTransaction(async (client) => {
    const object = {
      fields: [plate, field('a'), field('b')],
      views: [
        { name: 'Mine', fields: [{ field: 'plate' }] },
        { name: 'Gone', fields: [{ field: 'plate' }] },
      ],
      rules: [{ kind: 'LENGTH', field: 'plate', settings: { max: 9 } }],
    };
    await sync(client, truck(object));
    await client.query(
      `update metadata.view_fields c set width = 333 from metadata.views v where v.id = c.view_id and v.name = 'Mine' and v.workspace_id = $1`,
      [ws.id],
    );
    await client.query(
      `update metadata.fields set label = 'Mine' where workspace_id = $1 and universal_identifier = 'fleet:truck.a'`,
      [ws.id],
    );
    const said = await sync(client, truck({ fields: [plate] }));
    expect(said.map((w) => w.code)).toEqual(['KEPT_AS_OWN', 'KEPT_AS_OWN', 'KEPT_AS_OWN']);
    const id = await objectNamed(client, ws, 'truck');
    expect(
      await rows(client, 'select name, application_id is null as own from metadata.views where object_id = $1', [id]),
    ).toEqual([{ name: 'Mine', own: true }]);
    expect(
      await rows(
        client,
        `select name, deleted_at is null as here, application_id is null as own from metadata.fields where object_id = $1 and name in ('a', 'b') order by 1`,
        [id],
      ),
    ).toEqual([
      { name: 'a', here: true, own: true },
      { name: 'b', here: false, own: true },
    ]);
    expect(await rows(client, 'select 1 from metadata.rules where object_id = $1', [id])).toEqual([]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('roles come, are merged, and go with an application, unless somebody has one', () =>
  db.inTransaction(async (client) => {
    const role = (more: Json, permissions: Json[]) =>
      truck(
        { fields: [plate] },
        { roles: [{ name: 'Driver', hasAllPermissions: true, flags: ['ROLES'], ...more, permissions }] },
      );
    const driver = async () =>
      (
        await rows(
          client,
          `select description, has_all_permissions, permissions, can_read_all, can_create_all from metadata.roles where workspace_id = $1 and name = 'Driver'`,
          [ws.id],
        )
      )[0];
    const rights = () =>
      rows(
        client,
        `select o.name_singular as object, p.can_read, p.can_update from metadata.object_permissions p join metadata.roles r on r.id = p.role_id join metadata.objects o on o.id = p.object_id where r.name = 'Driver' and r.workspace_id = $1 order by 1`,
        [ws.id],
      );
    await sync(
      client,
      role({}, [
        { object: 'truck', canRead: true },
        { object: 'company', canRead: true },
      ]),
    );
    expect(await driver()).toEqual({
      description: '',
      has_all_permissions: false,
      permissions: [],
      can_read_all: false,
      can_create_all: false,
    });
    await client.query(`update metadata.roles set can_create_all = true where workspace_id = $1 and name = 'Driver'`, [
      ws.id,
    ]);
    await client.query(
      `update metadata.object_permissions p set can_update = true from metadata.objects o where o.id = p.object_id and o.name_singular = 'truck' and p.workspace_id = $1`,
      [ws.id],
    );
    expect(
      await sync(
        client,
        role({ description: 'Drives', canReadAll: true }, [
          { object: 'truck', canRead: false },
          { object: 'person', canRead: true },
        ]),
      ),
    ).toEqual([]);
    expect(await driver()).toEqual({
      description: 'Drives',
      has_all_permissions: false,
      permissions: [],
      can_read_all: true,
      can_create_all: true,
    });
    expect(await rights()).toEqual([
      { object: 'person', can_read: true, can_update: null },
      { object: 'truck', can_read: false, can_update: true },
    ]);
    const [{ pg_role: pgRole }] = (await rows<{ pg_role: string }>(
      client,
      `select pg_role from metadata.roles where workspace_id = $1 and name = 'Driver'`,
      [ws.id],
    )) as [{ pg_role: string }];
    const member = `select core.add_member('acme', 'd@acme.example', 'Dee', 'Driver')`;
    await client.query('savepoint before');
    await client.query(member);
    expect(await failure(client, () => uninstall(client))).toMatchObject({ code: 'RV087', detail: 'the member Dee' });
    expect((await sync(client, truck({ fields: [plate] }))).map((w) => w.code)).toContain('KEPT_AS_OWN');
    expect(await rights()).toHaveLength(1);
    await client.query('rollback to before');
    await uninstall(client);
    await reconcile(client);
    expect(await driver()).toBeUndefined();
    expect(await rows(client, 'select 1 from pg_roles where rolname = $1', [pgRole])).toEqual([]);
    await sync(client, role({}, [{ object: 'truck', canRead: true }]));
    expect(await driver()).toMatchObject({ can_read_all: false });
    expect(await statements(client, ws)).toEqual([]);
    expect(
      (
        await failure(client, () =>
          client.query(`delete from metadata.roles where workspace_id = $1 and name = 'Admin'`, [ws.id]),
        )
      ).code,
    ).toBe('RV007');
  }));

test('an application that was uninstalled is installed anew as it was the first time', () =>
  db.inTransaction(async (client) => {
    await client.query(`set local search_path = ${ws.schema}, public`);
    const manifest = truck({
      fields: [plate, field('a')],
      rules: [{ kind: 'LENGTH', field: 'plate', settings: { max: 9 } }],
      indexes: [{ name: 'A', parts: [{ fieldId: 'field:truck.a' }] }],
      views: [{ name: 'All', fields: [{ field: 'a' }] }],
    });
    const state = async () => {
      const [row] = await rows(client, `select engine.manifest_of($1) - 'version' as m`, [ws.id]);
      return row!['m'];
    };
    const before = await state();
    await sync(client, manifest);
    const installed = await state();
    await client.query(`insert into trucks (plate) values ('A')`);
    await client.query(`update metadata.views set name = 'Mine' where workspace_id = $1 and name = 'All'`, [ws.id]);
    await uninstall(client);
    await reconcile(client);
    expect(await state()).toEqual(before);
    await sync(client, manifest);
    expect(await state()).toEqual(installed);
    expect(await rows(client, 'select 1 from trucks')).toEqual([]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('two applications extend one object, each with its own upgrades', () =>
  db.inTransaction(async (client) => {
    const extension = (name: string, label: string) => ({
      name,
      objects: [
        {
          extends: 'standard:company',
          fields: [{ name: `${name}Code`, label, type: 'TEXT' }],
          rules: [{ kind: 'LENGTH', field: `${name}Code`, settings: { max: 5 } }],
          views: [{ name: `${name} view`, fields: [{ field: 'name' }, { field: `${name}Code` }] }],
        },
      ],
    });
    const install = async (manifest: unknown) => {
      await client.query('select metadata.sync_application($1, $2)', [ws.id, JSON.stringify(manifest)]);
      await reconcile(client);
    };
    await install(extension('alpha', 'A'));
    await install(extension('beta', 'B'));
    await client.query(
      `update metadata.objects set name_singular = 'firm', name_plural = 'firms' where workspace_id = $1 and name_singular = 'company'`,
      [ws.id],
    );
    await install(extension('alpha', 'A2'));
    expect(
      await rows(
        client,
        `select name, label from metadata.fields where workspace_id = $1 and name ~ 'Code$' order by 1`,
        [ws.id],
      ),
    ).toEqual([
      { name: 'alphaCode', label: 'A2' },
      { name: 'betaCode', label: 'B' },
    ]);
    await client.query(`select metadata.uninstall_application($1, 'alpha')`, [ws.id]);
    await reconcile(client);
    expect(await rows(client, `select name from metadata.views where workspace_id = $1`, [ws.id])).toEqual([
      { name: 'beta view' },
    ]);
    expect(
      await rows(client, `select count(*)::int as n from metadata.rules where workspace_id = $1`, [ws.id]),
    ).toEqual([{ n: 1 }]);
    expect(await statements(client, ws)).toEqual([]);
  }));
