import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Workspace } from '../../db/testing/workspace.ts';
import { identitySettings } from '../../db/pool.ts';
import type { Identity } from '../../db/pool.ts';
import { useServer } from '../testing/server.ts';
import type { GraphqlAnswer } from '../testing/server.ts';
import { buildModel, buildRecords, buildRoles } from './build.ts';
import { Checks } from './checks.ts';
import { DOORS } from './doors.ts';
import { Model } from './model.ts';
import { Random } from './random.ts';
import type { Setting } from './setting.ts';
import { describeRole, makeWorld, MEMBERS } from './world.ts';
import type { Caller } from './data.ts';

/**
 * Rules hold behind every door: random roles over random records, and what each door answers to each member compared
 * with a plain model of the rules, fact by fact. RELVAR_MATRIX_SEED looks elsewhere, RELVAR_MATRIX_SCALE multiplies the
 * records, RELVAR_MATRIX_DOORS names the doors that are asked.
 */
// The same in each run, so that a failure is somebody's change.
const SEED = Number(process.env['RELVAR_MATRIX_SEED'] ?? 11);
const SCALE = Number(process.env['RELVAR_MATRIX_SCALE'] ?? 1);
const CHOSEN = process.env['RELVAR_MATRIX_DOORS']?.split(',');
const LEAST_CHECKS = 20_000;

const server = useServer();
const checks = new Checks();
let setting: Setting;

beforeAll(async () => {
  const { workspaceId, schemaName: schema } = await server.createWorkspace('matrix');
  const workspace = { id: workspaceId, schema } as Workspace;
  const { admin } = server.db;
  for (const name of MEMBERS.slice(1))
    await admin.query(`select core.add_member('matrix', $1, $2, 'Member')`, [`${name}@matrix.test`, name]);
  const { rows } = await admin.query<{ id: string }>(
    'select id from core.members where workspace_id = $1 order by array_position($2::text[], name)',
    [workspaceId, MEMBERS],
  );
  const world = makeWorld(
    SEED,
    rows.map(({ id }) => id),
    SCALE,
  );
  const client = await admin.connect();
  await buildModel(client, workspace);
  await buildRoles(client, workspace, world);
  await buildRecords(client, workspace, world);
  client.release(true);

  const tokens = new Map<Caller, { token: string; keyId: string }>();
  for (const caller of world.callers) tokens.set(caller, await makeToken(caller, schema));

  const http = createServer(server.app.handler).listen(0, '127.0.0.1');
  await new Promise((resolve) => http.on('listening', resolve));
  server.db.onEnd(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;

  const identityOf = (caller: Caller): Omit<Identity, 'source'> => ({
    pgRole: caller.role.pgRole,
    schemaName: schema,
    memberId: caller.member?.id ?? null,
    apiKeyId: caller.member ? null : tokens.get(caller)!.keyId,
  });
  const asIdentity: Setting['asIdentity'] = async (identity, work) => {
    const settings = Object.entries({ ...identitySettings(identity), timezone: 'UTC' });
    const connection = await server.db.server.connect();
    try {
      await connection.query('begin');
      for (const [name, value] of settings) await connection.query('select set_config($1, $2, true)', [name, value]);
      return await work(connection);
    } finally {
      await connection.query('rollback');
      connection.release();
    }
  };
  setting = {
    world,
    model: new Model(world),
    checks,
    random: new Random(SEED + 1),
    workspaceId,
    schema,
    admin,
    server: server.db.server,
    adminUrl: server.db.adminUrl,
    url,
    identityOf,
    tokenOf: (caller) => tokens.get(caller)!.token,
    as: (caller, work) => asIdentity({ ...identityOf(caller), source: 'MANUAL' }, work),
    asIdentity,
    graphql: async (caller, query, variables) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { authorization: `Bearer ${tokens.get(caller)!.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as GraphqlAnswer;
    },
  };
}, 120_000);

/** A personal token of a member, or a key of a role; neither is held back by a rate. */
async function makeToken({ member, role }: Caller, schema: string): Promise<{ token: string; keyId: string }> {
  const client = await server.db.admin.connect();
  await client.query('begin');
  await client.query(`select set_config('role', $1, true), set_config('relvar.member_id', $2, true)`, [
    member ? role.pgRole : `${schema}_r_1`,
    member?.id ?? '',
  ]);
  const { rows } = await client.query<{ key: { id: string; secret: string } }>(
    member
      ? `select metadata.create_personal_token('matrix') as key`
      : `select metadata.create_api_key('matrix', $1) as key`,
    member ? [] : [role.id],
  );
  await client.query('commit');
  client.release(true);
  const { id, secret } = rows[0]!.key;
  await server.db.admin.query('update core.api_keys set rate_limit = 1000000 where id = $1', [id]);
  return { token: secret, keyId: id };
}

test('the catalogue grants what the model says', async () => {
  const { rows } = await server.db.admin.query('select detail from engine.lint_rights()');
  expect(rows).toEqual([]);
  expect((await server.db.admin.query('select * from engine.lint()')).rows).toEqual([]);
});

test('every door answers what the rules say', async () => {
  const times: string[] = [];
  for (const door of DOORS.filter(({ name }) => !CHOSEN || CHOSEN.includes(name))) {
    const start = performance.now();
    checks.enter(door.name);
    await door.ask(setting);
    times.push(`${door.name} ${checks.byDoor.get(door.name)} in ${Math.round(performance.now() - start)} ms`);
  }
  const { world } = setting;
  if (process.env['RELVAR_MATRIX_TIMES']) console.log(`seed ${SEED}: ${times.join(', ')}`);
  if (checks.wrongCount > 0)
    throw new Error(
      [
        `${checks.wrongCount} of ${checks.count} checks differ. RELVAR_MATRIX_SEED=${SEED} RELVAR_MATRIX_SCALE=${SCALE} repeats them.`,
        ...checks.wrong,
        ...world.callers.map(({ name, role }) => `${name} has ${describeRole(role)}`),
      ].join('\n'),
    );
  if (!CHOSEN) expect(checks.count).toBeGreaterThanOrEqual(LEAST_CHECKS);
}, 300_000);
