import request from 'supertest';
import { useServer } from '../testing/server.ts';

const TOKEN = 'a token of the tests';
const server = useServer({}, () => ({ metricsToken: TOKEN }));
const ask = (token = TOKEN) =>
  request(server.app.handler).get('/metrics').set('authorization', `Bearer ${token}`).buffer(true);

/** One figure, by its name and labels as they are written. */
const figure = (text: string, name: string) => {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
};

test('nobody reads it who does not know the token', async () => {
  for (const answer of [await ask('another token'), await ask(''), await request(server.app.handler).get('/metrics')]) {
    expect(answer.status).toBe(401);
    expect(answer.text).not.toContain('relvar_');
  }
});

test('tells of jobs, of what became of them, of the relay and of requests', async () => {
  const { admin } = server.db;
  await server.createWorkspace('acme');
  await admin.query(`truncate graphile_worker._private_jobs; delete from engine.outbox`);
  await admin.query(`
    select graphile_worker.add_job('mail__send', '{}'), graphile_worker.add_job('mail__send', '{}', run_at => now() + interval '1 hour');
    insert into engine.job_counts (hour, task, workspace_id, succeeded, failed, given_up, milliseconds)
    select h, 'mail__send', gen_random_uuid(), 5, 2, 1, 1500 from unnest(array['-infinity', now()]::timestamptz[]) h;
    insert into engine.outbox (batch, workspace_id, object_id, action, created_at)
    select 1, id, id, 'created', now() - interval '1 minute' from core.workspaces;
    select engine.heartbeat('relay'), engine.heartbeat('pool-1')`);
  await request(server.app.handler).get('/healthz');
  const { status, text, headers } = await ask();
  expect(status).toBe(200);
  expect(headers['content-type']).toContain('version=0.0.4');
  expect(figure(text, 'relvar_jobs{task="mail__send",state="waiting"}')).toBe(1);
  expect(figure(text, 'relvar_jobs{task="mail__send",state="scheduled"}')).toBe(1);
  expect(figure(text, 'relvar_job_attempts_total{task="mail__send",outcome="succeeded"}')).toBe(10);
  expect(figure(text, 'relvar_jobs_given_up_total{task="mail__send"}')).toBe(2);
  expect(figure(text, 'relvar_job_seconds_total{task="mail__send"}')).toBe(3);
  expect(figure(text, 'relvar_outbox_rows')).toBe(1);
  expect(figure(text, 'relvar_relay_lag_seconds')).toBeGreaterThan(59);
  expect(figure(text, 'relvar_relay_seen_seconds')).toBeLessThan(30);
  expect(figure(text, 'relvar_runners')).toBe(1);
  expect(figure(text, 'relvar_workspaces')).toBe(1);
  expect(figure(text, 'relvar_database_up')).toBe(1);
  expect(figure(text, 'relvar_pool_waiting')).toBe(0);
  expect(figure(text, 'relvar_http_requests_total{door="metrics",method="GET",status="401"}')).toBeUndefined();
  expect(figure(text, 'relvar_http_requests_total{door="healthz",method="GET",status="200"}')).toBeGreaterThan(0);
  expect(figure(text, 'relvar_http_request_seconds_bucket{door="healthz",le="+Inf"}')).toBeGreaterThan(0);
});

test('each line is one that Prometheus reads', async () => {
  const { text } = await ask();
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_0-9]+(\{([a-z]+="[^"]*",?)+\})? -?[\d.e+-]+)$/);
  }
  const names = text.match(/^# TYPE \S+/gm) ?? [];
  expect(new Set(names).size).toBe(names.length);
});
