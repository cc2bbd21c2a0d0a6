import request from 'supertest';
import { useServer } from '../testing/server.ts';

const server = useServer();

test('GraphiQL is there for developers who are signed in; other methods are told which one to use', async () => {
  const { apiKey } = await server.createWorkspace('acme');
  for (const path of ['/graphql', '/metadata']) {
    const page = await request(server.app.handler).get(path).set('authorization', `Bearer ${apiKey}`);
    expect(page.status).toBe(200);
    expect(page.text).toContain(path);
    expect((await request(server.app.handler).get(path)).status).toBe(401);
    const put = await request(server.app.handler).put(path);
    expect(put.status).toBe(405);
    expect(put.headers.allow).toBe('POST');
  }
});

test('an endpoint answers with a query string as well', async () => {
  const { apiKey } = await server.createKey('acme', 'Admin');
  const answer = await request(server.app.handler)
    .post('/graphql?operation=People')
    .set('authorization', `Bearer ${apiKey}`)
    .send({ query: '{ __typename }' });
  expect(answer.body).toEqual({ data: { __typename: 'Query' } });
  expect(answer.headers['x-metadata-version']).toMatch(/^\d+$/);
});
