import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, insert, objectNamed, type Workspace } from '../testing/workspace.ts';

// Comments: who reads and writes them, threads, mentions, and where they go with their record.
const db = useDatabase();
let ws: Workspace;
let rep: { id: string; name: string };
let company: string;
let [ann, bob, cid] = ['', '', ''];

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  rep = rows[0];
  company = await objectNamed(db.admin, ws, 'company');
  await db.admin.query(
    `insert into metadata.record_rules (workspace_id, role_id, object_id, condition) values ($1, $2, $3, 'accountOwner = currentMember()')`,
    [ws.id, rep.id, company],
  );
  const add = async (name: string, role: string) =>
    (await db.admin.query(`select core.add_member('acme', $1 || '@acme.example', initcap($1), $2) as id`, [name, role]))
      .rows[0].id as string;
  ann = await add('ann', 'Rep');
  bob = await add('bob', 'Rep');
  cid = await add('cid', 'Member');
});

async function be(client: pg.ClientBase, member: string, role = rep.name) {
  await act(client, role);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [member]);
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
const read = async (client: pg.ClientBase, record: string) =>
  (await client.query(`select * from comments_of_record('company', $1)`, [record])).rows;
const bodies = async (client: pg.ClientBase, record: string) =>
  (await read(client, record)).map((row) => row.body as string);

describe('who reads a record', () => {
  test('comments on it, and reads what others said; who does not, neither', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      await say(client, id, ' Call them. ');
      expect(await read(client, id)).toMatchObject([
        {
          body: 'Call them.',
          author_type: 'member',
          author_id: ann,
          author_name: 'Ann',
          may_edit: true,
          may_remove: true,
        },
      ]);
      await be(client, cid, ws.memberRole);
      await say(client, id, 'I did.');
      expect((await read(client, id)).map((row) => row.may_edit)).toEqual([false, true]);
      await be(client, bob);
      expect(await failure(client, () => read(client, id))).toMatchObject({ code: '42501' });
      expect(await failure(client, () => say(client, id, 'Me too'))).toMatchObject({ code: '42501' });
    }));

  test('needs no right to change it', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      const reader = (
        await client.query(
          `insert into metadata.roles (workspace_id, name, can_update_all, can_create_all, can_delete_all) values ($1, 'Reader', false, false, false) returning pg_role`,
          [ws.id],
        )
      ).rows[0].pg_role as string;
      await client.query('set constraints all immediate');
      await be(client, cid, reader);
      await say(client, id, 'Seen.');
      expect(await bodies(client, id)).toEqual(['Seen.']);
    }));

  test('reaches the table by no other way', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      await say(client, id, 'Call them.');
      for (const sql of [
        'select * from record_comments',
        'delete from record_comments',
        `select engine.add_comment('${ws.adminRole}', '${ws.schema}', 'company', '${id}', 'x', null)`,
      ])
        expect(await failure(client, () => client.query(sql))).toMatchObject({ code: '42501' });
    }));
});

describe('who wrote a comment', () => {
  test('edits, removes and brings it back; others do not, but for who moderates', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      const { id: comment } = await say(client, id, 'Call tehm.');
      await client.query('select edit_comment($1, $2)', [comment, 'Call them.']);
      expect((await read(client, id))[0]).toMatchObject({ body: 'Call them.', edited_at: expect.any(Date) });

      await be(client, cid, ws.memberRole);
      for (const sql of [`select edit_comment($1, 'No')`, 'select remove_comment($1)'])
        expect(await failure(client, () => client.query(sql, [comment]))).toMatchObject({ code: '42501' });

      await be(client, cid, ws.adminRole);
      expect(await failure(client, () => client.query(`select edit_comment($1, 'No')`, [comment]))).toMatchObject({
        code: '42501',
      });
      await client.query('select remove_comment($1)', [comment]);
      expect(await read(client, id)).toEqual([]);
      await be(client, ann);
      expect(await failure(client, () => client.query('select bring_back_comment($1)', [comment]))).toMatchObject({
        code: '42501',
      });
      await be(client, cid, ws.adminRole);
      await client.query('select bring_back_comment($1)', [comment]);
      expect(await bodies(client, id)).toEqual(['Call them.']);
    }));

  test('does nothing to it once the record is out of sight', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      const { id: comment } = await say(client, id, 'Call them.');
      await client.query('reset role');
      await client.query(`update ${ws.schema}.companies set account_owner_id = $1`, [bob]);
      await be(client, ann);
      for (const sql of [
        `select edit_comment($1, 'No')`,
        'select remove_comment($1)',
        'select bring_back_comment($1)',
        'select resolve_comment($1)',
      ])
        expect(await failure(client, () => client.query(sql, [comment]))).toMatchObject({ code: 'RV221' });
    }));

  test('may be a key, and another key is somebody else', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      const keys = (
        await client.query(
          `select core.create_api_key('acme', 'Admin', n, 'rv_', sha256(n::bytea)) as id from unnest('{one,two}'::text[]) n`,
        )
      ).rows.map((row) => row.id as string);
      const asKey = async (key: string) => {
        await act(client, ws.memberRole);
        await client.query(
          `select set_config('relvar.member_id', '', true), set_config('relvar.api_key_id', $1, true)`,
          [key],
        );
      };
      await asKey(keys[0]!);
      await say(client, id, 'Synchronised.');
      expect((await read(client, id))[0]).toMatchObject({ author_type: 'api_key', author_name: 'one', may_edit: true });
      await asKey(keys[1]!);
      expect((await read(client, id))[0]).toMatchObject({ may_edit: false, may_remove: false });
    }));
});

