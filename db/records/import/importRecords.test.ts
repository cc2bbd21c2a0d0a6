import pg from 'pg';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { useDatabase } from '../../testing/database.ts';
import { importRecords, type ImportOptions, type ImportResult } from './importRecords.ts';

const db = useDatabase();
const fixture = (name: string) => join(import.meta.dirname, '..', 'fixtures', name);

let slugs = 0;
let workspace: { id: string; slug: string; schema: string; admin: string; member: string };

beforeEach(async () => {
  const slug = `import-${++slugs}`;
  await db.admin.query('select engine.create_workspace($1, $2, $3)', [slug, 'Import', 'owner@import.example']);
  const { rows } = await db.admin.query(
    `select w.id, w.slug, w.schema_name as schema, min(r.pg_role) filter (where r.name = 'Admin') as admin,
            min(r.pg_role) filter (where r.name = 'Member') as member
     from core.workspaces w join metadata.roles r on r.workspace_id = w.id where w.slug = $1 group by w.id`,
    [slug],
  );
  workspace = rows[0];
});

type Options = Partial<Omit<ImportOptions, 'client' | 'identity' | 'source'>> & {
  role?: string;
  member?: string;
  file?: string;
};

async function run(
  object: string,
  csv: string | Buffer,
  options: Options = {},
): Promise<ImportResult & { rejectsFile: string }> {
  const rejects = new PassThrough();
  const rejectsFile = text(rejects);
  const client = new pg.Client({ connectionString: db.serverUrl });
  await client.connect();
  const bytes = Buffer.from(csv as string);
  const { role, member, file, ...rest } = options;
  try {
    const result = await importRecords({
      client,
      identity: {
        pgRole: role ?? workspace.admin,
        schemaName: workspace.schema,
        memberId: member ?? null,
        apiKeyId: null,
      },
      object,
      source: {
        name: file ?? 'test.csv',
        open: () => (file ? createReadStream(file) : Readable.from([bytes], { objectMode: false })),
      },
      openRejects: () => rejects,
      ...rest,
    });
    if (result.rejected === 0) rejects.end();
    return { ...result, rejectsFile: await rejectsFile };
  } finally {
    await client.end();
  }
}

async function select(columns: string, table: string, rest = ''): Promise<unknown[]> {
  const { rows } = await db.admin.query(`select ${columns} from ${workspace.schema}.${table} ${rest}`);
  return rows;
}

const counts = ({ created, updated, unchanged, rejected }: ImportResult) => ({ created, updated, unchanged, rejected });

test('creates records, as an import, with events and one outbox row', async () => {
  const result = await run(
    'companies',
    'Name,Website,Employees,Annual revenue,HQ\n"Acme, Inc",ACME.example/,"1,200",$1.5m,"Saint Paul, Minnesota"\n',
  );
  expect(counts(result)).toEqual({ created: 1, updated: 0, unchanged: 0, rejected: 0 });
  expect(
    await select(
      'name, domain_name_primary_link_url as url, employees, annual_revenue_amount_micros as micros, annual_revenue_currency_code as code, address_city as city, created_by_source as source',
      'companies',
    ),
  ).toEqual([
    {
      name: 'Acme, Inc',
      url: 'https://acme.example',
      employees: '1200',
      micros: '1500000000000',
      code: 'USD',
      city: 'Saint Paul',
      source: 'IMPORT',
    },
  ]);
  expect(await select('action, source', 'record_events')).toEqual(
    expect.arrayContaining([{ action: 'created', source: 'IMPORT' }]),
  );
});

test('all of it is one request, also what was made for it, and is taken back as one', async () => {
  const file = 'First name,Email,Company\nAda,ada@a.example,Acme\nBob,bob@b.example,Bolt\n';
  await run('person', 'First name,Email\nOld,ada@a.example\n');
  const result = await run('person', file, { match: 'emails', createMissing: true });
  expect(counts(result)).toMatchObject({ created: 1, updated: 1 });
  expect(
    await select(
      'distinct request_id',
      'record_events',
      `where happened_at = (select max(happened_at) from ${workspace.schema}.record_events)`,
    ),
  ).toEqual([{ request_id: result.requestId }]);
  await db.admin.query(
    `begin; set local search_path = ${workspace.schema}, public; select revert(request_id => '${result.requestId}'); commit`,
  );
  expect(await select('name_first_name as name', 'people')).toEqual([{ name: 'Old' }]);
  expect(await select('name', 'companies')).toEqual([]);
});

