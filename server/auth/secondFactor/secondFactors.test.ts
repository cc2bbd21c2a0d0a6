import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOTP } from 'otpauth';
import request from 'supertest';
import { makePlacesDatabase } from '../../testing/placesDatabase.ts';
import { cookieOf, eventually, PASSWORD, useServer } from '../../testing/server.ts';
import type { Caller } from '../../testing/server.ts';
import { openPlaces } from '../places.ts';
import type { Places } from '../places.ts';

/** What a workspace asks of its members' sign-in, and what it tells them of. */
const folder = mkdtempSync(join(tmpdir(), 'relvar-places-'));
afterAll(() => rmSync(folder, { recursive: true }));
let places: Places;
beforeAll(async () => {
  const path = join(folder, 'places.mmdb');
  writeFileSync(path, makePlacesDatabase('203.0.113.0/24', 'Berlin', 'Germany'));
  places = await openPlaces(path);
});
const server = useServer({}, () => ({ places }));
let acme: Caller;
const OWNER = 'owner@acme.test';
const MEMBER = 'mia@acme.test';

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  await server.db.admin.query("select core.add_member('acme', $1, 'Mia', 'Member')", [MEMBER]);
  await server.db.admin.query(
    'update core.users set password_hash = (select password_hash from core.users where email = $1) where email = $2',
    [OWNER, MEMBER],
  );
});

const signIn = (email: string, headers: Record<string, string> = {}, more: object = {}) =>
  request(server.app.handler)
    .post('/auth/sign-in')
    .set(headers)
    .send({ email, password: PASSWORD, ...more });
const post = (path: string, cookie: string, body: object = {}) =>
  request(server.app.handler).post(path).set('cookie', cookie).send(body);
const get = (path: string, cookie: string) => request(server.app.handler).get(path).set('cookie', cookie);
const perform = async (call: string) => {
  const answer = await acme.metadata(`mutation { payload: ${call} { clientMutationId } }`);
  expect(answer.errors).toBeUndefined();
};
const settings = async (caller = acme) =>
  (await caller.metadata('{ securitySettings }')).data!['securitySettings'] as Record<string, unknown>;
const roleId = async (name: string) =>
  (await server.db.admin.query<{ id: string }>('select id from metadata.roles where name = $1', [name])).rows[0]!.id;
const events = async (kind: string) =>
  (await server.db.admin.query<{ detail: object }>('select detail from core.auth_events where kind = $1', [kind])).rows;
const forget = (table: string) => server.db.admin.query(`delete from core.${table}`);

