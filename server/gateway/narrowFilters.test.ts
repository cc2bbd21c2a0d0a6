import { addField, addObject, addRelation, insert } from '../../db/testing/workspace.ts';
import { useServer } from '../testing/server.ts';
import type { Caller, GraphqlAnswer } from '../testing/server.ts';
import { isLeaky, OPERATORS } from './narrowing.ts';
import { FILTER_OPERATORS } from './preset.ts';

// A role that sees some records only finds by any filter what everybody finds, of the records that it sees; and by indexes.
const server = useServer();
let admin: Caller;
let limited: Caller;
let visible: Set<string>;

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
  const trade = await addObject(client, workspace, { label_singular: 'Trade', label_plural: 'Trades' });
  const fields = [
    { label: 'Stage', type: 'TEXT' },
    { label: 'Exact', type: 'NUMERIC' },
    { label: 'Words', type: 'ARRAY' },
    { label: 'Amount', type: 'NUMBER' },
    { label: 'Secret', type: 'TEXT' },
    { label: 'Counted', type: 'BOOLEAN' },
    {
      label: 'Tags',
      type: 'MULTI_SELECT',
      options: ['A', 'B', 'C'].map((value) => ({ value, label: value })),
    },
  ];
  const ids: Record<string, string> = {};
  for (const field of fields) ids[field.label] = await addField(client, trade, field);
  const part = await addObject(client, workspace, { label_singular: 'Part', label_plural: 'Parts' });
  await addRelation(client, part, 'Trade', trade, { label: 'Parts' });
  for (const object of [trade, part])
    await insert(client, 'metadata.record_rules', { role_id: role, object_id: object, condition: 'name != "hidden"' });
  await insert(client, 'metadata.field_permissions', { role_id: role, field_id: ids['Secret'], can_read: false });
  await client.query('commit');
  client.release();
  limited = await server.createKey('acme', 'Limited');
  const trades = `${admin.schemaName}.trades`;
  await server.db.admin.query(
    `insert into ${trades} (name, stage, exact, words, amount, secret, counted, tags)
     select case when i % 3 = 0 then 'hidden' else (array['alpha', 'Alphabet', '50 % off', 'a_b', 'back\\slash', 'ÄRGER'])[i / 3 % 6 + 1] end,
       (array['NEW', 'new', null, 'OLD'])[i % 4 + 1], (array[1.5, 2, null])[i % 3 + 1], (array[null, '{x}', '{x,y}', '{}'])[i % 4 + 1]::text[],
       (array[1, 2, null, 4])[i % 4 + 1], 'a secret', true,
       (array[null, '{A}', '{A,B}', '{C}'])[i / 2 % 4 + 1]::text[]
     from generate_series(1, 120) i`,
  );
  // So many more that looking through what the role sees is no choice; each question leaves them out.
  await server.db.admin.query(
    `insert into ${trades} (name, counted) select 'one of many', false from generate_series(1, 6000)`,
  );
  await server.db.admin.query(
    `insert into ${admin.schemaName}.parts (name, trade_id)
     select case when row_number() over () % 5 = 0 then 'hidden' else 'part ' || row_number() over () end, t.id from ${trades} t where t.counted`,
  );
  visible = new Set(idsOf(await list(limited, 'trades', {})));
  expect(visible.size).toBe(80);
});

const list = (caller: Caller, what: 'trades' | 'parts', filter: object): Promise<GraphqlAnswer> =>
  caller.records(
    `query ($filter: ${what === 'trades' ? 'TradeFilter' : 'PartFilter'}) { ${what}(filter: $filter) { totalCount nodes { id } } }`,
    { filter: what === 'trades' ? { and: [filter, { counted: { equalTo: true } }] } : filter },
  );
const idsOf = ({ data, errors }: GraphqlAnswer, what = 'trades'): string[] => {
  expect(errors).toBeUndefined();
  const { nodes, totalCount } = (data as Record<string, { nodes: { id: string }[]; totalCount: number }>)[what]!;
  expect(totalCount).toBe(nodes.length);
  return nodes.map(({ id }) => id);
};

