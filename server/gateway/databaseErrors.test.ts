import { useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

const server = useServer();
let acme: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
});

const createPerson = (person: object): Promise<GraphqlAnswer> =>
  acme.records('mutation ($person: PersonInput!) { createPerson(input: { person: $person }) { person { id } } }', {
    person,
  });

const idOf = (answer: GraphqlAnswer): string => (answer.data!.createPerson as { person: { id: string } }).person.id;

/** The only error of an answer. */
function errorOf(answer: GraphqlAnswer) {
  expect(answer.errors).toHaveLength(1);
  const { message, path, extensions } = answer.errors![0]!;
  expect(message).toMatch(/^["A-Z].*[.]$/s);
  return { path, message, ...extensions };
}

test('a value that must be unique names its field', async () => {
  await createPerson({ emailsPrimaryEmail: 'ada@x.test' });
  expect(errorOf(await createPerson({ emailsPrimaryEmail: 'ada@x.test' }))).toMatchObject({
    code: 'NOT_UNIQUE',
    field: 'emailsPrimaryEmail',
    path: ['createPerson'],
    hint: expect.any(String),
  });
});

test('a relation to a record that does not exist names its field', async () => {
  expect(errorOf(await createPerson({ companyId: '00000000-0000-4000-8000-000000000000' }))).toMatchObject({
    code: 'RELATED_RECORD_MISSING',
    field: 'companyId',
  });
});

test('an option that does not exist names its field', async () => {
  const answer = await acme.records(
    'mutation { createOpportunity(input: { opportunity: { name: "Big one", stage: "DREAMT_UP" } }) { opportunity { id } } }',
  );
  expect(errorOf(answer)).toMatchObject({
    code: 'VALUE_NOT_ALLOWED',
    field: 'stage',
    message: '"Stage" is one of: New, Screening, Meeting, Proposal, Customer.',
    hint: expect.stringContaining('MEETING'),
  });
});

test('a rule that is broken speaks in its own words, of its field', async () => {
  await server.db.admin.query(
    `insert into metadata.rules (workspace_id, object_id, field_id, kind, condition, settings, message)
     select o.workspace_id, o.id, f.id, r.kind, r.condition, r.settings::jsonb, r.message
     from (values ('closeDate', 'REQUIRED', 'stage = "CUSTOMER"', '{}', ''),
                  ('name', 'LENGTH', null, '{"max": 10}', 'Ten letters must do.'),
                  (null, 'CONDITION', 'name <> "Nothing"', '{}', 'An opportunity is about something.')) r (field, kind, condition, settings, message)
     join metadata.objects o on o.name_singular = 'opportunity' and o.workspace_id = $1
     left join metadata.fields f on f.object_id = o.id and f.name = r.field`,
    [acme.workspaceId],
  );
  const create = async (opportunity: object) =>
    errorOf(
      await acme.records(
        'mutation ($o: OpportunityInput!) { createOpportunity(input: { opportunity: $o }) { opportunity { id } } }',
        { o: opportunity },
      ),
    );
  expect(await create({ name: 'Won', stage: 'CUSTOMER' })).toMatchObject({
    code: 'VALUE_NOT_ALLOWED',
    field: 'closeDate',
    message: expect.stringMatching(/^Close date is required when stage/),
  });
  expect(await create({ name: 'A very long name' })).toMatchObject({
    field: 'name',
    message: 'Ten letters must do.',
    hint: expect.stringContaining('at most 10 characters'),
  });
  expect(await create({ name: 'Nothing' })).toMatchObject({ message: 'An opportunity is about something.' });
});

test('what holds a record back is not told as if it were missing', async () => {
  await server.db.admin.query(
    `update metadata.relations r set on_delete = 'RESTRICT' from metadata.fields f join metadata.objects o on o.id = f.object_id
     where r.field_id = f.id and f.name = 'company' and o.name_singular = 'person' and o.workspace_id = $1`,
    [acme.workspaceId],
  );
  const { data } = await acme.records(
    'mutation { createCompany(input: { company: { name: "Held" } }) { company { id } } }',
  );
  const { id } = (data!.createCompany as { company: { id: string } }).company;
  await createPerson({ companyId: id });
  const answer = await acme.records('mutation ($id: UUID!) { deleteCompany(input: { id: $id }) { company { id } } }', {
    id,
  });
  expect(errorOf(answer)).toMatchObject({
    code: 'STILL_REFERENCED',
    message: expect.stringContaining('point to this one'),
  });
});

test('a value of the wrong type is told before or by the database', async () => {
  const malformed = await acme.records('{ person(id: "not-a-uuid") { id } }');
  expect(['INVALID_QUERY', 'VALUE_INVALID', 'INVALID_REQUEST']).toContain(malformed.errors![0]!.extensions.code);
  const date = await acme.records(
    'mutation { createOpportunity(input: { opportunity: { name: "x", closeDate: "someday" } }) { opportunity { id } } }',
  );
  expect(errorOf(date)).toMatchObject({ code: 'VALUE_INVALID' });
});

test('a column without a grant is forbidden by name; a query without it succeeds', async () => {
  const id = idOf(await createPerson({ nameFirstName: 'Ada', city: 'London' }));
  const { schemaName } = acme;
  const role = `${schemaName}_r_2`;
  const member = await server.createKey('acme', 'Member');
  const { rows } = await server.db.admin.query<{ columns: string }>(
    `select string_agg(quote_ident(attname), ', ') as columns from pg_attribute
     where attrelid = ($1 || '.people')::regclass and attnum > 0 and not attisdropped and attname <> 'city'`,
    [schemaName],
  );
  await server.db.admin.query(`revoke select, update on ${schemaName}.people from ${role};
    grant select (${rows[0]!.columns}) on ${schemaName}.people to ${role};
    grant update (job_title) on ${schemaName}.people to ${role}`);

  expect(await member.records('query ($id: UUID!) { person(id: $id) { nameFirstName } }', { id })).toEqual({
    data: { person: { nameFirstName: 'Ada' } },
  });
  const read = await member.records('query ($id: UUID!) { person(id: $id) { nameFirstName city } }', { id });
  expect(errorOf(read)).toMatchObject({ code: 'FORBIDDEN', field: 'city', path: ['person'] });
  expect(read.data).toEqual({ person: null });
  const write = await member.records(
    'mutation ($id: UUID!, $patch: PersonPatch!) { updatePerson(input: { id: $id, patch: $patch }) { person { id } } }',
    { id, patch: { city: 'Paris' } },
  );
  expect(errorOf(write)).toMatchObject({ code: 'FORBIDDEN', field: 'city' });
});

test("a rule of the engine keeps the engine's words, code and field", async () => {
  const { data } = await acme.metadata('{ objects(filter: { nameSingular: { equalTo: "person" } }) { nodes { id } } }');
  const [object] = (data!.objects as { nodes: { id: string }[] }).nodes;
  const answer = await acme.metadata(
    'mutation ($id: UUID!) { createField(input: { objectId: $id, label: "!!!", type: "TEXT" }) { result { id } } }',
    { id: object!.id },
  );
  expect(errorOf(answer)).toMatchObject({
    code: expect.stringMatching(/^RV\d{3}$/),
    hint: expect.any(String),
  });
});

test('an unforeseen error is masked, with the id under which it was logged', async () => {
  await server.db.admin.query(`alter function ${acme.schemaName}.restore_record rename to restore_record_away`);
  await server.db.admin.query(
    `create function ${acme.schemaName}.restore_record(object_name text, record_id uuid) returns boolean
     language plpgsql as $$ begin raise exception 'secret detail' using errcode = 'XX001'; end $$;
     grant execute on function ${acme.schemaName}.restore_record to public`,
  );
  const answer = await acme.records(
    'mutation { restoreRecord(input: { objectName: "person", recordId: "00000000-0000-4000-8000-000000000000" }) { result } }',
  );
  expect(errorOf(answer)).toMatchObject({
    code: 'INTERNAL',
    id: expect.stringMatching(/^[\w-]{36}$/),
  });
  expect(JSON.stringify(answer)).not.toContain('secret');
});

test('a document that does not fit the schema says why', async () => {
  const answer = await acme.records('{ people { nodes { shoeSize } } }');
  expect(answer.errors![0]).toMatchObject({
    message: expect.stringContaining('shoeSize'),
    extensions: { code: 'INVALID_QUERY' },
  });
  expect((await acme.records('{ people {')).errors![0]!.extensions.code).toBe('INVALID_QUERY');
});

test('a list of more records than one answer holds is refused, and the next request is served', async () => {
  await server.db.admin.query(
    `insert into ${acme.schemaName}.companies (name) select 'Company ' || i from generate_series(1, 10001) i`,
  );
  const answer = await acme.records('{ companies { nodes { id } } }');
  expect(errorOf(answer)).toMatchObject({ code: 'TOO_MANY_RECORDS', path: ['companies'] });
  const page = await acme.records('{ companies(first: 2) { nodes { name } totalCount } }');
  expect(page.data!.companies).toMatchObject({ nodes: [{}, {}], totalCount: 10002 });
});
