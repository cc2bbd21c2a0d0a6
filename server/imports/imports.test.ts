import request from 'supertest';
import { PASSWORD, cookieOf, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// Files on their way in, up to where a worker takes over.
const server = useServer();
let acme: Caller;
let cookie: string;

const signIn = async (email: string) =>
  cookieOf(await request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD }));
const get = (path: string, as = cookie) => request(server.app.handler).get(path).set('cookie', as);
const post = (path: string, body: object, as = cookie) =>
  request(server.app.handler).post(path).set('cookie', as).send(body);
const upload = (object: string, name: string, content: string | Buffer, as = cookie) =>
  request(server.app.handler)
    .post(`/imports?object=${object}&name=${encodeURIComponent(name)}`)
    .set('cookie', as)
    .set('content-type', 'application/octet-stream')
    .send(Buffer.from(content as string)); // prettier-ignore

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  await server.createWorkspace('other');
  cookie = await signIn('owner@acme.test');
});

test('a file comes in, is read, and its columns are guessed; where they went is remembered', async () => {
  const { body } = await upload('people', 'péople.csv', 'First Name;Mail;Stranger;Town\nAda;ada@a.example;x;Jena\n').expect(201);
  const read = await post(`/imports/${body.id}/read`, {}).expect(200);
  expect(read.body).toMatchObject({
    format: { kind: 'csv', delimiter: ';', encoding: 'utf-8', hasHeader: true },
    mapping: [{ path: 'name.firstName' }, { path: 'emails' }, { path: '', note: 'unknown', samples: ['x'] }, { path: 'city' }],
    remembered: null,
    rows: [{ line: 2, cells: ['Ada', 'ada@a.example', 'x', 'Jena'] }],
  });
  const settings = { map: { 'First Name': 'name.firstName', Mail: 'emails', Stranger: 'jobTitle', Town: '' }, match: 'emails' };
  const preview = await post(`/imports/${body.id}/preview`, { settings }).expect(200);
  expect(preview.body.rows[0].cells.map((cell: { text: string }) => cell.text)).toEqual(['Ada', 'ada@a.example', 'x']);
  await post(`/imports/${body.id}/start`, { settings, isDryRun: true }).expect(202);
  expect((await get(`/imports/${body.id}`)).body).toMatchObject({ status: 'WAITING', isDryRun: true });
  await post(`/imports/${body.id}/cancel`, {}).expect(202);

  const again = await upload('people', 'next.csv', 'Mail;First Name;Town;Stranger\nb@a.example;Bob;;\n');
  const second = await post(`/imports/${again.body.id}/read`, {});
  expect(second.body.mapping.map(({ path }: { path: string }) => path)).toEqual(['emails', 'name.firstName', '', 'jobTitle']);
  expect(second.body.remembered).toMatchObject({ match: 'emails' });
}); // prettier-ignore

test('old encodings are found out from the whole file, and another can be chosen', async () => {
  const rows = Array.from({ length: 9_000 }, (_, i) => `Name ${i},x`).join('\n');
  const { body } = await upload('company', 'c.csv', Buffer.from(`Name,City\n${rows}\nMüller,Köln\n`, 'latin1'));
  const { body: read } = await post(`/imports/${body.id}/read`, {});
  expect(read.format.encoding).toBe('windows-1252');
  const other = await post(`/imports/${body.id}/read`, { format: { encoding: 'macintosh', hasHeader: false } });
  expect(other.body).toMatchObject({
    format: { encoding: 'macintosh', hasHeader: false },
    mapping: [{ header: 'Column 1' }, { header: 'Column 2' }],
  });
});

test('exports of other CRMs are known for what they are', async () => {
  const { body } = await upload('person', 'hubspot.csv', 'Record ID,First Name,Last Name,Email,Company Name,Lifecycle Stage,Contact owner\n1,A,B,a@b.example,C,Lead,D\n');
  const { body: read } = await post(`/imports/${body.id}/read`, {});
  expect(read.preset).toBe('HUBSPOT');
  expect(read.mapping.map(({ path }: { path: string }) => path)).toEqual(['', 'name.firstName', 'name.lastName', 'emails', 'company', '', '']);
  const none = await post(`/imports/${body.id}/read`, { preset: null });
  expect(none.body.preset).toBeNull();
}); // prettier-ignore

