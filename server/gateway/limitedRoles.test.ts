import { addField, addObject, addRelation, insert } from '../../db/testing/workspace.ts';
import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// What GraphQL tells a role that sees some records and some fields only: nothing of the others.
const server = useServer();
let admin: Caller;
let limited: Caller;
let [mine, others] = ['', ''];

beforeAll(async () => {
  admin = await server.createWorkspace('acme');
  const { rows } = await server.db.admin.query<{ id: string }>(
    `insert into metadata.roles (workspace_id, name) values ($1, 'Limited') returning id`,
    [admin.workspaceId],
  );
  const role = rows[0]!.id;
  const client = await server.db.admin.connect();
  await client.query('begin');
  const workspace = { id: admin.workspaceId } as Parameters<typeof addObject>[1];
  const deal = await addObject(client, workspace, { label_singular: 'Trade', label_plural: 'Trades' });
  await addField(client, deal, { label: 'Stage', type: 'TEXT' });
  await addField(client, deal, { label: 'Code', type: 'TEXT', is_unique: true });
  const secret = await addField(client, deal, { label: 'Secret', type: 'NUMBER' });
  const token = await addField(client, deal, { label: 'Token', type: 'TEXT', is_unique: true });
  const part = await addObject(client, workspace, { label_singular: 'Part', label_plural: 'Parts' });
  await addRelation(client, part, 'Trade', deal, { label: 'Parts', onDelete: 'RESTRICT' });
  await insert(client, 'metadata.rules', {
    object_id: deal,
    kind: 'CONDITION',
    condition: 'isEmpty(secret) or stage != "SOLD" or secret > 1000',
    message: 'Sold below the secret price of 1000.',
  });
  await insert(client, 'metadata.record_rules', { role_id: role, object_id: deal, condition: 'stage != "HIDDEN"' });
  await addField(client, deal, {
    label: 'Partners',
    type: 'MANY_TO_MANY',
    settings: { targetObjectId: deal, inverseLabel: 'Partner of' },
  });
  for (const field of [secret, token])
    await insert(client, 'metadata.field_permissions', { role_id: role, field_id: field, can_read: false });
  await insert(client, 'metadata.object_permissions', { role_id: role, object_id: part, can_read: false });
  await client.query('commit');
  client.release();
  limited = await server.createKey('acme', 'Limited');
  const make = (values: Record<string, unknown>) => insert(server.db.admin, `${admin.schemaName}.trades`, values);
  mine = await make({ name: 'Mine', stage: 'OPEN', code: 'A', secret: 5, token: 't1' });
  others = await make({ name: 'Others', stage: 'HIDDEN', code: 'B', secret: 7, token: 't2' });
  await insert(server.db.admin, `${admin.schemaName}.parts`, { name: 'Bolt', trade_id: mine });
});

const told = (answer: unknown) => JSON.stringify(answer);

