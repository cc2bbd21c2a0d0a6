import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  createWorkspace,
  failure,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let other: Workspace;
let company: string;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  other = await createWorkspace(db.admin, 'other');
  company = await objectNamed(db.admin, ws, 'company');
});

interface Plan {
  fingerprint: string;
  version: number;
  changes: Record<string, unknown>[];
  steps: {
    kind: string;
    statement: string;
    lockLevel: string | null;
    rewrites: boolean;
    rowEstimate: number;
    estimatedMs: number;
  }[];
  warnings: { code: string; message: string; hint: string }[];
  violations: {
    ruleId: string | null;
    fieldId: string | null;
    message: string;
    count: number;
    records: { id: string; label: string }[];
  }[];
  losses: { kind: string; label: string; records: number; isRestorable: boolean }[];
}

const planChanges = async (client: pg.ClientBase, changes: unknown[], workspace = ws): Promise<Plan> =>
  (await client.query('select metadata.plan_changes($1, $2) as plan', [workspace.id, JSON.stringify(changes)])).rows[0]
    .plan;
const applyChanges = (client: pg.ClientBase, plan: Plan, workspace = ws) =>
  client.query('select metadata.apply_changes($1, $2, $3) as done', [
    workspace.id,
    JSON.stringify(plan.changes),
    plan.fingerprint,
  ]);
const fieldId = async (client: pg.ClientBase, object: string, name: string): Promise<string> =>
  (await client.query('select id from metadata.fields where object_id = $1 and name = $2', [object, name])).rows[0].id;

test('a plan shows what would be run and changes nothing; applying it does it', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const before = (await client.query('select metadata.model() as model')).rows[0].model;
    const plan = await planChanges(client, [
      { op: 'createObject', id: '0198b3a0-0000-7000-8000-000000000001', labelSingular: 'Truck', labelPlural: 'Trucks' },
      { op: 'createField', objectId: '0198b3a0-0000-7000-8000-000000000001', label: 'Load', type: 'NUMBER' },
      { op: 'createField', objectId: company, label: 'Fleet', type: 'TEXT', defaultValue: 'none' },
    ]);
    expect(plan.steps.some((s) => /create table \S+\.trucks .*load/.test(s.statement))).toBe(true);
    expect(plan.steps.find((s) => s.statement.includes('add column fleet'))).toMatchObject({
      lockLevel: 'AccessExclusive',
      rewrites: false,
      estimatedMs: 1,
    });
    expect(plan).toMatchObject({ warnings: [], violations: [], losses: [], version: before.version });
    expect((await client.query('select metadata.model() as model')).rows[0].model).toEqual(before);
    expect((await planChanges(client, plan.changes)).fingerprint).toBe(plan.fingerprint);
    const { rows } = await applyChanges(client, plan);
    expect(rows[0].done.version).toBe(before.version + 1);
    await client.query(`insert into trucks (name, load) values ('one', 3); insert into companies (name) values ('x')`);
    expect((await client.query(`select fleet from companies where name = 'x'`)).rows[0].fleet).toBe('none');
    await client.query('reset role');
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a plan is refused once the model has moved', () =>
  db.inTransaction(async (client) => {
    const plan = await planChanges(client, [{ op: 'createField', objectId: company, label: 'One', type: 'TEXT' }]);
    const changed = { ...plan, changes: [{ ...plan.changes[0], label: 'Two' }] };
    expect((await failure(client, () => applyChanges(client, changed))).code).toBe('RV060');
    await addField(client, company, { label: 'Between', type: 'TEXT' });
    await reconcile(client);
    expect((await failure(client, () => applyChanges(client, plan))).code).toBe('RV060');
    await applyChanges(client, await planChanges(client, plan.changes));
  }));

test('only who manages the model plans, in the own workspace, and only what the grants allow', () =>
  db.inTransaction(async (client) => {
    const field = { op: 'createField', objectId: company, label: 'One', type: 'TEXT' };
    const theirs = await objectNamed(client, other, 'company');
    await act(client, ws.memberRole);
    expect((await failure(client, () => planChanges(client, [field]))).code).toBe('42501');
    expect(
      (await failure(client, () => client.query('select metadata.apply_changes($1, $2, $3)', [ws.id, '[]', '']))).code,
    ).toBe('42501');
    await act(client, other.adminRole);
    expect((await failure(client, () => planChanges(client, [field]))).code).toBe('42501');
    await act(client, ws.adminRole);
    await planChanges(client, [field]);
    for (const change of [
      { op: 'createField', objectId: theirs, label: 'One', type: 'TEXT' },
      { op: 'update', table: 'objects', id: theirs, values: { labelSingular: 'Mine' } },
      { op: 'delete', table: 'objects', id: theirs },
    ])
      expect((await failure(client, () => planChanges(client, [change]))).code).toBe('RV063');
    expect(
      (
        await failure(client, () =>
          planChanges(client, [
            {
              op: 'createField',
              objectId: company,
              label: 'X',
              type: 'RELATION',
              targetObjectId: theirs,
              inverseLabel: 'Y',
            },
          ]),
        )
      ).code,
    ).toMatch(/23503|RV0/);
    const system = await failure(client, () =>
      planChanges(client, [{ op: 'update', table: 'objects', id: company, values: { isSystem: true } }]),
    );
    expect(system).toMatchObject({ code: 'RV062', column: 'isSystem' });
  }));

