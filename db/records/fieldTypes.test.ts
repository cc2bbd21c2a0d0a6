import pg from 'pg';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, createWorkspace, type Workspace } from '../testing/workspace.ts';
import { exportRecords, type ExportFormat } from './export/exportRecords.ts';
import type { MappedHeader } from './import/mapping.ts';
import { importRecords, type ImportResult } from './import/importRecords.ts';

const db = useDatabase();
let ws: Workspace;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const tag = await addObject(db.admin, ws, { label_singular: 'Tag', label_plural: 'Tags' });
  const invoice = await addObject(db.admin, ws, { label_singular: 'Invoice', label_plural: 'Invoices' });
  await addField(db.admin, invoice, { label: 'Number', type: 'AUTO_NUMBER', settings: { prefix: 'INV-', padding: 3 } });
  await addField(db.admin, invoice, { label: 'Share', type: 'PERCENT' });
  await addField(db.admin, invoice, { label: 'Effort', type: 'DURATION' });
  await addField(db.admin, invoice, { label: 'Twice', type: 'FORMULA', settings: { expression: 'share * 2' } });
  await addField(db.admin, invoice, { label: 'Tint', type: 'COLOR' });
  await addField(db.admin, invoice, { label: 'Place', type: 'LOCATION' });
  await addField(db.admin, invoice, { label: 'Labels', type: 'MANY_TO_MANY', settings: { targetObjectId: tag } });
  const client = await db.admin.connect();
  await client.query('begin');
  await client.query(`select set_config('role', $1, true)`, [ws.adminRole]);
  await client.query(`select metadata.create_field($1, 'Reviewer', 'MEMBER')`, [invoice]);
  await client.query('commit');
  client.release();
  await db.admin.query(`insert into ${ws.schema}.tags (name) values ('red'), ('blue'), ('a; b')`);
});

const identity = () => ({ pgRole: ws.adminRole, schemaName: ws.schema, memberId: null, apiKeyId: null });

async function withServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: db.serverUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function run(csv: string, match?: string): Promise<ImportResult & { mapping: MappedHeader[] }> {
  const source = { name: 'test.csv', open: () => Readable.from([Buffer.from(csv)], { objectMode: false }) };
  let mapping: MappedHeader[] = [];
  const rejects = new PassThrough();
  rejects.resume();
  const result = await withServer((client) =>
    importRecords({
      client,
      identity: identity(),
      object: 'invoices',
      source,
      ...(match === undefined ? {} : { match }),
      openRejects: () => rejects,
      onMapping: (_object, found) => (mapping = found),
    }),
  );
  return { ...result, mapping };
}

async function exported(format: ExportFormat): Promise<string> {
  const out = new PassThrough();
  const content = text(out);
  await withServer((client) => exportRecords({ client, identity: identity(), object: 'invoices', format, out }));
  out.end();
  return content;
}

const linked = async (): Promise<Record<string, string[]>> => {
  const { rows } = await db.admin.query<{ name: string; tags: string[] }>(
    `select i.name, array_agg(t.name order by t.name) as tags from ${ws.schema}.invoice_tag_links l
     join ${ws.schema}.invoices i on i.id = l.invoice_id join ${ws.schema}.tags t on t.id = l.tag_id group by i.name order by i.name`,
  );
  return Object.fromEntries(rows.map(({ name, tags }) => [name, tags]));
};

test('values of the new types are read as people write them', async () => {
  const { created, rejected, rejects, mapping } = await run(
    `Name,Number,Share,Effort,Tint,Place,Reviewer,Labels
One,INV-999,25 %,1:30,#38F,"48.2, 16.4",${ws.owner},red; blue
Two,,12.5%,90m,3b82f6,,Acme's nobody,
Three,,25,1h,blue,"95, 10",,green
Four,,0.5,45 parsecs,,,,
Five,,,,,,,red
`.replace("Acme's nobody", 'Nobody Known'),
  );
  expect(mapping.find(({ header }) => header === 'Number')).toMatchObject({ target: null, note: 'computed' });
  expect(rejects.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
    '3 Reviewer: there is no workspace member "Nobody Known".',
    '4 Share: "25" may be 25 % or 2500 %; write it with its sign.',
    '5 Effort: "45 parsecs" is not a duration such as 1:30 or 90m.',
  ]);
  expect({ created, rejected }).toEqual({ created: 2, rejected: 3 });
  const { rows } = await db.admin.query(
    `select name, share, effort::int, tint, place_lat, place_lng, number_text like 'INV-%' as numbered, reviewer_id is not null as reviewed
     from ${ws.schema}.invoices order by name desc`,
  );
  expect(rows).toEqual([
    {
      name: 'One',
      share: 0.25,
      effort: 5400,
      tint: '#3388ff',
      place_lat: 48.2,
      place_lng: 16.4,
      numbered: true,
      reviewed: true,
    },
    {
      name: 'Five',
      share: null,
      effort: null,
      tint: null,
      place_lat: null,
      place_lng: null,
      numbered: true,
      reviewed: false,
    },
  ]);
  expect(await linked()).toEqual({ Five: ['red'], One: ['blue', 'red'] });
});

test('a list adds links to records that are matched, and a label nobody has rejects its row', async () => {
  const { updated, unchanged, rejects } = await run(
    'Name,Labels\nFive,"blue; red"\nOne,\nSeven,"[""a; b""]"\nEight,red; grren\n',
    'name',
  );
  expect(rejects).toEqual([{ line: 5, reason: 'Labels: there is no tag "grren".' }]);
  expect({ updated, unchanged }).toEqual({ updated: 0, unchanged: 2 });
  expect(await linked()).toEqual({ Five: ['blue', 'red'], One: ['blue', 'red'], Seven: ['a; b'] });
});

test('what is exported is imported as the same', async () => {
  const csv = await exported('csv');
  const [header, ...lines] = csv.trim().split('\n');
  expect(header).toContain('number,share,effort,twice,tint,place.lat,place.lng,labels,labels.id,reviewer,reviewer.id');
  expect(lines.find((line) => line.includes('One'))).toMatch(/INV-\d+,25 %,1:30:00,0.5,#3388ff,48.2,16.4,blue; red,/);
  expect(lines.find((line) => line.includes('Seven'))).toContain('"[""a; b""]"');
  const records = (await exported('ndjson'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(records.find(({ name }) => name === 'One')).toMatchObject({
    share: 0.25,
    effort: 5400,
    place: { lat: 48.2, lng: 16.4 },
    labels: [{ label: 'blue', id: expect.any(String) }, { label: 'red' }],
  });
  expect(records.find(({ name }) => name === 'Five').reviewer).toEqual({ label: null, id: null });

  await db.admin.query(`delete from ${ws.schema}.invoices`);
  const again = await run(csv);
  expect(again).toMatchObject({ created: 3, rejected: 0 });
  expect(again.mapping.filter(({ note }) => note === 'computed').map((each) => each.header)).toEqual([
    'number',
    'twice',
  ]);
  expect(await linked()).toEqual({ Five: ['blue', 'red'], One: ['blue', 'red'], Seven: ['a; b'] });
  const without = (file: string) =>
    file
      .trim()
      .split('\n')
      .map((line) =>
        line
          .replace(/INV-\d+/, '')
          .split(',')
          .filter((cell) => !/^\d{4}-/.test(cell) && !['API', 'IMPORT'].includes(cell))
          .join(),
      )
      .sort();
  expect(without(await exported('csv'))).toEqual(without(csv));
});
