import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  createWorkspace,
  insert,
  objectNamed,
  reconcile,
  type Workspace,
} from '../testing/workspace.ts';

// The words with which access is explained: each kind of rule has its own, and they agree with what PostgreSQL does.
const db = useDatabase();
let ws: Workspace;
let rep: { id: string; name: string };
let company: string;
let ann: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  rep = rows[0];
  company = await objectNamed(db.admin, ws, 'company');
  ann = (await db.admin.query(`select core.add_member('acme', 'ann@acme.example', 'Ann', 'Rep') as id`)).rows[0].id;
});

interface Question {
  object?: string;
  action?: string;
  record?: string;
  field?: string;
}

const explain = async (client: pg.ClientBase, { object = 'company', action = 'READ', record, field }: Question) => {
  await client.query('reset role');
  const { rows } = await client.query('select engine.explain_access($1, $2, $3, $4, $5, $6) as e', [
    ws.id,
    object,
    action,
    record,
    field,
    ann,
  ]);
  const { allowed, reasons } = rows[0].e as { allowed: boolean; reasons: { kind: string; text: string }[] };
  return [allowed, ...reasons.map(({ kind, text }) => `${kind}: ${text}`)];
};
const fieldId = async (client: pg.ClientBase, object: string, name: string) =>
  (await client.query('select id from metadata.fields where object_id = $1 and name = $2', [object, name])).rows[0]
    .id as string;
const may = async (client: pg.ClientBase, statement: string) => {
  await act(client, rep.name);
  await client.query('savepoint may');
  const answer = await client.query(statement).then(
    () => true,
    () => false,
  );
  await client.query('rollback to may');
  return answer;
};

test('a rule of the object, and what the role may by default', () =>
  db.inTransaction(async (client) => {
    await insert(client, 'metadata.object_permissions', { role_id: rep.id, object_id: company, can_delete: false });
    await reconcile(client);
    expect(await explain(client, {})).toEqual([
      true,
      'ROLE: By default the role may read the records of every object.',
    ]);
    expect(await explain(client, { action: 'DELETE' })).toEqual([
      false,
      'OBJECT: For Companies the role may not delete.',
    ]);
  }));

test('rules of fields, also of what follows from them', () =>
  db.inTransaction(async (client) => {
    const permit = async (name: string, rights: object) =>
      insert(client, 'metadata.field_permissions', {
        role_id: rep.id,
        field_id: await fieldId(client, company, name),
        ...rights,
      });
    await permit('employees', { can_read: false });
    await permit('name', { can_update: false });
    await addField(client, company, { label: 'Half', type: 'FORMULA', settings: { expression: 'employees / 2' } });
    await reconcile(client);
    const last = async (question: Question) => (await explain(client, question)).at(-1);
    expect(await last({ field: 'employees' })).toBe('FIELD: A field rule takes away "Employees".');
    expect(await last({ field: 'employees', action: 'UPDATE' })).toBe(
      'FIELD: A field rule takes away to read "Employees", and so to change it.',
    );
    expect(await last({ field: 'name' })).toBe('FIELD: No field rule takes it away.');
    expect(await last({ field: 'name', action: 'UPDATE' })).toBe('FIELD: A field rule takes away "Name".');
    expect(await last({ field: 'half' })).toBe('COMPUTED: "Half" is made of "Employees", which the role may not read.');
    expect(await last({ field: 'half', action: 'UPDATE' })).toBe('FIELD: "Half" is filled in by the engine.');
    expect(await last({ field: 'createdAt', action: 'UPDATE' })).toMatch(/is filled in by the engine\.$/);
    expect(await may(client, 'select half from companies')).toBe(false);
    expect(await may(client, `update companies set name = 'x'`)).toBe(false);
    expect(await may(client, 'update companies set position = 1')).toBe(true);
    expect((await explain(client, { field: 'position', action: 'UPDATE' }))[0]).toBe(true);
  }));

