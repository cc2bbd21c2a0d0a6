import request from 'supertest';
import { PASSWORD, useServer } from '../../testing/server.ts';

const server = useServer();
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let cookie: string;

async function cookieOf(email: string): Promise<string> {
  const response = await request(server.app.handler).post('/auth/sign-in').send({ email, password: PASSWORD });
  return (response.headers['set-cookie'] as unknown as string[]).map((line) => line.split(';')[0]).join('; ');
}

const metadata = async (query: string, by = cookie) =>
  (await request(server.app.handler).post('/metadata').set('cookie', by).send({ query })).body as {
    data: Record<string, { result: Record<string, unknown> }>;
    errors?: { message: string; extensions: { code: string } }[];
  };

beforeAll(async () => {
  await server.createWorkspace('acme');
  const { hashPassword } = await import('../passwords.ts');
  await server.db.admin.query("select core.add_member('acme', 'ada@acme.test', 'Ada Lovelace', 'Member', $1)", [
    await hashPassword(PASSWORD),
  ]);
  cookie = await cookieOf('ada@acme.test');
});

test('members change their own profile, whatever their role lets them change, and nobody else’s', async () => {
  const changed = await metadata(
    'mutation { updateMyProfile(input: { firstName: "Augusta", dateFormat: "YEAR_FIRST", numberFormat: "DOTS_AND_COMMA" }) { result } }',
  );
  expect(changed.data['updateMyProfile']!.result).toMatchObject({
    firstName: 'Augusta',
    lastName: 'Lovelace',
    email: 'ada@acme.test',
    dateFormat: 'YEAR_FIRST',
    numberFormat: 'DOTS_AND_COMMA',
    colorScheme: 'SYSTEM',
    density: 'COMFORTABLE',
    keepsMembers: false,
  });
  const me = await request(server.app.handler).get('/auth/me').set('cookie', cookie);
  expect(me.body.member.name).toBe('Augusta Lovelace');
  const owner = (await metadata('{ myProfile }', await cookieOf('owner@acme.test'))).data['myProfile'];
  expect(owner).toMatchObject({ firstName: 'Olive', dateFormat: 'SYSTEM', keepsMembers: true });
  const refused = await metadata('mutation { updateMyProfile(input: { dateFormat: "SIDEWAYS" }) { result } }');
  expect(refused.errors?.[0]?.extensions.code).toBe('VALUE_NOT_ALLOWED');
});

test('keys of one’s own are kept whole, no two alike', async () => {
  const set = (shortcuts: string) =>
    metadata(`mutation { setMyShortcuts(input: { shortcuts: ${shortcuts} }) { result } }`);
  const codeOf = async (shortcuts: string) => (await set(shortcuts)).errors?.[0]?.extensions.code;
  expect((await metadata('{ myProfile }')).data['myProfile']).toMatchObject({ shortcuts: {} });
  const kept = { create: 'Mod+j', notifications: '', help: '' };
  const written = '{ create: "Mod+j", notifications: "", help: "" }';
  expect((await set(written)).data['setMyShortcuts']!.result).toMatchObject({ shortcuts: kept });
  expect((await metadata('{ myProfile }')).data['myProfile']).toMatchObject({ shortcuts: kept });
  expect((await metadata('{ myProfile }', await cookieOf('owner@acme.test'))).data['myProfile']).toMatchObject({
    shortcuts: {},
  });
  expect([await codeOf('["x"]'), await codeOf('{ create: 1 }'), await codeOf('{ create: "x", help: "x" }')]).toEqual([
    'RV325',
    'RV325',
    'RV326',
  ]);
});

test('how close lines stand is kept of each member, and nothing else than there is', async () => {
  const set = (density: string) =>
    metadata(`mutation { updateMyProfile(input: { density: "${density}" }) { result } }`);
  expect((await set('COMPACT')).data['updateMyProfile']!.result).toMatchObject({ density: 'COMPACT' });
  expect((await metadata('{ myProfile }')).data['myProfile']).toMatchObject({ density: 'COMPACT' });
  expect((await metadata('{ myProfile }', await cookieOf('owner@acme.test'))).data['myProfile']).toMatchObject({
    density: 'COMFORTABLE',
  });
  expect((await set('CROWDED')).errors?.[0]?.extensions.code).toBe('VALUE_NOT_ALLOWED');
});

