import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseCrontab } from 'graphile-worker';
import { useDatabase } from '../db/testing/database.ts';
import { createWorkspace } from '../db/testing/workspace.ts';
import { nextRun } from './recurring.ts';

const db = useDatabase();
const A = 'aaaaaaaa-0000-4000-8000-000000000001';
const B = 'bbbbbbbb-0000-4000-8000-000000000002';

async function until<T>(what: string, look: () => Promise<T | false> | T | false): Promise<T> {
  for (let waited = 0; waited < 30_000; waited += 50) {
    const found = await look();
    if (found !== false) return found;
    await delay(50);
  }
  throw new Error(`Waited in vain until ${what}.`);
}

/** Jobs that find nothing to send: there is no such mail. */
const addMany = (workspaceId: string, count: number) =>
  db.admin.query(
    `select count(*) from graphile_worker.add_jobs(array(
       select jsonb_populate_record(null::graphile_worker.job_spec, jsonb_build_object('identifier', 'mail__send', 'run_at', now() - interval '1 second',
         'payload', jsonb_build_object('id', gen_random_uuid(), 'workspace_id', $1::text)))
       from generate_series(1, $2)))`,
    [workspaceId, count],
  );

/** Whose jobs are next, in the order in which graphile-worker takes them. */
const line = async (first: number) =>
  (
    await db.admin.query<{ who: string }>(
      `select upper(left(payload ->> 'workspace_id', 1)) as who from graphile_worker._private_jobs
        where is_available and run_at <= now() order by priority, run_at limit $1`,
      [first],
    )
  ).rows
    .map(({ who }) => who)
    .join('');

const giveTurns = async (max = 1_000) =>
  (await db.worker.query<{ given: number }>('select engine.give_turns($1) as given', [max])).rows[0]!.given;

interface Row {
  attempts: number;
  max_attempts: number;
  locked_by: string | null;
  last_error: string | null;
}

const job = async (id: string) =>
  (await db.admin.query<Row>('select * from graphile_worker._private_jobs where id = $1', [id])).rows[0];

async function addJob(task: string, payload: object, rest = ''): Promise<string> {
  const { rows } = await db.admin.query<{ id: string }>(
    `select id from graphile_worker.add_job($1, $2::json ${rest})`,
    [task, JSON.stringify(payload)],
  );
  return rows[0]!.id;
}

