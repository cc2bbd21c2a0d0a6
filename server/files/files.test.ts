import { createHash } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import request from 'supertest';
import { DiskStore } from '../../db/files/diskStore.ts';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';
import { hashPassword } from '../auth/passwords.ts';
import { cookieOf, eventually, PASSWORD, SECRETS, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';
import { signLink } from './links.ts';

// Files over HTTP: what is let in, as what it is sent, by which links, and to whom.
const MEGABYTE = 1024 * 1024;
const directory = makeTemporaryDir();
const store = new DiskStore(directory);
const server = useServer({}, () => ({ files: { store, maxBytes: 2 * MEGABYTE, url: null } }));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let admin: Caller;
let stranger: Caller;
let rep: Caller;
let cookie: string;

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==',
  'base64',
);
const PDF = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n');
const ZIP = Buffer.from('504b0506000000000000000000000000000000000000', 'hex');
const MP3 = Buffer.concat([Buffer.from('fffb9064', 'hex'), Buffer.alloc(2000)]);

const sql = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await server.db.admin.query<Row>(text, values)).rows;

interface Value {
  id: string;
  name: string;
  type: string;
  size: number;
}

type Person = { authorization: string } | { cookie: string };
const as = (caller: Caller): Person => ({ authorization: `Bearer ${caller.apiKey}` });

async function upload(person: Person, content: Buffer | string, name = 'a.bin') {
  return request(server.app.handler).post('/files').set(person).attach('file', Buffer.from(content), name);
}
async function stored(person: Person, content: Buffer | string, name?: string): Promise<Value> {
  const { body, status } = await upload(person, content, name);
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body.files[0] as Value;
}
async function attach(caller: Caller, target: string, file: { id: string; name?: string }): Promise<string> {
  const { data, errors } = await caller.records(
    'mutation ($a: AttachmentInput!) { createAttachment(input: { attachment: $a }) { attachment { id file } } }',
    { a: { name: 'x', targetCompanyId: target, file: [{ id: file.id, ...(file.name && { name: file.name }) }] } },
  );
  if (errors) throw new Error(errors[0]!.extensions.code);
  return (data as { createAttachment: { attachment: { id: string } } }).createAttachment.attachment.id;
}
async function company(caller: Caller, name: string): Promise<string> {
  const { data, errors } = await caller.records(
    'mutation ($c: CompanyInput!) { createCompany(input: { company: $c }) { company { id } } }',
    { c: { name } },
  );
  if (errors) throw new Error(errors[0]!.message);
  return (data as { createCompany: { company: { id: string } } }).createCompany.company.id;
}
async function links(person: Person, ids: string[], more: object = {}) {
  const { body } = await request(server.app.handler)
    .post('/files/links')
    .set(person)
    .send({ ids, ...more });
  return body as { links: (Value & { url: string; expiresAt: string })[]; error?: { code: string } };
}
/** Fetches a link as a browser does that has no cookie for where files are. */
const follow = (url: string, headers: Record<string, string> = {}) =>
  request(server.app.handler)
    .get(new URL(url).pathname + new URL(url).search)
    .set(headers)
    .buffer(true)
    .parse((response, done) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => done(null, Buffer.concat(chunks)));
    });
async function link(person: Person, id: string): Promise<string> {
  const { links: found } = await links(person, [id]);
  return found[0]!.url;
}
const fetchById = (person: Person, id: string) => request(server.app.handler).get(`/files/${id}`).set(person);
const onDisk = () =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(directory, name)).isFile(),
  );

async function signIn(email: string): Promise<string> {
  return cookieOf(await request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD }));
}

beforeAll(async () => {
  admin = await server.createWorkspace('acme');
  stranger = await server.createWorkspace('other');
  const [role] = await sql<{ id: string }>(
    `insert into metadata.roles (workspace_id, name, permissions) values ($1, 'Rep', '{UPLOAD_FILE,DOWNLOAD_FILE}') returning id`,
    [admin.workspaceId],
  );
  await sql(
    `insert into metadata.record_rules (workspace_id, role_id, object_id, condition)
     select $1, $2, o.id, case o.name_singular when 'company' then 'name = "Mine"' else 'name = "mine"' end
     from metadata.objects o where o.workspace_id = $1 and o.name_singular in ('company', 'attachment')`,
    [admin.workspaceId, role!.id],
  );
  rep = await server.createKey('acme', 'Rep');
  cookie = await signIn('owner@acme.test');
});

