import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { reconcile } from '../../db/testing/workspace.ts';
import { makeApp } from '../app.ts';
import { SECRETS, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// Whatever people do to three models at once, in whatever order: after each commit nothing is left to plan and no value
// of a field that was not touched has changed; again and again the API is built of it and read, and a new workspace is
// made of the exported model and compared.
const server = useServer();
const CHANGES = Number(process.env.RELVAR_TEST_CHANGES ?? 70);
// The same changes in each run, so that a failure is somebody's change; RELVAR_TEST_SEED looks elsewhere.
const SEED = Number(process.env.RELVAR_TEST_SEED ?? 11);
const callers: Caller[] = [];
beforeAll(async () => {
  for (const slug of ['red', 'green', 'blue']) callers.push(await server.createWorkspace(slug));
}, 60_000);

// A server that has served a workspace builds a schema of each later version of its model. Three sequences of changes
// would keep it building, so each look through the API is by a server of its own, one at a time.
let turn: Promise<unknown> = Promise.resolve();
const withServer = <T>(work: () => Promise<T>): Promise<T> => {
  const look = turn.then(async () => {
    const served = server.app;
    server.app = await makeApp({
      pool: server.db.server,
      serverUrl: server.db.serverUrl,
      secrets: SECRETS,
      webDirectory: '/nonexistent',
      development: false,
      pendingMigrations: () => Promise.resolve([]),
    });
    try {
      return await work();
    } finally {
      await server.app.stop();
      server.app = served;
    }
  });
  turn = look.catch(() => {});
  return look;
};

const word = fc.constantFrom('alpha', 'beta', 'gamma', 'delta', 'select', 'user', 'order');
const label = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
    fc.constantFrom("'; drop schema core; --", '"', '\\', '🎉', '@behavior -*', '%I %s $1 $$', '{"a": null}'),
  )
  .map((text) => text.replaceAll('\u0000', '').trim() || 'x');
const type = fc.constantFrom(
  ...'TEXT TEXT NUMBER NUMERIC DATE DATE_TIME CURRENCY SELECT MULTI_SELECT FULL_NAME EMAILS RAW_JSON BOOLEAN ARRAY RATING'.split(
    ' ',
  ),
  ...'PERCENT DURATION MEMBER COLOR LOCATION AUTO_NUMBER ADDRESS'.split(' '),
);
const nat = fc.nat(1000);
const of = <T extends string, S extends object>(name: T, shape: { [K in keyof S]: fc.Arbitrary<S[K]> }) =>
  fc.record<object>({ do: fc.constant(name), ...shape }) as fc.Arbitrary<{ do: T } & S>;
