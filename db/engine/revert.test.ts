import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import fc from 'fast-check';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  createWorkspace,
  failure,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

type Model = { version: number; objects: { id: string; fields: { id: string; isSystem: boolean }[] }[] };

/** The model without what only counts: its version, former names, and the ids that system fields get anew. */
async function model(client: pg.ClientBase) {
  const { rows } = await client.query<{ model: Model }>('select engine.model_of($1) as model', [ws.id]);
  const { objects } = rows[0]!.model;
  return JSON.parse(
    JSON.stringify(objects, (key, value: unknown) => (key === 'aliases' || key === 'position' ? undefined : value)),
  ) as unknown;
}

async function revert(client: pg.ClientBase, version: number) {
  const { rows } = await client.query('select metadata.plan_revert($1, $2) as plan', [ws.id, version]);
  const { changes, fingerprint } = rows[0].plan;
  await client.query('select metadata.apply_changes($1, $2, $3)', [ws.id, JSON.stringify(changes), fingerprint]);
}

const version = async (client: pg.ClientBase): Promise<number> =>
  Number((await client.query('select model_version as v from core.workspaces where id = $1', [ws.id])).rows[0].v);

test('only who manages the model may plan a way back, and only to a version that was', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.memberRole);
    expect((await failure(client, () => client.query('select metadata.plan_revert($1, 1)', [ws.id]))).code).toBe(
      '42501',
    );
    await act(client, ws.adminRole);
    expect((await failure(client, () => client.query('select metadata.plan_revert($1, 99)', [ws.id]))).code).toBe(
      'RV066',
    );
    expect((await client.query('select metadata.plan_revert($1, 1) as plan', [ws.id])).rows[0].plan.changes).toEqual(
      [],
    );
  }));

test('names that changed hands change back, and what was dropped for good is made anew', () =>
  db.inTransaction(async (client) => {
    const company = await objectNamed(client, ws, 'company');
    const { id: object } = (
      await client.query(`select id from metadata.create_object('Boat', 'Boats', workspace_id => $1)`, [ws.id])
    ).rows[0];
    const field = async (label: string, type: string, more = '') =>
      (await client.query(`select id from metadata.create_field($1, $2, $3${more})`, [object, label, type])).rows[0].id;
    const a = await field('A', 'TEXT');
    const b = await field('B', 'TEXT');
    const owner = await field('Owner', 'RELATION', `, target_object_id => '${company}', inverse_label => 'Boats'`);
    const ports = await field('Ports', 'MANY_TO_MANY', `, target_object_id => '${company}', inverse_label => 'Ships'`);
    await reconcile(client);
    await client.query(`set local search_path = ${ws.schema}, public`);
    await client.query(`insert into boats (name, a, b) values ('x', 'in a', 'in b')`);
    const before = await model(client);
    const start = await version(client);
    await client.query(`update metadata.fields set name = 'c' where id = $1`, [a]);
    await client.query(`update metadata.fields set name = 'a' where id = $1`, [b]);
    await client.query(`update metadata.fields set name = 'b' where id = $1`, [a]);
    await client.query(`select metadata.delete_field(id) from metadata.fields where id = any ($1)`, [[owner, ports]]);
    await reconcile(client);
    await client.query('select metadata.purge_field($1)', [owner]);
    await client.query(`select metadata.create_field($1, 'Owner', 'TEXT')`, [object]);
    await client.query(`select metadata.create_field($1, 'Total', 'NUMBER')`, [object]);
    await reconcile(client);
    await revert(client, start);
    // The relation that was dropped is another row now; all else is as it was.
    const withoutIds = (it: unknown) => JSON.stringify(it).replaceAll(/"relations":\[.*?\]/g, '');
    expect(withoutIds(await model(client))).toEqual(withoutIds(before));
    const names = await client.query(`select a, b from boats`);
    expect(names.rows).toEqual([{ a: 'in a', b: 'in b' }]);
    expect(await statements(client, ws)).toEqual([]);
    await client.query('select metadata.purge_object(id) from metadata.delete_object($1)', [object]);
    await reconcile(client);
    await revert(client, start);
    await client.query(`insert into boats (name, a, owner_id) values ('new', 'a', null)`);
    const ids = JSON.stringify(await model(client));
    for (const id of [object, a, b, owner, ports]) expect(ids).toContain(id);
    expect(await statements(client, ws)).toEqual([]);
  }));

