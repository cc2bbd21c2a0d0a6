import request from 'supertest';
import { insert } from '../../db/testing/workspace.ts';
import { listen, openSocket, relay, subscribe } from '../testing/live.ts';
import { hashPassword } from '../auth/passwords.ts';
import { cookieOf, eventually, PASSWORD, useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

const server = useServer();
let address: string;
let acme: Caller;
let company: string;

interface Present {
  memberId: string;
  name: string;
  field: string | null;
}

const PRESENCE = `subscription ($object: String!, $recordId: UUID!) {
  presence(object: $object, recordId: $recordId) { memberId name field since } }`;
const ANNOUNCE = `mutation ($recordId: UUID!, $page: UUID!, $field: String, $isLeaving: Boolean) {
  announcePresence(input: { objectName: "company", recordId: $recordId, page: $page, field: $field, isLeaving: $isLeaving }) { result } }`;
const [FIRST, SECOND] = ['01a204d0-2f0d-7a55-9675-fe55f0cd9ee7', '01a204d0-2f0d-7a55-9675-fe55f0cd9ee8'];

beforeAll(async () => {
  address = await listen(server.db, () => server.app);
  acme = await server.createWorkspace('acme');
  await server.db.admin.query(`select core.add_member('acme', 'mia@acme.test', 'Mia', 'Member', $1)`, [
    await hashPassword(PASSWORD),
  ]);
  company = await insert(server.db.admin, `${acme.schemaName}.companies`, { name: 'Initech' });
  await relay(server.db);
  await acme.records('{ __typename }');
}, 30_000);

async function signIn(email: string) {
  const cookie = cookieOf(
    await request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD, workspace: 'acme' }),
  );
  return {
    announce: async (variables: object): Promise<GraphqlAnswer> =>
      (
        await request(server.app.handler)
          .post('/graphql')
          .set('cookie', cookie)
          .send({ query: ANNOUNCE, variables: { recordId: company, ...variables } })
      ).body as GraphqlAnswer,
    watch: () => {
      const socket = openSocket(address, {}, { cookie, origin: `http://${address}` });
      return { socket, heard: subscribe<Present[]>(socket, PRESENCE, { object: 'company', recordId: company }) };
    },
  };
}

test('members who have a record open see each other come, edit and go', async () => {
  const [olive, mia] = [await signIn('owner@acme.test'), await signIn('mia@acme.test')];
  const { socket, heard } = olive.watch();
  await eventually('nobody', () => heard.told.length === 1);
  expect(heard.told[0]).toEqual([]);

  expect((await mia.announce({ page: FIRST })).errors).toBeUndefined();
  await eventually('Mia', () => heard.told.length === 2);
  expect(heard.told[1]).toMatchObject([{ name: 'Mia', field: null }]);
  // The same again is nothing to tell.
  await mia.announce({ page: FIRST });
  await mia.announce({ page: SECOND, field: 'name' });
  await eventually('what Mia edits', () => heard.told.length === 3);
  expect(heard.told[2]).toMatchObject([{ name: 'Mia', field: 'name' }]);
  await olive.announce({ page: '01a204d0-2f0d-7a55-9675-fe55f0cd9ee9' });
  await eventually('both', () => heard.told.at(-1)!.length === 2);

  await mia.announce({ page: SECOND, isLeaving: true });
  await mia.announce({ page: FIRST, isLeaving: true });
  await eventually('Olive alone', () => heard.told.at(-1)!.length === 1);
  await socket.client.dispose();
});

test('who says nothing more is gone after a while, also without a notice', async () => {
  const mia = await signIn('mia@acme.test');
  await mia.announce({ page: FIRST });
  await server.db.admin.query(`update engine.presence set seen_at = now() - interval '39 seconds'`);
  const { socket, heard } = mia.watch();
  await eventually('somebody', () => heard.told.length > 0);
  await eventually('nobody', () => heard.told.at(-1)!.length === 0);
  await socket.client.dispose();
});

test('a page is one member’s, a key is nobody, and a record that is not there has nobody', async () => {
  const [olive, mia] = [await signIn('owner@acme.test'), await signIn('mia@acme.test')];
  await mia.announce({ page: FIRST });
  expect((await olive.announce({ page: FIRST })).errors).toMatchObject([{ extensions: { code: 'RV201' } }]);
  const byKey = await acme.records(ANNOUNCE, { recordId: company, page: SECOND });
  expect(byKey.errors).toMatchObject([{ extensions: { code: 'RV200' } }]);
  expect((await mia.announce({ recordId: SECOND, page: SECOND })).errors).toMatchObject([
    { extensions: { code: 'FORBIDDEN' } },
  ]);
});

test('whoever may not read the record neither sees nor is seen, and loses sight with the right', async () => {
  const [olive, mia] = [await signIn('owner@acme.test'), await signIn('mia@acme.test')];
  const { socket, heard } = mia.watch();
  await eventually('it stands', () => heard.told.length > 0);
  const { rows } = await server.db.admin.query<{ id: string }>(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Blind') returning id`,
    [acme.workspaceId],
  );
  await server.db.admin.query(
    `insert into metadata.object_permissions (role_id, object_id, can_read)
     select $1, id, false from metadata.objects where workspace_id = $2 and name_singular = 'company'`,
    [rows[0]!.id, acme.workspaceId],
  );
  await server.db.admin.query(`update core.members set role_id = $1 where name = 'Mia'`, [rows[0]!.id]);
  await eventually('the end', () => heard.isOver);
  expect((await mia.announce({ page: SECOND })).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  const after = mia.watch();
  await eventually('a refusal', () => after.heard.isOver);
  expect(after.heard.errors).toMatchObject([[{ extensions: { code: 'FORBIDDEN' } }]]);
  expect((await olive.announce({ page: '01a204d0-2f0d-7a55-9675-fe55f0cd9eea' })).errors).toBeUndefined();
  await Promise.all([socket.client.dispose(), after.socket.client.dispose()]);
});
