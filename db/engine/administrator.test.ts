import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, objectNamed, type Workspace } from '../testing/workspace.ts';

// Who has the rights of an administrator without having taken a role: those who could become the owner, and the server
// while it makes a workspace, for that one alone.
const db = useDatabase();
let ws: Workspace;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  // What a mistake would look like: functions of the owner that the logins may call and that forget to ask.
  await db.admin.query(`
    create function engine.test_administers() returns boolean language sql stable security definer set search_path = ''
      as 'select engine.acts_as_administrator()';
    create function engine.test_manages(workspace_id uuid) returns void language sql stable security definer set search_path = ''
      as 'select engine.assert_manages(workspace_id), engine.assert_member_of(workspace_id)';
    create function engine.test_makes(slug text) returns void language plpgsql volatile security definer set search_path = ''
      as $$
      declare
        v_id uuid := engine.create_workspace(slug, slug, 'new@' || slug || '.example');
      begin
        perform engine.assert_manages(v_id), engine.assert_member_of(v_id);
        perform metadata.create_object('Thing', 'Things') from engine.settings where false;
      end $$;
    create function engine.test_condition(object_id uuid) returns text language sql stable security definer set search_path = ''
      as $$ select engine.condition_of('nobody', object_id, 'READ') $$;
    create function engine.test_reaches(slug text, other uuid) returns void language plpgsql volatile security definer set search_path = ''
      as $$ begin perform engine.create_workspace(slug, slug, 'new@' || slug || '.example'); perform engine.assert_manages(other); end $$;
    alter function engine.test_administers() owner to relvar_owner;
    alter function engine.test_manages(uuid) owner to relvar_owner;
    alter function engine.test_makes(text) owner to relvar_owner;
    alter function engine.test_condition(uuid) owner to relvar_owner;
    alter function engine.test_reaches(text, uuid) owner to relvar_owner;
    grant usage on schema engine to relvar_server, relvar_worker;
    grant execute on function engine.test_administers(), engine.test_manages(uuid), engine.test_makes(text), engine.test_condition(uuid),
      engine.test_reaches(text, uuid) to relvar_server, relvar_worker, relvar_crm`);
});

async function as<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.query('rollback').catch(() => {});
    client.release(true);
  }
}
const administers = async (client: pg.ClientBase) =>
  (await client.query<{ yes: boolean }>('select engine.test_administers() as yes')).rows[0]!.yes;
const denied = { code: '42501' };

test('an administrator does, until a role is taken', () =>
  as(db.admin, async (client) => {
    expect(await administers(client)).toBe(true);
    await client.query('set local role relvar_owner');
    expect(await administers(client)).toBe(true);
    await client.query(`set local role ${ws.adminRole}`);
    expect(await administers(client).catch(() => false)).toBe(false);
  }));

test('the worker does when it has become the owner, and not before', () =>
  as(db.worker, async (client) => {
    expect(await administers(client)).toBe(false);
    await client.query('set local role relvar_owner');
    expect(await administers(client)).toBe(true);
  }));

describe('the server', () => {
  test('does not, in whatever function of the owner, before a role is taken or after it is put off', async () => {
    const object = await objectNamed(db.admin, ws, 'company');
    for (const before of ['select 1', `set local role ${ws.memberRole}; reset role`, `set local role none`])
      await as(db.server, async (client) => {
        await client.query(before);
        expect(await administers(client)).toBe(false);
        const { rows } = await client.query('select engine.test_condition($1) as condition', [object]);
        expect(rows[0].condition).toBe('false');
        await expect(client.query('select engine.test_manages($1)', [ws.id])).rejects.toMatchObject(denied);
      });
  });

  test('says so in no setting', () =>
    as(db.server, async (client) => {
      for (const setting of ['relvar.member_id', 'relvar.source', 'relvar.actor_basis', 'session_authorization'])
        await client
          .query(`savepoint s`)
          .then(() =>
            client
              .query(`select set_config('${setting}', 'relvar_owner', true)`)
              .catch(() => client.query('rollback to s')),
          );
      expect(await administers(client)).toBe(false);
    }));

  test('makes a workspace, and manages that one in the same transaction', () =>
    as(db.server, async (client) => {
      await client.query(`select engine.test_makes('fresh')`);
      expect(await administers(client)).toBe(false);
    }));

  test('manages no other while it makes one, nor that one afterwards', async () => {
    await as(db.server, async (client) => {
      await expect(client.query(`select engine.test_reaches('reaching', $1)`, [ws.id])).rejects.toMatchObject(denied);
    });
    await db.server.query(`select engine.test_makes('later')`);
    const { rows } = await db.admin.query(`select id from core.workspaces where slug = 'later'`);
    await as(db.server, async (client) => {
      await expect(client.query('select engine.test_manages($1)', [rows[0].id])).rejects.toMatchObject(denied);
    });
  });

  test('has no right to call what asks for an administrator, but for the ways in', async () => {
    const { rows } = await db.admin.query<{ name: string }>(
      `select p.oid::regprocedure::text as name from pg_proc p
       where p.pronamespace in ('metadata'::regnamespace, 'engine'::regnamespace) and p.proname not like 'test\\_%' and p.prosecdef
         and has_function_privilege('relvar_server', p.oid, 'execute')`,
    );
    expect(rows.map(({ name }) => name.replace(/\(.*/, '')).sort()).toEqual([
      'engine.events_after',
      'engine.explain_violation',
      'engine.find_actor',
      'engine.first_position',
      'engine.last_position',
      'engine.positions',
      'engine.seconds_since_heartbeat',
      'engine.workspace_of_role',
    ]);
  });
});
