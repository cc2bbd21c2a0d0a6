import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, addObject, createWorkspace, failure, insert, objectNamed, type Workspace } from '../testing/workspace.ts';

// The timeline of a record: one stream of what happened to it and what it has, under the rules of whoever reads it.
const db = useDatabase();
let ws: Workspace;
let rep: { id: string; name: string };
let ann: string;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const { rows } = await db.admin.query(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Rep') returning id, pg_role as name`,
    [ws.id],
  );
  rep = rows[0];
  const rule = async (object: string, condition: string) =>
    insert(db.admin, 'metadata.record_rules', {
      workspace_id: ws.id,
      role_id: rep.id,
      object_id: await objectNamed(db.admin, ws, object),
      condition,
    });
  await rule('company', `name <> "Secret"`);
  await rule('note', `title <> "Hidden"`);
  const { rows: fields } = await db.admin.query(
    `select id from metadata.fields where object_id = $1 and name = 'employees'`,
    [await objectNamed(db.admin, ws, 'company')],
  );
  await insert(db.admin, 'metadata.field_permissions', {
    workspace_id: ws.id,
    role_id: rep.id,
    field_id: fields[0].id,
    can_read: false,
  });
  ann = (await db.admin.query(`select core.add_member('acme', 'ann@acme.example', 'Ann', 'Rep') as id`)).rows[0].id;
});

interface Entry {
  entry_key: string;
  kind: string;
  batch: string | null;
  action: string | null;
  after: Record<string, unknown> | null;
  body: string | null;
  related_object: string | null;
  related_id: string | null;
  actor_name: string | null;
}

/** Each statement as if it were a transaction of its own, a minute after the one before. */
async function story(client: pg.ClientBase, name: string) {
  await client.query('reset role');
  const at = (table: string, id: string, minute: number) =>
    client.query(`update ${ws.schema}.${table} set created_at = $2::timestamptz where id = $1`, [
      id,
      new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString(),
    ]);
  const company = await insert(client, `${ws.schema}.companies`, { name });
  await client.query(`update ${ws.schema}.companies set employees = 7 where id = $1`, [company]);
  await client.query(`update ${ws.schema}.companies set name = name || '!' where id = $1`, [company]);
  const tie = async (kind: 'note' | 'task', title: string, minute: number) => {
    const id = await insert(client, `${ws.schema}.${kind}s`, { title });
    const link = await insert(client, `${ws.schema}.${kind}_targets`, {
      [`${kind}_id`]: id,
      target_company_id: company,
    });
    await at(`${kind}_targets`, link, minute);
    return id;
  };
  const hidden = await tie('note', 'Hidden', 1);
  const note = await tie('note', 'Minutes', 2);
  const task = await tie('task', 'Call', 3);
  const file = await insert(client, `${ws.schema}.attachments`, { name: 'offer.pdf', target_company_id: company });
  await at('attachments', file, 4);
  await act(client, ws.adminRole);
  await client.query(`select add_comment('company', $1, 'Good people.')`, [company]);
  await client.query('reset role');
  return { company, hidden, note, task, file };
}

const be = async (client: pg.ClientBase) => {
  await act(client, rep.name);
  await client.query(`select set_config('relvar.member_id', $1, true)`, [ann]);
};
const timeline = async (
  client: pg.ClientBase,
  id: string,
  kinds: string[] | null = null,
  max = 30,
  before: string | null = null,
) =>
  (await client.query<Entry>(`select * from record_timeline('company', $1, $2, $3, $4)`, [id, kinds, max, before]))
    .rows;

/** The key of a place says what lies above it, which follows from what is asked for. */
const keyless = (entries: Entry[]) => entries.map((entry) => ({ ...entry, entry_key: '' }));

