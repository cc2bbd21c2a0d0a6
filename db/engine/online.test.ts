import { beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { runOnlineChanges } from '../online.ts';
import { useDatabase } from '../testing/database.ts';
import {
  addField,
  addObject,
  addRelation,
  createWorkspace,
  objectNamed,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let object: string;
let count = 0;

beforeEach(async () => {
  await db.admin.query('update engine.settings set online_rows = 10');
  ws = await createWorkspace(db.admin, `ws-${++count}`);
  object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  await db.admin.query('select graphile_worker.complete_jobs(array_agg(id)) from graphile_worker.jobs');
});

const fill = (rows = 3_000) =>
  db.admin.query(`insert into ${ws.schema}.things (name) select 'n' || i from generate_series(1, $1) i`, [rows]);

/** Runs the job as the worker does, from a connection of its own; a step that is to fail kills the connection. */
async function work(killBefore = Infinity): Promise<string[]> {
  const client = new pg.Client({ connectionString: db.workerUrl });
  client.on('error', () => {});
  await client.connect();
  const steps: string[] = [];
  try {
    await runOnlineChanges(client, ws.id, {
      beforeStep: async (statement) => {
        if (steps.length === killBefore) {
          const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
          await db.admin.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
          throw new Error('killed');
        }
        steps.push(statement);
      },
    });
    return steps;
  } finally {
    await client.end().catch(() => {});
  }
}

const changes = async () =>
  (
    await db.admin.query<{ kind: string; status: string; error: string | null; rows_done: string }>(
      'select kind, status, error, rows_done from metadata.online_changes where workspace_id = $1 order by created_at, kind',
      [ws.id],
    )
  ).rows;

const jobs = async () =>
  (
    await db.admin.query(
      `select task_identifier, key from graphile_worker.jobs where task_identifier = 'model__online'`,
    )
  ).rows;

/** What must not be there when all is done. */
const leftovers = async () =>
  (
    await db.admin.query<{ what: string }>(
      `select 'invalid index ' || indexrelid::regclass as what from pg_index where not indisvalid
       union all select 'not validated ' || conname from pg_constraint where not convalidated and connamespace = $1::regnamespace
       union all select 'check ' || conname from pg_constraint where conname like 'relvar_filled%'
       union all select 'column ' || attname from pg_attribute where attrelid = ($1 || '.things')::regclass and attname like 'pending%' and not attisdropped
       union all select 'function ' || proname from pg_proc where pronamespace = $1::regnamespace and proname like 'convert%'
       union all select 'trigger ' || tgname from pg_trigger where tgrelid = ($1 || '.things')::regclass and tgname like '_050%'
       union all select 'quiet' from engine.quiet`,
      [ws.schema],
    )
  ).rows.map(({ what }) => what);

const settled = async () => {
  expect(await statements(db.admin, ws)).toEqual([]);
  expect(await leftovers()).toEqual([]);
  expect((await changes()).filter(({ status }) => status !== 'DONE')).toEqual([]);
  expect((await db.admin.query('select * from engine.lint()')).rows).toEqual([]);
};

interface Kind {
  prepare?: () => Promise<unknown>;
  change: () => Promise<unknown>;
  kind: string;
  check: () => Promise<unknown>;
}

const query = (sql: string, parameters?: unknown[]) => db.admin.query(sql.replaceAll('$ws', ws.schema), parameters);
let field: string;

/** Each kind of online change: what leads to it, and what is right at its end. */
const kinds: Record<string, Kind> = {
  'an index': {
    prepare: async () => (field = await addField(db.admin, object, { label: 'F', type: 'TEXT' })),
    change: () =>
      query(`insert into metadata.indexes (object_id, name, parts) values ($1, 'By F', $2)`, [
        object,
        JSON.stringify([{ fieldId: field }]),
      ]),
    kind: 'INDEX',
    check: async () =>
      expect(
        (
          await query(
            `select from pg_indexes where schemaname = '$ws' and tablename = 'things' and indexdef ~ '\\(f\\)'`,
          )
        ).rowCount,
      ).toBe(1),
  },
  'unique values': {
    prepare: async () => {
      field = await addField(db.admin, object, { label: 'F', type: 'TEXT' });
      await query('update $ws.things set f = name');
    },
    change: () => query('update metadata.fields set is_unique = true where id = $1', [field]),
    kind: 'INDEX',
    check: () => expect(query(`insert into $ws.things (f) values ('n1')`)).rejects.toMatchObject({ code: '23505' }),
  },
  'a foreign key and its index': {
    change: async () => {
      const client = await db.admin.connect();
      try {
        await client.query('begin');
        await addRelation(client, object, 'Owner', await objectNamed(client, ws, 'company'), { label: 'Owned things' });
        await client.query('commit');
      } finally {
        client.release();
      }
    },
    kind: 'VALIDATE',
    check: () =>
      expect(query('update $ws.things set owner_id = gen_random_uuid()')).rejects.toMatchObject({ code: '23503' }),
  },
  'a value that is required': {
    prepare: async () => {
      field = await addField(db.admin, object, { label: 'F', type: 'NUMBER' });
      await query('update $ws.things set f = 1');
    },
    change: () => query('update metadata.fields set is_required = true where id = $1', [field]),
    kind: 'NOT_NULL',
    check: () => expect(query('insert into $ws.things (f) values (null)')).rejects.toMatchObject({ code: '23502' }),
  },
  'another type': {
    prepare: async () => {
      field = await addField(db.admin, object, { label: 'F', type: 'TEXT', is_required: true, default_value: '7' });
      await query(`update $ws.things set f = ' ' || substr(name, 2) || ' '`);
      await query(`with d as (delete from $ws.things where name = 'n5' returning 1) select from d`);
    },
    change: () => query(`update metadata.fields set type = 'NUMBER' where id = $1`, [field]),
    kind: 'TYPE',
    check: async () => {
      expect(
        (await query('select count(*)::int as n from $ws.things where f is distinct from substr(name, 2)::float8'))
          .rows,
      ).toEqual([{ n: 0 }]);
      expect((await query(`select data ->> 'f' as f from $ws.trash`)).rows).toEqual([{ f: '5' }]);
      expect((await query('select type, default_value from metadata.fields where id = $1', [field])).rows).toEqual([
        { type: 'NUMBER', default_value: 7 },
      ]);
      expect(
        (
          await query(
            `select from $ws.record_events where action = 'updated' and jsonb_typeof(after -> 'f') = 'number'`,
          )
        ).rowCount,
      ).toBe(0);
    },
  },
};

describe.each(Object.entries(kinds))('%s', (_, { prepare, change, kind, check }) => {
  test('is queued, not done at once, and is no drift; the job does it, and everybody may work meanwhile', async () => {
    await fill();
    await prepare?.();
    const before = await statements(db.admin, ws);
    expect(before).toEqual([]);
    await work();
    await change();
    expect(await changes()).toContainEqual(expect.objectContaining({ kind, status: 'QUEUED' }));
    expect(await jobs()).toEqual([{ task_identifier: 'model__online', key: `model__online:${ws.id}` }]);
    expect(await statements(db.admin, ws)).toEqual([]);
    // A reader that has been at it for long holds nobody up, and is not held up.
    const steps = await work();
    expect(steps.length).toBeGreaterThan(2);
    await check();
    await settled();
  }, 60_000);

  test('killed at every step, it is resumed to the same end', async () => {
    await fill(2_500);
    await prepare?.();
    await work();
    await change();
    let kills = 0;
    for (let at = 0; ; at++) {
      const killed = await work(at).then(
        () => false,
        () => true,
      );
      if (!killed) break;
      kills++;
      expect(await statements(db.admin, ws)).toEqual([]);
      if (kills > 60)
        throw new Error(`It never ends: ${JSON.stringify(await changes())} ${JSON.stringify(await work())}`);
    }
    expect(kills).toBeGreaterThan(1);
    await check();
    await settled();
  }, 120_000);
});
