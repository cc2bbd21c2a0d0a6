import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, insert, objectNamed, type Workspace } from '../testing/workspace.ts';

// Who is told what, once, and only of what they may read.
const db = useDatabase();
let ws: Workspace;
let rep: string;
let company: string;
let [ann, bob, cid] = ['', '', ''];

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  rep = rows[0].name;
  company = await objectNamed(db.admin, ws, 'company');
  const task = await objectNamed(db.admin, ws, 'task');
  await db.admin.query(
    `insert into metadata.record_rules (workspace_id, role_id, object_id, condition)
     values ($1, $2, $3, 'accountOwner = currentMember()'), ($1, $2, $4, 'status <> "IN_PROGRESS"')`,
    [ws.id, rows[0].id, company, task],
  );
  const add = async (name: string, role: string) =>
    (await db.admin.query(`select core.add_member('acme', $1 || '@acme.example', initcap($1), $2) as id`, [name, role]))
      .rows[0].id as string;
  ann = await add('ann', 'Rep');
  bob = await add('bob', 'Rep');
  cid = await add('cid', 'Member');
});

async function be(client: pg.ClientBase, member: string, role = rep) {
  await act(client, role);
  await client.query(
    `select set_config('relvar.member_id', $1, true), set_config('relvar.impersonator_id', '', true), set_config('relvar.seen_by', '', true)`,
    [member],
  );
}
const make = async (client: pg.ClientBase, name: string, owner: string) => {
  await client.query('reset role');
  return insert(client, `${ws.schema}.companies`, { name, account_owner_id: owner });
};
const say = async (client: pg.ClientBase, record: string, body: string, parent: string | null = null) =>
  (await client.query(`select add_comment('company', $1, $2, $3) as said`, [record, body, parent])).rows[0].said as {
    id: string;
    notTold: { id: string; name: string }[];
  };
interface Item {
  id: string;
  kind: string;
  label: string | null;
  excerpt: string | null;
  actorName: string | null;
  recordId: string | null;
  detail: { [name: string]: unknown };
}
const told = async (client: pg.ClientBase, which = 'ALL') =>
  ((await client.query('select metadata.my_notifications($1) as list', [which])).rows[0].list as { items: Item[] })
    .items;
const unread = async (client: pg.ClientBase) =>
  (await client.query('select metadata.my_unread_notifications() as count')).rows[0].count as number;
/** What the jobs do that the relay adds. */
async function relay(client: pg.ClientBase) {
  await client.query('reset role');
  const { rows } = await client.query(
    `select batch from engine.outbox o join metadata.objects t on t.id = o.object_id where t.name_singular = 'task'`,
  );
  const { rows: counts } = await client.query('select core.notify_assigned($1, $2) as count', [
    ws.id,
    rows.map((row) => row.batch as string),
  ]);
  return counts[0].count as number;
}

