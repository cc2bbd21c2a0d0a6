import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, createWorkspace, failure, objectNamed, type Workspace } from '../testing/workspace.ts';

// Exports that come again: whose they are, what they may say, and when they come.
const db = useDatabase();
let ws: Workspace;
let company: string;
const members: { [name: string]: string } = {};

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  company = await objectNamed(db.admin, ws, 'company');
  for (const [name, role] of [
    ['ada', 'Member'],
    ['ben', 'Member'],
  ] as const) {
    const { rows } = await db.admin.query(
      `with made as (insert into core.users (email, name) values ($1, $2) returning id)
       insert into core.members (workspace_id, user_id, role_id, name)
       select $3, m.id, r.id, $2 from made m join metadata.roles r on r.workspace_id = $3 and r.name = $4 returning id`,
      [`${name}@acme.example`, name, ws.id, role],
    );
    members[name] = rows[0].id;
  }
  const { rows } = await db.admin.query(
    `select m.id from core.members m join core.users u on u.id = m.user_id where u.email = $1`,
    [ws.owner],
  );
  members['owner'] = rows[0].id;
});

async function as(client: pg.ClientBase, who: string, role = who === 'owner' ? ws.adminRole : ws.memberRole) {
  await client.query('reset role');
  await client.query(`select set_config('relvar.member_id', $1, true)`, [members[who]]);
  await act(client, role, ws.schema);
}
const settings = (more: object = {}) => ({
  name: 'Weekly companies',
  objectId: company,
  recurrence: 'FREQ=WEEKLY;BYDAY=MO',
  timeZone: 'Europe/Berlin',
  nextAt: '2099-03-02T07:00:00Z',
  recipients: [members['ada']],
  ...more,
});
const save = async (client: pg.ClientBase, more: object = {}, id: string | null = null): Promise<string> =>
  (await client.query('select metadata.save_export($1, $2) as id', [JSON.stringify(settings(more)), id])).rows[0].id;
const mine = async (client: pg.ClientBase) =>
  (await client.query('select metadata.my_exports() as list')).rows[0].list as { [name: string]: unknown }[];

test('a member makes an export, changes what it names and leaves the rest', () =>
  db.inTransaction(async (client) => {
    await as(client, 'ada');
    const id = await save(client, {
      filter: { fieldId: 'x', operand: 'IS', value: 1 },
      fieldIds: ['019c0000-0000-7000-8000-000000000001'],
    });
    await client.query('select metadata.save_export($1, $2)', [JSON.stringify({ format: 'xlsx' }), id]);
    expect(await mine(client)).toEqual([
      expect.objectContaining({
        id,
        name: 'Weekly companies',
        format: 'xlsx',
        recurrence: 'FREQ=WEEKLY;BYDAY=MO',
        filter: { value: 1, fieldId: 'x', operand: 'IS' },
        fieldIds: ['019c0000-0000-7000-8000-000000000001'],
        recipients: [members['ada']],
        isMine: true,
        isActive: true,
        lastRun: null,
      }),
    ]);
  }));

test('others do not see it; who keeps the security sees that it is there, not by what it filters, and stops it', () =>
  db.inTransaction(async (client) => {
    await as(client, 'ada');
    const id = await save(client, { filter: { fieldId: 'x', operand: 'IS', value: 'secret' } });
    await as(client, 'ben');
    expect(await mine(client)).toEqual([]);
    expect((await client.query('select from metadata.scheduled_exports')).rowCount).toBe(0);
    for (const call of [
      'metadata.run_export($1)',
      'metadata.pause_export($1)',
      'metadata.delete_export($1)',
      'metadata.export_runs($1)',
      `metadata.keep_export_secret($1, 'x')`,
      `metadata.save_export('{"name": "Mine"}', $1)`,
    ])
      expect(await failure(client, () => client.query(`select ${call}`, [id]))).toMatchObject({ code: 'RV333' });
    await as(client, 'owner');
    expect(await mine(client)).toEqual([expect.objectContaining({ id, isMine: false, ownerName: 'ada', filter: null })]);
    await client.query('select metadata.pause_export($1)', [id]);
    expect(await failure(client, () => client.query('select metadata.pause_export($1, false)', [id]))).toMatchObject({ code: 'RV333' });
    expect(await failure(client, () => client.query('select metadata.run_export($1)', [id]))).toMatchObject({ code: 'RV333' });
    await as(client, 'ada');
    expect(await mine(client)).toEqual([expect.objectContaining({ isActive: false, stoppedReason: null })]);
  })); // prettier-ignore

test('whoever acts as the member, or sees as the member, makes none and sees none', () =>
  db.inTransaction(async (client) => {
    await as(client, 'ada');
    await save(client);
    await client.query(`select set_config('relvar.seen_by', $1, true)`, [members['owner']]);
    expect(await mine(client)).toEqual([]);
  }));

test('a role that may not export makes none, and has none made', () =>
  db.inTransaction(async (client) => {
    await as(client, 'ada');
    const id = await save(client);
    await client.query('reset role');
    await client.query(`update metadata.roles r set permissions = array_remove(r.permissions, 'EXPORT_CSV') where r.pg_role = $1`, [ws.memberRole]);
    await as(client, 'ada');
    expect(await failure(client, () => save(client))).toMatchObject({ code: '42501' });
    expect(await failure(client, () => client.query('select metadata.run_export($1)', [id]))).toMatchObject({ code: '42501' });
    await client.query('select metadata.pause_export($1)', [id]);
    expect(await failure(client, () => client.query('select metadata.pause_export($1, false)', [id]))).toMatchObject({ code: '42501' });
  })); // prettier-ignore

