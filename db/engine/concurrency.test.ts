import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addField, createWorkspace, objectNamed, reconcile, statements, type Workspace } from '../testing/workspace.ts';

const db = useDatabase();
let one: Workspace;
let two: Workspace;
beforeAll(async () => {
  one = await createWorkspace(db.admin, 'one');
  two = await createWorkspace(db.admin, 'two');
});

/** Several sessions, all rolled back at the end. */
async function sessions(count: number, work: (...clients: pg.PoolClient[]) => Promise<void>) {
  const clients = await Promise.all(Array.from({ length: count }, () => db.admin.connect()));
  try {
    for (const client of clients) await client.query('begin');
    await work(...clients);
  } finally {
    for (const client of clients) {
      await client.query('rollback').catch(() => {});
      client.release(true);
    }
  }
}

async function waits(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  const timer = new Promise((resolve) => setTimeout(resolve, 300, pending));
  return (await Promise.race([promise.catch(() => {}), timer])) === pending;
}

test('two sessions that change one workspace follow each other, and both changes are there', () =>
  sessions(2, async (a, b) => {
    const company = await objectNamed(a, one, 'company');
    const person = await objectNamed(a, one, 'person');
    await addField(a, company, { label: 'From A', type: 'TEXT' });
    const second = addField(b, person, { label: 'From B', type: 'TEXT' });
    expect(await waits(second)).toBe(true);
    await a.query('commit');
    await second;
    await b.query('commit');
    expect(await statements(db.admin, one)).toEqual([]);
    await db.admin.query(`select from_a from ${one.schema}.companies`);
    await db.admin.query(`select from_b from ${one.schema}.people`);
  }));

test('sessions that change different workspaces do not wait', () =>
  sessions(2, async (a, b) => {
    await addField(a, await objectNamed(a, one, 'company'), { label: 'Parallel', type: 'TEXT' });
    await reconcile(a);
    await addField(b, await objectNamed(b, two, 'company'), { label: 'Parallel', type: 'TEXT' });
    await reconcile(b);
    await b.query('commit');
    await a.query('commit');
    for (const workspace of [one, two]) expect(await statements(db.admin, workspace)).toEqual([]);
  }));

test('three workspaces are changed at the same time, and who waits for one of them is done after it', async () => {
  const workspaces = [one, two, await createWorkspace(db.admin, 'three')];
  await sessions(4, async (...clients) => {
    const fourth = clients.pop()!;
    // All three are changed and not committed, and nobody waits.
    await Promise.all(
      clients.map(async (client, n) => {
        await addField(client, await objectNamed(client, workspaces[n]!, 'company'), {
          label: 'Earlier',
          type: 'TEXT',
        });
        await reconcile(client);
      }),
    );
    const company = await objectNamed(fourth, one, 'company');
    const later = addField(fourth, company, { label: 'Later', type: 'TEXT' });
    expect(await waits(later)).toBe(true);
    for (const client of clients) await client.query('commit');
    await later;
    await fourth.query('commit');
    for (const workspace of workspaces) {
      expect(await statements(db.admin, workspace)).toEqual([]);
      await db.admin.query(`select earlier from ${workspace.schema}.companies`);
    }
    await db.admin.query(`select later from ${one.schema}.companies`);
  });
}, 60_000);

test('records of a workspace are written while its model is being changed elsewhere', () =>
  sessions(2, async (a, b) => {
    await addField(a, await objectNamed(a, one, 'company'), { label: 'Slow', type: 'TEXT' });
    await b.query(`insert into ${one.schema}.companies (name) values ('meanwhile')`);
    await b.query('commit');
    await a.query('commit');
    await db.admin.query(`select slow from ${one.schema}.companies`);
  }));

test('a table that somebody holds is not waited for: RV021, and nothing is half done', async () => {
  await sessions(2, async (a, b) => {
    await a.query(`insert into ${one.schema}.companies (name) values ('long work')`);
    await addField(b, await objectNamed(b, one, 'company'), { label: 'Blocked', type: 'TEXT' });
    const started = Date.now();
    await expect(b.query('commit')).rejects.toMatchObject({
      code: 'RV021',
      hint: expect.stringContaining('Try again'),
    });
    expect(Date.now() - started).toBeLessThan(6000);
  });
  expect(await statements(db.admin, one)).toEqual([]);
  expect((await db.admin.query(`select 1 from metadata.fields where label = 'Blocked'`)).rowCount).toBe(0);
});

test('a change of the model that another holds up is refused in time', () =>
  sessions(2, async (a, b) => {
    const company = await objectNamed(a, one, 'company');
    await addField(a, company, { label: 'Holding', type: 'TEXT' });
    await expect(addField(b, company, { label: 'Waiting', type: 'TEXT' })).rejects.toMatchObject({ code: 'RV021' });
  }));

test('two sessions that change the same object in turn do not lock each other out', () =>
  sessions(2, async (a, b) => {
    const company = await objectNamed(a, one, 'company');
    const rename = (client: pg.PoolClient, label: string) =>
      client.query('update metadata.objects set label_singular = $2 where id = $1', [company, label]);
    await rename(a, 'Firm');
    const second = rename(b, 'Business');
    expect(await waits(second)).toBe(true);
    await rename(a, 'Company');
    await a.query('commit');
    await second;
    await b.query('commit');
    expect(await statements(db.admin, one)).toEqual([]);
  }));

test('a new workspace waits for another that takes its time to commit', async () => {
  const first = await db.admin.connect();
  try {
    await first.query('begin');
    await createWorkspace(first, 'slow');
    const second = createWorkspace(db.admin, 'patient');
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    await first.query('commit');
    expect((await second).slug).toBe('patient');
  } finally {
    first.release();
  }
}, 60_000);