const word = fc.constantFrom('alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta');
const step = fc.oneof(
  fc.record({ kind: fc.constant('object' as const), word }),
  fc.record({
    kind: fc.constantFrom('field' as const, 'select' as const, 'manyToMany' as const, 'relation' as const),
    word,
    pick: fc.nat(9),
    other: fc.nat(9),
  }),
  fc.record({
    kind: fc.constantFrom('renameField' as const, 'deleteField' as const, 'relabel' as const, 'required' as const),
    word,
    pick: fc.nat(9),
  }),
  fc.record({
    kind: fc.constantFrom('renameObject' as const, 'deleteObject' as const),
    word,
    pick: fc.nat(9),
  }),
  fc.record({ kind: fc.constantFrom('restore' as const, 'restoreField' as const), pick: fc.nat(9) }),
);

/** One change at random. What the engine refuses is refused; that is no matter here. */
async function change(client: pg.ClientBase, it: { kind: string; word?: string; pick?: number; other?: number }) {
  const objects = (
    await client.query<{ id: string }>(
      `select id from metadata.objects where workspace_id = $1 and deleted_at is null and not is_junction and application_id is null order by id`,
      [ws.id],
    )
  ).rows;
  const fields = (
    await client.query<{ id: string }>(
      `select f.id from metadata.fields f join metadata.objects o on o.id = f.object_id
        where f.workspace_id = $1 and f.deleted_at is null and o.deleted_at is null and not o.is_junction and not f.is_system and f.application_id is null order by f.id`,
      [ws.id],
    )
  ).rows;
  const at = <T>(list: T[], index = 0): T => list[index % list.length]!;
  const object = at(objects, it.pick)?.id;
  const field = at(fields, it.pick)?.id;
  const statement: Record<string, [string, unknown[]]> = {
    object: [`select metadata.create_object($2, $2 || 's', workspace_id => $1)`, [ws.id, it.word]],
    field: [`select metadata.create_field($1, $2, 'TEXT')`, [object, it.word]],
    select: [
      `select metadata.create_field($1, $2, 'SELECT', options => '[{"value":"A","label":"A"}]')`,
      [object, it.word],
    ],
    manyToMany: [
      `select metadata.create_field($1, $2, 'MANY_TO_MANY', target_object_id => $3, inverse_label => 'to ' || $2)`,
      [object, it.word, at(objects, it.other)?.id],
    ],
    relation: [
      `select metadata.create_field($1, $2, 'RELATION', target_object_id => $3, inverse_label => 'by ' || $2)`,
      [object, it.word, at(objects, it.other)?.id],
    ],
    renameField: [`update metadata.fields set name = $2 where id = $1`, [field, it.word]],
    relabel: [
      `update metadata.fields set label = $2, description = $2, is_active = not is_active where id = $1`,
      [field, it.word],
    ],
    required: [`update metadata.fields set is_unique = not is_unique, icon = $2 where id = $1`, [field, it.word]],
    deleteField: [`delete from metadata.fields where id = $1 and deleted_at is null and $2 <> ''`, [field, it.word]],
    renameObject: [
      `update metadata.objects set name_singular = $2, name_plural = $2 || 's', label_plural = upper($2) where id = $1`,
      [object, it.word],
    ],
    deleteObject: [`delete from metadata.objects where id = $1 and deleted_at is null and $2 <> ''`, [object, it.word]],
    restore: [
      `select metadata.restore_object(id) from metadata.objects where deleted_at is not null and not is_junction and workspace_id = $1
        order by id offset $2 limit 1`,
      [ws.id, (it.pick ?? 0) % 3],
    ],
    restoreField: [
      `select metadata.restore_field(id) from metadata.fields where deleted_at is not null and workspace_id = $1 order by id offset $2 limit 1`,
      [ws.id, (it.pick ?? 0) % 5],
    ],
  };
  await client.query('savepoint step');
  try {
    await client.query(...statement[it.kind]!);
    await reconcile(client);
  } catch {
    await client.query('rollback to step');
  }
}

