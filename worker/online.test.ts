import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { useDatabase } from '../db/testing/database.ts';
import { addField, addObject, createWorkspace, statements } from '../db/testing/workspace.ts';

const db = useDatabase();

function startWorkerProcess(): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'index.ts')], {
    env: { ...process.env, RELVAR_WORKER_URL: db.workerUrl, RELVAR_WORKER_CONCURRENCY: '2', NODE_OPTIONS: '' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

async function until(condition: () => Promise<boolean>, what: string) {
  for (let waited = 0; waited < 60_000; waited += 20) {
    if (await condition()) return;
    await delay(20);
  }
  throw new Error(`Waited in vain until ${what}.`);
}

test('a worker killed with -9 in the middle of a conversion: another goes on, and no value is lost', async () => {
  await db.admin.query('update engine.settings set online_rows = 10');
  const ws = await createWorkspace(db.admin);
  const object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const field = await addField(db.admin, object, { label: 'F', type: 'TEXT' });
  await db.admin.query(
    `insert into ${ws.schema}.things (name, f) select 'n' || i, i::text from generate_series(1, 30000) i`,
  );
  await db.admin.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [field]);
  const change = async () =>
    (
      await db.admin.query<{ status: string; rows_done: number }>(
        `select status, rows_done::int from metadata.online_changes where kind = 'TYPE'`,
      )
    ).rows[0]!;

  let worker = startWorkerProcess();
  try {
    await until(async () => (await change()).rows_done >= 2_000, 'some batches');
    worker.kill('SIGKILL');
    await new Promise((resolve) => worker.once('exit', resolve));
    expect((await change()).status).toBe('RUNNING');
    expect(await statements(db.admin, ws)).toEqual([]);
    // People write meanwhile.
    await db.admin.query(`insert into ${ws.schema}.things (name, f) values ('late', '7')`);
    await db.admin.query(`update ${ws.schema}.things set f = '-1' where name = 'n1'`);
    // As if the 20 seconds had passed after which a silent runner is taken for dead.
    await db.admin.query(
      `update graphile_worker._private_jobs set locked_at = locked_at - interval '1 minute' where locked_at is not null`,
    );
    await db.admin.query(`update engine.heartbeats set seen_at = seen_at - interval '1 minute'`);
    worker = startWorkerProcess();
    await until(async () => (await change()).status === 'DONE', 'the change is done');
  } finally {
    worker.kill('SIGTERM');
  }
  const { rows } = await db.admin.query(
    `select count(*)::int as wrong from ${ws.schema}.things
      where f is distinct from case name when 'late' then 7 when 'n1' then -1 else substr(name, 2)::float8 end`,
  );
  expect(rows).toEqual([{ wrong: 0 }]);
  expect(await statements(db.admin, ws)).toEqual([]);
}, 120_000);

test('a reader who takes long puts the job off, and graphile-worker takes it up again when the reader has ended', async () => {
  await db.admin.query('update engine.settings set online_rows = 10');
  const ws = await createWorkspace(db.admin, 'busy');
  const object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const field = await addField(db.admin, object, { label: 'F', type: 'TEXT' });
  await db.admin.query(`insert into ${ws.schema}.things (name, f) select 'n', '7' from generate_series(1, 500)`);
  await db.admin.query(`update metadata.fields set type = 'NUMBER' where id = $1`, [field]);
  const reader = await db.admin.connect();
  await reader.query(`begin; select count(*) from ${ws.schema}.things`);
  const worker = startWorkerProcess();
  try {
    const change = async () =>
      (
        await db.admin.query<{ status: string; error: string | null; attempts: number }>(
          `select status, error, attempts from metadata.online_changes where workspace_id = $1 and kind = 'TYPE'`,
          [ws.id],
        )
      ).rows[0]!;
    await until(async () => (await change()).error !== null, 'the job has given way');
    expect(await change()).toMatchObject({ error: 'The table is busy. It will be tried again.' });
    await until(
      async () =>
        (
          await db.admin.query(
            `select from graphile_worker.jobs where key = $1 and attempts > 0 and run_at > created_at and last_error like '%busy%'`,
            [`model__online:${ws.id}`],
          )
        ).rowCount === 1,
      'the job is put off',
    );
    await reader.query('commit');
    await until(async () => (await change()).status === 'DONE', 'the change is done');
    expect((await change()).attempts).toBeGreaterThan(1);
  } finally {
    reader.release(true);
    worker.kill('SIGTERM');
  }
  expect(await statements(db.admin, ws)).toEqual([]);
}, 180_000);

test('how far the build of an index is, members of the workspace see while it is built', async () => {
  await db.admin.query('update engine.settings set online_rows = 10');
  const ws = await createWorkspace(db.admin, 'progress');
  const object = await addObject(db.admin, ws, { label_singular: 'Thing', label_plural: 'Things' });
  const field = await addField(db.admin, object, { label: 'F', type: 'TEXT' });
  await db.admin.query(`insert into ${ws.schema}.things (name, f) select 'n', i::text from generate_series(1, 2000) i`);
  const older = await db.admin.connect();
  const member = await db.admin.connect();
  const worker = startWorkerProcess();
  try {
    await member.query(`set role ${ws.memberRole}`);
    // What is built is ready when all who were there before have gone.
    await older.query('begin isolation level repeatable read; select 1');
    await db.admin.query(`insert into metadata.indexes (object_id, name, parts) values ($1, 'By F', $2)`, [
      object,
      JSON.stringify([{ fieldId: field }]),
    ]);
    const seen = async () =>
      (
        await member.query<{ status: string; done: number; total: number }>(
          `select status, rows_done::int as done, rows_total::int as total from metadata.online_changes where kind = 'INDEX'`,
        )
      ).rows;
    // One for either direction of a list, one after the other.
    const begun = async () => (await seen()).find(({ done }) => done > 0);
    await until(async () => (await begun()) !== undefined, 'some of it is done');
    const { status, done, total } = (await begun())!;
    expect(status).toBe('RUNNING');
    expect(done).toBeLessThanOrEqual(total);
    await older.query('commit');
    await until(async () => (await seen()).every((each) => each.status === 'DONE'), 'the indexes are built');
    const built = { status: 'DONE', done: total, total };
    expect(await seen()).toEqual([built, built]);
  } finally {
    older.release(true);
    member.release(true);
    worker.kill('SIGTERM');
  }
  expect(await statements(db.admin, ws)).toEqual([]);
}, 120_000);