const change = fc.oneof(
  { weight: 4, arbitrary: of('createObject', { name: word, label }) },
  { weight: 10, arbitrary: of('createField', { object: nat, name: word, label, type, unique: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: of('relate', {
      object: nat,
      target: nat,
      name: word,
      label,
      kind: fc.constantFrom('RELATION', 'MORPH_RELATION', 'MANY_TO_MANY'),
      onDelete: fc.constantFrom('SET_NULL', 'CASCADE', 'RESTRICT'),
    }),
  },
  { weight: 3, arbitrary: of('compute', { object: nat, name: word, label, field: nat }) },
  { weight: 2, arbitrary: of('rollUp', { name: word, label, relation: nat }) },
  { weight: 2, arbitrary: of('rule', { field: nat, when: nat }) },
  { weight: 2, arbitrary: of('index', { field: nat, name: word }) },
  { weight: 3, arbitrary: of('renameObject', { object: nat, name: word, label }) },
  { weight: 5, arbitrary: of('renameField', { field: nat, name: word, label }) },
  { weight: 6, arbitrary: of('retype', { field: nat, type }) },
  { weight: 2, arbitrary: of('require', { field: nat }) },
  { weight: 2, arbitrary: of('switchField', { field: nat }) },
  { weight: 1, arbitrary: of('switchObject', { object: nat }) },
  { weight: 1, arbitrary: of('switchSearch', { object: nat }) },
  { weight: 4, arbitrary: of('deleteField', { field: nat }) },
  { weight: 2, arbitrary: of('deleteObject', { object: nat }) },
  { weight: 4, arbitrary: of('restore', { deleted: nat }) },
  { weight: 2, arbitrary: of('purge', { deleted: nat }) },
  { weight: 2, arbitrary: of('revert', { back: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: of('addRecord', { object: nat }) },
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** What was filled in by the test: how many records have the value that follows from the field and the record. */
type Filled = Map<string, number>;
const VALUE = (column: string, field: string) => `${column} = substr(md5('${field}' || id::text), 1, 8)`;

class Model {
  readonly caller: Caller;
  readonly client: pg.PoolClient;
  readonly filled: Filled = new Map();

  constructor(caller: Caller, client: pg.PoolClient) {
    this.caller = caller;
    this.client = client;
  }

  async list(sql: string): Promise<{ id: string; name: string; kind: string }[]> {
    return (await this.client.query(sql, [this.caller.workspaceId])).rows;
  }

  objects = () =>
    this.list(`select id, table_name as name from metadata.objects
      where workspace_id = $1 and application_id is null and deleted_at is null and not is_junction order by id`);

  fields = () =>
    this.list(`select f.id, f.name from metadata.fields f join metadata.objects o on o.id = f.object_id
      where f.workspace_id = $1 and f.application_id is null and f.deleted_at is null and o.deleted_at is null and not f.is_system
        and not o.is_junction and f.id is distinct from o.label_field_id order by f.id`);

  deleted = () =>
    this.list(`select id, 'objects' as kind from metadata.objects where workspace_id = $1 and deleted_at is not null
      union all select f.id, 'fields' from metadata.fields f join metadata.objects o on o.id = f.object_id
      where f.workspace_id = $1 and f.deleted_at is not null and o.deleted_at is null order by id`);

  async make(step: Change) {
    const { client } = this;
    const { workspaceId, schemaName } = this.caller;
    const pick = async (list: Promise<{ id: string; name: string; kind: string }[]>, n: number) => {
      const all = await list;
      return all[n % all.length];
    };
    const object = 'object' in step ? await pick(this.objects(), step.object) : undefined;
    const field = 'field' in step ? await pick(this.fields(), step.field) : undefined;
    if (('object' in step && !object) || ('field' in step && !field)) return;
    switch (step.do) {
      case 'createObject': {
        const { rows } = await client.query(
          `select id from metadata.create_object($1, $1, $2, $3, workspace_id => $4)`,
          [step.label, step.name, `${step.name}s`, workspaceId],
        );
        await reconcile(client);
        await client.query(`insert into ${schemaName}.${step.name.toLowerCase()}s (name) values ('a'), ('b'), ('c')`);
        return rows;
      }
      case 'createField': {
        const { rows } = await client.query<{ id: string }>(
          `select id from metadata.create_field($1, $2, $3, $4, is_unique => $5, options => $6, default_value => null)`,
          [
            object!.id,
            step.label,
            step.type,
            step.name,
            step.unique && step.type === 'TEXT',
            JSON.stringify(
              step.type.endsWith('SELECT')
                ? [
                    { value: 'A', label: step.label },
                    { value: 'B', label: 'b' },
                  ]
                : [],
            ),
          ],
        );
        await reconcile(client);
        if (step.type !== 'TEXT') return;
        const filled = await client.query(
          `update ${schemaName}.${object!.name} set ${VALUE(`"${step.name.toLowerCase()}"`, rows[0]!.id)}`,
        );
        this.filled.set(rows[0]!.id, filled.rowCount!);
        return;
      }
      case 'relate': {
        const target = await pick(this.objects(), step.target);
        return client.query(
          `select metadata.create_field($1, $2, $3, $4, target_object_id => $5, inverse_label => $2, inverse_name => $6, on_delete => $7)`,
          [object!.id, step.label, step.kind, step.name, target!.id, `${step.name}Of`, step.onDelete],
        );
      }
      case 'compute': {
        const name = field!.name;
        return client.query(`select metadata.create_field($1, $2, 'FORMULA', $3, settings => $4)`, [
          object!.id,
          step.label,
          step.name,
          JSON.stringify({ expression: `if(isEmpty(${name}), "none", "some") & length(name)` }),
        ]);
      }
      case 'rollUp': {
        const relation = await pick(
          this
            .list(`select r.id, r.target_object_id as name from metadata.relations r join metadata.fields f on f.id = r.field_id
            where r.workspace_id = $1 and r.deleted_at is null and f.application_id is null and f.type = 'RELATION' order by r.id`),
          step.relation,
        );
        if (!relation) return;
        return client.query(`select metadata.create_field($1, $2, 'ROLLUP', $3, settings => $4)`, [
          relation.name,
          step.label,
          step.name,
          JSON.stringify({ relationId: relation.id, aggregate: 'COUNT' }),
        ]);
      }
      case 'rule':
        return client.query(
          `insert into metadata.rules (workspace_id, object_id, field_id, kind, settings, applies_from)
           select workspace_id, object_id, id, 'LENGTH', '{"max": 200}', case when $2 then now() end from metadata.fields where id = $1`,
          [field!.id, step.when % 2 === 0],
        );
      case 'index':
        return client.query(
          `insert into metadata.indexes (workspace_id, object_id, name, parts)
           select workspace_id, object_id, $2, jsonb_build_array(jsonb_build_object('fieldId', id)) from metadata.fields where id = $1`,
          [field!.id, step.name],
        );
      case 'renameObject':
        return client.query(
          'update metadata.objects set name_singular = $2, name_plural = $3, label_singular = $4 where id = $1',
          [object!.id, step.name, `${step.name}s`, step.label],
        );
      case 'renameField':
        return client.query('update metadata.fields set name = $2, label = $3 where id = $1', [
          field!.id,
          step.name,
          step.label,
        ]);
      case 'retype':
        await client.query(
          `update metadata.fields set type = $2::text, settings = '{"onFailure": "EMPTY"}', default_value = null,
             options = case when $2::text like '%SELECT' then '[{"value": "A", "label": "a"}]'::jsonb else '[]' end where id = $1`,
          [field!.id, step.type],
        );
        this.filled.delete(field!.id);
        return;
      case 'require':
        return client.query('update metadata.fields set is_required = not is_required where id = $1', [field!.id]);
      case 'switchField':
        return client.query('update metadata.fields set is_active = not is_active where id = $1', [field!.id]);
      case 'switchObject':
        return client.query('update metadata.objects set is_active = not is_active where id = $1', [object!.id]);
      case 'switchSearch':
        return client.query('update metadata.objects set is_searchable = not is_searchable where id = $1', [
          object!.id,
        ]);
      case 'deleteField':
        return client.query('delete from metadata.fields where id = $1', [field!.id]);
      case 'deleteObject':
        return client.query('delete from metadata.objects where id = $1', [object!.id]);
      case 'restore':
      case 'purge': {
        const gone = await pick(this.deleted(), step.deleted);
        if (!gone) return;
        if (step.do === 'restore')
          return client.query(`update metadata.${gone.kind} set deleted_at = null where id = $1`, [gone.id]);
        return client.query(`delete from metadata.${gone.kind} where id = $1`, [gone.id]);
      }
      case 'revert': {
        const { rows } = await client.query(
          'select metadata.plan_revert($1, greatest(model_version - $2, 1)) as plan from core.workspaces where id = $1',
          [workspaceId, step.back],
        );
        // Whether a reverted field is the one that was filled in is not known here: only what was not touched is.
        this.filled.clear();
        return client.query('select metadata.apply_changes($1, $2, $3)', [
          workspaceId,
          JSON.stringify(rows[0].plan.changes),
          rows[0].plan.fingerprint,
        ]);
      }
      case 'addRecord':
        return client.query(`insert into ${schemaName}.${object!.name} default values`);
    }
  }

  /** Makes one change in a transaction of its own. Refused with a reason is a fine answer; a crash is not. */
  async commit(step: Change) {
    await this.client.query('begin');
    try {
      await this.make(step);
      await this.client.query('commit');
    } catch (error) {
      await this.client.query('rollback');
      const { code, message } = error as pg.DatabaseError;
      const isRefusal = code?.startsWith('RV') || (step.do === 'addRecord' && code?.startsWith('23'));
      if (!isRefusal) throw new Error(`${JSON.stringify(step)}: ${code} ${message}`, { cause: error });
    }
    const { rows } = await this.client.query('select statement, note from engine.plan($1)', [this.caller.workspaceId]);
    if (rows.length > 0) throw new Error(`${JSON.stringify(step)} left a plan: ${JSON.stringify(rows, null, 1)}`);
  }

  async expectData(step: unknown) {
    const { rows } = await this.client.query<{ id: string; name: string; column: string }>(
      `select f.id, o.table_name as name, case when f.deleted_at is null then engine.snake_case(f.name) else engine.deleted_name(f.id) end as column
       from metadata.fields f join metadata.objects o on o.id = f.object_id where f.id = any ($1)`,
      [[...this.filled.keys()]],
    );
    for (const { id, name, column } of rows) {
      const counts = await this.client.query(
        `select count(*) filter (where ${VALUE(`"${column}"`, id)})::int as n from ${this.caller.schemaName}.${name}`,
      );
      if (counts.rows[0].n !== this.filled.get(id))
        throw new Error(`${JSON.stringify(step)} changed values of ${name}.${column}`);
    }
  }

  /** Reads every column of every object through the API. */
  async expectApi() {
    const { rows } = await this.client.query('select engine.model_of($1) as model', [this.caller.workspaceId]);
    interface Named {
      namePlural: string;
      isActive: boolean;
      fields: { isActive: boolean; type: string; columns: { name: string }[] }[];
    }
    const objects = (rows[0].model.objects as Named[]).filter((object) => object.isActive);
    const query = objects.map((object) => {
      const columns = object.fields
        .filter((field) => field.isActive && field.type !== 'TS_VECTOR')
        .flatMap((field) => field.columns.map((column) => column.name));
      return `${object.namePlural}(first: 2) { nodes { ${columns.join(' ')} } }`;
    });
    const answer = await withServer(() =>
      this.caller.records(`{ ${query.join('\n')} }`, undefined, {
        'x-metadata-version': String(rows[0].model.version),
      }),
    );
    expect(answer.errors).toBeUndefined();
  }

  /**
   * A new workspace made of the exported model has the same tables, once what was deleted is out of the way. What has no
   * name of its own in the database bears a part of its id, which is another one there.
   */
  async expectManifest() {
    const { client } = this;
    const { workspaceId, schemaName, slug } = this.caller;
    await client.query('begin');
    try {
      await client.query('delete from metadata.objects where workspace_id = $1 and deleted_at is not null', [
        workspaceId,
      ]);
      await client.query('delete from metadata.fields where workspace_id = $1 and deleted_at is not null', [
        workspaceId,
      ]);
      await client.query('delete from metadata.relations where workspace_id = $1 and deleted_at is not null', [
        workspaceId,
      ]);
      await client.query('delete from engine.retired_columns where workspace_id = $1', [workspaceId]);
      await reconcile(client);
      await client.query('select engine.apply($1)', [workspaceId]);
      await client.query(`set local role ${schemaName}_r_1`);
      const { manifest } = (await client.query('select metadata.export_manifest() as manifest')).rows[0];
      await client.query('reset role');
      const fresh = (
        await client.query('select engine.create_workspace($1, $1, $2) as id', [`${slug}-copy`, 'copy@example.test'])
      ).rows[0].id;
      await reconcile(client);
      const { plan } = (
        await client.query('select metadata.plan_manifest($1, $2, true) as plan', [fresh, JSON.stringify(manifest)])
      ).rows[0];
      await client.query('select metadata.apply_changes($1, $2, $3)', [
        fresh,
        JSON.stringify(plan.changes),
        plan.fingerprint,
      ]);
      await reconcile(client);
      const { rows } = await client.query(
        `select w.id, w.schema_name from core.workspaces w where w.id in ($1, $2) order by w.id = $1 desc`,
        [workspaceId, fresh],
      );
      const lines = async (schema: string) =>
        (
          await client.query<{ line: string }>(
            `select replace(concat_ws(' ', f.kind, f.table_name, f.name, f.pg_type, f.not_null, f.generated_expr, f.default_expr,
                 case f.kind when 'constraint' then pg_get_constraintdef(f.oid) when 'index' then pg_get_indexdef(f.oid) end,
                 case when f.kind in ('table', 'column') then regexp_replace(f.comment, '@relvar[^\n]*', '') end), $1, 'ws') as line
             from engine.actual($1) f where f.kind in ('table', 'column', 'constraint', 'index') order by 1`,
            [schema],
          )
        ).rows
          .map((row) => row.line.replace(/_[0-9a-f]{12}(?=_|\b)/g, '_id'))
          .sort();
      expect(await lines(rows[1].schema_name)).toEqual(await lines(rows[0].schema_name));
    } finally {
      await client.query('rollback');
    }
  }
}

test(
  `${CHANGES} random changes of each of three models at once`,
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.tuple(...callers.map(() => fc.array(change, { minLength: CHANGES, maxLength: CHANGES }))),
        async (sequences) => {
          await Promise.all(
            sequences.map(async (steps, i) => {
              const client = await server.db.admin.connect();
              const model = new Model(callers[i]!, client);
              try {
                for (const [n, step] of steps.entries()) {
                  await model.commit(step);
                  if (n % 5 === 4) await model.expectData(step);
                  if (n % 25 === 24) await model.expectApi();
                  if (n % 50 === 49) await model.expectManifest();
                }
              } finally {
                client.release();
              }
            }),
          );
        },
      ),
      { seed: SEED, numRuns: 1, endOnFailure: true },
    ),
  600_000,
);
