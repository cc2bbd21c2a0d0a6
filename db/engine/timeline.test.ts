import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, insert, objectNamed, type Workspace } from '../testing/workspace.ts';

// The timeline of a record: one stream of what happened to it and what it has, under the rules of whoever reads it.
const db = useDatabase();
let ws: Workspace;
let rep: { id: string; name: string };
let ann: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  rep = rows[0];
  const rule = async (object: string, condition: string) =>
    insert(db.admin, 'metadata.record_rules', {
      workspace_id: ws.id,
      role_id: rep.id,
      object_id: await objectNamed(db.admin, ws, object),
      condition,
    });
  await rule('company', `name <> "Secret"`);
  await rule('note', `title <> "Hidden"`);
  const { rows: fields } = await db.admin.query(
    `select id from metadata.fields where object_id = $1 and name = 'employees'`,
    [await objectNamed(db.admin, ws, 'company')],
  );
  await insert(db.admin, 'metadata.field_permissions', {
    workspace_id: ws.id,
    role_id: rep.id,
    field_id: fields[0].id,
    can_read: false,
  });
  ann = (await db.admin.query(`select core.add_member('acme', 'ann@acme.example', 'Ann', 'Rep') as id`)).rows[0].id;
});

interface Entry {
  entry_key: string;
  kind: string;
  action: string | null;
  after: Record<string, unknown> | null;
  body: string | null;
  related_object: string | null;
  related_id: string | null;
  actor_name: string | null;
}

/** Each statement as if it were a transaction of its own, a minute after the one before. */
async function story(client: pg.ClientBase, name: string) {
  await client.query('reset role');
  const at = (table: string, id: string, minute: number) =>
    client.query(`update ${ws.schema}.${table} set created_at = $2::timestamptz where id = $1`, [
      id,
      new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString(),
    ]);
  const company = await insert(client, `${ws.schema}.companies`, { name });
  await client.query(`update ${ws.schema}.companies set employees = 7 where id = $1`, [company]);
  await client.query(`update ${ws.schema}.companies set name = name || '!' where id = $1`, [company]);
  const tie = async (kind: 'note' | 'task', title: string, minute: number) => {
    const id = await insert(client, `${ws.schema}.${kind}s`, { title });
    const link = await insert(client, `${ws.schema}.${kind}_targets`, {
      [`${kind}_id`]: id,
      target_company_id: company,
    });
    await at(`${kind}_targets`, link, minute);
    return id;
  };
  const hidden = await tie('note', 'Hidden', 1);
  const note = await tie('note', 'Minutes', 2);
  const task = await tie('task', 'Call', 3);
  const file = await insert(client, `${ws.schema}.attachments`, { name: 'offer.pdf', target_company_id: company });
  await at('attachments', file, 4);
  await act(client, ws.adminRole);
  await client.query(`select add_comment('company', $1, 'Good people.')`, [company]);
  await client.query('reset role');
  return { company, hidden, note, task, file };
}

const be = async (client: pg.ClientBase) => {
  await act(client, rep.name);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [ann]);
};
const timeline = async (
  client: pg.ClientBase,
  id: string,
  kinds: string[] | null = null,
  max = 30,
  before: string | null = null,
) =>
  (await client.query<Entry>(`select * from record_timeline('company', $1, $2, $3, $4)`, [id, kinds, max, before]))
    .rows;

describe('the timeline of a record', () => {
  test('is one stream of changes, comments, notes, tasks and files, the latest first', () =>
    db.inTransaction(async (client) => {
      const { company, hidden, note, task, file } = await story(client, 'Acme');
      await act(client, ws.adminRole);
      const entries = await timeline(client, company);
      expect(entries.map(({ kind }) => kind)).toEqual([
        'COMMENT',
        'CHANGE',
        'CHANGE',
        'CHANGE',
        'FILE',
        'TASK',
        'NOTE',
        'NOTE',
      ]);
      expect(entries[0]).toMatchObject({ body: 'Good people.' });
      expect(entries.slice(1, 4).map(({ action }) => action)).toEqual(['updated', 'updated', 'created']);
      expect(entries.slice(4).map((entry) => [entry.related_object, entry.related_id])).toEqual([
        ['attachment', file],
        ['task', task],
        ['note', note],
        ['note', hidden],
      ]);
    }));

  test('shows a role no field, note or comment that it may not read', () =>
    db.inTransaction(async (client) => {
      const { company, note } = await story(client, 'Acme');
      await be(client);
      const entries = await timeline(client, company);
      expect(entries.map(({ kind }) => kind)).toEqual(['COMMENT', 'CHANGE', 'CHANGE', 'FILE', 'TASK', 'NOTE']);
      expect(JSON.stringify(entries)).not.toMatch(/employees/);
      expect(entries.at(-1)!.related_id).toBe(note);
    }));

  test('of a record that is not seen is empty, and of an object that is not read is refused', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Secret');
      await client.query(`update ${ws.schema}.companies set name = 'Secret' where id = $1`, [company]);
      await be(client);
      expect(await timeline(client, company)).toEqual([]);
      await client.query('reset role');
      await insert(client, 'metadata.object_permissions', {
        workspace_id: ws.id,
        role_id: rep.id,
        object_id: await objectNamed(client, ws, 'company'),
        can_read: false,
        can_create: false,
        can_update: false,
        can_delete: false,
      });
      await client.query('set constraints all immediate');
      await be(client);
      expect(await failure(client, () => timeline(client, company))).toMatchObject({ code: '42501' });
    }));

  test('shows no notes to who may not read what ties them', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      await insert(client, 'metadata.object_permissions', {
        workspace_id: ws.id,
        role_id: rep.id,
        object_id: await objectNamed(client, ws, 'note'),
        can_read: false,
        can_create: false,
        can_update: false,
        can_delete: false,
      });
      await client.query('set constraints all immediate');
      await be(client);
      expect((await timeline(client, company)).map(({ kind }) => kind)).not.toContain('NOTE');
    }));

  test('comes in pages that lose and double nothing, and by kind', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      for (const become of [() => act(client, ws.adminRole), () => be(client)]) {
        await become();
        const all = await timeline(client, company);
        const paged: Entry[] = [];
        for (let page = await timeline(client, company, null, 2); page.length > 0;)
          page = await timeline(client, company, null, 2, paged[paged.push(...page) - 1]!.entry_key);
        expect(paged).toEqual(all);
        for (const kind of ['CHANGE', 'COMMENT', 'NOTE', 'TASK', 'FILE'])
          expect(await timeline(client, company, [kind])).toEqual(all.filter((entry) => entry.kind === kind));
      }
    }));

  test('of a record in the trash still tells its changes', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      await client.query(`delete from ${ws.schema}.companies where id = $1`, [company]);
      await be(client);
      expect((await timeline(client, company)).map(({ action }) => action)).toEqual(['deleted', 'updated', 'created']);
    }));

  test('refuses kinds and places that there are not', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      await be(client);
      expect(await failure(client, () => timeline(client, company, ['MAIL']))).toMatchObject({ code: 'RV234' });
      for (const place of ['', 'yesterday~~', '2026-13-01~x'])
        expect(await failure(client, () => timeline(client, company, null, 2, place))).toMatchObject({ code: 'RV233' });
    }));
});
