import request from 'supertest';
import { cookieOf, eventually, PASSWORD, useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';
import { hashPassword } from '../auth/passwords.ts';

// Views over /metadata, as each kind of caller meets them: owner, reader, writer, somebody else, administrator, key.
const server = useServer();
let admin: Caller;
let objectId: string;
let fieldId: string;
const people: Record<string, Ask> = {};
const ids: Record<string, string> = {};

type Ask = (query: string, variables?: object) => Promise<GraphqlAnswer>;

beforeAll(async () => {
  admin = await server.createWorkspace('acme');
  const sql = async (text: string, values: unknown[] = []) =>
    (await server.db.admin.query<Record<string, string>>(text, values)).rows[0]!;
  await sql(`insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id`, [admin.workspaceId]);
  objectId = (await sql(`select id from metadata.objects where name_singular = 'company'`))['id']!;
  fieldId = (await sql(`select id from metadata.fields where object_id = $1 and name = 'name'`, [objectId]))['id']!;
  const hash = await hashPassword(PASSWORD);
  for (const [name, role] of [
    ['ann', 'Rep'],
    ['bob', 'Rep'],
    ['cid', 'Rep'],
    ['eve', 'Member'],
    ['boss', 'Admin'],
  ]) {
    const email = `${name}@acme.test`;
    ids[name!] = (await sql(`select core.add_member('acme', $1, $2, $3, $4) as id`, [email, name, role, hash]))['id']!;
    const cookie = cookieOf(
      await request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD }),
    );
    people[name!] = async (query, variables) =>
      (await request(server.app.handler).post('/metadata').set({ cookie }).send({ query, variables }))
        .body as GraphqlAnswer;
  }
});

const ADD = `mutation ($input: AddViewInput!) { addView(input: $input) { result { id name visibility ownerName filter viewFields { nodes { fieldId width } } } } }`;
const add = async (who: string, name: string, visibility = 'PERSONAL') => {
  const filter = { fieldId, operand: 'CONTAINS', value: 'a' };
  const state = { filter, fields: [{ fieldId, width: 200 }] };
  const { data, errors } = await people[who]!(ADD, { input: { objectId, name, visibility, state } });
  expect(errors).toBeUndefined();
  return (data!['addView'] as { result: { id: string } }).result;
};
const LIST = 'query { views { nodes { id name viewShares { nodes { principalName access reason } } } } }';
const names = async (ask: Ask) =>
  ((await ask(LIST)).data!['views'] as { nodes: { name: string }[] }).nodes.map(({ name }) => name);
const SHARE = `mutation ($view: UUID!, $to: UUID!, $access: String!) { shareView(input: { viewId: $view, principalKind: "MEMBER", principalId: $to, access: $access, reason: "why" }) { result } }`;
const SAVE = `mutation ($view: UUID!, $state: JSON!) { saveView(input: { viewId: $view, state: $state }) { result { name type } } }`;

test('its owner makes a view, shares it to be read and to be changed, and nobody else sees it', async () => {
  const view = await add('ann', 'Mine');
  expect(view).toMatchObject({
    ownerName: 'ann',
    viewFields: { nodes: [{ fieldId, width: 200 }] },
  });
  for (const [to, access] of [
    ['bob', 'READ'],
    ['eve', 'WRITE'],
  ])
    expect((await people['ann']!(SHARE, { view: view.id, to: ids[to!], access })).errors).toBeUndefined();
  expect(await people['bob']!(LIST)).toMatchObject({
    data: {
      views: {
        nodes: [
          {
            viewShares: { nodes: [{ principalName: 'bob', access: 'READ', reason: 'why' }, { principalName: 'eve' }] },
          },
        ],
      },
    },
  });
  const rights = async (ask: Ask) => (await ask('{ myViews }')).data!['myViews'];
  expect(await rights(people['ann']!)).toEqual({ changeable: [view.id], kept: [view.id] });
  expect(await rights(people['bob']!)).toEqual({ changeable: [], kept: [] });
  expect(await rights(people['eve']!)).toEqual({ changeable: [view.id], kept: [] });
  for (const other of [people['cid']!, people['boss']!, admin.metadata]) expect(await names(other)).toEqual([]);
  const state = { type: 'BOARD' };
  expect((await people['eve']!(SAVE, { view: view.id, state })).errors).toBeUndefined();
  for (const other of [people['bob']!, people['cid']!, people['boss']!, admin.metadata])
    expect((await other(SAVE, { view: view.id, state })).errors?.[0]?.extensions.code).toBe('RV187');
  const drop = `mutation ($id: UUID!) { deleteView(input: { id: $id }) { view { id } } }`;
  for (const other of ['bob', 'eve', 'boss'])
    expect((await people[other]!(drop, { id: view.id })).errors).toBeDefined();
  expect((await people['ann']!(drop, { id: view.id })).errors).toBeUndefined();
  expect(await names(people['bob']!)).toEqual([]);
  const back = `mutation ($id: UUID!) { restoreView(input: { viewId: $id }) { result { name } } }`;
  expect((await people['boss']!(back, { id: view.id })).errors?.[0]?.extensions.code).toBe('RV188');
  expect(await people['ann']!(back, { id: view.id })).toMatchObject({
    data: { restoreView: { result: { name: 'Mine' } } },
  });
  expect(await names(people['bob']!)).toEqual(['Mine']);
  await people['ann']!(drop, { id: view.id });
});

