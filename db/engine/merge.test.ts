import { beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  addRelation,
  createWorkspace,
  failure,
  insert,
  reconcile,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
const ids: Record<'client' | 'visit' | 'badge' | 'course', string> = { client: '', visit: '', badge: '', course: '' };

/** Clients with a unique code and a mentor, visits of theirs, one badge each, courses that they take, and targets of tasks. */
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const client = await db.admin.connect();
  await client.query('begin');
  ids.client = await addObject(client, ws, { label_singular: 'Client', label_plural: 'Clients' });
  await addField(client, ids.client, { label: 'Code', type: 'TEXT', is_unique: true });
  await addField(client, ids.client, { label: 'City', type: 'TEXT' });
  await addRelation(client, ids.client, 'Mentor', ids.client, { label: 'Mentees' });
  ids.visit = await addObject(client, ws, { label_singular: 'Visit', label_plural: 'Visits' });
  await addRelation(client, ids.visit, 'Client', ids.client, { label: 'Visits', onDelete: 'CASCADE' });
  ids.badge = await addObject(client, ws, { label_singular: 'Badge', label_plural: 'Badges' });
  const badge = await addRelation(client, ids.badge, 'Client', ids.client, { label: 'Badges', onDelete: 'RESTRICT' });
  await client.query('update metadata.fields set is_unique = true where id = $1', [badge.field]);
  ids.course = await addObject(client, ws, { label_singular: 'Course', label_plural: 'Courses' });
  for (const [label, targetObjectId, inverseLabel] of [
    ['Courses', ids.course, 'Clients'],
    ['Friends', ids.client, 'Friends of'],
  ])
    await addField(client, ids.client, {
      label: label!,
      type: 'MANY_TO_MANY',
      settings: { targetObjectId, inverseLabel },
    });
  await client.query('commit');
  client.release();
});

async function people(client: pg.ClientBase) {
  await client.query(`set local search_path = ${ws.schema}, public`);
  const add = (name: string, code: string) => insert(client, 'clients', { name, code });
  return { ann: await add('Ann', 'A'), anna: await add('Anna', 'B'), bob: await add('Bob', 'C') };
}
const merge = async (client: pg.ClientBase, survivor: string, others: string[], data: object = {}) =>
  (
    await client.query<{ id: string }>(`select merge_records('client', $1, $2, $3) as id`, [
      survivor,
      others,
      JSON.stringify(data),
    ])
  ).rows[0]!.id;
const rows = async (client: pg.ClientBase, sql: string, ...values: unknown[]) => (await client.query(sql, values)).rows;

test('the survivor gets the values that were chosen, also unique ones of the others', () =>
  db.inTransaction(async (client) => {
    const { ann, anna } = await people(client);
    expect(await merge(client, ann, [anna], { name: 'Anna', code: 'B', city: 'Rome' })).toBe(ann);
    expect(await rows(client, `select id, name, code, city from clients where name like 'Ann%'`)).toEqual([
      { id: ann, name: 'Anna', code: 'B', city: 'Rome' },
    ]);
    expect(await rows(client, 'select record_id, label from trash')).toEqual([{ record_id: anna, label: 'Anna' }]);
  }));