describe('a mention', () => {
  test('is told to the member, with the record and the beginning of the comment', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      expect((await say(client, id, `<@${cid}>\nplease  call.`)).notTold).toEqual([]);
      expect(await told(client)).toEqual([]);
      await be(client, cid, ws.memberRole);
      expect(await told(client)).toMatchObject([
        { kind: 'MENTION', label: 'Acme', excerpt: '@Cid please call.', actorName: 'Ann', recordId: id },
      ]);
      expect(await unread(client)).toBe(1);
    }));

  test('of who may not read the record is told to the writer, and to nobody else', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      expect((await say(client, id, `<@${bob}> <@${cid}>`)).notTold).toEqual([{ id: bob, name: 'Bob' }]);
      await client.query('reset role');
      expect((await client.query('select member_id from core.notifications')).rows).toEqual([{ member_id: cid }]);
    }));

  test('is not shown any more when the record is out of sight, deleted, or the comment removed', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, cid, ws.memberRole);
      const { id: comment } = await say(client, id, `<@${ann}>`);
      const seen = async () => {
        await be(client, ann);
        return [(await told(client)).length, await unread(client)];
      };
      expect(await seen()).toEqual([1, 1]);
      const change = async (sql: string, values: unknown[]) => {
        await client.query('reset role');
        await client.query(sql, values);
      };
      await change(`update ${ws.schema}.companies set account_owner_id = $1`, [bob]);
      expect(await seen()).toEqual([0, 0]);
      await change(`update ${ws.schema}.companies set account_owner_id = $1`, [ann]);
      await change(`update ${ws.schema}.record_comments set removed_at = now() where id = $1`, [comment]);
      expect(await seen()).toEqual([0, 0]);
      await change(`update ${ws.schema}.record_comments set removed_at = null`, []);
      await change(`delete from ${ws.schema}.companies where id = $1`, [id]);
      expect(await seen()).toEqual([0, 0]);
      await act(client, ws.adminRole);
      await client.query(`select restore_record('company', $1)`, [id]);
      expect(await seen()).toEqual([1, 1]);
    }));

  test('names no record whose name the role may not read', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await client.query(
        `insert into metadata.field_permissions (workspace_id, role_id, field_id, can_read)
         select $1, r.id, f.id, false from metadata.roles r, metadata.fields f where r.pg_role = $2 and f.object_id = $3 and f.name = 'name'`,
        [ws.id, rep, company],
      );
      await client.query('set constraints all immediate');
      await be(client, cid, ws.memberRole);
      await say(client, id, `<@${ann}>`);
      await be(client, ann);
      expect(await told(client)).toMatchObject([{ kind: 'MENTION', label: null, recordId: id }]);
    }));

  test('by an edit is told to who is mentioned anew, and once', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      const { id: comment } = await say(client, id, 'Hm');
      for (let i = 0; i < 2; i++) await client.query('select edit_comment($1, $2)', [comment, `<@${cid}> ${i}`]);
      await be(client, cid, ws.memberRole);
      expect(await told(client)).toHaveLength(1);
    }));
});

test('a reply is told to who wrote in the thread, a mention in it as such, and nobody twice', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    const first = await say(client, id, 'Who calls?');
    await be(client, cid, ws.memberRole);
    await say(client, id, 'Me', first.id);
    await be(client, ann);
    await say(client, id, `<@${cid}> thanks`, first.id);
    expect((await told(client)).map((item) => item.kind)).toEqual(['REPLY']);
    await be(client, cid, ws.memberRole);
    expect((await told(client)).map((item) => item.kind)).toEqual(['MENTION']);
  }));

describe('a share', () => {
  test('is told to the member or the members of the team, not to who shared, and not at each change', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      const team = await insert(client, 'metadata.teams', { workspace_id: ws.id, name: 'North' });
      for (const member of [ann, cid])
        await insert(client, 'metadata.team_members', { workspace_id: ws.id, team_id: team, member_id: member });
      await be(client, ann);
      await client.query(`select share_record('company', $1, 'MEMBER', $2, 'READ', 'a look')`, [id, bob]);
      await client.query(`select share_record('company', $1, 'MEMBER', $2, 'WRITE')`, [id, bob]);
      await client.query(`select share_record('company', $1, 'TEAM', $2)`, [id, team]);
      expect(await told(client)).toEqual([]);
      await be(client, bob);
      expect(await told(client)).toMatchObject([
        { kind: 'SHARED', label: 'Acme', detail: { access: 'READ', reason: 'a look' } },
      ]);
      await be(client, cid, ws.memberRole);
      expect(await told(client)).toMatchObject([{ kind: 'SHARED', detail: { with: 'North' } }]);
    }));
});