test('a key makes views of the workspace, which everybody sees; a member without the permission does not', async () => {
  const made = await admin.metadata(ADD, { input: { objectId, name: 'Ours', visibility: 'WORKSPACE' } });
  expect(made.errors).toBeUndefined();
  for (const who of Object.values(people)) expect(await names(who)).toEqual(['Ours']);
  const refused = await people['ann']!(ADD, { input: { objectId, name: 'More', visibility: 'WORKSPACE' } });
  expect(refused.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  const personal = await admin.metadata(ADD, { input: { objectId, name: 'Own' } });
  expect(personal.errors?.[0]?.extensions.code).toBe('RV187');
});

test('what shows first is asked and set, and a favourite made, in one call each', async () => {
  const view = await add('ann', 'First');
  const set = `mutation ($object: UUID!, $view: UUID, $kind: String!) { setDefaultView(input: { objectId: $object, viewId: $view, principalKind: $kind }) { result } }`;
  const shown = `query ($object: UUID!) { defaultView(objectId: $object) { name } }`;
  expect(await people['ann']!(shown, { object: objectId })).toMatchObject({ data: { defaultView: null } });
  expect((await people['ann']!(set, { object: objectId, view: view.id, kind: 'MEMBER' })).errors).toBeUndefined();
  expect(await people['ann']!(shown, { object: objectId })).toMatchObject({ data: { defaultView: { name: 'First' } } });
  expect(await people['bob']!(shown, { object: objectId })).toMatchObject({ data: { defaultView: null } });
  const refused = await people['ann']!(set, { object: objectId, view: view.id, kind: 'WORKSPACE' });
  expect(refused.errors).toBeDefined();
  const favour = `mutation ($view: UUID!) { createFavourite(input: { favourite: { kind: "VIEW", viewId: $view } }) { favourite { id memberId } } }`;
  expect(await people['ann']!(favour, { view: view.id })).toMatchObject({
    data: { createFavourite: { favourite: { memberId: ids['ann'] } } },
  });
  expect(await people['bob']!('{ favourites { nodes { id } } }')).toMatchObject({
    data: { favourites: { nodes: [] } },
  });
});

test('a filter that is none is refused with what there is', async () => {
  const answer = await people['ann']!(ADD, {
    input: { objectId, name: 'x', state: { filter: { fieldId, operand: 'LIKES' } } },
  });
  expect(answer.errors?.[0]).toMatchObject({
    extensions: { code: 'RV186', hint: expect.stringContaining('CONTAINS') },
  });
});

test('a change of views is heard by the servers, with the workspace alone', async () => {
  const heard: unknown[] = [];
  server.app.notices.on('views', (notice) => heard.push(notice));
  const before = await server.db.admin.query('select model_version from core.workspaces');
  await add('ann', 'Heard');
  await eventually('the notice', () => heard.length > 0);
  expect(heard[0]).toEqual({ workspace: admin.workspaceId });
  expect((await server.db.admin.query('select model_version from core.workspaces')).rows).toEqual(before.rows);
});
