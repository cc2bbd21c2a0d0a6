import { beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import { useDatabase } from '../testing/database.ts';
import { createWorkspace, reconcile, statements, type Workspace } from '../testing/workspace.ts';

// Random manifests, random edits of what they brought, and the plainest merge of three that there is.

const db = useDatabase();
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
});

type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
type Row = Record<string, Value>;
/** What is there, by an identity that neither side can change: field:a, view:v, view:v>a, rule:r. */
type State = Map<string, Row>;

/** mulberry32: the same numbers in each run. */
function dice(seed: number) {
  let state = seed;
  const roll = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const pick = <T>(list: readonly T[]): T => list[Math.floor(roll() * list.length)]!;
  return { chance: (p: number) => roll() < p, pick };
}
type Dice = ReturnType<typeof dice>;

const FIELDS = ['a', 'b', 'c', 'd'];
const same = (one: unknown, other: unknown) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

const randomOptions = (d: Dice): Value[] => {
  const list = ['S', 'M', 'L', 'XL']
    .filter(() => d.chance(0.7))
    .map((value) => ({ value, label: value + d.pick(['', '', '!']) }));
  return list.length === 0 ? [{ value: 'S', label: 'S' }] : d.chance(0.3) ? list.reverse() : list;
};
const KINDS: Record<string, Record<string, (d: Dice) => Value>> = {
  field: {
    label: (d) => d.pick(['One', 'Two', 'Three']),
    icon: (d) => d.pick([null, 'IconA', 'IconB']),
    is_required: (d) => d.chance(0.3),
    settings: (d) => ({
      ...(d.chance(0.5) ? { searchable: d.chance(0.5) } : {}),
      ...(d.chance(0.5) ? { uniqueIgnoresCase: d.chance(0.5) } : {}),
    }),
    options: randomOptions,
  },
  view: {
    name: (d) => d.pick(['All', 'Each', 'Some']),
    icon: (d) => d.pick([null, 'IconA']),
    type: (d) => d.pick(['TABLE', 'GALLERY']),
  },
  column: { width: (d) => d.pick([100, 200, null]), is_visible: (d) => d.chance(0.5), position: (d) => d.pick([1, 2]) },
  rule: {
    message: (d) => d.pick(['', 'No', 'Never']),
    settings: (d) => ({ max: d.pick([5, 6, 7]), ...(d.chance(0.5) ? { min: d.pick([1, 2]) } : {}) }),
    is_active: (d) => d.chance(0.7),
  },
};
const kindOf = (id: string) => (id.includes('>') ? 'column' : id.split(':')[0]!);
const randomRow = (d: Dice, kind: string): Row =>
  Object.fromEntries(Object.entries(KINDS[kind]!).map(([key, make]) => [key, make(d)]));

function randomState(d: Dice): State {
  const state: State = new Map();
  const fields = FIELDS.filter(() => d.chance(0.8));
  for (const name of fields) state.set(`field:${name}`, randomRow(d, 'field'));
  for (const view of ['v', 'w'])
    if (d.chance(0.8)) {
      state.set(`view:${view}`, randomRow(d, 'view'));
      for (const name of fields) if (d.chance(0.5)) state.set(`view:${view}>${name}`, randomRow(d, 'column'));
    }
  for (const rule of ['r', 's']) if (d.chance(0.8)) state.set(`rule:${rule}`, randomRow(d, 'rule'));
  return state;
}

const camel = (row: Row) =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), value]),
  );
function manifestOf(state: State, version: number) {
  const entries = (kind: string) =>
    [...state]
      .filter(([id]) => kindOf(id) === kind)
      .map(([id, row]) => [id.split(/[:>]/).slice(1), camel(row)] as const);
  return {
    name: 'fleet',
    version: String(version),
    objects: [
      {
        nameSingular: 'truck',
        namePlural: 'trucks',
        labelSingular: 'Truck',
        labelPlural: 'Trucks',
        labelField: 'plate',
        fields: [
          { name: 'plate', label: 'Plate', type: 'TEXT' },
          ...entries('field').map(([[name], row]) => ({ name, type: 'SELECT', ...row })),
        ],
        views: entries('view').map(([[name], row]) => ({
          universalIdentifier: `view:${name}`,
          ...row,
          fields: entries('column')
            .filter(([[view]]) => view === name)
            .map(([[, field], column]) => ({ field, ...column })),
        })),
        rules: entries('rule').map(([[name], row]) => ({
          universalIdentifier: `rule:${name}`,
          kind: 'LENGTH',
          field: 'plate',
          ...row,
        })),
      },
    ],
  };
}