test('computed fields over records that are not all seen', () =>
  db.inTransaction(async (client) => {
    const person = await objectNamed(client, ws, 'person');
    await addField(client, person, { label: 'Firm', type: 'FORMULA', settings: { expression: 'upper(company.name)' } });
    await insert(client, 'metadata.record_rules', {
      role_id: rep.id,
      object_id: company,
      condition: 'accountOwner = currentMember()',
    });
    await reconcile(client);
    expect((await explain(client, { object: 'person', field: 'firm' })).at(-1)).toBe(
      'COMPUTED: "Firm" is made of Companies, of which the role does not see every record.',
    );
    expect(await may(client, 'select firm from people')).toBe(false);
  }));

test('private objects, shares, and included roles', () =>
  db.inTransaction(async (client) => {
    const note = await addObject(client, ws, { label_singular: 'Memo', label_plural: 'Memos', is_private: true });
    await reconcile(client);
    const owner = (await client.query(`select id from core.members where name = 'owner'`)).rows[0].id as string;
    await act(client, ws.adminRole);
    await client.query(`select set_config('relvar.member_id', $1, true)`, [owner]);
    const id = await insert(client, 'memos', { name: 'x' });
    expect((await explain(client, { object: 'memo', record: id })).slice(-1)).toEqual([
      "PRIVATE: Memos are private: a record is its creator's until it is shared.",
    ]);
    await act(client, ws.adminRole);
    await client.query(`select share_record('memo', $1, 'ROLE', $2, 'READ', 'for all')`, [id, rep.id]);
    expect(await explain(client, { object: 'memo', record: id })).toEqual([
      true,
      'ROLE: By default the role may read the records of every object.',
      "PRIVATE: Memos are private: a record is its creator's until it is shared.",
      'SHARE: owner shared it with the role "Rep": for all.',
    ]);
    expect((await explain(client, { object: 'memo', record: id, action: 'UPDATE' }))[0]).toBe(false);
    await client.query('delete from metadata.objects where id = $1', [note]);
  }));

test('members, who come by invitation, and links, which follow their two sides', () =>
  db.inTransaction(async (client) => {
    expect(await explain(client, { object: 'workspaceMember', action: 'CREATE' })).toEqual([
      false,
      'SYSTEM: Members come and go by invitation, in the settings of the workspace.',
    ]);
    // Neither does a role that may delete everything.
    expect(await may(client, 'delete from workspace_members')).toBe(false);
    expect(await may(client, `insert into workspace_members (name_first_name) values ('x')`)).toBe(false);
    await client.query('reset role');
    const course = await addObject(client, ws, { label_singular: 'Course', label_plural: 'Courses' });
    await addField(client, company, {
      label: 'Courses',
      type: 'MANY_TO_MANY',
      settings: { targetObjectId: course, inverseLabel: 'Companies' },
    });
    await reconcile(client);
    const words = 'LINK: Who reads both objects sees what "Courses" links, and who changes one of them links.';
    expect((await explain(client, { field: 'courses' })).at(-1)).toBe(words);
    await insert(client, 'metadata.object_permissions', { role_id: rep.id, object_id: course, can_read: false });
    await reconcile(client);
    expect(await explain(client, { field: 'courses' })).toEqual([false, expect.anything(), words]);
  }));

test('who keeps the roles learns nothing of a record that he does not see', () =>
  db.inTransaction(async (client) => {
    await client.query('update metadata.objects set is_private = true where id = $1', [company]);
    await reconcile(client);
    await act(client, rep.name);
    await client.query(`select set_config('relvar.member_id', $1, true)`, [ann]);
    const id = await insert(client, 'companies', { name: 'secret' });
    await act(client, ws.adminRole);
    await client.query(`select set_config('relvar.member_id', '', true)`);
    const { rows } = await client.query(`select metadata.explain_access('company', 'READ', $1, null, $2) as e`, [
      id,
      ann,
    ]);
    expect(rows[0].e).toMatchObject({
      allowed: false,
      role: 'Admin',
      reasons: [{ text: 'Your rules do not show this record, or there is none.' }],
    });
  }));