test('a share with a role is told by a job to those who have it and may read the record, once', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    await client.query(
      `select share_record('company', $1, 'ROLE', (select id from metadata.roles where pg_role = $2), 'READ', 'a look')`,
      [id, rep],
    );
    await be(client, bob);
    expect(await told(client)).toEqual([]);
    const job = async () => {
      await client.query('reset role');
      const { rows } = await client.query(
        `select core.notify_shared($1, id) as n from ${ws.schema}.record_shares where record_id = $2`,
        [ws.id, id],
      );
      return rows[0]?.n as number | undefined;
    };
    const { rows: jobs } = await client
      .query('reset role')
      .then(() => client.query(`select from graphile_worker.jobs where task_identifier = 'notifications__shared'`));
    expect(jobs).toHaveLength(1);
    expect(await job()).toBe(1);
    expect(await job()).toBe(0);
    await be(client, bob);
    expect(await told(client)).toMatchObject([
      { kind: 'SHARED', label: 'Acme', actorName: 'Ann', detail: { access: 'READ', reason: 'a look', with: 'Rep' } },
    ]);
    for (const [member, role] of [
      [ann, rep],
      [cid, ws.memberRole],
    ] as const) {
      await be(client, member, role);
      expect(await told(client)).toEqual([]);
    }
  }));

describe('a mention in a note', () => {
  const write = async (client: pg.ClientBase, title: string, text: string) =>
    insert(client, `${ws.schema}.notes`, { title, body_v2_markdown: text });
  /** What the job does that the relay adds. */
  const mentions = async (client: pg.ClientBase) => {
    await client.query('reset role');
    const { rows } = await client.query(
      `select core.notify_mentioned($1, array(select batch from engine.outbox where workspace_id = $1)) as n`,
      [ws.id],
    );
    return rows[0].n as number;
  };

  test('is told once to each who may read it, not to the writer, and not when it is gone by then', () =>
    db.inTransaction(async (client) => {
      await be(client, cid, ws.memberRole);
      const id = await write(client, 'Minutes', `Ask <@${ann}> and <@${cid}>, not <@${ws.id}>.`);
      await write(client, 'Gone', `<@${bob}>`);
      await client.query(`update notes set body_v2_markdown = 'Nobody' where title = 'Gone'`);
      expect(await mentions(client)).toBe(1);
      await be(client, cid, ws.memberRole);
      await client.query('update notes set body_v2_markdown = body_v2_markdown || $2 where id = $1', [
        id,
        ` And <@${bob}>!`,
      ]);
      expect(await mentions(client)).toBe(1);
      expect(await mentions(client)).toBe(0);
      for (const member of [ann, bob]) {
        await be(client, member);
        expect(await told(client)).toMatchObject([
          { kind: 'MENTION', label: 'Minutes', actorName: 'Cid', recordId: id },
        ]);
      }
      await be(client, cid, ws.memberRole);
      expect(await told(client)).toEqual([]);
    }));

  test('is not told to who may not read the note or its text', () =>
    db.inTransaction(async (client) => {
      await client.query('reset role');
      const note = await objectNamed(client, ws, 'note');
      await client.query(
        `insert into metadata.record_rules (workspace_id, role_id, object_id, condition) select $1, r.id, $3, 'title <> "Secret"' from metadata.roles r where r.pg_role = $2`,
        [ws.id, rep, note],
      );
      await client.query('set constraints all immediate');
      await be(client, cid, ws.memberRole);
      await write(client, 'Secret', `<@${ann}>`);
      await write(client, 'Open', `<@${ann}>`);
      expect(await mentions(client)).toBe(1);
      await client.query(
        `insert into metadata.field_permissions (workspace_id, role_id, field_id, can_read)
         select $1, r.id, f.id, false from metadata.roles r, metadata.fields f where r.pg_role = $2 and f.object_id = $3 and f.name = 'bodyV2'`,
        [ws.id, rep, note],
      );
      await client.query('set constraints all immediate');
      await be(client, cid, ws.memberRole);
      await write(client, 'Unread', `<@${ann}>`);
      expect(await mentions(client)).toBe(0);
      await be(client, ann);
      expect((await told(client)).map(({ label }) => label)).toEqual(['Open']);
    }));

  test('by thousands is one line', () =>
    db.inTransaction(async (client) => {
      await be(client, cid, ws.memberRole);
      await client.query(
        `insert into notes (title, body_v2_markdown) select 'Note ' || i, $1 from generate_series(1, 3000) i`,
        [`<@${ann}> <@${bob}>`],
      );
      expect(await mentions(client)).toBe(2);
      await be(client, ann);
      expect(await told(client)).toMatchObject([{ kind: 'MENTION', recordId: null, detail: { count: 3000 } }]);
    }));
});

