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
  reconcile,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

/** Clients with a unique code; visits go with their client, letters stay without. A transaction's id tells what went together. */
async function shop(client: pg.PoolClient) {
  const clients = await addObject(client, ws, { label_singular: 'Client', label_plural: 'Clients' });
  await addField(client, clients, { label: 'Code', type: 'TEXT', is_unique: true });
  const visits = await addObject(client, ws, { label_singular: 'Visit', label_plural: 'Visits' });
  const letters = await addObject(client, ws, { label_singular: 'Letter', label_plural: 'Letters' });
  await addRelation(client, visits, 'Client', clients, { label: 'Visits', onDelete: 'CASCADE' });
  await addRelation(client, letters, 'Client', clients, { label: 'Letters' });
  await reconcile(client);
  const id = await insert(client, `${ws.schema}.clients`, { name: 'Ann', code: 'A1' });
  const visit = await insert(client, `${ws.schema}.visits`, { name: 'Monday', client_id: id });
  const letter = await insert(client, `${ws.schema}.letters`, { name: 'Dear', client_id: id });
  await client.query(`set local search_path = ${ws.schema}, public`);
  return { clients, visits, letters, id, visit, letter };
}

const restore = async (client: pg.PoolClient, object: string, id: string) =>
  (await client.query('select restore_record($1, $2) as done', [object, id])).rows[0].done;
const count = async (client: pg.PoolClient, table: string) => (await client.query(`select 1 from ${table}`)).rowCount;

