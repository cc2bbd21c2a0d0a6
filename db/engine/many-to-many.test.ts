import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import {
  act,
  addField,
  addObject,
  createWorkspace,
  failure,
  insert,
  reconcile,
  statements,
  type Workspace,
} from '../testing/workspace.ts';

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

/** Students and courses, each of which has several of the other. */
async function school(client: pg.ClientBase) {
  const student = await addObject(client, ws, { label_singular: 'Student', label_plural: 'Students' });
  const course = await addObject(client, ws, { label_singular: 'Course', label_plural: 'Courses' });
  const field = await addField(client, student, {
    label: 'Courses',
    type: 'MANY_TO_MANY',
    settings: { targetObjectId: course, inverseLabel: 'Participants' },
  });
  await reconcile(client);
  const [ann, law] = await Promise.all([
    insert(client, `${ws.schema}.students`, { name: 'Ann' }),
    insert(client, `${ws.schema}.courses`, { name: 'Law' }),
  ]);
  return { student, course, field, ann, law };
}

const liveFields = async (client: pg.ClientBase, object: string) =>
  (
    await client.query<{ name: string; type: string }>(
      'select name, type from metadata.fields where object_id = $1 and not is_system and deleted_at is null order by name',
      [object],
    )
  ).rows;

test('a field of type MANY_TO_MANY brings the junction and the other side', () =>
  db.inTransaction(async (client) => {
    const { student, course, ann, law } = await school(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await liveFields(client, student)).toContainEqual({ name: 'courses', type: 'MANY_TO_MANY' });
    expect(await liveFields(client, course)).toContainEqual({ name: 'participants', type: 'MANY_TO_MANY' });
    await client.query(`insert into ${ws.schema}.student_course_links (student_id, course_id) values ($1, $2)`, [
      ann,
      law,
    ]);
    // A link goes with either of its ends.
    await client.query(`delete from ${ws.schema}.courses`);
    expect((await client.query(`select 1 from ${ws.schema}.student_course_links`)).rowCount).toBe(0);
    await client.query(`select ${ws.schema}.restore_record('course', $1)`, [law]);
    expect((await client.query(`select 1 from ${ws.schema}.student_course_links`)).rowCount).toBe(1);
  }));

test('the model says where the relation leads, from either side', () =>
  db.inTransaction(async (client) => {
    const { student, course } = await school(client);
    const { model } = (await client.query('select engine.model_of($1) as model', [ws.id])).rows[0];
    const of = (object: string, name: string) =>
      model.objects
        .find((candidate: { id: string }) => candidate.id === object)
        .fields.find((candidate: { name: string }) => candidate.name === name);
    const there = of(student, 'courses');
    const back = of(course, 'participants');
    expect(there.junction).toMatchObject({
      targetObjectId: course,
      linkConnection: 'coursesLinks',
      otherName: 'course',
    });
    expect(back.junction).toMatchObject({
      targetObjectId: student,
      linkConnection: 'participantsLinks',
      otherName: 'student',
      inverseFieldId: there.id,
      objectId: there.junction.objectId,
    });
    expect(model.objects.find((object: { isJunction: boolean }) => object.isJunction)).toMatchObject({
      nameSingular: 'studentCourseLink',
      isSearchable: false,
    });
  }));

