import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { webhookSecretPurpose } from '../../db/webhookSecrets.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { createWorkspace, type Workspace } from '../../db/testing/workspace.ts';
import { startWorker } from '../start.ts';
import { Receiver, RECEIVERS, SECRETS, until } from '../testing/receiver.ts';

const db = useDatabase();
let ws: Workspace;
const receivers: Receiver[] = [];

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const mail = { smtpUrl: null, from: null, publicUrl: 'http://localhost:3000' };
  const worker = startWorker({ url: db.workerUrl, concurrency: 2, mail, secrets: SECRETS, receivers: RECEIVERS });
  db.onEnd(async () => {
    await worker.stop();
    await Promise.all(receivers.map((each) => each.close()));
  });
});
afterEach(() => db.admin.query('delete from metadata.webhooks'));

interface Settings {
  events: string[];
  format?: string;
  filters?: object;
  fields?: object;
}

async function subscribe({ events, format = 'STANDARD', filters = {}, fields = {} }: Settings) {
  const receiver = new Receiver();
  receivers.push(receiver);
  const url = await receiver.listen();
  const { rows } = await db.admin.query<{ id: string }>(
    `insert into metadata.webhooks (workspace_id, name, target_url, events, format, filters, fields)
     values ($1, 'test', $2, $3, $4, $5, $6) returning id`,
    [ws.id, url, events, format, filters, fields],
  );
  return { receiver, id: rows[0]!.id };
}

const sql = (text: string, values: unknown[] = []) => db.admin.query(text.replaceAll('$ws', ws.schema), values);

async function company(name: string): Promise<string> {
  return (await sql('insert into $ws.companies (name) values ($1) returning id', [name])).rows[0].id as string;
}

async function secretsOf(id: string): Promise<string[]> {
  const { rows } = await db.admin.query<{ sealed: string }>(
    'select sealed from core.webhook_secrets where webhook_id = $1 order by expires_at nulls first',
    [id],
  );
  return rows.map(({ sealed }) => SECRETS.unseal(sealed, webhookSecretPurpose(id)));
}

/** As if the time until the next attempt had passed. */
const hurry = () =>
  db.admin.query(
    `with d as (update engine.webhook_deliveries set next_attempt_at = now() where state = 'PENDING' and next_attempt_at > now())
     update engine.webhook_states set paused_until = null, retry_at = case when retry_at is not null then now() end`,
  );

const deliveries = async (id: string) =>
  (
    await db.admin.query<{
      state: string;
      attempts: number;
      status: number | null;
      error: string | null;
      history: object[];
      request: { headers: Record<string, string>; body: string };
    }>('select * from engine.webhook_deliveries where webhook_id = $1 order by id', [id])
  ).rows;

test('a webhook that was inserted in SQL is signed as Standard Webhooks has it', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  const record = await company('Analytical Engines');
  await until(() => receiver.accepted.length === 1, 'the delivery');
  const { body, headers, data, type } = receiver.accepted[0]!;
  expect(type).toBe('company.created');
  expect(data).toMatchObject({
    object: 'company',
    recordId: record,
    action: 'created',
    after: { name: 'Analytical Engines' },
    record: { name: 'Analytical Engines' },
  });
  const [secret] = await secretsOf(id);
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(new Webhook(secret!).verify(body, headers as Record<string, string>)).toMatchObject({
    type: 'company.created',
  });
  expect(() => new Webhook(secret!).verify(`${body} `, headers as Record<string, string>)).toThrow();
});

test('after a rotation both secrets verify until the former has ended', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  await company('Before');
  await until(() => receiver.accepted.length === 1, 'the first delivery');
  const [former] = await secretsOf(id);
  await db.admin.query('select metadata.rotate_webhook_secret($1, 24)', [id]);
  // The new secret is made with the first delivery after the rotation.
  await company('Between');
  await until(() => receiver.accepted.length === 2, 'the second delivery');
  const [present] = await secretsOf(id);
  expect(present).not.toBe(former);
  const { body, headers } = receiver.accepted[1]!;
  for (const secret of [present!, former!]) new Webhook(secret).verify(body, headers as Record<string, string>);
  await db.admin.query(`update core.webhook_secrets set expires_at = now() where expires_at is not null`);
  await company('After');
  await until(() => receiver.accepted.length === 3, 'the third delivery');
  const last = receiver.accepted[2]!;
  new Webhook(present!).verify(last.body, last.headers as Record<string, string>);
  expect(() => new Webhook(former!).verify(last.body, last.headers as Record<string, string>)).toThrow();
});