test('all relations move: children, one-to-one, to itself, many-to-many, of several objects, shares and favourites', () =>
  db.inTransaction(async (client) => {
    const { ann, anna, bob } = await people(client);
    const [law, art] = [
      await insert(client, 'courses', { name: 'Law' }),
      await insert(client, 'courses', { name: 'Art' }),
    ];
    const visit = await insert(client, 'visits', { name: 'Monday', client_id: anna });
    const badge = await insert(client, 'badges', { name: '7', client_id: anna });
    await client.query('update clients set mentor_id = $1 where id = any ($2)', [anna, [ann, bob]]);
    for (const [who, what] of [
      [ann, law],
      [anna, law],
      [anna, art],
    ])
      await client.query('insert into client_course_links (client_id, course_id) values ($1, $2)', [who, what]);
    for (const [from, to] of [
      [ann, anna],
      [anna, bob],
      [bob, anna],
    ])
      await client.query('insert into client_client_links (client_id, related_client_id) values ($1, $2)', [from, to]);
    const principal = (await rows(client, `select id from metadata.roles where pg_role = $1`, ws.memberRole))[0].id;
    await client.query(`select share_record('client', $1, 'ROLE', $2, 'READ')`, [ann, principal]);
    await client.query(`select share_record('client', $1, 'ROLE', $2, 'WRITE')`, [anna, principal]);
    await client.query(
      `insert into metadata.favourites (workspace_id, kind, object_id, record_id) values ($1, 'RECORD', $2, $3)`,
      [ws.id, ids.client, anna],
    );
    await merge(client, ann, [anna]);
    expect(await rows(client, 'select id, client_id from visits')).toEqual([{ id: visit, client_id: ann }]);
    expect(await rows(client, 'select id, client_id from badges')).toEqual([{ id: badge, client_id: ann }]);
    expect(await rows(client, 'select id, mentor_id from clients order by name')).toEqual([
      { id: ann, mentor_id: null },
      { id: bob, mentor_id: ann },
    ]);
    expect(
      await rows(
        client,
        'select client_id, c.name from client_course_links l join courses c on c.id = l.course_id order by 2',
      ),
    ).toEqual([
      { client_id: ann, name: 'Art' },
      { client_id: ann, name: 'Law' },
    ]);
    expect(
      (await rows(client, 'select client_id as a, related_client_id as b from client_client_links'))
        .map(({ a, b }) => `${a}${b}`)
        .sort(),
    ).toEqual([`${ann}${bob}`, `${bob}${ann}`].sort());
    expect(await rows(client, 'select record_id, access from record_shares')).toEqual([
      { record_id: ann, access: 'WRITE' },
    ]);
    expect(await rows(client, `select record_id from metadata.favourites where kind = 'RECORD'`)).toEqual([
      { record_id: ann },
    ]);
  }));

test('what was said about the others is said about the survivor', () =>
  db.inTransaction(async (client) => {
    const { ann, anna } = await people(client);
    await act(client, ws.memberRole);
    await client.query(`select set_config('relvar.member_id', (select id::text from workspace_members limit 1), true)`);
    await client.query(`select add_comment('client', $1, 'Call her')`, [anna]);
    await merge(client, ann, [anna]);
    await client.query('reset role');
    expect(await rows(client, 'select record_id from record_comments')).toEqual([{ record_id: ann }]);
  }));

test('targets of tasks move, and none stands twice', () =>
  db.inTransaction(async (client) => {
    await client.query(`set local search_path = ${ws.schema}, public`);
    const [a, b] = [await insert(client, 'companies', { name: 'A' }), await insert(client, 'companies', { name: 'B' })];
    const [call, mail] = [
      await insert(client, 'tasks', { title: 'Call' }),
      await insert(client, 'tasks', { title: 'Mail' }),
    ];
    for (const [task, company] of [
      [call, a],
      [call, b],
      [mail, b],
    ])
      await client.query('insert into task_targets (task_id, target_company_id) values ($1, $2)', [task, company]);
    await client.query(`select merge_records('company', $1, array[$2]::uuid[])`, [a, b]);
    expect(
      await rows(
        client,
        'select t.title, target_company_id as company from task_targets x join tasks t on t.id = x.task_id order by 1',
      ),
    ).toEqual([
      { title: 'Call', company: a },
      { title: 'Mail', company: a },
    ]);
  }));

