import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { act, addField, addObject, createWorkspace, insert, statements, type Workspace } from '../testing/workspace.ts';

// Students and courses, each of which has several of the other.
const db = useDatabase();
let ws: Workspace;
let student: string;
let course: string;
let field: string;
let inverse: string;
const LINKS = 'student_course_links';

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  student = await addObject(db.admin, ws, { label_singular: 'Student', label_plural: 'Students' });
  course = await addObject(db.admin, ws, { label_singular: 'Course', label_plural: 'Courses' });
  field = await addField(db.admin, student, {
    label: 'Courses',
    type: 'MANY_TO_MANY',
    settings: { targetObjectId: course, inverseLabel: 'Students' },
  });
  inverse = (
    await db.admin.query(`select id from metadata.fields where object_id = $1 and type = 'MANY_TO_MANY'`, [course])
  ).rows[0].id;
});

async function school(client: pg.ClientBase) {
  await client.query(`set local search_path = ${ws.schema}, public`);
  return {
    ann: await insert(client, 'students', { name: 'Ann' }),
    law: await insert(client, 'courses', { name: 'Law' }),
    art: await insert(client, 'courses', { name: 'Art' }),
  };
}
const told = async (client: pg.ClientBase, id: string) =>
  (
    await client.query<{ action: string; link: Record<string, string> }>(
      `select action, coalesce(after, before) -> 'link' as link from record_events where record_id = $1 and action like '%linked' order by batch`,
      [id],
    )
  ).rows;

