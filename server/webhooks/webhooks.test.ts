import request from 'supertest';
import { webhookSecretPurpose } from '../../db/webhookSecrets.ts';
import { SECRETS, useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// What those who keep webhooks do with them over the API, and what nobody else does.
const server = useServer();
let admin: Caller;
let member: Caller;
let keeper: Caller;
let stranger: Caller;
let hook: string;

const sql = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await server.db.admin.query<Row>(text, values)).rows;
const post = async (caller: Caller, path: string, body: object) =>
  request(server.app.handler)
    .post(path)
    .set({ authorization: `Bearer ${caller.apiKey}` })
    .send(body);
const code = (answer: { errors?: { extensions: { code: string } }[] }) => answer.errors?.[0]?.extensions.code;
const create = async (caller: Caller, webhook: object) =>
  caller.metadata(
    'mutation ($webhook: WebhookInput!) { createWebhook(input: { webhook: $webhook }) { webhook { id roleId createdById } } }',
    { webhook },
  );

beforeAll(async () => {
  admin = await server.createWorkspace('acme');
  stranger = await server.createWorkspace('other');
  const acme = admin.workspaceId;
  await sql(
    `insert into metadata.roles (workspace_id, name, permissions, assignable_to) values ($1, 'Keeper', '{API_KEYS_AND_WEBHOOKS}', '{MEMBERS,API_KEYS}')`,
    [acme],
  );
  member = await server.createKey('acme', 'Member');
  keeper = await server.createKey('acme', 'Keeper');
  const { data } = await create(admin, {
    name: 'ERP',
    targetUrl: 'https://erp.example/hook?key=geheim',
    events: ['company.*'],
    filters: { company: 'employees > 10' },
    fields: { company: ['name'] },
  });
  hook = (data as { createWebhook: { webhook: { id: string } } }).createWebhook.webhook.id;
});

test('a secret is shown once, to who may hear what the webhook tells, and is another after a rotation', async () => {
  for (const caller of [member, keeper, stranger]) {
    const { status, text } = await post(caller, '/webhooks/secret', { webhook: hook });
    expect([403, 422]).toContain(status);
    expect(text).not.toContain('whsec_');
  }
  const first = await post(admin, '/webhooks/secret', { webhook: hook });
  expect(first.body.secret).toMatch(/^whsec_/);
  expect((await post(admin, '/webhooks/secret', { webhook: hook })).body.error).toMatchObject({ code: 'RV209' });
  const second = await post(admin, '/webhooks/secret/rotate', { webhook: hook, overlapHours: '1' });
  expect(second.body.secret).toMatch(/^whsec_/);
  expect(second.body.secret).not.toBe(first.body.secret);
  const own = await post(admin, '/webhooks/secret/rotate', { webhook: hook, secret: 'the-one-of-the-receiver' });
  expect(own.body.secret).toBe('the-one-of-the-receiver');
  for (const secret of ['short', 'with spaces in it, long', 'whsec_YQ=='])
    expect((await post(admin, '/webhooks/secret/rotate', { webhook: hook, secret })).status).toBe(400);
  const kept = await sql<{ sealed: string }>(
    'select sealed from core.webhook_secrets where webhook_id = $1 order by expires_at nulls first',
    [hook],
  );
  expect(kept.map(({ sealed }) => SECRETS.unseal(sealed, webhookSecretPurpose(hook)))).toEqual([
    own.body.secret,
    second.body.secret,
  ]);
  expect(
    (await post(admin, '/webhooks/secret/rotate', { webhook: hook, overlapHours: '1000' })).body.error,
  ).toMatchObject({ code: 'RV209' });
});

test('addresses are read by who keeps webhooks alone, and by no other workspace', async () => {
  const query = '{ webhooks { nodes { name targetUrl } } }';
  const names = async (caller: Caller) => {
    const { data } = await caller.metadata(query);
    return (data as { webhooks: { nodes: { name: string }[] } }).webhooks.nodes.map(({ name }) => name);
  };
  expect(await names(admin)).toEqual(['ERP']);
  expect(await names(keeper)).toEqual(['ERP']);
  expect(await names(member)).toEqual([]);
  expect(await names(stranger)).toEqual([]);
});

