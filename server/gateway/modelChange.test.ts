import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

const server = useServer();
let acme: Caller;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  await acme.records('mutation { createCompany(input: { company: { name: "Initech" } }) { company { id } } }');
});

async function objectId(nameSingular: string): Promise<string> {
  const { data } = await acme.metadata(
    'query ($name: String!) { objects(filter: { nameSingular: { equalTo: $name } }) { nodes { id } } }',
    { name: nameSingular },
  );
  return (data!.objects as { nodes: { id: string }[] }).nodes[0]!.id;
}

/** Creates a text field on companies, and gives the version of the model that has it. */
async function createField(label: string): Promise<number> {
  const answer = await acme.metadata(
    `mutation ($object: UUID!, $label: String!) {
       createField(input: { objectId: $object, label: $label, type: "TEXT" }) { result { name } query { modelVersion } } }`,
    { object: await objectId('company'), label },
  );
  expect(answer.errors).toBeUndefined();
  return Number((answer.data!.createField as { query: { modelVersion: string } }).query.modelVersion);
}

test('the API has a new field at once for whoever asks for that version, while others are served on', async () => {
  let stop = false;
  const failures: unknown[] = [];
  const background = Array.from({ length: 3 }, async () => {
    while (!stop) {
      const answer = await acme.records('{ companies { nodes { id name } } }');
      if (answer.errors) failures.push(answer.errors);
    }
  });
  for (const name of ['motto', 'slogan', 'anthem']) {
    const version = await createField(name);
    const answer = await acme.records(`{ companies { nodes { ${name} } } }`, undefined, {
      'x-metadata-version': String(version),
    });
    expect(answer).toEqual({ data: { companies: { nodes: [{ [name]: null }] } } });
  }
  stop = true;
  await Promise.all(background);
  expect(failures).toEqual([]);
}, 60_000);

test('a version that nobody has made yet is waited for, then refused', async () => {
  const answer = await acme.records('{ __typename }', undefined, {
    'x-metadata-version': '1000000',
  });
  expect(answer.errors![0]!.extensions.code).toBe('MODEL_NOT_READY');
  const nonsense = await acme.records('{ __typename }', undefined, { 'x-metadata-version': 'new' });
  expect(nonsense.errors![0]!.extensions.code).toBe('INVALID_REQUEST');
}, 30_000);

test('the schema of a model that is gone is dropped', async () => {
  await createField('Jingle');
  const version = await createField('Crest');
  await acme.records('{ __typename }', undefined, { 'x-metadata-version': String(version) });
  expect(server.app.gateway.instances.size).toBeLessThanOrEqual(2);
});

test('a query for a field that has just been renamed is told so by the new schema', async () => {
  await acme.records('{ companies { nodes { crest } } }');
  await server.db.admin.query("update metadata.fields set name = 'coatOfArms' where name = 'crest'");
  // Whichever schema it meets, it never fails with the database's own words.
  const answer = await acme.records('{ companies { nodes { crest } } }');
  if (answer.errors) expect(answer.errors[0]!.extensions.code).toBe('INVALID_QUERY');
  const renamed = await acme.records('{ companies { nodes { coatOfArms } } }', undefined, {
    'x-metadata-version': String(await currentVersion()),
  });
  expect(renamed.errors).toBeUndefined();
});

async function currentVersion(): Promise<number> {
  const { rows } = await server.db.admin.query<{ model_version: string }>(
    'select model_version from core.workspaces where slug = $1',
    ['acme'],
  );
  return Number(rows[0]!.model_version);
}