test('a receiver of Twenty verifies and reads what it is sent', async () => {
  const { receiver, id } = await subscribe({ events: ['person.*'], format: 'TWENTY' });
  await db.admin.query(
    `update metadata.webhooks set target_url = replace(target_url, '//', '//user:geheim@') || '/geheim?key=geheim' where id = $1`,
    [id],
  );
  const { rows } = await sql(
    `insert into $ws.people (name_first_name, name_last_name, emails_primary_email) values ('Ada', 'Lovelace', 'ada@example.com') returning id`,
  );
  await until(() => receiver.accepted.length === 1, 'the first delivery');
  await sql(`update $ws.people set job_title = 'Analyst' where id = $1`, [rows[0].id]);
  await until(() => receiver.accepted.length === 2, 'the second delivery');
  const [secret] = await secretsOf(id);
  for (const { body, headers } of receiver.accepted) {
    // As its documentation has receivers do it: over the body written down again.
    const signed = `${String(headers['x-twenty-webhook-timestamp'])}:${JSON.stringify(JSON.parse(body))}`;
    expect(createHmac('sha256', secret!).update(signed).digest('hex')).toBe(headers['x-twenty-webhook-signature']);
    expect(headers['x-twenty-webhook-nonce']).toMatch(/^[0-9a-f]{32}$/);
  }
  // Who looks into the log need not learn where it leads.
  await until(async () => (await deliveries(id)).length === 2, 'both are noted');
  for (const { request } of await deliveries(id)) {
    expect(JSON.stringify(request)).not.toContain('geheim');
    expect(request.body).toMatch(/"targetUrl":"http:\/\/127\.0\.0\.1:\d+\/…"/);
  }
  expect(receiver.accepted[0]!.headers.authorization).toBe(`Basic ${Buffer.from('user:geheim').toString('base64')}`);
  const [created, updated] = receiver.accepted.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
  expect(created).toMatchObject({
    eventName: 'person.created',
    objectMetadata: { nameSingular: 'person' },
    workspaceId: ws.id,
    webhookId: id,
    record: {
      id: rows[0].id,
      name: { firstName: 'Ada', lastName: 'Lovelace' },
      emails: { primaryEmail: 'ada@example.com' },
    },
  });
  expect(updated).toMatchObject({
    eventName: 'person.updated',
    updatedFields: ['jobTitle'],
    record: { jobTitle: 'Analyst' },
  });
});

test('patterns, filters and chosen fields say what is told', async () => {
  const won = await subscribe({
    events: ['company.*'],
    filters: { company: 'employees > 10' },
    fields: { company: ['name', 'employees'] },
  });
  const updates = await subscribe({ events: ['*.updated'] });
  const small = (await sql(`insert into $ws.companies (name, employees) values ('Small', 5) returning id`)).rows[0].id;
  const large = (await sql(`insert into $ws.companies (name, employees) values ('Large', 50) returning id`)).rows[0].id;
  await sql('update $ws.companies set employees = 11 where id = $1', [small]);
  await sql(`update $ws.companies set address_city = 'Rome' where id = $1`, [large]);
  await sql('delete from $ws.companies where id = $1', [large]);
  await until(() => won.receiver.accepted.length >= 3 && updates.receiver.accepted.length >= 2, 'the deliveries');
  expect(won.receiver.accepted.map(({ type, data }) => [type, data.recordId])).toEqual([
    ['company.created', large],
    ['company.updated', small],
    ['company.deleted', large],
  ]);
  expect(Object.keys(won.receiver.accepted[0]!.data['record'] as object).sort()).toEqual(['employees', 'id', 'name']);
  expect(won.receiver.accepted[1]!.data).toMatchObject({ before: { employees: '5' }, after: { employees: '11' } });
  expect(updates.receiver.accepted.map(({ type, data }) => [type, data.recordId])).toEqual([
    ['company.updated', small],
    ['company.updated', large],
  ]);
});

