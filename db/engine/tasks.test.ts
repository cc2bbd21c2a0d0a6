import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addObject,
  createWorkspace,
  failure,
  insert,
  objectNamed,
  reconcile,
  type Workspace,
} from '../testing/workspace.ts';

// Tasks that come again when they are done, and tell of themselves before they are due.
const db = useDatabase();
let ws: Workspace;
let ann: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(`select core.add_member('acme', 'ann@acme.example', 'Ann', 'Member') as id`);
  ann = rows[0].id;
  await db.admin.query(`update ${ws.schema}.workspace_members set time_zone = 'Europe/Berlin' where id = $1`, [ann]);
});

/** When what was due at 9 in Berlin comes next, after a moment. */
async function next(recurrence: string, due: string, after = due) {
  const { rows } = await db.admin.query(
    `select to_char(o.next_due at time zone 'Europe/Berlin', 'YYYY-MM-DD HH24:MI') as due, o.next_recurrence as recurrence
     from engine.next_occurrence($1, ($2 || ' 09:00')::timestamp at time zone 'Europe/Berlin', 'Europe/Berlin', ($3 || ' 09:00')::timestamp at time zone 'Europe/Berlin') o`,
    [recurrence, due, after],
  );
  return rows[0].due === null ? null : `${rows[0].due} ${rows[0].recurrence}`;
}

describe('a recurrence', () => {
  test.each([
    ['FREQ=DAILY', '2026-12-31', '2027-01-01 09:00 FREQ=DAILY'],
    ['FREQ=DAILY;INTERVAL=10', '2026-12-31', '2027-01-10 09:00 FREQ=DAILY;INTERVAL=10'],
    // The clocks change on 28 March 2027: it stays 9 o'clock.
    ['FREQ=DAILY', '2027-03-27', '2027-03-28 09:00 FREQ=DAILY'],
    ['FREQ=WEEKLY', '2026-11-29', '2026-12-06 09:00 FREQ=WEEKLY'],
    ['FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', '2026-11-27', '2026-11-30 09:00 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR'],
    ['FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,MO', '2026-11-30', '2026-12-03 09:00 FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,MO'],
    ['FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,MO', '2026-12-03', '2026-12-14 09:00 FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,MO'],
    ['FREQ=MONTHLY', '2026-11-15', '2026-12-15 09:00 FREQ=MONTHLY'],
    ['FREQ=MONTHLY', '2027-01-31', '2027-02-28 09:00 FREQ=MONTHLY;BYMONTHDAY=31'],
    ['FREQ=MONTHLY;BYMONTHDAY=31', '2027-02-28', '2027-03-31 09:00 FREQ=MONTHLY;BYMONTHDAY=31'],
    ['FREQ=MONTHLY;BYMONTHDAY=-1', '2027-02-10', '2027-02-28 09:00 FREQ=MONTHLY;BYMONTHDAY=-1'],
    ['FREQ=MONTHLY;BYDAY=1MO', '2026-12-07', '2027-01-04 09:00 FREQ=MONTHLY;BYDAY=1MO'],
    ['FREQ=MONTHLY;BYDAY=-1FR', '2026-11-27', '2026-12-25 09:00 FREQ=MONTHLY;BYDAY=-1FR'],
    ['FREQ=MONTHLY;BYDAY=5MO', '2026-11-30', '2027-03-29 09:00 FREQ=MONTHLY;BYDAY=5MO'],
    ['FREQ=YEARLY', '2028-02-29', '2029-02-28 09:00 FREQ=YEARLY;BYMONTHDAY=29'],
    ['FREQ=YEARLY;BYMONTHDAY=29', '2031-02-28', '2032-02-29 09:00 FREQ=YEARLY;BYMONTHDAY=29'],
    ['FREQ=DAILY;COUNT=2', '2026-11-29', '2026-11-30 09:00 FREQ=DAILY;COUNT=1'],
    ['FREQ=DAILY;COUNT=1', '2026-11-29', null],
    ['FREQ=DAILY;UNTIL=20261130', '2026-11-29', '2026-11-30 09:00 FREQ=DAILY;UNTIL=20261130'],
    ['FREQ=DAILY;UNTIL=20261130T235959Z', '2026-11-30', null],
  ])('%s goes on after %s', async (recurrence, due, expected) => {
    expect(await next(recurrence, due)).toBe(expected);
  });

  test('does not make up for what was missed, but counts it', async () => {
    expect(await next('FREQ=DAILY;COUNT=10', '2026-11-01', '2026-11-04')).toBe('2026-11-05 09:00 FREQ=DAILY;COUNT=6');
    expect(await next('FREQ=DAILY;COUNT=3', '2026-11-01', '2026-11-04')).toBeNull();
    expect(await next('FREQ=WEEKLY;INTERVAL=2', '2026-11-02', '2026-11-20')).toBe(
      '2026-11-30 09:00 FREQ=WEEKLY;INTERVAL=2',
    );
  });

  test.each([
    'FREQ=HOURLY',
    'every day',
    'FREQ=DAILY;COUNT=2;UNTIL=20300101',
    'FREQ=DAILY;FREQ=WEEKLY',
    'FREQ=WEEKLY;BYDAY=1MO',
    'FREQ=DAILY;INTERVAL=0',
    'FREQ=MONTHLY;BYMONTHDAY=32',
    'FREQ=DAILY;UNTIL=20300230',
    'FREQ=DAILY;BYDAY=MO',
    "FREQ=DAILY;X='",
  ])('is not %s', (text) =>
    db.inTransaction(async (client) => {
      await act(client, ws.memberRole);
      const refused = await failure(client, () =>
        client.query('insert into tasks (title, recurrence) values ($1, $2)', ['A', text]),
      );
      expect(refused).toMatchObject({ code: 'RV284', column: 'recurrence' });
    }),
  );
});

