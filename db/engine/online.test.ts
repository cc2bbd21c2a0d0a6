import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
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
async function work(killBefore = Infinity, beforeStep?: (statement: string, client: pg.Client) => Promise<unknown>) {
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
        await beforeStep?.(statement, client);
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
       union all select 'sequence ' || relname from pg_class where relkind = 'S' and relnamespace = $1::regnamespace and relname like 'numbering%'
       union all select 'quiet' from engine.quiet`,
      [ws.schema],
    )
  ).rows.map(({ what }) => what);

const fileOfTable = async () =>
  (await query(`select pg_relation_filenode('$ws.things')::int as file`)).rows[0].file as number;

const drift = async () => (await db.admin.query('select kind, name, detail from engine.drift($1)', [ws.id])).rows;

const settled = async () => {
  expect(await drift()).toEqual([]);
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
let relation: string;

const counted = async (condition = 'true') =>
  (await query(`select count(*)::int as n from $ws.things where ${condition}`)).rows[0].n as number;

/** The things that search finds by whole words. */
const found = async (word: string) =>
  (await query(`select name from $ws.things where search_vector @@ $1::tsquery order by name`, [word])).rows.map(
    ({ name }) => name as string,
  );

/** Changes of things that the log tells of. */
const loudChanges = async () =>
  (await query(`select from $ws.record_events where action = 'updated' and object_id = $1`, [object])).rowCount;

async function inTransaction<T>(what: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    const result = await what(client);
    await client.query('commit');
    return result;
  } finally {
    client.release();
  }
}

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
            `select from pg_indexes where schemaname = '$ws' and tablename = 'things' and indexdef ~ ' f( DESC)?, id( DESC)?\\)$'`,
          )
        ).rowCount,
      ).toBe(2),
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
    change: () =>
      inTransaction(async (client) => {
        await addRelation(client, object, 'Owner', await objectNamed(client, ws, 'company'), { label: 'Owned things' });
      }),
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
  'a rollup': {
    prepare: async () => {
      const part = await addObject(db.admin, ws, { label_singular: 'Part', label_plural: 'Parts' });
      ({ relation } = await inTransaction((client) => addRelation(client, part, 'Thing', object, { label: 'Parts' })));
      await query('insert into $ws.parts (thing_id) select t.id from $ws.things t, generate_series(1, 2)');
    },
    change: () =>
      addField(db.admin, object, {
        label: 'F',
        type: 'ROLLUP',
        settings: { relationId: relation, aggregate: 'COUNT' },
      }),
    kind: 'BACKFILL',
    check: async () => {
      expect(await counted('f = 2')).toBe(await counted());
      expect(await loudChanges()).toBe(0);
      await query(`insert into $ws.parts (thing_id) select id from $ws.things where name = 'n1'`);
      expect(await counted('f = 3')).toBe(1);
    },
  },
  'a formula over a relation': {
    prepare: async () => {
      const owner = await addObject(db.admin, ws, { label_singular: 'Owner', label_plural: 'Owners' });
      await inTransaction((client) => addRelation(client, object, 'Owner', owner, { label: 'Owned things' }));
      await query(
        `with o as (insert into $ws.owners (name) values ('Ann') returning id) update $ws.things set owner_id = o.id from o`,
      );
      await query('delete from $ws.record_events');
    },
    change: () =>
      addField(db.admin, object, {
        label: 'F',
        type: 'FORMULA',
        settings: { expression: 'name & " of " & owner.name' },
      }),
    kind: 'BACKFILL',
    check: async () => {
      expect(await counted(`f = name || ' of Ann'`)).toBe(await counted());
      expect(await loudChanges()).toBe(0);
      await query(`update $ws.owners set name = 'Bob'`);
      expect(await counted(`f = name || ' of Bob'`)).toBe(await counted());
    },
  },
  'numbers for the records that are there': {
    change: async () => {
      await addField(db.admin, object, {
        label: 'F',
        type: 'AUTO_NUMBER',
        settings: { prefix: 'T-', padding: 3, start: 7 },
      });
      expect((await query(`insert into $ws.things (name) values ('new') returning f, f_text`)).rows).toEqual([
        { f: '7', f_text: 'T-007' },
      ]);
    },
    kind: 'NUMBER',
    check: async () => {
      const all = await counted();
      // Each has one, in the order in which they were created.
      expect((await query('select count(distinct f)::int as n, min(f)::int as low from $ws.things')).rows).toEqual([
        { n: all, low: 7 },
      ]);
      expect(await counted(`f_text is distinct from 'T-' || lpad(f::text, greatest(3, length(f::text)), '0')`)).toBe(0);
      expect(
        (
          await query(
            `select from (select f, lag(f) over (order by id) as before from $ws.things where name <> 'new') x where f < before`,
          )
        ).rowCount,
      ).toBe(0);
      const { rows } = await query(`select max(f)::int as last from $ws.things`);
      const made = await query(`insert into $ws.things (name) values ('newer') returning f::int`);
      expect(made.rows[0].f).toBeGreaterThan(rows[0].last);
      expect(
        (
          await query(
            `select attidentity, attnotnull from pg_attribute where attrelid = '$ws.things'::regclass and attname = 'f'`,
          )
        ).rows,
      ).toEqual([{ attidentity: 'd', attnotnull: true }]);
      expect(await loudChanges()).toBe(0);
    },
  },
  'search in an object': {
    prepare: () => query('update metadata.objects set is_searchable = false where id = $1', [object]),
    change: () => query('update metadata.objects set is_searchable = true where id = $1', [object]),
    kind: 'BACKFILL',
    check: async () => {
      expect(await found('n77')).toEqual(['n77']);
      await query(`update $ws.things set name = 'Zoë' where name = 'n77'`);
      expect([await found('n77'), await found('zoe')]).toEqual([[], ['Zoë']]);
    },
  },
  'search in another field': {
    prepare: async () => {
      field = await addField(db.admin, object, { label: 'F', type: 'TEXT' });
      await query(`update $ws.things set f = 'code' || substr(name, 2)`);
      await query('delete from $ws.record_events');
    },
    change: async () => {
      await query(`update metadata.fields set settings = '{"searchable": true}' where id = $1`, [field]);
      // What was found before is found on.
      expect(await found('n77')).toEqual(['n77']);
    },
    kind: 'BACKFILL',
    check: async () => {
      expect(await found('code77')).toEqual(['n77']);
      expect(await loudChanges()).toBe(0);
      await query(`update $ws.things set f = 'other' where name = 'n77'`);
      expect([await found('code77'), await found('other')]).toEqual([[], ['n77']]);
    },
  },
  'another type': {
    prepare: async () => {
      field = await addField(db.admin, object, {
        label: 'F',
        type: 'TEXT',
        is_required: true,
        default_value: '7',
        settings: { searchable: true },
      });
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
    const file = await fileOfTable();
    await change();
    expect(await changes()).toContainEqual(expect.objectContaining({ kind, status: 'QUEUED' }));
    expect(await jobs()).toEqual([{ task_identifier: 'model__online', key: `model__online:${ws.id}` }]);
    expect(await statements(db.admin, ws)).toEqual([]);
    expect(await drift()).toEqual([]);
    const steps = await work();
    expect(steps.length).toBeGreaterThan(2);
    await check();
    // At no time was it written anew, which would have kept everybody out.
    expect(await fileOfTable()).toBe(file);
    await settled();
  }, 120_000);

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

describe('a reader who takes long', () => {
  let reader: pg.PoolClient;

  beforeEach(async () => {
    await fill();
    reader = await db.admin.connect();
  });
  afterEach(() => reader.release(true));

  const read = () => reader.query(`begin; select count(*) from ${ws.schema}.things`);
  const status = () => changes().then((all) => all.map((change) => `${change.kind} ${change.status}`));

  /** Comes while the job waits behind the reader, and reads: how often that was. */
  async function readBehindTheJob(stop: AbortSignal) {
    for (let times = 0; ;) {
      if (stop.aborted) return times;
      const { rowCount } = await db.admin.query(
        `select from pg_locks where not granted and mode = 'AccessExclusiveLock' and relation = ($1 || '.things')::regclass`,
        [ws.schema],
      );
      if (rowCount) {
        await counted();
        times++;
      }
      await delay(5);
    }
  }

  const exclusive: [string, () => Promise<unknown>, RegExp][] = [
    [
      'a value that is required',
      () => query('update metadata.fields set is_required = true where id = $1', [field]),
      /add constraint/,
    ],
    [
      'another type',
      () => query(`update metadata.fields set type = 'TEXT' where id = $1`, [field]),
      /finish_type_change/,
    ],
  ];

  test.each(exclusive)(
    '%s: others read on, the job lets go again and again, and says that it will come back',
    async (_, change, last) => {
      await kinds['a value that is required']!.prepare!();
      await change();
      await read();
      let attempts = 0;
      const stop = new AbortController();
      const others = readBehindTheJob(stop.signal);
      await expect(
        work(Infinity, async (statement, client) => {
          if (!last.test(statement)) return;
          attempts++;
          // What the job waits for, nobody waits longer for than this.
          expect((await client.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '2s' }]);
        }).finally(() => stop.abort()),
      ).rejects.toThrow(/the table is busy/);
      expect(attempts).toBe(6);
      // They were served although the first reader had not ended.
      expect(await others).toBeGreaterThan(0);
      expect(await changes()).toEqual([
        expect.objectContaining({ status: 'QUEUED', error: 'The table is busy. It will be tried again.' }),
      ]);
      expect(await statements(db.admin, ws)).toEqual([]);
      await reader.query('commit');
      await work();
      await settled();
    },
    120_000,
  );

  test.each(exclusive)(
    '%s: it is done in the same run when the reader ends',
    async (_, change, last) => {
      await kinds['a value that is required']!.prepare!();
      await change();
      await read();
      let attempts = 0;
      await work(Infinity, async (statement) => {
        if (last.test(statement) && ++attempts === 2) await reader.query('commit');
      });
      expect(attempts).toBe(2);
      await settled();
    },
    60_000,
  );

  test('an index is built beside writers: the job waits for them, and they for nobody', async () => {
    await kinds['an index']!.prepare!();
    await reader.query(`begin; update ${ws.schema}.things set f = 'x' where name = 'n1'`);
    await kinds['an index']!.change();
    const done = work();
    while (
      !(
        await db.admin.query(
          `select from pg_stat_progress_create_index where datname = current_database() and phase like 'waiting for writers%'`,
        )
      ).rowCount
    )
      await delay(5);
    expect(await status()).toContain('INDEX RUNNING');
    expect(await counted()).toBe(3_000);
    await query(`update $ws.things set f = 'y' where name = 'n2'`);
    await reader.query('commit');
    await done;
    await kinds['an index']!.check();
    await settled();
  }, 120_000);
});

test('an index whose build was cut short is invalid, and goes before it is built anew', async () => {
  await fill();
  await kinds['an index']!.prepare!();
  await kinds['an index']!.change();
  const invalid = async () =>
    (
      await query(
        `select indexrelid::regclass from pg_index where indrelid = '$ws.things'::regclass and not indisvalid`,
      )
    ).rowCount;
  const reader = await db.admin.connect();
  try {
    // A build waits at its end for all who began before it, whatever they read.
    await reader.query('begin isolation level repeatable read; select 1');
    const killed = work().catch((error: unknown) => error);
    let pid: number | undefined;
    while (pid === undefined) {
      await delay(5);
      const { rows } = await db.admin.query<{ pid: number }>(
        `select pid from pg_stat_progress_create_index where datname = current_database() and phase = 'waiting for old snapshots'`,
      );
      pid = rows[0]?.pid;
    }
    await db.admin.query('select pg_terminate_backend($1)', [pid]);
    expect(await killed).toBeInstanceOf(Error);
  } finally {
    reader.release(true);
  }
  expect(await invalid()).toBe(1);
  expect(await changes()).toContainEqual(expect.objectContaining({ kind: 'INDEX', status: 'RUNNING' }));
  expect(await statements(db.admin, ws)).toEqual([]);
  const steps = await work();
  expect(steps.filter((step) => step.startsWith('drop index concurrently'))).toHaveLength(1);
  expect(await invalid()).toBe(0);
  await kinds['an index']!.check();
  await settled();
}, 120_000);

describe('what cannot be done', () => {
  const requeue = () => query(`update metadata.online_changes set status = 'QUEUED' where status = 'FAILED'`);

  beforeEach(() => fill());

  test('unique values that are not: told why, nothing half made, and done once they are', async () => {
    await kinds['unique values']!.prepare!();
    await kinds['unique values']!.change();
    // Written between the look at the records and the build.
    await query(`update $ws.things set f = 'n1' where name = 'n2'`);
    await work();
    expect(await changes()).toEqual([
      expect.objectContaining({ status: 'FAILED', error: expect.stringMatching(/unique|duplicated/) }),
    ]);
    expect(await leftovers()).toEqual([]);
    expect(await statements(db.admin, ws)).toEqual([]);
    await query(`update $ws.things set f = 'n2' where name = 'n2'`);
    await requeue();
    await work();
    await kinds['unique values']!.check();
    await settled();
  }, 120_000);

  test('what failed is forgotten when it is not wanted any more', async () => {
    await kinds['unique values']!.prepare!();
    await kinds['unique values']!.change();
    await query(`update $ws.things set f = 'n1' where name = 'n2'`);
    await work();
    expect((await changes()).map(({ status }) => status)).toEqual(['FAILED']);
    await query('update metadata.fields set is_unique = false where id = $1', [field]);
    expect(await changes()).toEqual([]);
    expect(await statements(db.admin, ws)).toEqual([]);
  }, 120_000);

  test('a value that came meanwhile and does not fit: the type stays, and it can be changed again', async () => {
    await kinds['another type']!.prepare!();
    await kinds['another type']!.change();
    await query(`update $ws.things set f = 'seven' where name = 'n7'`);
    await work();
    expect((await changes()).filter(({ status }) => status !== 'DONE')).toEqual([
      expect.objectContaining({ kind: 'TYPE', status: 'FAILED', error: expect.stringContaining('"seven"') }),
    ]);
    expect((await query('select type from metadata.fields where id = $1', [field])).rows).toEqual([{ type: 'TEXT' }]);
    expect(await leftovers()).toEqual([]);
    expect(await statements(db.admin, ws)).toEqual([]);
    await query(`update $ws.things set f = '7' where name = 'n7'`);
    await kinds['another type']!.change();
    await work();
    expect((await query('select type from metadata.fields where id = $1', [field])).rows).toEqual([{ type: 'NUMBER' }]);
    await settled();
  }, 120_000);
});

test('a column that comes to be computed otherwise while it is filled is filled from the beginning', async () => {
  await fill();
  await kinds['a formula over a relation']!.prepare!();
  const formula = (await kinds['a formula over a relation']!.change()) as string;
  let batches = 0;
  let changed: Promise<unknown> | undefined;
  await work(Infinity, async (statement) => {
    // It waits for the end of the batch.
    if (statement.includes('backfill_batch') && ++batches === 2)
      changed = query(`update metadata.fields set settings = '{"expression": "owner.name"}' where id = $1`, [formula]);
  });
  await changed;
  await work();
  expect(await counted(`f is distinct from 'Ann'`)).toBe(0);
  await settled();
}, 120_000);

test('the plan of a large table says that nothing is rewritten, that of a small one what is', async () => {
  interface Planned {
    steps: { statement: string; rewrites: boolean; isOnline: boolean; rowEstimate: number }[];
    warnings: { code: string }[];
  }
  const changesOfModel = [
    { op: 'createField', objectId: object, label: 'Number', type: 'AUTO_NUMBER' },
    { op: 'createField', objectId: object, label: 'Code', type: 'TEXT', settings: { searchable: true } },
  ];
  const planned = async () =>
    (await query('select metadata.plan_changes($1, $2) as plan', [ws.id, JSON.stringify(changesOfModel)])).rows[0]
      .plan as Planned;
  await query('update engine.settings set online_rows = 100000');
  await fill();
  const small = await planned();
  expect(
    small.steps
      .flatMap(({ rewrites, statement }) => (rewrites ? (/add column (\w+)/.exec(statement)?.[1] ?? []) : []))
      .sort(),
  ).toEqual(['number', 'number_text', 'search_vector']);
  expect(small.warnings.map(({ code }) => code)).toContain('REWRITES');
  await query('update engine.settings set online_rows = 10');
  const large = await planned();
  expect(large.steps.filter(({ rewrites }) => rewrites)).toEqual([]);
  expect(large.steps.some(({ isOnline }) => isOnline)).toBe(true);
  expect(large.warnings.map(({ code }) => code)).toEqual(['ONLINE']);
}, 120_000);
