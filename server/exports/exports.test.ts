import { Readable } from 'node:stream';
import request from 'supertest';
import { readFile, sniffFile } from '../../db/records/files/read.ts';
import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// Files of records, by everybody who may read them, and of nothing else.
const server = useServer();
let acme: Caller;
let ids: string[];

const exported = (body: object, caller = acme) =>
  request(server.app.handler)
    .post('/exports')
    .set('authorization', `Bearer ${caller.apiKey}`)
    .send(body)
    .buffer()
    .parse((response, done) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => done(null, Buffer.concat(chunks)));
    });
const linesOf = (body: Buffer) => body.toString().replace('\ufeff', '').trimEnd().split('\n');

async function rowsOf(content: Buffer): Promise<string[][]> {
  const source = {
    name: 'x',
    size: content.length,
    open: (from = 0, to = content.length - 1) => Readable.from([content.subarray(from, to + 1)], { objectMode: false }),
  };
  const rows: string[][] = [];
  for await (const { cells } of readFile(source, await sniffFile(source, {}))) rows.push(cells);
  return rows;
}

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  const { rows } = await server.db.admin.query(
    `insert into ${acme.schemaName}.companies (name, domain_name_primary_link_url, employees, annual_revenue_amount_micros, annual_revenue_currency_code)
     values ('Acme', 'https://acme.example', 10, 1234500000, 'EUR'), ('=1+1', null, 20, null, null), ('Bolt', null, 30, null, null) returning id`,
  );
  ids = rows.map(({ id }) => id);
  await server.db.admin.query(
    `insert into ${acme.schemaName}.people (name_first_name, name_last_name, emails_primary_email, emails_additional_emails, job_title, company_id)
     values ('Ada', 'Love;lace', 'ada@a.example', '{a2@a.example}', 'Engineer, first', $1)`,
    [ids[0]],
  );
  await server.db.admin.query(
    `insert into ${acme.schemaName}.opportunities (name, stage, close_date, company_id) values ('Deal', 'NEW', '2026-03-01T23:30:00Z', $1)`,
    [ids[0]],
  );
});

test('what a list shows: its filter, its order, the chosen columns, as people read them', async () => {
  const { body, headers } = await exported({
    object: 'company',
    fields: ['name', 'annualRevenue'],
    hasIds: false,
    isHuman: true,
    filter: { employees: { greaterThan: '5', lessThan: '25' } },
    orderBy: ['NAME_DESC'],
  }).expect(200);
  expect(headers['content-disposition']).toMatch(/^attachment; filename\*=UTF-8''Companies%20\d{4}-\d\d-\d\d\.csv$/);
  expect(linesOf(body)).toEqual(['Name,Annual revenue,Annual revenue currency code', 'Acme,1234.5,EUR', '=1+1,,']);
});

test('chosen records come in the order in which they were chosen, and formulas are kept from being any', async () => {
  const { body } = await exported({
    object: 'companies',
    fields: ['name'],
    ids: [ids[2], ids[1]],
    isGuarded: true,
  }).expect(200);
  expect(linesOf(body)).toEqual(['name', 'Bolt', `'=1+1`]);
});

test('a workbook has numbers, days and amounts that spreadsheets know, and is imported again', async () => {
  const { body } = await exported({ object: 'opportunity', format: 'xlsx', fields: ['name', 'stage', 'closeDate', 'company'], hasIds: false, timeZone: 'Europe/Berlin' }).expect(200);
  expect(await rowsOf(body)).toEqual([
    ['Name', 'Stage', 'Close date', 'Company'],
    ['Deal', 'New', '2026-03-02 00:30:00', 'Acme'],
  ]);
  const companies = await rowsOf((await exported({ object: 'company', format: 'xlsx', fields: ['name', 'employees', 'annualRevenue'] })).body);
  expect(companies[1]).toEqual(['Acme', '10', '1234.5', 'EUR']);
}); // prettier-ignore

test('people are exported as cards, and nothing else is', async () => {
  const { body } = await exported({ object: 'people', format: 'vcard' }).expect(200);
  expect(body.toString()).toContain('N:Love\\;lace;Ada;;;\r\n');
  const [, card] = await rowsOf(body);
  expect(card!.slice(0, 6)).toEqual(['Ada', 'Love;lace', 'ada@a.example; a2@a.example', '', 'Acme', 'Engineer, first']);
  await exported({ object: 'company', format: 'vcard' }).expect(403);
});

test('NDJSON by a filter', async () => {
  const filter = { name: { equalTo: 'Bolt' } };
  const { body } = await exported({ object: 'company', format: 'ndjson', fields: ['name'], filter }).expect(200);
  expect(JSON.parse(body.toString())).toEqual({ name: 'Bolt' });
  const none = await exported({ object: 'company', fields: ['name'], filter: { name: { equalTo: 'Nobody' } } });
  expect(linesOf(none.body)).toEqual(['name']);
});

test('who may not export, or asks for what there is not, is told so in words', async () => {
  await server.db.admin.query(`insert into metadata.roles (workspace_id, name, can_read_all, permissions, assignable_to) values ($1, 'Looker', true, '{}', '{API_KEYS}')`, [acme.workspaceId]);
  const looker = await server.createKey('acme', 'Looker');
  const refused = await exported({ object: 'company' }, looker).expect(403);
  expect(JSON.parse(refused.body.toString()).error.code).toBe('NOT_ALLOWED');
  expect(refused.headers['content-disposition']).toBeUndefined();
  await exported({ object: 'company', filter: { nothing: { equalTo: 1 } } }).expect(400);
  await exported({ object: 'company', fields: ['nothing'] }).expect(422);
  await exported({ object: 'nothing' }).expect(422);
  await exported({ object: 'company', format: 'pdf' }).expect(400);
  const check = (caller: Caller) => request(server.app.handler).post('/exports/check').set('authorization', `Bearer ${caller.apiKey}`).send({ object: 'company', fields: ['name'] });
  await check(looker).expect(403);
  expect((await check(acme).expect(200)).body).toEqual({ columns: 1 });
}); // prettier-ignore