/** What people do: other values, other things deleted. */
async function edit(client: pg.ClientBase, d: Dice, base: State): Promise<State> {
  const edited: State = new Map();
  for (const [id, row] of base) {
    const kind = kindOf(id);
    if (kind === 'column' && !edited.has(id.split('>')[0]!)) continue;
    const table = { field: 'fields', view: 'views', column: 'view_fields', rule: 'rules' }[kind]!;
    const where =
      kind === 'column'
        ? `view_id = (select v.id from metadata.views v where v.universal_identifier = $1) and field_id = (select f.id from metadata.fields f where f.universal_identifier = 'fleet:truck.' || $2)`
        : `universal_identifier = $1 and $2::text is not null`;
    const key = kind === 'field' ? `fleet:truck.${id.slice(6)}` : id.split('>')[0]!;
    const parameters = [key, id.split('>')[1] ?? ''];
    if (kind !== 'field' && d.chance(0.2)) {
      await client.query(`delete from metadata.${table} where ${where}`, parameters);
      continue;
    }
    const mine: Row = { ...row };
    for (const [column, make] of Object.entries(KINDS[kind]!)) if (d.chance(0.25)) mine[column] = make(d);
    const changed = Object.keys(mine).filter((column) => !same(mine[column], row[column]));
    for (const column of changed)
      await client.query(`update metadata.${table} set ${column} = $3 where ${where}`, [
        ...parameters,
        column === 'options' ? JSON.stringify(mine[column]) : mine[column],
      ]);
    edited.set(id, mine);
  }
  return edited;
}

const merge3 = (base: Value | undefined, wanted: Value | undefined, here: Value | undefined): Value | undefined =>
  same(here, base) ? wanted : here;

function mergeObject(base: Value | undefined, wanted: Value | undefined, here: Value | undefined): Row {
  const sides = [base, wanted, here].map((side) => (side ?? {}) as Row);
  const keys = new Set(sides.flatMap((side) => Object.keys(side)));
  return Object.fromEntries(
    [...keys]
      .map((key) => [key, merge3(sides[0]![key], sides[1]![key], sides[2]![key])] as const)
      .filter((entry): entry is [string, Value] => (entry[1] ?? null) !== null),
  );
}

function mergeOptions(base: Row[], wanted: Row[], here: Row[]): Row[] {
  const values = (list: Row[]) => list.map((option) => option['value'] as string);
  const of = (list: Row[], value: string) => list.find((option) => option['value'] === value);
  const order = same(values(base), values(here))
    ? [...values(wanted), ...values(here)]
    : [...values(here), ...values(wanted)];
  return [...new Set(order)].flatMap((value) => {
    const [b, w, h] = [of(base, value), of(wanted, value), of(here, value)];
    if (b && w && h) return [mergeObject(b, w, h)];
    const merged = merge3(b, w, h);
    return merged ? [merged as Row] : [];
  });
}

function mergeRow(base: Row, wanted: Row, here: Row): Row {
  return Object.fromEntries(
    Object.keys(wanted).map((key) => {
      const [b, w, h] = [base[key], wanted[key], here[key]];
      if (same(h, b)) return [key, w!];
      if (key === 'settings') return [key, mergeObject(b, w, h)];
      if (key === 'options' && !same(w, b) && !same(w, h))
        return [key, mergeOptions(b as Row[], w as Row[], h as Row[])];
      return [key, h!];
    }),
  );
}

