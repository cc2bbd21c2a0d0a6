import * as client from 'openid-client';
import { Browser, CALLBACK, useOauth } from '../testing/oauth.ts';
import { hashPassword } from '../auth/passwords.ts';
import { hashToken } from '../auth/tokenHash.ts';
import { eventually, PASSWORD } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

/** Apps as their makers write them, with a client library of others, over HTTP. */
const oauth = useOauth();
let acme: Caller;

beforeAll(async () => {
  acme = await oauth.server.createWorkspace('acme');
  await oauth.server.createWorkspace('other');
});

const PEOPLE = '{ people(first: 1) { nodes { id } } }';
const make = (lastName: string) =>
  `mutation { createPerson(input: { person: { nameLastName: "${lastName}" } }) { person { id createdBySource createdByName } } }`;

test('a client finds the server from a refused request, registers, is let in, acts as the member, refreshes, and ends', async () => {
  const refused = await oauth.graphql('nobody-knows-this-token', PEOPLE);
  expect(refused.status).toBe(401);
  const metadata = /resource_metadata="([^"]+)"/.exec(refused.challenge ?? '')?.[1] ?? '';
  expect(metadata).toBe(`${oauth.origin}/.well-known/oauth-protected-resource`);
  const resource = (await (await fetch(metadata)).json()) as { resource: string; authorization_servers: string[] };
  expect(resource).toMatchObject({ resource: oauth.origin, authorization_servers: [oauth.origin] });

  const app = await oauth.register();
  expect(app.serverMetadata()).toMatchObject({
    issuer: oauth.origin,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    response_types_supported: ['code'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    jwks_uri: `${oauth.origin}/.well-known/jwks.json`,
  });
  expect(app.serverMetadata().scopes_supported).toEqual(expect.arrayContaining(['api', 'api:read', 'offline_access']));

  const browser = await oauth.signIn();
  const attempt = await oauth.begin(app, { resource: oauth.origin });
  const consent = await oauth.open(browser, attempt);
  const details = (await (await browser.fetch(`${consent}/details`)).json()) as Record<string, unknown>;
  expect(details).toMatchObject({
    app: { name: 'Example App', isOwn: false, isApproved: false },
    workspace: { name: 'acme' },
    memberName: 'Olive Owner',
    roleName: 'Admin',
    isAllowed: true,
    isRemembered: false,
    redirectUri: CALLBACK,
    scopes: [
      { scope: 'api', sentence: 'See and change records as you may' },
      { scope: 'offline_access', sentence: 'Stay connected until you disconnect it' },
    ],
  });
  const back = await oauth.decide(browser, consent);
  expect(back.searchParams.get('iss')).toBe(oauth.origin);
  const tokens = await client.authorizationCodeGrant(app, back, {
    pkceCodeVerifier: attempt.verifier,
    expectedState: attempt.state,
  });
  expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 3600, scope: 'api' });

  const made = await oauth.graphql(tokens.access_token, make('Connected'));
  expect(made.data).toMatchObject({
    createPerson: { person: { createdBySource: 'APPLICATION', createdByName: 'Example App on behalf of Olive Owner' } },
  });
  const { rows } = await oauth.db.admin.query(
    `select e.actor_type, e.actor_name, e.source, e.actor_id = m.id as is_member from ${acme.schemaName}.record_events e, core.members m
     where m.workspace_id = $1 and e.after ->> 'name_last_name' = 'Connected'`,
    [acme.workspaceId],
  );
  expect(rows).toEqual([
    {
      actor_type: 'member',
      actor_name: 'Example App on behalf of Olive Owner',
      source: 'APPLICATION',
      is_member: true,
    },
  ]);

  const fresh = await client.refreshTokenGrant(app, tokens.refresh_token!);
  expect(fresh.refresh_token).not.toBe(tokens.refresh_token);
  expect((await oauth.graphql(fresh.access_token, PEOPLE)).data).toBeTruthy();

  await client.tokenRevocation(app, fresh.refresh_token!);
  const ended = () => oauth.graphql(fresh.access_token, PEOPLE);
  await eventually('the access token has ended with the refresh token', async () => (await ended()).status === 401);
  await expect(client.refreshTokenGrant(app, fresh.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
  expect(await oauth.logged('APP_REGISTERED', { app: 'Example App' })).toBe(true);
  expect(await oauth.logged('APP_CONNECTED', { app: 'Example App', scopes: 'api' })).toBe(true);
  expect(await oauth.logged('APP_DISCONNECTED', { app: 'Example App', reason: 'REVOKED' })).toBe(true);
});