test('deleting moves to the trash, restoring brings back the record as it was', () =>
  db.inTransaction(async (client) => {
    const { id } = await shop(client);
    const before = (await client.query('select to_jsonb(c) as row from clients c')).rows[0].row;
    await client.query('delete from clients');
    const { rows } = await client.query(
      `select label, data ->> 'code' as code, deleted_by_name as by from trash where record_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ label: 'Ann', code: 'A1', by: 'postgres' }]);
    expect(await restore(client, 'client', id)).toBe(true);
    expect((await client.query('select to_jsonb(c) as row from clients c')).rows[0].row).toEqual(before);
    expect(await count(client, 'trash')).toBe(0);
    expect(await restore(client, 'client', id)).toBe(false);
  }));

test('what went along comes back, and links that were cut are tied again', () =>
  db.inTransaction(async (client) => {
    const { id, visit } = await shop(client);
    await client.query('delete from clients');
    expect(await count(client, 'visits')).toBe(0);
    expect((await client.query('select client_id from letters')).rows).toEqual([{ client_id: null }]);
    await restore(client, 'client', id);
    expect((await client.query('select id, client_id from visits')).rows).toEqual([{ id: visit, client_id: id }]);
    expect((await client.query('select client_id from letters')).rows).toEqual([{ client_id: id }]);
    const { rows } = await client.query(
      `select action, count(*)::int as n from record_events where action = 'restored' group by 1`,
    );
    expect(rows).toEqual([{ action: 'restored', n: 2 }]);
  }));

test('a link that somebody has tied elsewhere meanwhile is left as it is', () =>
  db.inTransaction(async (client) => {
    const { id } = await shop(client);
    await client.query('delete from clients');
    const other = await insert(client, 'clients', { name: 'Bob' });
    await client.query('update letters set client_id = $1', [other]);
    await restore(client, 'client', id);
    expect((await client.query('select client_id from letters')).rows).toEqual([{ client_id: other }]);
  }));

test('a record whose linked record is gone comes back with that link empty', () =>
  db.inTransaction(async (client) => {
    const { letter, visit } = await shop(client);
    await client.query('delete from letters');
    await client.query('delete from visits');
    await client.query('delete from clients');
    expect(await restore(client, 'letter', letter)).toBe(true);
    expect(await restore(client, 'visit', visit)).toBe(true);
    expect((await client.query('select client_id from letters union all select client_id from visits')).rows).toEqual([
      { client_id: null },
      { client_id: null },
    ]);
  }));

test('a record whose required link is gone cannot come back, and says what is missing', () =>
  db.inTransaction(async (client) => {
    const { visits, visit } = await shop(client);
    await client.query(`update metadata.fields set is_required = true where object_id = $1 and name = 'client'`, [
      visits,
    ]);
    await reconcile(client);
    await client.query('delete from visits');
    await client.query('delete from clients');
    const error = await failure(client, () => restore(client, 'visit', visit));
    expect(error.code).toBe('RV013');
    expect(error.message).toContain('Client');
    expect(await count(client, 'trash')).toBe(2);
  }));

test('a unique value that somebody took meanwhile is a clear refusal', () =>
  db.inTransaction(async (client) => {
    const { id } = await shop(client);
    await client.query('delete from clients');
    await client.query(`insert into clients (name, code) values ('Other', 'A1')`);
    const error = await failure(client, () => restore(client, 'client', id));
    expect(error.code).toBe('RV014');
    expect(error.hint).toBeTruthy();
    expect((await client.query('select 1 from trash where record_id = $1', [id])).rowCount).toBe(1);
  }));

test('a self relation: children come back under their parents', () =>
  db.inTransaction(async (client) => {
    const folder = await addObject(client, ws, { label_singular: 'Folder', label_plural: 'Folders' });
    await addRelation(client, folder, 'Parent', folder, { label: 'Children', onDelete: 'CASCADE' });
    await reconcile(client);
    await client.query(`set local search_path = ${ws.schema}, public`);
    const root = await insert(client, 'folders', { name: 'root' });
    const child = await insert(client, 'folders', { name: 'child', parent_id: root });
    await insert(client, 'folders', { name: 'grandchild', parent_id: child });
    await client.query('delete from folders where id = $1', [root]);
    expect(await count(client, 'folders')).toBe(0);
    await restore(client, 'folder', root);
    expect(
      (
        await client.query(
          'select c.name, p.name as parent from folders c left join folders p on p.id = c.parent_id order by 1',
        )
      ).rows,
    ).toEqual([
      { name: 'child', parent: 'root' },
      { name: 'grandchild', parent: 'child' },
      { name: 'root', parent: null },
    ]);
  }));

test('destroying takes it out of the trash; the event stays', () =>
  db.inTransaction(async (client) => {
    const { id, clients } = await shop(client);
    await client.query('delete from clients');
    expect((await client.query(`select destroy_record('client', $1) as done`, [id])).rows[0].done).toBe(true);
    expect((await client.query(`select destroy_record('client', $1) as done`, [id])).rows[0].done).toBe(false);
    expect(await restore(client, 'client', id)).toBe(false);
    expect(
      (await client.query('select action from record_events where record_id = $1 order by batch', [id])).rows.map(
        (r) => r.action,
      ),
    ).toEqual(['created', 'deleted', 'destroyed']);
    expect(
      (await client.query(`select 1 from engine.outbox where object_id = $1 and action = 'destroyed'`, [clients]))
        .rowCount,
    ).toBe(1);
  }));

test('the trash keeps up with the model: renamed, added and deleted fields', () =>
  db.inTransaction(async (client) => {
    const { clients, id } = await shop(client);
    const gone = await addField(client, clients, { label: 'Gone', type: 'TEXT' });
    await reconcile(client);
    await client.query(`update clients set gone = 'x'`);
    await client.query('delete from clients');
    await client.query(`update metadata.fields set name = 'number' where object_id = $1 and name = 'code'`, [clients]);
    await client.query('delete from metadata.fields where id = $1', [gone]);
    await addField(client, clients, { label: 'Grade', type: 'TEXT', default_value: 'new', is_required: true });
    await client.query(`update metadata.objects set name_singular = 'patron', name_plural = 'patrons' where id = $1`, [
      clients,
    ]);
    await reconcile(client);
    expect(await restore(client, 'patron', id)).toBe(true);
    expect((await client.query('select name, number, grade from patrons')).rows).toEqual([
      { name: 'Ann', number: 'A1', grade: 'new' },
    ]);
    expect((await client.query('select client_id from letters')).rows).toEqual([{ client_id: id }]);
    expect(await count(client, 'visits')).toBe(1);
  }));

test('with its object deleted nothing is restored, and when it is purged its records leave the trash', () =>
  db.inTransaction(async (client) => {
    const { clients, id } = await shop(client);
    await client.query('delete from clients');
    await client.query('delete from metadata.objects where id = $1', [clients]);
    await reconcile(client);
    expect(await failure(client, () => restore(client, 'client', id))).toMatchObject({ code: 'RV011' });
    expect((await client.query('select 1 from trash where record_id = $1', [id])).rowCount).toBe(1);
    await client.query('delete from metadata.objects where id = $1', [clients]);
    await reconcile(client);
    expect((await client.query('select 1 from trash where record_id = $1', [id])).rowCount).toBe(0);
  }));

test('an id that is used again and deleted again does not stand in the way', () =>
  db.inTransaction(async (client) => {
    const { id } = await shop(client);
    await client.query('delete from clients');
    await client.query(`insert into clients (id, name) values ($1, 'Again')`, [id]);
    expect(await failure(client, () => restore(client, 'client', id))).toMatchObject({ code: 'RV014' });
    await client.query('delete from clients');
    expect((await client.query('select label from trash where record_id = $1', [id])).rows).toEqual([
      { label: 'Again' },
    ]);
  }));

test('a member restores and destroys what the role may delete, and with it what went along', () =>
  db.inTransaction(async (client) => {
    const { clients, visits, id } = await shop(client);
    const permit = (object: string, mayDelete: boolean) =>
      client.query(
        `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
         select $1, id, $2, true, false, false, $4 from metadata.roles where pg_role = $3
         on conflict (role_id, object_id) do update set can_delete = excluded.can_delete`,
        [ws.id, object, ws.memberRole, mayDelete],
      );
    await permit(visits, false);
    await permit(clients, true);
    await reconcile(client);
    await act(client, ws.memberRole);
    await client.query('delete from clients');
    expect(await restore(client, 'client', id)).toBe(true);
    expect(await count(client, 'visits')).toBe(1);
    await client.query('delete from clients');
    await client.query('reset role');
    await permit(clients, false);
    await reconcile(client);
    await act(client, ws.memberRole);
    for (const verb of ['restore', 'destroy'])
      expect(await failure(client, () => client.query(`select ${verb}_record('client', $1)`, [id]))).toMatchObject({
        code: '42501',
      });
    expect(await failure(client, () => client.query(`select restore_record('nothing', $1)`, [id]))).toMatchObject({
      code: 'RV011',
    });
  }));

const plan = async (client: pg.PoolClient, object: string, ids: string[], choices = {}) =>
  (await client.query('select plan_restore($1, $2, $3) as plan', [object, ids, JSON.stringify(choices)])).rows[0].plan;
const restoreAll = async (client: pg.PoolClient, object: string, ids: string[], choices = {}, onProblem = 'REFUSE') =>
  (
    await client.query('select restore_records($1, $2, $3, $4) as done', [
      object,
      ids,
      JSON.stringify(choices),
      onProblem,
    ])
  ).rows[0].done;

test('a plan says what is taken, by whom, and that the record comes back without it', () =>
  db.inTransaction(async (client) => {
    const { id } = await shop(client);
    await client.query('delete from clients');
    const other = await insert(client, 'clients', { name: 'Other', code: 'A1' });
    expect(await plan(client, 'client', [id])).toEqual({
      restorable: 0,
      missing: 0,
      left: [
        {
          recordId: id,
          label: 'Ann',
          problems: [
            expect.objectContaining({
              kind: 'TAKEN',
              columns: [{ name: 'code', value: 'A1' }],
              canLeaveOut: true,
              takenBy: { recordId: other, label: 'Other' },
              fieldName: 'code',
            }),
          ],
        },
      ],
    });
    // Nothing has changed by it.
    expect((await client.query(`select data ->> 'code' as code from trash where record_id = $1`, [id])).rows).toEqual([
      { code: 'A1' },
    ]);
    expect(await plan(client, 'client', [id], { [id]: { code: 'A2' } })).toEqual({
      restorable: 1,
      missing: 0,
      left: [],
    });
  }));

test('a record comes back without its taken value, or with another', () =>
  db.inTransaction(async (client) => {
    const { id, visit } = await shop(client);
    await client.query('delete from clients');
    await insert(client, 'clients', { name: 'Other', code: 'A1' });
    expect(await failure(client, () => restoreAll(client, 'client', [id]))).toMatchObject({ code: 'RV014' });
    expect(await restoreAll(client, 'client', [id], { [id]: { code: null } })).toEqual({
      restored: 1,
      missing: 0,
      left: [],
    });
    expect((await client.query('select name, code from clients where id = $1', [id])).rows).toEqual([
      { name: 'Ann', code: null },
    ]);
    expect((await client.query('select id from visits')).rows).toEqual([{ id: visit }]);
    await client.query('delete from clients where id = $1', [id]);
    await restoreAll(client, 'client', [id], { [id]: { code: 'A9' } });
    expect((await client.query('select code from clients where id = $1', [id])).rows).toEqual([{ code: 'A9' }]);
  }));

test('an option that is gone and a field that is required meanwhile are told one by one, and chosen', () =>
  db.inTransaction(async (client) => {
    const { clients, id } = await shop(client);
    const size = await addField(client, clients, {
      label: 'Size',
      type: 'SELECT',
      options: [
        { id: 'a0000000-0000-4000-8000-000000000001', value: 'SMALL', label: 'Small', color: 'gray', position: 0 },
        { id: 'a0000000-0000-4000-8000-000000000002', value: 'LARGE', label: 'Large', color: 'gray', position: 1 },
      ],
    });
    const note = await addField(client, clients, { label: 'Note', type: 'TEXT' });
    await reconcile(client);
    await client.query(`update clients set size = 'SMALL'`);
    await client.query('delete from clients');
    await client.query(`update metadata.fields set options = jsonb_path_query_array(options, '$[1]') where id = $1`, [
      size,
    ]);
    await client.query(`update metadata.fields set is_required = true where id = $1`, [note]);
    await reconcile(client);
    const { left } = await plan(client, 'client', [id]);
    expect(
      left[0].problems.map((problem: { kind: string; fieldName: string }) => [problem.kind, problem.fieldName]),
    ).toEqual(expect.arrayContaining([['REQUIRED', 'note']]));
    expect(await restoreAll(client, 'client', [id], { [id]: { note: 'x', size: 'LARGE' } })).toMatchObject({
      restored: 1,
    });
    expect((await client.query('select size, note from clients')).rows).toEqual([{ size: 'LARGE', note: 'x' }]);
  }));

test('many come back at once; what is in the way stays, or holds up all', () =>
  db.inTransaction(async (client) => {
    await shop(client);
    await client.query('delete from clients');
    const { rows } = await client.query(
      `insert into clients (name, code) select 'C' || n, 'C' || n from generate_series(1, 200) n returning id`,
    );
    const ids = rows.map((row) => row.id as string);
    expect((await client.query('select delete_records($1, $2) as n', ['client', ids])).rows).toEqual([{ n: 200 }]);
    await client.query(`insert into clients (name, code) values ('Taker', 'C7')`);
    expect(await failure(client, () => restoreAll(client, 'client', ids))).toMatchObject({ code: 'RV231' });
    expect(await count(client, 'clients')).toBe(1);
    const done = await restoreAll(client, 'client', [...ids, '00000000-0000-4000-8000-000000000000'], {}, 'SKIP');
    expect(done).toMatchObject({ restored: 199, missing: 1, left: [{ code: 'RV014' }] });
    expect(await count(client, 'clients')).toBe(200);
  }));

test('what needs another that is restored with it waits for it', () =>
  db.inTransaction(async (client) => {
    const { visits } = await shop(client);
    await client.query(`update metadata.fields set is_required = true where object_id = $1 and name = 'client'`, [
      visits,
    ]);
    const chain = await addObject(client, ws, { label_singular: 'Link', label_plural: 'Links' });
    await addRelation(client, chain, 'Former', chain, { label: 'Later', onDelete: 'RESTRICT' });
    await reconcile(client);
    const first = await insert(client, 'links', { name: 'first' });
    const second = await insert(client, 'links', { name: 'second', former_id: first });
    await client.query('delete from links where id = $1', [second]);
    await client.query('delete from links where id = $1', [first]);
    expect(await restoreAll(client, 'link', [second, first])).toMatchObject({ restored: 2, left: [] });
  }));

test('choices are of who may make them', () =>
  db.inTransaction(async (client) => {
    const { clients, id } = await shop(client);
    const permit = (mayUpdate: boolean) =>
      client.query(
        `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
         select $1, id, $2, true, false, $4, true from metadata.roles where pg_role = $3
         on conflict (role_id, object_id) do update set can_update = excluded.can_update`,
        [ws.id, clients, ws.memberRole, mayUpdate],
      );
    await permit(false);
    await reconcile(client);
    await client.query('delete from clients');
    await act(client, ws.memberRole);
    const choose = () => restoreAll(client, 'client', [id], { [id]: { code: 'B1' } });
    expect(await failure(client, choose)).toMatchObject({ code: '42501' });
    await client.query('reset role');
    await permit(true);
    await reconcile(client);
    await act(client, ws.memberRole);
    expect(await failure(client, () => restoreAll(client, 'client', [id], { [id]: { cod: 'B1' } }))).toMatchObject({
      code: 'RV228',
      hint: 'Did you mean code?',
    });
    expect(await choose()).toMatchObject({ restored: 1 });
    expect(await failure(client, () => restoreAll(client, 'client', [id], { [id]: { code: 'B1' } }))).toMatchObject({
      code: 'RV227',
    });
  }));

test('the whole trash is listed, page by page, by words and by who deleted', () =>
  db.inTransaction(async (client) => {
    const { id, visit, letter } = await shop(client);
    await client.query('delete from letters');
    await client.query('delete from clients');
    const list = async (parameters: unknown[] = [null, null, null, 50, null, null]) =>
      (await client.query('select t.*, t.deleted_at::text as at from list_trash($1, $2, $3, $4, $5, $6) t', parameters))
        .rows;
    const all = await list();
    expect(all.map((row) => row.record_id).sort()).toEqual([id, visit, letter].sort());
    expect(all[0]).toMatchObject({ may_restore: true, may_destroy: true, deleted_by_name: 'postgres' });
    expect(all[0].destroyed_at > all[0].deleted_at).toBe(true);
    const [first] = await list([null, null, null, 1, null, null]);
    const rest = await list([null, null, null, 50, first.at, first.id]);
    expect([first, ...rest].map((row) => row.record_id)).toEqual(all.map((row) => row.record_id));
    expect(await list(['visit', null, null, 50, null, null])).toHaveLength(1);
    expect((await list([null, 'mOnD', null, 50, null, null])).map((row) => row.record_id)).toEqual([visit]);
    expect(await list([null, '%', null, 50, null, null])).toEqual([]);
    expect(await list([null, null, 'nobody', 50, null, null])).toEqual([]);
    const { rows } = await client.query(`select destroy_records('client', $1) as n`, [[id, letter]]);
    expect(rows).toEqual([{ n: 1 }]);
    expect((await list()).map((row) => row.record_id)).not.toContain(id);
  }));

test('a limited role lists and restores its own in the trash, and is told nothing of others', () =>
  db.inTransaction(async (client) => {
    const { clients } = await shop(client);
    await client.query('delete from clients');
    await client.query(
      `insert into metadata.record_rules (workspace_id, role_id, object_id, action, name, condition)
       select $1, id, $2, a, a, 'code = "MINE"' from metadata.roles cross join unnest('{READ,UPDATE,DELETE}'::text[]) a where pg_role = $3`,
      [ws.id, clients, ws.memberRole],
    );
    await reconcile(client);
    const mine = await insert(client, 'clients', { name: 'Mine', code: 'MINE' });
    const theirs = await insert(client, 'clients', { name: 'Theirs', code: 'THEIRS' });
    await client.query('delete from clients');
    await insert(client, 'clients', { name: 'Taker', code: 'THEIRS' });
    await act(client, ws.memberRole);
    const { rows } = await client.query(`select record_id from list_trash('client')`);
    expect(rows).toEqual([{ record_id: mine }]);
    expect(await plan(client, 'client', [mine, theirs])).toEqual({ restorable: 1, missing: 1, left: [] });
    expect(await restoreAll(client, 'client', [mine, theirs])).toEqual({ restored: 1, missing: 1, left: [] });
    expect((await client.query('select delete_records($1, $2) as n', ['client', [mine, theirs]])).rows).toEqual([
      { n: 1 },
    ]);
    await client.query('reset role');
    await client.query(`insert into clients (name, code) values ('Taker', 'MINE')`);
    await act(client, ws.memberRole);
    const { left } = await plan(client, 'client', [mine]);
    expect(left[0].problems).toEqual([expect.objectContaining({ kind: 'TAKEN', columns: [] })]);
    expect(JSON.stringify(left)).not.toContain('Taker');
  }));
