import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { simpleParser, type ParsedMail } from 'mailparser';
import S3rver from 's3rver';
import { SMTPServer } from 'smtp-server';
import { exportSecretPurpose, readExportLink } from '../db/exports/exportLink.ts';
import { DiskStore } from '../db/files/diskStore.ts';
import { useDatabase } from '../db/testing/database.ts';
import { makeTemporaryDir } from '../db/testing/temporary.ts';
import { createWorkspace, objectNamed, type Workspace } from '../db/testing/workspace.ts';
import { startWorker } from './start.ts';
import { SECRETS } from './testing/receiver.ts';

// Exports that come again, made by a worker as it runs, mailed over SMTP and put into a bucket of S3's kind.
const db = useDatabase();
const directory = makeTemporaryDir();
const bucketDirectory = makeTemporaryDir();
const letters: ParsedMail[] = [];
const smtp = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  onData: (stream, _session, done) => {
    void read(stream, done);
  },
});
async function read(stream: Readable, done: (error?: Error) => void): Promise<void> {
  letters.push(await simpleParser(stream));
  done();
}
const s3 = new S3rver({
  silent: true,
  directory: bucketDirectory,
  vhostBuckets: false,
  configureBuckets: [{ name: 'acme-crm', configs: [] }],
});
const answer = s3.callback();
/** Keys of this id are refused, as by a bucket that does not know them. */
const bucketServer = createServer((request, response) => {
  if (request.headers.authorization?.includes('Credential=WRONG') !== true) return void answer(request, response);
  request.resume();
  response.writeHead(403).end('<Error><Code>InvalidAccessKeyId</Code></Error>');
});

let ws: Workspace;
let worker: ReturnType<typeof startWorker> | undefined;
const objects: { [name: string]: string } = {};
const members: { [name: string]: string } = {};
const fields: { [name: string]: string } = {};