test('a change that was rolled back reaches nobody, and a webhook that is off hears nothing, nor later', async () => {
  const { receiver, id } = await subscribe({ events: ['*.*'] });
  await db.inTransaction((client) => client.query(`insert into ${ws.schema}.companies (name) values ('Nobody')`));
  await db.admin.query('update metadata.webhooks set is_active = false where id = $1', [id]);
  await company('While it was off');
  await until(async () => (await db.admin.query('select from engine.outbox')).rowCount === 0, 'the relay has it');
  await db.admin.query('update metadata.webhooks set is_active = true where id = $1', [id]);
  await company('Ada');
  await until(() => receiver.accepted.length > 0, 'the delivery');
  expect(receiver.accepted.map(({ data }) => data.after!['name'])).toEqual(['Ada']);
});

test('what fails is tried again, later each time, and what follows of the same record waits for it', async () => {
  const { receiver, id } = await subscribe({ events: ['company.*'] });
  const [one, other] = [await company('One'), await company('Other')];
  await until(() => receiver.accepted.length === 2, 'the records are known');
  receiver.answer = ({ data }, response) => void response.writeHead(data.recordId === one ? 503 : 200).end('busy');
  await sql(`update $ws.companies set name = 'One again' where id = $1`, [one]);
  await sql(`update $ws.companies set name = 'One more' where id = $1`, [one]);
  await sql(`update $ws.companies set name = 'Other again' where id = $1`, [other]);
  await until(() => receiver.accepted.length === 3, 'the other record is not held up');
  expect(receiver.accepted[2]!.data.recordId).toBe(other);
  await until(async () => (await deliveries(id)).filter(({ state }) => state === 'PENDING').length === 2, 'both wait');
  await hurry();
  await until(async () => (await deliveries(id)).some(({ attempts }) => attempts === 2), 'the second attempt');
  const [waiting] = (await deliveries(id)).filter(({ attempts }) => attempts === 2);
  expect(waiting).toMatchObject({ state: 'PENDING', status: 503, error: 'Answered 503.' });
  const { rows } = await db.admin.query<{ seconds: number }>(
    `select extract(epoch from next_attempt_at - last_attempt_at)::float as seconds from engine.webhook_deliveries where webhook_id = $1 and attempts = 2`,
    [id],
  );
  // Fifteen seconds, give or take a fifth.
  expect(rows[0]!.seconds).toBeGreaterThan(11.9);
  expect(rows[0]!.seconds).toBeLessThan(18.1);
  receiver.answer = null;
  await until(async () => (await hurry(), receiver.accepted.length === 5), 'the rest');
  const ofOne = receiver.accepted.filter(({ data }) => data.recordId === one).map(({ data }) => data.after!['name']);
  expect(ofOne).toEqual(['One', 'One again', 'One more']);
  expect(
    new Set(receiver.all.filter(({ data }) => data.after?.['name'] === 'One again').map((each) => each.id)).size,
  ).toBe(1);
});

test('Retry-After is honoured, in seconds and as a date, and redirects are not followed', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  receiver.answer = (_received, response) => void response.writeHead(429, { 'retry-after': '120' }).end();
  await company('Wait');
  const pause = async () =>
    (
      await db.admin.query<{ seconds: number }>(
        `select extract(epoch from paused_until - clock_timestamp())::float as seconds from engine.webhook_states where webhook_id = $1`,
        [id],
      )
    ).rows[0]!.seconds ?? 0;
  await until(async () => (await pause()) > 100, 'it waits two minutes');
  expect(await pause()).toBeLessThanOrEqual(120);
  receiver.answer = (_received, response) => {
    const now = Date.now() + 86_400_000;
    // Its clock is a day ahead, and says so.
    response
      .writeHead(503, { date: new Date(now).toUTCString(), 'retry-after': new Date(now + 300_000).toUTCString() })
      .end();
  };
  await hurry();
  await until(async () => (await pause()) > 250, 'it waits five minutes');
  expect(await pause()).toBeLessThanOrEqual(301);
  receiver.answer = (_received, response) =>
    void response.writeHead(302, { location: 'https://name:word@else.example/hooks/s3cret?token=t0ken' }).end();
  await hurry();
  await until(async () => (await deliveries(id))[0]!.status === 302, 'the redirect is no success');
  const [moved] = await deliveries(id);
  expect(moved!.error).toContain('leads to https://else.example/…. Redirects are not followed');
  // An address of a webhook is itself what opens it, and so is the one that it leads to.
  const { rows } = await db.admin.query('select d as all from engine.webhook_deliveries d where webhook_id = $1', [id]);
  for (const secret of ['s3cret', 't0ken', 'word@']) expect(JSON.stringify(rows)).not.toContain(secret);
  expect(receiver.all).toHaveLength(3);
});

