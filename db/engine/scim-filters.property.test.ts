import fc from 'fast-check';
import { useDatabase } from '../testing/database.ts';

/** Filters of directories: what the database is asked is what each of them means, said of the whole resource. */
const db = useDatabase();
let workspace: string;
let ids: string[] = [];
const NAMES = ['Ann Lee', "O'Hara", '100% sure\\', 'İpek Ş', 'ann', '"quoted" name', 'Zoë', 'a.b+c', '  spaced  '];

beforeAll(async () => {
  const { admin } = db;
  await admin.query(`select engine.create_workspace('acme', 'Acme', 'owner@acme.test')`);
  workspace = (await admin.query(`select id from core.workspaces where slug = 'acme'`)).rows[0].id as string;
  for (const [n, name] of NAMES.entries())
    await admin.query(`select core.add_member('acme', $1, $2, 'Member')`, [`user${n}@acme.test`, name]);
  ids = (await admin.query('select id from core.members order by created_at, id')).rows.map(({ id }) => id as string);
  for (const [n, id] of ids.entries()) {
    if (n % 3 === 0) continue;
    await admin.query(
      `insert into core.scim_users (member_id, workspace_id, user_name, external_id, emails, updated_at) values ($1, $2, $3, $4, $5, now() - $6 * interval '1 day')`,
      [
        id,
        workspace,
        n % 2 ? `Page${n}@ACME.test` : null,
        n % 4 ? `ext-${n}` : null,
        n % 5
          ? null
          : JSON.stringify([
              { value: `Other${n}@x.test`, type: 'home' },
              { value: `p${n}@acme.test`, primary: true },
            ]),
        n,
      ],
    );
  }
  await admin.query('update core.members set is_active = false where id = $1', [ids[4]]);
  for (const [n, name] of ['Sales', "R&D 'x'", 'ops'].entries()) {
    const group = await admin.query(
      'insert into core.scim_groups (workspace_id, display_name, external_id) values ($1, $2, $3) returning id',
      [workspace, name, n ? `g${n}` : null],
    );
    for (const id of ids.slice(n, n + 4))
      await admin.query('insert into core.scim_group_members (group_id, member_id) values ($1, $2)', [
        group.rows[0].id,
        id,
      ]);
  }
});

const USER_PATHS = [
  'userName',
  'externalId',
  'id',
  'displayName',
  'DISPLAYNAME',
  'name.formatted',
  'name.givenName',
  'name.familyName',
  'name',
  'active',
  'emails',
  'emails.value',
  'emails.type',
  'groups',
  'groups.value',
  'groups.display',
  'meta.created',
  'meta.lastModified',
  'meta.resourceType',
  'nickName',
  'schemas',
];
const GROUP_PATHS = [
  'displayName',
  'externalId',
  'id',
  'members',
  'members.value',
  'members.display',
  'meta.lastModified',
  'other',
];

const value = fc.oneof(
  fc.constantFrom<unknown>(
    ...NAMES,
    ...NAMES.map((name) => name.slice(0, 2).toUpperCase()),
    'page1@acme.test',
    'user3@acme.test',
    '@acme.test',
    'ext-1',
    'EXT-1',
    'work',
    'home',
    'Sales',
    'ops',
    'User',
    '',
    "'",
    '%',
    '\\',
    'true',
    true,
    false,
    null,
    7,
    '2020-01-01T00:00:00Z',
    '2099-01-01T00:00:00Z',
    'yesterday',
  ),
  // Those of the database, which are known only then.
  fc.nat(9).map((n) => ({ idOf: n })),
);
const filters = (paths: readonly string[], inner: readonly [string, ...string[]][]) => {
  const comparison = (from: readonly string[]) =>
    fc.oneof(
      fc.record({ op: fc.constant('pr'), attrPath: fc.constantFrom(...from) }),
      fc.record({
        op: fc.constantFrom('eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'),
        attrPath: fc.constantFrom(...from),
        compValue: value,
      }),
    );
  const within = fc.oneof(
    ...inner.map(([attrPath, ...parts]) =>
      fc.record({ op: fc.constant('[]'), attrPath: fc.constant(attrPath), valFilter: comparison(parts) }),
    ),
  );
  return fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      comparison(paths),
      within,
      fc.record({ op: fc.constantFrom('and', 'or'), filters: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ op: fc.constant('not'), filter: tie('tree') }),
    ),
  })).tree;
};

const settle = (filter: unknown) =>
  JSON.stringify(filter, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && 'idOf' in part ? ids[part.idOf as number] : part,
  );

test('users are found as their resources say', async () => {
  await fc.assert(
    fc.asyncProperty(
      filters(USER_PATHS, [
        ['emails', 'value', 'type', 'primary'],
        ['groups', 'value', 'display'],
      ]),
      async (filter) => {
        const text = settle(filter);
        const { rows } = await db.admin.query(
          `select l.total::int, l.resources, (select coalesce(jsonb_agg(m.id order by m.created_at, m.id), '[]') from core.members m where core.scim_matches(core.scim_user(m), $2)) as expected
           from core.list_scim_users($1, $2, 1, 100) l`,
          [workspace, text],
        );
        const { total, resources, expected } = rows[0] as {
          total: number;
          resources: { id: string }[];
          expected: string[];
        };
        expect([total, resources.map(({ id }) => id)]).toEqual([expected.length, expected]);
      },
    ),
    { numRuns: 300 },
  );
});

test('groups are found as their resources say', async () => {
  await fc.assert(
    fc.asyncProperty(filters(GROUP_PATHS, [['members', 'value', 'display']]), async (filter) => {
      const text = settle(filter);
      const { rows } = await db.admin.query(
        `select l.total::int, l.resources, (select coalesce(jsonb_agg(g.id order by g.created_at, g.id), '[]') from core.scim_groups g where core.scim_matches(core.scim_group(g, true), $2)) as expected
         from core.list_scim_groups($1, $2, 1, 100, false) l`,
        [workspace, text],
      );
      const { total, resources, expected } = rows[0] as {
        total: number;
        resources: { id: string }[];
        expected: string[];
      };
      expect([total, resources.map(({ id }) => id)]).toEqual([expected.length, expected]);
    }),
    { numRuns: 200 },
  );
});

test.each([
  '{"op":"sw","attrPath":"userName","compValue":"user"}',
  '{"op":"co","attrPath":"emails.value","compValue":"acme"}',
  '{"op":"and","filters":[{"op":"eq","attrPath":"active","compValue":true},{"op":"gt","attrPath":"meta.lastModified","compValue":"2020-01-01T00:00:00Z"}]}',
])('resources are made of the page alone: %s', async (filter) => {
  const client = await db.admin.connect();
  const made = async () => {
    const { rows } = await client.query<{ calls: number }>(
      "select coalesce(sum(calls), 0)::int as calls from pg_stat_xact_user_functions where schemaname = 'core' and funcname = 'scim_user'",
    );
    return rows[0]!.calls;
  };
  try {
    await client.query("begin; set local track_functions = 'all'");
    const before = await made();
    const { rows } = await client.query('select total::int from core.list_scim_users($1, $2, 1, 2)', [
      workspace,
      filter,
    ]);
    expect(rows[0].total).toBeGreaterThan(2);
    expect((await made()) - before).toBe(2);
  } finally {
    await client.query('rollback');
    client.release();
  }
});
