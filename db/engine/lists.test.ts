import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  createWorkspace,
  failure,
  insert,
  objectNamed,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

// Lists are an object that the workspace gets when somebody first wants them; many records are put on one at once.
const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

const keep = async (client: pg.ClientBase, object: string) =>
  (
    await client.query<{ kept: boolean }>('select metadata.keep_lists($1) as kept', [
      await objectNamed(client, ws, object),
    ])
  ).rows[0]!.kept;

async function peopleOnLists(client: pg.ClientBase, count: number) {
  await act(client, ws.adminRole);
  await keep(client, 'person');
  await reconcile(client);
  const { rows } = await client.query<{ id: string }>(
    `insert into people (name_first_name) select 'P' || n from generate_series(1, $1) n returning id`,
    [count],
  );
  return { people: rows.map(({ id }) => id), fair: await insert(client, 'lists', { name: 'Trade fair' }) };
}

const link = async (client: pg.ClientBase, ids: string[], list: string, areLinked = true, field = 'lists') =>
  (
    await client.query<{ count: number }>(`select link_records('person', $1, $2, $3, $4) as count`, [
      ids,
      field,
      list,
      areLinked,
    ])
  ).rows[0]!.count;

test('objects have lists when somebody says so, all of them the same', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    expect([await keep(client, 'person'), await keep(client, 'person')]).toEqual([true, false]);
    expect(await keep(client, 'company')).toBe(true);
    expect(await keep(client, 'list')).toBe(false);
    await reconcile(client);
    const { rows } = await client.query(
      `select o.name_singular as object, f.name from metadata.fields f join metadata.objects o on o.id = f.object_id
       where f.type = 'MANY_TO_MANY' order by 1, 2`,
    );
    expect(rows).toEqual([
      { object: 'company', name: 'lists' },
      { object: 'list', name: 'companies' },
      { object: 'list', name: 'people' },
      { object: 'person', name: 'lists' },
    ]);
    await client.query('reset role');
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a member who does not keep the model cannot make lists of an object', () =>
  db.inTransaction(async (client) => {
    const person = await objectNamed(client, ws, 'person');
    await act(client, ws.memberRole);
    expect(await failure(client, () => client.query('select metadata.keep_lists($1)', [person]))).toMatchObject({
      code: expect.stringMatching(/^(42501|RV)/),
    });
  }));

test('many are put on a list once, and taken off again', () =>
  db.inTransaction(async (client) => {
    const { people, fair } = await peopleOnLists(client, 500);
    expect(await link(client, people.slice(0, 300), fair)).toBe(300);
    // Those that are there already do not count, nor do those that nobody has.
    expect(await link(client, [...people, crypto.randomUUID()], fair)).toBe(200);
    expect(await link(client, people.slice(0, 100), fair, false)).toBe(100);
    const { rows } = await client.query(`select count(*)::int from person_list_links where list_id = $1`, [fair]);
    expect(rows).toEqual([{ count: 400 }]);
    // It works from the other side, too.
    const { rows: added } = await client.query(`select link_records('list', $1, 'people', $2) as count`, [
      [fair],
      people[0],
    ]);
    expect(added).toEqual([{ count: 1 }]);
  }));

test('links are made and cut with the rights of who asks, and each is in the log', () =>
  db.inTransaction(async (client) => {
    const { people, fair } = await peopleOnLists(client, 3);
    await act(client, ws.memberRole);
    expect(await link(client, people, fair)).toBe(3);
    await client.query('reset role');
    const { rows } = await client.query(
      `select action, count(*)::int from ${ws.schema}.record_events where action = 'linked' group by 1`,
    );
    expect(rows).toEqual([{ action: 'linked', count: expect.any(Number) }]);
    await client.query(`revoke all on ${ws.schema}.person_list_links from ${ws.memberRole}`);
    await act(client, ws.memberRole);
    expect(await failure(client, () => link(client, people, fair, false))).toMatchObject({ code: '42501' });
  }));

test('what is no relation to many, or no object, is refused by name', () =>
  db.inTransaction(async (client) => {
    const { people, fair } = await peopleOnLists(client, 1);
    expect(await failure(client, () => link(client, people, fair, true, 'company'))).toMatchObject({ code: 'RV264' });
    expect(
      await failure(client, () => client.query(`select link_records('ghost', $1, 'lists', $2)`, [people, fair])),
    ).toMatchObject({ code: 'RV011' });
    const many = Array.from({ length: 10_001 }, () => crypto.randomUUID());
    expect(await failure(client, () => link(client, many, fair))).toMatchObject({ code: 'RV229' });
  }));
