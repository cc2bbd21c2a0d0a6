import request from 'supertest';
import { insert } from '../../db/testing/workspace.ts';
import { CHANGES, listen, openSocket, openStream, relay, subscribe } from '../testing/live.ts';
import type { Told } from '../testing/live.ts';
import { cookieOf, eventually, PASSWORD, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let address: string;
let acme: Caller;

beforeAll(async () => {
  address = await listen(server.db, () => server.app);
  acme = await server.createWorkspace('acme');
  await relay(server.db);
  // The first to ask waits for the schema.
  await acme.records('{ __typename }');
}, 30_000);

const bearer = (caller: Caller) => ({ authorization: `Bearer ${caller.apiKey}` });
const open = (caller: Caller) => openSocket(address, bearer(caller));
const make = (caller: Caller, name: string) => insert(server.db.admin, `${caller.schemaName}.companies`, { name });
const rename = (caller: Caller, id: string, name: string) =>
  server.db.admin.query(`update ${caller.schemaName}.companies set name = $2 where id = $1`, [id, name]);
const actions = (told: readonly Told[]) => told.map(({ action, recordId }) => [action, recordId]);

test('changes reach the members of the workspace, in order, and nobody else', async () => {
  const beta = await server.createWorkspace('beta');
  await relay(server.db);
  await beta.records('{ __typename }');
  const [mine, others] = [open(acme), open(beta)];
  const [heard, foreign] = [subscribe(mine, CHANGES), subscribe(others, CHANGES)];
  await eventually('both stand', () => heard.told.length === 1 && foreign.told.length === 1);
  expect(heard.told[0]).toMatchObject({ action: 'position', object: null, recordId: null });

  const answer = await acme.records(
    'mutation { createCompany(input: { company: { name: "Initech" } }) { company { id } } }',
  );
  const { id } = (answer.data!['createCompany'] as { company: { id: string } }).company;
  await rename(acme, id, 'Initrode');
  await relay(server.db);
  await eventually('both changes', () => heard.told.length === 3);
  expect(heard.told.slice(1)).toEqual([
    {
      position: expect.stringMatching(/^\d+\.1$/),
      action: 'created',
      object: 'company',
      recordId: id,
      changedFields: null,
      actor: { type: 'api_key', name: 'test' },
      requestId: expect.any(String),
    },
    expect.objectContaining({ action: 'updated', changedFields: ['name'], actor: { type: 'psql', name: 'postgres' } }),
  ]);
  await make(beta, 'Theirs');
  await relay(server.db);
  await eventually('their own', () => foreign.told.length === 2);
  expect(heard.told).toHaveLength(3);
  await mine.client.dispose();
  await others.client.dispose();
  await eventually('clients are forgotten', () => server.app.live.size === 0);
});

test('a selection is answered as it was asked: by its aliases, fragments and conditions, with the record', async () => {
  const socket = open(acme);
  const heard = subscribe<object>(
    socket,
    `subscription ($no: Boolean!) { c: recordChanges(object: "company") { what: action ...Rest skipped: source @skip(if: true) position @include(if: $no) } }
     fragment Rest on LiveRecordChange { __typename record by: actor { __typename name } }`,
    { no: false },
  );
  await eventually('it stands', () => heard.told.length === 1);
  const id = await make(acme, 'Globex');
  await relay(server.db);
  await eventually('the change', () => heard.told.length === 2);
  expect(heard.told[1]).toEqual({
    what: 'created',
    __typename: 'LiveRecordChange',
    record: expect.objectContaining({ id, name: 'Globex', createdByName: 'postgres' }),
    by: { __typename: 'LiveActor', name: 'postgres' },
  });
  await socket.client.dispose();
});

test('of some records, or those that fulfil a filter, only these are told, and what leaves it', async () => {
  const [one, two] = [await make(acme, 'One'), await make(acme, 'Two')];
  await relay(server.db);
  const socket = open(acme);
  const byId = subscribe(socket, CHANGES, { object: 'company', ids: [one] });
  const byFilter = subscribe(socket, CHANGES, {
    object: 'company',
    filter: { name: { startsWithInsensitive: 'big' } },
  });
  await eventually('both stand', () => byId.told.length === 1 && byFilter.told.length === 1);
  await rename(acme, one, 'Big one');
  await rename(acme, two, 'Small two');
  await rename(acme, one, 'Bigger one');
  await rename(acme, one, 'Small one');
  await relay(server.db);
  await eventually('the last of one', () => byId.told.length === 4);
  await eventually('the last of the filter', () => byFilter.told.at(-1)!.action === 'removed');
  expect(new Set(byId.told.slice(1).map(({ recordId }) => recordId))).toEqual(new Set([one]));
  // What a filter says of a record is asked when it is told: here all four changes were over by then.
  expect(byFilter.told.slice(1).every(({ action }) => action === 'removed')).toBe(true);

  await rename(acme, two, 'Big two');
  await relay(server.db);
  await eventually(
    'it came in',
    () => byFilter.told.at(-1)!.recordId === two && byFilter.told.at(-1)!.action === 'updated',
  );
  await socket.client.dispose();
});

test('what cannot be subscribed to is refused with a reason', async () => {
  const socket = open(acme);
  const refusals: [string, Record<string, unknown>, string][] = [
    [CHANGES, { object: 'nothing' }, 'There is no object "nothing", or your role may not read it.'],
    [CHANGES, { ids: [] }, 'Records and filters are of one object.'],
    [CHANGES, { object: 'company', after: 'yesterday' }, '"yesterday" is not a position.'],
    [CHANGES, { object: 'company', filter: { nothing: { equalTo: 1 } } }, 'nothing'],
    [CHANGES, { object: 7 }, 'String cannot represent a non string value: 7'],
    ['subscription { nothing }', {}, 'Cannot query field "nothing" on type "Subscription".'],
    [
      'subscription { modelChanged { version } recordChanges { position } }',
      {},
      'must select only one top level field',
    ],
    ['{ companies { totalCount } }', {}, 'A stream carries subscriptions.'],
    [
      'subscription { presence(object: "company", recordId: "01a204d0-2f0d-7a55-9675-fe55f0cd9ee7") { name } }',
      {},
      'Your role does not permit this.',
    ],
  ];
  for (const [query, variables, reason] of refusals) {
    const heard = subscribe(socket, query, variables);
    await eventually(reason, () => heard.isOver);
    expect(JSON.stringify(heard.errors)).toContain(JSON.stringify(reason).slice(1, -1));
  }
  const { errors } = await acme.records('subscription { modelChanged { version } }');
  expect(errors).toMatchObject([{ extensions: { code: 'SUBSCRIPTION_NEEDS_STREAM' } }]);
  await socket.client.dispose();
});

test('server-sent events tell the same, and go on where they were interrupted', async () => {
  const query = CHANGES;
  const headers = { ...bearer(acme), accept: 'text/event-stream' };
  const post = () =>
    openStream(`http://${address}/graphql`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables: { object: 'company' } }),
    });
  const first = await post();
  expect(first.status).toBe(200);
  await eventually('it stands', () => first.events.length === 1);
  const one = await make(acme, 'First');
  await relay(server.db);
  await eventually('the change', () => first.events.length === 2);
  expect(first.events[1]!.value).toMatchObject({ data: { recordChanges: { action: 'created', recordId: one } } });
  first.close();

  const two = await make(acme, 'Second');
  await relay(server.db);
  const variables = encodeURIComponent(JSON.stringify({ object: 'company' }));
  const again = await openStream(
    `http://${address}/graphql?query=${encodeURIComponent(query)}&variables=${variables}`,
    {
      headers: { ...headers, 'last-event-id': first.events[1]!.id! },
    },
  );
  await eventually('what was missed', () => again.events.length === 1);
  expect(again.events[0]!.value).toMatchObject({ data: { recordChanges: { action: 'created', recordId: two } } });
  again.close();
  const refused = await openStream(`http://${address}/graphql?query=${encodeURIComponent('subscription { no }')}`, {
    headers,
  });
  expect(refused.status).toBe(400);
  expect(
    (await openStream(`http://${address}/graphql?query=x`, { headers: { accept: 'text/event-stream' } })).status,
  ).toBe(401);
});

