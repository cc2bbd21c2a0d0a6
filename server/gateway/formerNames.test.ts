import { useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

const server = useServer();
let acme: Caller;
let other: Caller;
let version: string;

/** Changes the model of acme, and asks for the version that has the change from then on. */
async function change(statement: string): Promise<void> {
  await server.db.admin.query(statement, [acme.workspaceId]);
  const { rows } = await server.db.admin.query<{ model_version: string }>(
    'select model_version from core.workspaces where id = $1',
    [acme.workspaceId],
  );
  version = rows[0]!.model_version;
}

const ask = (query: string, variables?: object): Promise<GraphqlAnswer> =>
  acme.records(query, variables, { 'x-metadata-version': version });

const LIST = `query People($filter: PersonFilter, $orderBy: [PersonOrderBy!]) {
  people(filter: $filter, orderBy: $orderBy) { totalCount nodes { id jobTitle company { name } companyId } } }`;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  other = await server.createWorkspace('other');
  await acme.records('{ people { nodes { id } } }');
  await change(`update metadata.objects set name_singular = 'contact', name_plural = 'contacts'
    where name_singular = 'person' and workspace_id = $1`);
  await change(`update metadata.fields set name = 'occupation' where name = 'jobTitle' and workspace_id = $1`);
  await change(`update metadata.fields set name = 'employer' where name = 'company' and workspace_id = $1
    and object_id = (select id from metadata.objects where name_singular = 'contact' and workspace_id = $1)`);
});

test('a program written for former names goes on working, and is told the present ones', async () => {
  const company = await ask('mutation { createCompany(input: { company: { name: "Initech" } }) { company { id } } }');
  const companyId = (company.data!.createCompany as { company: { id: string } }).company.id;
  const created = await ask(
    'mutation ($person: PersonInput!) { createPerson(input: { person: $person }) { person { id jobTitle } } }',
    { person: { jobTitle: 'Clerk', companyId } },
  );
  expect(created.errors).toBeUndefined();
  const { id } = (created.data!.createPerson as { person: { id: string } }).person;
  expect(created).toMatchObject({
    data: { createPerson: { person: { jobTitle: 'Clerk' } } },
    extensions: {
      deprecated: expect.arrayContaining([
        { name: 'PersonInput', use: 'ContactInput' },
        { name: 'createPerson', use: 'createContact' },
        { name: 'person', use: 'contact' },
        { name: 'jobTitle', use: 'occupation' },
        { name: 'companyId', use: 'employerId' },
      ]),
    },
  });
  const variables = {
    filter: { and: [{ jobTitle: { equalTo: 'Clerk' } }, { company: { name: { equalTo: 'Initech' } } }] },
    orderBy: ['JOB_TITLE_ASC', 'COMPANY__LABEL_DESC', 'ID_ASC'],
  };
  const expected = {
    people: { totalCount: 1, nodes: [{ id, jobTitle: 'Clerk', company: { name: 'Initech' }, companyId }] },
  };
  expect((await ask(LIST, variables)).data).toEqual(expected);
  // Kept from the first time.
  expect((await ask(LIST, variables)).data).toEqual(expected);
  const updated = await ask(
    'mutation ($id: UUID!, $patch: PersonPatch!) { updatePerson(input: { id: $id, patch: $patch }) { person { jobTitle } } }',
    { id, patch: { jobTitle: 'Manager' } },
  );
  expect(updated.data).toEqual({ updatePerson: { person: { jobTitle: 'Manager' } } });
  expect((await ask('query ($id: UUID!) { person(id: $id) { jobTitle } }', { id })).data).toEqual({
    person: { jobTitle: 'Manager' },
  });
  const failed = await ask(
    'mutation ($id: UUID!) { updatePerson(input: { id: $id, patch: { companyId: $id } }) { person { id } } }',
    { id },
  );
  expect(failed.errors).toMatchObject([{ path: ['updatePerson'], extensions: { code: 'RELATED_RECORD_MISSING' } }]);
});

test('variables may use former names where the document uses present ones', async () => {
  const answer = await ask('query ($filter: ContactFilter) { contacts(filter: $filter) { totalCount } }', {
    filter: { jobTitle: { equalTo: 'Manager' } },
  });
  expect(answer).toEqual({
    data: { contacts: { totalCount: 1 } },
    extensions: { deprecated: [{ name: 'jobTitle', use: 'occupation' }] },
  });
});

test('present names are answered without a word, and what was never a name is refused', async () => {
  expect(await ask('{ contacts { totalCount } }')).toEqual({ data: { contacts: { totalCount: 1 } } });
  const wrong = await ask('{ people { nodes { shoeSize } } }');
  expect(wrong.errors![0]!.extensions.code).toBe('INVALID_QUERY');
  const variables = await ask('query ($filter: ContactFilter) { contacts(filter: $filter) { totalCount } }', {
    filter: { shoeSize: { equalTo: 3 } },
  });
  expect(variables.errors![0]!.extensions.code).toBe('INVALID_REQUEST');
});

test('the names of one workspace mean nothing in another', async () => {
  expect((await other.records('{ people { totalCount } }')).data).toEqual({ people: { totalCount: 0 } });
  expect((await other.records('{ contacts { totalCount } }')).errors![0]!.extensions.code).toBe('INVALID_QUERY');
});

test('a former name that is released is not understood any more', async () => {
  const { data } = await acme.metadata('{ aliases(filter: { name: { equalTo: "people" } }) { nodes { id kind } } }');
  const [alias] = (data!.aliases as { nodes: { id: string; kind: string }[] }).nodes;
  expect(alias!.kind).toBe('PLURAL');
  const released = await acme.metadata(
    'mutation ($id: UUID!) { deleteAlias(input: { id: $id }) { query { modelVersion } } }',
    { id: alias!.id },
  );
  expect(released.errors).toBeUndefined();
  version = (released.data!.deleteAlias as { query: { modelVersion: string } }).query.modelVersion;
  expect((await ask('{ people { totalCount } }')).errors![0]!.extensions.code).toBe('INVALID_QUERY');
  expect((await ask('{ contacts { nodes { jobTitle } } }')).data).toMatchObject({
    contacts: { nodes: [{ jobTitle: 'Manager' }] },
  });
});
