import { useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

// Merging and the retention of the log, as the API names them.
const server = useServer();
let admin: Caller;
beforeAll(async () => {
  admin = await server.createWorkspace('acme');
});

const ask = (path: '/graphql' | '/metadata', query: string, variables: object = {}): Promise<GraphqlAnswer> =>
  path === '/graphql' ? admin.records(query, variables) : admin.metadata(query, variables);

test('records are merged over GraphQL, and the answer names the survivor', async () => {
  const create = async (name: string) => {
    const { data } = await ask(
      '/graphql',
      'mutation ($name: String!) { createCompany(input: { company: { name: $name } }) { company { id } } }',
      { name },
    );
    return (data!['createCompany'] as { company: { id: string } }).company.id;
  };
  const [a, b] = [await create('A'), await create('B')];
  const merge =
    'mutation ($a: UUID!, $b: [UUID!]!, $data: JSON) { mergeRecords(input: { objectName: "company", survivorId: $a, otherIds: $b, data: $data }) { result } }';
  const { data, errors } = await ask('/graphql', merge, { a, b: [b], data: { name: 'AB' } });
  expect(errors).toBeUndefined();
  expect(data).toEqual({ mergeRecords: { result: a } });
  const read = await ask('/graphql', 'query { companies { nodes { id name } } }');
  expect(read.data).toEqual({ companies: { nodes: [{ id: a, name: 'AB' }] } });
});

test('the days of the history are kept over the API; none is for ever', async () => {
  const days = async () => (await ask('/metadata', 'query { eventRetention }')).data;
  const set = (value: number | null) =>
    ask(
      '/metadata',
      'mutation ($input: SetEventRetentionInput!) { setEventRetention(input: $input) { clientMutationId } }',
      { input: { days: value } },
    );
  expect(await days()).toEqual({ eventRetention: null });
  expect((await set(400)).errors).toBeUndefined();
  expect(await days()).toEqual({ eventRetention: 400 });
  expect((await set(3)).errors?.[0]?.extensions.code).toBe('RV191');
  expect((await set(null)).errors).toBeUndefined();
  expect(await days()).toEqual({ eventRetention: null });
});