test('whoever was away hears what was missed, once, also from within a statement; who was away too long is told so', async () => {
  const socket = open(acme);
  const before = subscribe(socket, CHANGES, { object: 'company' });
  await eventually('it stands', () => before.told.length === 1);
  const { rows } = await server.db.admin.query<{ id: string }>(
    `insert into ${acme.schemaName}.companies (name) select 'Many ' || i from generate_series(1, 5) i returning id`,
  );
  await relay(server.db);
  await eventually('all five', () => before.told.length === 6);
  for (const [index, { position }] of before.told.entries()) {
    const after = subscribe(socket, CHANGES, { object: 'company', after: position });
    await eventually('the rest', () => after.told.length === 5 - index);
    expect(actions(after.told)).toEqual(rows.slice(index).map(({ id }) => ['created', id]));
    after.stop();
  }
  const resync = async (after: string) => {
    const heard = subscribe(socket, CHANGES, { after });
    await eventually('a resync', () => heard.told.length > 0);
    expect(heard.told[0]).toMatchObject({ action: 'resync', object: null });
    heard.stop();
  };
  await resync('999999999');
  await server.db.admin.query(`delete from ${acme.schemaName}.event_batches where position < 4`);
  await server.app.notices.emit('resumed');
  await eventually('the log begins later', async () => {
    const heard = subscribe(socket, CHANGES, { after: '1' });
    await eventually('an answer', () => heard.told.length > 0);
    heard.stop();
    return heard.told[0]!.action === 'resync';
  });
  await socket.client.dispose();
});