test('deleting one side hides both and the links; restoring brings them back', () =>
  db.inTransaction(async (client) => {
    const { student, course, field, ann, law } = await school(client);
    await client.query(`insert into ${ws.schema}.student_course_links (student_id, course_id) values ($1, $2)`, [
      ann,
      law,
    ]);
    await client.query('delete from metadata.fields where id = $1', [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await liveFields(client, student)).toEqual([{ name: 'name', type: 'TEXT' }]);
    expect(await liveFields(client, course)).toEqual([{ name: 'name', type: 'TEXT' }]);
    expect((await client.query(`select to_regclass('${ws.schema}.student_course_links') as t`)).rows[0].t).toBeNull();

    await client.query('update metadata.fields set deleted_at = null where id = $1', [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(await liveFields(client, course)).toContainEqual({ name: 'participants', type: 'MANY_TO_MANY' });
    expect((await client.query(`select student_id from ${ws.schema}.student_course_links`)).rows).toEqual([
      { student_id: ann },
    ]);
  }));

test('deleting an object takes the relations to many that lead to it, and for good when it is purged', () =>
  db.inTransaction(async (client) => {
    const { student, course } = await school(client);
    await client.query('delete from metadata.objects where id = $1', [course]);
    await reconcile(client);
    expect(await liveFields(client, student)).toEqual([{ name: 'name', type: 'TEXT' }]);
    await client.query('update metadata.objects set deleted_at = null where id = $1', [course]);
    await reconcile(client);
    expect(await liveFields(client, student)).toContainEqual({ name: 'courses', type: 'MANY_TO_MANY' });
    expect(await statements(client, ws)).toEqual([]);

    await client.query('delete from metadata.objects where id = $1', [course]);
    await client.query(`select engine.purge_deleted('-1 day')`);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect(
      (await client.query(`select 1 from metadata.objects where workspace_id = $1 and deleted_at is not null`, [ws.id]))
        .rowCount,
    ).toBe(0);
    const { rows } = await client.query(
      `select relname from pg_class where relnamespace = '${ws.schema}'::regnamespace and relname ~ '^(deleted_|student_course)'`,
    );
    expect(rows).toEqual([]);
  }));

test('an object may have relations to many with itself', () =>
  db.inTransaction(async (client) => {
    const person = await addObject(client, ws, { label_singular: 'Human', label_plural: 'Humans' });
    await addField(client, person, {
      label: 'Friends',
      type: 'MANY_TO_MANY',
      settings: { targetObjectId: person, inverseLabel: 'Friend of' },
    });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect((await liveFields(client, person)).map((field) => field.name)).toEqual(['friendOf', 'friends', 'name']);
    const ids = await Promise.all(['A', 'B'].map((name) => insert(client, `${ws.schema}.humans`, { name })));
    await client.query(
      `insert into ${ws.schema}.human_human_links (human_id, related_human_id) values ($1, $2), ($2, $1)`,
      ids,
    );
  }));

test('a relation to many needs a target and is neither required nor unique', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    const to = (values: object) =>
      failure(client, () => addField(client, object, { label: 'X', type: 'MANY_TO_MANY', ...values }));
    expect(await to({})).toMatchObject({ code: 'RV008' });
    expect(await to({ settings: { targetObjectId: object }, is_required: true })).toMatchObject({ code: 'RV008' });
  }));

test('Admin makes one through create_field and links records; Member links them, too', () =>
  db.inTransaction(async (client) => {
    await act(client, ws.adminRole);
    await client.query(
      `select metadata.create_field(a.id, 'Advisers', 'MANY_TO_MANY', target_object_id => b.id, inverse_label => 'Advises')
       from metadata.objects a, metadata.objects b where a.name_singular = 'company' and b.name_singular = 'person'`,
    );
    await client.query('reset role');
    await reconcile(client);
    await act(client, ws.memberRole);
    await client.query(`set local search_path = ${ws.schema}`);
    await client.query(
      `with c as (insert into companies (name) values ('Acme') returning id), p as (insert into people (name_first_name) values ('Ann') returning id)
       select 1 from c, p`,
    );
    await client.query(
      `insert into company_person_links (company_id, person_id) select c.id, p.id from companies c, people p`,
    );
    expect((await client.query('select 1 from company_person_links')).rowCount).toBe(1);
  }));

test('a member field points to members, may default to who writes, and empties when the member goes', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Case', label_plural: 'Cases' });
    await addField(client, object, { label: 'Handler', type: 'MEMBER', default_value: 'currentMember' });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    const { rows } = await client.query('select id from core.members where workspace_id = $1', [ws.id]);
    await client.query(`select set_config('relvar.member_id', $1, true)`, [rows[0].id]);
    await act(client, ws.memberRole);
    await client.query(`insert into ${ws.schema}.cases (name) values ('Theft')`);
    expect((await client.query(`select handler_id from ${ws.schema}.cases`)).rows).toEqual([
      { handler_id: rows[0].id },
    ]);
  }));

test('auto-numbers count by themselves, with prefix and padding, and nobody writes them', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Invoice', label_plural: 'Invoices' });
    await reconcile(client);
    await client.query(`insert into ${ws.schema}.invoices (name) values ('before')`);
    const field = await addField(client, object, {
      label: 'Number',
      type: 'AUTO_NUMBER',
      settings: { prefix: 'INV-', padding: 4 },
    });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await act(client, ws.memberRole);
    await client.query(`insert into ${ws.schema}.invoices (name) values ('after')`);
    expect((await client.query(`select number, number_text from ${ws.schema}.invoices order by number`)).rows).toEqual([
      { number: '1', number_text: 'INV-0001' },
      { number: '2', number_text: 'INV-0002' },
    ]);
    expect(
      await failure(client, () => client.query(`insert into ${ws.schema}.invoices (number) values (7)`)),
    ).toMatchObject({ code: '42501' });
    await client.query('reset role');
    await client.query(`update metadata.fields set settings = '{"prefix": "R", "padding": 2}' where id = $1`, [field]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    expect((await client.query(`select number_text from ${ws.schema}.invoices order by number`)).rows).toEqual([
      { number_text: 'R01' },
      { number_text: 'R02' },
    ]);
    // Past the padding nothing is cut.
    await client.query(`insert into ${ws.schema}.invoices (number) values (12345)`);
    expect((await client.query(`select number_text from ${ws.schema}.invoices where number = 12345`)).rows).toEqual([
      { number_text: 'R12345' },
    ]);
    // A deleted record keeps its number and comes back with it.
    const { rows } = await client.query(`delete from ${ws.schema}.invoices where number = 2 returning id`);
    await client.query(`select ${ws.schema}.restore_record('invoice', $1)`, [rows[0].id]);
    expect((await client.query(`select 1 from ${ws.schema}.invoices where number_text = 'R02'`)).rowCount).toBe(1);
  }));