test.each([
  [{ op: 'creatField' }, /Did you mean createField/],
  [{ op: 'insert', table: 'feilds', values: {} }, /Did you mean fields/],
  [{ op: 'createField', lable: 'x' }, /Did you mean label/],
  [{ op: 'update', table: 'objects', values: { labelPlurals: 'x' } }, /Did you mean labelPlural/],
])('what is misspelt is refused with the nearest name: %j', (change, hint) =>
  db.inTransaction(async (client) => {
    const error = await failure(client, () =>
      planChanges(
        client,
        [
          { op: 'createField', objectId: company, label: 'One', type: 'TEXT' },
          { objectId: company, id: company, ...change },
        ].map(({ objectId, id, ...rest }: Record<string, unknown>) => ({
          ...rest,
          ...(rest.op === 'createField' ? { objectId } : { id }),
        })),
      ),
    );
    expect(error).toMatchObject({ code: 'RV062', hint: expect.stringMatching(hint) });
    expect(error.detail).toContain('Change 2 of 2');
  }),
);

test('records that would not fit are listed', () =>
  db.inTransaction(async (client) => {
    await client.query(
      `insert into ${ws.schema}.companies (name, employees) select case when i < 26 then 'c' || i end, i % 3 from generate_series(1, 30) i`,
    );
    const name = await fieldId(client, company, 'name');
    const employees = await fieldId(client, company, 'employees');
    const plan = await planChanges(client, [
      { op: 'update', table: 'fields', id: name, values: { isRequired: true } },
      { op: 'update', table: 'fields', id: employees, values: { isUnique: true, name: 'staff' } },
      { op: 'createField', objectId: company, label: 'Must', type: 'TEXT', isRequired: true },
    ]);
    expect(plan.violations.map(({ fieldId: id, count }) => [id, count])).toEqual(
      expect.arrayContaining([
        [name, 5],
        [employees, 30],
        [plan.changes[2]!.id, 30],
      ]),
    );
    expect(plan.violations.find((v) => v.fieldId === employees)!.records).toHaveLength(20);
    expect(plan.violations.find((v) => v.fieldId === employees)!.records[0]!.label).toBe('c1');
    expect(plan.warnings.map((w) => w.code)).toContain('REQUIRED_WITHOUT_DEFAULT');
    expect(plan.warnings.map((w) => w.code)).toContain('API_NAME_CHANGES');
    expect((await failure(client, () => applyChanges(client, plan))).code).toBe('RV023');
  }));

test('an option that records have can be replaced', () =>
  db.inTransaction(async (client) => {
    const id = await addField(client, company, {
      label: 'Tier',
      type: 'SELECT',
      options: ['A', 'B', 'C'].map((value) => ({ value, label: value })),
      default_value: 'A',
    });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.companies (name, tier) values ('x', 'A'), ('y', 'B'), ('z', 'A')`);
    const without = {
      op: 'update',
      table: 'fields',
      id,
      values: {
        options: [
          { value: 'B', label: 'B' },
          { value: 'D', label: 'D' },
        ],
      },
    };
    expect((await failure(client, () => planChanges(client, [without]))).code).toBe('RV061');
    const used = await failure(client, () => client.query(`select metadata.delete_option($1, 'A')`, [id]));
    expect(used).toMatchObject({ code: 'RV061', column: 'options' });
    const bad = await planChanges(client, [
      { op: 'update', table: 'fields', id, values: { defaultValue: 'B' } },
      { ...without },
    ]);
    expect(bad.violations).toMatchObject([{ fieldId: id, count: 2 }]);
    const plan = await planChanges(client, [
      {
        op: 'update',
        table: 'fields',
        id,
        values: { options: ['A', 'B', 'C', 'D'].map((value) => ({ value, label: value })) },
      },
      { op: 'replaceOption', fieldId: id, value: 'A', with: 'D' },
      without,
    ]);
    expect(plan.violations).toEqual([]);
    expect(plan.steps[0]).toMatchObject({ kind: 'records', rowEstimate: 2 });
    await applyChanges(client, plan);
    expect(
      (
        await client.query(`select tier from ${ws.schema}.companies where name = any('{x,y,z}') order by name`)
      ).rows.map((r) => r.tier),
    ).toEqual(['D', 'B', 'D']);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('what is lost is counted', () =>
  db.inTransaction(async (client) => {
    const id = await addField(client, company, { label: 'Motto', type: 'TEXT' });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.companies (name, motto) values ('x', 'a'), ('y', null)`);
    const plan = await planChanges(client, [{ op: 'delete', table: 'fields', id }]);
    expect(plan.losses).toMatchObject([{ kind: 'field', label: 'Motto', records: 1, isRestorable: true }]);
    expect(plan.warnings).toMatchObject([{ code: 'DATA_HIDDEN' }]);
    const gone = await planChanges(client, [
      { op: 'delete', table: 'fields', id },
      { op: 'delete', table: 'fields', id },
    ]);
    expect(gone.losses).toMatchObject([{ records: 1, isRestorable: false }]);
    expect(gone.warnings).toMatchObject([{ code: 'DATA_LOST' }]);
  }));

test('whether a table is rewritten is measured on an empty copy', () =>
  db.inTransaction(async (client) => {
    const { rows } = await client.query(`select evtevent from pg_event_trigger where evtname = 'relvar_table_rewrite'`);
    expect(rows).toEqual([{ evtevent: 'table_rewrite' }]);
    const plan = await planChanges(client, [
      { op: 'createField', objectId: company, label: 'Number', type: 'AUTO_NUMBER' },
      { op: 'createField', objectId: company, label: 'Seen', type: 'DATE_TIME', defaultValue: 'now' },
    ]);
    const added = (column: string) => plan.steps.find((s) => s.statement.includes(`add column ${column} `))!;
    expect(added('number').rewrites).toBe(true);
    expect(added('seen').rewrites).toBe(false);
    // Else it would be in the way of what is meant.
    await applyChanges(client, plan);
    expect(await statements(client, ws)).toEqual([]);
  }));
