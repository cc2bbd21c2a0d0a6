import { addField, addRelation, insert } from '../../db/testing/workspace.ts';
import { useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

const server = useServer();
let acme: Caller;
let version = '0';
let objectId: string;

const FIELDS = [
  { label: 'Number', type: 'AUTO_NUMBER', settings: { prefix: 'INV-', padding: 4 } },
  { label: 'Share', type: 'PERCENT' },
  { label: 'Effort', type: 'DURATION' },
  { label: 'Tint', type: 'COLOR' },
  { label: 'Place', type: 'LOCATION' },
  { label: 'Reviewer', type: 'MEMBER' },
  { label: 'Extra', type: 'RAW_JSON' },
  { label: 'Hours', type: 'FORMULA', settings: { expression: 'round(share * 100, 0)' } },
  { label: 'Title', type: 'FORMULA', settings: { expression: 'name & " by " & reviewer.userEmail' } },
];

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  const created = await acme.metadata(
    'mutation { createObject(input: { labelSingular: "Invoice", labelPlural: "Invoices" }) { result { id } } }',
  );
  objectId = (created.data!.createObject as { result: { id: string } }).result.id;
  for (const field of FIELDS) {
    const answer = await acme.metadata(
      `mutation ($input: CreateFieldInput!) { createField(input: $input) { query { modelVersion } } }`,
      { input: { objectId, ...field } },
    );
    expect(answer.errors).toBeUndefined();
    version = (answer.data!.createField as { query: { modelVersion: string } }).query.modelVersion;
  }
  const rollup = await acme.metadata(
    `mutation ($company: UUID!, $settings: JSON!) { createField(input: { objectId: $company, label: "Staff", type: "ROLLUP", settings: $settings }) {
       query { modelVersion } } }`,
    await staffRollup(),
  );
  expect(rollup.errors).toBeUndefined();
  version = (rollup.data!.createField as { query: { modelVersion: string } }).query.modelVersion;
});

/** Counts the people of a company. */
async function staffRollup(): Promise<{ company: string; settings: object }> {
  const { rows } = await server.db.admin.query<{ company: string; relation: string }>(
    `select r.target_object_id as company, r.id as relation from metadata.relations r
     join metadata.fields f on f.id = r.field_id join metadata.objects o on o.id = f.object_id
     where f.name = 'company' and o.name_singular = 'person' and o.workspace_id = $1`,
    [acme.workspaceId],
  );
  return { company: rows[0]!.company, settings: { relationId: rows[0]!.relation, aggregate: 'COUNT' } };
}

const ask = (query: string, variables?: object): Promise<GraphqlAnswer> =>
  acme.records(query, variables, { 'x-metadata-version': version });

const create = (invoice: object) =>
  ask(
    `mutation ($invoice: InvoiceInput!) { createInvoice(input: { invoice: $invoice }) {
       invoice { number numberText share effort tint placeLat placeLng reviewer { userEmail } } } }`,
    { invoice },
  );

test('the types of one column each are written, read, filtered and sorted', async () => {
  const members = await ask('{ workspaceMembers { nodes { id userEmail } } }');
  const [member] = (members.data!.workspaceMembers as { nodes: { id: string; userEmail: string }[] }).nodes;
  const first = await create({
    name: 'First',
    share: 0.25,
    effort: '5400',
    tint: '#3b82f6',
    placeLat: 48.2,
    placeLng: 16.4,
    reviewerId: member!.id,
  });
  expect(first).toEqual({
    data: {
      createInvoice: {
        invoice: {
          number: '1',
          numberText: 'INV-0001',
          share: 0.25,
          effort: '5400',
          tint: '#3b82f6',
          placeLat: 48.2,
          placeLng: 16.4,
          reviewer: { userEmail: member!.userEmail },
        },
      },
    },
  });
  await create({ name: 'Second', share: 0.5 });
  const list = async (args: string) => {
    const answer = await ask(`{ invoices(${args}) { nodes { name } } }`);
    expect(answer.errors).toBeUndefined();
    return (answer.data!.invoices as { nodes: { name: string }[] }).nodes.map(({ name }) => name);
  };
  expect(await list('filter: { effort: { greaterThan: "3600" } }')).toEqual(['First']);
  expect(await list('filter: { share: { lessThanOrEqualTo: 0.25 } }')).toEqual(['First']);
  expect(await list('filter: { numberText: { startsWithInsensitive: "inv-0002" } }')).toEqual(['Second']);
  expect(await list('filter: { reviewer: { userEmail: { isNull: false } } }')).toEqual(['First']);
  expect(await list('orderBy: [NUMBER_DESC]')).toEqual(['Second', 'First']);
  expect(await list('orderBy: [SHARE_DESC]')).toEqual(['Second', 'First']);
  expect(await list('orderBy: [REVIEWER__LABEL_ASC]')).toEqual(['First', 'Second']);
});