describe('what comes in', () => {
  test.each([
    ['picture.png', PNG, 'image/png', 'image/png', 'inline'],
    ['offer.pdf', PDF, 'application/pdf', 'application/pdf', 'inline'],
    ['song.mp3', MP3, 'audio/mpeg', 'audio/mpeg', 'inline'],
    ['notes.txt', 'Grüße', 'text/plain', 'text/plain; charset=utf-8', 'inline'],
    ['list.csv', 'a,b\n1,2\n', 'text/csv', 'text/plain; charset=utf-8', 'inline'],
    // What could run in a browser, or is called what it is not, is bytes that are saved.
    ['page.html', '<html><script>alert(1)</script>', 'text/html', 'application/octet-stream', 'attachment'],
    [
      'drawing.svg',
      '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
      'image/svg+xml',
      'application/octet-stream',
      'attachment',
    ],
    ['page.png', '<html><script>alert(1)</script>', 'application/xml', 'application/octet-stream', 'attachment'],
    [
      'data.xml',
      '<?xml version="1.0"?><x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
      'application/xml',
      'application/octet-stream',
      'attachment',
    ],
    ['code.js', 'alert(1)', 'text/plain', 'text/plain; charset=utf-8', 'inline'],
    ['picture.html', PNG, 'image/png', 'image/png', 'inline'],
    ['bomb.zip', ZIP, 'application/zip', 'application/octet-stream', 'attachment'],
    ['what', Buffer.from([0, 1, 2, 250]), 'application/octet-stream', 'application/octet-stream', 'attachment'],
    ['empty.txt', '', 'text/plain', 'text/plain; charset=utf-8', 'inline'],
  ])(
    '%s is what it is by its content, and is sent as what runs nowhere',
    async (name, content, type, sentAs, manner) => {
      const bytes = Buffer.from(content);
      const file = await stored(as(admin), bytes, name);
      expect(file).toMatchObject({ name, type, size: bytes.length });
      const sent = await follow(await link(as(admin), file.id));
      expect(sent.status).toBe(200);
      expect(sent.body).toEqual(bytes);
      expect(sent.get('content-type')).toBe(sentAs);
      expect(sent.get('content-disposition')).toMatch(new RegExp(`^${manner}; filename="`));
      expect(sent.get('x-content-type-options')).toBe('nosniff');
      expect(sent.get('content-security-policy')).toMatch(/^default-src 'none';/);
      if (type !== 'application/pdf') expect(sent.get('content-security-policy')).toContain('; sandbox;');
      expect(sent.get('cross-origin-resource-policy')).toBe('same-origin');
      // By its id a program gets it, and never to be shown.
      expect((await fetchById(as(admin), file.id)).get('content-disposition')).toMatch(/^attachment; /);
    },
  );

  test('names lead nowhere, and are told in every letter', async () => {
    for (const [given, kept] of [
      ['../../etc/passwd', 'passwd'],
      ['C:\\windows\\win.ini', 'win.ini'],
      ['Ангебот „5“.pdf', 'Ангебот „5“.pdf'],
      ['evil\u202egnp.exe', 'evilgnp.exe'],
      ["100 %; filename='b'.txt", "100 %; filename='b'.txt"],
    ] as const) {
      const file = await stored(as(admin), 'x', given);
      expect(file.name).toBe(kept);
      const header = (await follow(await link(as(admin), file.id))).get('content-disposition')!;
      expect(header).toMatch(/^inline; filename="[^"]*"; filename\*=UTF-8''[\w.%!~-]+$/);
      expect(decodeURIComponent(header.split("UTF-8''")[1]!)).toBe(kept);
    }
    expect(onDisk().every((name) => /^[\w/-]+$/.test(name))).toBe(true);
  });

  test('several come in one form', async () => {
    const { body } = await request(server.app.handler)
      .post('/files')
      .set(as(admin))
      .attach('file', Buffer.from('one'), 'one.txt')
      .attach('file', PNG, 'two.png');
    expect(body.files).toMatchObject([{ name: 'one.txt' }, { name: 'two.png', type: 'image/png' }]);
  });

  test('what is too large, no form, or has no file is refused, and nothing of it is left', async () => {
    const before = onDisk().length;
    const large = await upload(as(admin), Buffer.alloc(2 * MEGABYTE + 1), 'large.bin');
    expect([large.status, large.body.error]).toEqual([
      413,
      expect.objectContaining({ code: 'FILE_TOO_LARGE', hint: 'A file may have at most 2 MB here.' }),
    ]);
    expect((await upload(as(admin), Buffer.alloc(2 * MEGABYTE), 'fits.bin')).status).toBe(201);
    const post = () => request(server.app.handler).post('/files').set(as(admin));
    expect((await post().send({ file: 'x' })).body.error.code).toBe('UNSUPPORTED_MEDIA_TYPE');
    expect((await post().field('role', 'Admin')).body.error.code).toBe('INVALID_REQUEST');
    expect((await post().set('content-type', 'multipart/form-data; x')).body.error.code).toBe('INVALID_REQUEST');
    const torn = '--b\r\ncontent-disposition: form-data; name="file"; filename="x"\r\n\r\nabc';
    expect((await post().set('content-type', 'multipart/form-data; boundary=b').send(torn)).status).toBe(400);
    expect(onDisk()).toHaveLength(before + 1);
    const [{ n } = { n: -1 }] = await sql<{ n: number }>(
      `select count(*)::int as n from ${admin.schemaName}.record_files where stored_at is null`,
    );
    expect(n).toBe(0);
  });

  test('who hangs up in the middle leaves nothing', async () => {
    const listening = createServer(server.app.handler).listen(0);
    const before = onDisk().length;
    const half = httpRequest({
      port: (listening.address() as AddressInfo).port,
      path: '/files',
      method: 'POST',
      headers: { ...as(admin), 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1_000_000 },
    });
    half.on('error', () => undefined);
    half.write('--b\r\ncontent-disposition: form-data; name="file"; filename="half.bin"\r\n\r\n');
    half.write(Buffer.alloc(200_000));
    const pending = async () =>
      (await sql(`select id from ${admin.schemaName}.record_files where stored_at is null`)).length;
    await eventually(
      'the upload is noted and being written',
      async () => (await pending()) === 1 && onDisk().length > before,
    );
    half.destroy();
    await eventually('nothing of it is left', async () => (await pending()) === 0 && onDisk().length === before);
    listening.close();
  });

  test('nobody who is not known, and nobody without the permission, uploads; nor a page of another site', async () => {
    expect((await request(server.app.handler).post('/files').attach('file', PNG, 'a.png')).status).toBe(401);
    const none = await server.createKey('acme', 'Read-only');
    const refused = await upload(as(none), PNG);
    expect([refused.status, refused.body.error.code]).toEqual([403, 'FORBIDDEN']);
    const elsewhere = await request(server.app.handler)
      .post('/files')
      .set({ cookie, 'sec-fetch-site': 'cross-site' })
      .attach('file', PNG, 'a.png');
    expect([elsewhere.status, elsewhere.body.error.code]).toEqual([403, 'CROSS_SITE']);
  });
});