test('410 switches the webhook off, with a mail to who keeps it', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  receiver.answer = (_received, response) => void response.writeHead(410).end();
  await company('Gone');
  const hook = async () => (await db.admin.query('select * from metadata.webhooks where id = $1', [id])).rows[0];
  await until(async () => !(await hook()).is_active, 'it is off');
  expect((await hook()).disabled_reason).toContain('410');
  const { rows } = await db.admin.query(
    `select to_address, template, workspace_id from core.mail_outbox where template = 'webhook_disabled'`,
  );
  expect(rows).toEqual([{ to_address: ws.owner, template: 'webhook_disabled', workspace_id: ws.id }]);
  const { rows: told } = await db.admin.query(
    `select kind, mail_at from core.notifications where kind = 'WEBHOOK_DISABLED'`,
  );
  expect(told).toEqual([{ kind: 'WEBHOOK_DISABLED', mail_at: null }]);
});

test('a receiver that is down is asked one by one, and after three days the webhook is switched off', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  receiver.answer = (_received, response) => void response.writeHead(500).end();
  await sql(`insert into $ws.companies (name) select 'Down ' || i from generate_series(1, 100) i`);
  await until(
    async () =>
      (await db.admin.query('select from engine.webhook_states where webhook_id = $1 and failures >= 5', [id]))
        .rowCount === 1,
    'it is down',
  );
  // Those on their way still arrive, not all.
  let before: number;
  do {
    before = receiver.all.length;
    await delay(1_000);
  } while (receiver.all.length > before);
  expect(before).toBeLessThan(30);
  await hurry();
  await until(() => receiver.all.length === before + 1, 'one more');
  await until(
    async () =>
      (await db.admin.query('select from engine.webhook_states where webhook_id = $1 and paused_until > now()', [id]))
        .rowCount === 1,
    'it pauses',
  );
  await db.admin.query(
    `update engine.webhook_states set failures = 15, failing_since = now() - interval '73 hours' where webhook_id = $1`,
    [id],
  );
  await hurry();
  await until(
    async () =>
      (await db.admin.query('select from metadata.webhooks where id = $1 and not is_active', [id])).rowCount === 1,
    'it is off',
  );

  // What was missed is sent when somebody asks for it.
  receiver.answer = null;
  await db.admin.query('update metadata.webhooks set is_active = true where id = $1', [id]);
  await until(
    async () =>
      (await db.admin.query(`select from engine.webhook_deliveries where webhook_id = $1 and state = 'PENDING'`, [id]))
        .rowCount === 0,
    'what had been begun',
  );
  await db.admin.query(`select metadata.replay_webhook($1, now() - interval '1 minute')`, [id]);
  await until(() => new Set(receiver.accepted.map(({ data }) => data.recordId)).size >= 100, 'all hundred');
});

test('what fails for three days is given up, and can be sent again by hand', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  receiver.answer = ({ data }, response) => void response.writeHead(data.after!['name'] === 'Poison' ? 422 : 200).end();
  await company('Poison');
  await until(async () => (await deliveries(id)).some(({ attempts }) => attempts === 1), 'the first attempt');
  await db.admin.query(
    `update engine.webhook_deliveries set attempts = 12, first_attempt_at = now() - interval '73 hours' where webhook_id = $1`,
    [id],
  );
  await until(async () => (await hurry(), (await deliveries(id))[0]!.state === 'DEAD'), 'it is given up');
  await company('Fine');
  await until(() => receiver.accepted.length === 1, 'others arrive');
  receiver.answer = null;
  await db.admin.query(
    'select metadata.retry_webhook_delivery($1, (select id from engine.webhook_deliveries where webhook_id = $1 and state = $2))',
    [id, 'DEAD'],
  );
  await until(() => receiver.accepted.length === 2, 'it arrives');
  await until(async () => (await deliveries(id)).every(({ state }) => state === 'DELIVERED'), 'both are noted');
});

