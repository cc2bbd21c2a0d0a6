import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { SAMPLE_FILE, sampleFile } from '../demo/sampleData.ts';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
let client: pg.PoolClient;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});
beforeEach(async () => {
  client = await db.admin.connect();
  await client.query('begin');
});
afterEach(async () => {
  await client.query('rollback');
  client.release(true);
});

const one = async <T>(sql: string, values: unknown[] = []): Promise<T> =>
  Object.values(
    (await client.query<Record<string, T>>(sql.replaceAll('$ws', ws.schema), values)).rows[0] ?? {},
  )[0] as T;
interface Loaded {
  loaded: { object: string; label: string; count: number }[];
  skipped: { object: string; reason: string }[];
}
const load = () => one<Loaded>(`select engine.load_sample_data('acme')`);
const remove = (used = 'ASK') =>
  one<{ removed: number; kept: number }>(`select engine.remove_sample_data('acme', $1)`, [used]);
const counts = async () => {
  const found: { [table: string]: number } = {};
  for (const table of Object.keys(NOTHING)) found[table] = await one<number>(`select count(*)::int from $ws.${table}`);
  return found;
};
const NOTHING = {
  companies: 0,
  people: 0,
  opportunities: 0,
  tasks: 0,
  notes: 0,
  task_targets: 0,
  note_targets: 0,
  trash: 0,
};

test('the file of the sample data is what the demo makes', () => {
  expect(readFileSync(SAMPLE_FILE, 'utf8')).toBe(sampleFile());
});

test('a small sales team is loaded, and taken out again past the trash', async () => {
  const { loaded, skipped } = await load();
  expect(skipped).toEqual([]);
  expect(loaded.slice(0, 3)).toEqual([
    { object: 'company', label: 'Companies', count: 12 },
    { object: 'person', label: 'People', count: 40 },
    { object: 'opportunity', label: 'Opportunities', count: 25 },
  ]);
  expect(await one('select count(distinct stage)::int from $ws.opportunities')).toBe(5);
  // Around today, and the owner's.
  expect(await one(`select bool_or(due_at > now()) and bool_or(due_at < now()) from $ws.tasks`)).toBe(true);
  expect(await one(`select count(*)::int from $ws.opportunities where owner_id is null or company_id is null`)).toBe(0);
  expect(await one(`select engine.remove_sample_data('acme')`)).toEqual({ removed: expect.any(Number), kept: 0 });
  expect(await counts()).toEqual(NOTHING);
  // The log tells it whole: what was made is destroyed.
  expect(
    await one(
      `select array_agg(distinct action order by action) from $ws.record_events e join metadata.objects o on o.id = e.object_id where o.name_singular = 'company'`,
    ),
  ).toEqual(['created', 'deleted', 'destroyed']);
  await load();
  expect(await counts()).toMatchObject({ companies: 12, people: 40 });
});

test('they are there once', async () => {
  await load();
  await expect(load()).rejects.toMatchObject({ code: 'RV297' });
});

describe('what is in use', () => {
  test('is asked about, kept, or taken, too', async () => {
    await load();
    // A person of one's own at a sample company.
    const company = await one<string>('select id from $ws.companies order by name limit 1');
    await client.query(`insert into ${ws.schema}.people (name_first_name, company_id) values ('Own', $1)`, [company]);
    await client.query('savepoint asked');
    await expect(remove()).rejects.toMatchObject({ code: 'RV298' });
    await client.query('rollback to asked');
    await expect(remove('MAYBE')).rejects.toMatchObject({ code: 'RV299' });
    await client.query('rollback to asked');
    expect(await remove('KEEP')).toMatchObject({ kept: 1 });
    expect(await counts()).toEqual({ ...NOTHING, companies: 1, people: 1 });
    expect(await one('select company_id from $ws.people')).toBe(company);
    // It is the workspace's own from now on.
    await load();
    expect(await remove()).toMatchObject({ kept: 0 });
    expect(await counts()).toEqual({ ...NOTHING, companies: 1, people: 1 });
  });

  test('taken with the others, it leaves own records as they are', async () => {
    await load();
    const company = await one<string>('select id from $ws.companies order by name limit 1');
    await client.query(`insert into ${ws.schema}.people (name_first_name, company_id) values ('Own', $1)`, [company]);
    expect(await remove('REMOVE')).toMatchObject({ kept: 0 });
    expect(await counts()).toEqual({ ...NOTHING, people: 1 });
    expect(await one('select company_id from $ws.people')).toBeNull();
  });
});

test('what was deleted meanwhile leaves the trash with the others', async () => {
  await load();
  await client.query(`delete from ${ws.schema}.opportunities`);
  expect(await one<number>('select count(*)::int from $ws.trash')).toBeGreaterThan(0);
  await remove('REMOVE');
  expect(await counts()).toEqual(NOTHING);
});