test('what a type does not allow is refused by field', async () => {
  expect((await create({ name: 'x', tint: 'blue' })).errors).toMatchObject([
    { extensions: { code: 'VALUE_NOT_ALLOWED', field: 'tint' } },
  ]);
  expect((await create({ name: 'x', placeLat: 91, placeLng: 0 })).errors).toMatchObject([
    { extensions: { code: 'VALUE_NOT_ALLOWED', field: 'placeLat' } },
  ]);
});

test('formulas and rollups are read, filtered and sorted like any other field', async () => {
  const names = async (args: string) => {
    const answer = await ask(`{ invoices(${args}) { nodes { name hours title } } }`);
    expect(answer.errors).toBeUndefined();
    return (answer.data!.invoices as { nodes: object[] }).nodes;
  };
  expect(await names('filter: { hours: { greaterThan: 30 } }')).toMatchObject([{ name: 'Second', hours: 50 }]);
  expect(await names('filter: { title: { includesInsensitive: "@" } }, orderBy: [HOURS_DESC]')).toMatchObject([
    { name: 'First', hours: 25, title: 'First by owner@acme.test' },
  ]);
  expect(await names('orderBy: [HOURS_ASC]')).toMatchObject([{ name: 'First' }, { name: 'Second' }]);

  const company = await ask(
    'mutation { createCompany(input: { company: { name: "Initech" } }) { company { id staff } } }',
  );
  const { id } = (company.data!.createCompany as { company: { id: string } }).company;
  await ask('mutation ($c: UUID!) { createPerson(input: { person: { companyId: $c } }) { person { id } } }', { c: id });
  const counted = await ask(
    '{ companies(filter: { staff: { greaterThanOrEqualTo: 1 } }, orderBy: [STAFF_DESC]) { nodes { name staff } } }',
  );
  expect(counted.errors).toBeUndefined();
  expect(counted.data).toMatchObject({ companies: { nodes: [{ name: 'Initech' }] } });
  const input = await ask('{ __type(name: "CompanyPatch") { inputFields { name } } }');
  expect(JSON.stringify(input.data)).not.toContain('"staff"');
});

test('what the database works out is nobody’s to write', async () => {
  const { data } = await ask(
    '{ input: __type(name: "InvoiceInput") { inputFields { name } } patch: __type(name: "InvoicePatch") { inputFields { name } } }',
  );
  const names = Object.values(data as Record<string, { inputFields: { name: string }[] }>).flatMap(({ inputFields }) =>
    inputFields.map(({ name }) => name),
  );
  expect(names).toContain('share');
  for (const name of ['number', 'numberText', 'hours', 'title']) expect(names).not.toContain(name);
});