test('rejects bad rows with line and reason, and lets the others in', async () => {
  const result = await run(
    'person',
    'First name,Email,Phone\nAda,ada@a.example,+44 20 7946 0123\nBob,not an address,\n"Two\nlines",ADA@a.example,\nCy,cy@a.example,12\nDee,,\nEve\n=HYPERLINK(1),x@a.example,\n',
  );
  expect(counts(result)).toEqual({ created: 3, updated: 0, unchanged: 0, rejected: 4 });
  expect(result.rejectsFile).toBe(
    [
      'line,reason,First name,Email,Phone',
      '3,"Email: ""not an address"" is not an e-mail address.",Bob,not an address,',
      '4,Emails: line 2 of the file has the same value.,"Two\nlines",ADA@a.example,',
      '6,"Phone: ""12"" is not a telephone number.",Cy,cy@a.example,12',
      '8,"The row has 1 cells, the header has 3.",Eve',
      '',
    ].join('\n'),
  );
  expect(await select('name_first_name as name', 'people', 'order by 1')).toEqual([
    { name: '=HYPERLINK(1)' },
    { name: 'Ada' },
    { name: 'Dee' },
  ]);
});

test('the rejects file, mended, is a file to import', async () => {
  const { rejectsFile } = await run('person', 'First name,Email\nAda,ada at a.example\n');
  const result = await run('person', rejectsFile.replaceAll('ada at a', 'ada@a'));
  expect(counts(result)).toEqual({ created: 1, updated: 0, unchanged: 0, rejected: 0 });
});

test('matching creates, updates and leaves alone; an empty cell says nothing', async () => {
  await run('company', 'Name,Domain,Employees\nAcme,acme.example,10\nBolt,bolt.example,20\n');
  const file = 'Name,Domain,Employees\nAcme,www.acme.example,11\nBolt,http://bolt.example,\nCord,cord.example,5\n';
  const options = { match: 'domainName', map: new Map([['Domain', 'domainName']]) };
  expect(counts(await run('company', file, options))).toEqual({ created: 1, updated: 2, unchanged: 0, rejected: 0 });
  expect(counts(await run('company', file, options))).toEqual({ created: 0, updated: 0, unchanged: 3, rejected: 0 });
  expect(await select('name, employees', 'companies', 'order by 1')).toEqual([
    { name: 'Acme', employees: '11' },
    { name: 'Bolt', employees: '20' },
    { name: 'Cord', employees: '5' },
  ]);
});

test('rows that cannot be matched, match twice or repeat each other are rejected', async () => {
  await run('company', 'Name\nTwin\ntwin\nOne\n');
  const result = await run('company', 'Name,Employees\nTWIN,1\nOne,2\none,3\n,4\n', { match: 'name' });
  expect(counts(result)).toEqual({ created: 0, updated: 1, unchanged: 0, rejected: 3 });
  expect(result.rejects.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
    '2 Name: the row matches 2 companies, and should match one.',
    '4 Name: line 3 of the file has the same value.',
    '5 Name: the cell is empty, so the row cannot be matched.',
  ]);
});

test('a value that another record has is rejected before anything is written', async () => {
  await run('person', 'Name,Email\nAda Lovelace,ada@a.example\nBob Ray,bob@a.example\n');
  const result = await run('person', 'Name,Email\nAda King,ADA@a.example\nCy Ed,cy@a.example\n');
  expect(counts(result)).toEqual({ created: 1, updated: 0, unchanged: 0, rejected: 1 });
  expect(result.rejects[0]?.reason).toBe('Another record has this value of "Emails", and it must be unique.');
  const swap = await run('person', 'Name,Email\nAda Lovelace,bob@a.example\n', { match: 'name' });
  expect(counts(swap)).toEqual({ created: 0, updated: 0, unchanged: 0, rejected: 1 });
});

test('relations: by name, by domain, by id, missing, ambiguous, created', async () => {
  await run('company', 'Name,Domain\nAcme,acme.example\nTwin,\ntwin,\n');
  const [acme] = (await select('id', 'companies', `where name = 'Acme'`)) as { id: string }[];
  const file = `First name,Company\nA,acme\nB,https://www.acme.example\nC,${acme?.id}\nD,Nobody\nE,Twin\nF,\nG,nobody\n`;
  const result = await run('person', file);
  expect(counts(result)).toEqual({ created: 4, updated: 0, unchanged: 0, rejected: 3 });
  expect(result.rejects.map(({ reason }) => reason)).toEqual([
    'Company: there is no company "Nobody".',
    'Company: 2 companies are called "Twin".',
    'Company: there is no company "nobody".',
  ]);
  const again = await run('person', file, { createMissing: true });
  expect(counts(again)).toEqual({ created: 6, updated: 0, unchanged: 0, rejected: 1 });
  expect(again.createdRelated.map(({ object, created }) => [object.nameSingular, created])).toEqual([['company', 1]]);
  expect(
    await select(
      'count(*)::int as n',
      'people',
      `p join ${workspace.schema}.companies c on c.id = p.company_id where c.name = 'Acme'`,
    ),
  ).toEqual([{ n: 6 }]);
});

