import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, insert, objectNamed, reconcile, type Workspace } from '../testing/workspace.ts';

// Shares: how long they last, what the log and the list of who has access tell of them.
const db = useDatabase();
let ws: Workspace;
let role: { id: string; name: string };
let company: string;
let [ann, bob] = ['', ''];

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  role = rows[0];
  company = await objectNamed(db.admin, ws, 'company');
  await db.admin.query(
    `insert into metadata.record_rules (workspace_id, role_id, object_id, condition) values ($1, $2, $3, 'accountOwner = currentMember()')`,
    [ws.id, role.id, company],
  );
  const add = async (name: string) =>
    (await db.admin.query(`select core.add_member('acme', $1 || '@acme.example', initcap($1), 'Rep') as id`, [name]))
      .rows[0].id as string;
  [ann, bob] = [await add('ann'), await add('bob')];
});

async function be(client: pg.ClientBase, member: string) {
  await act(client, role.name);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [member]);
}
const make = async (client: pg.ClientBase, name: string, owner: string) => {
  await client.query('reset role');
  return insert(client, `${ws.schema}.companies`, { name, account_owner_id: owner });
};
const names = async (client: pg.ClientBase) =>
  (await client.query('select name from companies order by name')).rows.map((row) => row.name as string);

test('a share ends when it says', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    const share = `select share_record('company', $1, 'MEMBER', $2, 'READ', '', $3)`;
    expect(await failure(client, () => client.query(share, [id, bob, new Date(Date.now() - 1000)]))).toMatchObject({
      code: 'RV098',
      column: 'expires_at',
    });
    await client.query(share, [id, bob, new Date(Date.now() + 3_600_000)]);
    await be(client, bob);
    expect(await names(client)).toEqual(['Acme']);
    await client.query('reset role');
    // A job tells the log when it has.
    const jobs = await client.query(
      `select j.run_at = s.expires_at as is_due_then from graphile_worker.jobs j join ${ws.schema}.record_shares s on j.key = 'share:' || s.id where j.task_identifier = 'shares__end'`,
    );
    expect(jobs.rows).toEqual([{ is_due_then: true }]);
    await client.query(`update ${ws.schema}.record_shares set expires_at = now() - interval '1 second'`);
    await be(client, bob);
    expect(await names(client)).toEqual([]);
    await be(client, ann);
    expect((await client.query(`select * from shares_of_record('company', $1)`, [id])).rows).toEqual([]);
  }));

test('the log tells who shared what with whom, also those with rules', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    const team = await insert(client, 'metadata.teams', { workspace_id: ws.id, name: 'North' });
    await be(client, ann);
    const { rows } = await client.query(`select share_record('company', $1, 'TEAM', $2, 'WRITE', ' Holidays ') as id`, [
      id,
      team,
    ]);
    await client.query(`select share_record('company', $1, 'TEAM', $2, 'READ')`, [id, team]);
    await client.query('select unshare_record($1)', [rows[0].id]);
    const told = (
      await client.query(`select action, before, after, actor_name from record_history('company', $1)`, [id])
    ).rows;
    expect(told.map((row) => row.action)).toEqual(['unshared', 'shared', 'shared', 'created']);
    const share = { with: 'North', kind: 'TEAM', access: 'READ', reason: '', expiresAt: null };
    expect(told[0]).toMatchObject({ before: { share }, after: null, actor_name: 'Ann' });
    expect(told[1].before).toEqual({ share: { ...share, access: 'WRITE', reason: 'Holidays' } });
    expect(told[2]).toMatchObject({ before: null, after: { share: { access: 'WRITE', reason: 'Holidays' } } });
  }));

test('shares go with the member, the team or the role', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    const team = await insert(client, 'metadata.teams', { workspace_id: ws.id, name: 'North' });
    const other = await insert(client, 'metadata.roles', { workspace_id: ws.id, name: 'Other' });
    await reconcile(client);
    await be(client, ann);
    for (const [kind, to] of [
      ['MEMBER', bob],
      ['TEAM', team],
      ['ROLE', other],
    ])
      await client.query(`select share_record('company', $1, $2, $3)`, [id, kind, to]);
    await client.query('reset role');
    await client.query('delete from metadata.teams where id = $1', [team]);
    await client.query('delete from metadata.roles where id = $1', [other]);
    await act(client, ws.adminRole);
    await client.query('select metadata.remove_member($1)', [bob]);
    await client.query('reset role');
    expect((await client.query(`select principal_kind from ${ws.schema}.record_shares`)).rows).toEqual([]);
  }));

test('who may share a record is told who sees it, and why', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    const who = async () =>
      (await client.query(`select metadata.who_has_access('company', $1) as list`, [id])).rows[0].list as unknown;
    await be(client, bob);
    expect(await failure(client, who)).toMatchObject({ code: '42501' });
    await be(client, ann);
    const mine = {
      memberId: ann,
      name: 'Ann',
      role: 'Rep',
      canUpdate: true,
      kind: 'RECORD',
      text: 'A rule of the role "Rep": accountOwner = currentMember()',
    };
    const owners = expect.objectContaining({ role: 'Admin', kind: 'ROLE', canUpdate: true });
    expect(await who()).toEqual([mine, owners]);
    await client.query(`select share_record('company', $1, 'MEMBER', $2, 'READ', 'a look')`, [id, bob]);
    const shared = expect.objectContaining({
      memberId: bob,
      canUpdate: false,
      kind: 'SHARE',
      text: 'Ann shared it with the member: a look.',
    });
    expect(await who()).toEqual([mine, shared, owners]);
  }));
