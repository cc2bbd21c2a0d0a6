import { attempt, REFUSED } from '../setting.ts';
import type { Door, Setting } from '../setting.ts';
import { fieldsOf, OBJECTS } from '../objects.ts';
import type { ObjectPlan } from '../objects.ts';
import { visibleCells } from '../model.ts';
import { recordsOf } from '../data.ts';
import type { Caller } from '../data.ts';
import type { ClientBase } from 'pg';

/** Tables, after a role was taken. Every other door that runs as the role ends here. */
export const psql: Door = {
  name: 'psql',
  ask: async (setting) => {
    for (const caller of setting.world.callers)
      await setting.as(caller, (client) => askTables(setting, caller, client));
  },
};

/** All that one may ask of tables, in a transaction that is rolled back. */
export async function askTables(setting: Setting, caller: Caller, client: ClientBase): Promise<void> {
  for (const object of OBJECTS) {
    await readTable(setting, caller, object, client);
    await write(setting, caller, object, client);
  }
  await link(setting, caller, client);
}

export async function readTable(
  { model, world, checks }: Setting,
  caller: Caller,
  object: ObjectPlan,
  client: ClientBase,
): Promise<void> {
  const table = object.plural;
  const what = `${caller.name} reads ${table}`;
  const columns = model.readableFields(caller, object).flatMap((field) => field.columns);
  const hidden = model.hiddenFields(caller, object).flatMap((field) => field.columns);
  const shown = columns.filter((column) => column !== 'search_vector');
  if (model.may(caller, 'READ', object.name)) {
    const answer = await attempt(client, `select ${shown.join(', ')} from ${table}`);
    checks.same(null, answer.code, () => what);
    const list = await attempt(
      client,
      `select row_to_json(t) as row from (select ${shown.join(', ')} from ${table}) t`,
    );
    const rows = new Map(list.rows.map(({ row }) => [(row as { id: string }).id, row as Record<string, unknown>]));
    const visible = new Set(model.records(caller, 'READ', object.name).map(({ id }) => id));
    const all = recordsOf(world, object.name);
    checks.members(
      all.map(({ id }) => id),
      visible,
      new Set(rows.keys()),
      (id) => `${what} ${id}`,
    );
    for (const record of all) {
      const row = rows.get(record.id);
      if (row) checks.cells(visibleCells(model, caller, record), row, () => `${what} ${record.id}`);
    }
  } else {
    const answer = await attempt(client, `select count(*) from ${table}`);
    checks.same(REFUSED, answer.code, () => what);
  }
  for (const column of hidden)
    for (const sql of [
      `select ${column} from ${table}`,
      `select 1 from ${table} where ${column} is null`,
      `select 1 from ${table} order by ${column}`,
      `select count(*) from ${table} group by ${column}`,
    ])
      checks.same(REFUSED, (await attempt(client, sql)).code, () => `${caller.name}: ${sql}`);
}

async function write(
  { model, world, checks }: Setting,
  caller: Caller,
  object: ObjectPlan,
  client: ClientBase,
): Promise<void> {
  const table = object.plural;
  const [inserts, updates] = (['CREATE', 'UPDATE'] as const).map((action) =>
    model.writableFields(caller, action, object),
  );
  for (const field of fieldsOf(object))
    for (const column of field.columns) {
      const expected = (isAllowed: boolean) => (isAllowed ? null : REFUSED);
      const insert = await attempt(client, `insert into ${table} (${column}) select null where false`);
      const update = await attempt(client, `update ${table} set ${column} = default where false`);
      // A generated column is refused as what it is, before anybody asks for rights.
      if (insert.code !== '428C9')
        checks.same(expected(inserts!.includes(field)), insert.code, () => `${caller.name} inserts ${table}.${column}`);
      checks.same(expected(updates!.includes(field)), update.code, () => `${caller.name} updates ${table}.${column}`);
    }
  const all = recordsOf(world, object.name).map(({ id }) => id);
  const ids = (rows: Record<string, unknown>[]) => new Set(rows.map(({ id }) => id as string));
  const readable = model.readableFields(caller, object);
  const both = updates!.find((field) => readable.includes(field) && field.name !== 'position');
  if (both) {
    const [column] = both.columns;
    const { rows } = await attempt(client, `update ${table} set ${column} = ${column} returning id`);
    const expected = new Set(model.records(caller, 'UPDATE', object.name).map(({ id }) => id));
    checks.members(all, expected, ids(rows), (id) => `${caller.name} updates ${table} ${id}`);
  }
  const { rows, code, count } = model.may(caller, 'READ', object.name)
    ? await attempt(client, `delete from ${table} returning id`)
    : await attempt(client, `delete from ${table}`);
  const mayDelete = model.may(caller, 'DELETE', object.name);
  checks.same(mayDelete ? null : REFUSED, code, () => `${caller.name} deletes ${table}`);
  if (model.may(caller, 'READ', object.name)) {
    const expected = new Set(model.records(caller, 'DELETE', object.name).map(({ id }) => id));
    checks.members(all, expected, ids(rows), (id) => `${caller.name} deletes ${table} ${id}`);
  } else if (mayDelete) {
    const reached = model.reachedBlindly(caller, 'DELETE', object.name);
    checks.same(reached, count, () => `${caller.name} deletes ${table} unseen`);
  }
}

async function link({ model, world, checks }: Setting, caller: Caller, client: ClientBase): Promise<void> {
  const what = `${caller.name}: links`;
  const key = (client_id: unknown, sticker_id: unknown) => `${client_id} ${sticker_id}`;
  const answer = await attempt(client, 'select client_id, sticker_id from client_sticker_links');
  checks.same(model.mayLink(caller, 'READ') ? null : REFUSED, answer.code, () => what);
  const expected = new Set(
    model
      .records(caller, 'READ', 'client')
      .flatMap((record) => model.linked(caller, record).map((sticker) => key(record.id, sticker.id))),
  );
  const all = world.links.map(({ client: one, sticker }) => key(one, sticker));
  const shown = new Set(answer.rows.map(({ client_id, sticker_id }) => key(client_id, sticker_id)));
  checks.members(all, expected, shown, (pair) => `${what} ${pair}`);
  const cut = await attempt(client, 'delete from client_sticker_links returning client_id, sticker_id');
  checks.same(model.mayLink(caller, 'DELETE') ? null : REFUSED, cut.code, () => `${what} are deleted`);
  const gone = new Set(cut.rows.map(({ client_id, sticker_id }) => key(client_id, sticker_id)));
  const mayCut = model.mayLink(caller, 'DELETE') ? expected : new Set<string>();
  checks.members(all, mayCut, gone, (pair) => `${what} ${pair} is deleted`);
}
