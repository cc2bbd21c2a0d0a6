import { rmSync } from 'node:fs';
import request from 'supertest';
import { exportSecretPurpose, signExportLink } from '../../db/exports/exportLink.ts';
import { DiskStore } from '../../db/files/diskStore.ts';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';
import { cookieOf, PASSWORD, SECRETS, useServer, type Caller } from '../testing/server.ts';

// What exports that come again ask the server for: the files of mails, and secrets that are sealed.
const directory = makeTemporaryDir();
const store = new DiskStore(directory);
const server = useServer({}, () => ({ files: { store, maxBytes: 1_000_000, url: null } }));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const CONTENT = 'name\nAcme\n';
let acme: Caller;
let ids: { export: string; run: string; owner: string; reader: string };
let cookie: string;
const sql = async (text: string, values: unknown[] = []) => (await server.db.admin.query(text, values)).rows;
const get = (path: string) => request(server.app.handler).get(path);
const linkOf = (memberId: string, hours = 1) =>
  `/exports/files/${signExportLink(SECRETS, { runId: ids.run, memberId, expires: Math.floor(Date.now() / 1000) + hours * 3600 })}`;

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  const [owner] = await sql(`select m.id from core.members m`);
  const [reader] = await sql(`select core.add_member('acme', 'ben@acme.test', 'Ben', 'Member') as id`);
  const [made] = await sql(
    `insert into metadata.scheduled_exports (workspace_id, owner_id, name, object_id, recurrence, next_at, recipients)
     select $1, $2, 'Weekly', o.id, 'FREQ=WEEKLY', '2099-01-01', $3 from metadata.objects o where o.workspace_id = $1 and o.name_singular = 'company' returning id`,
    [acme.workspaceId, owner.id, [reader.id]],
  );
  const [run] = await sql(
    `insert into core.export_runs (export_id, workspace_id, state, bytes, file_name, media_type, is_file_kept, file_expires_at)
     values ($1, $2, 'DONE', $3, 'Weekly ü.csv', 'text/csv; charset=utf-8', true, now() + interval '7 days') returning id`,
    [made.id, acme.workspaceId, CONTENT.length],
  );
  ids = { export: made.id, run: run.id, owner: owner.id, reader: reader.id };
  await store.write(
    { workspaceId: acme.workspaceId, fileId: run.id },
    (async function* () {
      yield Buffer.from(CONTENT);
    })(),
  );
  const signedIn = await request(server.app.handler)
    .post('/auth/sign-in')
    .send({ email: 'owner@acme.test', password: PASSWORD });
  cookie = cookieOf(signedIn);
}, 60_000);

test('the link of a mail opens the file for its reader, without a session, to be saved and not shown', async () => {
  const { body, headers } = await get(linkOf(ids.reader)).expect(200);
  expect((body as Buffer).toString()).toBe(CONTENT);
  expect(headers['content-disposition']).toBe(
    `attachment; filename="Weekly _.csv"; filename*=UTF-8''Weekly%20%C3%BC.csv`,
  );
  expect(headers['x-content-type-options']).toBe('nosniff');
});

test('one that was changed, has run out, or is of somebody who does not get the export opens nothing', async () => {
  const link = linkOf(ids.reader);
  await get(`${link.slice(0, -1)}${link.endsWith('A') ? 'B' : 'A'}`).expect(410);
  await get('/exports/files/nothing').expect(410);
  await get(linkOf(ids.reader, -1)).expect(410);
  const [other] = await sql(`select core.add_member('acme', 'eve@acme.test', 'Eve', 'Member') as id`);
  await get(linkOf(other.id)).expect(410);
  await sql('update metadata.scheduled_exports set deleted_at = now()');
  await get(linkOf(ids.reader)).expect(410);
  await sql('update metadata.scheduled_exports set deleted_at = null');
  await get(linkOf(ids.reader)).expect(200);
  await sql('delete from core.members where id = $1', [ids.reader]);
  await get(linkOf(ids.reader)).expect(410);
});

test('its owner fetches it from the log, signed in; nobody else does', async () => {
  const path = `/exports/runs/${ids.run}/file`;
  const { body } = await get(path).set('cookie', cookie).expect(200);
  expect((body as Buffer).toString()).toBe(CONTENT);
  await get(path).expect(401);
  await get(path).set('authorization', `Bearer ${acme.apiKey}`).expect(422);
});

test('a secret is sealed before it reaches the database, and only its owner gives it', async () => {
  const send = (body: object) => request(server.app.handler).post('/exports/secret').set('cookie', cookie).send(body);
  await send({ export: ids.export, secret: 'a b' }).expect(400);
  await send({ export: ids.export, secret: 'wJalrXUtnFEMI/K7MDENG' }).expect(200);
  const [{ sealed }] = await sql('select sealed from core.export_secrets');
  expect(sealed).not.toContain('wJalr');
  expect(SECRETS.unseal(sealed, exportSecretPurpose(ids.export))).toBe('wJalrXUtnFEMI/K7MDENG');
  await request(server.app.handler)
    .post('/exports/secret')
    .set('authorization', `Bearer ${acme.apiKey}`)
    .send({ export: ids.export, secret: 'wJalrXUtnFEMI/K7MDENG' })
    .expect(422);
});
