import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { cookieOf, eventually, PASSWORD, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

/** A directory that provisions members over HTTP, as Entra ID and Okta do, and one that would like to do more than it may. */
const server = useServer();
let acme: Caller;
let other: Caller;
let http: Server;
let token: string;
let otherToken: string;

interface Answer {
  status: number;
  type: string | null;
  headers: Headers;
  body: { [name: string]: unknown };
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const { port } = http.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/scim/v2${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
  };
}

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const patch = (path: string, ...Operations: object[]) => ask('PATCH', path, { schemas: [PATCH], Operations });
const find = async (filter: string, path = '/Users') => ask('GET', `${path}?filter=${encodeURIComponent(filter)}`);
const makeToken = async (caller: Caller, name = 'Directory') => {
  const answer = await caller.metadata(`mutation { payload: createScimToken(input: { name: "${name}" }) { result } }`);
  return (answer.data!['payload'] as { result: { id: string; secret: string } }).result;
};
const sql = async <Row extends object = { [name: string]: unknown }>(text: string, values: unknown[] = []) =>
  (await server.db.admin.query<Row & { [name: string]: unknown }>(text, values)).rows;
const memberOf = async (email: string, slug = 'acme') =>
  (
    await sql<{ id: string; role: string; name: string; is_active: boolean }>(
      `select m.id, r.name as role, m.name, m.is_active from core.members m join core.users u on u.id = m.user_id
       join metadata.roles r on r.id = m.role_id join core.workspaces w on w.id = m.workspace_id
       where u.email = $1 and w.slug = $2`,
      [email, slug],
    )
  )[0];
const roleId = async (name: string, slug = 'acme') =>
  (
    await sql<{ id: string }>(
      'select r.id from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.name = $1 and w.slug = $2',
      [name, slug],
    )
  )[0]!.id;
const newUser = (name: string, more: object = {}) => ({
  schemas: [USER],
  userName: `${name}@acme.test`,
  name: { givenName: name, familyName: 'Test' },
  emails: [{ value: `${name}@acme.test`, type: 'work', primary: true }],
  active: true,
  ...more,
});
const create = async (name: string, more: object = {}) => {
  const made = await ask('POST', '/Users', newUser(name, more));
  expect(made.status).toBe(201);
  return String(made.body['id']);
};

beforeAll(async () => {
  acme = await server.createWorkspace('acme');
  other = await server.createWorkspace('other');
  http = createServer(server.app.handler);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  await server.db.admin.query(
    "insert into core.approved_domains (workspace_id, domain, requested_email, approved_at) select id, slug || '.test', 'it@' || slug || '.test', now() from core.workspaces",
  );
  ({ secret: token } = await makeToken(acme));
  ({ secret: otherToken } = await makeToken(other));
});
afterAll(() => new Promise((resolve) => http.close(resolve)));

describe('a token', () => {
  test('is made by who keeps security and members, told once, kept as a hash, and revoked', async () => {
    expect(token).toMatch(/^rvs_[\w-]{43}$/);
    const { id, secret } = await makeToken(acme, 'For a day');
    expect(await sql('select from core.scim_tokens where token_hash = sha256($1::bytea)', [secret])).toHaveLength(1);
    expect(JSON.stringify(await sql('select * from core.scim_tokens'))).not.toContain(secret);
    const use = () => ask('GET', '/Users', undefined, { authorization: `Bearer ${secret}` });
    expect((await use()).status).toBe(200);
    const list = (await acme.metadata('{ provisioning }')).data!['provisioning'] as { tokens: { name: string }[] };
    expect(list.tokens.map(({ name }) => name)).toEqual(['For a day', 'Directory']);
    await acme.metadata(`mutation { revokeScimToken(input: { id: "${id}" }) { clientMutationId } }`);
    expect((await use()).status).toBe(401);
    const member = await server.createKey('acme', 'Member');
    for (const call of ['createScimToken(input: { name: "Mine" })', `revokeScimToken(input: { id: "${id}" })`]) {
      const answer = await member.metadata(`mutation { payload: ${call} { clientMutationId } }`);
      expect(answer.errors![0]!.extensions.code).toBe('FORBIDDEN');
    }
    for (let n = 0; n < 4; n += 1) await makeToken(acme, `Number ${n}`);
    const sixth = await acme.metadata('mutation { createScimToken(input: { name: "Sixth" }) { clientMutationId } }');
    expect(sixth.errors![0]!.extensions.code).toBe('RV173');
    await sql("update core.scim_tokens set expires_at = now() - interval '1 day' where name like 'Number%'");
  });

  test('is all that opens the door; what is refused is in the audit', async () => {
    for (const authorization of [
      '',
      'Bearer rvs_',
      `Bearer rvs_${'A'.repeat(43)}`,
      `Bearer ${acme.apiKey}`,
      'Basic YTpi',
    ]) {
      const { status, body, type } = await ask('GET', '/Users', undefined, { authorization });
      expect([status, type]).toEqual([401, 'application/scim+json; charset=utf-8']);
      expect(body).toMatchObject({ schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '401' });
    }
    await eventually('it is written down', async () => {
      const rows = await sql("select from core.auth_events where detail ->> 'reason' = 'SCIM_TOKEN'");
      return rows.length >= 5;
    });
    // Nor does it open any other door.
    const me = await request(server.app.handler).get('/auth/me').set('authorization', `Bearer ${token}`);
    expect(me.status).toBe(401);
  });
});

describe('the description', () => {
  test('says what the service can do', async () => {
    const config = await ask('GET', '/ServiceProviderConfig');
    expect(config.body).toMatchObject({ patch: { supported: true }, filter: { supported: true, maxResults: 200 } });
    const types = await ask('GET', '/ResourceTypes');
    expect(types.body).toMatchObject({ totalResults: 2, Resources: [{ id: 'User' }, { id: 'Group' }] });
    expect((await ask('GET', '/ResourceTypes/User')).body).toMatchObject({ endpoint: '/Users', schema: USER });
    const schema = await ask('GET', `/Schemas/${USER}`);
    expect(schema.body['attributes']).toContainEqual(expect.objectContaining({ name: 'userName', required: true }));
    expect((await ask('GET', '/Bulk')).status).toBe(404);
  });
});

describe('users', () => {
  test('members who were there before are found, so that a directory adopts them', async () => {
    const found = await find('userName eq "OWNER@acme.test"');
    expect(found.body).toMatchObject({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
      totalResults: 1,
      startIndex: 1,
      Resources: [{ userName: 'owner@acme.test', active: true, name: { givenName: 'Olive', familyName: 'Owner' } }],
    });
  });

  test('are made as members with the default role, and entered in the record that others refer to', async () => {
    await acme.metadata('mutation { inviteMembers(input: { emails: ["ada@acme.test"] }) { clientMutationId } }');
    const made = await ask('POST', '/Users', newUser('ada', { externalId: 'ext-1' }));
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toMatch(new RegExp(`/scim/v2/Users/${made.body['id']}$`));
    expect(made.body).toMatchObject({
      externalId: 'ext-1',
      userName: 'ada@acme.test',
      name: { formatted: 'ada Test' },
      active: true,
      groups: [],
      meta: { resourceType: 'User', version: made.headers.get('etag') },
    });
    expect(await memberOf('ada@acme.test')).toMatchObject({ role: 'Member', name: 'ada Test', is_active: true });
    const [account] = await sql(
      "select password_hash, email_verified_at from core.users where email = 'ada@acme.test'",
    );
    expect(account).toEqual({ password_hash: null, email_verified_at: null });
    expect(await sql('select from core.invitations where accepted_at is null')).toEqual([]);
    const records = await acme.records('{ workspaceMembers { nodes { id userEmail } } }');
    expect(JSON.stringify(records.data)).toContain('ada@acme.test');
  });

  test('a name that is taken is refused as the standard wants it', async () => {
    for (const userName of ['ada@acme.test', 'ADA@acme.test', 'owner@acme.test']) {
      const again = await ask('POST', '/Users', { ...newUser('ada'), userName });
      expect([again.status, again.body['scimType']]).toEqual([409, 'uniqueness']);
    }
    const id = await create('bea');
    const renamed = await patch(`/Users/${id}`, { op: 'replace', path: 'userName', value: 'ada@acme.test' });
    expect([renamed.status, renamed.body['scimType']]).toEqual([409, 'uniqueness']);
  });

  test('what is no user is refused', async () => {
    for (const [body, status] of [
      [{ schemas: [USER] }, 400],
      [{ schemas: [USER], userName: 'no address' }, 400],
      [[], 400],
      ['text', 400],
      [{ ...newUser('cleo'), active: 'perhaps' }, 400],
    ] as const) {
      const { status: got, body: error } = await ask('POST', '/Users', body);
      expect([got, error['schemas']]).toEqual([status, ['urn:ietf:params:scim:api:messages:2.0:Error']]);
    }
    const form = await ask('POST', '/Users', newUser('cleo'), { 'content-type': 'text/plain' });
    expect(form.status).toBe(415);
    expect((await ask('GET', '/Users/1')).status).toBe(404);
    expect((await ask('GET', '/Users/00000000-0000-0000-0000-000000000000')).status).toBe(404);
  });

  test('are changed as Entra ID does it', async () => {
    const id = await create('dora');
    const changed = await patch(
      `/Users/${id}`,
      { op: 'Replace', path: 'displayName', value: 'Ignored beside the parts' },
      { op: 'Replace', path: 'name.familyName', value: 'Newname' },
      { op: 'Add', path: 'emails[type eq "home"].value', value: 'dora@home.test' },
      { op: 'Add', value: { externalId: 'e-9', 'name.givenName': 'Dorothea' } },
      { op: 'Add', path: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department', value: 'Sales' },
      { op: 'Replace', path: 'addresses[type eq "work"].locality', value: 'Berlin' },
    );
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ externalId: 'e-9', name: { formatted: 'Dorothea Newname' } });
    expect(changed.body['emails']).toContainEqual({ type: 'home', value: 'dora@home.test' });
    expect((await memberOf('dora@acme.test'))!.name).toBe('Dorothea Newname');
    // Booleans as texts, and a path before or not.
    const off = await patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'False' });
    expect(off.body['active']).toBe(false);
    const on = await patch(`/Users/${id}`, { op: 'replace', value: { active: 'True' } });
    expect(on.body['active']).toBe(true);
  });

  test('are changed as Okta does it: whole, with its id and password along', async () => {
    const id = await create('emil');
    const { body: before } = await ask('GET', `/Users/${id}`);
    const put = await ask('PUT', `/Users/${id}`, {
      ...before,
      password: 'chosen by the directory',
      name: { givenName: 'Emilia', familyName: 'Okta' },
      locale: 'en-US',
    });
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({ id, name: { formatted: 'Emilia Okta' } });
    expect(await sql("select password_hash from core.users where email = 'emil@acme.test'")).toEqual([
      { password_hash: null },
    ]);
    expect((await patch(`/Users/${id}`, { op: 'replace', value: { active: false } })).body['active']).toBe(false);
  });

  test('who is deactivated is out at once, and comes back when reactivated', async () => {
    const id = await create('fay');
    await sql(
      "update core.users set password_hash = (select password_hash from core.users where email = 'owner@acme.test'), email_verified_at = now() where email = 'fay@acme.test'",
    );
    const signIn = () =>
      request(server.app.handler).post('/auth/sign-in').send({ email: 'fay@acme.test', password: PASSWORD });
    const cookie = cookieOf(await signIn());
    const me = async () => (await request(server.app.handler).get('/auth/me').set('cookie', cookie)).status;
    expect(await me()).toBe(200);
    await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false });
    await eventually('the session has ended', async () => (await me()) === 401);
    expect((await signIn()).body.error.code).toBe('NO_WORKSPACE');
    const [session] = await sql('select revoked_reason from core.sessions order by created_at desc limit 1');
    expect(session).toEqual({ revoked_reason: 'MEMBER_DEACTIVATED' });
    await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: true });
    expect((await signIn()).status).toBe(200);
    expect(await me()).toBe(401);
  });

  test('who is deleted is a member no more', async () => {
    const id = await create('gil');
    expect((await ask('DELETE', `/Users/${id}`)).status).toBe(204);
    expect(await memberOf('gil@acme.test')).toBeUndefined();
    for (const method of ['GET', 'DELETE']) expect((await ask(method, `/Users/${id}`)).status).toBe(404);
    const kinds = await sql<{ kind: string }>(
      "select kind from core.auth_events where detail ->> 'by' = 'SCIM: Directory'",
    );
    for (const kind of ['MEMBER_JOINED', 'MEMBER_REMOVED', 'MEMBER_DEACTIVATED', 'MEMBER_REACTIVATED'])
      expect(kinds).toContainEqual({ kind });
  });

  test('a change to what somebody else has changed is refused by its version', async () => {
    const id = await create('hana');
    const { headers } = await ask('GET', `/Users/${id}`);
    const version = headers.get('etag')!;
    const rename = (familyName: string) =>
      ask(
        'PATCH',
        `/Users/${id}`,
        { schemas: [PATCH], Operations: [{ op: 'replace', path: 'name.familyName', value: familyName }] },
        { 'if-match': version },
      );
    expect((await rename('One')).status).toBe(200);
    expect((await rename('Two')).status).toBe(412);
    const { headers: now } = await ask('GET', `/Users/${id}`);
    expect((await ask('GET', `/Users/${id}`, undefined, { 'if-none-match': now.get('etag')! })).status).toBe(304);
  });
});