describe('tasks', () => {
  const assign = (client: pg.ClientBase, title: string, to: string | null, more: object = {}) =>
    insert(client, `${ws.schema}.tasks`, { title, assignee_id: to, ...more });

  test('that others give are told once, own ones never', () =>
    db.inTransaction(async (client) => {
      await be(client, cid, ws.memberRole);
      await assign(client, 'Own', cid);
      await assign(client, 'Call', ann);
      const late = await assign(client, 'Later', null);
      await client.query(`update ${ws.schema}.tasks set assignee_id = $1 where id = $2`, [ann, late]);
      await client.query(`update ${ws.schema}.tasks set title = 'Later!' where id = $1`, [late]);
      expect(await relay(client)).toBe(2);
      expect(await relay(client)).toBe(0);
      await be(client, ann);
      expect((await told(client)).map((item) => item.label).sort()).toEqual(['Call', 'Later!']);
      expect((await told(client))[0]).toMatchObject({ kind: 'TASK_ASSIGNED', actorName: 'Cid' });
      await be(client, cid, ws.memberRole);
      expect(await told(client)).toEqual([]);
    }));

  test('that the member may not read are not told', () =>
    db.inTransaction(async (client) => {
      await be(client, cid, ws.memberRole);
      await assign(client, 'Hidden', ann, { status: 'IN_PROGRESS' });
      await assign(client, 'Shown', ann);
      await relay(client);
      await client.query('reset role');
      expect((await client.query('select count(*)::int as n from core.notifications')).rows[0].n).toBe(1);
    }));

  test('ten thousand at once are one line for each member, and few statements', () =>
    db.inTransaction(async (client) => {
      await be(client, cid, ws.memberRole);
      await client.query(`insert into ${ws.schema}.tasks (title) select 'Task ' || i from generate_series(1, 10000) i`);
      await client.query(
        `update ${ws.schema}.tasks set assignee_id = (array[$1, $2]::uuid[])[1 + right(title, 1)::int % 2]`,
        [ann, bob],
      );
      const before = performance.now();
      expect(await relay(client)).toBe(2);
      expect(performance.now() - before).toBeLessThan(10_000);
      await be(client, ann);
      expect(await told(client)).toMatchObject([
        { kind: 'TASK_ASSIGNED', label: null, recordId: null, detail: { count: 5000 } },
      ]);
    }));

  test('survive that their fields are renamed or removed', () =>
    db.inTransaction(async (client) => {
      await client.query(
        `update metadata.fields set name = 'doer' where workspace_id = $1 and universal_identifier = 'standard:task.assignee'`,
        [ws.id],
      );
      await client.query('set constraints all immediate');
      await be(client, cid, ws.memberRole);
      await client.query(`insert into ${ws.schema}.tasks (title, doer_id) values ('Call', $1)`, [ann]);
      expect(await relay(client)).toBe(1);
      await client.query(
        `update metadata.fields set is_active = false where workspace_id = $1 and universal_identifier in ('standard:task.assignee', 'standard:task.dueAt')`,
        [ws.id],
      );
      expect(await relay(client)).toBe(0);
      expect((await client.query('select core.notify_due($1) as n', [ws.id])).rows[0].n).toBe(0);
    }));

  describe('that are due', () => {
    const due = async (client: pg.ClientBase, at: string) => {
      await client.query('reset role');
      return (await client.query('select core.notify_due($1, $2) as n', [ws.id, at])).rows[0].n as number;
    };
    const states = async (client: pg.ClientBase) => {
      await be(client, ann);
      return (await told(client)).map((item) => item.detail['state']);
    };

    test('are told in the morning of the day in the member’s time zone, once, and once when overdue', () =>
      db.inTransaction(async (client) => {
        await client.query(`update ${ws.schema}.workspace_members set time_zone = 'America/New_York' where id = $1`, [
          ann,
        ]);
        // 02:00 UTC on the 12th is the evening of the 11th there.
        await assign(client, 'Call', ann, { due_at: '2026-11-12T02:00:00Z' });
        expect(await due(client, '2026-11-11T12:59:00Z')).toBe(0);
        expect(await due(client, '2026-11-11T13:00:00Z')).toBe(1);
        expect(await due(client, '2026-11-11T13:15:00Z')).toBe(0);
        expect(await due(client, '2026-11-12T04:00:00Z')).toBe(0);
        expect(await due(client, '2026-11-12T05:00:00Z')).toBe(1);
        // A clock that is set back, or far forward, tells nothing again.
        expect(await due(client, '2026-11-11T13:00:00Z')).toBe(0);
        expect(await due(client, '2027-11-11T13:00:00Z')).toBe(0);
        expect((await states(client)).sort()).toEqual(['OVERDUE', 'TODAY']);
      }));

    test('are told again for another date, and not when they are done or nobody’s', () =>
      db.inTransaction(async (client) => {
        const id = await assign(client, 'Call', ann, { due_at: '2026-11-11T15:00:00Z' });
        await assign(client, 'Done', ann, { due_at: '2026-11-11T15:00:00Z', status: 'DONE' });
        await assign(client, 'Nobody', null, { due_at: '2026-11-11T15:00:00Z' });
        await assign(client, 'Hidden', ann, { due_at: '2026-11-11T15:00:00Z', status: 'IN_PROGRESS' });
        expect(await due(client, '2026-11-11T09:00:00Z')).toBe(1);
        await client.query(`update ${ws.schema}.tasks set due_at = '2026-11-12T15:00:00Z' where id = $1`, [id]);
        expect(await due(client, '2026-11-12T09:00:00Z')).toBe(1);
        expect(await states(client)).toEqual(['TODAY', 'TODAY']);
      }));
  });
});