describe('who opens a file', () => {
  test('is who reads a record that has it', async () => {
    const [mine, theirs] = [await company(admin, 'Mine'), await company(admin, 'Theirs')];
    const [a, b] = [await stored(as(admin), PNG, 'a.png'), await stored(as(admin), PDF, 'b.pdf')];
    const shown = await attach(admin, mine, { id: a.id, name: 'Shown.png' });
    await attach(admin, theirs, b);
    await admin.records(
      'mutation ($id: UUID!) { updateAttachment(input: { id: $id, patch: { name: "mine" } }) { attachment { id } } }',
      { id: shown },
    );
    expect((await links(as(rep), [a.id, b.id])).links).toMatchObject([
      { id: a.id, name: 'Shown.png', type: 'image/png' },
    ]);
    expect((await fetchById(as(rep), a.id)).status).toBe(200);
    expect((await fetchById(as(rep), b.id)).body.error.code).toBe('FILE_MISSING');
    expect((await links(as(stranger), [a.id, b.id])).links).toEqual([]);
    expect((await fetchById(as(stranger), a.id)).status).toBe(404);
    expect((await request(server.app.handler).get(`/files/${a.id}`)).status).toBe(401);
    // A link is no more than its holder may: it ends with the right.
    const url = await link(as(rep), a.id);
    expect((await follow(url)).status).toBe(200);
    await admin.records(
      'mutation ($id: UUID!) { updateAttachment(input: { id: $id, patch: { name: "theirs" } }) { attachment { id } } }',
      { id: shown },
    );
    const refused = await follow(url);
    expect([refused.status, JSON.parse(refused.body.toString()).error.code]).toEqual([410, 'FILE_LINK_NOT_VALID']);
  });

  test('is nobody once the record is in the trash, and again when it is back', async () => {
    const file = await stored(as(admin), PNG, 'a.png');
    const id = await attach(admin, await company(admin, 'Mine'), file);
    const url = await link({ cookie }, file.id);
    expect((await follow(url)).status).toBe(200);
    await admin.records('mutation ($id: UUID!) { deleteAttachment(input: { id: $id }) { deletedAttachmentNodeId } }', {
      id,
    });
    expect((await follow(url)).status).toBe(410);
    await admin.records(
      'mutation ($id: UUID!) { restoreRecord(input: { objectName: "attachment", recordId: $id }) { result } }',
      { id },
    );
    expect((await follow(url)).status).toBe(200);
  });

  test('a link ends with the session or the key that asked for it, with its time, and when one letter is another', async () => {
    await sql(`select core.add_member('acme', 'bea@acme.test', 'Bea', 'Admin')`);
    await sql(`update core.users set password_hash = $1 where email = 'bea@acme.test'`, [await hashPassword(PASSWORD)]);
    const bea = { cookie: await signIn('bea@acme.test') };
    const key = await server.createKey('acme', 'Admin');
    const file = await stored(as(admin), PNG, 'a.png');
    await attach(admin, await company(admin, 'Mine'), file);
    const [byBea, byKey] = [await link(bea, file.id), await link(as(key), file.id)];
    for (const url of [byBea, byKey]) expect((await follow(url)).status).toBe(200);
    const [head, token, name] = byKey.split(/\/files\/|\/(?=[^/]*$)/) as [string, string, string];
    for (const broken of [
      `${head}/files/${token.slice(0, -2)}AA/${name}`,
      `${head}/files/A${token.slice(1)}/${name}`,
      `${head}/files/${token.split('.')[0]}.AA/${name}`,
    ])
      expect((await follow(broken)).status).toBe(410);
    const [, owner] = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as string[];
    expect(owner).toBe(file.id);
    const old = signLink(SECRETS, {
      workspaceId: admin.workspaceId,
      fileId: file.id,
      by: 'key',
      byId: (await sql<{ id: string }>('select id from core.api_keys limit 1'))[0]!.id,
      expires: Math.floor(Date.now() / 1000) - 1,
      origin: 'http://localhost',
    });
    expect((await follow(`http://localhost/files/${old}/a.png`)).status).toBe(410);
    await request(server.app.handler).post('/auth/sign-out').set(bea).send({});
    await eventually('the link of the session has ended', async () => (await follow(byBea)).status === 410);
    const hash = createHash('sha256').update(key.apiKey).digest();
    await sql('update core.api_keys set revoked_at = now() where token_hash = $1', [hash]);
    await eventually('the link of the key has ended', async () => (await follow(byKey)).status === 410);
  }, 30_000);

  test('who sees as somebody else opens what both see, and uploads nothing', async () => {
    const file = await stored(as(admin), PNG, 'a.png');
    await attach(admin, await company(admin, 'Theirs'), file);
    const other = { cookie: await signIn('owner@acme.test') };
    const [role] = await sql<{ id: string }>(`select id from metadata.roles where workspace_id = $1 and name = 'Rep'`, [
      admin.workspaceId,
    ]);
    const url = await link(other, file.id);
    await request(server.app.handler).post('/auth/see-as').set(other).send({ roleId: role!.id });
    expect((await links(other, [file.id])).links).toEqual([]);
    await eventually('its links see as the role does', async () => (await follow(url)).status === 410);
    expect((await upload(other, PNG)).body.error.code).toBe('READ_ONLY');
  });

  test('questions for links are checked', async () => {
    expect((await links(as(admin), ['x'])).error?.code).toBe('INVALID_REQUEST');
    expect((await links(as(admin), [], { minutes: 100_000 })).error?.code).toBe('INVALID_REQUEST');
    expect((await links(as(admin), [], { secret: 1 })).error?.code).toBe('INVALID_REQUEST');
    expect((await links(as(admin), [])).links).toEqual([]);
  });
});

