import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, objectNamed, reconcile, type Workspace } from '../testing/workspace.ts';

// How the pages of records are arranged: who says so, for whom it is, and what is refused.
const db = useDatabase();
let ws: Workspace;
let other: Workspace;
let company: string;
let rep: { id: string; name: string };
let designer: { id: string; name: string };

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  other = await createWorkspace(db.admin, 'other');
  company = await objectNamed(db.admin, ws, 'company');
  const add = async (name: string, permissions: string[]) =>
    (
      await db.admin.query(
        'insert into metadata.roles (workspace_id, name, permissions) values ($1, $2, $3) returning id, pg_role as name',
        [ws.id, name, permissions],
      )
    ).rows[0];
  rep = await add('Rep', []);
  designer = await add('Designer', ['LAYOUTS']);
});

const LAYOUT = { side: [], tabs: [{ id: 'one', name: 'One', widgets: [{ id: 'w', kind: 'TIMELINE' }] }] };
const named = (name: string) => ({ ...LAYOUT, tabs: [{ ...LAYOUT.tabs[0], name }] });

const value = async <T>(client: pg.ClientBase, sql: string, values: unknown[] = []) =>
  Object.values((await client.query(sql, values)).rows[0] ?? {})[0] as T;
const save = (client: pg.ClientBase, content: unknown, role: string | null = null, seen: number | null = null) =>
  value<number>(client, 'select version from metadata.save_layout($1, $2, $3, $4)', [
    company,
    JSON.stringify(content),
    role,
    seen,
  ]);
const mine = async (client: pg.ClientBase) =>
  (await value<{ [object: string]: { tabs: { name: string }[] } }>(client, 'select metadata.my_layouts()'))[company]
    ?.tabs[0]?.name ?? null;

test('who keeps the layouts arranges pages for everybody and for a role, and nobody else does', () =>
  db.inTransaction(async (client) => {
    await act(client, rep.name);
    expect((await failure(client, () => save(client, LAYOUT))).code).toBe('42501');
    expect((await failure(client, () => client.query('select metadata.reset_layout($1)', [company]))).code).toBe(
      '42501',
    );
    await act(client, designer.name);
    await save(client, named('Everybody'));
    await save(client, named('Reps'), rep.id);
    expect(await mine(client)).toBe('Everybody');
    expect(await value(client, 'select count(*)::int from metadata.layouts')).toBe(2);
    await act(client, rep.name);
    expect(await mine(client)).toBe('Reps');
    expect((await client.query('update metadata.layouts set content = content')).rowCount).toBe(0);
    expect((await client.query('delete from metadata.layouts')).rowCount).toBe(0);
    // Another role's is not theirs to see.
    await act(client, ws.memberRole);
    expect(await mine(client)).toBe('Everybody');
    expect(await value(client, 'select count(*)::int from metadata.layouts')).toBe(1);
    await act(client, other.adminRole);
    expect(await value(client, 'select count(*)::int from metadata.layouts')).toBe(0);
    expect((await failure(client, () => save(client, LAYOUT))).code).toBe('RV063');
  }));

test('a role that includes another has its layout where it has none of its own', () =>
  db.inTransaction(async (client) => {
    const lead = (
      await client.query(
        `insert into metadata.roles (workspace_id, name) values ($1, 'Lead') returning id, pg_role as name`,
        [ws.id],
      )
    ).rows[0] as { id: string; name: string };
    await client.query(
      'insert into metadata.role_includes (workspace_id, role_id, included_role_id) values ($1, $2, $3)',
      [ws.id, lead.id, rep.id],
    );
    await reconcile(client);
    await act(client, designer.name);
    await save(client, named('Reps'), rep.id);
    await act(client, lead.name);
    expect(await mine(client)).toBe('Reps');
    await act(client, designer.name);
    await save(client, named('Leads'), lead.id);
    await act(client, lead.name);
    expect(await mine(client)).toBe('Leads');
  }));

