import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let acme: Workspace;
let other: Workspace;

interface Job {
  id: string;
  task: string;
  workspace: string | null;
  state: string;
  payload: unknown;
  error: string | null;
  attempts: number;
  nextAt: string | null;
}

beforeAll(async () => {
  acme = await createWorkspace(db.admin, 'acme');
  other = await createWorkspace(db.admin, 'other');
  // The first user of an instance administers it; here nobody does unless a test says so.
  await db.admin.query('update core.users set is_instance_admin = false');
  await db.admin.query('truncate graphile_worker._private_jobs');
});

async function add(client: pg.ClientBase, task: string, payload: object, set = 'attempts = 0'): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    'select id::text from graphile_worker.add_job($1, $2::json, max_attempts => 25)',
    [task, JSON.stringify(payload)],
  );
  await client.query(`update graphile_worker._private_jobs set ${set} where id = $1`, [rows[0]!.id]);
  return rows[0]!.id;
}

const FAILED = `attempts = max_attempts, last_error = 'https://ada:geheim@hook.test?token=abcdef answered 500 to Bearer eyJhbGciOi.x.y'`;

/** The owner of a workspace, as the server does for a request. */
async function become(
  client: pg.ClientBase,
  workspace: Workspace,
  role = workspace.adminRole,
  email = workspace.owner,
) {
  await client.query('reset role');
  const { rows } = await client.query<{ id: string }>(
    'select m.id from core.members m join core.users u on u.id = m.user_id where u.email = $1 and m.workspace_id = $2',
    [email, workspace.id],
  );
  await client.query(`select set_config('relvar.member_id', $1, true)`, [rows[0]!.id]);
  await client.query(`set local role ${role}`);
}

const list = async (client: pg.ClientBase, args = '') =>
  (await client.query<{ jobs: Job[] }>(`select metadata.jobs(${args}) as jobs`)).rows[0]!.jobs;

const denied = { code: '42501' };

const inWorkspaces = (
  work: (client: pg.PoolClient, ids: { own: string; theirs: string; instance: string }) => Promise<void>,
) =>
  db.inTransaction(async (client) => {
    const own = await add(
      client,
      'webhook__deliver',
      { workspace_id: acme.id, apiSecret: 'whsec_x', batch: 1 },
      FAILED,
    );
    const theirs = await add(client, 'webhook__deliver', { workspace_id: other.id, batch: 2 }, FAILED);
    const instance = await add(client, 'oauth__purge', {});
    await work(client, { own, theirs, instance });
  });

test('who keeps a workspace sees its jobs and no others, with secrets masked', () =>
  inWorkspaces(async (client, { own }) => {
    await become(client, acme);
    expect(await list(client)).toEqual([
      expect.objectContaining({
        id: own,
        task: 'webhook__deliver',
        workspace: 'acme',
        state: 'FAILED',
        payload: { workspace_id: acme.id, apiSecret: '•••', batch: 1 },
        error: 'https://•••@hook.test?token=••• answered 500 to Bearer •••',
        nextAt: null,
      }),
    ]);
    // That there are others, the administrator of the database sees.
    await client.query('reset role');
    expect(await list(client, 'everywhere => true')).toHaveLength(3);
  }));

test('a role without the permission sees none and acts on none, nor does anybody on those of others', () =>
  inWorkspaces(async (client, { own, theirs, instance }) => {
    await become(client, acme, acme.memberRole);
    for (const call of [
      'metadata.jobs()',
      'metadata.job_overview()',
      `metadata.retry_jobs('{${own}}')`,
      `metadata.cancel_jobs('{${own}}')`,
    ]) {
      await client.query('savepoint s');
      await expect(client.query(`select ${call}`)).rejects.toMatchObject(denied);
      await client.query('rollback to s');
    }
    await become(client, acme);
    for (const what of ['retry', 'cancel']) {
      const { rows } = await client.query(`select metadata.${what}_jobs($1) as count`, [[theirs, instance]]);
      expect(rows).toEqual([{ count: 0 }]);
    }
    for (const call of [`metadata.jobs(everywhere => true)`, `metadata.cancel_jobs('{${theirs}}', true)`]) {
      await client.query('savepoint s');
      await expect(client.query(`select ${call}`)).rejects.toMatchObject(denied);
      await client.query('rollback to s');
    }
    await client.query('reset role');
    const { rows } = await client.query('select count(*)::int as n from graphile_worker._private_jobs');
    expect(rows).toEqual([{ n: 3 }]);
  }));

