import type pg from 'pg';
import { compose } from './mail/compose.ts';
import { useDatabase } from '../db/testing/database.ts';
import { act, createWorkspace, type Workspace } from '../db/testing/workspace.ts';
import { startWorker } from './start.ts';
import { RECEIVERS, SECRETS, until } from './testing/receiver.ts';

// From the change to the mail, through the relay and the jobs.
const db = useDatabase();
let ws: Workspace;
let [ann, bob] = ['', ''];

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const add = async (name: string) =>
    (await db.admin.query(`select core.add_member('acme', $1 || '@acme.example', initcap($1), 'Member') as id`, [name]))
      .rows[0].id as string;
  [ann, bob] = [await add('ann'), await add('bob')];
  const mail = { smtpUrl: null, from: null, publicUrl: 'https://crm.acme.test' };
  // Two, of which only one may do each thing.
  for (let i = 0; i < 2; i++) {
    const worker = startWorker({ url: db.workerUrl, concurrency: 2, mail, secrets: SECRETS, receivers: RECEIVERS });
    db.onEnd(() => worker.stop());
  }
});

async function be<T>(member: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    await act(client, ws.memberRole);
    await client.query(`select set_config('relvar.member_id', $1, true)`, [member]);
    const done = await work(client);
    await client.query('commit');
    return done;
  } finally {
    client.release(true);
  }
}
const assign = (titles: string[], to: string, by: string) =>
  be(by, (client) =>
    client.query('insert into tasks (title, assignee_id) select t, $2 from unnest($1::text[]) t', [titles, to]),
  );
const rows = async <T>(sql: string, values: unknown[] = []) => (await db.admin.query(sql, values)).rows as T[];
const runJob = (name: string) => db.admin.query('select graphile_worker.add_job($1)', [name]);

test('a task that is given is told and mailed once, in one digest with others, by two workers', async () => {
  await assign(['Call', 'Write'], ann, bob);
  await until(async () => (await rows('select from core.notifications')).length === 2, 'both are told');
  await db.admin.query('update core.notifications set mail_at = now()');
  for (let i = 0; i < 4; i++) await runJob('notifications__mail');
  const kept = () =>
    rows<{ to_address: string; subject: string; html: string; body_text: string }>(
      `select to_address, subject, html, body_text from core.mail_outbox where template = 'notifications' and kept_at is not null`,
    );
  await until(async () => (await kept()).length > 0, 'the mail');
  await until(
    async () =>
      (await rows(`select from graphile_worker.jobs where task_identifier = 'notifications__mail'`)).length === 0,
    'all jobs',
  );
  const mails = await kept();
  expect(mails).toHaveLength(1);
  expect(mails[0]).toMatchObject({ to_address: 'ann@acme.example', subject: '2 notifications from Acme' });
  const ids = await rows<{ id: string }>(`select id from ${ws.schema}.tasks`);
  for (const { id } of ids)
    for (const part of [mails[0]!.html, mails[0]!.body_text])
      expect(part).toContain(`https://crm.acme.test/objects/tasks/${id}`);
  for (const title of ['Call', 'Write']) expect(mails[0]!.body_text).toContain(`Bob assigned you ${title}`);
});

test('whom a note mentions, and with which role a record is shared, is told by jobs', async () => {
  const note = await be(bob, async (client) => {
    const { rows: made } = await client.query<{ id: string }>(
      `insert into notes (title, body_v2_markdown) values ('Minutes', $1) returning id`,
      [`Ask <@${ann}>`],
    );
    await client.query(
      `select share_record('note', $1, 'ROLE', (select id from metadata.roles where workspace_id = $2 and name = 'Member'))`,
      [made[0]!.id, ws.id],
    );
    return made[0]!.id;
  });
  const told = () =>
    rows<{ kind: string; actor_name: string }>(
      `select kind, actor_name from core.notifications where member_id = $1 and record_id = $2 order by kind`,
      [ann, note],
    );
  await until(async () => (await told()).length === 2, 'both are told');
  expect(await told()).toEqual([
    { kind: 'MENTION', actor_name: 'Bob' },
    { kind: 'SHARED', actor_name: 'Bob' },
  ]);
});

test('due tasks are told by the job, and what is old is forgotten by another', async () => {
  await db.admin.query(
    `insert into ${ws.schema}.tasks (title, assignee_id, due_at) values ('Overdue', $1, now() - interval '30 hours')`,
    [bob],
  );
  await runJob('notifications__due');
  await runJob('notifications__due');
  const due = () =>
    rows<{ state: string }>(`select detail ->> 'state' as state from core.notifications where kind = 'TASK_DUE'`);
  await until(async () => (await due()).length > 0, 'it is told');
  // Or it would be told anew.
  await db.admin.query(`update ${ws.schema}.tasks set status = 'DONE'`);
  await until(
    async () =>
      (await rows(`select from graphile_worker.jobs where task_identifier = 'notifications__due'`)).length === 0,
    'both jobs',
  );
  expect(await due()).toEqual([{ state: 'OVERDUE' }]);
  await db.admin.query(`update core.notifications set created_at = now() - interval '91 days', read_at = now()`);
  await runJob('notifications__purge');
  await until(async () => (await rows('select from core.notifications')).length === 0, 'they are forgotten');
});

test('what others wrote is no letter within the letter', async () => {
  const { html, text, subject } = await compose(
    'notifications',
    {
      total: 1,
      items: [
        {
          kind: 'MENTION',
          actorName: '<b>Eve</b> https://evil.test',
          label: 'Acme\r\nBcc: x@y.test',
          excerpt: '<img src=x> click https://evil.test/win',
          objectNamePlural: '../../evil',
          recordId: '"><script>',
          commentId: null,
        },
      ],
    },
    { publicUrl: 'https://crm.acme.test', workspaceName: 'Acme', locale: 'en', timeZone: null },
  );
  expect(subject).not.toMatch(/[\r\n]/);
  for (const part of [html, text, subject]) {
    expect(part).not.toContain('https://evil');
    expect(part).not.toMatch(/<script|<img src=x|<b>Eve/);
  }
  for (const [, url] of html.matchAll(/href="([^"]*)"/g)) expect(url).toMatch(/^https:\/\/crm\.acme\.test\//);
});