describe('a second factor by role', () => {
  test('is asked of the members with the role, also where they have it by another role, and of no others', async () => {
    await perform(`setMfaRoles(input: { roleIds: ["${await roleId('Admin')}"] })`);
    expect((await signIn(OWNER)).body).toMatchObject({ next: 'SET_UP_SECOND_FACTOR', ways: ['APP'] });
    expect((await signIn(MEMBER)).body.user.email).toBe(MEMBER);

    await perform(`setMfaRoles(input: { roleIds: ["${await roleId('Read-only')}"] })`);
    expect((await signIn(OWNER)).body.user.email).toBe(OWNER);
    const include = `insert into metadata.role_includes (role_id, included_role_id) values ($1, $2)`;
    await server.db.admin.query(include, [await roleId('Member'), await roleId('Read-only')]);
    expect((await signIn(MEMBER)).body.next).toBe('SET_UP_SECOND_FACTOR');
    await server.db.admin.query('delete from metadata.role_includes');
    expect((await signIn(MEMBER)).body.user.email).toBe(MEMBER);
    expect((await settings())['mfaRoleIds']).toEqual([await roleId('Read-only')]);
    await perform('setMfaRoles(input: { roleIds: [] })');
    expect((await events('SECURITY_CHANGED')).at(-1)!.detail).toMatchObject({ mfaRoles: [] });
  });

  test('is part of the role in a manifest, and changed with it', async () => {
    const read = async () =>
      (await acme.metadata('{ exportManifest }')).data!['exportManifest'] as {
        roles: { name: string; requiresSecondFactor: boolean }[];
      };
    await perform(`setMfaRoles(input: { roleIds: ["${await roleId('Member')}"] })`);
    const wanted = (await read()).roles.map(({ name, requiresSecondFactor }) => [name, requiresSecondFactor]);
    expect(wanted).toContainEqual(['Member', true]);
    expect(wanted).toContainEqual(['Admin', false]);
    await perform('setMfaRoles(input: { roleIds: [] })');
  });

  test('is for who keeps the security of the workspace to say, with the roles of that workspace', async () => {
    const other = await server.createWorkspace('other');
    const theirs = `setMfaRoles(input: { roleIds: ["${await roleId('Admin')}"] })`;
    const refused = await other.metadata(`mutation { payload: ${theirs} { clientMutationId } }`);
    expect(refused.errors![0]!.extensions.code).toBe('RV044');
    const plain = await server.createKey('acme', 'Member');
    for (const call of [
      theirs,
      'setSessionRules(input: { sessionHours: 1, sessionIdleHours: 1, trustedDeviceDays: 0 })',
      'endSessionsWithoutFactor(input: {})',
    ]) {
      const answer = await plain.metadata(`mutation { payload: ${call} { clientMutationId } }`);
      expect(answer.errors![0]!.extensions.code).toBe('FORBIDDEN');
    }
    expect(await settings(plain)).not.toHaveProperty('membersWithoutFactor');
  });

  test('can be asked for at once of those who are in without one', async () => {
    const cookie = cookieOf(await signIn(MEMBER));
    await perform(`setMfaRoles(input: { roleIds: ["${await roleId('Member')}"] })`);
    expect((await get('/auth/me', cookie)).status).toBe(200);
    expect(await settings()).toMatchObject({ membersWithoutFactor: 2, sessionsWithoutFactor: expect.any(Number) });
    await perform('endSessionsWithoutFactor(input: {})');
    await eventually('the session has ended', async () => (await get('/auth/me', cookie)).status === 401);
    expect((await settings())['sessionsWithoutFactor']).toBe(0);
    await perform('setMfaRoles(input: { roleIds: [] })');
  });
});

