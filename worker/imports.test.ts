import { spawn, type ChildProcess } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PartWriter, uploadedFile } from '../db/records/import/upload.ts';
import { sniffFile } from '../db/records/files/read.ts';
import { useDatabase } from '../db/testing/database.ts';
import { createWorkspace, objectNamed, type Workspace } from '../db/testing/workspace.ts';

// Files that wait to be imported, and the worker that imports them.
const db = useDatabase();
let ws: Workspace;
let member: string;
let worker: ChildProcess;

const startWorkerProcess = (): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, 'index.ts')], {
    env: { ...process.env, RELVAR_WORKER_URL: db.workerUrl, RELVAR_WORKER_CONCURRENCY: '2', NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });

async function until<T>(ask: () => Promise<T | false | null | undefined>, what: string): Promise<T> {
  for (let waited = 0; waited < 90_000; waited += 20) {
    const answer = await ask();
    if (answer) return answer;
    await delay(20);
  }
  throw new Error(`Waited in vain until ${what}.`);
}

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query('select id from core.members where workspace_id = $1', [ws.id]);
  member = rows[0].id;
  worker = startWorkerProcess();
});
afterAll(() => {
  worker.kill('SIGTERM');
});

interface Known {
  status: string;
  result: {
    rows: number;
    created: number;
    updated: number;
    unchanged: number;
    rejected: number;
    outcomes: object[];
    groups: { kind: string; count: number; cell: number }[];
  } | null;
  failure: { code: string; message: string } | null;
  hasRejectsFile: boolean;
  isFileKept: boolean;
  phase: string | null;
}

async function upload(object: string, name: string, content: AsyncIterable<Buffer>): Promise<string> {
  const objectId = await objectNamed(db.admin, ws, object);
  const { rows } = await db.admin.query('select core.begin_import($1, $2, null, $3, $4) as id', [
    ws.id,
    member,
    objectId,
    name,
  ]);
  const { id } = rows[0] as { id: string };
  const writer = new PartWriter(db.admin, id, 'FILE');
  for await (const chunk of content) await writer.write(chunk);
  await writer.flush();
  const format = await sniffFile(uploadedFile(db.admin, { id, name, size: 0, kind: 'FILE' }), {});
  await db.admin.query('select core.end_upload($1, $2)', [id, JSON.stringify(format)]);
  return id;
}

const csv = (content: string) => (async function* () {
  yield Buffer.from(content);
})(); // prettier-ignore

async function start(id: string, settings: object = {}, isDryRun = false): Promise<void> {
  const { rows } = await db.admin.query('select format from core.imports where id = $1', [id]);
  await db.admin.query('select core.start_import($1, $2, $3, $4, $5)', [
    id,
    isDryRun,
    rows[0].format,
    JSON.stringify(settings),
    'k',
  ]);
}

async function known(id: string): Promise<Known> {
  const { rows } = await db.admin.query('select core.list_imports($1, $2, false, $3) -> 0 as item', [
    ws.id,
    member,
    id,
  ]);
  return rows[0].item;
}

const ended = (id: string) =>
  until(async () => {
    const item = await known(id);
    return !['WAITING', 'RUNNING'].includes(item.status) && item;
  }, 'the import has ended');

const count = async (table: string, where = 'true') =>
  (await db.admin.query(`select count(*)::int as n from ${ws.schema}.${table} where ${where}`)).rows[0].n as number;

