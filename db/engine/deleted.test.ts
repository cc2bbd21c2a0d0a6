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
  insert,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let other: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  other = await createWorkspace(db.admin, 'other');
});

const project = { label_singular: 'Project', label_plural: 'Projects' };
const value = async (client: pg.ClientBase, sql: string, parameters: unknown[] = []) =>
  Object.values((await client.query(sql, parameters)).rows[0])[0] as never;
interface Dependent {
  kind: string;
  label: string;
  objectLabel: string;
  how: string;
  isBlocking: boolean;
}

/** A field that everything uses which can use one. */
async function usedField(client: pg.ClientBase) {
  const object = await addObject(client, ws, project);
  const field = await addField(client, object, {
    label: 'Stage',
    type: 'SELECT',
    options: ['NEW', 'DONE'].map((option) => ({ value: option, label: option })),
    default_value: 'NEW',
  });
  const view = await insert(client, 'metadata.views', {
    workspace_id: ws.id,
    object_id: object,
    name: 'By stage',
    group_field_id: field,
    filter: JSON.stringify({ [field]: { in: ['NEW'] } }),
    sorts: JSON.stringify([{ fieldId: field }]),
  });
  await insert(client, 'metadata.view_fields', { workspace_id: ws.id, view_id: view, field_id: field });
  await insert(client, 'metadata.indexes', {
    workspace_id: ws.id,
    object_id: object,
    name: 'Stages',
    parts: JSON.stringify([{ fieldId: field }]),
  });
  await client.query('update metadata.objects set duplicate_criteria = $2 where id = $1', [
    object,
    JSON.stringify([[field]]),
  ]);
  return { object, field, view };
}

test('what uses a field is listed, and deleting or switching off the field is refused', () =>
  db.inTransaction(async (client) => {
    const { field } = await usedField(client);
    await reconcile(client);
    await act(client, ws.memberRole);
    const uses: Dependent[] = await value(client, `select metadata.dependents('field', $1)`, [field]);
    expect(uses.map(({ kind, label, how }) => `${kind} ${label} ${how}`)).toEqual([
      'index Stages goes by it',
      'object Projects finds duplicates by it',
      'view By stage groups by it, filters by it, sorts by it, shows it',
    ]);
    expect(uses.map((use) => use.isBlocking)).toEqual([true, true, false]);
    expect(uses.every((use) => use.objectLabel === 'Projects')).toBe(true);
    await act(client, other.adminRole);
    expect((await failure(client, () => client.query(`select metadata.dependents('field', $1)`, [field]))).code).toBe(
      '42501',
    );
    await act(client, ws.adminRole);
    for (const sql of [
      'delete from metadata.fields where id = $1',
      'select metadata.delete_field($1)',
      'update metadata.fields set is_active = false where id = $1',
    ]) {
      const error = await failure(client, () => client.query(sql, [field]));
      expect(error).toMatchObject({ code: 'RV061', hint: expect.stringContaining('delete_field') });
      expect(error.message).toContain('the index "Stages" of Projects goes by it');
      expect(error.detail!.split('\n')).toHaveLength(2);
    }
  }));

test('another field of the same type takes its place wherever it was used', () =>
  db.inTransaction(async (client) => {
    const { object, field, view } = await usedField(client);
    const text = await addField(client, object, { label: 'Words', type: 'NUMBER' });
    const next = await addField(client, object, { label: 'Phase', type: 'TEXT' });
    await reconcile(client);
    await act(client, ws.adminRole);
    expect(
      (await failure(client, () => client.query('select metadata.delete_field($1, $2)', [field, text]))).code,
    ).toBe('RV064');
    await client.query('select metadata.delete_field($1, $2)', [field, next]);
    const uses: Dependent[] = await value(client, `select metadata.dependents('field', $1)`, [next]);
    expect(uses.map((use) => use.kind)).toEqual(['index', 'object', 'view']);
    expect(await value(client, 'select group_field_id from metadata.views where id = $1', [view])).toBe(next);
    expect(await value(client, `select metadata.dependents('field', $1)`, [field])).toEqual([]);
    await reconcile(client);
    await client.query('reset role');
    expect(await statements(client, ws)).toEqual([]);
  }));