describe('in a workspace that its people have changed', () => {
  test('renamed objects and fields are filled all the same', async () => {
    await client.query(
      `update metadata.objects set name_singular = 'deal', name_plural = 'deals' where name_singular = 'opportunity'`,
    );
    await client.query(`update metadata.fields set name = 'position2', label = 'Role' where name = 'jobTitle'`);
    await client.query(
      `update metadata.fields f set name = 'employer' from metadata.objects o where o.id = f.object_id and o.name_singular = 'person' and f.name = 'company'`,
    );
    await client.query('set constraints all immediate; set constraints all deferred');
    const { loaded, skipped } = await load();
    expect(skipped).toEqual([]);
    expect(loaded.map(({ object }) => object)).toContain('deal');
    expect(await one('select count(*)::int from $ws.people where employer_id is not null')).toBe(40);
    expect(await one('select count(*)::int from $ws.deals')).toBe(25);
  });

  test('what is switched off, or wants what samples lack, is left out, and it is said why', async () => {
    await client.query(`update metadata.objects set is_active = false where name_singular = 'opportunity'`);
    await client.query(
      `insert into metadata.rules (workspace_id, object_id, kind, condition, message)
       select o.workspace_id, o.id, 'CONDITION', 'title = "Ours"', 'Only our own notes' from metadata.objects o where o.name_singular = 'note'`,
    );
    await client.query('set constraints all immediate; set constraints all deferred');
    const { loaded, skipped } = await load();
    expect(loaded.map(({ object }) => object)).toEqual(['company', 'person', 'task', 'taskTarget']);
    expect(skipped).toMatchObject([{ object: 'opportunity' }, { object: 'note' }, { object: 'noteTarget' }]);
    await remove('REMOVE');
    expect(await counts()).toMatchObject({ companies: 0, people: 0, tasks: 0 });
  });

  test('options that are not there any more are replaced by those that are', async () => {
    await client.query(
      `update metadata.fields set options = '[{"value": "OPEN", "label": "Open", "color": "blue", "position": 0}, {"value": "SHUT", "label": "Shut", "color": "gray", "position": 1}]', default_value = null
       where name = 'stage'`,
    );
    await client.query('set constraints all immediate; set constraints all deferred');
    expect((await load()).skipped).toEqual([]);
    expect(await one('select array_agg(distinct stage order by stage) from $ws.opportunities')).toEqual([
      'OPEN',
      'SHUT',
    ]);
  });
});

describe('whoever may', () => {
  const as = async (role: string) => {
    await client.query(`set local role ${role}`);
  };

  test('an administrator of the workspace loads and removes them; others do not, nor learn of them', async () => {
    await as(ws.memberRole);
    await client.query('savepoint before');
    for (const call of ['load_sample_data()', 'remove_sample_data()', 'sample_data()']) {
      await expect(client.query(`select metadata.${call}`)).rejects.toMatchObject({ code: '42501' });
      await client.query('rollback to before');
    }
    await as('none');
    await as(ws.adminRole);
    await one('select metadata.load_sample_data()');
    expect(await one('select metadata.sample_data()')).toEqual({ count: expect.any(Number), used: 0 });
    await one('select metadata.remove_sample_data()');
    expect(await one('select metadata.sample_data()')).toEqual({ count: 0, used: 0 });
  });
});

describe('first steps', () => {
  interface Steps {
    isDismissed: boolean;
    forWorkspace: boolean;
    steps: { step: string; isDone: boolean }[];
  }
  let keeper: string;
  let other: string;
  beforeAll(async () => {
    const { rows } = await db.admin.query<{ id: string }>(
      `select core.add_member('acme', 'keeper@acme.example', 'Keeper', 'Admin') as id union all select core.add_member('acme', 'other@acme.example', 'Other', 'Member')`,
    );
    [keeper, other] = [rows[0]!.id, rows[1]!.id];
  });
  const as = async <T>(member: string, role: string, call: string): Promise<T> => {
    const server = await db.server.connect();
    try {
      await server.query('begin');
      await server.query(`set local role ${role}`);
      await server.query(`select set_config('relvar.member_id', $1, true)`, [member]);
      const { rows } = await server.query<{ answer: T }>(`select metadata.${call} as answer`);
      await server.query('commit');
      return rows[0]!.answer;
    } finally {
      await server.query('rollback').catch(() => undefined);
      server.release();
    }
  };
  const done = ({ steps }: Steps) => steps.filter(({ isDone }) => isDone).map(({ step }) => step);

  test('of who keeps the workspace and of a member are their own, done when what they are about is there, and put away', async () => {
    const ours = () => as<Steps>(keeper, ws.adminRole, 'onboarding()');
    const own = () => as<Steps>(other, ws.memberRole, 'onboarding()');
    expect(await ours()).toMatchObject({ isDismissed: false, forWorkspace: true });
    expect(done(await ours())).toEqual(['INVITE']);
    await db.admin.query(`insert into ${ws.schema}.companies (name) values ('Own')`);
    expect(done(await ours())).toEqual(['DATA', 'INVITE']);
    expect((await own()).steps.map(({ step }) => step)).toEqual(['PROFILE', 'VIEW', 'FAVOURITE']);
    await as(other, ws.memberRole, 'dismiss_onboarding()');
    expect(await own()).toMatchObject({ isDismissed: true, steps: [] });
    expect(await ours()).toMatchObject({ isDismissed: false });
    await as(keeper, ws.adminRole, 'dismiss_onboarding()');
    expect(await ours()).toMatchObject({ isDismissed: true });
  });
});