test('the log tells of it on all sides, in one transaction', () =>
  db.inTransaction(async (client) => {
    const { ann, anna, bob } = await people(client);
    await insert(client, 'visits', { name: 'Monday', client_id: bob });
    const [{ batch }] = await rows(client, 'select max(batch) as batch from record_events');
    await merge(client, ann, [anna, bob], { city: 'Rome' });
    const log = await rows(
      client,
      'select record_id, action, before, after from record_events where batch > $1 order by batch, seq',
      batch,
    );
    expect(log.map((e) => e.action)).toEqual(['updated', 'merged', 'merged', 'updated', 'absorbed']);
    expect(log[0]).toMatchObject({ before: { client_id: bob }, after: { client_id: ann } });
    expect(
      log
        .filter((e) => e.action === 'merged')
        .map((e) => [e.record_id, e.before.name, e.after])
        .sort(),
    ).toEqual(
      [
        [anna, 'Anna', { survivorId: ann }],
        [bob, 'Bob', { survivorId: ann }],
      ].sort(),
    );
    expect(log[3]).toMatchObject({ record_id: ann, before: { city: null }, after: { city: 'Rome' } });
    expect(log[4].record_id).toBe(ann);
    expect([...log[4].after.mergedIds].sort()).toEqual([anna, bob].sort());
    expect(await rows(client, `select action from record_history('client', $1) order by batch`, anna)).toEqual([
      { action: 'created' },
      { action: 'merged' },
    ]);
    expect(await rows(client, 'select 1 from engine.merging')).toEqual([]);
  }));

describe('who may not is refused, and nothing has happened', () => {
  const as = async (
    client: pg.ClientBase,
    rights: { update: boolean; delete: boolean },
    ...[survivor, other]: [string, string]
  ) => {
    await client.query(
      `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
       select $1, id, $2, true, true, $3, $4 from metadata.roles where pg_role = $5`,
      [ws.id, ids.client, rights.update, rights.delete, ws.memberRole],
    );
    await reconcile(client);
    await act(client, ws.memberRole);
    return merge(client, survivor, [other], { city: 'Rome' });
  };

  test.each([[{ update: false, delete: true }], [{ update: true, delete: false }]])('%j', (rights) =>
    db.inTransaction(async (client) => {
      const { ann, anna } = await people(client);
      expect(await failure(client, () => as(client, rights, ann, anna))).toMatchObject({ code: '42501' });
      expect(await rows(client, 'select 1 from clients')).toHaveLength(3);
    }),
  );

  test('with both rights it is done, also what the role itself may not change', () =>
    db.inTransaction(async (client) => {
      const { ann, anna } = await people(client);
      await insert(client, 'visits', { name: 'Monday', client_id: anna });
      await client.query(
        `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
         select $1, id, $2, true, false, false, false from metadata.roles where pg_role = $3`,
        [ws.id, ids.visit, ws.memberRole],
      );
      expect(await as(client, { update: true, delete: true }, ann, anna)).toBe(ann);
      expect(await rows(client, 'select client_id from visits')).toEqual([{ client_id: ann }]);
    }));

  test('a field that the role may not change', () =>
    db.inTransaction(async (client) => {
      const { ann, anna } = await people(client);
      await client.query(
        `insert into metadata.field_permissions (workspace_id, role_id, object_id, field_id, can_read, can_update)
         select $1, r.id, $2, f.id, true, false from metadata.roles r, metadata.fields f where r.pg_role = $3 and f.object_id = $2 and f.name = 'city'`,
        [ws.id, ids.client, ws.memberRole],
      );
      await reconcile(client);
      await act(client, ws.memberRole);
      expect(await failure(client, () => merge(client, ann, [anna], { city: 'Rome' }))).toMatchObject({
        code: '42501',
      });
      expect(await merge(client, ann, [anna], { name: 'Anna' })).toBe(ann);
    }));
});

test('what stands in the way is said', () =>
  db.inTransaction(async (client) => {
    const { ann, anna } = await people(client);
    for (const who of [ann, anna]) await insert(client, 'badges', { name: who, client_id: who });
    const error = await failure(client, () => merge(client, ann, [anna]));
    expect(error).toMatchObject({ code: 'RV192' });
    expect(error.message).toContain('Badges');
    expect(error.hint).toContain('Badges');
    expect(await failure(client, () => merge(client, ann, [ann]))).toMatchObject({ code: 'RV192' });
    expect(await failure(client, () => merge(client, ann, []))).toMatchObject({ code: 'RV192' });
    expect(await failure(client, () => merge(client, ann, [anna], { cty: 'x' }))).toMatchObject({
      code: 'RV062',
      hint: 'Did you mean city?',
    });
    expect(await failure(client, () => merge(client, ann, [ids.client]))).toMatchObject({ code: '42501' });
    expect(
      await failure(client, () =>
        client.query(`select merge_records('clientCourseLink', $1, array[$2]::uuid[])`, [ann, anna]),
      ),
    ).toMatchObject({ code: 'RV192' });
  }));