describe('an administrator of the instance', () => {
  const asInstanceAdmin = (
    work: (client: pg.PoolClient, ids: Parameters<Parameters<typeof inWorkspaces>[0]>[1]) => Promise<void>,
  ) =>
    inWorkspaces(async (client, ids) => {
      await client.query('update core.users set is_instance_admin = true where email = $1', [acme.owner]);
      await become(client, acme);
      await work(client, ids);
    });

  test('sees the jobs of all workspaces and acts on them, and by default on those of the own', () =>
    asInstanceAdmin(async (client, { own, theirs }) => {
      expect(await list(client)).toHaveLength(1);
      expect((await list(client, 'everywhere => true')).map(({ workspace }) => workspace)).toEqual([
        null,
        'other',
        'acme',
      ]);
      const { rows } = await client.query('select metadata.retry_jobs($1, true) as count', [[own, theirs]]);
      expect(rows).toEqual([{ count: 2 }]);
    }));

  test.each([
    ['through an app', `select set_config('relvar.application_id', gen_random_uuid()::text, true)`],
    ['by a key', `select set_config('relvar.api_key_id', gen_random_uuid()::text, true)`],
    [
      'while somebody acts as him',
      `select set_config('relvar.impersonator_id', (select id::text from core.users limit 1), true)`,
    ],
  ])('is none %s', (_how, statement) =>
    asInstanceAdmin(async (client) => {
      await client.query('reset role');
      await client.query(statement);
      await client.query(`set local role ${acme.adminRole}`);
      await expect(list(client, 'everywhere => true')).rejects.toMatchObject(denied);
    }),
  );

  test('is none while seeing the workspace as another role does', () =>
    asInstanceAdmin(async (client) => {
      await become(client, acme, acme.memberRole);
      await expect(list(client, 'everywhere => true')).rejects.toMatchObject(denied);
    }));
});

test('jobs are told by what they wait for, by state, by task, and page by page', () =>
  db.inTransaction(async (client) => {
    const payload = { workspace_id: acme.id };
    const at: Record<string, string> = {};
    at['RUNNING'] = await add(client, 'webhook__deliver', payload, `locked_at = now(), locked_by = 'w', attempts = 1`);
    at['WAITING'] = await add(client, 'webhook__deliver', payload, `run_at = now() - interval '1 second'`);
    at['SCHEDULED'] = await add(client, 'impersonation__end', payload, `run_at = now() + interval '1 hour'`);
    at['RETRYING'] = await add(
      client,
      'webhook__deliver',
      payload,
      `run_at = now() + interval '1 hour', attempts = 2, last_error = 'no'`,
    );
    at['FAILED'] = await add(client, 'webhook__deliver', payload, FAILED);
    await become(client, acme);
    for (const [state, id] of Object.entries(at)) {
      expect(await list(client, `'${state}'`)).toEqual([expect.objectContaining({ id, state })]);
    }
    expect((await list(client, `null, 'impersonation__end'`)).map(({ id }) => id)).toEqual([at['SCHEDULED']]);
    const first = await list(client, 'first => 2');
    const then = await list(client, `first => 2, before => ${first[1]!.id}`);
    expect([...first, ...then].map(({ id }) => id)).toEqual(
      ['FAILED', 'RETRYING', 'SCHEDULED', 'WAITING'].map((state) => at[state]),
    );
    await client.query('reset role');
    await client.query(
      `insert into engine.job_counts (hour, task, workspace_id, succeeded, failed, milliseconds, longest)
       values (date_trunc('hour', now()), 'webhook__deliver', $1, 3, 1, 400, 250), (date_trunc('hour', now()), 'webhook__deliver', $2, 90, 0, 1, 1)`,
      [acme.id, other.id],
    );
    await become(client, acme);
    const { rows } = await client.query<{ overview: { tasks: object[]; administersInstance: boolean } }>(
      'select metadata.job_overview() as overview',
    );
    expect(rows[0]!.overview.tasks).toEqual([
      expect.objectContaining({ task: 'impersonation__end', scheduled: 1, succeededToday: 0 }),
      expect.objectContaining({
        task: 'webhook__deliver',
        running: 1,
        waiting: 1,
        scheduled: 0,
        retrying: 1,
        failed: 1,
        succeededToday: 3,
        failedToday: 1,
        milliseconds: 100,
        longest: 250,
      }),
    ]);
    expect(rows[0]!.overview.administersInstance).toBe(false);
  }));

