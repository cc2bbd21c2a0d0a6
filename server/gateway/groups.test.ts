import { useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

const server = useServer();
let admin: Caller;
let rep: Caller;

beforeAll(async () => {
  admin = await server.createWorkspace('acme');
  const ids = new Map(
    (
      await server.db.admin.query<{ id: string; name: string }>(
        `select o.id, o.name_singular as name from metadata.objects o where o.workspace_id = $1
         union all select f.id, o.name_singular || '.' || f.name from metadata.fields f join metadata.objects o on o.id = f.object_id where f.workspace_id = $1`,
        [admin.workspaceId],
      )
    ).rows.map(({ id, name }) => [name, id]),
  );
  const made = await admin.metadata(
    'mutation ($role: RoleInput!) { createRole(input: { role: $role }) { role { id } } }',
    { role: { name: 'Rep' } },
  );
  const { id: roleId } = (made.data!['createRole'] as { role: { id: string } }).role;
  await admin.metadata(
    'mutation ($it: RecordRuleInput!) { createRecordRule(input: { recordRule: $it }) { recordRule { id } } }',
    { it: { roleId, objectId: ids.get('company'), action: 'READ', condition: 'employees > 5' } },
  );
  await admin.metadata(
    'mutation ($it: FieldPermissionInput!) { createFieldPermission(input: { fieldPermission: $it }) { fieldPermission { id } } }',
    { it: { roleId, fieldId: ids.get('company.annualRevenue'), canRead: false } },
  );
  rep = await server.createKey('acme', 'Rep');
  const { rows } = await server.db.admin.query<{ schema: string }>(
    'select schema_name as schema from core.workspaces where id = $1',
    [admin.workspaceId],
  );
  const schema = rows[0]!.schema;
  await server.db.admin.query(
    `insert into ${schema}.companies (name, employees, annual_revenue_amount_micros, annual_revenue_currency_code, address_city, created_at)
     select 'Company ' || n, case when n <= 10 then n end, n * 1000000, 'EUR', case n % 3 when 0 then '' when 1 then 'Riga' else 'Oslo' end,
       timestamptz '2026-01-31 23:30Z' + (n % 2) * interval '1 day'
     from generate_series(1, 20) n`,
  );
});

const groups = async (who: Caller, args: string, filter = ''): Promise<unknown> => {
  const answer: GraphqlAnswer = await who.records(`{ companies${filter} { groups(${args}) { key values } } }`);
  if (answer.errors) return answer.errors[0]!.extensions.code;
  return (answer.data!['companies'] as { groups: unknown }).groups;
};

test('what a list comes to is told over all that its filter leaves, page or not', async () => {
  const all = `values: [{ function: COUNT }, { function: SUM, columns: ["employees"] }, { function: AVG, columns: ["employees"] }, { function: MIN, columns: ["employees"] },
    { function: MAX, columns: ["annualRevenueAmountMicros"] }, { function: COUNT_EMPTY, columns: ["employees"] }, { function: COUNT_NOT_EMPTY, columns: ["addressCity"] },
    { function: COUNT_UNIQUE_VALUES, columns: ["addressCity"] }, { function: PERCENTAGE_EMPTY, columns: ["employees"] }, { function: PERCENTAGE_NOT_EMPTY, columns: ["addressCity", "addressStreet1"] },
    { function: MIN, columns: ["createdAt"] }]`;
  expect(await groups(admin, all, '(first: 2)')).toEqual([
    {
      key: null,
      values: ['20', '55', '5.5', '1', '20000000', '10', '14', '2', '50', '70', '2026-01-31T23:30:00+00:00'].map(
        (value) => expect.stringMatching(new RegExp(`^${value.replace(/[.+]/g, '\\$&')}(\\.?0*)$`)),
      ),
    },
  ]);
  expect(await groups(admin, 'values: [{ function: COUNT }]', '(filter: { employees: { greaterThan: "7" } })')).toEqual(
    [{ key: null, values: ['3'] }],
  );
  expect(
    await groups(
      admin,
      'values: [{ function: COUNT }, { function: SUM, columns: ["employees"] }]',
      '(filter: { name: { equalTo: "None" } })',
    ),
  ).toEqual([{ key: null, values: ['0', null] }]);
});

test('groups have their values as keys, days begin in the time zone of who asks', async () => {
  const byKey = (found: unknown) =>
    [...(found as { key: string | null }[])].sort((a, b) => String(a.key).localeCompare(String(b.key)));
  expect(byKey(await groups(admin, 'by: { column: "addressCity" }, values: [{ function: COUNT }]'))).toEqual([
    { key: null, values: ['6'] },
    { key: 'Oslo', values: ['7'] },
    { key: 'Riga', values: ['7'] },
  ]);
  const months = (zone: string) =>
    groups(
      admin,
      `by: { column: "createdAt", bucket: MONTH, timeZone: "${zone}" }, values: [{ function: COUNT }]`,
    ).then(byKey);
  expect(await months('UTC')).toEqual([
    { key: '2026-01-01', values: ['10'] },
    { key: '2026-02-01', values: ['10'] },
  ]);
  expect(await months('Europe/Riga')).toEqual([{ key: '2026-02-01', values: ['20'] }]);
  const two = await admin.records(
    `query ($a: [AggregateInput!]!, $by: GroupingInput) { companies { totalCount all: groups(values: $a) { values } cities: groups(values: $a, by: $by) { key } } }`,
    { a: [{ function: 'COUNT' }], by: { column: 'addressCity' } },
  );
  expect(two).toMatchObject({
    data: {
      companies: {
        totalCount: 20,
        all: [{ values: ['20'] }],
        cities: expect.arrayContaining([{ key: null }, { key: 'Oslo' }, { key: 'Riga' }]),
      },
    },
  });
});

test('a role is told of what it reads, and of no more', async () => {
  expect(await groups(rep, 'values: [{ function: COUNT }, { function: SUM, columns: ["employees"] }]')).toEqual([
    { key: null, values: ['5', '40'] },
  ]);
  expect(await groups(rep, 'values: [{ function: SUM, columns: ["annualRevenueAmountMicros"] }]')).toBe('FORBIDDEN');
  expect(await groups(rep, 'by: { column: "annualRevenueCurrencyCode" }, values: [{ function: COUNT }]')).toBe(
    'FORBIDDEN',
  );
});

test('what cannot be added up or grouped says so', async () => {
  for (const args of [
    'values: [{ function: SUM, columns: ["name"] }]',
    'values: [{ function: SUM, columns: ["employes"] }]',
    'values: [{ function: SUM }]',
    'values: [{ function: COUNT_TRUE, columns: ["employees"] }]',
    'by: { column: "employees", bucket: MONTH }, values: []',
    'by: { column: "createdAt", timeZone: "Nowhere/Else" }, values: [{ function: COUNT }]',
  ])
    expect({ args, code: await groups(admin, args) }).toEqual({
      args,
      code: expect.stringMatching(/^(INVALID_REQUEST|VALUE_INVALID)$/),
    });
});

test('many records are changed by one request, as far as the role may', async () => {
  const { data } = await admin.records('{ companies(orderBy: [EMPLOYEES_ASC], first: 8) { nodes { id employees } } }');
  const ids = (data!['companies'] as { nodes: { id: string }[] }).nodes.map(({ id }) => id);
  const change = (who: Caller, patches: object) =>
    who.records(
      'mutation ($ids: [UUID!]!, $patches: JSON!) { updateRecords(input: { objectName: "company", recordIds: $ids, patches: $patches, onProblem: "SKIP" }) { result } }',
      { ids, patches },
    );
  expect(await change(rep, { addressCity: 'Bergen' })).toEqual({
    data: { updateRecords: { result: { updated: 3, left: ids.slice(0, 5) } } },
  });
  expect(await change(rep, { annualRevenueAmountMicros: 1 })).toMatchObject({
    data: { updateRecords: { result: { updated: 0 } } },
  });
  expect((await change(admin, { adressCity: 'Bergen' })).errors?.[0]?.extensions.code).toBe('RV264');
});