test('a link that comes or goes is an event of both records', () =>
  db.inTransaction(async (client) => {
    const { ann, law } = await school(client);
    const link = await insert(client, LINKS, { student_id: ann, course_id: law });
    await client.query(`delete from ${LINKS}`);
    const ofAnn = { id: link, fieldId: field, objectId: course, recordId: law };
    const ofLaw = { id: link, fieldId: inverse, objectId: student, recordId: ann };
    expect(await told(client, ann)).toEqual([
      { action: 'linked', link: ofAnn },
      { action: 'unlinked', link: ofAnn },
    ]);
    expect(await told(client, law)).toEqual([
      { action: 'linked', link: ofLaw },
      { action: 'unlinked', link: ofLaw },
    ]);
    const { rows } = await client.query(
      `select object_id, action from engine.outbox where action like '%linked' and object_id in ($1, $2) order by batch`,
      [student, course],
    );
    expect(rows).toHaveLength(4);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a link that is turned to another record leaves the one and comes to the other; other changes of it are none', () =>
  db.inTransaction(async (client) => {
    const { ann, law, art } = await school(client);
    const link = await insert(client, LINKS, { student_id: ann, course_id: law });
    await client.query(`update ${LINKS} set course_id = $1`, [art]);
    await client.query(`update ${LINKS} set position = 7`);
    expect((await told(client, ann)).map(({ action, link: l }) => [action, l.recordId])).toEqual([
      ['linked', law],
      ['unlinked', law],
      ['linked', art],
    ]);
    expect((await told(client, law)).map(({ action }) => action)).toEqual(['linked', 'unlinked']);
    expect((await told(client, art)).map(({ action, link: l }) => [action, l.id])).toEqual([['linked', link]]);
  }));

test('a record that goes with its links is told of to the others, and comes back with them', () =>
  db.inTransaction(async (client) => {
    const { ann, law, art } = await school(client);
    await client.query(`insert into ${LINKS} (student_id, course_id) values ($1, $2), ($1, $3)`, [ann, law, art]);
    await client.query('delete from students');
    expect((await told(client, law)).map(({ action }) => action)).toEqual(['linked', 'unlinked']);
    expect((await told(client, ann)).map(({ action }) => action)).toEqual(['linked', 'linked']);
    await client.query(`select restore_record('student', $1)`, [ann]);
    expect((await told(client, art)).map(({ action }) => action)).toEqual(['linked', 'unlinked', 'linked']);
  }));

test('an object whose changes are not noted has no links in its history; the other has', () =>
  db.inTransaction(async (client) => {
    await client.query('update metadata.objects set is_audited = false where id = $1', [student]);
    await client.query('set constraints all immediate; set constraints all deferred');
    const { ann, law } = await school(client);
    await insert(client, LINKS, { student_id: ann, course_id: law });
    expect(await told(client, ann)).toEqual([]);
    expect(await told(client, law)).toHaveLength(1);
    await client.query('delete from students');
    expect((await client.query(`select restore_record('student', $1) as done`, [ann])).rows[0].done).toBe(true);
    expect((await client.query(`select 1 from ${LINKS}`)).rowCount).toBe(1);
    await client.query('delete from students');
    await client.query(`select destroy_record('student', $1)`, [ann]);
    expect((await client.query('select 1 from record_events where record_id = $1', [ann])).rowCount).toBe(0);
  }));

test('who does not see the other end is not told of the link', () =>
  db.inTransaction(async (client) => {
    const { ann, law } = await school(client);
    await insert(client, LINKS, { student_id: ann, course_id: law });
    const toldAs = async (role: string) => {
      await act(client, role);
      const { rows } = await client.query(`select action from record_history('student', $1) order by batch`, [ann]);
      const direct = await client.query(`select 1 from record_events where record_id = $1 and action like '%linked'`, [
        ann,
      ]);
      expect(direct.rowCount).toBe(0);
      await client.query('reset role');
      return rows.map(({ action }) => action);
    };
    await client.query('select engine.relay_outbox()');
    const until = (await client.query('select engine.last_position($1) as n', [ws.id])).rows[0].n;
    const live = async (role: string) => {
      await act(client, role);
      const { rows } = await client.query<{ action: string }>(
        `select c ->> 'action' as action from changes_between(0, $1, array[$2]::uuid[]) c where c ->> 'recordId' = $3`,
        [until, student, ann],
      );
      await client.query('reset role');
      return rows.map(({ action }) => action);
    };
    const hook = await insert(client, 'metadata.webhooks', {
      workspace_id: ws.id,
      name: 'hook',
      target_url: 'https://example.com',
      events: ['student.*'],
      role_id: (await client.query('select id from metadata.roles where pg_role = $1', [ws.memberRole])).rows[0].id,
    });
    const events = (
      await client.query(
        `select array_agg(batch) as batches, array_agg(seq) as seqs from record_events where record_id = $1`,
        [ann],
      )
    ).rows[0];
    const hooked = async () => {
      await client.query(
        'grant execute on function engine.webhook_payloads to relvar_worker; set local role relvar_worker',
      );
      const { rows } = await client.query<{ action: string }>(
        `select body::jsonb #>> '{data,action}' as action from engine.webhook_payloads($1, $2, $3) order by 1`,
        [hook, events.batches, events.seqs],
      );
      await client.query('reset role');
      return rows.map(({ action }) => action);
    };
    expect(await toldAs(ws.memberRole)).toEqual(['created', 'linked']);
    expect(await live(ws.memberRole)).toEqual(['created', 'linked']);
    expect(await hooked()).toEqual(['created', 'linked']);
    await client.query(
      `insert into metadata.object_permissions (workspace_id, role_id, object_id, can_read, can_create, can_update, can_delete)
       select $1, id, $2, false, false, false, false from metadata.roles where pg_role = $3`,
      [ws.id, course, ws.memberRole],
    );
    await client.query('set constraints all immediate; set constraints all deferred');
    expect(await toldAs(ws.memberRole)).toEqual(['created']);
    expect(await live(ws.memberRole)).toEqual(['created']);
    expect(await hooked()).toEqual(['created']);
    expect(await toldAs(ws.adminRole)).toEqual(['created', 'linked']);
  }));

test.each([
  ['student', 'course'],
  ['course', 'student'],
])('a link whose ends are deleted one after the other comes back with the second (%s first)', async (...objects) => {
  const ids = {
    student: await insert(db.admin, `${ws.schema}.students`, { name: 'Bea' }),
    course: await insert(db.admin, `${ws.schema}.courses`, { name: 'Lab' }),
  };
  await insert(db.admin, `${ws.schema}.${LINKS}`, { student_id: ids.student, course_id: ids.course });
  const links = async () => (await db.admin.query(`select student_id, course_id from ${ws.schema}.${LINKS}`)).rows;
  for (const object of objects) await db.admin.query(`delete from ${ws.schema}.${object}s`);
  for (const object of objects) {
    expect(await links()).toEqual([]);
    await db.admin.query(`select ${ws.schema}.restore_record($1, $2)`, [object, ids[object as keyof typeof ids]]);
  }
  expect(await links()).toEqual([{ student_id: ids.student, course_id: ids.course }]);
  expect((await db.admin.query(`select from ${ws.schema}.trash`)).rowCount).toBe(0);
  for (const object of objects) await db.admin.query(`delete from ${ws.schema}.${object}s`);
  await db.admin.query(`delete from ${ws.schema}.trash`);
});