test('what failed is tried again from the beginning, and what waits for later now', () =>
  inWorkspaces(async (client, { own }) => {
    const later = await add(
      client,
      'webhook__deliver',
      { workspace_id: acme.id },
      `run_at = now() + interval '1 hour'`,
    );
    const once = await add(client, 'webhook__deliver', { workspace_id: acme.id }, 'attempts = 1, max_attempts = 1');
    const running = await add(
      client,
      'webhook__deliver',
      { workspace_id: acme.id },
      `locked_at = now(), locked_by = 'w'`,
    );
    await become(client, acme);
    const { rows } = await client.query('select metadata.retry_jobs($1) as count', [[own, later, once, running]]);
    expect(rows).toEqual([{ count: 3 }]);
    const states = Object.fromEntries((await list(client)).map((job) => [job.id, `${job.state} ${job.attempts}`]));
    expect(states).toEqual({ [own]: 'WAITING 0', [later]: 'WAITING 0', [once]: 'WAITING 0', [running]: 'RUNNING 0' });
  }));

test('what is cancelled is gone; what runs ends without another attempt; whoever waits for it is told', () =>
  inWorkspaces(async (client, { own }) => {
    const running = await add(
      client,
      'webhook__deliver',
      { workspace_id: acme.id },
      `locked_at = now(), locked_by = 'w', attempts = 3`,
    );
    const online = await add(client, 'model__online', { workspace_id: acme.id });
    await client.query(
      `insert into metadata.online_changes (workspace_id, object_id, key, kind, statement)
       select workspace_id, id, 'index x', 'INDEX', 'x' from metadata.objects where workspace_id = $1 limit 1`,
      [acme.id],
    );
    await become(client, acme);
    const { rows } = await client.query('select metadata.cancel_jobs($1) as count', [[own, running, online]]);
    expect(rows).toEqual([{ count: 3 }]);
    await client.query('reset role');
    const { rows: left } = await client.query(
      `select id::text, attempts = max_attempts as is_last from graphile_worker._private_jobs where engine.job_workspace(payload) = $1`,
      [acme.id],
    );
    expect(left).toEqual([{ id: running, is_last: true }]);
    const { rows: changes } = await client.query(
      `select status, error from metadata.online_changes where key = 'index x'`,
    );
    expect(changes).toEqual([{ status: 'FAILED', error: expect.stringMatching(/^Cancelled by /) }]);
  }));