const open = async (client: pg.ClientBase) =>
  (
    await client.query(
      `select id, title, status, recurrence, due_at, assignee_id, reminder, body_v2_markdown as body from ${ws.schema}.tasks where status <> 'DONE'`,
    )
  ).rows as { [name: string]: unknown }[];

describe('a task that repeats', () => {
  const make = async (client: pg.ClientBase) => {
    await act(client, ws.memberRole);
    await client.query(
      `select set_config('relvar.member_id', $1, true), set_config('relvar.request_id', 'make', true)`,
      [ann],
    );
    const company = await insert(client, 'companies', { name: 'Acme' });
    const task = await insert(client, 'tasks', {
      title: 'Report',
      due_at: '2099-01-05T08:00Z',
      recurrence: 'rrule:freq=weekly',
      reminder: 900,
      assignee_id: ann,
      body_v2_markdown: 'Figures',
      status: 'IN_PROGRESS',
    });
    await insert(client, 'task_targets', { task_id: task, target_company_id: company });
    return { task, company };
  };

  test('makes the next one when it is done, about the same records', () =>
    db.inTransaction(async (client) => {
      const { task, company } = await make(client);
      await client.query(`update tasks set status = 'DONE' where id = $1`, [task]);
      const [made, ...more] = await open(client);
      expect(more).toEqual([]);
      expect(made).toMatchObject({
        title: 'Report',
        status: 'TODO',
        recurrence: 'FREQ=WEEKLY',
        assignee_id: ann,
        reminder: '900',
        body: 'Figures',
      });
      expect((made!['due_at'] as Date).toISOString()).toBe('2099-01-12T08:00:00.000Z');
      const targets = await client.query('select target_company_id as id from task_targets where task_id = $1', [
        made!['id'],
      ]);
      expect(targets.rows).toEqual([{ id: company }]);
      // Opened and done again, it has made its next one already.
      await client.query(`update tasks set status = 'TODO' where id = $1`, [task]);
      await client.query(`update tasks set status = 'DONE' where id = $1`, [task]);
      expect(await open(client)).toHaveLength(1);
    }));

  test('takes the next one back when it is undone, and brings it again', () =>
    db.inTransaction(async (client) => {
      const { task } = await make(client);
      const under = (request: string) => client.query(`select set_config('relvar.request_id', $1, true)`, [request]);
      await under('do');
      await client.query(`update tasks set status = 'DONE' where id = $1`, [task]);
      await under('undo');
      await client.query(`select revert(request_id => 'do')`);
      expect(await open(client)).toMatchObject([{ id: task, status: 'IN_PROGRESS' }]);
      await under('redo');
      await client.query(`select revert(request_id => 'undo')`);
      expect(await open(client)).toMatchObject([{ status: 'TODO' }]);
      // Or does it by hand.
      await under('undo again');
      await client.query(`select revert(request_id => 'redo')`);
      await under('by hand');
      await client.query(`update tasks set status = 'DONE' where id = $1`, [task]);
      expect(await open(client)).toMatchObject([{ status: 'TODO' }]);
      await client.query(`delete from tasks where status <> 'DONE'`);
      expect(await open(client)).toEqual([]);
    }));

  test('repeats whatever its fields are called, and no longer when they are gone', () =>
    db.inTransaction(async (client) => {
      const task = await objectNamed(client, ws, 'task');
      await client.query(
        `update metadata.fields set label = 'Again', name = 'again' where object_id = $1 and name = 'recurrence'`,
        [task],
      );
      await reconcile(client);
      const { rows } = await client.query(
        `insert into ${ws.schema}.tasks (title, due_at, again) values ('A', '2099-01-05T08:00Z', 'FREQ=DAILY') returning id`,
      );
      await client.query(`update ${ws.schema}.tasks set status = 'DONE' where id = $1`, [rows[0].id]);
      expect((await client.query(`select count(*)::int as n from ${ws.schema}.tasks`)).rows[0].n).toBe(2);
      await client.query(`update metadata.fields set deleted_at = now() where object_id = $1 and name = 'dueAt'`, [
        task,
      ]);
      await reconcile(client);
      await client.query(`update ${ws.schema}.tasks set status = 'DONE'`);
      expect((await client.query(`select count(*)::int as n from ${ws.schema}.tasks`)).rows[0].n).toBe(2);
      expect((await client.query('select * from engine.plan($1)', [ws.id])).rows).toEqual([]);
    }));
});

