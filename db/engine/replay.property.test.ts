import { beforeAll, expect, test } from '@jest/globals';
import { useDatabase } from '../testing/database.ts';
import { addField, addObject, addRelation, createWorkspace, type Workspace } from '../testing/workspace.ts';

// Random changes by every way there is, and of the model in between: who replays the log from nothing has the tables.
const db = useDatabase();
const CASES = Number(process.env['RELVAR_REPLAY_CASES'] ?? 3);
const STEPS = 60;
let ws: Workspace;
beforeAll(async () => {
  ws = await createWorkspace(db.admin);
  await db.admin.query(
    `alter database ${new URL(db.adminUrl).pathname.slice(1)} set search_path = ${ws.schema}, public`,
  );
  // The one connection that is open already.
  await db.admin.query(`set search_path = ${ws.schema}, public`);
});

const run = async <Row extends object = Record<string, unknown>>(sql: string, values: unknown[] = []) =>
  (await db.admin.query<Row>(sql, values)).rows;

/** mulberry32: the same numbers in each run. */
function makeDice(seed: number) {
  let state = seed;
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

interface Club {
  members: string;
  notes: string;
  groups: string;
  links: string;
  member: string;
  fields: { note: string; size: string };
}

async function club(seed: number): Promise<Club> {
  const client = await db.admin.connect();
  try {
    await client.query('begin');
    const add = (name: string) =>
      addObject(client, ws, { label_singular: `Club${seed} ${name}`, label_plural: `Club${seed} ${name}s` });
    const [member, note, group] = [await add('member'), await add('note'), await add('group')];
    const fields = {
      note: await addField(client, member, { label: 'Note', type: 'TEXT' }),
      size: await addField(client, member, { label: 'Size', type: 'NUMBER' }),
    };
    await addField(client, member, { label: 'Data', type: 'RAW_JSON' });
    await addField(client, member, { label: 'Price', type: 'CURRENCY' });
    await addField(client, member, { label: 'Loud', type: 'FORMULA', settings: { expression: 'upper(name)' } });
    await addRelation(client, member, 'Mentor', member, { label: 'Pupils' });
    await addRelation(client, note, 'Member', member, { label: 'Notes', onDelete: 'CASCADE' });
    const groups = await addField(client, member, {
      label: 'Groups',
      type: 'MANY_TO_MANY',
      settings: { targetObjectId: group, inverseLabel: 'Members' },
    });
    await client.query('commit');
    const { rows } = await client.query<{ links: string }>(
      `select o.table_name as links from metadata.fields m join metadata.fields j on j.id = m.junction_field_id join metadata.objects o on o.id = j.object_id where m.id = $1`,
      [groups],
    );
    const table = (name: string) => `club${seed}_${name}s`;
    return {
      members: table('member'),
      notes: table('note'),
      groups: table('group'),
      links: rows[0]!.links,
      member: `club${seed}Member`,
      fields,
    };
  } finally {
    client.release();
  }
}

/** What the log says that stands in a table. */
async function replayed(table: string): Promise<Map<string, Record<string, unknown>>> {
  const [reading] = await run<{ before: string; after: string }>(
    `select engine.reading_of(o, 'after') as after from metadata.objects o where table_name = $1`,
    [table],
  );
  const events = await run<{ id: string; action: string; after: Record<string, unknown> }>(
    `select e.record_id as id, e.action, ${reading!.after} as after from record_events e
      where e.object_id = (select id from metadata.objects where table_name = $1) order by e.batch, e.seq`,
    [table],
  );
  const records = new Map<string, Record<string, unknown>>();
  for (const { id, action, after } of events) {
    if (action === 'created' || action === 'restored') {
      expect(records.has(id)).toBe(false);
      records.set(id, after);
    } else if (action === 'updated') Object.assign(records.get(id)!, after);
    else if (action === 'deleted' || action === 'merged') expect(records.delete(id)).toBe(true);
  }
  return records;
}

async function expectReplayed(table: string) {
  const records = await replayed(table);
  const rows = await run<{ id: string; row: Record<string, unknown> }>(
    `select id, to_jsonb(t) - '{search_vector,updated_at,updated_by_source,updated_by_member_id,updated_by_name}'::text[] as row from ${table} t`,
  );
  expect([...records.keys()].sort()).toEqual(rows.map(({ id }) => id).sort());
  // Values of former types, as a column of today takes them.
  const typed = await run<{ id: string; row: Record<string, unknown> }>(
    `select e.key as id, to_jsonb(jsonb_populate_record(null::${table}, e.value)) as row from jsonb_each($1) e`,
    [JSON.stringify(Object.fromEntries(records))],
  );
  const told = new Map(typed.map(({ id, row }) => [id, row]));
  for (const { id, row } of rows) {
    const known = Object.keys(records.get(id)!).filter((key) => key in row);
    const only = (from: Record<string, unknown>) => Object.fromEntries(known.map((key) => [key, from[key]]));
    expect(only(told.get(id)!)).toEqual(only(row));
  }
}

test.each(Array.from({ length: CASES }, (_, i) => i + 1))(
  'replaying the log from empty gives the present tables (seed %i)',
  async (seed) => {
    const roll = makeDice(seed);
    const { members, notes, groups, links, member, fields } = await club(seed);
    let note = 'note';
    const some = (table: string, count = 1) =>
      `(select id from ${table} order by md5(id::text || ${roll(1000)}) limit ${count})`;
    const steps: (() => Promise<unknown>)[] = [
      () =>
        run(
          `insert into ${members} (name, ${note}, size, data, price_amount_micros) select 'm' || n, 'n' || n, n, jsonb_build_object('n', null, 'k', n), n from generate_series(1, ${1 + roll(80)}) n`,
        ),
      () => run(`insert into ${groups} (name) select 'g' || n from generate_series(1, 3) n`),
      () =>
        run(`insert into ${notes} (name, member_id) select 'v' || n, ${some(members)} from generate_series(1, 9) n`),
      () =>
        run(
          `insert into ${links} (club${seed}_member_id, club${seed}_group_id) select a.id, b.id from ${some(members, 5)} a, ${some(groups, 2)} b on conflict do nothing`,
        ),
      () => run(`delete from ${links} where id in ${some(links, 3)}`),
      () => run(`update ${members} set ${note} = $1 where id = ${some(members)}`, [`${roll(1000)}`]),
      () =>
        run(
          `update ${members} set ${note} = nullif(${note}, 'n3'), price_currency_code = case when price_amount_micros % 3 = 0 then 'EUR' end, data = data || '{"more": [1, null]}' where price_amount_micros % 2 = ${roll(2)}`,
        ),
      () => run(`update ${members} set name = name || '!'`),
      () => run(`update ${members} set name = name, ${note} = ${note}`),
      () =>
        run(
          `update ${members} set mentor_id = x.id from ${some(members)} x where ${members}.id in ${some(members, 9)}`,
        ),
      () => run(`delete from ${members} where id in ${some(members, 1 + roll(4))}`),
      () => run(`delete from ${groups} where id = ${some(groups)}`),
      async () => {
        const [found] = await run<{ id: string }>(
          `select t.record_id as id from trash t join metadata.objects o on o.id = t.object_id where o.table_name = $1 order by md5(t.id::text) limit 1`,
          [members],
        );
        if (found) await run(`select restore_record($1, $2)`, [member, found.id]);
      },
      async () => {
        const found = await run<{ id: string }>(`select id from ${some(members, 3)} x`);
        if (found.length < 2) return;
        await run(`select merge_records($1, $2, $3, $4)`, [
          member,
          found[0]!.id,
          found.slice(1).map(({ id }) => id),
          JSON.stringify({ name: `merged ${roll(1000)}` }),
        ]);
      },
      async () => {
        const client = await db.admin.connect();
        await client.query(`begin; delete from ${members}; rollback`);
        client.release();
      },
    ];
    for (let i = 0; i < STEPS; i += 1) {
      if (i % 20 === 10) {
        note = `note${roll(1000)}`;
        await run('update metadata.fields set name = $2 where id = $1', [fields.note, note]);
      } else if (i === 35) await run(`update metadata.fields set type = 'TEXT' where id = $1`, [fields.size]);
      else if (i === 45)
        await run(
          `insert into metadata.fields (object_id, label, type, default_value) select object_id, 'Late', 'TEXT', '"late"' from metadata.fields where id = $1`,
          [fields.note],
        );
      else await steps[i < 4 ? i : roll(steps.length)]!();
    }
    for (const table of [members, notes, groups, links]) await expectReplayed(table);
    expect((await run(`select count(*)::int as n from ${members}`))[0]).not.toEqual({ n: 0 });
  },
  120_000,
);
