import { useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';

const server = useServer();
let admin: Caller;
let rep: Caller;
let roleId: string;
const ids: Record<string, string> = {};

/** What a mutation of metadata gives back, which must not have failed. */
async function run(query: string, variables: object = {}): Promise<Record<string, unknown>> {
  const answer = await admin.metadata(query, variables);
  expect(answer.errors).toBeUndefined();
  return answer.data!;
}
const first = (data: Record<string, unknown>) => Object.values(data)[0] as Record<string, Record<string, unknown>>;
const code = (answer: GraphqlAnswer) => answer.errors?.[0]?.extensions.code;

beforeAll(async () => {
  admin = await server.createWorkspace('acme');
  const { rows } = await server.db.admin.query<{ id: string; name: string }>(
    `select o.id, o.name_singular as name from metadata.objects o where o.workspace_id = $1
     union all select f.id, o.name_singular || '.' || f.name from metadata.fields f join metadata.objects o on o.id = f.object_id where f.workspace_id = $1`,
    [admin.workspaceId],
  );
  for (const { id, name } of rows) ids[name] = id;
  const created = await run(
    'mutation ($role: RoleInput!) { createRole(input: { role: $role }) { role { id name permissions canReadAll } } }',
    { role: { name: 'Rep', permissions: ['VIEWS'], canDeleteAll: false } },
  );
  expect(first(created).role).toMatchObject({ name: 'Rep', permissions: ['VIEWS'], canReadAll: true });
  roleId = first(created).role!.id as string;
  rep = await server.createKey('acme', 'Rep');
});

test('rules of a role are made over GraphQL, and hold in it', async () => {
  for (const company of ['name: "Seen", employees: "7"', 'name: "Hidden", employees: "3"']) {
    const made = await admin.records(
      `mutation { createCompany(input: { company: { ${company} } }) { company { id } } }`,
    );
    expect(made.errors).toBeUndefined();
  }
  await run(
    'mutation ($it: RecordRuleInput!) { createRecordRule(input: { recordRule: $it }) { recordRule { id name condition } } }',
    {
      it: { roleId, objectId: ids['company'], action: 'READ', condition: 'employees > 5' },
    },
  );
  await run(
    'mutation ($it: FieldPermissionInput!) { createFieldPermission(input: { fieldPermission: $it }) { fieldPermission { id } } }',
    {
      it: { roleId, fieldId: ids['company.annualRevenue'], canRead: false },
    },
  );
  const list = await rep.records('{ companies { totalCount nodes { name } } }');
  expect(list).toMatchObject({ data: { companies: { totalCount: 1, nodes: [{ name: 'Seen' }] } } });
  for (const query of [
    '{ companies { nodes { annualRevenueAmountMicros } } }',
    '{ companies(filter: { annualRevenueAmountMicros: { greaterThan: "1" } }) { nodes { id } } }',
    '{ companies(orderBy: [ANNUAL_REVENUE_AMOUNT_MICROS_ASC]) { nodes { id } } }',
    'mutation { createCompany(input: { company: { name: "x", annualRevenueAmountMicros: "1" } }) { company { id } } }',
  ])
    expect({ query, code: code(await rep.records(query)) }).toEqual({ query, code: 'FORBIDDEN' });
  const { data } = await rep.metadata('{ myPermissions }');
  expect(data!['myPermissions']).toMatchObject({
    flags: ['VIEWS'],
    objects: {
      [ids['company']!]: {
        canRead: true,
        canDelete: false,
        isLimited: true,
        unreadableFields: [ids['company.annualRevenue']],
      },
    },
  });
  const explained = await admin.metadata(
    'query ($role: UUID!) { explainAccess(objectName: "company", action: "DELETE", roleId: $role) }',
    { role: roleId },
  );
  expect(explained.data!['explainAccess']).toMatchObject({ allowed: false, role: 'Rep' });
});

test('a rule that no policy can say is refused with its place', async () => {
  const answer = await admin.metadata(
    'mutation ($it: RecordRuleInput!) { createRecordRule(input: { recordRule: $it }) { recordRule { id } } }',
    { it: { roleId, objectId: ids['person'], condition: 'length(jobTitle) > 3' } },
  );
  expect(answer.errors![0]).toMatchObject({ extensions: { code: 'RV059', field: 'condition' } });
});

test('roles include others, are given rights on objects, and are deleted', async () => {
  const made = await run(
    'mutation { createRole(input: { role: { name: "Union", canReadAll: false } }) { role { id } } }',
  );
  const union = first(made).role!.id as string;
  await run(
    'mutation ($it: RoleIncludeInput!) { createRoleInclude(input: { roleInclude: $it }) { roleInclude { id } } }',
    {
      it: { roleId: union, includedRoleId: roleId },
    },
  );
  await run(
    'mutation ($it: ObjectPermissionInput!) { createObjectPermission(input: { objectPermission: $it }) { objectPermission { id fieldMode } } }',
    {
      it: { roleId: union, objectId: ids['person'], canRead: true, fieldMode: 'ONLY' },
    },
  );
  await run('mutation ($id: UUID!) { updateRole(input: { id: $id, patch: { name: "Whole" } }) { role { id } } }', {
    id: union,
  });
  await run('mutation ($id: UUID!) { deleteRole(input: { id: $id }) { role { id } } }', { id: union });
  const refused = await rep.metadata('mutation { createRole(input: { role: { name: "Mine" } }) { role { id } } }');
  expect(code(refused)).toBe('FORBIDDEN');
});

test('a record is shared, and the share is taken back', async () => {
  const { data } = await admin.records('{ companies(filter: { name: { equalTo: "Hidden" } }) { nodes { id } } }');
  const id = (data!['companies'] as { nodes: { id: string }[] }).nodes[0]!.id;
  const shared = await admin.records(`mutation ($input: ShareRecordInput!) { shareRecord(input: $input) { result } }`, {
    input: {
      objectName: 'company',
      recordId: id,
      principalKind: 'ROLE',
      principalId: roleId,
      access: 'READ',
      reason: 'for the fair',
    },
  });
  expect(shared.errors).toBeUndefined();
  expect((await rep.records('{ companies { totalCount } }')).data).toEqual({ companies: { totalCount: 2 } });
  const shares = await admin.records(
    'query ($id: UUID!) { sharesOfRecord(objectName: "company", recordId: $id) { nodes { shareId principalName access reason } } }',
    { id },
  );
  const [share] = (shares.data!['sharesOfRecord'] as { nodes: { shareId: string }[] }).nodes;
  expect(share).toMatchObject({ principalName: 'Rep', access: 'READ', reason: 'for the fair' });
  await admin.records('mutation ($id: UUID!) { unshareRecord(input: { shareId: $id }) { result } }', {
    id: share!.shareId,
  });
  expect((await rep.records('{ companies { totalCount } }')).data).toEqual({ companies: { totalCount: 1 } });
  // The table itself is not in the API.
  const { data: schema } = await admin.records('{ __schema { types { name } } }');
  expect(JSON.stringify(schema)).not.toMatch(/"RecordShare"/);
});

test('teams are kept by the mutations that the screen sends', async () => {
  const acme = await server.createWorkspace('teams');
  const team = async (values: object) => {
    const { data } = await acme.metadata(
      'mutation ($team: TeamInput!) { createTeam(input: { team: $team }) { team { id } } }',
      { team: values },
    );
    return (data as { createTeam: { team: { id: string } } }).createTeam.team.id;
  };
  const sales = await team({ name: 'Sales' });
  const north = await team({ name: 'North', parentTeamId: sales });
  const { rows } = await server.db.admin.query<{ id: string }>('select id from core.members where workspace_id = $1', [
    acme.workspaceId,
  ]);
  const member = await acme.metadata(
    'mutation ($it: TeamMemberInput!) { createTeamMember(input: { teamMember: $it }) { teamMember { id isLead } } }',
    { it: { teamId: north, memberId: rows[0]!.id } },
  );
  const { id } = (member.data as { createTeamMember: { teamMember: { id: string } } }).createTeamMember.teamMember;
  for (const [text, values] of [
    [
      'mutation ($id: UUID!, $patch: TeamMemberPatch!) { updateTeamMember(input: { id: $id, patch: $patch }) { clientMutationId } }',
      { id, patch: { isLead: true } },
    ],
    [
      'mutation ($id: UUID!, $patch: TeamPatch!) { updateTeam(input: { id: $id, patch: $patch }) { clientMutationId } }',
      { id: north, patch: { parentTeamId: null, name: 'North' } },
    ],
    ['mutation ($id: UUID!) { deleteTeamMember(input: { id: $id }) { clientMutationId } }', { id }],
    ['mutation ($id: UUID!) { deleteTeam(input: { id: $id }) { clientMutationId } }', { id: sales }],
  ] as const)
    expect((await acme.metadata(text, values)).errors).toBeUndefined();
  const left = await acme.metadata('{ teams { nodes { name parentTeamId } } teamMembers { nodes { id } } }');
  expect(left.data).toEqual({ teams: { nodes: [{ name: 'North', parentTeamId: null }] }, teamMembers: { nodes: [] } });
  const taken = await acme.metadata('mutation { createTeam(input: { team: { name: "north" } }) { team { id } } }');
  expect(taken.errors?.[0]?.extensions).toMatchObject({ code: 'RV162', field: 'name' });
});
