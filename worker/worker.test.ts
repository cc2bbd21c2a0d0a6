import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { useDatabase } from '../db/testing/database.ts';
import { startWorker } from './start.ts';

const db = useDatabase();
const KEPT = { smtpUrl: null, from: null, publicUrl: 'http://localhost:3000' };

/** A subscriber that answers with the given statuses first, then with 200, and keeps what it accepted. */
class Receiver {
  accepted: { type: string; recordId: string; webhookId: string }[] = [];
  refused = 0;
  server: Server;
  statuses: number[];

  constructor(statuses: number[] = []) {
    this.statuses = statuses;
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const status = this.statuses.shift() ?? 200;
        if (status === 200) {
          const body = JSON.parse(Buffer.concat(chunks).toString()) as { type: string; recordId: string };
          this.accepted.push({ ...body, webhookId: String(request.headers['webhook-id']) });
        } else this.refused++;
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let schema: string;
let workspace: string;

beforeAll(async () => {
  await db.admin.query(`select engine.create_workspace('acme', 'Acme', 'ada@acme.test')`);
  const { rows } = await db.admin.query<{ id: string; schema_name: string }>(
    'select id, schema_name from core.workspaces',
  );
  ({ id: workspace, schema_name: schema } = rows[0]!);
  const worker = startWorker({ url: db.workerUrl, concurrency: 2, mail: KEPT });
  db.onEnd(() => worker.stop());
});

async function subscribe(url: string, events: string[]) {
  await db.admin.query(
    'insert into metadata.webhooks (workspace_id, name, target_url, events) values ($1, $2, $3, $4)',
    [workspace, 'test', url, events],
  );
}

async function until(condition: () => boolean | Promise<boolean>, what: string) {
  for (let waited = 0; waited < 15_000; waited += 50) {
    if (await condition()) return;
    await delay(50);
  }
  throw new Error(`Waited in vain until ${what}.`);
}

/** What graphile-worker would do seconds later, now. */
const hurry = () =>
  db.admin.query(
    `select graphile_worker.reschedule_jobs(array(
       select id from graphile_worker.jobs where locked_at is null and run_at > now()), now())`,
  );

test('a change made in SQL reaches a subscriber that refuses it twice', async () => {
  const receiver = new Receiver([500, 302]);
  await subscribe(await receiver.listen(), ['company.created']);
  const { rows } = await db.admin.query<{ id: string }>(
    `insert into ${schema}.companies (name) values ('Analytical Engines') returning id`,
  );
  await until(() => receiver.refused === 1, 'the first attempt');
  await until(async () => (await hurry(), receiver.refused === 2), 'the second attempt');
  await until(async () => (await hurry(), receiver.accepted.length === 1), 'the third attempt');

  expect(receiver.accepted[0]).toMatchObject({ type: 'company.created', recordId: rows[0]!.id });
  expect(receiver.accepted[0]!.webhookId).toMatch(/^\d+-\d+$/);
  await until(async () => {
    const jobs = await db.admin.query('select from graphile_worker.jobs');
    return jobs.rowCount === 0;
  }, 'the job is gone');
  expect(receiver.accepted).toHaveLength(1);
  await receiver.close();
});

test('a change that was rolled back reaches nobody, and other events neither', async () => {
  const receiver = new Receiver();
  await subscribe(await receiver.listen(), ['person.created']);
  await db.inTransaction((client) => client.query(`insert into ${schema}.people (name_first_name) values ('Nobody')`));
  await db.admin.query(`insert into ${schema}.companies (name) values ('Elsewhere')`);
  await db.admin.query(`insert into ${schema}.people (name_first_name) values ('Ada')`);
  await until(() => receiver.accepted.length > 0, 'the delivery');
  expect(receiver.accepted.map(({ type }) => type)).toEqual(['person.created']);
  await receiver.close();
});

test('relay and queue go on after every connection was cut', async () => {
  const receiver = new Receiver();
  await subscribe(await receiver.listen(), ['task.created']);
  await db.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = 'relvar_worker'`,
  );
  await db.admin.query(`insert into ${schema}.tasks (title) values ('Call back')`);
  await until(() => receiver.accepted.length === 1, 'the delivery');
  await receiver.close();
});

test('jobs of a worker that was killed are done by another', async () => {
  const receiver = new Receiver();
  await subscribe(await receiver.listen(), ['note.created']);
  // As a killed worker leaves it: taken long ago by a runner that no longer says that it lives.
  await db.inTransaction(async (client) => {
    await client.query(`insert into ${schema}.notes (title) values ('Found again')`);
    await client.query('select engine.relay_outbox(500)');
    await client.query(
      `update graphile_worker._private_jobs
          set locked_by = 'pool-dead', locked_at = now() - interval '1 minute', attempts = 1`,
    );
    await client.query('commit');
  });
  await until(() => receiver.accepted.length === 1, 'the delivery');
  await receiver.close();
});

test('the heartbeat of the relay is fresh', async () => {
  const { rows } = await db.worker.query<{ age: number }>(`select engine.seconds_since_heartbeat('relay') as age`);
  expect(rows[0]!.age).toBeLessThan(5);
});