test('a deletion cannot pass for a merge by a setting', () =>
  db.inTransaction(async (client) => {
    const { ann } = await people(client);
    await client.query(`set local relvar.action = 'merged'`);
    await client.query('delete from clients where id = $1', [ann]);
    expect(await rows(client, `select action from record_events where record_id = $1 order by batch`, ann)).toEqual([
      { action: 'created' },
      { action: 'deleted' },
    ]);
  }));

interface Plan {
  survivorId: string;
  survivors: string[];
  removable: string[];
  choices: Record<string, string>;
  united: Record<string, unknown>;
  data: Record<string, unknown>;
  records: { recordId: string; isTrashed: boolean; values: Record<string, unknown> }[];
  moves: { kind: string; label: string; counts: Record<string, number> }[];
}
const planOf = async (client: pg.ClientBase, object: string, found: string[], survivor: string | null = null) =>
  (await client.query<{ plan: Plan }>('select plan_merge($1, $2, $3) as plan', [object, found, survivor])).rows[0]!
    .plan;

describe('a plan', () => {
  test('proposes the fullest record, its values, those that it lacks of the others, and several together', () =>
    db.inTransaction(async (client) => {
      await client.query(`set local search_path = ${ws.schema}, public`);
      const one = await insert(client, 'people', {
        name_first_name: 'Ann',
        emails_primary_email: 'ann@x.example',
        emails_additional_emails: ['old@x.example'],
        phones_primary_phone_number: '12345',
        phones_primary_phone_calling_code: '+49',
        job_title: 'Head',
        city: 'Rome',
      });
      const two = await insert(client, 'people', {
        name_first_name: 'Anna',
        name_last_name: 'Berg',
        emails_primary_email: 'OLD@x.example',
        phones_primary_phone_number: '777',
        linkedin_link_primary_link_url: 'https://linkedin.example/ann',
      });
      const plan = await planOf(client, 'person', [two, one]);
      expect(plan).toMatchObject({
        survivorId: one,
        choices: { name: one, jobTitle: one, emails: one, linkedinLink: two, phones: 'ALL' },
      });
      expect(plan.survivors.sort()).toEqual([one, two].sort());
      expect(plan.data).toEqual({
        linkedinLinkPrimaryLinkUrl: 'https://linkedin.example/ann',
        phonesAdditionalPhones: ['777'],
      });
      const other = await planOf(client, 'person', [one, two], two);
      expect(other).toMatchObject({ survivorId: two, choices: { name: two, city: one, emails: 'ALL' } });
      expect(other.data).toMatchObject({
        city: 'Rome',
        emailsAdditionalEmails: ['ann@x.example'],
        phonesAdditionalPhones: ['+49 12345'],
      });
      expect(other.records.find((each) => each.recordId === one)!.values).toMatchObject({ jobTitle: 'Head' });
      expect(await rows(client, 'select 1 from people where id = any ($1)', [one, two])).toHaveLength(2);
    }));

  test('counts what moves, and tells of no field, record or relation that the role may not read or change', () =>
    db.inTransaction(async (client) => {
      const { ann, anna } = await people(client);
      const law = await insert(client, 'courses', { name: 'Law' });
      for (const name of ['Monday', 'Friday']) await insert(client, 'visits', { name, client_id: anna });
      await client.query('insert into client_course_links (client_id, course_id) values ($1, $2)', [anna, law]);
      await client.query('update clients set city = $2 where id = $1', [anna, 'Rome']);
      const moves = (plan: Plan) => Object.fromEntries(plan.moves.map(({ label, counts }) => [label, counts[anna]]));
      await act(client, ws.memberRole);
      const plan = await planOf(client, 'client', [ann, anna], ann);
      expect(moves(plan)).toMatchObject({ Visits: 2, Courses: 1, 'Changes in the history': 3 });
      expect(plan.data).toEqual({ city: 'Rome' });
      await client.query('reset role');
      const role = (await rows(client, 'select id from metadata.roles where pg_role = $1', ws.memberRole))[0].id;
      await client.query(
        `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete) values ($1, $2, $3, false, false, false, false), ($1, $2, $4, true, false, true, false)`,
        [ws.id, role, ids.visit, ids.client],
      );
      await client.query(
        `insert into metadata.field_permissions (workspace_id, role_id, object_id, field_id, can_read, can_update)
         select $1, $2, $3, f.id, true, false from metadata.fields f where f.object_id = $3 and f.name = 'city'`,
        [ws.id, role, ids.client],
      );
      await reconcile(client);
      await act(client, ws.memberRole);
      const narrow = await planOf(client, 'client', [ann, anna], ann);
      expect(Object.keys(moves(narrow))).not.toContain('Visits');
      expect(narrow).toMatchObject({ data: {}, removable: [] });
      expect(JSON.stringify(narrow.records)).not.toContain('Rome');
      expect((await failure(client, () => planOf(client, 'client', [ann, law]))).code).toBe('42501');
      expect((await failure(client, () => planOf(client, 'client', [ann]))).code).toBe('RV250');
      expect((await failure(client, () => planOf(client, 'client', [ann, anna], law))).code).toBe('RV250');
      await client.query('reset role');
      await client.query(
        'update metadata.object_permissions set can_read = false, can_update = false where object_id = $1',
        [ids.client],
      );
      await reconcile(client);
      await act(client, ws.memberRole);
      expect((await failure(client, () => planOf(client, 'client', [ann, anna]))).code).toBe('42501');
    }));
});