describe('lists', () => {
  beforeAll(async () => {
    for (let n = 0; n < 5; n += 1) await create(`page${n}`, { externalId: `page-${n}` });
  });

  test('are given in pages', async () => {
    const names = async (query: string) => {
      const { body } = await ask('GET', `/Users?filter=${encodeURIComponent('userName sw "page"')}&${query}`);
      expect(body['totalResults']).toBe(5);
      return (body['Resources'] as { userName: string }[]).map(({ userName }) => userName.split('@')[0]);
    };
    expect(await names('startIndex=1&count=2')).toEqual(['page0', 'page1']);
    expect(await names('startIndex=3&count=2')).toEqual(['page2', 'page3']);
    expect(await names('startIndex=5&count=2')).toEqual(['page4']);
    expect(await names('startIndex=9')).toEqual([]);
    expect(await names('count=0')).toEqual([]);
    expect(await names('startIndex=-3&count=1')).toEqual(['page0']);
    expect((await ask('GET', '/Users?count=many')).status).toBe(400);
  });

  test('are filtered in all the ways of the standard', async () => {
    const total = async (filter: string) => {
      const { status, body } = await find(filter);
      return status === 200 ? body['totalResults'] : body['scimType'];
    };
    expect(await total('externalId eq "page-3"')).toBe(1);
    expect(await total('externalId eq "PAGE-3"')).toBe(0);
    expect(await total('USERNAME eq "Page3@ACME.test"')).toBe(1);
    expect(await total(`${USER}:userName sw "page" and active eq true`)).toBe(5);
    expect(await total('userName sw "page" and active eq "True"')).toBe(5);
    expect(await total('userName sw "page" and not (externalId eq "page-1" or externalId eq "page-2")')).toBe(3);
    expect(await total('emails.value ew "3@acme.test"')).toBe(1);
    expect(await total('emails co "page4"')).toBe(1);
    expect(await total('emails[type eq "work" and value sw "page"]')).toBe(5);
    expect(await total('name.familyName eq "test" and userName sw "page"')).toBe(5);
    expect(await total('userName sw "page" and externalId pr')).toBe(5);
    expect(await total('userName sw "page" and nickName pr')).toBe(0);
    expect(await total('meta.lastModified gt "2020-01-01T00:00:00Z" and userName sw "page"')).toBe(5);
    expect(await total('meta.created lt "2020-01-01T00:00:00Z"')).toBe(0);
    expect(await total('meta.created lt "yesterday"')).toBe(0);
    expect(await total('externalId ne "page-1" and userName sw "page"')).toBe(4);
    for (const broken of [
      'userName',
      'userName eq',
      'userName is "x"',
      '(((',
      'userName eq "x" and',
      `${'('.repeat(500)}`,
    ])
      expect(await total(broken)).toBe('invalidFilter');
    expect(await total(`userName eq "${'x'.repeat(3_000)}"`)).toBe('invalidFilter');
    expect(await total(`${'not ('.repeat(60)}active pr${')'.repeat(60)}`)).toBe('invalidFilter');
  });

  test('SQL in a filter is a text like any other', async () => {
    const before = await sql('select count(*) as n from core.members');
    for (const evil of [
      `userName eq "' or 1=1 --"`,
      `userName eq "x'; delete from core.members; --"`,
      `externalId co "%' union select password_hash from core.users --"`,
      `emails[value eq "') or true --"]`,
    ]) {
      expect((await find(evil)).body['totalResults']).toBe(0);
    }
    expect((await find(`userName";drop table core.users;-- eq "x"`)).status).toBe(400);
    expect(await sql('select count(*) as n from core.members')).toEqual(before);
  });

  test('show what is asked for', async () => {
    const some = await ask('GET', `/Users?filter=${encodeURIComponent('externalId eq "page-3"')}&attributes=userName`);
    expect(Object.keys((some.body['Resources'] as object[])[0]!).toSorted()).toEqual(['id', 'schemas', 'userName']);
    const less = await ask('GET', '/Users?excludedAttributes=emails,meta&count=1');
    expect((less.body['Resources'] as object[])[0]).not.toHaveProperty('emails');
  });
});