test('records, counts, nodes by id and relations show what the role sees', async () => {
  expect(
    await limited.records(`{ trades { totalCount nodes { name stage } } trade(id: "${others}") { name } }`),
  ).toMatchObject({ data: { trades: { totalCount: 1, nodes: [{ name: 'Mine' }] }, trade: null } });
  const parts = await limited.records(`{ trades { nodes { parts { nodes { name } } } } }`);
  expect(parts.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  expect(told(parts)).not.toContain('Bolt');
});

test('records are filtered by what they are linked with, by the fields of it that the role reads', async () => {
  const filter = (field: string) =>
    limited.records(`{ trades(filter: { partners: { none: { ${field} } } }) { totalCount } }`);
  expect(await filter('stage: { equalTo: "OPEN" }')).toEqual({ data: { trades: { totalCount: 1 } } });
  expect((await filter('secret: { equalTo: 5 }')).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
});

test.each([
  ['selected', '{ trades { nodes { secret } } }'],
  ['filtered by', '{ trades(filter: { secret: { greaterThan: 1 } }) { totalCount } }'],
  ['filtered by, negated', '{ trades(filter: { not: { secret: { isNull: true } } }) { nodes { id } } }'],
  ['sorted by', '{ trades(orderBy: SECRET_ASC) { nodes { id } } }'],
  ['filtered by within a relation', '{ parts(filter: { trade: { secret: { equalTo: 5 } } }) { totalCount } }'],
  ['asked by as a unique key', '{ tradeByToken(token: "t1") { id } }'],
])('a field that is withheld cannot be %s', async (_how, query) => {
  const answer = await limited.records(query);
  expect(answer.errors).toHaveLength(1);
  expect(told(answer)).not.toContain(mine);
  expect((await admin.records(query)).errors ?? []).toEqual(query.includes('tradeByToken') ? [expect.anything()] : []);
});

const create = (caller: Caller, trade: object) =>
  caller.records(`mutation($trade: TradeInput!) { createTrade(input: { trade: $trade }) { trade { id } } }`, { trade });

test('a value that is taken is refused in the same words, whether the role sees by whom or not', async () => {
  const answers = await Promise.all(['A', 'B'].map((code) => create(limited, { name: 'New', stage: 'OPEN', code })));
  for (const { errors } of answers)
    expect(errors).toMatchObject([
      {
        message: 'This value of "Code" cannot be used.',
        extensions: { code: 'NOT_UNIQUE', hint: 'Choose another value.', field: 'code' },
      },
    ]);
  expect((await create(admin, { code: 'B' })).errors).toMatchObject([
    { message: 'Another record has this value of "Code", and it must be unique.', extensions: { field: 'code' } },
  ]);
});

test('an id that is taken is refused without a word about the other', async () => {
  for (const id of [mine, others]) {
    const { errors } = await create(limited, { id, name: 'New' });
    expect(errors).toMatchObject([{ extensions: { code: 'NOT_UNIQUE' } }]);
    expect(errors![0]!.message).toMatch(/cannot be used/);
  }
});

test('a rule over a field that is withheld is told by name to those who see the field', async () => {
  const sell = (caller: Caller) =>
    caller.records(`mutation { updateTrade(input: { id: "${mine}", patch: { stage: "SOLD" } }) { trade { id } } }`);
  expect((await sell(admin)).errors).toMatchObject([{ message: 'Sold below the secret price of 1000.' }]);
  const answer = await sell(limited);
  expect(answer.errors).toMatchObject([{ message: 'A rule of the data does not allow this record.' }]);
  expect(told(answer.errors)).not.toMatch(/secret|1000/i);
});

test('a record that others hold back is not told by which', async () => {
  const answer = await limited.records(`mutation { deleteTrade(input: { id: "${mine}" }) { trade { id } } }`);
  expect(answer.errors).toMatchObject([{ extensions: { code: 'STILL_REFERENCED' } }]);
  expect(told(answer.errors)).not.toMatch(/part/i);
});

test('a record that the role does not see cannot be told from one that is not there', async () => {
  const missing = '01a204d0-2f0d-7a55-9675-fe55f0cd9ee7';
  const ask = (id: string) => [
    `mutation { updateTrade(input: { id: "${id}", patch: { name: "x" } }) { trade { id } } }`,
    `mutation { deleteTrade(input: { id: "${id}" }) { trade { id } } }`,
    `mutation { restoreRecord(input: { objectName: "trade", recordId: "${id}" }) { result } }`,
    `{ trade(id: "${id}") { id } }`,
    `{ recordHistory(objectName: "trade", recordId: "${id}") { nodes { action } } }`,
    `{ findDuplicates(objectName: "trade", recordId: "${id}") { nodes { label } } }`,
    `{ sharesOfRecord(objectName: "trade", recordId: "${id}") { nodes { reason } } }`,
  ];
  for (const query of ask(others).slice(0, 2))
    expect((await limited.records(query)).errors).toMatchObject([{ extensions: { code: 'RECORD_MISSING' } }]);
  for (const [index, query] of ask(others).entries())
    expect(told(await limited.records(query)).replaceAll(others, missing)).toBe(
      told(await limited.records(ask(missing)[index]!)),
    );
});

test('an update that finds no record is refused alone, and says so whatever is asked of it', async () => {
  const answer = await limited.records(`mutation {
    a: updateTrade(input: { id: "${others}", patch: { name: "x" } }) { clientMutationId }
    b: updateTrade(input: { id: "${mine}", patch: { name: "Mine" } }) { trade { name } }
  }`);
  expect(answer.errors).toMatchObject([{ path: ['a'], extensions: { code: 'RECORD_MISSING' } }]);
  expect(answer.data).toEqual({ a: null, b: { trade: { name: 'Mine' } } });
});

test('history and trash through the API', async () => {
  const gone = await insert(server.db.admin, `${admin.schemaName}.trades`, { name: 'Gone', stage: 'OPEN', secret: 9 });
  await server.db.admin.query(`delete from ${admin.schemaName}.trades where id = $1`, [gone]);
  const query = `{
    recordHistory(objectName: "trade", recordId: "${mine}", maxResults: 5) { nodes { batch seq action before after actorName happenedAt } }
    deletedRecords(objectName: "trade") { nodes { recordId label data deletedAt deletedByName } }
  }`;
  const answer = await limited.records(query);
  expect(answer).toMatchObject({
    data: {
      recordHistory: { nodes: [{ action: 'created', after: { name: 'Mine' } }] },
      deletedRecords: { nodes: [{ recordId: gone, label: 'Gone' }] },
    },
  });
  expect(told(answer)).not.toMatch(/secret/);
  expect(told(await admin.records(query))).toMatch(/secret/);
});