function merge(base: State, wanted: State, here: State): State {
  const result: State = new Map();
  for (const id of new Set([...base.keys(), ...wanted.keys()])) {
    const [b, w, h] = [base.get(id), wanted.get(id), here.get(id)];
    if (w && !b) {
      // A column of a view that somebody deleted has nowhere to be.
      if (!id.includes('>') || !base.has(id.split('>')[0]!) || here.has(id.split('>')[0]!)) result.set(id, w);
    } else if (h && w) result.set(id, mergeRow(b!, w, h));
    else if (h && b && Object.keys(b).some((key) => !same(sorted(b[key]!), sorted(h[key]!)))) result.set(id, h);
  }
  // A view stays with what stays in it, and so does a field that a view shows.
  for (const id of here.keys())
    if (
      !result.has(id) &&
      [...result.keys()].some(
        (other) => other.startsWith(`${id}>`) || (id.startsWith('field:') && other.endsWith(`>${id.slice(6)}`)),
      )
    )
      result.set(id, here.get(id)!);
  return result;
}

const sorted = (value: Value): Value =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(
        Object.entries(value)
          .filter(([, v]) => v !== null)
          .sort(([x], [y]) => (x < y ? -1 : 1)),
      )
    : value;

async function stateOf(client: pg.ClientBase): Promise<State> {
  const state: State = new Map();
  const read = async (kind: string, sql: string) => {
    for (const { id, ...row } of (await client.query<Row & { id: string }>(sql, [ws.id])).rows)
      state.set(id, Object.fromEntries(Object.keys(KINDS[kind]!).map((key) => [key, row[key]!])));
  };
  const trucks = `join metadata.objects o on o.id = t.object_id and o.name_singular = 'truck' where t.workspace_id = $1`;
  await read(
    'field',
    `select 'field:' || t.name as id, t.label, t.icon, t.is_required, t.settings, t.options from metadata.fields t ${trucks} and t.deleted_at is null and not t.is_system and t.name <> 'plate'`,
  );
  // What became the workspace's own has no identifier any more: it is found by the id that it had.
  await read(
    'view',
    `select n.id, t.name, t.icon, t.type from metadata.views t join pg_temp.known n on n.row_id = t.id where t.workspace_id = $1`,
  );
  await read(
    'column',
    `select n.id || '>' || f.name as id, t.width, t.is_visible, t.position from metadata.view_fields t join pg_temp.known n on n.row_id = t.view_id join metadata.fields f on f.id = t.field_id where t.workspace_id = $1`,
  );
  await read(
    'rule',
    `select n.id, t.message, t.settings, t.is_active from metadata.rules t join pg_temp.known n on n.row_id = t.id where t.workspace_id = $1`,
  );
  return state;
}

const remember = (client: pg.ClientBase) =>
  client.query(
    `insert into pg_temp.known select universal_identifier, id from (select universal_identifier, id from metadata.views union all select universal_identifier, id from metadata.rules) x
     where universal_identifier is not null on conflict do nothing`,
  );
const comparable = (state: State) =>
  Object.fromEntries(
    [...state]
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([id, row]) => [id, Object.fromEntries(Object.entries(row).map(([key, value]) => [key, sorted(value)]))]),
  );

test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))('an upgrade is the merge of three (seed %i)', (seed) =>
  db.inTransaction(async (client) => {
    const d = dice(seed);
    await client.query('create temporary table known (id text, row_id uuid primary key) on commit drop');
    let base = randomState(d);
    const install = async (state: State, version: number) => {
      await client.query('select metadata.sync_application($1, $2)', [
        ws.id,
        JSON.stringify(manifestOf(state, version)),
      ]);
      await reconcile(client);
      await remember(client);
    };
    await install(base, 1);
    expect(comparable(await stateOf(client))).toEqual(comparable(base));
    const here = await edit(client, d, base);
    await reconcile(client);
    const wanted = randomState(d);
    await install(wanted, 2);
    expect(comparable(await stateOf(client))).toEqual(comparable(merge(base, wanted, here)));
    expect(await statements(client, ws)).toEqual([]);
    // The same again changes nothing.
    base = wanted;
    const before = comparable(await stateOf(client));
    await install(base, 3);
    expect(comparable(await stateOf(client))).toEqual(before);
  }),
);
