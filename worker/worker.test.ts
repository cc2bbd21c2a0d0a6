import { useDatabase } from '../db/testing/database.ts';
import { createWorkspace, type Workspace } from '../db/testing/workspace.ts';
import { startWorker } from './start.ts';
import { Receiver, RECEIVERS, SECRETS, until } from './testing/receiver.ts';

const db = useDatabase();
let ws: Workspace;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const mail = { smtpUrl: null, from: null, publicUrl: 'http://localhost:3000' };
  const worker = startWorker({ url: db.workerUrl, concurrency: 2, mail, secrets: SECRETS, receivers: RECEIVERS });
  db.onEnd(() => worker.stop());
});

test('relay, webhooks and queue go on after every connection was cut', async () => {
  const receiver = new Receiver();
  await db.admin.query(
    `insert into metadata.webhooks (workspace_id, target_url, events) values ($1, $2, '{task.created}')`,
    [ws.id, await receiver.listen()],
  );
  await db.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = 'relvar_worker'`,
  );
  await db.admin.query(`insert into ${ws.schema}.tasks (title) values ('Call back')`);
  await db.admin.query(`select core.queue_mail('ada@acme.test', 'magic_link')`);
  await until(() => receiver.accepted.length === 1, 'the delivery');
  await until(
    async () => (await db.admin.query('select from core.mail_outbox where kept_at is not null')).rowCount === 1,
    'the mail',
  );
  await receiver.close();
});

test('jobs of a worker that was killed are done by another', async () => {
  // As a killed worker leaves it: taken long ago by a runner that no longer says that it lives.
  await db.inTransaction(async (client) => {
    await client.query(`select core.queue_mail('grace@acme.test', 'magic_link')`);
    await client.query(
      `update graphile_worker._private_jobs
          set locked_by = 'pool-dead', locked_at = now() - interval '1 minute', attempts = 1
        where id = (select max(id) from graphile_worker._private_jobs)`,
    );
    await client.query('commit');
  });
  await until(
    async () =>
      (
        await db.admin.query(
          `select from core.mail_outbox where to_address = 'grace@acme.test' and kept_at is not null`,
        )
      ).rowCount === 1,
    'the mail',
  );
});

test('the heartbeat of the relay is fresh', async () => {
  const { rows } = await db.worker.query<{ age: number }>(`select engine.seconds_since_heartbeat('relay') as age`);
  expect(rows[0]!.age).toBeLessThan(5);
});
