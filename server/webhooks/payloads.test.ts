import fc from 'fast-check';
import { addField, addObject, addRelation, insert } from '../../db/testing/workspace.ts';
import { useServer } from '../testing/server.ts';
import type { Caller } from '../testing/server.ts';

// What webhooks tell of a record, and what GraphQL answers of it to the same role: the same names, and the same values.
const server = useServer();
let admin: Caller;
let limited: Caller;
let thing: string;
const hooks: Record<string, string> = {};
const TYPES =
  `TEXT NUMBER NUMERIC BOOLEAN DATE DATE_TIME SELECT MULTI_SELECT RATING ARRAY RAW_JSON FULL_NAME EMAILS PHONES LINKS
  CURRENCY ADDRESS AUTO_NUMBER PERCENT DURATION COLOR LOCATION`.split(/\s+/);
const HIDDEN = ['currency', 'fullName', 'duration'];

const camel = (words: string) => words.toLowerCase().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());

beforeAll(async () => {
  admin = await server.createWorkspace('acme');
  const workspace = { id: admin.workspaceId } as Parameters<typeof addObject>[1];
  const role = await insert(server.db.admin, 'metadata.roles', { workspace_id: admin.workspaceId, name: 'Limited' });
  await server.db.inTransaction(async (client) => {
    thing = await addObject(client, workspace, { label_singular: 'Thing', label_plural: 'Things' });
    const fields = new Map<string, string>();
    for (const type of TYPES)
      fields.set(
        camel(type),
        await addField(client, thing, {
          label: type.toLowerCase().replaceAll('_', ' '),
          name: `x${camel(type)[0]!.toUpperCase()}${camel(type).slice(1)}`,
          type,
          ...(type.endsWith('SELECT')
            ? {
                options: [
                  { value: 'A', label: 'A' },
                  { value: 'B', label: 'B' },
                ],
              }
            : {}),
        }),
      );
    await addField(client, thing, { label: 'Twice', type: 'FORMULA', settings: { expression: 'xNumber * 2' } });
    await addRelation(client, thing, 'Parent', thing, { label: 'Children' });
    for (const name of HIDDEN)
      await insert(client, 'metadata.field_permissions', {
        role_id: role,
        field_id: fields.get(name)!,
        can_read: false,
      });
    await insert(client, 'metadata.record_rules', { role_id: role, object_id: thing, condition: 'name != "Hidden"' });
    await client.query('commit');
  });
  limited = await server.createKey('acme', 'Limited');
  for (const [name, format] of [
    ['Admin', 'STANDARD'],
    ['Limited', 'STANDARD'],
    ['Admin', 'TWENTY'],
  ])
    hooks[`${name} ${format}`] = await insert(server.db.admin, 'metadata.webhooks', {
      workspace_id: admin.workspaceId,
      target_url: 'https://example.com/',
      events: '{thing.*}',
      format,
      role_id: (
        await server.db.admin.query<{ id: string }>(
          'select id from metadata.roles where workspace_id = $1 and name = $2',
          [admin.workspaceId, name],
        )
      ).rows[0]!.id,
    });
});

