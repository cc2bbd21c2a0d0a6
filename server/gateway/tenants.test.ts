import pg from 'pg';
import { makeApp } from '../app.ts';
import { SECRETS, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';
import { sendWithSettings } from './pgClient.ts';

const server = useServer();

test('two shapes and two tenants interleaved on one connection get their own rows', async () => {
  // One connection for everybody, so that prepared statements are shared by all.
  await server.app.stop();
  const pool = new pg.Pool({ connectionString: server.db.serverUrl, max: 1 });
  server.app = await makeApp({
    pool,
    serverUrl: server.db.serverUrl,
    secrets: SECRETS,
    webDirectory: '/nonexistent',
    development: false,
    pendingMigrations: () => Promise.resolve([]),
  });
  server.db.onEnd(async () => {
    await server.app.stop();
    await pool.end();
  });

  const callers: Caller[] = [];
  for (const slug of ['alpha', 'beta', 'gamma']) callers.push(await server.createWorkspace(slug));
  const [, , gamma] = callers;
  const { data } = await gamma!.metadata(
    '{ objects(filter: { nameSingular: { equalTo: "company" } }) { nodes { id } } }',
  );
  const [company] = (data!.objects as { nodes: { id: string }[] }).nodes;
  const field = await gamma!.metadata(
    'mutation ($id: UUID!) { createField(input: { objectId: $id, label: "Mascot", type: "TEXT" }) { result { name } } }',
    { id: company!.id },
  );
  expect(field).toEqual({ data: { createField: { result: { name: 'mascot' } } } });

  await Promise.all(
    callers.map((caller) =>
      caller.records(
        'mutation ($name: String!) { createCompany(input: { company: { name: $name } }) { company { id } } }',
        {
          name: `Company of ${caller.slug}`,
        },
      ),
    ),
  );
  const rounds = Array.from({ length: 60 }, (_, round) => callers[round % 3]!);
  await Promise.all(
    rounds.map(async (caller) => {
      const answer = await caller.records('{ companies { nodes { name } } }');
      expect(answer).toEqual({
        data: { companies: { nodes: [{ name: `Company of ${caller.slug}` }] } },
      });
    }),
  );
  expect(server.app.gateway.instances.size).toBe(2);
  expect(await gamma!.records('{ companies { nodes { mascot } } }')).toEqual({
    data: { companies: { nodes: [{ mascot: null }] } },
  });
  const unknown = await callers[0]!.records('{ companies { nodes { mascot } } }');
  expect(unknown.errors![0]!.extensions.code).toBe('INVALID_QUERY');
});

test('settings end with their statement, whether it succeeds or fails', async () => {
  const acme = await server.createWorkspace('delta');
  const pool = new pg.Pool({ connectionString: server.db.serverUrl, max: 1 });
  const client = await pool.connect();
  try {
    const settings = { role: `${acme.schemaName}_r_1`, search_path: acme.schemaName };
    const ask = () => sendWithSettings(client, settings, { text: 'select current_role::text', values: [] });
    expect((await ask()).rows).toEqual([[`${acme.schemaName}_r_1`]]);
    await expect(sendWithSettings(client, settings, { text: 'select 1/0', values: [] })).rejects.toThrow('division');
    const { rows } = await client.query('select current_role::text as role, current_setting($1) as path', [
      'search_path',
    ]);
    expect(rows).toEqual([{ role: 'relvar_server', path: '"$user", public' }]);
    // A role that cannot be taken runs nothing at all.
    await expect(sendWithSettings(client, { role: 'postgres' }, { text: 'select 1', values: [] })).rejects.toThrow(
      /permission denied|role/,
    );
    expect((await ask()).rows).toEqual([[`${acme.schemaName}_r_1`]]);
    // A limit of time counts from the statement that it comes with.
    const slow = (limit: string) =>
      sendWithSettings(client, { statement_timeout: limit }, { text: 'select pg_sleep(0.3)', values: [] });
    await expect(slow('50ms')).rejects.toMatchObject({ code: '57014' });
    expect((await slow('10s')).rowCount).toBe(1);
  } finally {
    client.release();
    await pool.end();
  }
});

test('a prepared statement that failed when it was first used can be used again', async () => {
  const pool = new pg.Pool({ connectionString: server.db.serverUrl, max: 1 });
  const client = await pool.connect();
  try {
    const divide = (by: number) =>
      sendWithSettings(client, {}, { name: 'divide', text: 'select (10 / $1::int)::text', values: [by] });
    await expect(divide(0)).rejects.toThrow('division by zero');
    expect((await divide(5)).rows).toEqual([['2']]);
    expect((await divide(2)).rows).toEqual([['5']]);
  } finally {
    client.release();
    await pool.end();
  }
});
