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