/** Values that columns of the object take, by the type that they have. */
const text = fc.option(fc.string({ maxLength: 12, unit: 'grapheme' }).map((each) => each.replaceAll('\0', '')));
const whole = fc.option(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }).map(String));
const share = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: -90, max: 90 }));
const moment = { min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true };
const VALUES: fc.Arbitrary<Record<string, unknown>> = fc.record(
  {
    name: fc.constantFrom('One', 'Other'),
    x_text: text,
    x_number: share,
    x_numeric: fc.option(fc.constantFrom('12345678901234567890.5', '0', '-1.50')),
    x_boolean: fc.boolean(),
    x_date: fc.option(fc.date(moment).map((each) => each.toISOString().slice(0, 10))),
    x_date_time: fc.option(fc.date(moment)),
    x_select: fc.constantFrom('A', 'B', null),
    x_multi_select: fc.subarray(['A', 'B']),
    x_rating: fc.integer({ min: 1, max: 5 }),
    x_array: fc.array(fc.constantFrom('a', 'b "c"', '{}'), { maxLength: 3 }),
    x_raw_json: fc.option(fc.jsonValue({ maxDepth: 2 }).map((each) => JSON.stringify(each).replaceAll('\\u0000', ''))),
    x_full_name_first_name: text,
    x_emails_primary_email: fc.constantFrom('ada@example.com', null),
    x_links_secondary_links: fc.constantFrom('[]', '[{"url": "https://example.com", "label": "é"}]', null),
    x_currency_amount_micros: whole,
    x_currency_currency_code: fc.constantFrom('EUR', null),
    x_duration: fc.option(fc.bigInt({ min: 0n, max: 2n ** 53n }).map(String)),
    x_address_street1: text,
    x_address_lat: share,
  },
  { requiredKeys: ['name'] },
);

interface Told {
  action: string;
  record: Record<string, unknown>;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  changedFields?: string[];
}

/** What a webhook says of what happened to a record, the first first. */
async function told(hook: string, record: string): Promise<Told[]> {
  const { rows } = await server.db.admin.query<{ body: string }>(
    `with e as (select array_agg(batch) as batches, array_agg(seq) as seqs from ${admin.schemaName}.record_events where record_id = $2)
     select p.body from e, engine.webhook_payloads($1, e.batches, e.seqs) p order by p.batch, p.seq`,
    [hook, record],
  );
  return rows.map(({ body }) => {
    const message = JSON.parse(body) as { data?: Told };
    return message.data ?? (message as unknown as Told);
  });
}

/** Moments are the same however their fractions are written. */
const sameMoments = (values: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? new Date(value).toISOString() : value,
    ]),
  );

async function answered(caller: Caller, record: string, keys: string[]): Promise<Record<string, unknown>> {
  const { data, errors } = await caller.records(`query ($id: UUID!) { thing(id: $id) { ${keys.join(' ')} } }`, {
    id: record,
  });
  expect(errors).toBeUndefined();
  return (data as { thing: Record<string, unknown> }).thing;
}

/** The fields of the object in the API that hold one value each. */
async function scalars(): Promise<string[]> {
  const { data } = await admin.records(
    '{ __type(name: "Thing") { fields { name args { name } type { kind ofType { kind ofType { kind } } } } } }',
  );
  const { fields } = (data as { __type: { fields: { name: string; args: object[]; type: unknown }[] } }).__type;
  return fields
    .filter(
      ({ name, args, type }) => name !== 'nodeId' && args.length === 0 && JSON.stringify(type).includes('"SCALAR"'),
    )
    .map(({ name }) => name);
}

test('a webhook names and tells of a record what GraphQL answers to its role, whatever is in it', async () => {
  const all = await scalars();
  const readable = all.filter(
    (name) => !HIDDEN.some((hidden) => name.startsWith(`x${hidden[0]!.toUpperCase()}${hidden.slice(1)}`)),
  );
  await fc.assert(
    fc.asyncProperty(VALUES, VALUES, async (first, second) => {
      const id = await insert(server.db.admin, `${admin.schemaName}.things`, first);
      const names = Object.keys(second);
      await server.db.admin.query(
        `update ${admin.schemaName}.things set ${names.map((name, i) => `${name} = $${i + 2}`).join(', ')} where id = $1`,
        [id, ...Object.values(second)],
      );
      for (const [caller, hook, keys] of [
        [admin, 'Admin STANDARD', all],
        [limited, 'Limited STANDARD', readable],
      ] as const) {
        const messages = await told(hooks[hook]!, id);
        const { record } = messages.at(-1)!;
        expect(Object.keys(record).sort()).toEqual([...keys].sort());
        const answer = await answered(caller, id, [...keys]);
        expect(sameMoments(record)).toEqual(sameMoments(answer));
        const [created, updated] = messages;
        expect(created!.after).toEqual(created!.record);
        if (!updated) continue;
        // What it was and became, and nothing else.
        expect(Object.keys(updated.before!).sort()).toEqual(Object.keys(updated.after!).sort());
        expect(Object.keys(updated.after!).every((key) => keys.includes(key))).toBe(true);
        expect(updated.record).toMatchObject(updated.after!);
        expect(created!.record).toMatchObject(updated.before!);
        expect(
          updated.changedFields!.every((field) => Object.keys(updated.after!).some((key) => key.startsWith(field))),
        ).toBe(true);
      }
    }),
    { numRuns: 15 },
  );
});