test('a test is sent also to a webhook that is off, once, and the log masks its signature', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  await db.admin.query('update metadata.webhooks set is_active = false where id = $1', [id]);
  receiver.answer = (_received, response) => void response.writeHead(500).end('no \0 luck');
  await db.admin.query('select metadata.test_webhook($1)', [id]);
  await until(async () => (await deliveries(id))[0]!.state === 'DEAD', 'the answer');
  expect(receiver.all.map(({ type }) => type)).toEqual(['webhook.test']);
  const [test] = await deliveries(id);
  expect(test).toMatchObject({ status: 500, response: { body: 'no  luck' } });
  const whole = String(receiver.all[0]!.headers['webhook-signature']);
  expect(test!.request.headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/=]{6}…$/);
  expect(JSON.stringify(test)).not.toContain(whole);
});

test('events of engine.emit() come from a trigger and reach those that match, whatever was on its way', async () => {
  const paid = await subscribe({ events: ['invoice.paid'] });
  const all = await subscribe({ events: ['*.*'] });
  await db.admin.query(`
    create function public.tell_large() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
      perform engine.emit('${ws.id}', 'invoice.paid', jsonb_build_object('companies', (select jsonb_agg(n.name) from new_rows n)));
      return null;
    end $$;
    create trigger _950_tell_large after insert on ${ws.schema}.companies referencing new table as new_rows
      for each statement execute function public.tell_large()`);
  try {
    await sql(`insert into $ws.companies (name) values ('A'), ('B')`);
  } finally {
    await db.admin.query(`drop trigger _950_tell_large on ${ws.schema}.companies; drop function public.tell_large()`);
  }
  await until(() => paid.receiver.accepted.length === 1 && all.receiver.accepted.length === 3, 'the deliveries');
  expect(paid.receiver.accepted[0]!.data).toEqual({ companies: ['A', 'B'] });
  expect(all.receiver.accepted.map(({ type }) => type).sort()).toEqual([
    'company.created',
    'company.created',
    'invoice.paid',
  ]);
  for (const name of ['person.created', 'paid', 'a.b.c', 'x.y z'])
    await expect(db.admin.query('select engine.emit($1, $2)', [ws.id, name])).rejects.toMatchObject({ code: 'RV206' });
});

test('statements of many records arrive whole, once and in order, also where one fails in the middle', async () => {
  const { receiver, id } = await subscribe({ events: ['company.*'], fields: { company: ['name'] } });
  const refused = new Set<string>();
  receiver.answer = ({ data }, response) => {
    const isRefused = data.after!['name'] === 'Many 450' && !refused.has(data.recordId);
    if (isRefused) refused.add(data.recordId);
    response.writeHead(isRefused ? 503 : 200).end();
  };
  await sql(`insert into $ws.companies (name) select 'Many ' || i from generate_series(1, 900) i`);
  await sql(`update $ws.companies set name = name || '+' where name like 'Many %'`);
  await until(async () => (await hurry(), receiver.accepted.length >= 1_800), 'all of them', 40);
  expect(new Set(receiver.accepted.map((each) => each.id)).size).toBe(1_800);
  expect(receiver.all.length).toBe(1_801);
  const names = Map.groupBy(receiver.accepted, ({ data }) => data.recordId).values();
  for (const [created, updated] of names)
    expect(updated!.data.after!['name']).toBe(`${String(created!.data.after!['name'])}+`);
  await until(async () => (await deliveries(id)).length === 1_800, 'all are noted');
  expect((await deliveries(id)).every(({ state }) => state === 'DELIVERED')).toBe(true);
  await db.admin.query('delete from metadata.webhooks');
  await sql(`delete from $ws.companies where name like 'Many %'`);
  await until(async () => (await db.admin.query('select from engine.outbox')).rowCount === 0, 'the relay has it');
});

