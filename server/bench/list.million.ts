import pg from 'pg';
import { identitySettings } from '../../db/pool.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { alternate, time } from './rounds.ts';

const MANY = 1_000_000;
const FEW = 10_000;
const ROUNDS = 15;
const AT_MOST_MS = 10;

/** Pages as the API asks for them: what is empty last, then by id, which goes as the first of the order does. */
const page = (table: string, count: number, where: string | ((count: number) => string), order: string): string => {
  const asked = typeof where === 'string' ? where : where(count);
  return `select id, name, size, stage, due_at, created_at from ${table} ${asked && `where ${asked}`} order by ${order} limit 51`;
};

/** Ranges are as wide as it takes to find equally many. */
const QUESTIONS: Readonly<Record<string, [where: string | ((count: number) => string), order: string]>> = {
  'by creation, newest first': ['', 'created_at desc, id desc'],
  'by creation, oldest first': ['', 'created_at, id'],
  'a text, rising': ['', 'name is null, name, id'],
  'a text, falling': ['', '(name is not null) desc, name desc, id desc'],
  'a number, rising': ['', 'size is null, size, id'],
  'a number, falling': ['', '(size is not null) desc, size desc, id desc'],
  'a moment, falling': ['', '(due_at is not null) desc, due_at desc, id desc'],
  'an option, falling': ['', '(stage is not null) desc, stage desc, id desc'],
  'one option of five': [`stage = 'NEW'`, 'created_at desc, id desc'],
  'one text': [`name = 'thing 5000'`, 'created_at desc, id desc'],
  'a range of numbers': [(count) => `size between 2000 and ${2000 + (10 * MANY) / count}`, 'created_at desc, id desc'],
  'what was due in some hours': [
    (count) =>
      `due_at >= '2026-03-01 10:00Z' and due_at < timestamptz '2026-03-01 10:00Z' + ${MANY / count} * interval '1 hour'`,
    'created_at desc, id desc',
  ],
};

export const listMillion: Bench = {
  name: 'list.million',
  compares: `the first 51 of ${MANY / 1e6} M records by an order or a filter with an index, in PostgreSQL as a member, against of ${FEW / 1e3}k; the worst of ${Object.keys(QUESTIONS).length} questions`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await fill(database, workspace);
    const identity = await database.identity(workspace);
    const client = new pg.Client({ connectionString: database.serverUrl });
    await client.connect();
    try {
      const ask = (text: string, name: string) => () =>
        time(() => sendWithSettings(client as pg.PoolClient, identitySettings(identity), { name, text, values: [] }));
      const found: { question: string; ratio: number; many: number; few: number }[] = [];
      for (const [question, [where, order]] of Object.entries(QUESTIONS)) {
        const { ratio, subject, reference } = await alternate(
          ROUNDS,
          ask(page('million_things', MANY, where, order), `many ${question}`),
          ask(page('few_things', FEW, where, order), `few ${question}`),
        );
        found.push({ question, ratio, many: subject, few: reference });
      }
      const slow = found.filter(({ ratio, many }) => ratio > 2 || many > AT_MOST_MS);
      return {
        ratio: Math.max(...found.map(({ ratio }) => ratio)),
        bound: 2,
        checks: { [`each takes at most ${AT_MOST_MS} ms`]: found.every(({ many }) => many <= AT_MOST_MS) },
        detail: {
          slowestMs: Math.max(...found.map(({ many }) => many)),
          within: found.length - slow.length,
          ...Object.fromEntries(
            found.map(({ question, ratio, many, few }) => [
              question,
              `${many.toFixed(2)} ms, ${few.toFixed(2)} (${ratio.toFixed(2)} ×)`,
            ]),
          ),
        },
      };
    } finally {
      await client.end();
      await drop(database, workspace);
    }
  },
};

/** Two objects that are alike but for the number of their records, each field with the index that people would add. */
async function fill({ admin }: BenchDatabase, workspace: Workspace): Promise<void> {
  for (const [name, count] of [
    ['million', MANY],
    ['few', FEW],
  ] as const) {
    await admin.query(
      `do $$
       declare v_object uuid;
       begin
         insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural, is_audited, is_searchable)
         values ('${workspace.id}', '${name}Thing', '${name}Things', '${name} thing', '${name} things', false, false) returning id into v_object;
         update metadata.objects set label_field_id = x.id from (
           select f.id from metadata.create_field(v_object, 'Name', 'TEXT') f) x where objects.id = v_object;
         perform metadata.create_field(v_object, 'Size', 'NUMBER');
         perform metadata.create_field(v_object, 'Due at', 'DATE_TIME');
         perform metadata.create_field(v_object, 'Stage', 'SELECT', options => (
           select jsonb_agg(jsonb_build_object('value', v, 'label', v)) from unnest('{NEW,SCREENING,MEETING,PROPOSAL,CUSTOMER}'::text[]) v));
         insert into metadata.indexes (object_id, name, kind, parts)
         select f.object_id, f.label, 'BTREE', jsonb_build_array(jsonb_build_object('fieldId', f.id))
         from metadata.fields f where f.object_id = v_object and f.name in ('name', 'size', 'dueAt', 'stage', 'createdAt');
       end $$`,
    );
    const table = `${workspace.schemaName}.${name}_things`;
    await admin.query(
      `insert into ${table} (name, size, due_at, stage, created_at)
       select 'thing ' || i, (i::bigint * 7919) % 100003, timestamptz '2026-01-01' + (i::bigint * 104729 % 10000000) * interval '1 second',
         (array['NEW', 'SCREENING', 'MEETING', 'PROPOSAL', 'CUSTOMER'])[1 + i % 5], now() - i * interval '1 second'
       from generate_series(1, $1::int) i`,
      [count],
    );
    await admin.query(`vacuum analyze ${table}`);
  }
}

/** The other benches of a run find the workspace as it was. */
async function drop({ admin }: BenchDatabase, workspace: Workspace): Promise<void> {
  for (let round = 0; round < 2; round += 1)
    await admin.query(
      `delete from metadata.objects where workspace_id = $1 and name_plural in ('millionThings', 'fewThings')`,
      [workspace.id],
    );
}