describe('how long a sign-in is good', () => {
  const rules = (sessionHours: number, sessionIdleHours: number, trustedDeviceDays: number) =>
    perform(
      `setSessionRules(input: { sessionHours: ${sessionHours}, sessionIdleHours: ${sessionIdleHours}, trustedDeviceDays: ${trustedDeviceDays} })`,
    );
  const hoursLeft = async () => {
    const { rows } = await server.db.admin.query<{ session: number; token: number }>(
      `select round(extract(epoch from s.expires_at - now()) / 3600)::int as session, round(extract(epoch from t.expires_at - now()) / 3600)::int as token
       from core.sessions s join core.refresh_tokens t on t.session_id = s.id and t.used_at is null
       where s.user_id = (select id from core.users where email = $1) order by s.created_at desc, t.expires_at desc limit 1`,
      [MEMBER],
    );
    return rows[0]!;
  };
  afterAll(() => rules(1440, 720, 30));

  test('the workspace says, for sessions that go on, too', async () => {
    const cookie = cookieOf(await signIn(MEMBER));
    expect(await hoursLeft()).toEqual({ session: 1440, token: 720 });
    await rules(8, 2, 30);
    expect(await hoursLeft()).toEqual({ session: 8, token: 2 });
    expect((await post('/auth/refresh', cookie)).status).toBe(204);
    expect(await hoursLeft()).toEqual({ session: 8, token: 2 });
    await signIn(MEMBER);
    expect(await hoursLeft()).toEqual({ session: 8, token: 2 });
    const answer = await acme.metadata(
      'mutation { setSessionRules(input: { sessionHours: 0, sessionIdleHours: 1, trustedDeviceDays: 0 }) { clientMutationId } }',
    );
    expect(answer.errors![0]!.extensions.code).toBe('RV165');
  });

  test('a session that is older than the workspace allows ends at once', async () => {
    await rules(1440, 720, 30);
    const cookie = cookieOf(await signIn(MEMBER));
    await server.db.admin.query("update core.sessions set created_at = created_at - interval '3 hours'");
    await rules(2, 2, 30);
    await eventually('it has ended', async () => (await get('/auth/me', cookie)).status === 401);
    expect((await post('/auth/refresh', cookie)).status).toBe(401);
  });

  test('a browser that is remembered is asked where a workspace remembers none', async () => {
    await rules(1440, 720, 30);
    const cookie = cookieOf(await signIn(MEMBER));
    const { secret } = (await post('/auth/second-factor/begin', cookie, { password: PASSWORD })).body;
    const code = (seconds: number) => new TOTP({ secret }).generate({ timestamp: Date.now() + seconds * 1000 });
    await post('/auth/second-factor/confirm', cookie, { code: code(-30) });
    const { ticket } = (await signIn(MEMBER)).body;
    const done = await request(server.app.handler)
      .post('/auth/sign-in/second-factor')
      .send({ ticket, code: code(0), remember: true });
    const device = cookieOf(done);
    expect((await signIn(MEMBER, { cookie: device })).body.user).toBeTruthy();
    await rules(1440, 720, 0);
    expect((await signIn(MEMBER, { cookie: device })).body).toMatchObject({ next: 'SECOND_FACTOR', rememberDays: 0 });
    await server.db.admin.query('delete from core.totp');
  });
});

describe('a sign-in with something new', () => {
  const BERLIN = { 'x-forwarded-for': '203.0.113.7', 'user-agent': 'Mozilla/5.0 (Windows NT 10.0) Chrome/140.0' };
  const mails = async () =>
    (
      await server.db.admin.query<{ to_address: string; props: { [name: string]: string } }>(
        "select to_address, props from core.mail_outbox where template = 'new_sign_in' order by queued_at",
      )
    ).rows;
  beforeEach(async () => {
    await forget('known_devices');
    await forget('attempts');
    await forget('mail_outbox');
  });

  test('is told by mail, with the device, the address and the place; the first of all is not', async () => {
    const first = cookieOf(await signIn(MEMBER, BERLIN));
    expect(await mails()).toEqual([]);
    await signIn(MEMBER, { ...BERLIN, cookie: first });
    expect(await mails()).toEqual([]);
    const second = cookieOf(await signIn(MEMBER, BERLIN));
    const [mail] = await mails();
    expect(mail).toMatchObject({
      to_address: MEMBER,
      props: { device: 'Chrome on Windows', ipAddress: '203.0.113.7', place: 'Berlin, Germany' },
    });
    await signIn(MEMBER, { ...BERLIN, cookie: second });
    expect(await mails()).toHaveLength(1);
    // The browser is known for the one account, not for another.
    await signIn(OWNER, { cookie: second });
    expect(await mails()).toHaveLength(1);
    await signIn(OWNER, { cookie: first });
    expect((await mails()).map((each) => each.to_address)).toEqual([MEMBER, OWNER]);
  });

  test('is told of a program once for its address', async () => {
    const program = (address: string) =>
      signIn(MEMBER, { 'user-agent': 'curl/8', 'x-forwarded-for': address }, { tokens: true });
    for (const address of ['203.0.113.7', '203.0.113.7', '198.51.100.2', '198.51.100.2']) await program(address);
    const [mail, ...others] = await mails();
    expect(mail!.props).toMatchObject({ device: 'curl', ipAddress: '198.51.100.2' });
    expect(mail!.props).not.toHaveProperty('place');
    expect(others).toEqual([]);
  });

  test('does not fill the mailbox', async () => {
    for (let i = 0; i < 9; i += 1) await signIn(MEMBER);
    expect(await mails()).toHaveLength(5);
  });

  test('is shown with its place among the sessions', async () => {
    const cookie = cookieOf(await signIn(MEMBER, BERLIN));
    const list = (await get('/auth/sessions', cookie)).body as { isCurrent: boolean; place: string | null }[];
    expect(list.find(({ isCurrent }) => isCurrent)!.place).toBe('Berlin, Germany');
  });

  test('places are of a file that can be read', async () => {
    const path = join(folder, 'broken.mmdb');
    writeFileSync(path, 'no database');
    await expect(openPlaces(path)).rejects.toThrow('RELVAR_GEOIP names');
    expect((await openPlaces(null)).of('203.0.113.7')).toBeNull();
    for (const address of ['198.51.100.1', '::1', null]) expect(places.of(address)).toBeNull();
  });
});