describe('the timeline of a record', () => {
  test('is one stream of changes, comments, notes, tasks and files, the latest first', () =>
    db.inTransaction(async (client) => {
      const { company, hidden, note, task, file } = await story(client, 'Acme');
      await act(client, ws.adminRole);
      const entries = await timeline(client, company);
      expect(entries.map(({ kind }) => kind)).toEqual([
        'COMMENT',
        'CHANGE',
        'CHANGE',
        'CHANGE',
        'FILE',
        'TASK',
        'NOTE',
        'NOTE',
      ]);
      expect(entries[0]).toMatchObject({ body: 'Good people.' });
      expect(entries.slice(1, 4).map(({ action }) => action)).toEqual(['updated', 'updated', 'created']);
      expect(entries.slice(4).map((entry) => [entry.related_object, entry.related_id])).toEqual([
        ['attachment', file],
        ['task', task],
        ['note', note],
        ['note', hidden],
      ]);
    }));

  test('shows a role no field, note or comment that it may not read', () =>
    db.inTransaction(async (client) => {
      const { company, note } = await story(client, 'Acme');
      await be(client);
      const entries = await timeline(client, company);
      expect(entries.map(({ kind }) => kind)).toEqual(['COMMENT', 'CHANGE', 'CHANGE', 'FILE', 'TASK', 'NOTE']);
      expect(JSON.stringify(entries)).not.toMatch(/employees/);
      expect(entries.at(-1)!.related_id).toBe(note);
    }));

  test('of a record that is not seen is empty, and of an object that is not read is refused', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Secret');
      await client.query(`update ${ws.schema}.companies set name = 'Secret' where id = $1`, [company]);
      await be(client);
      expect(await timeline(client, company)).toEqual([]);
      await client.query('reset role');
      await insert(client, 'metadata.object_permissions', {
        workspace_id: ws.id,
        role_id: rep.id,
        object_id: await objectNamed(client, ws, 'company'),
        can_read: false,
        can_create: false,
        can_update: false,
        can_delete: false,
      });
      await client.query('set constraints all immediate');
      await be(client);
      expect(await failure(client, () => timeline(client, company))).toMatchObject({ code: '42501' });
    }));

  test('shows no notes to who may not read what ties them', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      await insert(client, 'metadata.object_permissions', {
        workspace_id: ws.id,
        role_id: rep.id,
        object_id: await objectNamed(client, ws, 'note'),
        can_read: false,
        can_create: false,
        can_update: false,
        can_delete: false,
      });
      await client.query('set constraints all immediate');
      await be(client);
      expect((await timeline(client, company)).map(({ kind }) => kind)).not.toContain('NOTE');
    }));

  test('comes in pages that lose and double nothing, and by kind', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      for (const become of [() => act(client, ws.adminRole), () => be(client)]) {
        await become();
        const all = await timeline(client, company);
        const paged: Entry[] = [];
        for (let page = await timeline(client, company, null, 2); page.length > 0;)
          page = await timeline(client, company, null, 2, paged[paged.push(...page) - 1]!.entry_key);
        expect(paged).toEqual(all);
        for (const kind of ['CHANGE', 'COMMENT', 'NOTE', 'TASK', 'FILE'])
          expect(keyless(await timeline(client, company, [kind]))).toEqual(
            keyless(all.filter((entry) => entry.kind === kind)),
          );
      }
    }));

  test('of a record in the trash still tells its changes', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      await client.query(`delete from ${ws.schema}.companies where id = $1`, [company]);
      await be(client);
      expect((await timeline(client, company)).map(({ action }) => action)).toEqual(['deleted', 'updated', 'created']);
    }));

  test('stands in the order of the log, whatever the clock said, and in pages that lose and double nothing', () =>
    db.inTransaction(async (client) => {
      await client.query('reset role');
      const company = await insert(client, `${ws.schema}.companies`, { name: 'Acme' });
      for (let i = 1; i <= 12; i++)
        await client.query(`update ${ws.schema}.companies set name = 'Acme ' || $2::int where id = $1`, [company, i]);
      // A transaction that began early and came late, and a clock that was set back and forth.
      await client.query(
        `update ${ws.schema}.record_events e set happened_at = now() - make_interval(mins => (array[7, 30, 1, 12, 3, 90, 2, 0, 45, 5, 9, 4, 60])[n.n])
         from (select batch, row_number() over (order by batch desc) as n from ${ws.schema}.record_events where record_id = $1) n where n.batch = e.batch`,
        [company],
      );
      await act(client, ws.adminRole);
      for (let i = 0; i < 6; i++) await client.query(`select add_comment('company', $1, $2)`, [company, `Said ${i}`]);
      await client.query('reset role');
      await client.query(
        `update ${ws.schema}.record_comments set created_at = now() - make_interval(mins => right(body, 1)::int * 8)`,
      );
      await act(client, ws.adminRole);
      const all = await timeline(client, company);
      expect(all).toHaveLength(19);
      const batches = all.flatMap(({ batch }) => (batch === null ? [] : [Number(batch)]));
      expect(batches).toEqual([...batches].sort((a, b) => b - a));
      for (const size of [1, 2, 3, 5]) {
        const paged: Entry[] = [];
        for (let page = await timeline(client, company, null, size); page.length > 0;)
          page = await timeline(client, company, null, size, paged[paged.push(...page) - 1]!.entry_key);
        expect(paged).toEqual(all);
      }
    }));

  test('goes on into the archive, which holds what came before', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      await act(client, ws.adminRole);
      const all = (await timeline(client, company, ['CHANGE'])).map(({ action }) => action);
      await client.query('reset role');
      await client.query(
        `update ${ws.schema}.record_events set happened_at = now() - interval '200 days' where batch <= (
           select min(batch) from ${ws.schema}.record_events where record_id = $1)`,
        [company],
      );
      // A younger one before it keeps an old event in the log.
      await client.query(
        `update ${ws.schema}.record_events set happened_at = now() - interval '200 days' where record_id = $1 and batch = (
           select max(batch) from ${ws.schema}.record_events where record_id = $1 and action = 'updated')`,
        [company],
      );
      await client.query('select engine.archive_events($1)', [ws.id]);
      const { rows } = await client.query(
        `select action from ${ws.schema}.record_events where record_id = $1 and action <> 'commented' order by batch`,
        [company],
      );
      expect(rows).toEqual([{ action: 'updated' }, { action: 'updated' }]);
      await act(client, ws.adminRole);
      expect((await timeline(client, company, ['CHANGE'])).map(({ action }) => action)).toEqual(all);
      expect((await timeline(client, company, ['CHANGE'], 2)).map(({ action }) => action)).toEqual(all.slice(0, 2));
    }));

  test('refuses kinds and places that there are not', () =>
    db.inTransaction(async (client) => {
      const { company } = await story(client, 'Acme');
      await be(client);
      expect(await failure(client, () => timeline(client, company, ['MAIL']))).toMatchObject({ code: 'RV234' });
      for (const place of ['', 'yesterday~~', '2026-13-01~x'])
        expect(await failure(client, () => timeline(client, company, null, 2, place))).toMatchObject({ code: 'RV233' });
    }));
});