describe('a reminder', () => {
  const plan = async (client: pg.ClientBase) => {
    await client.query('reset role');
    const { rows } = await client.query(`select coalesce(array_agg(batch), '{}') as batches from engine.outbox`);
    await client.query('select core.plan_reminders($1, $2)', [ws.id, rows[0].batches]);
  };
  const told = async (client: pg.ClientBase, task: string) =>
    (await client.query('select core.notify_reminder($1, $2) as n', [ws.id, task])).rows[0].n as number;
  const make = (client: pg.ClientBase, values: { [column: string]: unknown }) =>
    insert(client, `${ws.schema}.tasks`, { title: 'Call', assignee_id: ann, reminder: 600, ...values });

  test('has its clock set, once for a task, and set anew when the task moves', () =>
    db.inTransaction(async (client) => {
      const task = await make(client, { due_at: '2099-01-05T08:00Z' });
      await make(client, { due_at: '2099-01-05T08:00Z', reminder: null });
      await make(client, { due_at: '2020-01-05T08:00Z' });
      await plan(client);
      const clocks = async () =>
        (
          await client.query(
            `select key, run_at from graphile_worker.jobs where task_identifier = 'notifications__remind'`,
          )
        ).rows;
      expect(await clocks()).toEqual([{ key: `remind:${task}`, run_at: new Date('2099-01-05T07:50Z') }]);
      await client.query(`update ${ws.schema}.tasks set due_at = '2099-02-05T08:00Z' where id = $1`, [task]);
      await plan(client);
      expect(await clocks()).toEqual([{ key: `remind:${task}`, run_at: new Date('2099-02-05T07:50Z') }]);
    }));

  test('is told when its time has come, once, and not of what is done or nobody’s', () =>
    db.inTransaction(async (client) => {
      const soon = new Date(Date.now() + 300_000);
      const task = await make(client, { due_at: soon });
      expect([await told(client, task), await told(client, task)]).toEqual([1, 0]);
      const { rows } = await client.query(
        `select kind, record_id, detail ->> 'state' as state, mail_at < now() + interval '2 minutes' as is_mailed from core.notifications where member_id = $1`,
        [ann],
      );
      expect(rows).toEqual([{ kind: 'TASK_DUE', record_id: task, state: 'REMINDER', is_mailed: true }]);
      expect(await told(client, await make(client, { due_at: soon, status: 'DONE' }))).toBe(0);
      expect(await told(client, await make(client, { due_at: soon, assignee_id: null }))).toBe(0);
      expect(await told(client, await make(client, { due_at: new Date(Date.now() + 3_600_000) }))).toBe(0);
      await client.query(`delete from ${ws.schema}.tasks where id = $1`, [task]);
      expect(await told(client, task)).toBe(0);
    }));
});