test('a record in the trash is merged with the one that took its place, and lies there as before', () =>
  db.inTransaction(async (client) => {
    const { ann } = await people(client);
    const visit = await insert(client, 'visits', { name: 'Monday', client_id: ann });
    await client.query('update clients set city = $2, mentor_id = null where id = $1', [ann, 'Rome']);
    await client.query('delete from clients where id = $1', [ann]);
    const next = await insert(client, 'clients', { name: 'Ann anew', code: 'A' });
    const plan = await planOf(client, 'client', [ann, next]);
    expect(plan).toMatchObject({ survivorId: next, survivors: [next], data: { city: 'Rome' } });
    expect(plan.records.find((each) => each.recordId === ann)).toMatchObject({
      isTrashed: true,
      values: { code: 'A', city: 'Rome' },
    });
    expect(await rows(client, 'select 1 from trash where record_id = $1', ann)).toHaveLength(1);
    expect(await merge(client, next, [ann], plan.data)).toBe(next);
    expect(await rows(client, 'select id, name, code, city from clients where code = $1', 'A')).toEqual([
      { id: next, name: 'Ann anew', code: 'A', city: 'Rome' },
    ]);
    expect(await rows(client, 'select id, client_id from visits')).toEqual([{ id: visit, client_id: next }]);
    expect(await rows(client, `select data ->> 'code' as code from trash where record_id = $1`, ann)).toEqual([
      { code: 'A' },
    ]);
    // Who may not delete clients may not bring any back, either.
    const role = (await rows(client, 'select id from metadata.roles where pg_role = $1', ws.memberRole))[0].id;
    await client.query(
      `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete) values ($1, $2, $3, true, true, true, false)`,
      [ws.id, role, ids.client],
    );
    await reconcile(client);
    await act(client, ws.memberRole);
    expect((await failure(client, () => planOf(client, 'client', [ann, next]))).code).toBe('42501');
    expect((await failure(client, () => merge(client, next, [ann]))).code).toBe('42501');
  }));