test('an option that the default uses is not removed, until another takes its place, in views as well', () =>
  db.inTransaction(async (client) => {
    const { field, view } = await usedField(client);
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.projects (name, stage) values ('a', 'NEW'), ('b', 'DONE')`);
    await act(client, ws.adminRole);
    const uses: Dependent[] = await value(client, `select metadata.dependents('option', $1, 'NEW')`, [field]);
    expect(uses.map(({ kind, label }) => [kind, label])).toEqual([
      ['default', 'Stage'],
      ['view', 'By stage'],
      ['records', '1'],
    ]);
    expect((await failure(client, () => client.query(`select metadata.delete_option($1, 'NEW')`, [field]))).code).toBe(
      'RV061',
    );
    expect(
      (await failure(client, () => client.query(`select metadata.delete_option($1, 'NEW', 'GONE')`, [field]))).code,
    ).toBe('RV064');
    expect((await failure(client, () => client.query(`select metadata.delete_option($1, 'GONE')`, [field]))).code).toBe(
      'RV063',
    );
    await client.query(`select metadata.delete_option($1, 'NEW', 'DONE')`, [field]);
    await reconcile(client);
    expect(await value(client, 'select filter from metadata.views where id = $1', [view])).toEqual({
      fieldId: field,
      operand: 'IS',
      value: ['DONE'],
    });
    expect((await client.query('select distinct stage from projects')).rows).toEqual([{ stage: 'DONE' }]);
    expect(await value(client, 'select default_value from metadata.fields where id = $1', [field])).toBe('DONE');
  }));

test('an option that goes leaves the filters that ask for it', () =>
  db.inTransaction(async (client) => {
    const { field, view } = await usedField(client);
    const filter = async () => value(client, 'select filter from metadata.views where id = $1', [view]);
    const asks = (given: string[]) => ({ fieldId: field, operand: 'IS', value: given });
    await client.query('update metadata.views set filter = $2 where id = $1', [
      view,
      JSON.stringify({ or: [asks(['NEW', 'DONE']), { not: asks(['NEW']) }] }),
    ]);
    await client.query(`update metadata.fields set default_value = null where id = $1`, [field]);
    await client.query(`select metadata.delete_option($1, 'NEW')`, [field]);
    await reconcile(client);
    expect(await filter()).toEqual({ or: [asks(['DONE'])] });
  }));

test('an option that nothing but records have is not removed either', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, project);
    const field = await addField(client, object, {
      label: 'Stage',
      type: 'SELECT',
      options: ['NEW', 'DONE'].map((option) => ({ value: option, label: option })),
    });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.projects (stage) values ('NEW')`);
    await client.query(`select metadata.delete_option($1, 'NEW')`, [field]);
    expect((await failure(client, () => reconcile(client))).code).toBe('RV023');
  }));

