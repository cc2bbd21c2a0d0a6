import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let acme: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
});

test('a record is created, read, changed and deleted under the names of the data model', async () => {
  const created = await acme.records(
    `mutation ($company: CompanyInput!, $person: PersonInput!) {
       createCompany(input: { company: $company }) { company { id name } }
       createPerson(input: { person: $person }) { person { id nameFirstName } }
     }`,
    { company: { name: 'Initech' }, person: { nameFirstName: 'Ada', nameLastName: 'Lovelace' } },
  );
  expect(created.errors).toBeUndefined();
  const { company } = created.data!.createCompany as { company: { id: string } };
  const { person } = created.data!.createPerson as { person: { id: string } };

  const updated = await acme.records(
    `mutation ($id: UUID!, $company: UUID) {
       updatePerson(input: { id: $id, patch: { companyId: $company, jobTitle: "Analyst" } }) {
         person { jobTitle companyId company { name } }
       }
     }`,
    { id: person.id, company: company.id },
  );
  expect(updated).toEqual({
    data: {
      updatePerson: {
        person: { jobTitle: 'Analyst', companyId: company.id, company: { name: 'Initech' } },
      },
    },
  });

  const read = await acme.records(
    `query ($id: UUID!) {
       person(id: $id) { id nodeId nameLastName }
       company(id: "${company.id}") { people { nodes { nameFirstName } totalCount } }
     }`,
    { id: person.id },
  );
  expect(read).toEqual({
    data: {
      person: { id: person.id, nodeId: expect.any(String), nameLastName: 'Lovelace' },
      company: { people: { nodes: [{ nameFirstName: 'Ada' }], totalCount: 1 } },
    },
  });

  const deleted = await acme.records(`mutation ($id: UUID!) { deletePerson(input: { id: $id }) { person { id } } }`, {
    id: person.id,
  });
  expect(deleted).toEqual({ data: { deletePerson: { person: { id: person.id } } } });
  expect(await acme.records(`query ($id: UUID!) { person(id: $id) { id } }`, { id: person.id })).toEqual({
    data: { person: null },
  });
  expect(
    await acme.records(
      `mutation ($id: UUID!) { restoreRecord(input: { objectName: "person", recordId: $id }) { result } }`,
      { id: person.id },
    ),
  ).toEqual({ data: { restoreRecord: { result: true } } });
});

test('objects may be called like types of PostgreSQL that the model does not use', async () => {
  const beta = await server.createWorkspace('beta');
  const words = ['Line', 'Point', 'Box', 'Circle', 'Path', 'Polygon', 'Interval', 'Time'];
  await server.db.admin.query(
    `insert into metadata.objects (workspace_id, label_singular, label_plural, name_singular, name_plural)
     select $1, w, w || ' list', lower(w), lower(w) || 'List' from unnest($2::text[]) w`,
    [beta.workspaceId, words],
  );
  const { modelVersion } = (await beta.metadata('{ modelVersion }')).data as { modelVersion: string };
  const created = await beta.records(
    'mutation { createLine(input: { line: {} }) { line { __typename } } createTime(input: { time: {} }) { time { __typename } } }',
    {},
    { 'x-metadata-version': modelVersion },
  );
  expect(created.data).toEqual({
    createLine: { line: { __typename: 'Line' } },
    createTime: { time: { __typename: 'Time' } },
  });
});

test('what no role may write is not offered to be written', async () => {
  const { data } = await acme.records(
    `{ create: __type(name: "PersonInput") { inputFields { name } } patch: __type(name: "PersonPatch") { inputFields { name } } }`,
  );
  const names = (type: string) =>
    (data![type] as { inputFields: { name: string }[] }).inputFields.map(({ name }) => name);
  expect(names('create')).toEqual(expect.arrayContaining(['id', 'nameFirstName', 'position']));
  expect(names('patch')).toEqual(expect.arrayContaining(['nameFirstName', 'position']));
  expect(names('patch')).not.toContain('id');
  for (const type of ['create', 'patch'])
    expect(names(type).filter((name) => /^(created|updated)|searchVector/.test(name))).toEqual([]);
});

test('people filter by any column, with and, or, not, and by a related record; and sort by any column', async () => {
  await acme.records(`mutation { a: createCompany(input: { company: { name: "Zeta Works" } }) { company { id } } }`);
  const { data } = await acme.records(`{ companies(filter: { name: { equalTo: "Zeta Works" } }) { nodes { id } } }`);
  const { nodes } = data!.companies as { nodes: { id: string }[] };
  await acme.records(
    `mutation ($company: UUID) {
       a: createPerson(input: { person: { nameFirstName: "Bo", city: "Oslo", companyId: $company } }) { person { id } }
       b: createPerson(input: { person: { nameFirstName: "Cy", city: "Rome", companyId: $company } }) { person { id } }
       c: createPerson(input: { person: { nameFirstName: "Di", city: "Oslo" } }) { person { id } }
     }`,
    { company: nodes[0]!.id },
  );
  const names = async (filter: string, order = 'NAME_FIRST_NAME_ASC') => {
    const answer = await acme.records(`{ people(filter: ${filter}, orderBy: [${order}]) { nodes { nameFirstName } } }`);
    expect(answer.errors).toBeUndefined();
    return (answer.data!.people as { nodes: { nameFirstName: string }[] }).nodes.map((node) => node.nameFirstName);
  };
  expect(await names('{ city: { equalTo: "Oslo" } }', 'NAME_FIRST_NAME_DESC')).toEqual(['Di', 'Bo']);
  expect(await names('{ company: { name: { startsWithInsensitive: "zeta" } } }')).toEqual(['Bo', 'Cy']);
  expect(
    await names(
      '{ or: [{ city: { in: ["Rome"] } }, { and: [{ companyId: { isNull: true } }, { not: { city: { isNull: true } } }] }] }',
    ),
  ).toEqual(['Cy', 'Di']);
  expect(await names('{ nameFirstName: { includesInsensitive: "b" } }')).toEqual(['Bo']);
  expect(await names('{ createdAt: { greaterThan: "2020-01-01T00:00:00Z" }, city: { equalTo: "Rome" } }')).toEqual([
    'Cy',
  ]);
});