test('the values of a column are counted', async () => {
  const { body } = await upload('opportunity', 'o.csv', 'Name,Stage\nA,Won\nB,Lost\nC,Won\n');
  const { body: found } = await post(`/imports/${body.id}/values`, { header: 'Stage' });
  expect(found.values).toEqual([{ value: 'Won', count: 2 }, { value: 'Lost', count: 1 }]);
  const settings = { map: { Name: 'name', Stage: 'stage' }, meanings: { Stage: { Won: 'CUSTOMER', Lost: '' } } };
  const { body: preview } = await post(`/imports/${body.id}/preview`, { settings });
  expect(preview.rows.map((row: { cells: { text: string }[] }) => row.cells[1]!.text)).toEqual(['Customer', '', 'Customer']);
}); // prettier-ignore

test('a template has the columns of the object, and its headers are known again', async () => {
  const answer = await get('/imports/template?object=person').buffer().expect(200);
  const header = answer.text.replace('\ufeff', '').trim();
  expect(header).toContain('First name,Last name,Emails');
  const { body } = await upload('person', 'template.csv', `${header}\n${header.split(',').map(() => '').join(',')}\nx\n`);
  const { body: read } = await post(`/imports/${body.id}/read`, {});
  expect(read.mapping.filter(({ path }: { path: string }) => path === '')).toEqual([]);
}); // prettier-ignore

test('what is no file to import is refused, and leaves nothing', async () => {
  for (const content of ['', '%PDF-1.7 …', Buffer.from('PK\x03\x04 no workbook'), Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0, 0])])
    await upload('person', 'x', content).then(async ({ status, body }) => {
      if (status === 201) expect((await post(`/imports/${body.id}/read`, {})).status).toBe(422);
      else expect(status).toBe(422);
    });
  await upload('nothing', 'x.csv', 'a\n').expect(422);
  await post('/imports?object=person', {}).expect(415);
}); // prettier-ignore

test('imports are their member’s own, and of those who may import', async () => {
  const { body } = await upload('person', 'mine.csv', 'Name\nA\n');
  const stranger = await signIn('owner@other.test');
  await get(`/imports/${body.id}`, stranger).expect(404);
  await post(`/imports/${body.id}/start`, { settings: {} }, stranger).expect(404);
  await get(`/imports/${body.id}/problems`, stranger).expect(404);
  await request(server.app.handler).get('/imports').expect(401);
  await request(server.app.handler).get('/imports').set('authorization', `Bearer ${acme.apiKey}`).expect(403);
  const { rows } = await server.db.admin.query(
    `insert into core.users (email, name, password_hash) select 'reader@acme.test', 'Reader', u.password_hash from core.users u where u.email = 'owner@acme.test' returning id`,
  );
  await server.db.admin.query(
    `insert into core.members (workspace_id, user_id, role_id) select r.workspace_id, $2, r.id from metadata.roles r where r.workspace_id = $1 and r.name = 'Read-only'`,
    [acme.workspaceId, rows[0].id],
  );
  const reader = await signIn('reader@acme.test');
  await upload('person', 'x.csv', 'Name\nA\n', reader).expect(403);
  await post(`/imports/${body.id}/start`, { settings: {} }, reader).expect(403);
});

test('no more is kept than a workspace may keep', async () => {
  await server.db.admin.query(
    `insert into core.imports (workspace_id, member_id, object_id, file_name)
     select m.workspace_id, m.id, o.id, 'x' from core.members m join metadata.objects o using (workspace_id), generate_series(1, 50)
     where m.workspace_id = (select id from core.workspaces where slug = 'other') and o.name_singular = 'person'`,
  );
  const { body } = await upload('person', 'x.csv', 'a\n', await signIn('owner@other.test')).expect(422);
  expect(body.error.code).toBe('RV269');
});