test('deleted things are listed once, restored by those who manage the model, and purged on demand', () =>
  db.inTransaction(async (client) => {
    const company = await objectNamed(client, ws, 'company');
    const object = await addObject(client, ws, project);
    const field = await addField(client, company, { label: 'Motto', type: 'TEXT' });
    await addRelation(client, object, 'Customer', company, { label: 'Projects' });
    await addField(client, object, { label: 'Partners', type: 'MANY_TO_MANY', settings: { targetObjectId: company } });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.companies (name, motto) values ('x', 'y')`);
    await act(client, ws.adminRole);
    const before = await value(client, 'select metadata.model() -> $1', ['objects']);
    await client.query('select metadata.delete_object($1)', [object]);
    await client.query('select metadata.delete_field($1)', [field]);
    await reconcile(client);
    const items: {
      kind: string;
      id: string;
      label: string;
      objectLabel: string | null;
      purgedAt: string;
      deletedAt: string;
    }[] = await value(client, 'select metadata.deleted_items()');
    expect(items.map(({ kind, label, objectLabel }) => [kind, label, objectLabel])).toEqual([
      ['field', 'Motto', 'Companies'],
      ['object', 'Projects', null],
    ]);
    expect(Date.parse(items[0]!.purgedAt) - Date.parse(items[0]!.deletedAt)).toBe(30 * 86_400_000);
    await act(client, other.adminRole);
    expect(await value(client, 'select metadata.deleted_items()')).toEqual([]);
    for (const role of [other.adminRole, ws.memberRole]) {
      await act(client, role);
      for (const call of ['restore_object', 'purge_object', 'delete_object'])
        expect((await failure(client, () => client.query(`select metadata.${call}($1)`, [object]))).code).toBe('42501');
      for (const call of ['restore_field', 'purge_field', 'delete_field'])
        expect((await failure(client, () => client.query(`select metadata.${call}($1)`, [field]))).code).toBe('42501');
    }
    await act(client, ws.adminRole);
    const relation = await value(client, `select id from metadata.fields where object_id = $1 and name = 'customer'`, [
      object,
    ]);
    expect((await failure(client, () => client.query('select metadata.restore_field($1)', [relation]))).code).toBe(
      'RV065',
    );
    await client.query('select metadata.restore_object($1)', [object]);
    await client.query('select metadata.restore_field($1)', [field]);
    await reconcile(client);
    expect(await value(client, 'select metadata.model() -> $1', ['objects'])).toEqual(before);
    expect(await value(client, `select motto from companies where name = 'x'`)).toBe('y');
    expect((await failure(client, () => client.query('select metadata.purge_field($1)', [field]))).code).toBe('RV065');
    expect((await failure(client, () => client.query('select metadata.purge_object($1)', [object]))).code).toBe(
      'RV065',
    );
    await client.query('select metadata.delete_field($1), metadata.delete_object($2)', [field, object]);
    await client.query('select metadata.purge_field($1), metadata.purge_object($2)', [field, object]);
    await reconcile(client);
    expect(await value(client, 'select metadata.deleted_items()')).toEqual([]);
    await client.query('reset role');
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a target taken from a relation to several is planned as a loss, listed, restored and purged', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, project);
    const targets = [await objectNamed(client, ws, 'company'), await objectNamed(client, ws, 'person')];
    await act(client, ws.adminRole);
    await client.query(
      `select metadata.create_field($1, 'Payer', 'MORPH_RELATION', target_object_ids => $2, inverse_label => 'Paid projects')`,
      [object, targets],
    );
    await reconcile(client);
    await client.query(`insert into companies (name) values ('Acme')`);
    await client.query(
      `insert into projects (name, payer_company_id) select 'x', id from companies where name = 'Acme'`,
    );
    const relation: string = await value(
      client,
      `select r.id from metadata.relations r join metadata.fields f on f.id = r.field_id where f.name = 'payer' and r.target_object_id = $1`,
      [targets[0]],
    );
    const changes = JSON.stringify([{ op: 'delete', table: 'relations', id: relation }]);
    const { losses }: { losses: unknown[] } = await value(client, 'select metadata.plan_changes($1, $2)', [
      ws.id,
      changes,
    ]);
    expect(losses).toMatchObject([{ kind: 'relation', label: 'Payer: Companies', records: 1, isRestorable: true }]);
    const items = (): Promise<unknown[]> => value(client, 'select metadata.deleted_items()');
    const change = async (op: string) => {
      const steps = JSON.stringify([{ op, table: 'relations', id: relation }]);
      const plan: { fingerprint: string } = await value(client, 'select metadata.plan_changes($1, $2)', [ws.id, steps]);
      await client.query('select metadata.apply_changes($1, $2, $3)', [ws.id, steps, plan.fingerprint]);
      await reconcile(client);
    };
    await change('delete');
    expect(await items()).toMatchObject([
      { kind: 'relation', id: relation, label: 'Payer: Companies', objectLabel: 'Projects' },
    ]);
    await change('restore');
    expect(await items()).toEqual([]);
    expect(await value(client, 'select count(payer_company_id)::int from projects')).toBe(1);
    await change('delete');
    await client.query('reset role');
    await client.query(`select engine.purge_deleted('-1 day')`);
    await reconcile(client);
    expect((await client.query('select from metadata.relations where id = $1', [relation])).rowCount).toBe(0);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('the history says in words who changed what, to members of the workspace only', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const { id } = (await client.query(`select id from metadata.create_object('Boat', 'Boats')`)).rows[0];
    await reconcile(client);
    await client.query(`select metadata.create_field($1, 'Length', 'NUMBER')`, [id]);
    await client.query(`update metadata.objects set label_plural = 'Ships' where id = $1`, [id]);
    await reconcile(client);
    await client.query(`delete from metadata.fields where object_id = $1 and name = 'length'`, [id]);
    await act(client, ws.memberRole);
    interface Entry {
      version: number;
      summary: string;
      statements: string[];
      actorType: string;
      changes: { table: string; before: unknown; after: unknown }[];
    }
    const history: Entry[] = await value(client, 'select metadata.model_history(3)');
    expect(history.map((entry) => entry.summary)).toEqual([
      'Deleted the field "Length" of Ships',
      'Added the field "Length" of Ships; Renamed the object "Ships" from "Boats"',
      'Added the object "Boats"',
    ]);
    expect(history[2]!.statements.some((statement) => statement.startsWith('create table'))).toBe(true);
    expect(history[0]!.changes).toMatchObject([{ table: 'fields', before: { deleted_at: null } }]);
    const earlier: Entry[] = await value(client, 'select metadata.model_history(1, $1)', [history[0]!.version]);
    expect(earlier.map((entry) => entry.version)).toEqual([history[1]!.version]);
    await act(client, other.adminRole);
    expect(await value(client, 'select metadata.model_history()')).toMatchObject([
      { summary: 'Created the workspace' },
    ]);
  }));