describe('what happens to related records', () => {
  const related = async (client: pg.ClientBase, id: string, object = 'company') =>
    (await client.query<Entry>(`select * from record_timeline($2, $1, '{RELATED}', 50)`, [id, object])).rows.map(
      (entry) => [entry.related_object, entry.action, entry.related_id] as const,
    );

  test('is told where the relation says so: of records that point to it, also of those in the trash', () =>
    db.inTransaction(async (client) => {
      await client.query('reset role');
      const company = await insert(client, `${ws.schema}.companies`, { name: 'Acme' });
      const other = await insert(client, `${ws.schema}.companies`, { name: 'Other' });
      const deal = await insert(client, `${ws.schema}.opportunities`, { name: 'Deal', company_id: company });
      await client.query(`update ${ws.schema}.opportunities set stage = 'MEETING' where id = $1`, [deal]);
      const gone = await insert(client, `${ws.schema}.opportunities`, { name: 'Gone', company_id: company });
      const elsewhere = await insert(client, `${ws.schema}.opportunities`, { name: 'Elsewhere', company_id: other });
      await client.query(`delete from ${ws.schema}.opportunities where id = any ($1)`, [[gone, elsewhere]]);
      await act(client, ws.adminRole);
      expect(await related(client, company)).toEqual([
        ['opportunity', 'deleted', gone],
        ['opportunity', 'created', gone],
        ['opportunity', 'updated', deal],
        ['opportunity', 'created', deal],
      ]);
      // The whole stream has them between what happened to the record itself.
      expect((await timeline(client, company)).map(({ kind }) => kind)).toEqual([
        ...Array(4).fill('RELATED'),
        'CHANGE',
      ]);
      await client.query(
        `update metadata.relations r set is_on_timeline = false from metadata.fields f
         where f.id = r.field_id and r.workspace_id = $1 and f.universal_identifier = 'standard:opportunity.company'`,
        [ws.id],
      );
      expect(await related(client, company)).toEqual([]);
    }));

  test('is told over many-to-many and polymorphic relations, too', () =>
    db.inTransaction(async (client) => {
      await client.query('reset role');
      const company = await objectNamed(client, ws, 'company');
      const visit = await addObject(client, ws, { label_singular: 'Visit', label_plural: 'Visits' });
      await client.query(
        `select metadata.create_field($1, 'About', 'MORPH_RELATION', target_object_ids => array[$2, $3]::uuid[], inverse_label => 'Visits', is_on_timeline => true),
           metadata.create_field($1, 'Guests', 'MANY_TO_MANY', target_object_id => $2, inverse_label => 'Visited by', inverse_name => 'guestOf', is_on_timeline => true)`,
        [visit, company, await objectNamed(client, ws, 'person')],
      );
      await client.query('set constraints all immediate');
      const acme = await insert(client, `${ws.schema}.companies`, { name: 'Acme' });
      const guest = await insert(client, `${ws.schema}.companies`, { name: 'Guest' });
      const seen = await insert(client, `${ws.schema}.visits`, { name: 'Seen', about_company_id: acme });
      const { rows } = await client.query(
        `select table_name from metadata.objects where is_junction and workspace_id = $1`,
        [ws.id],
      );
      await insert(client, `${ws.schema}.${rows[0].table_name}`, { visit_id: seen, company_id: guest });
      await act(client, ws.adminRole);
      expect(await related(client, acme)).toEqual([
        ['visit', 'linked', seen],
        ['visit', 'created', seen],
      ]);
      expect(await related(client, guest)).toEqual([
        ['visit', 'linked', seen],
        ['visit', 'created', seen],
      ]);
      expect(await related(client, seen, 'visit')).toEqual([
        ['company', 'linked', guest],
        ['company', 'created', guest],
      ]);
    }));

  test('is told of records and fields that the caller may read, and of none by a relation that is hidden', () =>
    db.inTransaction(async (client) => {
      await client.query('reset role');
      const company = await insert(client, `${ws.schema}.companies`, { name: 'Acme' });
      const opportunity = await objectNamed(client, ws, 'opportunity');
      await insert(client, 'metadata.record_rules', {
        workspace_id: ws.id,
        role_id: rep.id,
        object_id: opportunity,
        condition: 'name <> "Secret deal"',
      });
      const hide = async (field: string) =>
        client.query(
          `insert into metadata.field_permissions (workspace_id, role_id, field_id, can_read) select $1, $2, f.id, false from metadata.fields f where f.object_id = $3 and f.name = $4`,
          [ws.id, rep.id, opportunity, field],
        );
      await hide('amount');
      await client.query('set constraints all immediate');
      const deals = [];
      for (const name of ['Deal', 'Secret deal', 'Old deal'])
        deals.push(
          await insert(client, `${ws.schema}.opportunities`, { name, company_id: company, amount_amount_micros: 5e6 }),
        );
      await client.query(`update ${ws.schema}.opportunities set amount_amount_micros = 7000000`);
      await client.query(`update ${ws.schema}.opportunities set stage = 'MEETING', amount_amount_micros = 8000000`);
      await client.query(
        `delete from ${ws.schema}.opportunities where name in ('Old deal', 'Secret deal') and id = any ($1)`,
        [deals],
      );
      await be(client);
      const entries = (await client.query(`select * from record_timeline('company', $1, '{RELATED}')`, [company])).rows;
      expect(entries.map((entry) => [entry.action, entry.related_id])).toEqual([
        ['deleted', deals[2]],
        ['updated', deals[2]],
        ['updated', deals[0]],
        ['created', deals[2]],
        ['created', deals[0]],
      ]);
      expect(JSON.stringify(entries)).not.toMatch(/amount|Secret/);
      await act(client, ws.adminRole);
      expect(JSON.stringify(await timeline(client, company))).toMatch(/amount.*Secret deal/);
      await client.query('reset role');
      await hide('company');
      await client.query('set constraints all immediate');
      await be(client);
      expect(await related(client, company)).toEqual([]);
    }));

  test('lies in pages with the rest, of many records and with much that is hidden', () =>
    db.inTransaction(async (client) => {
      await client.query('reset role');
      const company = await insert(client, `${ws.schema}.companies`, { name: 'Acme' });
      await client.query(
        `insert into metadata.field_permissions (workspace_id, role_id, field_id, can_read)
         select $1, $2, f.id, false from metadata.fields f join metadata.objects o on o.id = f.object_id where o.workspace_id = $1 and o.name_singular = 'opportunity' and f.name = 'amount'`,
        [ws.id, rep.id],
      );
      await client.query('set constraints all immediate');
      await client.query(
        `insert into ${ws.schema}.opportunities (name, company_id) select 'Deal ' || i, $1 from generate_series(1, 40) i`,
        [company],
      );
      for (let i = 0; i < 6; i++) {
        await client.query(`update ${ws.schema}.opportunities set amount_amount_micros = $1`, [i]);
        await client.query(`update ${ws.schema}.companies set name = 'Acme ' || $1::int`, [i]);
      }
      await client.query(`update ${ws.schema}.opportunities set stage = 'MEETING' where name like '%7'`);
      for (const [become, total] of [
        [() => act(client, ws.adminRole), 7 + 40 * 7 + 4],
        [() => be(client), 7 + 40 + 4],
      ] as const) {
        await become();
        const paged: Entry[] = [];
        for (let page = await timeline(client, company, null, 45); page.length > 0;)
          page = await timeline(client, company, null, 45, paged[paged.push(...page) - 1]!.entry_key);
        expect(paged).toHaveLength(total);
        expect(new Set(paged.map(({ entry_key }) => entry_key)).size).toBe(total);
        expect((await timeline(client, company, null, 7)).map(({ entry_key }) => entry_key)).toEqual(
          paged.slice(0, 7).map(({ entry_key }) => entry_key),
        );
      }
    }));
});

test('a merge names the records that it joined to who may read them', () =>
  db.inTransaction(async (client) => {
    await client.query('reset role');
    const [one, two] = [
      await insert(client, `${ws.schema}.companies`, { name: 'One' }),
      await insert(client, `${ws.schema}.companies`, { name: 'Two' }),
    ];
    await act(client, ws.adminRole);
    await client.query(`select merge_records('company', $1, array[$2]::uuid[])`, [one, two]);
    for (const become of [() => act(client, ws.adminRole), () => be(client)]) {
      await become();
      expect((await timeline(client, one)).find(({ action }) => action === 'absorbed')?.after).toEqual({
        mergedIds: [two],
      });
      expect((await timeline(client, one)).find(({ action }) => action === 'merged')).toMatchObject({
        related_object: 'company',
        related_id: two,
      });
      expect((await timeline(client, two)).find(({ action }) => action === 'merged')?.after).toEqual({
        survivorId: one,
      });
    }
    await client.query('reset role');
    await client.query(`update ${ws.schema}.companies set name = 'Secret' where id = $1`, [one]);
    await be(client);
    expect((await timeline(client, two)).find(({ action }) => action === 'merged')?.after).toEqual({});
  }));
