import { eventually, useServer } from '../testing/server.ts';

const server = useServer();

/** Ends the listening connection as a restart of the database or a failing network would. */
async function killListener(): Promise<number> {
  const { rows } = await server.db.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'relvar server: notices'`,
  );
  return rows.length;
}

test('a listening connection that is killed comes back, and what was missed is caught up with', async () => {
  const acme = await server.createWorkspace('acme');
  await acme.records('{ __typename }');
  const { gateway, notices } = server.app;
  const before = gateway.models.version(acme.workspaceId);

  // Committed while nobody listens: the notice of it is lost for good.
  notices.once('resumed', () => expect(notices.isListening).toBe(true));
  expect(await killListener()).toBe(1);
  await eventually('the loss is noticed', () => !notices.isListening);
  await server.db.admin.query("update metadata.objects set label_plural = 'Persons' where name_singular = 'person'");
  await eventually('listening again', () => notices.isListening);

  const after = await eventually('the missed version', () => {
    const version = gateway.models.version(acme.workspaceId);
    return version > before && version;
  });

  // And the new connection hears the next change by itself.
  await server.db.admin.query("update metadata.objects set label_plural = 'People' where name_singular = 'person'");
  await eventually('the next notice', () => gateway.models.version(acme.workspaceId) > after);
});

test('the new schema is built when the notice comes, before anyone asks', async () => {
  const beta = await server.createWorkspace('beta');
  await beta.records('{ __typename }');
  await server.db.admin.query(
    `insert into metadata.fields (workspace_id, object_id, name, label, type)
     select workspace_id, id, 'mascot', 'Mascot', 'TEXT' from metadata.objects
     where workspace_id = $1 and name_singular = 'company'`,
    [beta.workspaceId],
  );
  // Counting schemas would not do: those that nobody needs any more go at the same time.
  const { rows } = await server.db.admin.query('select shape from core.workspaces where id = $1', [beta.workspaceId]);
  await eventually('a schema of the new shape', () => server.app.gateway.instances.get(rows[0].shape) !== undefined);
});

test('a notice that somebody made up is a hint at most', async () => {
  const gamma = await server.createWorkspace('gamma');
  await gamma.records('{ __typename }');
  const { gateway } = server.app;
  const before = gateway.models.version(gamma.workspaceId);
  const forged = [
    ['relvar_model', 'null'],
    ['relvar_model', '[]'],
    ['relvar_model', 'no JSON'],
    ['relvar_model', JSON.stringify({ workspace: gamma.workspaceId, version: 1e9, shape: 'another' })],
    ['relvar_model', JSON.stringify({ workspace: 'nobody', version: 1e9, shape: 'another' })],
    ['relvar_identity', 'null'],
    ['relvar_identity', '7'],
    ['relvar_records', 'null'],
    ['relvar_records', '[null]'],
    ['relvar_records', '[{"workspace": 1, "object": [], "ids": {}}]'],
  ];
  for (const [channel, payload] of forged) await server.db.admin.query('select pg_notify($1, $2)', [channel, payload]);
  // A true one comes after them, so all have been heard then.
  await server.db.admin.query(
    `update metadata.objects set label_plural = 'Folk' where name_singular = 'person' and workspace_id = $1`,
    [gamma.workspaceId],
  );
  await eventually('the true notice', () => gateway.models.version(gamma.workspaceId) === before + 1);
  expect((await gamma.records('{ __typename }')).errors).toBeUndefined();
});