test('the browser says once in which language and zone a member reads; then the member does', async () => {
  const settle = (locale: string, timeZone: string) =>
    metadata(`mutation { settleMyProfile(input: { locale: "${locale}", timeZone: "${timeZone}" }) { result } }`);
  const update = (values: string) => metadata(`mutation { updateMyProfile(input: { ${values} }) { result } }`);
  expect((await metadata('{ myProfile }')).data['myProfile']).toMatchObject({
    locale: 'en',
    timeZone: 'system',
    isSettled: false,
  });
  expect((await settle('en-GB', 'Etc/Unknown')).data['settleMyProfile']!.result).toMatchObject({
    locale: 'en-GB',
    timeZone: 'system',
    isSettled: true,
  });
  expect((await settle('de', 'Europe/Berlin')).data['settleMyProfile']!.result).toMatchObject({ locale: 'en-GB' });
  expect((await update('timeZone: "Asia/Kathmandu", locale: "ne"')).data['updateMyProfile']!.result).toMatchObject({
    locale: 'ne',
    timeZone: 'Asia/Kathmandu',
  });
  // Mails follow.
  const { rows } = await server.db.admin.query("select locale from core.users where email = 'ada@acme.test'");
  expect(rows).toEqual([{ locale: 'ne' }]);
  const code = async (values: string) => (await update(values)).errors?.[0]?.extensions.code;
  expect(await code('timeZone: "Mars/Olympus"')).toBe('RV160');
  expect(await code('locale: "Klingon!"')).toBe('RV161');
  await update('timeZone: "system", locale: "en"');
});

test('a role without that permission names and pictures nobody, and still chooses how to read', async () => {
  const set = (permissions: string) =>
    server.db.admin.query(
      "update metadata.roles set permissions = $1 where name = 'Member' and workspace_id = (select id from core.workspaces where slug = 'acme')",
      [permissions],
    );
  await set('{}');
  for (const call of ['updateMyProfile(input: { lastName: "X" })', 'setMyPhoto(input: {})']) {
    const { errors } = await metadata(`mutation { ${call} { result } }`);
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  }
  const read = await metadata('mutation { updateMyProfile(input: { timeFormat: "HOUR_12" }) { result } }');
  expect(read.data['updateMyProfile']!.result).toMatchObject({ lastName: 'Lovelace', timeFormat: 'HOUR_12' });
  await set('{PROFILE_INFORMATION}');
});

test('a picture is shown to members of the workspace, and a new one has a new address', async () => {
  const set = (type: string, content: string) =>
    metadata(`mutation { setMyPhoto(input: { mediaType: "${type}", contentBase64: "${content}" }) { result } }`);
  const url = (await set('image/png', PIXEL)).data['setMyPhoto']!.result['avatarUrl'] as string;
  const get = (by: string, path = url) => request(server.app.handler).get(path).set('cookie', by);
  const photo = await get(cookie);
  expect(photo.headers['content-type']).toBe('image/png');
  expect(photo.headers['content-security-policy']).toContain('sandbox');
  expect((photo.body as Buffer).toString('base64')).toBe(PIXEL);

  await server.createWorkspace('other');
  expect((await get(await cookieOf('owner@other.test'))).status).toBe(404);
  expect((await request(server.app.handler).get(url)).status).toBe(401);
  expect((await get(cookie, '/auth/photos/nonsense')).status).toBe(404);

  const html = Buffer.from('<script>alert(1)</script>').toString('base64');
  for (const [type, content] of [
    ['image/png', html],
    ['text/html', html],
    ['image/svg+xml', PIXEL],
    ['image/png', 'not base64!'],
  ] as const)
    expect((await set(type, content)).errors?.[0]?.extensions.code).toBe('RV117');
  expect((await get(cookie)).status).toBe(200);
  const next = (await set('image/png', PIXEL)).data['setMyPhoto']!.result['avatarUrl'];
  expect(next).not.toBe(url);
  expect((await get(cookie)).status).toBe(404);
  const none = await metadata('mutation { setMyPhoto(input: {}) { result } }');
  expect(none.data['setMyPhoto']!.result['avatarUrl']).toBeNull();
});