test('nothing of a webhook is done or shown without the permission, nor more than its role told than one sees oneself', async () => {
  await sql(
    `insert into engine.webhook_deliveries (webhook_id, workspace_id, kind, message_id, event_type, state, request)
     values ($1, $2, 'EVENT', '1-1', 'company.created', 'DELIVERED', '{"body": "hidden"}')`,
    [hook, admin.workspaceId],
  );
  const [{ id }] = (await sql<{ id: string }>('select id from engine.webhook_deliveries')) as [{ id: string }];
  const queries = {
    states: '{ answer: webhookStates }',
    stats: `{ answer: webhookStats(webhookId: "${hook}") }`,
    deliveries: `{ answer: webhookDeliveries(webhookId: "${hook}") }`,
    delivery: `{ answer: webhookDelivery(webhookId: "${hook}", deliveryId: "${id}") }`,
    test: `mutation { answer: testWebhook(input: { webhookId: "${hook}" }) { result } }`,
    retry: `mutation { answer: retryWebhookDelivery(input: { webhookId: "${hook}", deliveryId: "${id}" }) { result } }`,
    replay: `mutation { answer: replayWebhook(input: { webhookId: "${hook}", since: "2020-01-01T00:00:00Z" }) { result } }`,
    rotate: `mutation { answer: rotateWebhookSecret(input: { webhookId: "${hook}" }) { result } }`,
  };
  const outcome = async (caller: Caller) =>
    Object.fromEntries(
      await Promise.all(
        Object.entries(queries).map(
          async ([name, query]) => [name, code(await caller.metadata(query)) ?? 'done'] as const,
        ),
      ),
    );
  const all = (answer: string) => Object.fromEntries(Object.keys(queries).map((name) => [name, answer]));
  expect(await outcome(admin)).toEqual(all('done'));
  expect(await outcome(member)).toEqual(all('FORBIDDEN'));
  // What a role tells that sees more is for who may give that role.
  expect(await outcome(keeper)).toEqual({ ...all('FORBIDDEN'), states: 'done', stats: 'done', deliveries: 'done' });
  expect(await outcome(stranger)).toEqual({ ...all('RV207'), states: 'done' });
  expect(JSON.stringify(await stranger.metadata(queries.states))).not.toContain(hook);
  expect((await keeper.metadata(queries.deliveries)).data).not.toEqual({ answer: '[]' });
  expect(JSON.stringify(await keeper.metadata(queries.deliveries))).not.toContain('hidden');
});

test('who sees less makes webhooks of the own role, and turns no other elsewhere', async () => {
  const { data } = await create(keeper, { targetUrl: 'https://mine.example/' });
  const [role] = await sql<{ id: string }>(`select id from metadata.roles where name = 'Keeper'`);
  expect(data).toMatchObject({ createWebhook: { webhook: { roleId: role!.id, createdById: null } } });
  const update = (patch: object) =>
    keeper.metadata(
      'mutation ($id: UUID!, $patch: WebhookPatch!) { updateWebhook(input: { id: $id, patch: $patch }) { clientMutationId } }',
      { id: hook, patch },
    );
  for (const patch of [{ targetUrl: 'https://mine.example/' }, { roleId: role!.id }, { filters: {} }])
    expect(code(await update(patch))).toBe('FORBIDDEN');
  expect(code(await update({ compiled: {} }))).toBe('INVALID_REQUEST');
});

test.each([
  [{ events: ['person'] }, 'RV205'],
  [{ events: ['person.created', '%.x'] }, 'RV205'],
  [{ filters: { persn: 'true' } }, 'RV205'],
  [{ filters: { company: 'employes > 1' } }, 'RV05'],
  [{ filters: { company: 1 } }, 'RV205'],
  [{ fields: { company: ['nme'] } }, 'RV205'],
  [{ fields: { company: [] } }, 'RV205'],
])('a webhook of %j is refused with a hint', async (webhook, expected) => {
  const { errors } = await create(admin, { targetUrl: 'https://a.example/', ...webhook });
  expect(errors![0]!.extensions.code).toContain(expected);
});

test('patterns, filters and fields follow the names of objects and fields, and a field in use is not deleted', async () => {
  await admin.metadata(
    `mutation { createObject(input: { labelSingular: "Boat", labelPlural: "Boats" }) { clientMutationId } }`,
  );
  const [{ id: object }] = (await sql<{ id: string }>(
    `select id from metadata.objects where name_singular = 'boat' and workspace_id = $1`,
    [admin.workspaceId],
  )) as [{ id: string }];
  await sql(`insert into metadata.fields (object_id, label, type) values ($1, 'Length', 'NUMBER')`, [object]);
  const [{ id: field }] = (await sql<{ id: string }>(
    `select id from metadata.fields where object_id = $1 and name = 'length'`,
    [object],
  )) as [{ id: string }];
  const [{ id }] = (await sql<{ id: string }>(
    `insert into metadata.webhooks (workspace_id, target_url, events, filters, fields) values ($1, 'https://a.example/', '{boat.created,*.deleted}', $2, $3) returning id`,
    [admin.workspaceId, { boat: 'length > 3' }, { boat: ['length'] }],
  )) as [{ id: string }];
  await sql(`update metadata.objects set name_singular = 'ship', name_plural = 'ships' where id = $1`, [object]);
  await sql(`update metadata.fields set name = 'metres' where id = $1`, [field]);
  const [webhook] = await sql<object>('select events, filters, fields from metadata.webhooks where id = $1', [id]);
  expect(webhook).toEqual({
    events: ['ship.created', '*.deleted'],
    filters: { ship: 'metres > 3' },
    fields: { ship: ['metres'] },
  });
  await expect(sql('select metadata.delete_field($1)', [field])).rejects.toMatchObject({ code: 'RV061' });
  await expect(sql(`update metadata.fields set type = 'TEXT' where id = $1`, [field])).rejects.toMatchObject({
    code: /^RV/,
  });
});