test('options by label, dates without shifts, and times in the zone that is given', async () => {
  const result = await run(
    'opportunity',
    'Name,Stage,Close date,Amount\nA,proposal,2026-03-01 09:00,€5\nB,,2026-03-01,\nC,Lost,,\n',
    { timeZone: 'America/New_York' },
  );
  expect(counts(result)).toEqual({ created: 2, updated: 0, unchanged: 0, rejected: 1 });
  expect(await select(`name, stage, close_date at time zone 'UTC' || '' as at`, 'opportunities', 'order by 1')).toEqual(
    [
      { name: 'A', stage: 'PROPOSAL', at: '2026-03-01 14:00:00' },
      { name: 'B', stage: 'NEW', at: '2026-03-01 05:00:00' },
    ],
  );
});

test('a dry run reports the same and changes nothing', async () => {
  const result = await run('company', 'Name,Employees\nA,1\nB,many\n', { dryRun: true });
  expect(counts(result)).toEqual({ created: 1, updated: 0, unchanged: 0, rejected: 1 });
  expect(result.rejectsFile).toContain('many');
  expect(await select('id', 'companies')).toEqual([]);
  expect(await select('batch', 'record_events', `where source = 'IMPORT'`)).toEqual([]);
});

test('what no check foresees is found by halving', async () => {
  await db.admin.query(`
    create function ${workspace.schema}.refuse() returns trigger language plpgsql as $$ begin
      if new.name in ('C7', 'C13') then raise exception 'We do not deal with %', new.name; end if; return new; end $$;
    create trigger refuse before insert on ${workspace.schema}.companies for each row execute function ${workspace.schema}.refuse();`);
  const rows = Array.from({ length: 20 }, (_, i) => `C${i}\n`).join('');
  const result = await run('company', `Name\n${rows}`);
  expect(counts(result)).toEqual({ created: 18, updated: 0, unchanged: 0, rejected: 2 });
  expect(result.rejects).toEqual([
    { line: 9, reason: 'We do not deal with C7.' },
    { line: 15, reason: 'We do not deal with C13.' },
  ]);
});

test('a NUL byte rejects its row alone', async () => {
  const result = await run('company', 'Name\nA\0B\nC\n');
  expect(counts(result)).toEqual({ created: 1, updated: 0, unchanged: 0, rejected: 1 });
});

test('a cell of a megabyte comes in', async () => {
  const result = await run('note', `Title,Body\nBig,${'word '.repeat(40_000)}\n`);
  expect(counts(result)).toEqual({ created: 1, updated: 0, unchanged: 0, rejected: 0 });
});

test('system fields cannot be imported, mistyped ones are refused', async () => {
  await expect(run('company', 'Name,X\nA,b\n', { map: new Map([['X', 'createdAt']]) })).rejects.toMatchObject({
    code: 'FIELD_UNKNOWN',
    message: expect.stringContaining('kept by Relvar'),
  });
  await expect(run('compny', 'Name\nA\n')).rejects.toMatchObject({
    code: 'OBJECT_UNKNOWN',
    hint: 'Did you mean "company"?',
  });
  await expect(run('company', 'Foo\nA\n')).rejects.toMatchObject({ code: 'MAPPING_EMPTY' });
  await expect(run('company', '')).rejects.toMatchObject({ code: 'CSV_EMPTY' });
  await expect(run('company', 'Name\nA\n', { match: 'domainName' })).rejects.toMatchObject({ code: 'MATCH_UNMAPPED' });
});