test('roles and their rights go back, too', () =>
  db.inTransaction(async (client) => {
    const roles = async () =>
      (
        await client.query(
          `select r.id, r.name, r.can_read_all, (select jsonb_agg(jsonb_build_array(p.id, p.object_id, p.can_read)) from metadata.object_permissions p where p.role_id = r.id) as rights
           from metadata.roles r where r.workspace_id = $1 order by r.name`,
          [ws.id],
        )
      ).rows as unknown;
    const add = async (name: string) => {
      const { id } = (
        await client.query('insert into metadata.roles (workspace_id, name) values ($1, $2) returning id', [
          ws.id,
          name,
        ])
      ).rows[0];
      await client.query(
        `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
         select $1, $2, o.id, false, false, false, false from metadata.objects o where o.workspace_id = $1 and o.name_singular = 'company'`,
        [ws.id, id],
      );
      await reconcile(client);
    };
    await add('One');
    const [before, start] = [await roles(), await version(client)];
    await client.query(`delete from metadata.roles where workspace_id = $1 and name = 'One'`, [ws.id]);
    await client.query(`update metadata.roles set can_read_all = false where workspace_id = $1 and name = 'Member'`, [
      ws.id,
    ]);
    await add('Two');
    await revert(client, start);
    expect(await roles()).toEqual(before);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('whatever was changed, the way back leads to the model as it was', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), fc.array(step, { minLength: 1, maxLength: 12 }), (first, then) =>
      db.inTransaction(async (client) => {
        for (const it of first) await change(client, it);
        const before = await model(client);
        const start = await version(client);
        for (const it of then) await change(client, it);
        await revert(client, start);
        expect(await model(client)).toEqual(before);
        expect(await statements(client, ws)).toEqual([]);
      }),
    ),
    { numRuns: Number(process.env.RELVAR_TEST_RUNS ?? 12) },
  );
}, 300_000);

test('an object that was purged comes back with its relations to many, without what had been added to their links', () =>
  db.inTransaction(async (client) => {
    const company = await objectNamed(client, ws, 'company');
    const guild = (
      await client.query<{ id: string }>(
        `select id from metadata.create_object('Guild', 'Guilds', workspace_id => $1)`,
        [ws.id],
      )
    ).rows[0]!.id;
    await client.query(
      `select metadata.create_field($1, 'Members', 'MANY_TO_MANY', target_object_id => $2, inverse_label => 'Guilds')`,
      [guild, company],
    );
    await reconcile(client);
    const { rows } = await client.query<{ junction: string }>(
      `select j.object_id as junction from metadata.fields f join metadata.fields j on j.id = f.junction_field_id
        where f.object_id = $1 and f.name = 'members'`,
      [guild],
    );
    const { junction } = rows[0]!;
    await client.query(`select metadata.create_field($1, 'Rank', 'TEXT')`, [junction]);
    await client.query(
      `insert into metadata.rules (object_id, field_id, kind, settings)
       select object_id, id, 'LENGTH', '{"max": 9}' from metadata.fields where object_id = $1 and name = 'rank'`,
      [junction],
    );
    await reconcile(client);
    const before = await version(client);
    for (let i = 0; i < 2; i++) {
      await client.query('delete from metadata.objects where id = $1', [guild]);
      await reconcile(client);
    }
    expect((await client.query('select from metadata.objects where id = $1', [junction])).rowCount).toBe(0);
    await revert(client, before);
    expect(
      (
        await client.query(`select type, deleted_at from metadata.fields where object_id = $1 and name = 'members'`, [
          guild,
        ])
      ).rows,
    ).toEqual([{ type: 'MANY_TO_MANY', deleted_at: null }]);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('what had been deleted with its object already, and was dropped later, does not come back without it', () =>
  db.inTransaction(async (client) => {
    const company = await objectNamed(client, ws, 'company');
    const crew = (
      await client.query<{ id: string }>(`select id from metadata.create_object('Crew', 'Crews', workspace_id => $1)`, [
        ws.id,
      ])
    ).rows[0]!.id;
    await client.query(`select metadata.create_field($1, 'Rank', 'TEXT')`, [crew]);
    await client.query(
      `select metadata.create_field($1, 'Firm', 'RELATION', target_object_id => $2, inverse_label => 'Crews')`,
      [crew, company],
    );
    await reconcile(client);
    await client.query('delete from metadata.objects where id = $1', [crew]);
    await reconcile(client);
    const before = await version(client);
    await client.query('delete from metadata.objects where id = $1', [crew]);
    await reconcile(client);
    await revert(client, before);
    expect((await client.query('select from metadata.fields where object_id = $1', [crew])).rowCount).toBe(0);
    expect(await statements(client, ws)).toEqual([]);
  }));
