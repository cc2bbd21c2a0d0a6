import request from 'supertest';
import { eventually, useServer } from '../testing/server.ts';
import { compareMigrations } from './compareMigrations.ts';

const server = useServer();
const health = () => request(server.app.handler).get('/healthz');
const beat = () => server.db.worker.query("select engine.heartbeat('relay')");

test('all is well when the database answers, is migrated and the relay was seen lately', async () => {
  await beat();
  const { status, body } = await health();
  expect(body).toMatchObject({
    status: 'ok',
    checks: { database: { ok: true }, migrations: { ok: true }, relay: { ok: true } },
  });
  expect(status).toBe(200);
});

test('a relay that was never or long ago seen is named', async () => {
  await server.db.admin.query('delete from engine.heartbeats');
  const never = await health();
  expect(never.status).toBe(503);
  expect(never.body).toMatchObject({
    status: 'failing',
    checks: { relay: { ok: false, problem: 'The relay has never run.' } },
  });

  await beat();
  await server.db.admin.query("update engine.heartbeats set seen_at = now() - interval '2 minutes'");
  const old = await health();
  expect(old.body.checks.relay).toMatchObject({
    ok: false,
    problem: expect.stringMatching(/^The relay was last seen 1\d\d s ago/),
  });
  await beat();
});

test('a migrated database lacks none of the committed migrations, an older one is told', async () => {
  expect(await compareMigrations(server.db.server)).toMatchObject({ pending: [], unknown: [] });
  const { rows } = await server.db.admin.query(
    'delete from graphile_migrate.migrations returning *, date::text as date',
  );
  expect(rows.length).toBeGreaterThan(0);
  expect((await compareMigrations(server.db.server)).pending).toContain('000001-foundation.sql');
  for (const row of rows)
    await server.db.admin.query(
      'insert into graphile_migrate.migrations (hash, previous_hash, filename, date) values ($1, $2, $3, $4)',
      [row.hash, row.previous_hash, row.filename, row.date],
    );
});

test('a missing migration is named', async () => {
  server.pending.push('000007-views.sql');
  const { status, body } = await health();
  server.pending.pop();
  expect(status).toBe(503);
  expect(body.checks.migrations.problem).toContain('000007-views.sql');
});

test('a database that refuses is named, and the server recovers with it', async () => {
  await server.db.admin.query('alter role relvar_server nologin');
  try {
    await server.db.admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'relvar_server' and datname = current_database()",
    );
    const { status, body } = await eventually('failing', async () => {
      const response = await health();
      return response.status === 503 && response;
    });
    expect(status).toBe(503);
    expect(body.checks.database).toMatchObject({
      ok: false,
      hint: expect.stringContaining('PostgreSQL'),
    });
  } finally {
    await server.db.admin.query('alter role relvar_server login');
  }
  await beat();
  await eventually('well again', async () => (await health()).status === 200);
});