describe('a text that several write', () => {
  const save = async (client: pg.ClientBase, id: string, base: string, text: string) =>
    (await client.query(`select save_text('note', $1, 'bodyV2', $2, $3) as answer`, [id, base, text])).rows[0]
      .answer as unknown;

  test('is saved where it is as it was read, and else told', () =>
    db.inTransaction(async (client) => {
      await act(client, ws.memberRole);
      const note = await insert(client, 'notes', { title: 'N', body_v2_document: '{}' });
      expect(await save(client, note, '', 'one')).toEqual({ isSaved: true, text: 'one' });
      expect(await save(client, note, '', 'mine')).toEqual({ isSaved: false, text: 'one' });
      expect(await save(client, note, 'one', '')).toEqual({ isSaved: true, text: '' });
      const { rows } = await client.query('select body_v2_markdown as text, body_v2_document as document from notes');
      expect(rows).toEqual([{ text: null, document: null }]);
      expect(await save(client, ann, '', 'x')).toEqual({ isSaved: false, text: null });
    }));

  test('is refused where the role may not write it, it is too long, or there is none such', () =>
    db.inTransaction(async (client) => {
      const note = await insert(client, `${ws.schema}.notes`, { title: 'N' });
      const { rows } = await client.query(
        `insert into metadata.roles (workspace_id, name) values ($1, 'Reader') returning id, pg_role as name`,
        [ws.id],
      );
      await client.query(
        `insert into metadata.record_rules (workspace_id, role_id, object_id, action, condition) values ($1, $2, $3, 'UPDATE', 'title = "Mine"')`,
        [ws.id, rows[0].id, await objectNamed(client, ws, 'note')],
      );
      await reconcile(client);
      await act(client, rows[0].name as string);
      expect(await failure(client, () => save(client, note, '', 'x'))).toMatchObject({ code: '42501' });
      expect(await failure(client, () => save(client, note, '', 'x'.repeat(500_001)))).toMatchObject({ code: 'RV286' });
      expect(
        await failure(client, () => client.query(`select save_text('note', $1, 'title', '', 'x')`, [note])),
      ).toMatchObject({ code: 'RV285' });
    }));
});

test('objects of one’s own have notes and tasks when somebody says so', () =>
  db.inTransaction(async (client) => {
    const boat = await addObject(client, ws, { label_singular: 'Boat', label_plural: 'Boats' });
    await reconcile(client);
    await act(client, ws.adminRole);
    expect((await client.query('select metadata.keep_notes($1) as kept', [boat])).rows).toEqual([{ kept: true }]);
    await reconcile(client);
    const id = await insert(client, 'boats', { name: 'Ann' });
    await insert(client, 'note_targets', {
      note_id: await insert(client, 'notes', { title: 'N' }),
      target_boat_id: id,
    });
    expect((await client.query('select metadata.keep_notes($1) as kept', [boat])).rows).toEqual([{ kept: false }]);
  }));