describe('groups', () => {
  const map = async (id: string, values: string) => {
    const answer = await acme.metadata(
      `mutation { mapScimGroup(input: { id: "${id}", ${values} }) { clientMutationId } }`,
    );
    expect(answer.errors).toBeUndefined();
  };
  const newGroup = async (displayName: string, members: string[] = []) => {
    const made = await ask('POST', '/Groups', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
      displayName,
      members: members.map((value) => ({ value })),
    });
    expect(made.status).toBe(201);
    return String(made.body['id']);
  };
  const roleOf = async (name: string) => (await memberOf(`${name}@acme.test`))!.role;
  let ida: string;
  let jon: string;
  let readers: string;
  beforeAll(async () => {
    [ida, jon] = [await create('ida'), await create('jon')];
    readers = await newGroup('Readers', [ida]);
  });

  test('give nothing until somebody says what', async () => {
    expect(await roleOf('ida')).toBe('Member');
    const { body } = await ask('GET', `/Groups/${readers}`);
    expect(body).toMatchObject({ displayName: 'Readers', members: [{ value: ida, display: 'ida Test' }] });
    expect((await ask('GET', `/Users/${ida}`)).body['groups']).toEqual([{ value: readers, display: 'Readers' }]);
    expect((await ask('POST', '/Groups', { displayName: 'readers' })).body['scimType']).toBe('uniqueness');
    expect((await find('displayName eq "READERS"', '/Groups')).body['totalResults']).toBe(1);
    const without = await ask('GET', '/Groups?excludedAttributes=members');
    expect((without.body['Resources'] as object[])[0]).not.toHaveProperty('members');
    expect((await find(`members[value eq "${ida}"]`, '/Groups')).body['totalResults']).toBe(1);
  });

  test('give a role to who is in them, and the default one back to who leaves', async () => {
    await map(readers, `roleId: "${await roleId('Read-only')}"`);
    expect([await roleOf('ida'), await roleOf('jon')]).toEqual(['Read-only', 'Member']);
    await patch(`/Groups/${readers}`, { op: 'Add', path: 'members', value: [{ value: jon, display: 'Jon' }] });
    expect(await roleOf('jon')).toBe('Read-only');
    await patch(`/Groups/${readers}`, { op: 'remove', path: `members[value eq "${ida}"]` });
    expect([await roleOf('ida'), await roleOf('jon')]).toEqual(['Member', 'Read-only']);
    // Entra ID names in the value whom it takes out; nobody else goes.
    await patch(`/Groups/${readers}`, { op: 'Add', path: 'members', value: [{ value: ida }] });
    await patch(`/Groups/${readers}`, { op: 'Remove', path: 'members', value: [{ value: jon }] });
    expect([await roleOf('ida'), await roleOf('jon')]).toEqual(['Read-only', 'Member']);
    // Okta names the group in the value.
    const renamed = await patch(`/Groups/${readers}`, {
      op: 'replace',
      value: { id: readers, displayName: 'All readers' },
    });
    expect(renamed.body).toMatchObject({ id: readers, displayName: 'All readers', members: [{ value: ida }] });
  });

  test('of several the first counts; a role that was given by hand stays', async () => {
    const admins = await newGroup('Admins', [ida]);
    await map(admins, `roleId: "${await roleId('Admin')}", position: -1`);
    expect(await roleOf('ida')).toBe('Admin');
    await map(admins, `roleId: "${await roleId('Admin')}", position: 5`);
    expect(await roleOf('ida')).toBe('Read-only');
    await ask('DELETE', `/Groups/${admins}`);
    expect(await roleOf('ida')).toBe('Read-only');
    await sql('update core.members set role_id = $1 where id = $2', [await roleId('Admin'), jon]);
    const plain = await newGroup('No role', [jon]);
    await ask('DELETE', `/Groups/${plain}`);
    expect(await roleOf('jon')).toBe('Admin');
    await sql('update core.members set role_id = $1 where id = $2', [await roleId('Member'), jon]);
  });

  test('put people into a team', async () => {
    await sql("insert into metadata.teams (workspace_id, name) values ($1, 'North')", [acme.workspaceId]);
    const [{ id: teamId }] = (await sql<{ id: string }>("select id from metadata.teams where name = 'North'")) as [
      { id: string },
    ];
    const inTeam = async () =>
      (
        await sql<{ member_id: string }>('select member_id from metadata.team_members where team_id = $1', [teamId])
      ).map((row) => row.member_id);
    const north = await newGroup('North', [ida]);
    await map(north, `teamId: "${teamId}"`);
    expect(await inTeam()).toEqual([ida]);
    await patch(`/Groups/${north}`, { op: 'replace', path: 'members', value: [{ value: jon }] });
    expect(await inTeam()).toEqual([jon]);
    // Who was put there by hand, and is in no group, stays.
    const [owner] = await sql<{ id: string }>(
      "select m.id from core.members m join core.users u on u.id = m.user_id where u.email = 'owner@acme.test' and m.workspace_id = $1",
      [acme.workspaceId],
    );
    await sql('insert into metadata.team_members (workspace_id, team_id, member_id) values ($1, $2, $3)', [
      acme.workspaceId,
      teamId,
      owner!.id,
    ]);
    await ask('DELETE', `/Groups/${north}`);
    expect(await inTeam()).toEqual([owner!.id]);
  });

  test('have members of the workspace and nobody else', async () => {
    const [stranger] = await sql<{ id: string }>('select id from core.members where workspace_id = $1', [
      other.workspaceId,
    ]);
    for (const value of [stranger!.id, 'nobody', readers]) {
      const answer = await patch(`/Groups/${readers}`, { op: 'add', path: 'members', value: [{ value }] });
      expect([answer.status, answer.body['scimType']]).toEqual([400, 'invalidValue']);
    }
  });

  test('hold under many requests at once', async () => {
    const crowd = await Promise.all(Array.from({ length: 12 }, (_, n) => create(`crowd${n}`)));
    const group = await newGroup('Crowd');
    const answers = await Promise.all(
      crowd.map((value) => patch(`/Groups/${group}`, { op: 'add', path: 'members', value: [{ value }] })),
    );
    expect(answers.map(({ status }) => status)).toEqual(crowd.map(() => 200));
    expect((await ask('GET', `/Groups/${group}`)).body['members']).toHaveLength(12);
    const twice = await Promise.all([ask('POST', '/Users', newUser('twin')), ask('POST', '/Users', newUser('twin'))]);
    expect(twice.map(({ status }) => status).toSorted()).toEqual([201, 409]);
  });
});

