import pg from 'pg';
import { PassThrough, Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { useDatabase } from '../../testing/database.ts';
import { importRecords } from '../import/importRecords.ts';
import { exportRecords, type ExportFormat } from './exportRecords.ts';

const db = useDatabase();
let identity: { pgRole: string; schemaName: string; memberId: null; apiKeyId: null };

beforeAll(async () => {
  await db.admin.query(`select engine.create_workspace('export-test', 'Export', 'owner@export.example')`);
  const { rows } = await db.admin.query(
    `select r.pg_role as "pgRole", w.schema_name as "schemaName" from core.workspaces w
     join metadata.roles r on r.workspace_id = w.id and r.name = 'Admin' where w.slug = 'export-test'`,
  );
  identity = { ...rows[0], memberId: null, apiKeyId: null };
  await importCsv(
    'company',
    'Name,Domain,Other domains,Revenue\n"Acme, ""the"" firm",acme.example,"a.example; b.example",1234.5 EUR\n',
  );
  await importCsv(
    'person',
    'First name,Last name,Email,Company\nAda,"Love\nlace",ada@a.example; ada@b.example,"Acme, ""the"" firm"\n=1+1,,x@a.example,\n',
  );
});

async function withServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: db.serverUrl });
  client.on('error', () => {}); // ended while it was sending
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function importCsv(object: string, csv: string, match?: string) {
  const source = { name: 'test.csv', open: () => Readable.from([Buffer.from(csv)], { objectMode: false }) };
  return withServer((client) =>
    importRecords({ client, identity, object, source, ...(match === undefined ? {} : { match }) }),
  );
}

async function exported(object: string, format: ExportFormat): Promise<string> {
  const out = new PassThrough();
  const content = text(out);
  await withServer((client) => exportRecords({ client, identity, object, format, out }));
  out.end();
  return content;
}

test('CSV has relations as labels and ids, and lists as JSON', async () => {
  const lines = (await exported('people', 'csv')).split('\n');
  expect(lines[0]).toMatch(/^id,name\.firstName,name\.lastName,/);
  expect(lines[0]).toContain('company,company.id');
  const csv = await exported('people', 'csv');
  expect(csv).toContain('"Love\nlace"');
  expect(csv).toContain('"[""ada@b.example""]"');
  expect(csv).toContain('"Acme, ""the"" firm"');
});

test('NDJSON nests the parts and escapes nothing twice', async () => {
  const people = (await exported('person', 'ndjson'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(people[0]).toMatchObject({
    name: { firstName: 'Ada', lastName: 'Love\nlace' },
    emails: { primaryEmail: 'ada@a.example', additionalEmails: ['ada@b.example'] },
    company: { label: 'Acme, "the" firm', id: expect.any(String) },
    createdBy: { source: 'IMPORT' },
  });
  expect(people[1]).toMatchObject({ name: { firstName: '=1+1' }, company: { label: null, id: null } });
});

test('what was exported is imported again without a change', async () => {
  for (const object of ['company', 'person']) {
    const result = await importCsv(object, await exported(object, 'csv'), 'id');
    expect(result).toMatchObject({ created: 0, updated: 0, rejected: 0 });
    expect(result.unchanged).toBeGreaterThan(0);
  }
});

test('every object can be exported in both formats, empty ones with their header', async () => {
  const { rows } = await db.admin.query(
    `select o.name_singular as name from metadata.objects o join core.workspaces w on w.id = o.workspace_id where w.slug = 'export-test'`,
  );
  for (const { name } of rows) {
    expect(await exported(name, 'csv')).toMatch(/^id,/);
    expect(await exported(name, 'ndjson')).toMatch(/^$|^\{/);
  }
});

test('waits for a slow reader', async () => {
  await importCsv(
    'note',
    `Title,Body\n${Array.from({ length: 500 }, (_, i) => `N${i},${'x'.repeat(2000)}`).join('\n')}\n`,
  );
  let pending = 0;
  let most = 0;
  const slow = new Writable({
    highWaterMark: 16_384,
    write(chunk: Buffer, _encoding, done) {
      pending += chunk.length;
      most = Math.max(most, this.writableLength);
      setTimeout(done, 1);
    },
  });
  await withServer((client) => exportRecords({ client, identity, object: 'note', format: 'ndjson', out: slow }));
  expect(pending).toBeGreaterThan(1_000_000);
  expect(most).toBeLessThan(400_000);
});

test('ends when the reader leaves early', async () => {
  // More than the socket's buffers hold, so that PostgreSQL is still sending; JSON, since that is not searched.
  await db.admin.query(
    `insert into ${identity.schemaName}.notes (body_v2_document) select to_jsonb(repeat('x', 100000)) from generate_series(1, 200)`,
  );
  const gone = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    },
  });
  await expect(
    withServer((client) => exportRecords({ client, identity, object: 'note', format: 'csv', out: gone })),
  ).rejects.toMatchObject({ code: 'EPIPE' });
});

test('an unknown object is refused with the nearest', async () => {
  await expect(exported('persn', 'csv')).rejects.toMatchObject({
    code: 'OBJECT_UNKNOWN',
    hint: 'Did you mean "person"?',
  });
});