test('two who arrange at once do not write over each other unseen', () =>
  db.inTransaction(async (client) => {
    await act(client, designer.name);
    expect(await save(client, LAYOUT, null, 0)).toBe(1);
    expect((await failure(client, () => save(client, LAYOUT, null, 0))).code).toBe('RV290');
    expect(await save(client, named('Mine'), null, 1)).toBe(2);
    expect((await failure(client, () => save(client, LAYOUT, null, 1))).code).toBe('RV290');
    expect(await save(client, LAYOUT)).toBe(3);
    expect(await value(client, 'select metadata.reset_layout($1)', [company])).toBe(true);
    expect(await value(client, 'select metadata.reset_layout($1)', [company])).toBe(false);
    expect(await mine(client)).toBeNull();
  }));

test('a layout goes with its object and its role, and changing one is no change of the model', () =>
  db.inTransaction(async (client) => {
    const version = () => value(client, 'select model_version from core.workspaces where id = $1', [ws.id]);
    const before = await version();
    await act(client, designer.name);
    await save(client, LAYOUT, rep.id);
    await save(client, LAYOUT);
    await client.query('reset role');
    expect(await version()).toEqual(before);
    await client.query('delete from metadata.roles where id = $1', [rep.id]);
    expect(await value(client, 'select count(*)::int from metadata.layouts')).toBe(1);
  }));

const widget = (more: object) => ({ ...LAYOUT, side: [{ id: 'x', ...more }] });

test.each([
  ['no layout at all', []],
  ['a part that there is not', { ...LAYOUT, colour: 'red' }],
  ['no tabs', { side: [] }],
  ['a tab without an id', { ...LAYOUT, tabs: [{ name: 'A', widgets: [] }] }],
  ['a tab with a name that is no text', { ...LAYOUT, tabs: [{ id: 'a', name: 7, widgets: [] }] }],
  ['a widget that there is not', widget({ kind: 'BANNER' })],
  ['a widget with what it does not take', widget({ kind: 'TIMELINE', url: 'https://a.example' })],
  ['a group without fields', widget({ kind: 'FIELDS' })],
  ['a chart of sums over nothing', widget({ kind: 'CHART', relationId: 'r', groupFieldId: 'f', aggregate: 'SUM' })],
  ['a page that is a script', widget({ kind: 'FRAME', url: 'javascript:alert(1)' })],
  ['a page with credentials', widget({ kind: 'FRAME', url: 'https://me:secret@a.example/' })],
  ['two widgets of one name', { ...LAYOUT, side: [{ id: 'w', kind: 'FILES' }] }],
])('%s is refused', (_, content) =>
  db.inTransaction(async (client) => {
    await act(client, designer.name);
    expect(await failure(client, () => save(client, content))).toMatchObject({ code: 'RV289', column: 'content' });
  }),
);

test('a tab that nobody has named is kept without a name, for the screen to say it', () =>
  db.inTransaction(async (client) => {
    await act(client, designer.name);
    await save(client, { ...LAYOUT, tabs: [{ id: 'notes', name: ' ', widgets: [] }] });
    expect(await value(client, "select content -> 'tabs' from metadata.layouts")).toEqual([
      { id: 'notes', widgets: [] },
    ]);
  }));

test('a condition is kept as filters of views are, and refused as they are', () =>
  db.inTransaction(async (client) => {
    await act(client, designer.name);
    const condition = { and: [{ fieldId: company, operand: 'IS_EMPTY' }, { and: [] }] };
    await save(client, widget({ kind: 'FILES', condition }));
    expect(await value(client, `select content #> '{side,0,condition}' from metadata.layouts`)).toEqual({
      and: [{ fieldId: company, operand: 'IS_EMPTY' }],
    });
    expect(
      (
        await failure(client, () =>
          save(client, widget({ kind: 'FILES', condition: { fieldId: 'x', operand: 'NEAR' } })),
        )
      ).code,
    ).toBe('RV186');
  }));