test('threads have one level, can be resolved, and a reply opens them again', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    const first = await say(client, id, 'One');
    const second = await say(client, id, 'Two');
    const reply = await say(client, id, 'One, answered', first.id);
    await say(client, id, 'One, answered again', reply.id);
    expect((await read(client, id)).map((row) => [row.body, row.parent_id])).toEqual([
      ['One', null],
      ['One, answered', first.id],
      ['One, answered again', first.id],
      ['Two', null],
    ]);
    expect((await client.query('select resolve_comment($1) as yes', [first.id])).rows[0].yes).toBe(true);
    expect((await client.query('select resolve_comment($1) as yes', [first.id])).rows[0].yes).toBe(false);
    expect((await read(client, id))[0]).toMatchObject({ resolved_by_name: 'Ann' });
    await say(client, id, 'Not yet', first.id);
    expect((await read(client, id))[0].resolved_at).toBeNull();

    // A gap where there are replies, and nothing where there are none.
    await client.query('select remove_comment($1), remove_comment($2)', [first.id, second.id]);
    expect((await read(client, id)).map((row) => [row.body, row.is_removed])).toEqual([
      ['', true],
      ['One, answered', false],
      ['One, answered again', false],
      ['Not yet', false],
    ]);
    const other = await make(client, 'Other', ann);
    await be(client, ann);
    expect(await failure(client, () => say(client, other, 'Elsewhere', first.id))).toMatchObject({ code: 'RV221' });
  }));

test('threads come by pages, the latest first, each read from its beginning', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    for (const body of ['1', '2', '3', '4', '5']) await say(client, id, body);
    const page = async (before: string | null) =>
      (await client.query(`select * from comments_of_record('company', $1, 2, $2)`, [id, before])).rows;
    const last = await page(null);
    expect(last.map((row) => row.body)).toEqual(['4', '5']);
    expect((await page(last[0].comment_id)).map((row) => row.body)).toEqual(['2', '3']);
  }));

test.each(['', '  \n ', 'x'.repeat(10_001), '\u0001'])('a text that is none is refused', (body) =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    expect(await failure(client, () => say(client, id, body))).toMatchObject({ code: 'RV220', column: 'body' });
  }),
);

describe('mentions', () => {
  test('are kept by id and told with the present name', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      await say(client, id, `<@${cid}>, please.`);
      await client.query('reset role');
      await client.query(`update core.members set name = 'Cid Camel' where id = $1`, [cid]);
      await be(client, ann);
      expect((await read(client, id))[0].mentions).toEqual({ [cid]: 'Cid Camel' });
      // Who has left is told by the name of the time.
      await act(client, ws.adminRole);
      await client.query('select metadata.remove_member($1)', [cid]);
      await be(client, ann);
      expect((await read(client, id))[0].mentions).toEqual({ [cid]: 'Cid' });
    }));

  test('of who is no member are refused, as are very many', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      const other = await createWorkspace(client, 'other');
      const stranger = (await client.query('select id from core.members where workspace_id = $1', [other.id])).rows[0]
        .id as string;
      await be(client, ann);
      for (const body of [`<@${stranger}>`, `<@${id}>`])
        expect(await failure(client, () => say(client, id, body))).toMatchObject({ code: 'RV222', column: 'body' });
    }));

  test('offer members by the words of their names, and say who could not read it', () =>
    db.inTransaction(async (client) => {
      const id = await make(client, 'Acme', ann);
      await be(client, ann);
      const find = async (query: string) =>
        (await client.query(`select name, can_read from mentionable_members('company', $1, $2)`, [id, query])).rows;
      expect(await find('')).toEqual([
        { name: 'Ann', can_read: true },
        { name: 'Bob', can_read: false },
        { name: 'Cid', can_read: true },
        ...(await find('owner')),
      ]);
      expect(await find('BÓ')).toEqual([{ name: 'Bob', can_read: false }]);
      for (const query of ['%', '\\', "'", 'ob']) expect(await find(query)).toEqual([]);
    }));

  test('are found in any text, each once', async () => {
    const uuid = fc.uuid();
    const piece = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('<@', '>', '<@x>', '@', '<@>', '<<@'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            piece,
            uuid.map((id) => ({ id })),
          ),
          { maxLength: 12 },
        ),
        async (parts) => {
          const text = parts.map((part) => (typeof part === 'string' ? part : `<@${part.id}>`)).join('');
          if (text.includes('\0')) return;
          const { rows } = await db.admin.query('select engine.mentioned_ids($1) as ids', [text]);
          const expected = [
            ...new Set(
              [...text.matchAll(/<@([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})>/gi)].map(([, id]) =>
                id!.toLowerCase(),
              ),
            ),
          ];
          expect(rows[0].ids).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});