beforeAll(async () => {
  await s3.configureBuckets();
  await Promise.all([smtp, bucketServer].map((each) => new Promise<void>((resolve) => void each.listen(0, '127.0.0.1', resolve))));
  ws = await createWorkspace(db.admin);
  for (const name of ['company', 'person']) objects[name] = await objectNamed(db.admin, ws, name);
  const { rows } = await db.admin.query<{ name: string; id: string }>('select f.name, f.id from metadata.fields f where f.object_id = $1', [objects['company']]);
  for (const { name, id } of rows) fields[name] = id;
  for (const name of ['ada', 'ben', 'eve']) {
    const made = await db.admin.query(`select core.add_member('acme', $1, $2, 'Member') as id`, [`${name}@acme.example`, name]);
    members[name] = made.rows[0].id;
  }
  await db.admin.query(
    `insert into ${ws.schema}.companies (name, employees, account_owner_id) values ('Acme', 10, $1), ('=Bolt', 20, null), ('Cord, Inc', 30, $1)`,
    [members['ada']],
  );
  worker = startWorker({
    url: db.workerUrl,
    concurrency: 2,
    mail: { smtpUrl: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}`, from: 'Acme <crm@acme.example>', publicUrl: 'https://crm.acme.example' },
    secrets: SECRETS,
    files: new DiskStore(directory),
    receivers: { allowsPrivate: false, allowsLoopback: true },
  });
}, 60_000); // prettier-ignore
db.onEnd(async () => worker?.stop());
afterAll(async () => {
  await new Promise<void>((resolve) => void smtp.close(() => resolve()));
  bucketServer.closeAllConnections();
  await new Promise((resolve) => void bucketServer.close(resolve));
  for (const each of [directory, bucketDirectory]) rmSync(each, { recursive: true, force: true });
});

async function until<T>(what: string, look: () => Promise<T | false> | T | false): Promise<T> {
  for (let waited = 0; waited < 25_000; waited += 50) {
    const found = await look();
    if (found !== false) return found;
    await delay(50);
  }
  throw new Error(`Waited in vain until ${what}.`);
}

interface Run {
  id: string;
  state: string;
  attempts: number;
  rows: string | null;
  bytes: string | null;
  place: string | null;
  file_name: string | null;
  failure: { code: string; message: string } | null;
}

async function makeExport(more: { [column: string]: unknown } = {}): Promise<string> {
  const values: { [column: string]: unknown } = {
    workspace_id: ws.id,
    owner_id: members['ada'],
    name: 'Companies',
    object_id: objects['company'],
    recurrence: 'FREQ=DAILY',
    time_zone: 'Europe/Berlin',
    next_at: '2099-01-01T08:00:00Z',
    recipients: [members['ben']],
    ...more,
  };
  const names = Object.keys(values);
  const { rows } = await db.admin.query<{ id: string }>(
    `insert into metadata.scheduled_exports (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')}) returning id`,
    Object.values(values),
  );
  return rows[0]!.id;
}

async function runOf(exportId: string): Promise<Run> {
  const { rows } = await db.admin.query<{ id: string }>('select core.start_export($1, true) as id', [exportId]);
  return until('the export has ended', async () => {
    const run = (await db.admin.query<Run>('select * from core.export_runs where id = $1', [rows[0]!.id])).rows[0]!;
    return ['DONE', 'FAILED'].includes(run.state) && run;
  });
}

const letterTo = (address: string, subject: RegExp) =>
  until(`${address} has a letter`, () => {
    const at = letters.findIndex((letter) => subject.test(letter.subject ?? '') && JSON.stringify(letter.to).includes(address));
    return at >= 0 && letters.splice(at, 1)[0]!;
  }); // prettier-ignore
const toldOf = async (member: string) =>
  (await db.admin.query(`select detail from core.notifications where kind = 'EXPORT_FAILED' and member_id = $1 order by id`, [members[member]])).rows.map(({ detail }) => detail); // prettier-ignore
const exportOf = async (id: string) =>
  (await db.admin.query('select is_active, stopped_reason, failures from metadata.scheduled_exports where id = $1', [id])).rows[0]; // prettier-ignore

test('the records of a view, its columns and order, come by mail as a file, as their owner sees them', async () => {
  const { rows } = await db.admin.query<{ id: string }>(
    `insert into metadata.views (workspace_id, object_id, name, visibility, owner_id, filter, sorts) values ($1, $2, 'Mine', 'PERSONAL', $3, $4, $5) returning id`,
    [
      ws.id,
      objects['company'],
      members['ada'],
      JSON.stringify({ fieldId: fields['accountOwner'], operand: 'IS', value: ['me'] }),
      JSON.stringify([{ fieldId: fields['name'], descending: true }]),
    ],
  );
  await db.admin.query(
    `insert into metadata.view_fields (workspace_id, view_id, field_id, position) values ($1, $2, $3, 0), ($1, $2, $4, 1)`,
    [ws.id, rows[0]!.id, fields['name'], fields['employees']],
  );
  const id = await makeExport({ view_id: rows[0]!.id });
  expect(await runOf(id)).toMatchObject({ state: 'DONE', rows: '2', failure: null });
  const letter = await letterTo('ben@acme.example', /^Companies from Acme$/);
  expect(letter.text).toContain('2 records of Companies');
  expect(letter.text).toContain('The file is attached.');
  expect(letter.attachments).toHaveLength(1);
  expect(letter.attachments[0]!.filename).toMatch(/^Companies \d{4}-\d\d-\d\d \d\d\.\d\d\.csv$/);
  expect(letter.attachments[0]!.content.toString()).toBe('\ufeffName,Employees\n"Cord, Inc",30\nAcme,10\n');
  // The next time it has what the view has then.
  await db.admin.query('update metadata.views set filter = null where id = $1', [rows[0]!.id]);
  expect(await runOf(id)).toMatchObject({ state: 'DONE', rows: '3' });
  const next = await letterTo('ben@acme.example', /^Companies from Acme$/);
  expect(next.attachments[0]!.content.toString()).toContain("'=Bolt");
}, 60_000);

test('a filter that was kept, as a workbook, to several members', async () => {
  const filter = { fieldId: fields['employees'], operand: 'GREATER_THAN', value: '15' };
  const id = await makeExport({
    name: 'Large ones',
    filter: JSON.stringify(filter),
    format: 'xlsx',
    field_ids: [fields['name']],
    recipients: [members['ada'], members['ben']],
  });
  expect(await runOf(id)).toMatchObject({ state: 'DONE', rows: '2' });
  for (const who of ['ada', 'ben']) {
    const letter = await letterTo(`${who}@acme.example`, /^Large ones from Acme$/);
    expect(letter.attachments[0]!.contentType).toContain('spreadsheetml');
    expect(letter.attachments[0]!.content.subarray(0, 2).toString()).toBe('PK');
  }
}, 60_000);

test('what is too large for a mail is fetched by a link for its reader alone, and is read with little memory', async () => {
  // Without the log of events, which is not what is looked at here.
  await db.admin.query(
    `begin; set local session_replication_role = replica;
     insert into ${ws.schema}.people (name_first_name, name_last_name, job_title, city)
     select 'First ' || i, repeat('Last ', 20), repeat('Title ', 10), 'City ' || i from generate_series(1, 100000) i; commit`,
  );
  const id = await makeExport({ name: 'Everybody', object_id: objects['person'] });
  let most = 0;
  const before = process.memoryUsage().rss;
  const look = setInterval(() => (most = Math.max(most, process.memoryUsage().rss - before)), 20);
  const run = await runOf(id).finally(() => clearInterval(look));
  expect(run).toMatchObject({ state: 'DONE', rows: '100000' });
  expect(Number(run.bytes)).toBeGreaterThan(20 * 2 ** 20);
  expect(most).toBeLessThan(120 * 2 ** 20);
  const letter = await letterTo('ben@acme.example', /^Everybody from Acme$/);
  expect(letter.attachments).toEqual([]);
  const token = /https:\/\/crm\.acme\.example\/exports\/files\/([\w.-]+)/.exec(letter.text!)![1]!;
  expect(readExportLink(SECRETS, token)).toMatchObject({ runId: run.id, memberId: members['ben'] });
  expect(readExportLink(SECRETS, `${token}x`)).toBeNull();
  expect(readExportLink(SECRETS, token, Date.now() + 8 * 86_400_000)).toBeNull();
  // After its time the content is given up.
  await db.admin.query(`update core.export_runs set file_expires_at = now() - interval '1 minute' where id = $1`, [run.id]);
  await db.worker.query('select core.purge_exports()');
  expect((await db.admin.query('select from core.unwanted_files where file_id = $1', [run.id])).rowCount).toBe(1);
}, 90_000); // prettier-ignore

const bucket = (more: object = {}) => ({
  endpoint: `http://127.0.0.1:${(bucketServer.address() as AddressInfo).port}`,
  region: 'eu-test-1',
  bucket: 'acme-crm',
  prefix: 'crm/weekly',
  keyId: 'S3RVER',
  isPathStyle: true,
  ...more,
});
async function bucketExport(more: object = {}): Promise<string> {
  const id = await makeExport({ destination: 'S3', bucket: JSON.stringify(bucket(more)), format: 'ndjson' });
  const sealed = SECRETS.seal('S3RVER', exportSecretPurpose(id));
  await db.admin.query('insert into core.export_secrets (export_id, workspace_id, sealed) values ($1, $2, $3)', [
    id,
    ws.id,
    sealed,
  ]);
  return id;
}

test('into a bucket, small in one piece and large in parts', async () => {
  const small = await runOf(await bucketExport());
  expect(small).toMatchObject({ state: 'DONE', rows: '3', place: `crm/weekly/${small.file_name}` });
  const stored = (run: Run) => join(bucketDirectory, 'acme-crm', `${run.place}._S3rver_object`);
  const lines = readFileSync(stored(small), 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { name: string }).name).sort()).toEqual(['=Bolt', 'Acme', 'Cord, Inc']);
  const id = await bucketExport();
  await db.admin.query(`update metadata.scheduled_exports set name = 'People' where id = $1`, [id]);
  await db.admin.query('update metadata.scheduled_exports set object_id = $2 where id = $1', [id, objects['person']]);
  const large = await runOf(id);
  expect(large).toMatchObject({ state: 'DONE', rows: '100000' });
  expect(readFileSync(stored(large), 'utf8').trimEnd().split('\n')).toHaveLength(100_000);
}, 90_000); // prettier-ignore

test('a bucket that refuses, one in the network of the server, and one without a secret are told in words', async () => {
  const refused = await bucketExport({ keyId: 'WRONG' });
  expect((await runOf(refused)).failure).toMatchObject({ code: 'EXPORT_BUCKET', message: 'The bucket refused the file: InvalidAccessKeyId.' });
  // It may be mended elsewhere, so it comes again; but not for ever.
  expect(await exportOf(refused)).toMatchObject({ is_active: true, failures: 1 });
  await db.admin.query('update metadata.scheduled_exports set failures = 4 where id = $1', [refused]);
  await runOf(refused);
  expect(await exportOf(refused)).toMatchObject({ is_active: false, failures: 5 });

  const inside = await bucketExport({ endpoint: 'https://169.254.169.254' });
  expect((await runOf(inside)).failure).toMatchObject({ code: 'EXPORT_BUCKET', message: expect.stringContaining('not in the public network') });
  expect(await exportOf(inside)).toMatchObject({ is_active: false });
  const open = await bucketExport();
  await db.admin.query('delete from core.export_secrets where export_id = $1', [open]);
  expect((await runOf(open)).failure).toMatchObject({ code: 'EXPORT_BUCKET', message: 'The secret of the bucket is not known.' });
}, 60_000); // prettier-ignore

test('who has lost the right exports nothing any more, and is told; so are those who keep the security when the owner is gone', async () => {
  const id = await makeExport({ name: 'Until now', owner_id: members['eve'] });
  expect(await runOf(id)).toMatchObject({ state: 'DONE' });
  await letterTo('ben@acme.example', /^Until now/);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name, can_read_all, permissions) values ($1, 'Looker', true, '{}') returning id`,
    [ws.id],
  );
  await db.admin.query('update core.members set role_id = $2 where id = $1', [members['eve'], rows[0].id]);
  expect(await runOf(id)).toMatchObject({ state: 'FAILED', failure: { code: 'NOT_ALLOWED' } });
  expect(await exportOf(id)).toMatchObject({ is_active: false, stopped_reason: 'Your role may not export records.' });
  expect(await toldOf('eve')).toEqual([expect.objectContaining({ exportId: id, name: 'Until now', isStopped: true, failure: 'Your role may not export records.' })]);

  const orphan = await makeExport({ name: 'Of nobody', owner_id: members['eve'] });
  await db.admin.query('delete from core.members where id = $1', [members['eve']]);
  expect(await runOf(orphan)).toMatchObject({ state: 'FAILED', failure: { code: 'NOT_ALLOWED' } });
  const { rows: owners } = await db.admin.query(`select m.id from core.members m join core.users u on u.id = m.user_id where u.email = $1`, [ws.owner]);
  members['owner'] = owners[0].id;
  expect(await toldOf('owner')).toEqual([expect.objectContaining({ exportId: orphan, isStopped: true })]);
}, 60_000); // prettier-ignore

test('a view that is gone, a field that is gone: nothing is exported, rather than everything', async () => {
  const gone = await makeExport({ view_id: '019c0000-0000-7000-8000-000000000001' });
  expect(await runOf(gone)).toMatchObject({ state: 'FAILED', failure: { code: 'EXPORT_VIEW_GONE' } });
  const filter = { fieldId: '019c0000-0000-7000-8000-000000000001', operand: 'IS', value: 'x' };
  const blind = await makeExport({ filter: JSON.stringify(filter) });
  expect(await runOf(blind)).toMatchObject({ state: 'FAILED', failure: { code: 'FILTER_NOT_APPLIED' } });
  expect(await exportOf(blind)).toMatchObject({ is_active: false });
}, 60_000);

test('its time comes by the clock, and an attempt that is made twice mails once', async () => {
  const id = await makeExport({ name: 'On time', next_at: new Date(Date.now() - 1000).toISOString() });
  await db.worker.query('select core.start_due_exports()');
  await letterTo('ben@acme.example', /^On time/);
  const { rows } = await db.admin.query('select id from core.export_runs where export_id = $1', [id]);
  expect(rows).toHaveLength(1);
  await db.worker.query('select core.end_export($1, $2, $3)', [
    rows[0].id,
    '{}',
    JSON.stringify({ [members['ben']!]: {} }),
  ]);
  const mails = await db.admin.query(
    `select from core.mail_outbox where template = 'export' and subject like 'On time%'`,
  );
  expect(mails.rowCount).toBe(1);
}, 60_000);
