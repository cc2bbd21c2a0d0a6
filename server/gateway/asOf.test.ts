import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let acme: Caller;
let then: string;
let ada: string;

const moment = async () => (await server.db.admin.query('select clock_timestamp()::text as at')).rows[0].at as string;
const inAcme = (statements: string) =>
  server.db.admin.query(`set search_path = ${acme.schemaName}; ${statements}; reset search_path`);

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  const people = await acme.metadata('{ objects(filter: { nameSingular: { equalTo: "person" } }) { nodes { id } } }');
  const tag = await acme.metadata(
    `mutation { createObject(input: { labelSingular: "Tag", labelPlural: "Tags" }) { result { id } } }`,
  );
  const field = await acme.metadata(
    `mutation ($person: UUID!, $tag: UUID!) {
       createField(input: { objectId: $person, label: "Tags", type: "MANY_TO_MANY", targetObjectId: $tag,
                            inverseLabel: "Tagged people", inverseName: "taggedPeople" }) { query { modelVersion } } }`,
    {
      person: (people.data!.objects as { nodes: { id: string }[] }).nodes[0]!.id,
      tag: (tag.data!.createObject as { result: { id: string } }).result.id,
    },
  );
  expect(field.errors).toBeUndefined();
  await inAcme(`
    insert into companies (id, name) values ('00000000-0000-4000-8000-000000000001', 'Zeta'), ('00000000-0000-4000-8000-000000000002', 'Alpha');
    insert into people (name_first_name, job_title, company_id) values
      ('Ada', 'Analyst', '00000000-0000-4000-8000-000000000001'), ('Bob', 'Boss', '00000000-0000-4000-8000-000000000001'), ('Cid', null, null);
    insert into tags (name) values ('red'), ('blue');
    insert into person_tag_links (person_id, tag_id) select p.id, t.id from people p, tags t where p.name_first_name = 'Ada'`);
  then = await moment();
  await inAcme(`
    update people set name_first_name = 'Ada2', job_title = 'Chief' where name_first_name = 'Ada'`);
  await inAcme(`delete from person_tag_links; delete from people where name_first_name = 'Bob'`);
  await inAcme(`update people set company_id = '00000000-0000-4000-8000-000000000002'`);
  await inAcme(`update companies set name = name || ' Ltd'`);
  await inAcme(`insert into people (name_first_name, job_title) values ('Dan', 'Analyst')`);
  const { rows } = await server.db.admin.query(
    `select id from ${acme.schemaName}.people where name_first_name = 'Ada2'`,
  );
  ada = rows[0].id;
});

test('a list, its filter, order, pages and count are of the records as they were', async () => {
  const ask = async (args: string) => {
    const answer = await acme.records(
      `{ people(${args}) { totalCount nodes { nameFirstName jobTitle } pageInfo { endCursor hasNextPage } } }`,
    );
    expect(answer.errors).toBeUndefined();
    return answer.data!.people as {
      totalCount: number;
      nodes: { nameFirstName: string }[];
      pageInfo: { endCursor: string; hasNextPage: boolean };
    };
  };
  const first = await ask(`asOf: "${then}", orderBy: [NAME_FIRST_NAME_ASC], first: 2`);
  expect(first).toMatchObject({
    totalCount: 3,
    nodes: [
      { nameFirstName: 'Ada', jobTitle: 'Analyst' },
      { nameFirstName: 'Bob', jobTitle: 'Boss' },
    ],
    pageInfo: { hasNextPage: true },
  });
  const second = await ask(
    `asOf: "${then}", orderBy: [NAME_FIRST_NAME_ASC], first: 2, after: "${first.pageInfo.endCursor}"`,
  );
  expect(second.nodes.map((node) => node.nameFirstName)).toEqual(['Cid']);
  const titled = (args: string) => ask(`${args} filter: { jobTitle: { includesInsensitive: "anal" } }`);
  expect((await titled(`asOf: "${then}",`)).nodes).toMatchObject([{ nameFirstName: 'Ada' }]);
  expect((await titled('')).nodes).toMatchObject([{ nameFirstName: 'Dan' }]);
});

test('conditions on related records, and orders by their labels, ask these as they were', async () => {
  const names = async (args: string) => {
    const answer = await acme.records(`{ people(${args}) { totalCount nodes { nameFirstName } } }`);
    expect(answer.errors).toBeUndefined();
    const { totalCount, nodes } = answer.data!.people as { totalCount: number; nodes: { nameFirstName: string }[] };
    expect(totalCount).toBe(nodes.length);
    return nodes.map((node) => node.nameFirstName);
  };
  const both = async (filter: string) => [
    await names(`asOf: "${then}", orderBy: [NAME_FIRST_NAME_ASC], filter: ${filter}`),
    await names(`orderBy: [NAME_FIRST_NAME_ASC], filter: ${filter}`),
  ];
  expect(await both('{ company: { name: { equalTo: "Zeta" } } }')).toEqual([['Ada', 'Bob'], []]);
  expect(await both('{ company: { name: { equalTo: "Alpha Ltd" } } }')).toEqual([[], ['Ada2', 'Cid']]);
  expect(await both('{ companyExists: false }')).toEqual([['Cid'], ['Dan']]);
  expect(await both('{ not: { company: { people: { some: { nameFirstName: { equalTo: "Bob" } } } } } }')).toEqual([
    ['Cid'],
    ['Ada2', 'Cid', 'Dan'],
  ]);
  expect(
    await both('{ or: [{ tags: { some: { name: { equalTo: "red" } } } }, { jobTitle: { equalTo: "Boss" } }] }'),
  ).toEqual([['Ada', 'Bob'], []]);
  expect(await both('{ tags: { none: { name: { equalTo: "red" } } } }')).toEqual([
    ['Bob', 'Cid'],
    ['Ada2', 'Cid', 'Dan'],
  ]);
  expect(await both('{ tagsExist: true }')).toEqual([['Ada'], []]);
  expect(await names(`asOf: "${then}", orderBy: [COMPANY__LABEL_DESC, NAME_FIRST_NAME_DESC]`)).toEqual([
    'Bob',
    'Ada',
    'Cid',
  ]);
  const pages = await acme.records(
    `{ companies(asOf: "${then}", orderBy: [NAME_DESC], first: 1) { nodes { name people(orderBy: [COMPANY__LABEL_ASC, NAME_FIRST_NAME_DESC], filter: { company: { name: { equalTo: "Zeta" } } }) { nodes { nameFirstName } } } } }`,
  );
  expect(pages).toEqual({
    data: {
      companies: { nodes: [{ name: 'Zeta', people: { nodes: [{ nameFirstName: 'Bob' }, { nameFirstName: 'Ada' }] } }] },
    },
  });
});