test('a replay sends what has left the log for the archive, too, first what happened first', async () => {
  const { receiver, id } = await subscribe({ events: ['company.*'] });
  const record = await company('Archived');
  await sql(`update $ws.companies set name = 'Archived, renamed' where id = $1`, [record]);
  await until(() => receiver.accepted.length === 2, 'both are told');
  await sql(
    `update $ws.record_events set happened_at = happened_at - case record_id when $1 then interval '400 days' else interval '500 days' end`,
    [record],
  );
  await db.admin.query(`update core.workspace_settings set event_retention_days = null where workspace_id = $1`, [
    ws.id,
  ]);
  while ((await db.admin.query<{ n: number }>('select engine.archive_events($1) as n', [ws.id])).rows[0]!.n > 0);
  expect((await sql('select from $ws.record_events where record_id = $1', [record])).rowCount).toBe(0);
  await sql(`update $ws.companies set name = 'Archived, and again' where id = $1`, [record]);
  await until(() => receiver.accepted.length === 3, 'the third is told');
  const replay = (since: string, to: string) =>
    db.admin.query<{ n: number }>(
      `select metadata.replay_webhook($1, now() - $2::interval, now() - $3::interval) as n`,
      [id, since, to],
    );
  expect((await replay('401 days', '399 days')).rows[0]!.n).toBe(2);
  await until(() => receiver.accepted.length === 5, 'both are told again');
  const [created, updated, , ...again] = receiver.accepted;
  // The same messages, but that fields which no change tells of are as they are now.
  expect(again.map((each) => [each.id, each.type, each.data.before, each.data.after!['name']])).toEqual(
    [created!, updated!].map((each) => [each.id, each.type, each.data.before, each.data.after!['name']]),
  );
  await until(async () => (await deliveries(id)).every(({ state }) => state === 'DELIVERED'), 'all is noted');
});

test('a slow receiver holds up no other', async () => {
  const slow = await subscribe({ events: ['company.created'] });
  const quick = await subscribe({ events: ['company.created'] });
  const held: (() => void)[] = [];
  slow.receiver.answer = (_received, response) => void held.push(() => response.end());
  await sql(`insert into $ws.companies (name) select 'Company ' || i from generate_series(1, 60) i`);
  await until(() => quick.receiver.accepted.length === 60, 'the quick one has all');
  expect(slow.receiver.accepted).toHaveLength(0);
  slow.receiver.answer = null;
  held.forEach((release) => release());
  await until(() => slow.receiver.accepted.length === 60, 'the slow one has all');
});

test('a clock that is set back delays nothing beyond what a wait can be', async () => {
  const { receiver, id } = await subscribe({ events: ['company.created'] });
  receiver.answer = (_received, response) => void response.writeHead(500).end();
  await company('Clock');
  await until(async () => (await deliveries(id)).some(({ attempts }) => attempts === 1), 'the first attempt');
  receiver.answer = null;
  // As if all that was written a week ahead.
  await db.admin.query(
    `with d as (update engine.webhook_deliveries set next_attempt_at = next_attempt_at + interval '7 days' where webhook_id = $1)
     update engine.webhook_states set paused_until = now() + interval '7 days', retry_at = now() + interval '7 days', leased_until = now() + interval '7 days' where webhook_id = $1`,
    [id],
  );
  await until(() => receiver.accepted.length === 1, 'it is sent');
});

test('an address inside the network is never asked', async () => {
  const { rows } = await db.admin.query<{ id: string }>(
    `insert into metadata.webhooks (workspace_id, target_url, events) values ($1, 'http://169.254.169.254/latest/meta-data', '{company.created}') returning id`,
    [ws.id],
  );
  await company('Metadata');
  await until(async () => (await deliveries(rows[0]!.id)).some(({ attempts }) => attempts === 1), 'the attempt');
  expect((await deliveries(rows[0]!.id))[0]).toMatchObject({
    status: null,
    error: 'Could not be reached: 169.254.169.254 is not an address of the public network.',
  });
});