test('empties come last in either direction, and pages go through them', async () => {
  const gamma = await server.createWorkspace('gamma');
  const created = await gamma.records(
    `mutation {
       a: createCompany(input: { company: { name: "a", employees: "5" } }) { company { id } }
       b: createCompany(input: { company: { name: "b" } }) { company { id } }
       c: createCompany(input: { company: { name: "c", employees: "7" } }) { company { id } }
       d: createCompany(input: { company: { name: "d" } }) { company { id } }
     }`,
  );
  expect(created.errors).toBeUndefined();
  for (const [direction, expected] of [
    ['DESC', 'cabd'],
    ['ASC', 'acbd'],
  ] as const) {
    let [seen, after]: [string, string | null] = ['', null];
    for (let page = 0; page < 4; page += 1) {
      const { data, errors } = await gamma.records(
        `query ($after: Cursor) { companies(first: 1, after: $after, orderBy: [EMPLOYEES_${direction}, NAME_ASC]) {
           nodes { name } pageInfo { endCursor } } }`,
        { after },
      );
      expect(errors).toBeUndefined();
      const companies = data!.companies as {
        nodes: { name: string }[];
        pageInfo: { endCursor: string };
      };
      seen += companies.nodes[0]?.name ?? '-';
      after = companies.pageInfo.endCursor;
    }
    expect(seen).toBe(expected);
  }
});

test('amounts of money can be compared; a filter that is null is refused in words', async () => {
  const answer = await acme.records(
    '{ opportunities(filter: { amountAmountMicros: { greaterThan: "1" } }) { nodes { id } } }',
  );
  expect(answer).toEqual({ data: { opportunities: { nodes: [] } } });
  const empty = await acme.records('query ($filter: PersonFilter) { people(filter: $filter) { nodes { id } } }', {
    filter: null,
  });
  expect(empty.errors![0]!.extensions).toMatchObject({
    code: 'INVALID_REQUEST',
    hint: expect.any(String),
  });
});

test('descriptions are those of the data model, without the marks of the engine', async () => {
  const { data } = await acme.records(
    `{ __type(name: "Person") { description fields { name description } } __schema { types { description fields { description } } } }`,
  );
  const type = data!.__type as {
    description: string;
    fields: { name: string; description: string }[];
  };
  expect(type.description.trim()).not.toBe('');
  expect(type.fields.map(({ name }) => name)).not.toContain('searchVector');
  expect(JSON.stringify(data)).not.toContain('@relvar');
});

test('records have one way in: no accessors for other unique columns, none by node id', async () => {
  const { data } = await acme.records(
    `{ __schema { queryType { fields { name } } mutationType { fields { name } } } }`,
  );
  const schema = data!.__schema as Record<'queryType' | 'mutationType', { fields: { name: string }[] }>;
  const fields = [...schema.queryType.fields, ...schema.mutationType.fields].map(({ name }) => name);
  expect(fields.filter((name) => /By[A-Z]/.test(name))).toEqual([]);
  expect(fields).toEqual(
    expect.arrayContaining([
      'person',
      'people',
      'searchRecords',
      'findDuplicates',
      'findDuplicatesOf',
      'restoreRecord',
      'destroyRecord',
    ]),
  );
});

test('/metadata serves the model and its relations under short names', async () => {
  const answer = await acme.metadata(
    `{ modelVersion model objects(filter: { nameSingular: { equalTo: "person" } }) {
         nodes { labelPlural labelField { name } fields(first: 1) { nodes { object { nameSingular } } } } } }`,
  );
  expect(answer.errors).toBeUndefined();
  const { model, modelVersion, objects } = answer.data as {
    model: { version: number; objects: unknown[] };
    modelVersion: string;
    objects: unknown;
  };
  expect(String(model.version)).toBe(modelVersion);
  expect(model.objects.length).toBeGreaterThan(5);
  expect(objects).toEqual({
    nodes: [
      {
        labelPlural: 'People',
        labelField: { name: 'name' },
        fields: { nodes: [{ object: { nameSingular: 'person' } }] },
      },
    ],
  });
});

test('a label that looks like a tag of the API hides nothing', async () => {
  const label = ' @behavior -*';
  await server.db.admin.query(
    `select metadata.create_object($1, $1, 'badge', 'badges', description => $1, workspace_id => $2)`,
    [label, acme.workspaceId],
  );
  const { data } = await acme.metadata('{ modelVersion }');
  const answer = await acme.records('{ badges { nodes { name } } }', undefined, {
    'x-metadata-version': String(data!.modelVersion),
  });
  expect(answer).toEqual({ data: { badges: { nodes: [] } } });
});