test('each operator that the API offers is known here as leakproof or not, as PostgreSQL has it', async () => {
  const { data } = await admin.records('{ __schema { types { name inputFields { name type { name } } } } }');
  const types = new Map(
    (
      data!.__schema as {
        types: { name: string; inputFields: { name: string; type: { name: string | null } }[] | null }[];
      }
    ).types.map((type) => [type.name, type.inputFields ?? []]),
  );
  const { rows } = await server.db.admin.query<{ type: string; operator: string; is_leakproof: boolean }>(
    `select distinct t.typname as type, o.oprname as operator, p.proleakproof as is_leakproof
     from pg_type t
     join pg_operator o on o.oprleft = o.oprright and (o.oprleft = t.oid or t.typcategory = 'A' and o.oprleft = 'anyarray'::regtype)
     join pg_proc p on p.oid = o.oprcode`,
  );
  const leakproof = new Map(rows.map((row) => [`${row.type} ${row.operator}`, row.is_leakproof]));
  const inSql: Record<string, string> = {
    in: '=',
    notIn: '<>',
    includes: '~~*',
    notIncludes: '!~~*',
    startsWith: '~~*',
    endsWith: '~~*',
    contains: '@>',
    overlaps: '&&',
  };
  const columns = await server.db.admin.query<{ table: string; name: string; type: string }>(
    `select initcap(c.relname) as table, a.attname as name, t.typname as type from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     join pg_type t on t.oid = a.atttypid where c.relnamespace = $1::regnamespace and c.relname in ('trades', 'people', 'companies', 'opportunities')`,
    [admin.schemaName],
  );
  const singular: Record<string, string> = {
    Trades: 'Trade',
    People: 'Person',
    Companies: 'Company',
    Opportunities: 'Opportunity',
  };
  const wrong: string[] = [];
  let seen = 0;
  for (const { table, name, type } of columns.rows) {
    const field = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    const filter = types.get(`${singular[table]!}Filter`)!.find((each) => each.name === field);
    for (const { name: operator } of types.get(filter?.type.name ?? '') ?? []) {
      if (operator === 'isNull') continue;
      seen += 1;
      const known = OPERATORS[operator];
      // Texts in JSON are compared as texts.
      const compared = type === 'jsonb' && operator.endsWith('Insensitive') ? 'text' : type;
      const expected = leakproof.get(`${compared} ${known && (inSql[known] ?? known)}`);
      // What PostgreSQL calls an array, an underscore before its elements, PostGraphile calls by brackets after them.
      const codec = type.startsWith('_') ? `${type.slice(1)}[]` : type;
      if (expected === undefined || isLeaky(codec, operator) === expected) wrong.push(`${type} ${operator}`);
    }
  }
  expect([...new Set(wrong)]).toEqual([]);
  expect(seen).toBeGreaterThan(300);
  expect(FILTER_OPERATORS.filter((operator) => operator !== 'isNull' && !OPERATORS[operator])).toEqual([]);
});