test('what is kept are hashes', async () => {
  const app = await oauth.register();
  const tokens = await oauth.connect(app);
  const { rows } = await oauth.db.admin.query('select t::text as row from core.oauth_tokens t');
  const all = rows.map(({ row }) => row as string).join('\n');
  for (const secret of [tokens.access_token, tokens.refresh_token!]) expect(all).not.toContain(secret);
});

test('what was granted to read only does not write, whatever the role may', async () => {
  const app = await oauth.register();
  const { access_token: token } = await oauth.connect(app, { scope: 'api:read' });
  expect((await oauth.graphql(token, PEOPLE)).data).toBeTruthy();
  const refused = await oauth.graphql(token, make('Never'));
  expect(refused.errors?.[0]?.extensions.code).toBe('APP_READS_ONLY');
  const model = await oauth.graphql(
    token,
    'mutation { setAllowsOtherApps(input: { allows: false }) { clientMutationId } }',
    '/metadata',
  );
  expect(model.errors).toHaveLength(1);
  expect((await oauth.graphql(token, '{ connectedApps }', '/metadata')).data).toBeTruthy();
});

test('settings are changed with a scope of their own, and who may come in never', async () => {
  const app = await oauth.register();
  const plain = await oauth.connect(app);
  const withSettings = await oauth.connect(app, { scope: 'api settings' });
  const addField = `mutation { createField(input: { objectId: "OBJECT", label: "Shoe size", type: "NUMBER" }) { result { name } } }`;
  const { rows } = await oauth.db.admin.query<{ id: string }>(
    "select id from metadata.objects where workspace_id = $1 and name_singular = 'person'",
    [acme.workspaceId],
  );
  const document = addField.replace('OBJECT', rows[0]!.id);
  expect((await oauth.graphql(plain.access_token, document, '/metadata')).errors?.[0]?.extensions.code).toBe(
    'FORBIDDEN',
  );
  expect((await oauth.graphql(withSettings.access_token, document, '/metadata')).errors).toBeUndefined();
  for (const never of [
    'mutation { createPersonalToken(input: { name: "stays" }) { result } }',
    `mutation { createApp(input: { name: "stays", redirectUris: ["${CALLBACK}"] }) { result } }`,
    'mutation { createRole(input: { role: { name: "Mine" } }) { clientMutationId } }',
    'mutation { setMfaEnforced(input: { isMfaEnforced: false }) { clientMutationId } }',
    '{ apiKeys }',
    '{ signInEvents }',
  ]) {
    const answer = await oauth.graphql(withSettings.access_token, never, '/metadata');
    expect(answer.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  }
  const { data } = await oauth.graphql(plain.access_token, '{ myPermissions }', '/metadata');
  const { flags } = (data as unknown as { myPermissions: { flags: string[] } }).myPermissions;
  expect(flags).toContain('IMPORT_CSV');
  expect(flags).not.toContain('ROLES');
  // The member's own session is not touched by any of it.
  const browser = await oauth.signIn();
  const own = await browser.post(`${oauth.origin}/metadata`, { query: '{ apiKeys }' });
  expect(await own.json()).not.toHaveProperty('errors');
});

test('an app does nothing to the account: sessions, password, second factor', async () => {
  const app = await oauth.register();
  const { access_token: token } = await oauth.connect(app, { scope: 'api settings' });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  for (const [method, path] of [
    ['GET', '/auth/sessions'],
    ['POST', '/auth/password'],
    ['POST', '/auth/change-email/request'],
    ['POST', '/auth/second-factor/begin'],
  ] as const) {
    const body = method === 'POST' ? '{"email":"a@b.test","password":"x","current":"x","next":"x"}' : null;
    const answer = await fetch(oauth.origin + path, { method, headers, body });
    expect([path, answer.status]).toEqual([path, 403]);
  }
});

test('a token is good for the resource that it was asked for', async () => {
  const app = await oauth.register();
  const mcp = `${oauth.origin}/mcp`;
  const { access_token: token } = await oauth.connect(app, { resource: mcp });
  expect((await oauth.graphql(token, PEOPLE)).status).toBe(401);
  const { rows } = await oauth.db.server.query('select role_name from core.resolve_oauth_token($1, $2)', [
    hashToken(token),
    [oauth.origin, mcp],
  ]);
  expect(rows).toEqual([{ role_name: 'Admin' }]);
  // The endpoint knows who comes, and sends those who do not to the metadata of its own resource.
  const stranger = await fetch(`${oauth.origin}/.well-known/oauth-protected-resource/mcp`);
  expect(await stranger.json()).toMatchObject({ resource: mcp });
  const attempt = await oauth.begin(app, { resource: 'https://somewhere.example' });
  const sent = await (await oauth.signIn()).fetch(attempt.url);
  expect(new URL(sent.headers.get('location')!).searchParams.get('error')).toBe('invalid_target');
});

test('OpenID: who signed in, signed with the keys of the server', async () => {
  const app = await oauth.register();
  const nonce = client.randomNonce();
  const browser = await oauth.signIn();
  const attempt = await oauth.begin(app, { scope: 'openid profile email', nonce });
  const back = await oauth.decide(browser, await oauth.open(browser, attempt));
  const tokens = await client.authorizationCodeGrant(app, back, {
    pkceCodeVerifier: attempt.verifier,
    expectedState: attempt.state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  const claims = tokens.claims()!;
  expect(claims).toMatchObject({ iss: oauth.origin, name: 'Olive Owner', email: 'owner@acme.test' });
  const info = await client.fetchUserInfo(app, tokens.access_token, claims.sub);
  expect(info).toMatchObject({ sub: claims.sub, email: 'owner@acme.test' });
  // It says who it is, and opens nothing: neither the token of the account nor the identity token.
  expect((await oauth.graphql(tokens.access_token, PEOPLE)).status).toBe(401);
  expect((await oauth.graphql(tokens.id_token!, PEOPLE)).status).toBe(401);
});

describe('an app of the workspace', () => {
  const createApp = (input: string) =>
    acme.metadata(`mutation { createApp(input: { ${input} }) { result } }`).then(({ data, errors }) => {
      if (errors) throw new Error(errors[0]!.message);
      return (data as { createApp: { result: { id: string; secret: string } } }).createApp.result;
    });
  const roleId = async (name: string): Promise<string> => {
    const { rows } = await oauth.db.admin.query<{ id: string }>(
      'select id from metadata.roles where workspace_id = $1 and name = $2',
      [acme.workspaceId, name],
    );
    return rows[0]!.id;
  };

  test('acts for itself with its role, is named in the log, and asks only so often', async () => {
    const made = await createApp(
      `name: "Night job", redirectUris: [], roleId: "${await roleId('Member')}", rateLimit: 5`,
    );
    const app = await oauth.known(made.id, made.secret);
    await expect(client.clientCredentialsGrant(app)).rejects.toMatchObject({ error: 'invalid_scope' });
    const { access_token: token } = await client.clientCredentialsGrant(app, { scope: 'api' });
    const person = await oauth.graphql(token, make('Nightly'));
    expect(person.data).toMatchObject({
      createPerson: { person: { createdBySource: 'APPLICATION', createdByName: 'Night job' } },
    });
    const { rows } = await oauth.db.admin.query(
      `select actor_type, actor_id::text, actor_name from ${acme.schemaName}.record_events where after ->> 'name_last_name' = 'Nightly'`,
    );
    expect(rows).toEqual([{ actor_type: 'application', actor_id: made.id, actor_name: 'Night job' }]);
    const answers = [];
    for (let i = 0; i < 6; i += 1) answers.push((await oauth.graphql(token, PEOPLE)).status);
    expect(answers).toContain(429);
    // The member's role is not the app's: it may not do what only Admin may.
    await acme.metadata(`mutation { rotateAppSecret(input: { id: "${made.id}" }) { result } }`);
    await expect(client.clientCredentialsGrant(app, { scope: 'api' })).rejects.toMatchObject({
      error: 'invalid_client',
    });
  });

  test('ends for a member with the membership, by an administrator, and for good when it is deleted', async () => {
    const made = await createApp(`name: "Team app", redirectUris: ["${CALLBACK}"]`);
    const app = await oauth.known(made.id, made.secret);
    const isIn = async (token: string) => (await oauth.graphql(token, PEOPLE)).status === 200;

    const { rows } = await oauth.db.admin.query<{ id: string }>(
      "select core.add_member('acme', 'mia@acme.test', 'Mia Member', 'Member', $1) as id",
      [await hashPassword(PASSWORD)],
    );
    const mia = rows[0]!.id;
    const first = await oauth.connect(app, {}, await oauth.signIn('mia@acme.test'));
    expect(await isIn(first.access_token)).toBe(true);
    await oauth.db.admin.query('update core.members set is_active = false where id = $1', [mia]);
    await eventually('the membership is over', async () => !(await isIn(first.access_token)));
    await expect(client.refreshTokenGrant(app, first.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' });
    await oauth.db.admin.query('update core.members set is_active = true where id = $1', [mia]);

    const second = await oauth.connect(app, {}, await oauth.signIn('mia@acme.test'));
    await oauth.db.admin.query("update core.users set disabled_at = now() where email = 'mia@acme.test'");
    await eventually('the account is off', async () => !(await isIn(second.access_token)));
    await expect(client.refreshTokenGrant(app, second.refresh_token!)).rejects.toMatchObject({
      error: 'invalid_grant',
    });

    const third = await oauth.connect(app);
    const apps = await acme.metadata('{ apps }');
    const listed = (apps.data as { apps: { id: string; members: { id: string; name: string }[] }[] }).apps.find(
      ({ id }) => id === made.id,
    )!;
    expect(listed).toMatchObject({ name: 'Team app', isOwn: true, isConfidential: true });
    const olive = listed.members.find(({ name }) => name === 'Olive Owner')!;
    await acme.metadata(`mutation { disconnectApp(input: { id: "${made.id}", memberId: "${olive.id}" }) { result } }`);
    await eventually('an administrator has disconnected it', async () => !(await isIn(third.access_token)));

    const fourth = await oauth.connect(app);
    await acme.metadata(`mutation { judgeApp(input: { id: "${made.id}", isAllowed: false }) { result } }`);
    await eventually('it is blocked', async () => !(await isIn(fourth.access_token)));
    await acme.metadata(`mutation { judgeApp(input: { id: "${made.id}" }) { result } }`);
    expect(await isIn(fourth.access_token)).toBe(true);
    await acme.metadata(`mutation { deleteApp(input: { id: "${made.id}" }) { result } }`);
    await eventually('it is gone', async () => !(await isIn(fourth.access_token)));
  });

  test('is refused where it makes no sense, or gives what its maker does not have', async () => {
    const refusedWith = async (input: string, caller = acme) => {
      const { errors } = await caller.metadata(`mutation { createApp(input: { ${input} }) { result } }`);
      return errors?.[0]?.extensions.code;
    };
    const admin = await roleId('Admin');
    expect(await refusedWith('name: " ", redirectUris: []')).toBe('RV145');
    expect(await refusedWith('name: "A", redirectUris: ["javascript:alert(1)"]')).toBe('RV146');
    expect(await refusedWith('name: "A", redirectUris: []')).toBe('RV147');
    expect(await refusedWith(`name: "A", redirectUris: [], isConfidential: false, roleId: "${admin}"`)).toBe('RV148');
    const member = await oauth.server.createKey('acme', 'Member');
    expect(await refusedWith(`name: "A", redirectUris: ["${CALLBACK}"]`, member)).toBe('FORBIDDEN');
    const elsewhere = await oauth.server.createKey('other', 'Admin');
    const made = await createApp(`name: "Ours", redirectUris: ["${CALLBACK}"]`);
    const { errors } = await elsewhere.metadata(`mutation { rotateAppSecret(input: { id: "${made.id}" }) { result } }`);
    expect(errors?.[0]?.extensions.code).toBe('RV149');
  });
});

test('a workspace that lets in only what it has judged refuses others, and takes one when it was allowed', async () => {
  const app = await oauth.register({ client_name: 'Unknown' });
  const { client_id: id } = app.clientMetadata();
  const before = await oauth.connect(app);
  await acme.metadata('mutation { setAllowsOtherApps(input: { allows: false }) { clientMutationId } }');
  await eventually('it is out', async () => (await oauth.graphql(before.access_token, PEOPLE)).status === 401);
  const browser = await oauth.signIn();
  const consent = await oauth.open(browser, await oauth.begin(app));
  const answer = await browser.post(consent, { allow: true });
  expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([
    403,
    'APP_NOT_ALLOWED',
  ]);
  expect(await oauth.logged('APP_REFUSED', { app: 'Unknown' })).toBe(true);
  await acme.metadata(`mutation { judgeApp(input: { id: "${id}", isAllowed: true }) { result } }`);
  const after = await oauth.connect(app);
  expect((await oauth.graphql(after.access_token, PEOPLE)).status).toBe(200);
  await acme.metadata('mutation { setAllowsOtherApps(input: { allows: true }) { clientMutationId } }');
});

test('what was granted ends with the workspace', async () => {
  await oauth.server.createWorkspace('gone');
  const roles = await oauth.db.admin.query<{ id: string }>(
    "select r.id from metadata.roles r join core.workspaces w on w.id = r.workspace_id where w.slug = 'gone' and r.name = 'Member'",
  );
  const caller = await oauth.server.createKey('gone', 'Admin');
  const { data } = await caller.metadata(
    `mutation { createApp(input: { name: "Its own", redirectUris: [], roleId: "${roles.rows[0]!.id}" }) { result } }`,
  );
  const made = (data as { createApp: { result: { id: string; secret: string } } }).createApp.result;
  const own = await client.clientCredentialsGrant(await oauth.known(made.id, made.secret), { scope: 'api' });
  const tokens = await oauth.connect(await oauth.register(), {}, await oauth.signIn('owner@gone.test', 'gone'));
  expect((await oauth.graphql(tokens.access_token, PEOPLE)).status).toBe(200);
  await oauth.db.admin.query("select engine.drop_workspace('gone')");
  for (const token of [tokens.access_token, own.access_token]) {
    await eventually('it is refused', async () => (await oauth.graphql(token, PEOPLE)).status === 401);
  }
});

test('a member sees what is connected, and disconnects it', async () => {
  const app = await oauth.register({ client_name: 'To be dropped' });
  const browser = await oauth.signIn();
  const tokens = await oauth.connect(app, {}, browser);
  await oauth.graphql(tokens.access_token, PEOPLE);
  const ask = async (query: string) =>
    (await (await browser.post(`${oauth.origin}/metadata`, { query })).json()) as { data: Record<string, unknown> };
  const list = (await ask('{ connectedApps }')).data['connectedApps'] as { id: string; name: string }[];
  const listed = list.find(({ name }) => name === 'To be dropped')!;
  expect(listed).toMatchObject({ may: ['See and change records as you may'] });
  const { data } = await ask(`mutation { disconnectApp(input: { id: "${listed.id}" }) { result } }`);
  expect(data).toEqual({ disconnectApp: { result: true } });
  await eventually('it is out', async () => (await oauth.graphql(tokens.access_token, PEOPLE)).status === 401);
});

test('consent is remembered, except for apps that anybody on the machine could pass for', async () => {
  const browser = await oauth.signIn();
  const isRemembered = async (app: client.Configuration, parameters: Record<string, string> = {}) => {
    const consent = await oauth.open(browser, await oauth.begin(app, parameters));
    return ((await (await browser.fetch(`${consent}/details`)).json()) as { isRemembered: boolean }).isRemembered;
  };
  const web = await oauth.register();
  await oauth.connect(web, {}, browser);
  expect(await isRemembered(web)).toBe(true);
  expect(await isRemembered(web, { prompt: 'consent' })).toBe(false);
  expect(await isRemembered(web, { scope: 'api settings' })).toBe(false);
  const local = { redirect_uri: 'http://127.0.0.1:41999/callback' };
  const native = await oauth.register({ redirect_uris: ['http://127.0.0.1:33418/callback'] });
  await oauth.connect(native, local, browser);
  expect(await isRemembered(native, local)).toBe(false);
});

test('who says no sends the app away with nothing', async () => {
  const browser = await oauth.signIn();
  const attempt = await oauth.begin(await oauth.register());
  const back = await oauth.decide(browser, await oauth.open(browser, attempt), false);
  expect(back.origin + back.pathname).toBe(CALLBACK);
  expect(Object.fromEntries(back.searchParams)).toMatchObject({
    error: 'access_denied',
    state: attempt.state,
    iss: oauth.origin,
  });
});

test('who must sign in first comes back to the same request; one that asks for a new sign-in gets one', async () => {
  const app = await oauth.register();
  const browser = new Browser();
  const attempt = await oauth.begin(app);
  const consent = await oauth.open(browser, attempt);
  expect((await browser.fetch(`${consent}/details`)).status).toBe(401);
  await browser.post(`${oauth.origin}/auth/sign-in`, {
    email: 'owner@acme.test',
    password: 'correct horse battery staple',
    workspace: 'acme',
  });
  const back = await oauth.decide(browser, consent);
  expect(back.searchParams.get('code')).toBeTruthy();
  await oauth.db.admin.query("update core.sessions set created_at = now() - interval '1 hour'");
  const again = await oauth.open(browser, await oauth.begin(app, { prompt: 'login' }));
  expect(await (await browser.fetch(`${again}/details`)).json()).toMatchObject({ mustSignInAgain: true });
  expect((await browser.post(again, { allow: true })).status).toBe(401);
});

test('a device is connected by a code that a person types', async () => {
  const app = await oauth.register({
    client_name: 'Television',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token', 'authorization_code'],
  });
  const waiting = await client.initiateDeviceAuthorization(app, { scope: 'api:read' });
  const browser = await oauth.signIn();
  const form = async (body: Record<string, string>) => {
    const page = await (await browser.fetch(waiting.verification_uri)).text();
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
    return browser.fetch(waiting.verification_uri, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ xsrf, ...body }),
    });
  };
  expect(await (await form({ user_code: 'WRNG-WRNG' })).text()).toContain('This code is not right');
  const confirm = await (await form({ user_code: waiting.user_code })).text();
  expect(confirm).toContain('Connect “Television”?');
  expect(confirm).toContain(waiting.user_code);
  const sent = await form({ user_code: waiting.user_code, confirm: 'yes' });
  const consent = oauth.origin + sent.headers.get('location')!;
  const decided = (await (await browser.post(consent, { allow: true })).json()) as { next: string };
  expect(await (await browser.fetch(decided.next)).text()).toContain('The device is connected');
  const tokens = await client.pollDeviceAuthorizationGrant(app, { ...waiting, interval: 0.01 });
  expect((await oauth.graphql(tokens.access_token, PEOPLE)).status).toBe(200);
  expect((await oauth.graphql(tokens.access_token, make('Never'))).errors?.[0]?.extensions.code).toBe('APP_READS_ONLY');
});

test('what has run out is forgotten by the worker', async () => {
  await oauth.db.admin.query("update core.oauth_tokens set expires_at = now() - interval '2 days'");
  const { rows } = await oauth.db.admin.query<{ count: number }>('select core.purge_oauth() as count');
  expect(rows[0]!.count).toBeGreaterThan(0);
  const left = await oauth.db.admin.query('select count(*)::int as n from core.oauth_tokens');
  expect(left.rows[0]).toEqual({ n: 0 });
});