test('runs with the rights of the role, and no others', async () => {
  await db.admin.query(
    `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
     select $1, r.id, o.id, true, false, false, false from metadata.roles r, metadata.objects o
     where r.pg_role = $2 and o.workspace_id = $1 and o.name_singular = 'company'`,
    [workspace.id, workspace.member],
  );
  await expect(run('company', 'Name\nA\n', { role: workspace.member })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
  expect(counts(await run('company', 'Name\nA\n'))).toMatchObject({ created: 1 });
  expect(counts(await run('person', 'First name\nA\n', { role: workspace.member }))).toMatchObject({ created: 1 });
});

test('a failure leaves nothing behind and the connection usable', async () => {
  await expect(run('company', 'Name\nA\n"B\n')).rejects.toMatchObject({ code: 'CSV_QUOTES' });
  expect(await select('id', 'companies')).toEqual([]);
});

describe('the real files', () => {
  test('the S&P 500 come in, and again by name change nothing', async () => {
    const first = await run('company', '', { file: fixture('sp500-companies.csv') });
    expect(counts(first)).toEqual({ created: 503, updated: 0, unchanged: 0, rejected: 0 });
    const second = await run('company', '', { file: fixture('sp500-companies.csv'), match: 'name' });
    expect(counts(second)).toEqual({ created: 0, updated: 0, unchanged: 503, rejected: 0 });
    expect(
      await select(
        'address_city as city, address_state as state, address_country as country',
        'companies',
        `where name = '3M'`,
      ),
    ).toEqual([{ city: 'Saint Paul', state: 'Minnesota', country: 'United States' }]);
  });

  test('ten thousand universities, but for two that share a domain', async () => {
    const options = { file: fixture('universities.csv'), match: 'domainName' };
    expect(counts(await run('company', '', options))).toEqual({
      created: 10_249,
      updated: 0,
      unchanged: 0,
      rejected: 2,
    });
    expect(counts(await run('company', '', options))).toEqual({
      created: 0,
      updated: 0,
      unchanged: 10_249,
      rejected: 2,
    });
  }, 120_000);

  test('the members of Congress belong to their chambers', async () => {
    const result = await run('person', '', { file: fixture('us-legislators.csv'), createMissing: true });
    expect(counts(result)).toEqual({ created: 537, updated: 0, unchanged: 0, rejected: 0 });
    expect(
      await select(
        'c.name, count(*)::int as n',
        'people',
        `p join ${workspace.schema}.companies c on c.id = p.company_id group by 1 order by 1`,
      ),
    ).toEqual([
      { name: 'United States House of Representatives', n: 437 },
      { name: 'United States Senate', n: 100 },
    ]);
  });
});

test('rules reject rows in their own words, whether the file or the record says what they ask for', async () => {
  await db.admin.query(
    `insert into metadata.rules (workspace_id, object_id, field_id, kind, condition, settings, message, applies_from)
     select o.workspace_id, o.id, f.id, r.kind, r.condition, r.settings::jsonb, r.message, now()
     from (values ('employees', 'RANGE', null, '{"min": 1}', 'A company has somebody.'),
                  ('annualRevenue', 'REQUIRED', 'employees > 100', '{}', '')) r (field, kind, condition, settings, message)
     join metadata.objects o on o.name_singular = 'company' and o.workspace_id = $1
     join metadata.fields f on f.object_id = o.id and f.name = r.field`,
    [workspace.id],
  );
  const first = await run('companies', 'Name,Employees\nNobody,0\nSmall,5\nLarge,500\n');
  expect(counts(first)).toMatchObject({ created: 1, rejected: 2 });
  expect(first.rejects).toEqual([
    { line: 2, reason: 'Employees: A company has somebody.' },
    { line: 4, reason: expect.stringMatching(/^Annual revenue is required when employees > 100/) },
  ]);
  // The revenue is not in the file, and the record has none.
  const second = await run('companies', 'Name,Employees\nSmall,200\n', { match: 'name' });
  expect(second.rejects).toEqual([{ line: 2, reason: expect.stringMatching(/^Annual revenue is required/) }]);
  await run('companies', 'Name,Annual revenue\nSmall,5 EUR\n', { match: 'name' });
  expect(counts(await run('companies', 'Name,Employees\nSmall,200\n', { match: 'name' }))).toMatchObject({
    updated: 1,
  });
});

test('an empty cell gets the default, also one that the engine computes', async () => {
  await db.admin.query(
    `select metadata.create_field(o.id, 'Opened', 'DATE', default_value => '{"expression": "today() + 1"}'),
            metadata.create_field(o.id, 'Keeper', 'MEMBER', default_value => '{"expression": "currentMember()"}')
     from metadata.objects o where o.name_singular = 'company' and o.workspace_id = $1`,
    [workspace.id],
  );
  const { rows } = await db.admin.query('select id from core.members where workspace_id = $1', [workspace.id]);
  const file = 'Name,Opened,Keeper\nA,,\nB,2024-02-29,\n';
  expect(counts(await run('company', file, { member: rows[0].id }))).toMatchObject({ created: 2, rejected: 0 });
  expect(await select('name, opened = current_date + 1 as tomorrow, keeper_id', 'companies', 'order by name')).toEqual([
    { name: 'A', tomorrow: true, keeper_id: rows[0].id },
    { name: 'B', tomorrow: false, keeper_id: rows[0].id },
  ]);
});
