import { beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, addRelation, createWorkspace, insert, type Workspace } from '../testing/workspace.ts';

// Random clients with values, visits, courses, friends and mentors are merged as planned, several times in a row; each
// merge keeps what there was, and taken back the other way round they leave everything as it was at first.
const db = useDatabase();
let ws: Workspace;

beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  const client = await db.admin.connect();
  await client.query('begin');
  const clients = await addObject(client, ws, { label_singular: 'Client', label_plural: 'Clients' });
  await addField(client, clients, { label: 'City', type: 'TEXT' });
  await addField(client, clients, { label: 'Code', type: 'TEXT', is_unique: true });
  await addField(client, clients, { label: 'Tags', type: 'ARRAY' });
  await addField(client, clients, { label: 'Mail', type: 'EMAILS' });
  await addRelation(client, clients, 'Mentor', clients, { label: 'Mentees' });
  const visits = await addObject(client, ws, { label_singular: 'Visit', label_plural: 'Visits' });
  await addRelation(client, visits, 'Client', clients, { label: 'Visits', onDelete: 'CASCADE' });
  const courses = await addObject(client, ws, { label_singular: 'Course', label_plural: 'Courses' });
  for (const [label, targetObjectId] of [
    ['Courses', courses],
    ['Friends', clients],
  ])
    await addField(client, clients, {
      label: label!,
      type: 'MANY_TO_MANY',
      settings: { targetObjectId, inverseLabel: `${label} of` },
    });
  await client.query('commit');
  client.release();
}, 60_000);

async function committed<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
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
}

const QUESTIONS = {
  clients:
    'select id, name, city, code, tags, mail_primary_email, mail_additional_emails, mentor_id from clients order by id',
  visits: 'select id, client_id from visits order by id',
  courses: 'select client_id, course_id from client_course_links order by 1, 2',
  friends: 'select client_id, related_client_id from client_client_links order by 1, 2',
  trash: 'select record_id from trash order by 1',
  comments: 'select record_id, body from record_comments order by body',
};
type State = Record<keyof typeof QUESTIONS, Record<string, unknown>[]>;
const stateOf = (client: pg.ClientBase): Promise<State> =>
  Object.entries(QUESTIONS).reduce(
    async (state, [name, sql]) => ({ ...(await state), [name]: (await client.query(sql)).rows }),
    Promise.resolve({} as State),
  );

const word = fc.constantFrom(null, 'a', 'b', 'c');
const mail = fc.constantFrom('a@x.example', 'B@x.example', 'b@x.example', 'c@x.example');
const index = fc.nat({ max: 4 });
const world = fc.record({
  clients: fc.array(
    fc.record({
      city: word,
      tags: fc.option(fc.array(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 })),
      mail: fc.option(mail),
      more: fc.array(mail, { maxLength: 2 }),
    }),
    { minLength: 5, maxLength: 5 },
  ),
  mentors: fc.array(fc.tuple(index, index), { maxLength: 4 }),
  visits: fc.array(index, { maxLength: 4 }),
  courses: fc.uniqueArray(fc.tuple(index, fc.nat({ max: 1 })), { maxLength: 5, selector: String }),
  friends: fc.uniqueArray(
    fc.tuple(index, index).filter(([a, b]) => a !== b),
    { maxLength: 5, selector: String },
  ),
  comments: fc.array(index, { maxLength: 3 }),
  merges: fc.array(fc.uniqueArray(index, { minLength: 2, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
});

const words = (rows: Record<string, unknown>[], column: string) =>
  new Set(rows.flatMap((row) => (row[column] as string[] | null) ?? []));
const mails = (rows: Record<string, unknown>[]) =>
  new Set(
    rows
      .flatMap((row) => [
        row['mail_primary_email'] as string | null,
        ...((row['mail_additional_emails'] as string[]) ?? []),
      ])
      .flatMap((each) => (each ? [each.toLowerCase()] : [])),
  );

test('merges keep all there was, and leave nothing behind when they are taken back', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(world, async (given) => {
      run += 1;
      const ids = await committed(async (client) => {
        const made: string[] = [];
        for (const [i, { city, tags, mail: first, more }] of given.clients.entries())
          made.push(
            await insert(client, 'clients', {
              name: `C${i}`,
              code: `${run}-${i}`,
              city,
              tags,
              mail_primary_email: first,
              mail_additional_emails: first ? more : null,
            }),
          );
        const taught = [
          await insert(client, 'courses', { name: 'Law' }),
          await insert(client, 'courses', { name: 'Art' }),
        ];
        for (const [who, whom] of given.mentors)
          if (who !== whom)
            await client.query('update clients set mentor_id = $2 where id = $1', [made[who], made[whom]]);
        for (const who of given.visits) await insert(client, 'visits', { name: 'v', client_id: made[who] });
        for (const [who, what] of given.courses)
          await insert(client, 'client_course_links', { client_id: made[who], course_id: taught[what] });
        for (const [who, whom] of given.friends)
          await insert(client, 'client_client_links', { client_id: made[who], related_client_id: made[whom] });
        for (const [i, who] of given.comments.entries())
          await client.query(
            `insert into record_comments (object_id, record_id, body, author_type) select id, $1, $2, 'member' from metadata.objects where name_singular = 'client'`,
            [made[who], `${run} ${i}`],
          );
        return made;
      });
      const first = await committed(stateOf);
      const transactions: string[] = [];
      for (const chosen of given.merges) {
        const before = await committed(stateOf);
        const there = chosen.map((i) => ids[i]!).filter((id) => before.clients.some((row) => row['id'] === id));
        if (there.length < 2) continue;
        await committed(async (client) => {
          const plan = (await client.query(`select plan_merge('client', $1) as plan`, [there])).rows[0].plan;
          const others = there.filter((id) => id !== plan.survivorId);
          await client.query(`select merge_records('client', $1, $2, $3)`, [
            plan.survivorId,
            others,
            JSON.stringify(plan.data),
          ]);
          const after = await stateOf(client);
          const was = before.clients.filter((row) => there.includes(row['id'] as string));
          const is = after.clients.filter((row) => row['id'] === plan.survivorId);
          // No value of a field that holds several is lost, and none of one where the survivor had none.
          expect(words(is, 'tags')).toEqual(words(was, 'tags'));
          expect(mails(is)).toEqual(mails(was));
          expect(is[0]!['city'] === null).toBe(was.every((row) => row['city'] === null));
          // What referred to the others refers to the survivor.
          const moved = (id: unknown) => (others.includes(id as string) ? plan.survivorId : id);
          expect(after.visits).toEqual(before.visits.map((row) => ({ ...row, client_id: moved(row['client_id']) })));
          expect(after.comments).toEqual(
            before.comments.map((row) => ({ ...row, record_id: moved(row['record_id']) })),
          );
          expect(new Set(after.courses.map((row) => Object.values(row).join()))).toEqual(
            new Set(before.courses.map((row) => [moved(row['client_id']), row['course_id']].join())),
          );
          transactions.push((await client.query('select pg_current_xact_id()::text as id')).rows[0].id);
        });
      }
      for (const transaction of transactions.reverse()) {
        const { result } = await committed(
          async (client) =>
            (await client.query('select revert(transaction_id => $1) as result', [transaction])).rows[0],
        );
        expect(result).toMatchObject({ skipped: 0, conflicts: [] });
      }
      expect(await committed(stateOf)).toEqual(first);
    }),
    { numRuns: 8, seed: 7 },
  );
}, 120_000);