describe('a directory that would like to do more', () => {
  test('reaches nothing of another workspace', async () => {
    const id = await create('kim');
    const theirs = { authorization: `Bearer ${otherToken}` };
    expect((await ask('GET', `/Users/${id}`, undefined, theirs)).status).toBe(404);
    expect((await ask('DELETE', `/Users/${id}`, undefined, theirs)).status).toBe(404);
    expect((await ask('PUT', `/Users/${id}`, newUser('kim'), theirs)).status).toBe(404);
    const list = await ask('GET', '/Users', undefined, theirs);
    expect(JSON.stringify(list.body)).not.toContain('acme.test');
    expect((await ask('GET', '/Groups', undefined, theirs)).body['totalResults']).toBe(0);
  });

  test('gives no role, group or workspace by naming it', async () => {
    const wishes = {
      roles: [{ value: 'Admin', primary: true }],
      roleId: await roleId('Admin'),
      role_id: await roleId('Admin'),
      workspaceId: other.workspaceId,
      workspace_id: other.workspaceId,
      is_instance_admin: true,
      groups: [{ value: 'Admins' }],
      entitlements: [{ value: 'ROLES' }],
      id: '00000000-0000-0000-0000-000000000001',
    };
    const id = await create('lara', wishes);
    expect(id).not.toBe(wishes.id);
    for (const [path, value] of Object.entries(wishes)) await patch(`/Users/${id}`, { op: 'add', path, value });
    await patch(`/Users/${id}`, { op: 'add', value: wishes });
    await ask('PUT', `/Users/${id}`, { ...newUser('lara'), ...wishes });
    expect(await memberOf('lara@acme.test')).toMatchObject({ role: 'Member', id });
    expect(await memberOf('lara@acme.test', 'other')).toBeUndefined();
    expect(await sql("select is_instance_admin from core.users where email = 'lara@acme.test'")).toEqual([
      { is_instance_admin: false },
    ]);
  });

  test('takes no account over: the address of one that is not its own stays', async () => {
    // An account of the other workspace, which has the same domain proved as well.
    await sql(
      "insert into core.approved_domains (workspace_id, domain, requested_email, approved_at) values ($1, 'other.test', 'it@other.test', now())",
      [acme.workspaceId],
    );
    const made = await ask('POST', '/Users', {
      ...newUser('x'),
      userName: 'owner@other.test',
      emails: [{ value: 'owner@other.test', primary: true }],
    });
    expect(made.status).toBe(201);
    const moved = await patch(`/Users/${made.body['id']}`, {
      op: 'replace',
      path: 'emails',
      value: [{ value: 'thief@acme.test', primary: true }],
    });
    // The directory is told what it has said; the account knows nothing of it.
    expect([moved.status, moved.body['emails']]).toEqual([200, [{ value: 'thief@acme.test', primary: true }]]);
    expect(await sql("select email from core.users where email in ('owner@other.test', 'thief@acme.test')")).toEqual([
      { email: 'owner@other.test' },
    ]);
    // One that it has made itself follows.
    const id = await create('mona');
    await patch(`/Users/${id}`, { op: 'replace', path: 'emails[type eq "work"].value', value: 'mona.new@acme.test' });
    expect(await memberOf('mona.new@acme.test')).toMatchObject({ id });
    // But not out of the domains of the workspace.
    await patch(`/Users/${id}`, { op: 'replace', path: 'emails[type eq "work"].value', value: 'mona@gmail.com' });
    expect(await memberOf('mona.new@acme.test')).toMatchObject({ id });
  });

  test('does not learn who has an account: an address of a domain that is not proved is refused alike', async () => {
    await sql("insert into core.users (email) values ('known@elsewhere.test')");
    const answers = [];
    for (const email of ['known@elsewhere.test', 'unknown@elsewhere.test'])
      answers.push(await ask('POST', '/Users', { ...newUser('n'), userName: email, emails: [{ value: email }] }));
    const [known, unknown] = answers.map(({ status, body }) => ({ status, detail: body['detail'] }));
    expect(known).toEqual(unknown);
    expect(known!.status).toBe(403);
  });

  test('never loses the workspace its last administrator', async () => {
    const { body } = await find('userName eq "owner@acme.test"');
    const { id } = (body['Resources'] as { id: string }[])[0]!;
    expect((await patch(`/Users/${id}`, { op: 'replace', path: 'active', value: false })).status).toBe(403);
    expect((await ask('DELETE', `/Users/${id}`)).status).toBe(403);
    const { body: group } = await ask('POST', '/Groups', { displayName: 'Demoted', members: [{ value: id }] });
    await acme.metadata(
      `mutation { mapScimGroup(input: { id: "${group['id']}", roleId: "${await roleId('Read-only')}" }) { clientMutationId } }`,
    );
    expect(await memberOf('owner@acme.test')).toMatchObject({ role: 'Admin', is_active: true });
    expect(await sql("select from core.auth_events where kind = 'SCIM_ROLE_KEPT'")).not.toHaveLength(0);
  });

  test('is given no roles by who may not give them', async () => {
    const [{ id }] = (await sql<{ id: string }>("select id from core.scim_groups where display_name = 'Demoted'")) as [
      { id: string },
    ];
    await sql(
      "insert into metadata.roles (workspace_id, name, permissions) values ($1, 'Guard', '{SECURITY,WORKSPACE_MEMBERS}')",
      [acme.workspaceId],
    );
    const guard = await server.createKey('acme', 'Guard');
    const map = async (role: string) =>
      (
        await guard.metadata(
          `mutation { mapScimGroup(input: { id: "${id}", roleId: "${await roleId(role)}" }) { clientMutationId } }`,
        )
      ).errors?.[0]?.extensions.code;
    expect(await map('Admin')).toBe('FORBIDDEN');
    await acme.metadata(
      `mutation { mapScimGroup(input: { id: "${id}", roleId: "${await roleId('Admin')}" }) { clientMutationId } }`,
    );
    expect(await map('Member')).toBe('FORBIDDEN');
    const refused = await guard.metadata('mutation { createScimToken(input: { name: "Guard" }) { clientMutationId } }');
    expect(refused.errors![0]!.extensions.code).toBe('FORBIDDEN');
    await acme.metadata(`mutation { removeScimGroup(input: { id: "${id}" }) { clientMutationId } }`);
    expect((await ask('GET', `/Groups/${id}`)).status).toBe(404);
  });

  test('writes no operations that nobody understands', async () => {
    const id = await create('nils');
    for (const operation of [
      { op: 'move', path: 'active' },
      { path: 'active', value: true },
      { op: 'remove' },
      { op: 'add', value: 'text' },
      { op: 'replace', path: 'emails[', value: 'x' },
      { op: 'replace', path: 'active', value: 'perhaps' },
      { op: 'replace', path: 'userName', value: '' },
      { op: 'remove', path: 'userName' },
      { op: 'replace', path: 'emails[value co "nothing"].type', value: 'x' },
    ]) {
      expect((await patch(`/Users/${id}`, operation)).status).toBe(400);
    }
    expect((await ask('PATCH', `/Users/${id}`, {})).status).toBe(400);
    expect((await ask('PATCH', `/Users/${id}`, { Operations: Array.from({ length: 1_001 }, () => ({})) })).status).toBe(
      400,
    );
    expect((await ask('GET', `/Users/${id}`)).body).toMatchObject({ userName: 'nils@acme.test', active: true });
  });

  test('asks only so often', async () => {
    await sql('delete from core.attempts');
    let last: Answer | undefined;
    for (let n = 0; n < 61 && last?.status !== 429; n += 1)
      [last] = (await Promise.all(Array.from({ length: 10 }, () => ask('GET', '/ServiceProviderConfig')))).toSorted(
        (a, b) => b.status - a.status,
      );
    expect(last!.status).toBe(429);
    expect(last!.body).toMatchObject({ status: '429' });
    expect(Number(last!.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