describe('notifications are a member’s own', () => {
  const mention = async (client: pg.ClientBase) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    await say(client, id, `<@${cid}>`);
    await be(client, cid, ws.memberRole);
    return (await told(client))[0]!;
  };

  test('read, unread, archived, each as one says', () =>
    db.inTransaction(async (client) => {
      const { id } = await mention(client);
      const mark = (sql: string) => client.query(sql, [[id]]);
      await mark('select metadata.mark_notifications($1)');
      expect([await unread(client), (await told(client, 'UNREAD')).length]).toEqual([0, 0]);
      await mark('select metadata.mark_notifications($1, false)');
      expect(await unread(client)).toBe(1);
      await mark('select metadata.archive_notifications($1)');
      expect([await unread(client), (await told(client)).length, (await told(client, 'ARCHIVED')).length]).toEqual([
        0, 0, 1,
      ]);
      await mark('select metadata.archive_notifications($1, false)');
      await client.query('select metadata.mark_notifications()');
      expect((await client.query('select metadata.archive_notifications() as n')).rows[0].n).toBe(1);
      expect(await failure(client, () => told(client, 'SOME'))).toMatchObject({ code: 'RV223' });
    }));

  test('of another they are neither shown nor changed', () =>
    db.inTransaction(async (client) => {
      const { id } = await mention(client);
      await be(client, ann);
      expect(await told(client)).toEqual([]);
      expect((await client.query('select metadata.mark_notifications($1) as n', [[id]])).rows[0].n).toBe(0);
      for (const sql of [
        'select * from core.notifications',
        `select core.notify('${ws.id}', array['${cid}']::uuid[], 'SHARED')`,
      ])
        expect(await failure(client, () => client.query(sql))).toMatchObject({ code: '42501' });
    }));

  test('closed to keys, to who looks as the member, and to who acts as one', () =>
    db.inTransaction(async (client) => {
      await mention(client);
      const closed = async () => {
        expect([(await told(client)).length, await unread(client)]).toEqual([0, 0]);
        for (const sql of [
          'select metadata.mark_notifications()',
          'select metadata.archive_notifications()',
          `select metadata.choose_notification('MENTION', false)`,
          `select metadata.choose_digest('HOURLY')`,
        ])
          expect(await failure(client, () => client.query(sql))).toMatchObject({ code: '42501' });
      };
      await client.query(`select set_config('relvar.seen_by', $1, true)`, [ann]);
      await closed();
      const { rows } = await client.query(
        `select set_config('relvar.seen_by', '', true), set_config('relvar.impersonator_id', gen_random_uuid()::text, true)`,
      );
      expect(rows).toHaveLength(1);
      await closed();
      await be(client, '', ws.memberRole);
      await closed();
    }));

  test('gone with the member', () =>
    db.inTransaction(async (client) => {
      await mention(client);
      await act(client, ws.adminRole);
      await client.query('select metadata.remove_member($1)', [cid]);
      await client.query('reset role');
      expect((await client.query('select * from core.notifications')).rows).toEqual([]);
    }));

  test('not told to who is kept out', () =>
    db.inTransaction(async (client) => {
      await client.query('update core.members set is_active = false where id = $1', [cid]);
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      expect((await say(client, id, `<@${cid}>`)).notTold).toEqual([{ id: cid, name: 'Cid' }]);
    }));

  test('come as chosen, or not at all', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, cid, ws.memberRole);
      const choose = (isInApp: boolean, mail: string) =>
        client.query(`select metadata.choose_notification('MENTION', $1, $2)`, [isInApp, mail]);
      const sent = async () => {
        await be(client, ann);
        await say(client, id, `<@${cid}>`);
        await client.query('reset role');
        const { rows } = await client.query(
          'select is_in_app, mail_at is not null as is_mailed from core.notifications order by id desc limit 1',
        );
        await client.query('delete from core.notifications');
        await be(client, cid, ws.memberRole);
        return rows[0] as object | undefined;
      };
      expect(await sent()).toEqual({ is_in_app: true, is_mailed: true });
      await choose(true, 'OFF');
      expect(await sent()).toEqual({ is_in_app: true, is_mailed: false });
      await choose(false, 'DIGEST');
      expect(await sent()).toEqual({ is_in_app: false, is_mailed: true });
      await choose(false, 'OFF');
      expect(await sent()).toBeUndefined();
      expect(await failure(client, () => choose(true, 'SOMETIMES'))).toMatchObject({ code: 'RV224', column: 'mail' });
      expect(
        await failure(client, () => client.query(`select metadata.choose_notification('GOSSIP', true)`)),
      ).toMatchObject({ code: 'RV224', column: 'kind' });
      expect(await failure(client, () => client.query(`select metadata.choose_digest('DAILY', 24)`))).toMatchObject({
        code: 'RV224',
        column: 'hour',
      });
    }));
});