test('what cannot be is refused, by name', () =>
  db.inTransaction(async (client) => {
    await as(client, 'ada');
    const bucket = {
      endpoint: 'https://s3.example.com',
      region: 'eu-central-1',
      bucket: 'acme-crm',
      keyId: 'AKIAEXAMPLE',
    };
    const refused = async (more: object) => {
      const { code, column } = await failure(client, () => save(client, more));
      return [code, column];
    };
    expect(await refused({ name: ' ' })).toEqual(['RV330', 'name']);
    expect(await refused({ recurrence: 'each week' })).toEqual(['RV330', 'recurrence']);
    expect(await refused({ timeZone: 'Europe/Nowhere' })).toEqual(['RV330', 'time_zone']);
    expect(await refused({ nextAt: null })).toEqual(['RV330', 'next_at']);
    expect(await refused({ fieldIds: [] })).toEqual(['RV330', 'field_ids']);
    expect(await refused({ colour: 'red' })).toEqual(['RV330', 'settings']);
    expect(await refused({ filter: { fieldId: 'x', operand: 'LIKE' } })).toEqual(['RV186', 'filter']);
    expect(await refused({ recipients: [] })).toEqual(['RV331', 'recipients']);
    expect(await refused({ recipients: ['019c0000-0000-7000-8000-000000000001'] })).toEqual(['RV331', 'recipients']);
    const s3 = (more: object) => refused({ destination: 'S3', bucket: { ...bucket, ...more } });
    expect(await s3({ endpoint: 'http://s3.example.com' })).toEqual(['RV332', 'endpoint']);
    expect(await s3({ endpoint: 'https://user@s3.example.com' })).toEqual(['RV332', 'endpoint']);
    expect(await s3({ bucket: 'A' })).toEqual(['RV332', 'bucket']);
    expect(await s3({ prefix: '../other' })).toEqual(['RV332', 'prefix']);
    expect(await s3({ secret: 'x' })).toEqual(['RV332', 'bucket']);
    await save(client, { destination: 'S3', bucket: { ...bucket, prefix: 'crm/exports/' } });
    expect(await mine(client)).toEqual([
      expect.objectContaining({ recipients: [], bucket: { ...bucket, prefix: 'crm/exports' } }),
    ]);
  }));

test('it comes at the same hour of its time zone on either side of a change of clocks, and what was missed comes once', () =>
  db.inTransaction(async (client) => {
    await as(client, 'ada');
    const id = await save(client, { recurrence: 'FREQ=WEEKLY;BYDAY=SU' });
    await client.query('reset role');
    const next = async () => {
      const { rows } = await client.query('select next_at from metadata.scheduled_exports where id = $1', [id]);
      return rows[0].next_at as Date;
    };
    const runs = async () => (await client.query('select from core.export_runs where export_id = $1', [id])).rowCount;
    // Sundays at eight in Berlin, from long ago on.
    await client.query('update metadata.scheduled_exports set next_at = $2 where id = $1', [id, '2020-03-22T07:00:00Z']);
    expect((await client.query('select core.start_due_exports() as count')).rows[0].count).toBe(1);
    const shown = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', weekday: 'short', hour: '2-digit', minute: '2-digit' }).format(await next());
    expect(shown.replace(',', '')).toBe('Sun 08:00');
    expect((await next()).getTime()).toBeGreaterThan(Date.now());
    expect(await runs()).toBe(1);
    // What still waits is not begun beside itself.
    await client.query('update metadata.scheduled_exports set next_at = now() where id = $1', [id]);
    expect((await client.query('select core.start_due_exports() as count')).rows[0].count).toBe(0);
    expect(await runs()).toBe(1);
    const { rows } = await client.query(`select e.next_due from engine.next_occurrence('FREQ=WEEKLY;BYDAY=SU', '2026-03-22T07:00:00Z', 'Europe/Berlin', '2026-03-23T00:00:00Z') e`);
    expect(rows[0].next_due.toISOString()).toBe('2026-03-29T06:00:00.000Z');
  })); // prettier-ignore

test('deleted, its files open to nobody and it comes no more, until it is brought back', () =>
  db.inTransaction(async (client) => {
    await as(client, 'ada');
    const id = await save(client);
    await client.query('reset role');
    const { rows } = await client.query(
      `insert into core.export_runs (export_id, workspace_id, state, bytes, file_name, media_type, is_file_kept, file_expires_at)
       values ($1, $2, 'DONE', 5, 'a.csv', 'text/csv', true, now() + interval '1 day') returning id`,
      [id, ws.id],
    );
    const file = async (who: string) =>
      (await client.query('select core.export_file($1, $2) as file', [rows[0].id, members[who]])).rows[0].file as object | null;
    expect(await file('ada')).toMatchObject({ name: 'a.csv', size: 5 });
    expect(await file('ben')).toBeNull();
    await as(client, 'ada');
    await client.query('select metadata.delete_export($1)', [id]);
    expect(await mine(client)).toEqual([]);
    await client.query('reset role');
    await client.query('update metadata.scheduled_exports set next_at = now() where id = $1', [id]);
    expect((await client.query('select core.start_due_exports() as count')).rows[0].count).toBe(0);
    expect(await file('ada')).toBeNull();
    await as(client, 'ada');
    await client.query('select metadata.restore_export($1)', [id]);
    expect(await mine(client)).toEqual([expect.objectContaining({ id })]);
    await client.query('reset role');
    expect(await file('ada')).not.toBeNull();
    await client.query('delete from metadata.scheduled_exports where id = $1', [id]);
    expect((await client.query('select file_id from core.unwanted_files')).rows).toEqual([{ file_id: rows[0].id }]);
  })); // prettier-ignore