test('a statement that changes more records than anybody would be told of is told as one', async () => {
  const socket = open(acme);
  const heard = subscribe(socket, CHANGES);
  await eventually('it stands', () => heard.told.length === 1);
  await server.db.admin.query(
    `insert into ${acme.schemaName}.companies (name) select 'Lot ' || i from generate_series(1, 600) i`,
  );
  const one = await make(acme, 'After the lot');
  await relay(server.db);
  await eventually('both', () => heard.told.length === 3);
  expect(heard.told.slice(1)).toMatchObject([
    { action: 'resync', object: 'company', recordId: null, position: expect.stringMatching(/^\d+$/) },
    { action: 'created', recordId: one },
  ]);
  await socket.client.dispose();
});

test('the version of the model is told at once and after each change', async () => {
  const socket = open(acme);
  const heard = subscribe<{ version: number }>(socket, 'subscription { modelChanged { version } }');
  await eventually('the version', () => heard.told.length === 1);
  await server.db.admin.query(
    "update metadata.objects set label_plural = 'Firms' where name_singular = 'company' and workspace_id = $1",
    [acme.workspaceId],
  );
  await eventually('the next', () => heard.told.at(-1)!.version > heard.told[0]!.version);
  await socket.client.dispose();
});

describe('who it is', () => {
  const signIn = async () =>
    cookieOf(
      await request(server.app.handler)
        .post('/auth/sign-in')
        .send({ email: 'owner@acme.test', password: PASSWORD, workspace: 'acme' }),
    );

  test('a cookie counts from pages of ours only, and nobody gets in without one', async () => {
    const cookie = await signIn();
    const closed = async (headers: Record<string, string>, params = {}) => {
      const socket = openSocket(address, params, headers);
      const heard = subscribe(socket, CHANGES);
      await eventually('an end or a beginning', () => socket.closed.length > 0 || heard.told.length > 0);
      await socket.client.dispose();
      return heard.told.length > 0 ? 'in' : socket.closed[0];
    };
    expect(await closed({ cookie, origin: `http://${address}` })).toBe('in');
    expect(await closed({ cookie, origin: 'https://evil.example' })).toEqual({ code: 4403, reason: 'CROSS_SITE' });
    expect(await closed({ cookie, 'sec-fetch-site': 'same-site' })).toEqual({ code: 4403, reason: 'CROSS_SITE' });
    expect(await closed({})).toEqual({ code: 4403, reason: 'NOT_SIGNED_IN' });
    expect(await closed({}, { authorization: 'Bearer rv_nonsense' })).toEqual({ code: 4403, reason: 'NOT_SIGNED_IN' });
    expect(await closed(bearer(acme))).toBe('in');
    // A page that was opened as another member.
    expect(await closed({ cookie, origin: `http://${address}` }, { member: acme.workspaceId })).toEqual({
      code: 4403,
      reason: 'OTHER_SESSION',
    });
  });

  test('the end of a session closes its sockets and streams', async () => {
    const cookie = await signIn();
    const headers = { cookie, origin: `http://${address}` };
    const socket = openSocket(address, {}, headers);
    const heard = subscribe(socket, CHANGES);
    await eventually('it stands', () => heard.told.length === 1);
    await request(server.app.handler).post('/auth/sign-out').set('cookie', cookie).send({});
    await eventually('it is closed', () => socket.closed.length > 0);
    expect(socket.closed[0]).toEqual({ code: 4403, reason: 'NOT_SIGNED_IN' });
  });

  test('a session that has run out is found out at the next look', async () => {
    const cookie = await signIn();
    const socket = openSocket(address, {}, { cookie, origin: `http://${address}` });
    const heard = subscribe(socket, CHANGES);
    await eventually('it stands', () => heard.told.length === 1);
    await server.db.admin.query("update core.sessions set expires_at = now() - interval '1 minute'");
    // What is remembered of it is forgotten after some seconds, and each client is looked at in turn.
    await eventually('it is closed', () => {
      server.app.notices.emit('identity', { workspace: acme.workspaceId });
      return socket.closed.length > 0;
    });
    expect(socket.closed[0]).toEqual({ code: 4403, reason: 'NOT_SIGNED_IN' });
  });

  test('who gets another role is told to read again, and hears from then on what that role sees', async () => {
    const { rows } = await server.db.admin.query<{ id: string }>(
      `insert into metadata.roles (workspace_id, name) values ($1, 'Blind') returning id`,
      [acme.workspaceId],
    );
    await server.db.admin.query(
      `insert into metadata.object_permissions (role_id, object_id, can_read)
       select $1, id, false from metadata.objects where workspace_id = $2 and name_singular = 'company'`,
      [rows[0]!.id, acme.workspaceId],
    );
    await server.db.admin.query(`select core.add_member('acme', 'blind@acme.test', 'Blind Member', 'Admin', $1)`, [
      null,
    ]);
    const cookie = await signIn();
    const other = await server.createKey('acme', 'Admin');
    const socket = open(other);
    const heard = subscribe(socket, CHANGES);
    await eventually('it stands', () => heard.told.length === 1);
    await server.db.admin.query(
      `update core.api_keys set role_id = $1 where name = 'test' and workspace_id = $2 and id in (select id from core.api_keys order by created_at desc limit 1)`,
      [rows[0]!.id, acme.workspaceId],
    );
    await eventually('the resync', () => {
      server.app.notices.emit('model', { workspace: acme.workspaceId, version: 1, shape: '' });
      return heard.told.some(({ action }) => action === 'resync');
    });
    await make(acme, 'Unseen');
    const person = await insert(server.db.admin, `${acme.schemaName}.people`, { name_first_name: 'Seen' });
    await relay(server.db);
    await eventually('the person', () => heard.told.some(({ recordId }) => recordId === person));
    expect(heard.told.filter(({ object }) => object === 'company')).toEqual([]);
    expect(cookie).toContain('relvar_access');
    await socket.client.dispose();
  });
});

test('whoever read the position first, then records, and subscribes after it misses nothing in between', async () => {
  const position = async () => {
    const answer = await acme.metadata('{ logPosition }');
    return answer.data!['logPosition'] as string;
  };
  await relay(server.db);
  const begin = await position();
  const before = await make(acme, 'Committed before the list is read, and relayed after it');
  const { data } = await acme.records('{ companies(orderBy: CREATED_AT_DESC, first: 1) { nodes { id } } }');
  expect(data).toEqual({ companies: { nodes: [{ id: before }] } });
  const between = await make(acme, 'Between the list and the subscription');
  await relay(server.db);
  const socket = open(acme);
  const heard = subscribe(socket, CHANGES, { after: begin });
  await eventually('both', () => heard.told.length === 2);
  expect(actions(heard.told)).toEqual([
    ['created', before],
    ['created', between],
  ]);
  await socket.client.dispose();
});