test('comments follow their record to the trash and back, and go when it is destroyed', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await act(client, ws.adminRole);
    await say(client, id, 'Remember.');
    await client.query('delete from companies where id = $1', [id]);
    expect(await failure(client, () => read(client, id))).toMatchObject({ code: '42501' });
    await client.query(`select restore_record('company', $1)`, [id]);
    expect(await bodies(client, id)).toEqual(['Remember.']);
    await client.query('delete from companies where id = $1', [id]);
    await client.query(`select destroy_record('company', $1)`, [id]);
    await client.query('reset role');
    expect((await client.query(`select * from ${ws.schema}.record_comments`)).rows).toEqual([]);
  }));

test('comments move to the record that theirs was merged into', () =>
  db.inTransaction(async (client) => {
    const [stays, goes] = [await make(client, 'Acme', ann), await make(client, 'ACME', ann)];
    await act(client, ws.adminRole);
    await say(client, goes, `About ACME <@${cid}>`);
    await client.query(`select merge_records('company', $1, array[$2]::uuid[])`, [stays, goes]);
    expect(await bodies(client, stays)).toEqual([`About ACME <@${cid}>`]);
    await be(client, cid, ws.memberRole);
    const { rows } = await client.query('select metadata.my_notifications() as list');
    expect(rows[0].list.items).toMatchObject([{ recordId: stays, label: 'Acme' }]);
  }));

test('comments go with the trash that is purged', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await act(client, ws.adminRole);
    await say(client, id, 'Remember.');
    await client.query('delete from companies where id = $1', [id]);
    await client.query('reset role');
    await client.query(`update ${ws.schema}.trash set deleted_at = now() - interval '1000 days'`);
    expect((await client.query('select engine.purge_trash($1) as n', [ws.id])).rows[0].n).toBe(1);
    expect((await client.query(`select * from ${ws.schema}.record_comments`)).rows).toEqual([]);
  }));

test('what was removed is forgotten a day later', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, ann);
    const [gone, kept] = [await say(client, id, 'Gone'), await say(client, id, 'Answered')];
    await say(client, id, 'Answer', kept.id);
    await client.query('select remove_comment($1), remove_comment($2)', [gone.id, kept.id]);
    await client.query('reset role');
    expect((await client.query('select engine.purge_comments() as count')).rows[0].count).toBe(0);
    await client.query(
      `update ${ws.schema}.record_comments set removed_at = now() - interval '25 hours' where removed_at is not null`,
    );
    expect((await client.query('select engine.purge_comments() as count')).rows[0].count).toBe(2);
    expect((await client.query(`select body from ${ws.schema}.record_comments order by body`)).rows).toEqual([
      { body: '' },
      { body: 'Answer' },
    ]);
  }));

test('the log tells that somebody commented, and not what', () =>
  db.inTransaction(async (client) => {
    const id = await make(client, 'Acme', ann);
    await be(client, cid, ws.memberRole);
    const { id: comment } = await say(client, id, 'A secret.');
    const { rows } = await client.query(`select action, after, actor_name from record_history('company', $1)`, [id]);
    expect(rows[0]).toEqual({
      action: 'commented',
      after: { comment: { id: comment, change: 'ADDED' } },
      actor_name: 'Cid',
    });
    expect(JSON.stringify(rows)).not.toContain('secret');
  }));