describe('who changes how they sign in proves who they are', () => {
  const age = (minutes: number) =>
    server.db.admin.query(
      'update core.sessions set signed_in_at = signed_in_at - make_interval(mins => $1), mfa_at = mfa_at - make_interval(mins => $1)',
      [minutes],
    );
  const begin = (cookie: string, proof: object) => post('/auth/second-factor/begin', cookie, proof);

  test('with the password, where there is one: a fresh sign-in is not enough', async () => {
    const cookie = cookieOf(await signIn(MEMBER));
    expect((await begin(cookie, {})).body.error.code).toBe('PASSWORD_WRONG');
    expect((await begin(cookie, { password: 'wrong' })).body.error.code).toBe('PASSWORD_WRONG');
    expect((await begin(cookie, { password: PASSWORD })).status).toBe(200);
    expect((await events('PROOF_REFUSED')).at(-1)!.detail).toEqual({ reason: 'PASSWORD_WRONG' });
  });

  test('with a second factor of the last ten minutes, or a code', async () => {
    const cookie = cookieOf(await signIn(MEMBER));
    const { secret } = (await begin(cookie, { password: PASSWORD })).body;
    const code = (seconds: number) => new TOTP({ secret }).generate({ timestamp: Date.now() + seconds * 1000 });
    await post('/auth/second-factor/confirm', cookie, { code: code(-30) });
    const renew = (proof: object) => post('/auth/second-factor/recovery-codes', cookie, proof);
    expect((await renew({})).status).toBe(200);
    await age(11);
    expect((await renew({})).body.error.code).toBe('PASSWORD_WRONG');
    expect((await renew({ code: '000000' })).body.error.code).toBe('SECOND_FACTOR_FAILED');
    expect((await renew({ code: code(0) })).status).toBe(200);
    expect((await renew({})).status).toBe(200);
    await server.db.admin.query('delete from core.totp');
  });

  test('with a fresh sign-in, where there is no password; a browser that was left open is nothing', async () => {
    const cookie = cookieOf(await signIn(MEMBER));
    const { rows } = await server.db.admin.query<{ password_hash: string }>(
      'select password_hash from core.users where email = $1',
      [MEMBER],
    );
    await server.db.admin.query('update core.users set password_hash = null where email = $1', [MEMBER]);
    expect((await begin(cookie, { password: 'anything' })).status).toBe(200);
    expect((await get('/auth/second-factor', cookie)).body.hasPassword).toBe(false);
    await age(11);
    for (const [path, body] of [
      ['/auth/second-factor/begin', { password: 'anything' }],
      ['/auth/password', { current: '', next: 'a new long password' }],
      ['/auth/change-email/request', { email: 'thief@acme.test', password: '' }],
    ] as const) {
      expect((await post(path, cookie, body)).body.error.code).toBe('SIGN_IN_AGAIN');
    }
    await server.db.admin.query('update core.users set password_hash = $1 where email = $2', [
      rows[0]!.password_hash,
      MEMBER,
    ]);
  });
});