test('what a list comes to is of the records as they were', async () => {
  const ask = async (args: string) => {
    const answer = await acme.records(
      `{ people(${args}) { groups(by: { column: "jobTitle" }, values: [{ function: COUNT }]) { key values } } }`,
    );
    expect(answer.errors).toBeUndefined();
    return JSON.stringify(answer.data!.people);
  };
  expect(await ask(`asOf: "${then}", filter: { company: { name: { equalTo: "Zeta" } } }`)).toContain('Boss');
  expect(await ask('first: 5')).not.toContain('Boss');
});

test('one record, and what it is related to, are as they were; without a moment, as they are', async () => {
  const ask = async (asOf: string | null | undefined) => {
    const answer = await acme.records(
      `query ($id: UUID!, $asOf: Datetime) {
         person(id: $id, asOf: $asOf) { nameFirstName company { name people { nodes { nameFirstName } } } tags(orderBy: [NAME_ASC]) { nodes { name } } } }`,
      asOf === undefined ? { id: ada } : { id: ada, asOf },
    );
    expect(answer.errors).toBeUndefined();
    return answer.data!.person;
  };
  const names = (...list: string[]) => ({ nodes: list.map((nameFirstName) => ({ nameFirstName })) });
  expect(await ask(then)).toEqual({
    nameFirstName: 'Ada',
    company: { name: 'Zeta', people: names('Ada', 'Bob') },
    tags: { nodes: [{ name: 'blue' }, { name: 'red' }] },
  });
  const now = {
    nameFirstName: 'Ada2',
    company: { name: 'Alpha Ltd', people: names('Ada2', 'Cid') },
    tags: { nodes: [] },
  };
  expect(await ask(null)).toEqual(now);
  expect(await ask(undefined)).toEqual(now);
  const before = await acme.records(
    `query ($id: UUID!) { person(id: $id, asOf: "2020-01-01T00:00:00Z") { id } now: person(id: $id) { nameFirstName } }`,
    { id: ada },
  );
  expect(before).toEqual({ data: { person: null, now: { nameFirstName: 'Ada2' } } });
});

test('a list with the company of each is one as of the moment, too', async () => {
  const answer = await acme.records(
    `query ($moment: Datetime) { people(asOf: $moment, orderBy: [NAME_FIRST_NAME_ASC]) { nodes { nameFirstName company { name } } } }`,
    { moment: then },
  );
  expect(answer).toEqual({
    data: {
      people: {
        nodes: [
          { nameFirstName: 'Ada', company: { name: 'Zeta' } },
          { nameFirstName: 'Bob', company: { name: 'Zeta' } },
          { nameFirstName: 'Cid', company: null },
        ],
      },
    },
  });
});

test('changes are planned to be taken back, and taken back', async () => {
  const history = await acme.records(
    `query ($id: UUID!) { fieldHistory(objectName: "person", recordId: $id, fieldName: "jobTitle") { nodes { batch seq before after actorName } } }`,
    { id: ada },
  );
  expect(history.errors).toBeUndefined();
  const [last] = (history.data!.fieldHistory as { nodes: { batch: string; seq: number }[] }).nodes;
  expect(last).toMatchObject({ before: { job_title: 'Analyst' }, after: { job_title: 'Chief' } });
  const planned = await acme.records(
    `query ($batch: BigInt!, $seq: Int!) { planRevert(batch: $batch, seq: $seq) { nodes { objectName recordId label action before after conflicts total conflicting } } }`,
    { batch: last!.batch, seq: last!.seq },
  );
  expect(planned.errors).toBeUndefined();
  expect(planned.data!.planRevert).toMatchObject({
    nodes: [{ objectName: 'person', recordId: ada, action: 'UPDATE', conflicts: [], total: 1 }],
  });
  const done = await acme.records(
    `mutation ($batch: BigInt!, $seq: Int!) { revert(input: { batch: $batch, seq: $seq }) { result } }`,
    { batch: last!.batch, seq: last!.seq },
  );
  expect(done).toEqual({ data: { revert: { result: { reverted: 1, skipped: 0, conflicts: [] } } } });
  const again = await acme.records(
    `mutation ($batch: BigInt!, $seq: Int!) { revert(input: { batch: $batch, seq: $seq }) { result } }`,
    { batch: last!.batch, seq: last!.seq },
  );
  expect(again.errors).toMatchObject([{ message: 'There is nothing to take back.', extensions: { code: 'RV198' } }]);
  const { data } = await acme.records(
    'query ($id: UUID!) { person(id: $id) { nameFirstName jobTitle updatedBySource } }',
    {
      id: ada,
    },
  );
  expect(data!.person).toEqual({ nameFirstName: 'Ada', jobTitle: 'Analyst', updatedBySource: 'REVERT' });
});
