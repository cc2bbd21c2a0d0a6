import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let acme: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  const s = acme.schemaName;
  await server.db.admin.query(`
    set search_path = ${s};
comment on table companies is E'@singular company\\n@plural companies\\n@labelColumn name';
comment on table people is E'@singular person\\n@plural people\\n@labelColumn name_first_name name_last_name';
create table tags (id uuid primary key default gen_random_uuid(), name text);
comment on table tags is E'@singular tag\\n@plural tags\\n@labelColumn name';
create table people_tags (id uuid primary key default gen_random_uuid(), person_id uuid not null constraint pt_p references people on delete cascade, tag_id uuid not null constraint pt_t references tags on delete cascade, role text, unique (person_id, tag_id));
comment on table people_tags is E'@singular personTag\\n@plural peopleTags';
comment on constraint pt_p on people_tags is E'@fieldName person\\n@foreignFieldName tagLinks\\n@manyToMany tags';
comment on constraint pt_t on people_tags is E'@fieldName tag\\n@foreignFieldName personLinks\\n@manyToMany taggedPeople';
insert into companies(id,name) values ('00000000-0000-4000-8000-000000000001','Zeta'),('00000000-0000-4000-8000-000000000002','Alpha');
insert into people(name_first_name, company_id) values ('A','00000000-0000-4000-8000-000000000001'),('B','00000000-0000-4000-8000-000000000002'),('C',null);
insert into tags(name) values ('red'),('blue');
insert into people_tags(person_id, tag_id) select p.id, t.id from people p, tags t where p.name_first_name='A' or (p.name_first_name='B' and t.name='blue');
grant all on tags, people_tags to ${s}_r_1;
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
      tagLinks(first: 5) { nodes { role tag { name } } }
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
        tagLinks: { nodes: [{ role: null }, { role: null }] },
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
  expect(await firstNames('filter: { tagLinks: { some: { tag: { name: { equalTo: "red" } } } } }')).toEqual(['A']);
  const answer = await acme.records(
    '{ companies(filter: { people: { some: { tags: { some: { name: { equalTo: "red" } } } } } }) { nodes { name } } }',
  );
  expect(answer).toEqual({ data: { companies: { nodes: [{ name: 'Zeta' }] } } });
});
