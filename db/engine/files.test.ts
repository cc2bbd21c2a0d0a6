import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, addField, createWorkspace, failure, insert, objectNamed, type Workspace } from '../testing/workspace.ts';

// Files: who may put one where, who may open it, how long it is kept, and how much of them there may be.
const db = useDatabase();
let ws: Workspace;
let rep: string;
let papers: string;
let company: string;
let [ann, bob] = ['', ''];

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  company = await objectNamed(db.admin, ws, 'company');
  papers = await addField(db.admin, company, { label: 'Papers', type: 'FILES', settings: { maxNumberOfValues: 3 } });
  await addField(db.admin, company, { label: 'Drafts', type: 'FILES' });
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name, permissions) values ($1, 'Rep', '{UPLOAD_FILE,DOWNLOAD_FILE}') returning id, pg_role`,
    [ws.id],
  );
  rep = rows[0].pg_role;
  await db.admin.query(
    `insert into metadata.record_rules (workspace_id, role_id, object_id, condition) values ($1, $2, $3, 'accountOwner = currentMember()')`,
    [ws.id, rows[0].id, company],
  );
  const add = async (name: string) =>
    (await db.admin.query(`select core.add_member('acme', $1 || '@acme.example', initcap($1), 'Rep') as id`, [name]))
      .rows[0].id as string;
  [ann, bob] = [await add('ann'), await add('bob')];
});

async function be(client: pg.ClientBase, member: string, role = rep) {
  await client.query('reset role');
  await act(client, role);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [member]);
}
const make = async (client: pg.ClientBase, name: string, owner: string) => {
  await client.query('reset role');
  return insert(client, `${ws.schema}.companies`, { name, account_owner_id: owner });
};
/** As the server uploads: it begins as the member, and ends as itself. */
async function upload(client: pg.ClientBase, name = 'offer.pdf', size = 10) {
  const { rows } = await client.query('select * from begin_upload($1, 1000000000)', [name]);
  const role = (await client.query(`select current_setting('role') as role`)).rows[0].role as string;
  await client.query('reset role');
  const id = rows[0].file_id as string;
  await client.query(`select core.finish_upload($1, $2, $3, 'application/pdf', 'abc')`, [ws.id, id, size]);
  if (role !== 'none') await client.query(`set local role ${role}`);
  return id;
}
const put = async (client: pg.ClientBase, record: string, files: object[] | null, column = 'papers') =>
  (
    await client.query(`update companies set ${column} = $2 where id = $1 returning ${column} as files`, [
      record,
      files === null ? null : JSON.stringify(files),
    ])
  ).rows[0]?.files as { id: string; name: string; type: string; size: number }[] | null;
const open = async (client: pg.ClientBase, id: string) =>
  (await client.query('select * from open_file($1)', [id])).rows[0] as { name: string } | undefined;
const count = async (client: pg.ClientBase, from: string) =>
  (await client.query(`select count(*)::int as n from ${from}`)).rows[0].n as number;
const purge = async (client: pg.ClientBase) => {
  await client.query('reset role');
  return (await client.query('select engine.purge_files() as n')).rows[0].n as number;
};

describe('a field', () => {
  test('holds what the upload found out, under the name that is given, and in one form', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann);
      const [a, b] = [await upload(client, '../../etc/offer.pdf', 7), await upload(client, 'b.pdf')];
      expect(
        await put(client, record, [
          { id: a, type: 'text/html', size: 0 },
          { id: b, name: 'C:\\x\\Better.pdf' },
          { id: b },
        ]),
      ).toEqual([
        { id: a, name: 'offer.pdf', type: 'application/pdf', size: 7 },
        { id: b, name: 'Better.pdf', type: 'application/pdf', size: 10 },
      ]);
      expect(await put(client, record, [])).toBeNull();
      for (const [bad, code] of [
        [{ id: a } as unknown as object[], 'RV278'],
        [[{ id: 'x' }], 'RV278'],
        [[{ id: a, url: 'https://evil.example' }], 'RV278'],
        [[{ id: a, name: 7 }], 'RV278'],
        [[{ id: randomUUID() }], 'RV277'],
      ] as [object[], string][])
        expect(await failure(client, () => put(client, record, bad))).toMatchObject({ code, column: 'papers' });
    }));

  test('keeps to its number of files', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann);
      const four: { id: string }[] = [];
      for (let i = 0; i < 4; i++) four.push({ id: await upload(client) });
      expect(await failure(client, () => put(client, record, four))).toMatchObject({ code: '23514' });
      expect(await put(client, record, four.slice(1))).toHaveLength(3);
    }));

  test('holds no file whose upload has not ended', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann);
      const { file_id: id } = (await client.query(`select * from begin_upload('half.pdf', 100)`)).rows[0];
      expect(await failure(client, () => put(client, record, [{ id }]))).toMatchObject({ code: 'RV277' });
      expect(await open(client, id)).toBeUndefined();
    }));
});

describe('an id alone', () => {
  test('opens nothing and is put nowhere by who does not read the record that has the file', () =>
    db.inTransaction(async (client) => {
      const [hers, his] = [await make(client, 'Hers', ann), await make(client, 'His', bob)];
      await be(client, ann);
      const id = await upload(client);
      // The uploader sees it before a record holds it, and nobody else does.
      expect(await open(client, id)).toMatchObject({ name: 'offer.pdf' });
      await be(client, bob);
      expect(await open(client, id)).toBeUndefined();
      expect(await failure(client, () => put(client, his, [{ id }]))).toMatchObject({ code: 'RV277' });
      await be(client, ann);
      await put(client, hers, [{ id, name: 'For us.pdf' }]);
      expect(await open(client, id)).toMatchObject({ name: 'For us.pdf', media_type: 'application/pdf', size: '10' });
      await be(client, bob);
      expect(await open(client, id)).toBeUndefined();
      expect(await failure(client, () => put(client, his, [{ id }]))).toMatchObject({ code: 'RV277' });
      // Once he reads the record he opens it, and puts it elsewhere.
      await client.query('reset role');
      await client.query(`update ${ws.schema}.companies set account_owner_id = $1 where id = $2`, [bob, hers]);
      await be(client, bob);
      expect(await open(client, id)).toMatchObject({ name: 'For us.pdf' });
      expect(await put(client, his, [{ id }])).toMatchObject([{ id, name: 'offer.pdf' }]);
      await be(client, ann);
      expect(await open(client, id)).toBeUndefined();
    }));

  test('opens nothing for who may not read the field', () =>
    db.inTransaction(async (client) => {
      await client.query(
        `insert into metadata.field_permissions (role_id, object_id, field_id, can_read) select id, $2, $3, false from metadata.roles where pg_role = $1`,
        [rep, company, papers],
      );
      await client.query('set constraints all immediate; set constraints all deferred');
      const record = await make(client, 'Acme', ann);
      await client.query(`set local search_path = ${ws.schema}, public`);
      await be(client, bob, ws.adminRole);
      const id = await upload(client);
      await put(client, record, [{ id }]);
      expect(await open(client, id)).toBeDefined();
      await be(client, ann);
      expect(await open(client, id)).toBeUndefined();
      expect(await failure(client, () => put(client, record, [{ id }], 'drafts'))).toMatchObject({ code: 'RV277' });
    }));

  test('and neither table is open to anybody', () =>
    db.inTransaction(async (client) => {
      await be(client, ann, ws.adminRole);
      for (const table of ['record_files', 'record_file_uses'])
        expect(await failure(client, () => client.query(`select from ${table}`))).toMatchObject({ code: '42501' });
    }));

  test('roles without the permissions upload and open nothing', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann, ws.adminRole);
      const id = await upload(client);
      await put(client, record, [{ id }]);
      await client.query('reset role');
      await client.query(`update metadata.roles set permissions = '{}' where pg_role = $1`, [rep]);
      await be(client, ann);
      expect(await failure(client, () => upload(client))).toMatchObject({ code: '42501' });
      expect(await failure(client, () => open(client, id))).toMatchObject({ code: '42501' });
    }));
});

describe('what holds a file', () => {
  test('keeps it through trash and restoring, and gives it up for good when it is destroyed', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann, ws.adminRole);
      const id = await upload(client);
      await put(client, record, [{ id }]);
      await client.query('delete from companies where id = $1', [record]);
      expect(await open(client, id)).toBeUndefined();
      await client.query('reset role');
      await client.query(`update ${ws.schema}.record_files set created_at = now() - interval '40 days'`);
      expect(await purge(client)).toBe(0);
      await be(client, ann, ws.adminRole);
      await client.query(`select restore_record('company', $1)`, [record]);
      expect(await open(client, id)).toBeDefined();
      await client.query('delete from companies where id = $1', [record]);
      await client.query(`select destroy_record('company', $1)`, [record]);
      expect(await purge(client)).toBe(1);
      expect((await client.query('select workspace_id, file_id from core.unwanted_files')).rows).toEqual([
        { workspace_id: ws.id, file_id: id },
      ]);
    }));

  test('gets it back by a revert while the trash would keep it, and not after', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann);
      const id = await upload(client);
      await put(client, record, [{ id, name: 'Signed.pdf' }]);
      const since = (await client.query('select max(batch) as batch from record_events')).rows[0].batch ?? 0;
      await client.query('reset role');
      // Another one who may change the record takes it back.
      await client.query(`update ${ws.schema}.companies set account_owner_id = $1 where id = $2`, [bob, record]);
      await be(client, bob);
      await put(client, record, null);
      expect(await open(client, id)).toBeUndefined();
      expect(await put(client, record, [{ id, name: 'Signed.pdf' }])).toMatchObject([{ name: 'Signed.pdf' }]);
      await put(client, record, null);
      await client.query('reset role');
      await client.query(
        `update ${ws.schema}.record_files set created_at = now() - interval '40 days'; update ${ws.schema}.record_file_uses set released_at = now() - interval '29 days'`,
      );
      expect(await purge(client)).toBe(0);
      await client.query(`update ${ws.schema}.record_file_uses set released_at = now() - interval '31 days'`);
      expect(await purge(client)).toBe(1);
      await be(client, bob);
      expect(await failure(client, () => put(client, record, [{ id }]))).toMatchObject({ code: 'RV277' });
      expect(since).toBeDefined();
    }));

  test('hands it on to the record that it is merged into', () =>
    db.inTransaction(async (client) => {
      const [one, other] = [await make(client, 'One', ann), await make(client, 'Other', ann)];
      await be(client, ann, ws.adminRole);
      const id = await upload(client);
      await put(client, other, [{ id }]);
      await be(client, ann, ws.memberRole);
      await client.query(`select merge_records('company', $1, $2, $3)`, [
        one,
        [other],
        JSON.stringify({ papers: [{ id }] }),
      ]);
      expect(await open(client, id)).toBeDefined();
    }));

  test('the log tells names and ids of files, and no content', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann);
      const id = await upload(client);
      await put(client, record, [{ id }]);
      await client.query('reset role');
      const { rows } = await client.query(
        `select after from ${ws.schema}.record_events where record_id = $1 and action = 'updated'`,
        [record],
      );
      expect(rows.at(-1).after).toEqual({
        papers: [{ id, name: 'offer.pdf', type: 'application/pdf', size: 10 }],
      });
    }));
});

describe('the purge', () => {
  test('takes what nobody took up and what was broken off after a day, and files of fields that are gone', () =>
    db.inTransaction(async (client) => {
      const record = await make(client, 'Acme', ann);
      await be(client, ann);
      await upload(client);
      await client.query(`select * from begin_upload('half.pdf', 100)`);
      expect(await purge(client)).toBe(0);
      await be(client, ann);
      const held = await upload(client);
      await put(client, record, [{ id: held }]);
      await client.query('reset role');
      await client.query(`update ${ws.schema}.record_files set created_at = now() - interval '25 hours'`);
      expect(await purge(client)).toBe(2);
      await client.query('delete from metadata.fields where id = $1', [papers]);
      expect(await purge(client)).toBe(0);
      await client.query(`update metadata.fields set deleted_at = now() - interval '1 year' where id = $1`, [papers]);
      await client.query('select engine.purge_deleted()');
      expect(await purge(client)).toBe(1);
      expect(await count(client, `${ws.schema}.record_files`)).toBe(0);
    }));

  test('knows all files of a workspace that is dropped', () =>
    db.inTransaction(async (client) => {
      await be(client, ann, ws.adminRole);
      const id = await upload(client);
      await client.query('reset role');
      await client.query(`select engine.drop_workspace('acme')`);
      expect((await client.query('select file_id from core.unwanted_files')).rows).toEqual([{ file_id: id }]);
    }));
});

describe('the room', () => {
  test('is what the administrator of the server gave, and a file has at most what the workspace lets it', () =>
    db.inTransaction(async (client) => {
      await client.query('update core.workspace_settings set file_quota_mb = 3');
      await be(client, ann, ws.adminRole);
      await client.query('select metadata.set_max_file_mb(2)');
      const begin = async () =>
        Number((await client.query(`select * from begin_upload('a', 100000000)`)).rows[0].max_bytes);
      expect(await begin()).toBe(2 * 2 ** 20);
      await upload(client, 'a', 2 * 2 ** 20);
      expect(await begin()).toBe(2 ** 20);
      expect((await client.query('select metadata.file_storage() as s')).rows[0].s).toEqual({
        files: 1,
        bytes: 2 * 2 ** 20,
        maxFileMb: 2,
        quotaMb: 3,
      });
      expect(await failure(client, () => upload(client, 'b', 2 * 2 ** 20))).toMatchObject({ code: 'RV279' });
      await upload(client, 'c', 2 ** 20);
      expect(await failure(client, begin)).toMatchObject({ code: 'RV279' });
      expect(await failure(client, () => client.query('select metadata.set_max_file_mb(0)'))).toMatchObject({
        code: 'RV281',
      });
      await be(client, ann);
      expect(await failure(client, () => client.query('select metadata.set_max_file_mb(9)'))).toMatchObject({
        code: '42501',
      });
    }));

  test('an upload ends once', () =>
    db.inTransaction(async (client) => {
      await be(client, ann);
      const id = await upload(client);
      await client.query('reset role');
      expect(
        await failure(client, () =>
          client.query(`select core.finish_upload($1, $2, 1, 'text/html', 'x')`, [ws.id, id]),
        ),
      ).toMatchObject({ code: 'RV280' });
    }));
});

test('an object of one’s own keeps files once who keeps the model says so', () =>
  db.inTransaction(async (client) => {
    const { rows } = await client.query(
      `select (metadata.create_object(label_singular => 'Voyage', label_plural => 'Voyages', workspace_id => $1)).id`,
      [ws.id],
    );
    await client.query('set constraints all immediate; set constraints all deferred');
    const keep = async () => (await client.query('select metadata.keep_files($1) as kept', [rows[0].id])).rows[0].kept;
    await be(client, ann);
    expect(await failure(client, keep)).toMatchObject({ code: '42501' });
    await be(client, ann, ws.adminRole);
    expect([await keep(), await keep()]).toEqual([true, false]);
    await client.query('reset role; set constraints all immediate; set constraints all deferred');
    const voyage = await insert(client, `${ws.schema}.voyages`, { name: 'North' });
    await insert(client, `${ws.schema}.attachments`, { name: 'chart', target_voyage_id: voyage });
  }));

test('a name is one on every system, whatever it was, and keeps its ending', async () => {
  const named = async (names: string[]) =>
    (
      await db.admin.query(
        'select engine.file_name(n) as name from unnest($1::text[]) with ordinality u (n, i) order by i',
        [names],
      )
    ).rows.map((row) => row.name as string);
  expect(
    await named([
      'a.pdf',
      '../../etc/passwd',
      'C:\\temp\\x.doc',
      'evil\u202Egpj.exe',
      ' . ',
      '',
      'Ангебот № 5.pdf',
      '🎉.png',
      `${'x'.repeat(300)}.pdf`,
      'a\nb.txt',
      'e\u0301.txt',
    ]),
  ).toEqual([
    'a.pdf',
    'passwd',
    'x.doc',
    'evilgpj.exe',
    'file',
    'file',
    'Ангебот № 5.pdf',
    '🎉.png',
    `${'x'.repeat(251)}.pdf`,
    'ab.txt',
    '\u00e9.txt',
  ]);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'binary', maxLength: 400 }), { minLength: 1, maxLength: 30 }),
      async (names) => {
        const safe = names.map((name) => name.replaceAll('\0', ''));
        for (const name of await named(safe)) {
          expect([...name].length).toBeLessThanOrEqual(255);
          expect(name).toMatch(/^[^/\\\p{Cc}\u202a-\u202e]+$/u);
          expect(name).not.toMatch(/^\.+$/);
        }
        // It is the same again when it is named again.
        const once = await named(safe);
        expect(await named(once)).toEqual(once);
      },
    ),
    { numRuns: 20 },
  );
});

test.each(['hashjoin', 'mergejoin', 'nestloop'])(
  'a workspace is made however PostgreSQL finds what is missing (without %s)',
  (way) =>
    db.inTransaction(async (client) => {
      await client.query(`set local enable_${way} = off`);
      const made = await createWorkspace(client, `without-${way}`);
      expect(
        (await client.query(`select to_regclass($1) is not null as is_there`, [`${made.schema}.record_file_uses`]))
          .rows,
      ).toEqual([{ is_there: true }]);
    }),
);