test('a mail is cancelled by an administrator of the instance alone, and says so', () =>
  db.inTransaction(async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `select core.queue_mail('ada@acme.test', 'magic_link', '{"token": "t"}', $1) as id`,
      [acme.id],
    );
    await become(client, acme);
    const [job] = await list(client);
    await client.query('savepoint s');
    await expect(client.query('select metadata.cancel_jobs($1)', [[job!.id]])).rejects.toMatchObject({ code: 'RV216' });
    await client.query('rollback to s');
    await client.query('reset role');
    await client.query('select metadata.cancel_jobs($1, true)', [[job!.id]]);
    const { rows: mails } = await client.query(
      'select failed_at is not null as failed, error, props from core.mail_outbox where id = $1',
      [rows[0]!.id],
    );
    expect(mails).toEqual([{ failed: true, error: expect.stringMatching(/^Cancelled by /), props: {} }]);
  }));

test('the server learns counts of all, and nobody else does', async () => {
  const { rows } = await db.server.query('select core.metrics() as metrics');
  expect(Object.keys(rows[0].metrics).sort()).toEqual([
    'attempts',
    'jobs',
    'lag',
    'outbox',
    'relay',
    'runners',
    'workspaces',
  ]);
  await db.inTransaction(async (client) => {
    await become(client, acme);
    await expect(client.query('select core.metrics()')).rejects.toMatchObject(denied);
  });
});

describe('the trash', () => {
  const days = async (client: pg.ClientBase, n: number) =>
    (await client.query<{ days: number }>('select metadata.set_trash_days($1) as days', [n])).rows[0]!.days;

  test('is kept for the days that the workspace says, at least one, by who keeps the workspace', () =>
    db.inTransaction(async (client) => {
      await become(client, acme);
      expect((await client.query('select metadata.trash_days() as days')).rows).toEqual([{ days: 30 }]);
      expect(await days(client, 7)).toBe(7);
      for (const bad of [0, -1, 4000]) {
        await client.query('savepoint s');
        await expect(days(client, bad)).rejects.toMatchObject({ code: 'RV215', column: 'days' });
        await client.query('rollback to s');
      }
      await client.query('select metadata.set_event_retention(20)');
      await client.query('savepoint s');
      await expect(days(client, 21)).rejects.toMatchObject({ code: 'RV215', column: 'days' });
      await client.query('rollback to s');
      await become(client, acme, acme.memberRole);
      expect((await client.query('select metadata.trash_days() as days')).rows).toEqual([{ days: 7 }]);
      await expect(days(client, 1)).rejects.toMatchObject(denied);
    }));

  test('loses what is older, in steps, with what was shared and an event each; the rest and other workspaces stay', () =>
    db.inTransaction(async (client) => {
      for (const { schema } of [acme, other]) {
        await client.query(`insert into ${schema}.companies (name) select 'c' || i from generate_series(1, 5) i`);
        await client.query(`insert into ${schema}.notes (title) values ('n')`);
        await client.query(`delete from ${schema}.companies; delete from ${schema}.notes`);
        await client.query(`update ${schema}.trash set deleted_at = now() - interval '31 days' where label <> 'c5'`);
      }
      await client.query('delete from engine.outbox');
      const queued = (await client.query('select engine.queue_trash_purges() as count')).rows;
      expect(queued).toEqual([{ count: 2 }]);
      const purge = async () =>
        (await client.query('select engine.purge_trash($1, 3) as count', [acme.id])).rows[0].count;
      expect([await purge(), await purge(), await purge()]).toEqual([3, 2, 0]);
      expect((await client.query(`select label from ${acme.schema}.trash`)).rows).toEqual([{ label: 'c5' }]);
      expect((await client.query(`select count(*)::int as n from ${other.schema}.trash`)).rows).toEqual([{ n: 6 }]);
      const { rows: events } = await client.query(
        `select count(*)::int as n, count(distinct record_id)::int as records, count(distinct (batch, seq))::int as places, min(actor_type) as actor from ${acme.schema}.record_events where action = 'destroyed'`,
      );
      expect(events).toEqual([{ n: 5, records: 5, places: 5, actor: 'psql' }]);
      const { rows: told } = await client.query(`select distinct action from engine.outbox where workspace_id = $1`, [
        acme.id,
      ]);
      expect(told).toEqual([{ action: 'destroyed' }]);
    }));
});