test('a dry run tells what would become of each row, a mended cell counts, and the import leaves a file of what was rejected', async () => {
  const id = await upload('company', 'companies.csv', csv('Name,Employees\nAcme,10\nBolt,many\nCord,few\n'));
  await start(id, {}, true);
  expect(await ended(id)).toMatchObject({
    status: 'CHECKED',
    result: {
      rows: 3,
      created: 1,
      rejected: 2,
      outcomes: [{ line: 2, isUpdate: false }],
      groups: [{ count: 2, cell: 1 }],
    },
    hasRejectsFile: false,
  });
  expect(await count('companies')).toBe(0);
  await db.admin.query('select core.fix_import($1, $2)', [id, JSON.stringify([{ line: 3, cell: 1, value: '30' }])]);
  await start(id, {});
  expect(await ended(id)).toMatchObject({
    status: 'DONE',
    result: { created: 2, rejected: 1 },
    hasRejectsFile: true,
    isFileKept: false,
  });
  expect(await count('companies', `name = 'Bolt' and employees = 30 and created_by_source = 'IMPORT'`)).toBe(1);
  // It ended when it had written, not when it began to.
  const { rows: moments } = await db.admin.query(
    `select i.finished_at > (select max(c.created_at) from ${ws.schema}.companies c) as ended from core.imports i where i.id = $1`,
    [id],
  );
  expect(moments).toEqual([{ ended: true }]);
  const rejects = uploadedFile(db.admin, { id, name: 'x', size: 0, kind: 'REJECTS' });
  expect(await text(rejects.open())).toMatch(/^line,reason,Name,Employees\n4,.*few.*,Cord,few\n$/);
  // Who began it is told once, and its changes bear its id.
  const { rows } = await db.admin.query(`select kind, detail ->> 'importId' as id from core.notifications`);
  expect(rows).toEqual([{ kind: 'IMPORT_FINISHED', id }]);
  const events = await db.admin.query(
    `select distinct request_id, source from ${ws.schema}.record_events e where action = 'created' and object_id = $1`,
    [await objectNamed(db.admin, ws, 'company')],
  );
  expect(events.rows).toEqual([{ request_id: id, source: 'IMPORT' }]);
  await expect(start(id)).rejects.toMatchObject({ code: 'RV271' });
}, 120_000);

test('rows that match are updated, created or refused, as is wanted', async () => {
  const run = async (mode: string) => {
    const id = await upload('company', 'c.csv', csv('Name,Employees\nAcme,11\nNew one,1\n'));
    await start(id, { match: 'name', mode }, true);
    return (await ended(id)).result;
  };
  expect(await run('BOTH')).toMatchObject({ created: 1, updated: 1, rejected: 0 });
  expect(await run('UPDATE')).toMatchObject({ created: 0, updated: 1, rejected: 1 });
  expect(await run('CREATE')).toMatchObject({ created: 1, updated: 0, rejected: 1 });
}, 120_000);

test('what cannot be done at all fails with a sentence, and can be tried again', async () => {
  const id = await upload('company', 'c.csv', csv('Foo,Bar\n1,2\n'));
  await start(id, { map: { Foo: '', Bar: '' } });
  expect(await ended(id)).toMatchObject({ status: 'FAILED', failure: { code: 'MAPPING_EMPTY' }, isFileKept: true });
  await start(id, { map: { Foo: 'name', Bar: 'employees' } });
  expect(await ended(id)).toMatchObject({ status: 'DONE', result: { created: 1 } });
}, 120_000);

test('an import is cancelled while it runs, and nothing of it stays', async () => {
  const before = await count('companies');
  const id = await upload('company', 'u.csv', bigFile(40));
  await start(id);
  await until(async () => (await known(id)).status === 'RUNNING', 'it runs');
  await db.admin.query('select core.cancel_import($1)', [id]);
  expect(await ended(id)).toMatchObject({ status: 'CANCELLED', result: null });
  expect(await count('companies')).toBe(before);
}, 120_000);

test('a worker that is killed in an import is followed by another, and each row is imported once', async () => {
  const before = await count('companies');
  const id = await upload('company', 'u.csv', bigFile(8));
  await start(id, { map: { Name: 'name', Domain: '', 'Other domains': '', Website: '', Country: '', 'Country code': '', 'State/Province': '' } });
  await until(async () => (await known(id)).phase === 'writing' || (await known(id)).phase === 'checking', 'rows are in');
  worker.kill('SIGKILL');
  await new Promise((resolve) => worker.once('exit', resolve));
  expect((await known(id)).status).toBe('RUNNING');
  // As if the 20 seconds had passed after which a silent runner is taken for dead.
  await db.admin.query(`update graphile_worker._private_jobs set locked_at = locked_at - interval '1 minute' where locked_at is not null`);
  await db.admin.query(`update engine.heartbeats set seen_at = seen_at - interval '1 minute'`);
  worker = startWorkerProcess();
  const { result } = await ended(id);
  expect(result!.rejected).toBe(0);
  expect(await count('companies')).toBe(before + result!.created);
}, 180_000); // prettier-ignore

/** The universities of the world, several times over. */
async function* bigFile(times: number): AsyncGenerator<Buffer> {
  for (let round = 0; round < times; round++) {
    let isFirst = true;
    for await (const chunk of createReadStream(
      join(import.meta.dirname, '../db/records/fixtures/universities.csv'),
    ) as AsyncIterable<Buffer>) {
      const header = isFirst && round > 0 ? chunk.indexOf('\n') + 1 : 0;
      isFirst = false;
      yield chunk.subarray(header);
    }
  }
}
