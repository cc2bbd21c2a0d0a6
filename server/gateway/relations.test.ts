import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let acme: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  const { data } = await acme.metadata(`mutation {
    createObject(input: { labelSingular: "Tag", labelPlural: "Tags" }) { result { id } } }`);
  const { id: tag } = (data!.createObject as { result: { id: string } }).result;
  const people = await acme.metadata('{ objects(filter: { nameSingular: { equalTo: "person" } }) { nodes { id } } }');
  const field = await acme.metadata(
    `mutation ($person: UUID!, $tag: UUID!) {
       createField(input: { objectId: $person, label: "Tags", type: "MANY_TO_MANY", targetObjectId: $tag,
                            inverseLabel: "Tagged people", inverseName: "taggedPeople" }) {
         query { modelVersion } } }`,
    { person: (people.data!.objects as { nodes: { id: string }[] }).nodes[0]!.id, tag },
  );
  expect(field.errors).toBeUndefined();
  await server.db.admin.query(`
    set search_path = ${acme.schemaName};
    insert into companies (id, name) values
      ('00000000-0000-4000-8000-000000000001', 'Zeta'), ('00000000-0000-4000-8000-000000000002', 'Alpha');
    insert into people (name_first_name, company_id) values
      ('A', '00000000-0000-4000-8000-000000000001'), ('B', '00000000-0000-4000-8000-000000000002'), ('C', null);
    insert into tags (name) values ('red'), ('blue');
    insert into person_tag_links (person_id, tag_id) select p.id, t.id from people p, tags t
      where p.name_first_name = 'A' or (p.name_first_name = 'B' and t.name = 'blue');
    reset search_path`);
});

const firstNames = async (args: string, variables?: object): Promise<string[]> => {
  const answer = await acme.records(`{ people(${args}) { nodes { nameFirstName } } }`, variables);
  expect(answer.errors).toBeUndefined();
  return (answer.data!.people as { nodes: { nameFirstName: string }[] }).nodes.map((node) => node.nameFirstName);
};

test('a list is sorted by the labels of related records, in pages, with what has none at the end', async () => {
  expect(await firstNames('orderBy: [COMPANY__LABEL_ASC]')).toEqual(['B', 'A', 'C']);
  expect(await firstNames('orderBy: [COMPANY__LABEL_DESC]')).toEqual(['A', 'B', 'C']);
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const answer = await acme.records(
      `query ($after: Cursor) { people(orderBy: [COMPANY__LABEL_ASC], first: 1, after: $after) {
         nodes { nameFirstName company { name } } pageInfo { endCursor hasNextPage } } }`,
      { after },
    );
    expect(answer.errors).toBeUndefined();
    const page = answer.data!.people as {
      nodes: { nameFirstName: string }[];
      pageInfo: { endCursor: string; hasNextPage: boolean };
    };
    seen.push(...page.nodes.map((node) => node.nameFirstName));
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  } while (after);
  expect(seen).toEqual(['B', 'A', 'C']);
});

test('a many-to-many relation is read from both sides, ordered, filtered and paged like any list', async () => {
  const answer = await acme.records(`{
    people(orderBy: [NAME_FIRST_NAME_ASC]) { nodes { nameFirstName
      tags(orderBy: [NAME_ASC], first: 1, filter: { name: { startsWithInsensitive: "r" } }) { totalCount nodes { name } }
      all: tags(orderBy: [NAME_ASC]) { totalCount nodes { name taggedPeople(orderBy: [NAME_FIRST_NAME_ASC]) { nodes { nameFirstName } } } }
      tagsLinks(first: 5) { nodes { tag { name } } }
    } } }`);
  expect(answer.errors).toBeUndefined();
  expect(answer.data!.people).toMatchObject({
    nodes: [
      {
        tags: { totalCount: 1, nodes: [{ name: 'red' }] },
        all: {
          totalCount: 2,
          nodes: [
            { name: 'blue', taggedPeople: { nodes: [{ nameFirstName: 'A' }, { nameFirstName: 'B' }] } },
            { name: 'red', taggedPeople: { nodes: [{ nameFirstName: 'A' }] } },
          ],
        },
        tagsLinks: { nodes: [{}, {}] },
      },
      { tags: { totalCount: 0, nodes: [] }, all: { totalCount: 1 } },
      { all: { totalCount: 0, nodes: [] } },
    ],
  });
});

test('records are filtered by some, every or none of what they are linked with', async () => {
  expect(await firstNames('filter: { tags: { some: { name: { equalTo: "red" } } } }')).toEqual(['A']);
  expect((await firstNames('filter: { tags: { none: { name: { equalTo: "red" } } } }')).sort()).toEqual(['B', 'C']);
  expect((await firstNames('filter: { tags: { every: { name: { equalTo: "blue" } } } }')).sort()).toEqual(['B', 'C']);
  expect(await firstNames('filter: { tagsExist: false }')).toEqual(['C']);
  expect((await firstNames('filter: { tagsExist: true }')).sort()).toEqual(['A', 'B']);
  // To-many relations of one key are filtered in the same way, and so is what they lead to.
  expect(await firstNames('filter: { tagsLinks: { some: { tag: { name: { equalTo: "red" } } } } }')).toEqual(['A']);
  const answer = await acme.records(
    '{ companies(filter: { people: { some: { tags: { some: { name: { equalTo: "red" } } } } } }) { nodes { name } } }',
  );
  expect(answer).toEqual({ data: { companies: { nodes: [{ name: 'Zeta' }] } } });
});