test('a webhook of a role tells nothing of records that the role does not see, nor of fields in any action', async () => {
  const hidden = await insert(server.db.admin, `${admin.schemaName}.things`, { name: 'Hidden' });
  const id = await insert(server.db.admin, `${admin.schemaName}.things`, {
    name: 'Seen',
    x_duration: 5,
    x_currency_amount_micros: 7,
  });
  await server.db.admin.query(`update ${admin.schemaName}.things set x_duration = 6 where id = $1`, [id]);
  await server.db.admin.query(`update ${admin.schemaName}.things set x_duration = 8, x_rating = 4 where id = $1`, [id]);
  await server.db.admin.query(`delete from ${admin.schemaName}.things where id = $1`, [id]);
  expect((await told(hooks['Limited STANDARD']!, hidden)).length).toBe(0);
  expect((await told(hooks['Admin STANDARD']!, hidden)).length).toBe(1);
  const [created, updated, deleted, ...more] = await told(hooks['Limited STANDARD']!, id);
  expect(more).toEqual([]);
  expect(updated).toMatchObject({
    action: 'updated',
    before: { xRating: null },
    after: { xRating: 4 },
    changedFields: ['xRating'],
  });
  expect(deleted).toMatchObject({ action: 'deleted', after: null, before: { name: 'Seen', xRating: 4 } });
  expect(JSON.stringify([created, updated, deleted])).not.toMatch(/xDuration|xCurrency|xFullName/);
  expect((await told(hooks['Admin STANDARD']!, id)).length).toBe(4);
});

test('in the format of Twenty the parts of a field lie within it, and relations and values are named as everywhere', async () => {
  const parent = await insert(server.db.admin, `${admin.schemaName}.things`, { name: 'Parent' });
  const id = await insert(server.db.admin, `${admin.schemaName}.things`, {
    name: 'Child',
    parent_id: parent,
    x_full_name_first_name: 'Ada',
    x_currency_amount_micros: '5000000',
    x_currency_currency_code: 'EUR',
  });
  const [created] = await told(hooks['Admin TWENTY']!, id);
  expect(created!.record).toMatchObject({
    id,
    name: 'Child',
    parentId: parent,
    xFullName: { firstName: 'Ada', lastName: null },
    xCurrency: { amountMicros: 5000000, currencyCode: 'EUR' },
    xAutoNumberText: expect.any(String),
    createdBy: { source: 'MANUAL', memberId: null, name: expect.any(String) },
  });
});

test('fields and objects that were renamed meanwhile are told by the names of now', async () => {
  const id = await insert(server.db.admin, `${admin.schemaName}.things`, { name: 'Before', x_text: 'one' });
  await server.db.admin.query(`update ${admin.schemaName}.things set x_text = 'two' where id = $1`, [id]);
  await server.db.admin.query(`update metadata.fields set name = 'remark' where object_id = $1 and name = 'xText'`, [
    thing,
  ]);
  const [created, updated] = await told(hooks['Admin STANDARD']!, id);
  expect(created!.record).toMatchObject({ remark: 'one' });
  expect(updated).toMatchObject({
    before: { remark: 'one' },
    after: { remark: 'two' },
    changedFields: ['remark'],
    record: { remark: 'two' },
  });
  await server.db.admin.query(`update metadata.fields set name = 'xText' where object_id = $1 and name = 'remark'`, [
    thing,
  ]);
});