test('the timeline of the survivor has the history of the others', () =>
  db.inTransaction(async (client) => {
    const { ann, anna, bob } = await people(client);
    await client.query(`update clients set city = 'Rome' where id = $1`, [bob]);
    await merge(client, anna, [bob]);
    await merge(client, ann, [anna]);
    await act(client, ws.memberRole);
    const told = await rows(client, `select action, after ->> 'city' as city from record_timeline('client', $1)`, ann);
    expect(told.filter((entry) => entry.action === 'created')).toHaveLength(3);
    expect(told.map((entry) => entry.city)).toContain('Rome');
  }));

test('taken back by its transaction, all that moved goes back and the others are there again', async () => {
  const state = async () => {
    const of = (sql: string) => rows(db.admin as unknown as pg.ClientBase, sql);
    const s = ws.schema;
    return {
      clients: await of(`select id, name, code, city, mentor_id from ${s}.clients order by id`),
      visits: await of(`select id, client_id from ${s}.visits order by id`),
      badges: await of(`select id, client_id from ${s}.badges order by id`),
      courses: await of(`select client_id, course_id from ${s}.client_course_links order by 1, 2`),
      friends: await of(`select client_id, related_client_id from ${s}.client_client_links order by 1, 2`),
      trash: await of(`select record_id from ${s}.trash order by 1`),
      comments: await of(`select record_id, body from ${s}.record_comments order by 2`),
      shares: await of(`select record_id, access from ${s}.record_shares order by 1`),
      favourites: await of(`select record_id from metadata.favourites where kind = 'RECORD' order by 1`),
    };
  };
  const committed = async <T>(work: (client: pg.PoolClient) => Promise<T>) => {
    const client = await db.admin.connect();
    try {
      await client.query('begin');
      await client.query(`set local search_path = ${ws.schema}, public`);
      const result = await work(client);
      await client.query('commit');
      return result;
    } finally {
      client.release(true);
    }
  };
  const { ann, anna } = await committed(async (client) => {
    const found = await people(client);
    const course = await insert(client, 'courses', { name: 'Law' });
    await insert(client, 'visits', { name: 'Monday', client_id: found.anna });
    await insert(client, 'badges', { name: '7', client_id: found.anna });
    await client.query('update clients set mentor_id = $1 where id = $2', [found.anna, found.bob]);
    await client.query(
      `insert into record_comments (object_id, record_id, body, author_type) values ($1, $2, 'Call', 'member'), ($1, $3, 'Write', 'member')`,
      [ids.client, found.anna, found.ann],
    );
    const role = (await rows(client, `select id from metadata.roles where pg_role = $1`, ws.memberRole))[0].id;
    await client.query(`select share_record('client', $1, 'ROLE', $2, 'READ')`, [found.ann, role]);
    await client.query(`select share_record('client', $1, 'ROLE', $2, 'WRITE')`, [found.anna, role]);
    await client.query(
      `insert into metadata.favourites (workspace_id, kind, object_id, record_id) values ($1, 'RECORD', $2, $3)`,
      [ws.id, ids.client, found.anna],
    );
    await client.query('insert into client_course_links (client_id, course_id) values ($1, $2)', [found.anna, course]);
    await client.query('insert into client_client_links (client_id, related_client_id) values ($1, $2)', [
      found.bob,
      found.anna,
    ]);
    return found;
  });
  const before = await state();
  const transaction = await committed(async (client) => {
    await merge(client, ann, [anna], { name: 'Anna', city: 'Rome' });
    return (await rows(client, 'select pg_current_xact_id()::text as id'))[0].id;
  });
  expect(await state()).toMatchObject({
    visits: [{ client_id: ann }],
    comments: [{ record_id: ann }, { record_id: ann }],
    shares: [{ record_id: ann, access: 'WRITE' }],
    favourites: [{ record_id: ann }],
  });
  const undone = await committed(async (client) => {
    const [{ result }] = await rows(client, 'select revert(transaction_id => $1) as result', transaction);
    expect(result).toMatchObject({ skipped: 0, conflicts: [] });
    return (await rows(client, 'select pg_current_xact_id()::text as id'))[0].id;
  });
  expect(await state()).toEqual(before);
  expect(undone).not.toBe(transaction);
});
