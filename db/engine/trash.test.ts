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