describe('mails', () => {
  const mails = async (client: pg.ClientBase) =>
    (await client.query(`select to_address, props from core.mail_outbox where template = 'notifications'`)).rows;
  const mail = async (client: pg.ClientBase, member: string) => {
    await client.query('reset role');
    return (await client.query('select core.mail_notifications($1) as n', [member])).rows[0].n as number;
  };
  const mention = async (client: pg.ClientBase, times: number) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    for (let i = 0; i < times; i++) await say(client, id, `<@${cid}> ${i}`);
    await client.query('reset role');
    return id;
  };
  const dueNow = (client: pg.ClientBase) =>
    client.query(`update core.notifications set mail_at = now() where mail_at is not null`);

  test('wait until they are due, hold all that is due, and leave once', () =>
    db.inTransaction(async (client) => {
      await mention(client, 2);
      expect(await mail(client, cid)).toBe(0);
      await dueNow(client);
      expect((await client.query('select * from core.members_to_mail()')).rows).toEqual([{ members_to_mail: cid }]);
      expect(await mail(client, cid)).toBe(2);
      expect(await mail(client, cid)).toBe(0);
      expect(await mails(client)).toMatchObject([
        { to_address: 'cid@acme.example', props: { total: 2, items: [{ kind: 'MENTION', label: 'Acme' }, {}] } },
      ]);
    }));

  test('tell nothing that was read, or that may not be read any more', () =>
    db.inTransaction(async (client) => {
      await mention(client, 2);
      await client.query(
        `update core.notifications set read_at = now() where id = (select max(id::text)::uuid from core.notifications)`,
      );
      await dueNow(client);
      expect(await mail(client, cid)).toBe(1);
      await mention(client, 1);
      await client.query(`delete from ${ws.schema}.companies`);
      await dueNow(client);
      expect(await mail(client, cid)).toBe(0);
      expect(await mails(client)).toHaveLength(1);
    }));

  test('leave daily at the hour of the member’s time zone, over changes of the clock, or hourly', async () => {
    const next = async (frequency: string, hour: number, zone: string, after: string) =>
      (
        await db.admin.query<{ at: Date }>('select core.next_digest($1, $2, $3, $4) as at', [
          frequency,
          hour,
          zone,
          after,
        ])
      ).rows[0]!.at.toISOString();
    expect(await next('DAILY', 8, 'Europe/Berlin', '2026-11-11T06:59:59Z')).toBe('2026-11-11T07:00:00.000Z');
    expect(await next('DAILY', 8, 'Europe/Berlin', '2026-11-11T07:00:00Z')).toBe('2026-11-12T07:00:00.000Z');
    expect(await next('DAILY', 8, 'Pacific/Auckland', '2026-11-11T10:00:00Z')).toBe('2026-11-11T19:00:00.000Z');
    // Summer time begins on 29 March 2026, and the hour from two to three is left out.
    expect(await next('DAILY', 2, 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(await next('DAILY', 8, 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T06:00:00.000Z');
    expect(await next('HOURLY', 8, 'Asia/Kolkata', '2026-11-11T06:59:59Z')).toBe('2026-11-11T07:00:00.000Z');
  });

  test.each(['system', 'Nowhere/Land', ''])('a time zone "%s" is taken for UTC', async (zone) => {
    expect((await db.admin.query('select core.zone_or_utc($1) as zone', [zone])).rows[0].zone).toBe('UTC');
  });
});

test('the end of an import is told to the member who began it, once, and with what came of it', () =>
  db.inTransaction(async (client) => {
    const tell = (id: string, rest: string) =>
      client.query(`select core.tell_import_finished($1, $2, $3, $4, 'firms.csv', ${rest})`, [id, ws.id, ann, company]);
    // It may run in the member's own name, or in that of nobody.
    await client.query(`select set_config('relvar.member_id', $1, true)`, [ann]);
    const id = '0197a000-0000-7000-8000-000000000001';
    await tell(id, `'{"created": 12, "updated": 0, "rejected": 3}'`);
    await tell(id, `'{"created": 13}'`);
    await tell('0197a000-0000-7000-8000-000000000002', `'{}', 'The file is empty.'`);
    await be(client, ann);
    expect((await told(client)).map(({ kind, detail }) => ({ kind, ...detail }))).toEqual([
      expect.objectContaining({ name: 'firms.csv', failure: 'The file is empty.' }),
      { kind: 'IMPORT_FINISHED', importId: id, name: 'firms.csv', created: 12, rejected: 3 },
    ]);
    await be(client, bob);
    expect(await told(client)).toEqual([]);
    expect(await failure(client, () => tell(id, `'{}'`))).toMatchObject({ code: '42501' });
  }));

test('what was read is kept for 90 days, the rest for a year', () =>
  db.inTransaction(async (client) => {
    for (const [days, isRead] of [
      [89, true],
      [91, true],
      [91, false],
      [366, false],
    ])
      await client.query(
        `insert into core.notifications (workspace_id, member_id, kind, created_at, read_at)
         select $1, $2, 'SYNC_ERROR', now() - make_interval(days => $3), case when $4 then now() end`,
        [ws.id, cid, days, isRead],
      );
    expect((await client.query('select core.purge_notifications() as n')).rows[0].n).toBe(2);
  }));
