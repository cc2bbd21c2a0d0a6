import { addField, addObject, addRelation, insert } from '../../db/testing/workspace.ts';
import { CHANGES, listen, openSocket, relay, subscribe } from '../testing/live.ts';
import type { Heard, LiveSocket, Told } from '../testing/live.ts';
import { eventually, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// What live updates tell a role that sees some records and some fields only, beside one that sees all.
const server = useServer();
let admin: Caller;
let role: string;
let trades: string;
let firm: string;
let sockets: LiveSocket[];
let all: Heard<Told>;
let some: Heard<Told>;

const WITH_RECORDS = CHANGES.replace('requestId', 'requestId source record');

beforeAll(async () => {
  const address = await listen(server.db, () => server.app);
  admin = await server.createWorkspace('acme');
  role = await insert(server.db.admin, 'metadata.roles', { workspace_id: admin.workspaceId, name: 'Limited' });
  const client = await server.db.admin.connect();
  await client.query('begin');
  const workspace = { id: admin.workspaceId } as Parameters<typeof addObject>[1];
  trades = await addObject(client, workspace, { label_singular: 'Trade', label_plural: 'Trades' });
  await addField(client, trades, { label: 'Stage', type: 'TEXT' });
  const secret = await addField(client, trades, { label: 'Secret', type: 'NUMBER' });
  const hidden = await addObject(client, workspace, { label_singular: 'Part', label_plural: 'Parts' });
  await insert(client, 'metadata.record_rules', { role_id: role, object_id: trades, condition: 'stage != "HIDDEN"' });
  await insert(client, 'metadata.field_permissions', { role_id: role, field_id: secret, can_read: false });
  await insert(client, 'metadata.object_permissions', { role_id: role, object_id: hidden, can_read: false });
  const firms = await addObject(client, workspace, { label_singular: 'Firm', label_plural: 'Firms' });
  await addField(client, firms, { label: 'Tier', type: 'TEXT' });
  const jobs = await addObject(client, workspace, { label_singular: 'Job', label_plural: 'Jobs' });
  await addRelation(client, jobs, 'Firm', firms, { label: 'Jobs' });
  await insert(client, 'metadata.record_rules', { role_id: role, object_id: jobs, condition: 'firm.tier = "GOLD"' });
  await insert(client, 'metadata.object_permissions', { role_id: role, object_id: firms, can_read: false });
  await client.query('commit');
  client.release();
  firm = await insert(server.db.admin, `${admin.schemaName}.firms`, { name: 'Firm' });
  await insert(server.db.admin, `${admin.schemaName}.jobs`, { name: 'Job', firm_id: firm });
  const limited = await server.createKey('acme', 'Limited');
  await relay(server.db);
  await limited.records('{ __typename }');
  sockets = [admin, limited].map(({ apiKey }) => openSocket(address, { authorization: `Bearer ${apiKey}` }));
  [all, some] = sockets.map((socket) => subscribe(socket, WITH_RECORDS)) as [Heard<Told>, Heard<Told>];
  await eventually('both stand', () => all.told.length === 1 && some.told.length === 1);
}, 30_000);

afterAll(() => Promise.all(sockets.map(({ client }) => client.dispose())));

const sql = (text: string, values: unknown[] = []) =>
  server.db.admin.query<{ id: string }>(text.replaceAll('WS', admin.schemaName), values);

/** Does something, and gives what each was told of it. A last change, which both see, says that all was told. */
async function toldOf(work: () => Promise<unknown>): Promise<{ all: Told[]; some: Told[] }> {
  const from = [all.told.length, some.told.length];
  await work();
  await relay(server.db);
  const { rows } = await sql(`insert into WS.trades (name, stage) values ('end', 'OPEN') returning id`);
  await relay(server.db);
  await eventually('the end', () => [all, some].every(({ told }) => told.at(-1)!.recordId === rows[0]!.id));
  return { all: all.told.slice(from[0], -1), some: some.told.slice(from[1], -1) };
}
const make = async (stage: string) =>
  (await sql(`insert into WS.trades (name, stage, secret) values ('Deal', $1, 5) returning id`, [stage])).rows[0]!.id;
const set = (id: string, column: string, value: unknown) =>
  sql(`update WS.trades set ${column} = $2 where id = $1`, [id, value]);
const outline = (told: Told[]) => told.map(({ action, changedFields }) => [action, changedFields]);

test('a record that the role sees is told with the fields that it reads, and a change of others not at all', async () => {
  let id = '';
  const told = await toldOf(async () => {
    id = await make('OPEN');
    await set(id, 'secret', 7);
    await set(id, 'stage', 'WON');
    await sql(`update WS.trades set stage = 'LOST', secret = 9 where id = $1`, [id]);
  });
  expect(outline(told.all)).toEqual([
    ['created', null],
    ['updated', ['secret']],
    ['updated', ['stage']],
    ['updated', ['secret', 'stage']],
  ]);
  expect(outline(told.some)).toEqual([
    ['created', null],
    ['updated', ['stage']],
    ['updated', ['stage']],
  ]);
  expect(told.all[0]!.record).toMatchObject({ id, name: 'Deal', secret: 9 });
  expect(told.some[0]!.record).toMatchObject({ id, name: 'Deal', stage: 'LOST' });
  expect(JSON.stringify(told.some)).not.toContain('ecret');
});

test('a record that leaves its sight is told as gone, without why, and one that comes into it as added', async () => {
  const id = await make('OPEN');
  const told = await toldOf(async () => {
    await set(id, 'stage', 'HIDDEN');
    await set(id, 'name', 'Renamed while hidden');
    await set(id, 'stage', 'OPEN');
  });
  expect(outline(told.all).slice(1)).toEqual([
    ['updated', ['stage']],
    ['updated', ['name']],
    ['updated', ['stage']],
  ]);
  const own = told.some.filter(({ action }) => action !== 'created');
  expect(outline(own)).toEqual([
    ['removed', null],
    ['added', null],
  ]);
  expect(own[0]).toMatchObject({ recordId: id, record: null, actor: null, source: null, changedFields: null });
  expect(JSON.stringify(own[0])).not.toMatch(/HIDDEN|psql|postgres/);
  expect(own[1]!.record).toMatchObject({ name: 'Renamed while hidden' });
});

test('of records that it never saw nothing is told, whatever becomes of them', async () => {
  const told = await toldOf(async () => {
    const id = await make('HIDDEN');
    await set(id, 'name', 'Nothing');
    await sql('delete from WS.trades where id = $1', [id]);
    await sql(`select engine.restore_record('relvar_owner', 'WS', 'trade', $1)`, [id]);
    await sql('delete from WS.trades where id = $1', [id]);
    await sql(`insert into WS.parts (name) values ('Bolt')`);
  });
  expect(told.all.map(({ action }) => action)).toEqual([
    'created',
    'updated',
    'deleted',
    'restored',
    'deleted',
    'created',
  ]);
  expect(told.some).toEqual([]);
});

test('a deletion, a return and the end of a record are told to those who saw it', async () => {
  const id = await make('OPEN');
  const told = await toldOf(async () => {
    await sql('delete from WS.trades where id = $1', [id]);
    await sql(`select engine.restore_record('relvar_owner', 'WS', 'trade', $1)`, [id]);
    await sql('delete from WS.trades where id = $1', [id]);
    await sql(`select engine.destroy_record('relvar_owner', 'WS', 'trade', $1)`, [id]);
  });
  const actions = ['created', 'deleted', 'restored', 'deleted', 'destroyed'];
  expect(told.all.map(({ action }) => action)).toEqual(actions);
  expect(told.some.map(({ action }) => action)).toEqual(actions);
});

test('what is shared comes and goes with the share', async () => {
  const id = await make('HIDDEN');
  let share = '';
  const shared = await toldOf(async () => {
    const { rows } = await sql(
      `select engine.share_record('relvar_owner', 'WS', 'trade', $1, 'ROLE', $2, 'READ', '', null) as id`,
      [id, role],
    );
    share = rows[0]!.id;
  });
  expect(shared.some.filter(({ action }) => action !== 'created')).toMatchObject([{ action: 'shared', recordId: id }]);
  const taken = await toldOf(() => sql(`select engine.unshare_record('relvar_owner', 'WS', $1)`, [share]));
  expect(taken.all).toMatchObject([{ action: 'unshared' }]);
  expect(taken.some).toMatchObject([{ action: 'removed', recordId: id, actor: null }]);
  // One that was shared with somebody else is nothing to this role.
  const elsewhere = await toldOf(async () => {
    const { rows } = await sql(`select id from metadata.roles where workspace_id = $1 and name = 'Member'`, [
      admin.workspaceId,
    ]);
    const other = await sql(
      `select engine.share_record('relvar_owner', 'WS', 'trade', $1, 'ROLE', $2, 'READ', '', null) as id`,
      [id, rows[0]!.id],
    );
    await sql(`select engine.unshare_record('relvar_owner', 'WS', $1)`, [other.rows[0]!.id]);
  });
  expect(elsewhere.all).toHaveLength(2);
  expect(elsewhere.some).toEqual([]);
});

test('where a rule asks a related record, its change says that the object is to be read again', async () => {
  const told = await toldOf(async () => {
    await sql(`update WS.firms set tier = 'GOLD', name = 'Renamed' where id = $1`, [firm]);
    await sql(`update WS.firms set name = 'Renamed again' where id = $1`, [firm]);
  });
  // The firm itself it may not read.
  expect(told.some).toEqual([
    expect.objectContaining({ action: 'resync', object: 'job', recordId: null, actor: null, record: null }),
  ]);
  expect(told.all.map(({ action, object }) => [action, object])).toEqual([
    ['updated', 'firm'],
    ['updated', 'firm'],
  ]);
  // Nothing of it refers to another firm, and no rule asks for the name.
  const nothing = await toldOf(() =>
    sql(`with new as (insert into WS.firms (name) values ('Other') returning id) select from new`).then(() =>
      sql(`update WS.firms set tier = 'GOLD' where name = 'Other'`),
    ),
  );
  expect(nothing.some).toEqual([]);
});

test('a share that ends by itself is told as one that is taken back', async () => {
  const id = await make('HIDDEN');
  await toldOf(async () => {
    await sql(
      `select engine.share_record('relvar_owner', 'WS', 'trade', $1, 'ROLE', $2, 'READ', '', now() + interval '1 hour')`,
      [id, role],
    );
  });
  const { rows } = await sql('select id from WS.record_shares where record_id = $1', [id]);
  const end = () => server.db.worker.query('select engine.end_share($1, $2)', [admin.workspaceId, rows[0]!.id]);
  expect((await toldOf(end)).some).toEqual([]);
  await sql(`update WS.record_shares set expires_at = now() - interval '1 second' where id = $1`, [rows[0]!.id]);
  const ended = await toldOf(end);
  expect(ended.some).toMatchObject([{ action: 'removed', recordId: id }]);
  expect(ended.all).toMatchObject([{ action: 'unshared', actor: { type: 'system' } }]);
});

test('whoever gets other rights is told to read again, and who has the same is not', async () => {
  const [before, others] = [some.told.length, all.told.length];
  await server.db.admin.query(
    `update metadata.record_rules set condition = 'stage != "HIDDEN" and stage != "LOST"' where role_id = $1 and object_id = $2`,
    [role, trades],
  );
  await eventually('the news', () => some.told.length > before);
  expect(some.told.slice(before)).toMatchObject([{ action: 'resync', object: null }]);
  // A team that is another decides what is shared with whom.
  await server.db.admin.query(`insert into metadata.teams (workspace_id, name) values ($1, 'North')`, [
    admin.workspaceId,
  ]);
  await eventually('the news of the team', () => some.told.length > before + 1);
  const told = await toldOf(() => Promise.resolve());
  expect(told.some).toEqual([]);
  expect(all.told.slice(others).map(({ action }) => action)).toEqual(['created']);
});

test('an object that it may not read cannot be subscribed to, nor a filter ask what it may not read', async () => {
  const refused = async (variables: object) => {
    const heard = subscribe(sockets[1]!, CHANGES, variables as Record<string, unknown>);
    await eventually('a refusal', () => heard.isOver);
    return heard.errors;
  };
  expect(await refused({ object: 'part' })).toMatchObject([[{ extensions: { code: 'FORBIDDEN' } }]]);
  expect(await refused({ object: 'trade', filter: { secret: { equalTo: 5 } } })).toMatchObject([
    [{ extensions: { code: 'FORBIDDEN' } }],
  ]);
  const filtered = subscribe(sockets[1]!, CHANGES, { object: 'trade', filter: { stage: { equalTo: 'HIDDEN' } } });
  await eventually('it stands', () => filtered.told.length === 1);
  await toldOf(() => make('HIDDEN'));
  expect(filtered.told).toHaveLength(1);
});

test('whoever comes back is told no more of the time when it did not see a record', async () => {
  const id = await make('OPEN');
  await relay(server.db);
  await eventually('the creation', () => some.told.at(-1)!.recordId === id);
  const after = some.told.at(-1)!.position;
  await toldOf(async () => {
    await set(id, 'stage', 'HIDDEN');
    await set(id, 'name', 'Unheard of');
  });
  const again = subscribe(sockets[1]!, WITH_RECORDS, { object: 'trade', after });
  await eventually('what was missed', () => again.told.length === 2);
  expect(outline(again.told)).toEqual([
    ['removed', null],
    ['created', null],
  ]);
  again.stop();
});
