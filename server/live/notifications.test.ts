import request from 'supertest';
import { insert } from '../../db/testing/workspace.ts';
import { hashPassword } from '../auth/passwords.ts';
import { listen, openSocket, subscribe } from '../testing/live.ts';
import { cookieOf, eventually, PASSWORD, useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

const server = useServer();
let address: string;
let acme: Caller;
let company: string;
let mia: string;

const CHANGED = 'subscription { notificationsChanged { noticedAt } }';

beforeAll(async () => {
  address = await listen(server.db, () => server.app);
  acme = await server.createWorkspace('acme');
  const { rows } = await server.db.admin.query<{ id: string }>(
    `select core.add_member('acme', 'mia@acme.test', 'Mia', 'Member', $1) as id`,
    [await hashPassword(PASSWORD)],
  );
  mia = rows[0]!.id;
  company = await insert(server.db.admin, `${acme.schemaName}.companies`, { name: 'Initech' });
});

async function signIn(email: string) {
  const cookie = cookieOf(
    await request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD, workspace: 'acme' }),
  );
  const send = async (path: string, query: string, variables: object): Promise<GraphqlAnswer> =>
    (await request(server.app.handler).post(path).set('cookie', cookie).send({ query, variables }))
      .body as GraphqlAnswer;
  return {
    records: (query: string, variables: object = {}) => send('/graphql', query, variables),
    metadata: (query: string, variables: object = {}) => send('/metadata', query, variables),
    watch: () => subscribe<object>(openSocket(address, {}, { cookie, origin: `http://${address}` }), CHANGED),
    seeAs: (roleId: string) => request(server.app.handler).post('/auth/see-as').set('cookie', cookie).send({ roleId }),
  };
}

const SAY = `mutation ($record: UUID!, $body: String!) { addComment(input: { objectName: "company", recordId: $record, body: $body }) { result } }`;
const READ = `query ($record: UUID!) { commentsOfRecord(objectName: "company", recordId: $record) { nodes { body authorName mentions mayEdit } } }`;

test('a mention wakes the member’s open pages, and nobody else’s', async () => {
  const [olive, member] = [await signIn('owner@acme.test'), await signIn('mia@acme.test')];
  const [hers, mine] = [member.watch(), olive.watch()];
  const key = subscribe<object>(openSocket(address, { apiKey: acme.apiKey }), CHANGED);
  // Subscribed, once the server has answered something later.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const said = await olive.records(SAY, { record: company, body: `<@${mia}>, look` });
  expect(said.errors).toBeUndefined();
  await eventually('the news', () => hers.told.length > 0);
  expect((await member.metadata('{ myUnreadNotifications }')).data).toEqual({ myUnreadNotifications: 1 });
  expect((await olive.metadata('{ myUnreadNotifications }')).data).toEqual({ myUnreadNotifications: 0 });

  // Read here, it is read in her other pages, too.
  const before = hers.told.length;
  await member.metadata('mutation { markNotifications(input: {}) { result } }');
  await eventually('it is read', () => hers.told.length > before);
  expect((await member.metadata('{ myUnreadNotifications }')).data).toEqual({ myUnreadNotifications: 0 });
  expect([mine.told.length, key.told.length]).toEqual([0, 0]);
});

test('an API key comments and reads, and has no notifications', async () => {
  const said = await acme.records(SAY, { record: company, body: 'Synchronised' });
  expect(said.errors).toBeUndefined();
  const { data } = await acme.records(READ, { record: company });
  expect((data as { commentsOfRecord: { nodes: object[] } }).commentsOfRecord.nodes.at(-1)).toMatchObject({
    body: 'Synchronised',
    authorName: 'test',
    mayEdit: true,
  });
  expect((await acme.metadata('{ myUnreadNotifications }')).data).toEqual({ myUnreadNotifications: 0 });
  const marked = await acme.metadata('mutation { markNotifications(input: {}) { result } }');
  expect(marked.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
});

test('who sees the workspace as a role reads comments and writes none', async () => {
  const olive = await signIn('owner@acme.test');
  const { rows } = await server.db.admin.query<{ id: string }>(
    `select id from metadata.roles where workspace_id = $1 and name = 'Member'`,
    [acme.workspaceId],
  );
  expect((await olive.seeAs(rows[0]!.id)).status).toBeLessThan(300);
  expect((await olive.records(READ, { record: company })).errors).toBeUndefined();
  const said = await olive.records(SAY, { record: company, body: 'No' });
  expect(said.errors?.[0]?.extensions.code).toBe('READ_ONLY');
});

test('a refusal names the argument', async () => {
  const said = await acme.records(SAY, { record: company, body: ' ' });
  expect(said.errors?.[0]).toMatchObject({ message: 'A comment has between 1 and 10,000 characters.' });
});