describe('what is sent', () => {
  let url: string;
  beforeAll(async () => {
    const file = await stored(as(admin), '0123456789', 'digits.txt');
    await attach(admin, await company(admin, 'Mine'), file);
    url = await link(as(admin), file.id);
  });

  test.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', undefined],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['lines=1-2', 200, '0123456789', undefined],
  ])('%s is answered by %i', async (range, status, text, contentRange) => {
    const answer = await follow(url, { range });
    expect([answer.status, answer.body.toString(), answer.get('content-range')]).toEqual([status, text, contentRange]);
  });

  test('is kept by browsers for as long as the link lasts, and not sent twice', async () => {
    const first = await follow(url);
    expect(first.get('cache-control')).toMatch(/^private, max-age=\d+$/);
    const etag = first.get('etag')!;
    expect((await follow(url, { 'if-none-match': etag })).status).toBe(304);
    expect((await follow(url, { range: 'bytes=0-1', 'if-range': etag })).status).toBe(206);
    expect((await follow(url, { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
    expect((await follow(`${url}?download`)).get('content-disposition')).toMatch(/^attachment; /);
    const head = await request(server.app.handler).head(new URL(url).pathname);
    expect([head.status, head.get('content-length')]).toEqual([200, '10']);
  });

  test('what the store has lost is said to be lost', async () => {
    const file = await stored(as(admin), 'lost', 'lost.txt');
    await store.erase({ workspaceId: admin.workspaceId, fileId: file.id });
    const answer = await follow(await link(as(admin), file.id));
    expect([answer.status, JSON.parse(answer.body.toString()).error.code]).toEqual([404, 'FILE_CONTENT_MISSING']);
  });
});