/** Filters at random, from a seed, so that a run that fails can be repeated. */
function* filters(count: number) {
  let state = 20261128;
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
  const pick = <T>(of: readonly T[]): T => of[random(of.length)]!;
  const texts = ['al', 'ALPHA', '%', '_', '\\', 'hidden', 'ärger', 'zzz', ''];
  const leaf = (): object =>
    pick<() => object>([
      () => ({
        name: {
          [pick(['includesInsensitive', 'notIncludesInsensitive', 'startsWithInsensitive', 'endsWithInsensitive'])]:
            pick(texts),
        },
      }),
      () => ({ stage: { [pick(['equalTo', 'notEqualTo', 'includesInsensitive'])]: pick(['NEW', 'new', 'x']) } }),
      () => ({ stage: { isNull: pick([true, false]) } }),
      () => ({ exact: { [pick(['equalTo', 'lessThan', 'greaterThanOrEqualTo'])]: pick(['1.5', '2']) } }),
      () => ({ exact: { [pick(['in', 'notIn'])]: pick([['1.5'], ['2', '7'], []]) } }),
      () => ({ words: { [pick(['contains', 'overlaps', 'equalTo'])]: pick([['x'], ['y', 'z'], [], ['x', 'y']]) } }),
      () => ({ tags: { [pick(['contains', 'overlaps'])]: pick([['A'], ['A', 'B'], ['B', 'C'], []]) } }),
      () => ({
        amount: { [pick(['greaterThan', 'equalTo', 'notEqualTo'])]: pick([1, 2, 4]) },
        name: { includesInsensitive: pick(texts) },
      }),
      () => ({
        parts: { [pick(['some', 'none', 'every'])]: { name: { includesInsensitive: pick(['part 1', '7', 'hid']) } } },
      }),
    ])();
  const any = (depth: number): object => {
    const kind = depth > 0 ? random(6) : 5;
    if (kind === 0) return { and: [any(depth - 1), any(depth - 1)] };
    if (kind === 1) return { or: [any(depth - 1), any(depth - 1)] };
    if (kind === 2) return { not: any(depth - 1) };
    if (kind === 3) return { ...leaf(), ...leaf() };
    return leaf();
  };
  for (let n = 0; n < count; n += 1) yield any(3);
}

test('a limited role finds what everybody finds, of the records that it sees', async () => {
  let found = 0;
  for (const filter of filters(250)) {
    // Whether a trade has some part is another question to whom some parts are hidden.
    if (JSON.stringify(filter).includes('"parts"')) {
      const answer = idsOf(await list(limited, 'trades', filter));
      const bare = await unnarrowed(filter);
      expect({ filter, ids: answer.toSorted() }).toEqual({ filter, ids: bare.toSorted() });
      continue;
    }
    const everybody = idsOf(await list(admin, 'trades', filter)).filter((id) => visible.has(id));
    const ids = idsOf(await list(limited, 'trades', filter));
    found += ids.length;
    expect({ filter, ids: ids.toSorted() }).toEqual({ filter, ids: everybody.toSorted() });
  }
  expect(found).toBeGreaterThan(1_000);
}, 60_000);

/** The same filter beside an alternative that says nothing of what it is about, so that it narrows to nothing. */
const unnarrowed = async (filter: object): Promise<string[]> => {
  const wide = { or: [filter, { not: { id: { isNull: false } } }] };
  return idsOf(await list(limited, 'trades', wide));
};

test('filters reach over relations, of which only visible records count', async () => {
  const filter = { trade: { name: { includesInsensitive: 'ALPHA' } } };
  const everybody = idsOf(await list(admin, 'parts', filter), 'parts');
  const ids = idsOf(await list(limited, 'parts', filter), 'parts');
  expect(ids.length).toBeGreaterThan(0);
  expect(ids.length).toBeLessThan(everybody.length);
  expect(everybody).toEqual(expect.arrayContaining(ids));
});

test('a search for a backslash finds it', async () => {
  for (const caller of [admin, limited])
    expect(idsOf(await list(caller, 'trades', { name: { includesInsensitive: 'K\\S' } }))).not.toHaveLength(0);
  expect(idsOf(await list(limited, 'trades', { name: { includesInsensitive: 'back\\' } }))).not.toHaveLength(0);
});

test('a field that is withheld refuses the filter, narrowed or not, in the same words', async () => {
  for (const filter of [
    { secret: { includesInsensitive: 'secret' } },
    { secret: { equalTo: 'a secret' } },
    { name: { includesInsensitive: 'a' }, secret: { startsWithInsensitive: 'a' } },
  ]) {
    const { data, errors } = await limited.records(
      'query ($filter: TradeFilter) { trades(filter: $filter) { nodes { id } } }',
      { filter },
    );
    expect(data).toEqual({ trades: null });
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  }
});
