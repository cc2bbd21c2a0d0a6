import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, insert, type Workspace } from '../testing/workspace.ts';

// Teams as those meet them who keep them in psql, where the screen's rules hold as well.
const db = useDatabase();
let ws: Workspace;
let ann: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  ann = (await db.admin.query(`select core.add_member('acme', 'ann@acme.example', 'Ann', 'Member') as id`)).rows[0].id;
});

const team = (client: pg.ClientBase, name: string, parent: string | null = null) =>
  insert(client, 'metadata.teams', { name, parent_team_id: parent });
const tree = async (client: pg.ClientBase) =>
  (
    await client.query(
      `select t.name || coalesce(' < ' || p.name, '') as line from metadata.teams t left join metadata.teams p on p.id = t.parent_team_id order by t.name`,
    )
  ).rows.map((row) => row.line as string);
const events = async (client: pg.ClientBase) => {
  await client.query('reset role');
  const { rows } = await client.query(
    `select kind || ' ' || (detail ->> 'team') as line from core.auth_events where kind like 'TEAM%' order by id`,
  );
  return rows.map((row) => row.line as string);
};

test('what is beneath a team that goes is beneath the next above it', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const world = await team(client, 'World');
    const europe = await team(client, 'Europe', world);
    const iberia = await team(client, 'Iberia', europe);
    await team(client, 'Portugal', iberia);
    await team(client, 'Nordics', europe);
    await client.query('delete from metadata.teams where id = any ($1)', [[europe, iberia]]);
    expect(await tree(client)).toEqual(['Nordics < World', 'Portugal < World', 'World']);
    await client.query('delete from metadata.teams');
    await client.query('set constraints all immediate');
    expect(await tree(client)).toEqual([]);
  }));

test('a team has a name of its own, is not beneath itself, and has a member once', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const sales = await team(client, '  Sales ');
    const north = await team(client, 'North', sales);
    const refused = async (sql: string, values: unknown[]) =>
      (await failure(client, () => client.query(sql, values))).code;
    expect(await refused(`insert into metadata.teams (name) values ($1)`, ['sales'])).toBe('RV162');
    expect(await refused(`insert into metadata.teams (name) values ($1)`, ['  '])).toBe('RV162');
    expect(await refused(`update metadata.teams set parent_team_id = $1 where id = $2`, [north, sales])).toBe('RV096');
    await insert(client, 'metadata.team_members', { team_id: sales, member_id: ann });
    await insert(client, 'metadata.team_members', { team_id: north, member_id: ann, is_lead: true });
    const again = 'insert into metadata.team_members (team_id, member_id) values ($1, $2)';
    expect(await refused(again, [sales, ann])).toBe('RV162');
  }));

test('who does not keep the members changes no teams, and the audit tells who did', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const sales = await team(client, 'Sales');
    const row = await insert(client, 'metadata.team_members', { team_id: sales, member_id: ann });
    await act(client, ws.memberRole);
    expect((await client.query('select name from metadata.teams')).rows).toEqual([{ name: 'Sales' }]);
    expect(await failure(client, () => team(client, 'Mine'))).toMatchObject({ code: '42501' });
    expect((await client.query(`update metadata.teams set name = 'x'`)).rowCount).toBe(0);
    expect((await client.query('delete from metadata.team_members')).rowCount).toBe(0);
    expect(await failure(client, () => client.query('select metadata.team_dependents($1)', [sales]))).toMatchObject({
      code: '42501',
    });
    await act(client, ws.adminRole);
    await client.query('update metadata.team_members set is_lead = true where id = $1', [row]);
    await client.query('delete from metadata.teams');
    expect(await events(client)).toEqual([
      'TEAM_CREATED Sales',
      'TEAM_MEMBER_ADDED Sales',
      'TEAM_MEMBER_CHANGED Sales',
      'TEAM_DELETED Sales',
    ]);
  }));

test('what deleting a team would change is told before', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    const sales = await team(client, 'Sales');
    await team(client, 'North', sales);
    await insert(client, 'metadata.team_members', { team_id: sales, member_id: ann });
    const id = await insert(client, 'companies', { name: 'Acme' });
    await client.query(`select share_record('company', $1, 'TEAM', $2)`, [id, sales]);
    expect((await client.query('select metadata.team_dependents($1) as d', [sales])).rows[0].d).toEqual({
      teams: ['North'],
      members: ['Ann'],
      shares: 1,
    });
  }));

test('a workspace goes with its teams', () =>
  db.inTransaction(async (client) => {
    const other = await createWorkspace(client, 'other');
    await act(client, other.adminRole);
    const top = await team(client, 'Top');
    await team(client, 'Low', top);
    await client.query('reset role');
    await client.query(`select engine.drop_workspace('other')`);
    await client.query('set constraints all immediate');
  }));