function startWorkerProcess(env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'index.ts')], {
    env: {
      ...process.env,
      RELVAR_WORKER_URL: db.workerUrl,
      RELVAR_WORKER_CONCURRENCY: '2',
      NODE_OPTIONS: '',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

const ended = (worker: ChildProcess) => new Promise((resolve) => worker.once('exit', resolve));

beforeEach(async () => {
  await db.admin.query('truncate graphile_worker._private_jobs, engine.job_turns, engine.job_counts');
});

describe('turns', () => {
  test('a workspace with one job comes right after the first of one with many', async () => {
    await addMany(A, 500);
    await giveTurns();
    await addMany(B, 1);
    expect(await giveTurns()).toBe(1);
    expect(await line(3)).toMatch(/^(AB|BA)A$/);
  });

  test('workspaces with many jobs each take turns, and neither makes up for what it did not use', async () => {
    await addMany(A, 40);
    await giveTurns();
    // A is far ahead when B comes, and 20 of A were done meanwhile.
    await db.admin.query(
      `delete from graphile_worker._private_jobs where id in (select id from graphile_worker._private_jobs order by run_at limit 20)`,
    );
    await addMany(B, 40);
    await giveTurns();
    const first = await line(20);
    expect(first.split('A').length - 1).toBeGreaterThanOrEqual(9);
    expect(first.split('B').length - 1).toBeGreaterThanOrEqual(9);
  });

  test('who comes while others still wait for their turns does not wait for those', async () => {
    await addMany(A, 3_000);
    await addMany(B, 1);
    await db.admin.query(
      `update graphile_worker._private_jobs set run_at = run_at + interval '100 milliseconds' where payload ->> 'workspace_id' = $1`,
      [B],
    );
    await giveTurns(500);
    expect(await line(2)).toContain('B');
  });

  test('jobs that took long use up more of a share', async () => {
    await db.admin.query(
      `insert into engine.job_counts (hour, task, workspace_id, succeeded, milliseconds) values (date_trunc('hour', now()), 'mail__send', $1, 10, 1000)`,
      [A],
    );
    await addMany(A, 50);
    await addMany(B, 50);
    await giveTurns();
    expect((await line(40)).split('B').length - 1).toBeGreaterThan(35);
  });

  test('a higher priority still comes first, and what is not due has no turn', async () => {
    await addMany(A, 5);
    const urgent = await addJob('mail__send', { id: A, workspace_id: B }, ', priority => -10');
    const later = await addJob('mail__send', { id: A, workspace_id: B }, `, run_at => now() + interval '1 hour'`);
    await delay(250);
    await giveTurns();
    expect((await line(1))[0]).toBe('B');
    const { rows } = await db.admin.query(
      `select id::text from graphile_worker._private_jobs where run_at > now() or priority < 0 order by priority`,
    );
    expect(rows.map(({ id }) => id as string)).toEqual([urgent, later]);
  });

  test('what an idle worker takes at once is left alone', async () => {
    await addJob('mail__send', { id: A, workspace_id: A });
    expect(await giveTurns()).toBe(0);
  });

  test('no job is lost or done in vain where turns are given by several at once', async () => {
    await addMany(A, 400);
    await addMany(B, 400);
    await Promise.all(Array.from({ length: 4 }, () => giveTurns(100)));
    while ((await giveTurns(100)) > 0);
    const { rows } = await db.admin.query(
      `select count(*)::int as n, count(distinct run_at)::int as places from graphile_worker._private_jobs where run_at < engine.turns_end()`,
    );
    expect(rows[0].n).toBe(800);
    expect(rows[0].places).toBeGreaterThanOrEqual(400);
  });
});

describe('a worker', () => {
  test('begins the only job of a workspace within 2 s, while another has 20,000', async () => {
    await addMany(A, 20_000);
    const worker = startWorkerProcess();
    try {
      await until('many are done', async () => {
        const { rows } = await db.admin.query<{ n: number }>(
          'select count(*)::int as n from graphile_worker._private_jobs',
        );
        return rows[0]!.n < 19_500;
      });
      const id = await addJob('mail__send', { id: B, workspace_id: B });
      const begun = performance.now();
      await until('it is done', async () => (await job(id)) === undefined);
      const { rows } = await db.admin.query('select from graphile_worker._private_jobs');
      expect(rows.length).toBeGreaterThan(1_000);
      expect(performance.now() - begun).toBeLessThan(2_000);
    } finally {
      worker.kill('SIGKILL');
      await ended(worker);
    }
  }, 90_000);

  test('gives up at once a job whose payload is not what its task is made for, and keeps it with the reason', async () => {
    const worker = startWorkerProcess();
    try {
      const id = await addJob('mail__send', { id: 'no id' });
      const failed = await until('it is given up', async () => {
        const row = await job(id);
        return row !== undefined && row.attempts === row.max_attempts && row.locked_by === null && row;
      });
      expect(failed).toMatchObject({ attempts: 1, last_error: 'Not a job of mail__send: its "id" cannot be used.' });
      const counts = await until('it is counted', async () => {
        const { rows } = await db.admin.query('select * from engine.job_counts where failed > 0');
        return rows.length > 0 && rows[0];
      });
      expect(counts).toMatchObject({ task: 'mail__send', given_up: '1', succeeded: '0' });
    } finally {
      worker.kill('SIGTERM');
      await ended(worker);
    }
  }, 60_000);

  test('does each of a batch by itself, and only what failed is left', async () => {
    const worker = startWorkerProcess();
    try {
      const { rows } = await db.admin.query<{ id: string }>(
        `select id from graphile_worker.add_job('mail__send', '[{"id": "${A}"}, {"id": "bad"}, {"id": "${B}"}]')`,
      );
      const left = await until('one has failed', async () => {
        const row = await job(rows[0]!.id);
        return row?.last_error !== null && row !== undefined && (row as Row & { payload: unknown });
      });
      expect(left.payload).toEqual([{ id: 'bad' }]);
      expect(left.last_error).toContain('cannot be used');
    } finally {
      worker.kill('SIGTERM');
      await ended(worker);
    }
  }, 60_000);

  test('stopped in the middle of a job gives it back within 5 s, and another does it, no attempt lost', async () => {
    // A mail server that accepts a connection and never says a word: the task does not end by itself.
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { rows } = await db.admin.query<{ id: string }>(
      `select core.queue_mail('ada@acme.test', 'magic_link', '{"token": "t"}') as id`,
    );
    const { rows: jobs } = await db.admin.query<{ id: string }>(
      `select id from graphile_worker._private_jobs where payload ->> 'id' = $1`,
      [rows[0]!.id],
    );
    const worker = startWorkerProcess({
      RELVAR_SMTP_URL: `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      RELVAR_MAIL_FROM: 'crm@acme.test',
      RELVAR_URL: 'https://crm.acme.test',
    });
    let second: ChildProcess | undefined;
    try {
      await until('it is under way', () => sockets.size > 0);
      expect((await job(jobs[0]!.id))?.locked_by).not.toBeNull();
      const begun = performance.now();
      worker.kill('SIGTERM');
      await ended(worker);
      expect(performance.now() - begun).toBeLessThan(5_000);
      expect(await job(jobs[0]!.id)).toMatchObject({ locked_by: null, attempts: 0, last_error: null });
      second = startWorkerProcess();
      await until('another does it', async () => (await job(jobs[0]!.id)) === undefined);
      const { rows: mails } = await db.admin.query('select kept_at from core.mail_outbox where id = $1', [rows[0]!.id]);
      expect(mails[0].kept_at).not.toBeNull();
    } finally {
      for (const socket of sockets) socket.destroy();
      silent.close();
      worker.kill('SIGKILL');
      if (second) {
        second.kill('SIGTERM');
        await ended(second);
      }
    }
  }, 90_000);
});

test('a worker killed with -9 in the middle of jobs: each is done by another', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { rows: mails } = await db.admin.query<{ id: string }>(
    `select core.queue_mail('m' || i || '@acme.test', 'magic_link', '{"token": "t"}') as id from generate_series(1, 20) i`,
  );
  const first = startWorkerProcess({
    RELVAR_SMTP_URL: `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    RELVAR_MAIL_FROM: 'crm@acme.test',
    RELVAR_URL: 'https://crm.acme.test',
  });
  let second: ChildProcess | undefined;
  try {
    await until('two are under way', () => sockets.size >= 2);
    first.kill('SIGKILL');
    await ended(first);
    const { rows: held } = await db.admin.query(
      'select from graphile_worker._private_jobs where locked_at is not null',
    );
    expect(held.length).toBeGreaterThanOrEqual(2);
    // As if the 20 seconds had passed after which a silent runner is taken for dead.
    await db.admin.query(
      `update graphile_worker._private_jobs set locked_at = locked_at - interval '1 minute' where locked_at is not null`,
    );
    await db.admin.query(`update engine.heartbeats set seen_at = seen_at - interval '1 minute'`);
    second = startWorkerProcess();
    await until('all are done', async () => {
      const { rowCount } = await db.admin.query('select from graphile_worker._private_jobs');
      return rowCount === 0;
    });
    const { rows } = await db.admin.query(
      'select count(*)::int as n, count(kept_at)::int as kept, count(failed_at)::int as failed from core.mail_outbox where id = any($1)',
      [mails.map(({ id }) => id)],
    );
    expect(rows).toEqual([{ n: 20, kept: 20, failed: 0 }]);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
    first.kill('SIGKILL');
    if (second) {
      second.kill('SIGTERM');
      await ended(second);
    }
  }
}, 90_000);

test('the night empties trashes of what is old, as the system, a job for each workspace', async () => {
  const { id, schema } = await createWorkspace(db.admin, 'trash');
  await db.admin.query(`insert into ${schema}.companies (name) select 'c' || i from generate_series(1, 1200) i`);
  await db.admin.query(`delete from ${schema}.companies`);
  await db.admin.query(`update ${schema}.trash set deleted_at = now() - interval '31 days' where label <> 'c1'`);
  const worker = startWorkerProcess();
  try {
    await addJob('trash__purge', {});
    await until('the trash is purged', async () => {
      const { rows } = await db.admin.query<{ n: number }>(`select count(*)::int as n from ${schema}.trash`);
      return rows[0]!.n === 1;
    });
    const { rows } = await db.admin.query(
      `select actor_type, source, count(*)::int as n, count(distinct batch)::int as batches from ${schema}.record_events
        where action = 'destroyed' group by 1, 2`,
    );
    expect(rows).toEqual([{ actor_type: 'system', source: 'SYSTEM', n: 1199, batches: 3 }]);
    await until('it is counted for the workspace', async () => {
      const counts = await db.admin.query(
        `select from engine.job_counts where task = 'trash__purge_workspace' and workspace_id = $1 and succeeded = 1`,
        [id],
      );
      return counts.rowCount === 1;
    });
  } finally {
    worker.kill('SIGTERM');
    await ended(worker);
  }
}, 60_000);

test('when recurring jobs come next is told', async () => {
  const worker = startWorkerProcess();
  try {
    const next = await until('it is told', async () => {
      const { rows } = await db.admin.query<{ schedule: string; next_at: Date }>(
        `select * from engine.recurring_jobs where name = 'model__purge'`,
      );
      return rows[0] ?? false;
    });
    expect(next.schedule).toBe('17 3 * * *');
    expect(next.next_at.toISOString()).toMatch(/T03:17:00.000Z$/);
  } finally {
    worker.kill('SIGTERM');
    await ended(worker);
  }
}, 60_000);

test('counts of the last month are kept by the hour, older ones as a whole, and long dead workers are forgotten', async () => {
  await db.admin.query(
    `insert into engine.job_counts (hour, task, workspace_id, succeeded, failed, milliseconds, longest)
     select now() - make_interval(days => d), 'mail__send', '${A}', 2, 1, 10 * d, d from unnest(array[1, 31, 40]) d`,
  );
  await db.admin.query(
    `insert into engine.heartbeats (name, seen_at) values ('pool-old', now() - interval '2 days'), ('pool-new', now()) on conflict do nothing`,
  );
  const old = await addJob('mail__send', { id: A });
  const recent = await addJob('mail__send', { id: A });
  await db.admin.query(
    `update graphile_worker._private_jobs set attempts = max_attempts, updated_at = now() - case id when $1 then interval '91 days' else interval '1 day' end`,
    [old],
  );
  const { rows: pruned } = await db.worker.query('select engine.prune_jobs() as count');
  expect(pruned).toEqual([{ count: 1 }]);
  expect(await job(recent)).toBeDefined();
  const { rows } = await db.admin.query(
    `select hour = '-infinity' as is_old, succeeded::int, failed::int, milliseconds::int, longest::int from engine.job_counts order by hour`,
  );
  expect(rows).toEqual([
    { is_old: true, succeeded: 4, failed: 2, milliseconds: 710, longest: 40 },
    { is_old: false, succeeded: 2, failed: 1, milliseconds: 10, longest: 1 },
  ]);
  const { rows: beats } = await db.admin.query(`select name from engine.heartbeats where name like 'pool-%'`);
  expect(beats).not.toContainEqual({ name: 'pool-old' });
});

test.each([
  ['17 3 * * *', '2026-03-01T03:16:59Z', '2026-03-01T03:17:00.000Z'],
  ['17 3 * * *', '2026-03-01T03:17:00Z', '2026-03-02T03:17:00.000Z'],
  ['0 0 29 2 *', '2027-01-01T00:00:00Z', null],
  ['*/15 * * * 1', '2026-11-29T23:59:30Z', '2026-11-30T00:00:00.000Z'],
])('%s comes after %s at %s', (schedule, after, at) => {
  expect(nextRun(parseCrontab(`${schedule} task`)[0]!, new Date(after))?.toISOString() ?? null).toBe(at);
});