test('auto-numbers begin where they are told, and a later beginning counts on from there', () =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Invoice', label_plural: 'Invoices' });
    const field = await addField(client, object, { label: 'Number', type: 'AUTO_NUMBER', settings: { start: 1000 } });
    await reconcile(client);
    const next = async () =>
      (await client.query(`insert into ${ws.schema}.invoices default values returning number_text`)).rows[0]
        .number_text;
    const begin = async (start: number) => {
      await client.query('update metadata.fields set settings = $2 where id = $1', [field, { start }]);
      await reconcile(client);
      expect(await statements(client, ws)).toEqual([]);
    };
    expect([await next(), await next()]).toEqual(['1000', '1001']);
    await begin(5);
    expect(await next()).toBe('1002');
    await begin(0);
    expect(await next()).toBe('1003');
    await begin(2000);
    expect(await next()).toBe('2000');
  }));

test.each([
  ['COLOR', { value: '#12ab9f' }, { value: 'red' }],
  ['LOCATION', { value_lat: 48.2, value_lng: 16.4 }, { value_lat: 91 }],
  ['PERCENT', { value: 0.25 }, { value: 'a quarter' }],
  ['DURATION', { value: 5400 }, { value: 'long' }],
])('%s takes what it means and refuses the rest', (type, good, bad) =>
  db.inTransaction(async (client) => {
    const object = await addObject(client, ws, { label_singular: 'Thing', label_plural: 'Things' });
    await addField(client, object, { label: 'Value', type });
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await insert(client, `${ws.schema}.things`, good);
    expect(await failure(client, () => insert(client, `${ws.schema}.things`, bad))).toMatchObject({
      code: expect.stringMatching(/^(23514|22P02)$/),
    });
  }),
);

test('links to an object that is switched off are read by who read them before', () =>
  db.inTransaction(async (client) => {
    const { course, ann, law } = await school(client);
    await client.query(`insert into ${ws.schema}.student_course_links (student_id, course_id) values ($1, $2)`, [
      ann,
      law,
    ]);
    await client.query('update metadata.objects set is_active = false where id = $1', [course]);
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
    await act(client, ws.memberRole);
    expect((await client.query('select course_id from student_course_links')).rows).toEqual([{ course_id: law }]);
  }));

test('a relation to many is not deleted from under a rollup over its links', () =>
  db.inTransaction(async (client) => {
    const { student, field } = await school(client);
    const { rows } = await client.query(
      `select r.id from metadata.relations r join metadata.fields f on f.id = r.field_id
       where r.target_object_id = $1 and f.object_id = (select j.object_id from metadata.fields m join metadata.fields j on j.id = m.junction_field_id where m.id = $2)`,
      [student, field],
    );
    const rollup = await addField(client, student, {
      label: 'Number of courses',
      type: 'ROLLUP',
      settings: { relationId: rows[0].id, aggregate: 'COUNT' },
    });
    await reconcile(client);
    const remove = () => client.query('delete from metadata.fields where id = $1', [field]);
    const error = await failure(client, remove);
    expect(error).toMatchObject({ code: 'RV061', message: expect.stringContaining('"Number of courses"') });
    await client.query('delete from metadata.fields where id = $1', [rollup]);
    await remove();
    await reconcile(client);
    expect(await statements(client, ws)).toEqual([]);
  }));

test('a junction comes back with the last of its ends, and not before', () =>
  db.inTransaction(async (client) => {
    const { student, course } = await school(client);
    const isThere = async () => {
      await reconcile(client);
      expect(await statements(client, ws)).toEqual([]);
      return (
        (await client.query('select 1 from metadata.objects where is_junction and deleted_at is null')).rowCount === 1
      );
    };
    const remove = (id: string) => client.query('delete from metadata.objects where id = $1', [id]);
    const restore = (id: string) => client.query('update metadata.objects set deleted_at = null where id = $1', [id]);
    await remove(course);
    await client.query('update metadata.objects set deleted_at = null where workspace_id = $1 and is_junction', [
      ws.id,
    ]);
    expect(await isThere()).toBe(false);
    await remove(student);
    await restore(course);
    expect(await isThere()).toBe(false);
    await restore(student);
    expect(await isThere()).toBe(true);
    expect(await liveFields(client, student)).toContainEqual({ name: 'courses', type: 'MANY_TO_MANY' });
    expect(await liveFields(client, course)).toContainEqual({ name: 'participants', type: 'MANY_TO_MANY' });
    await remove(course);
    await remove(course);
    await reconcile(client);
    expect((await client.query('select 1 from metadata.objects where is_junction')).rowCount).toBe(0);
  }));