test('a list sorts by the labels of related records that are formulas or rollups', async () => {
  const client = await server.db.admin.connect();
  await client.query('begin');
  const object = async (name: string) =>
    insert(client, 'metadata.objects', {
      workspace_id: acme.workspaceId,
      label_singular: name,
      label_plural: `${name}s`,
    });
  const [ticket, own, over, counted] = [
    await object('Ticket'),
    await object('Own'),
    await object('Over'),
    await object('Counted'),
  ];
  await addField(client, ticket, { label: 'Name', type: 'TEXT' });
  await addField(client, own, { label: 'Size', type: 'NUMBER' });
  await addRelation(client, over, 'Own', own, { label: 'Overs' });
  await addRelation(client, ticket, 'Own', own, { label: 'Tickets' });
  await addRelation(client, ticket, 'Over', over, { label: 'Tickets' });
  const { relation } = await addRelation(client, ticket, 'Counted', counted, { label: 'Tickets' });
  for (const [id, type, settings] of [
    [own, 'FORMULA', { expression: '"size " & (9 - size)' }],
    [over, 'FORMULA', { expression: 'own.size * 2' }],
    [counted, 'ROLLUP', { relationId: relation, aggregate: 'COUNT' }],
  ] as const) {
    const label = await addField(client, id, { label: 'Label', type, settings });
    await client.query('update metadata.objects set label_field_id = $2 where id = $1', [id, label]);
  }
  await client.query('commit');
  await client.query(`
    set search_path = ${acme.schemaName};
    with own as (insert into owns (size) select unnest(array[1, 2, 3]) returning id, size),
      over as (insert into overs (own_id) select id from own returning id, own_id),
      counted as (insert into counteds select from own returning id)
    insert into tickets (name, own_id, over_id, counted_id)
    select 'e' || size, own.id, over.id, (select id from counted order by id limit 1 offset case size when 2 then 1 else 0 end)
    from own join over on over.own_id = own.id;
    reset search_path`);
  client.release();
  version = ((await acme.metadata('{ modelVersion }')).data as { modelVersion: string }).modelVersion;
  const answer = await ask(`{
    own: tickets(orderBy: [OWN__LABEL_ASC]) { nodes { name own { label } } }
    over: tickets(orderBy: [OVER__LABEL_ASC]) { nodes { name over { label } } }
    overDescending: tickets(orderBy: [OVER__LABEL_DESC]) { nodes { name } }
    counted: tickets(orderBy: [COUNTED__LABEL_ASC, NAME_DESC]) { nodes { name counted { label } } } }`);
  expect(answer.errors).toBeUndefined();
  expect(answer.data).toMatchObject({
    own: { nodes: [{ name: 'e3', own: { label: 'size 6' } }, { name: 'e2' }, { name: 'e1' }] },
    over: { nodes: [{ name: 'e1', over: { label: 2 } }, { name: 'e2' }, { name: 'e3', over: { label: 6 } }] },
    overDescending: { nodes: [{ name: 'e3' }, { name: 'e2' }, { name: 'e1' }] },
    counted: { nodes: [{ name: 'e2', counted: { label: 1 } }, { name: 'e3', counted: { label: 2 } }, { name: 'e1' }] },
  });
}, 60_000);

test('a text is looked for in the values of JSON, and not in its keys', async () => {
  await server.db.admin.query(
    `insert into ${acme.schemaName}.invoices (name, extra) values
       ('Json 1', '{"size": {"unit": "Metre"}, "count": 42}'), ('Json 2', '["metric"]'), ('Json 3', null), ('Json 4', '[{"name": "Plan 50%.pdf"}]')`,
  );
  const names = async (filter: string) => {
    const answer = await ask(
      `{ invoices(filter: { name: { startsWithInsensitive: "Json" }, ${filter} }) { nodes { name } } }`,
    );
    expect(answer.errors).toBeUndefined();
    return (answer.data!['invoices'] as { nodes: { name: string }[] }).nodes.map(({ name }) => name).sort();
  };
  expect(await names('extra: { includesInsensitive: "met" }')).toEqual(['Json 1', 'Json 2']);
  expect(await names('extra: { includesInsensitive: "unit" }')).toEqual([]);
  expect(await names('extra: { includesInsensitive: "42" }')).toEqual(['Json 1']);
  expect(await names('extra: { notIncludesInsensitive: "metre" }')).toEqual(['Json 2', 'Json 4']);
  expect(await names('extra: { includesInsensitive: "50%.PDF" }')).toEqual(['Json 4']);
  expect(await names('extra: { includesInsensitive: "name" }')).toEqual([]);
  expect(await names('extra: { isNull: true }')).toEqual(['Json 3']);
});
