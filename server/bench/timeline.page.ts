import pg from 'pg';
import { identitySettings } from '../../db/pool.ts';
import { sendWithSettings } from '../gateway/pgClient.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { alternate, throughput } from './rounds.ts';

const EVENTS = 100_000;
const RELATED = 1_000;
const RELATED_EVENTS = 20;
const BESIDE = 200;
const SHOWN = 30;
const ROUNDS = 5;
const ROUND_MS = 1_000;
const AT_MOST_MS = 20;

/** A company to which much has happened and which has many deals, and one to which little has. */
export const timelinePage: Bench = {
  name: 'timeline.page',
  compares: `${SHOWN} entries of the timeline of a company with ${EVENTS / 1e3}k events, ${RELATED} deals with ${RELATED_EVENTS} events each, ${BESIDE} comments and ${BESIDE} notes, deep in it, against the first ones of a company with ten events and a deal`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    const { large, small, deep } = await fill(database, workspace);
    const identity = await database.identity(workspace);
    const limited = await limitedRole(database, workspace);
    const client = new pg.Client({ connectionString: database.serverUrl });
    await client.connect();
    try {
      const page =
        (id: string, before: string | null = null, pgRole = identity.pgRole) =>
        async () =>
          1000 /
          (await throughput([client], ROUND_MS, () =>
            sendWithSettings(client as pg.PoolClient, identitySettings({ ...identity, pgRole }), {
              text: `select * from record_timeline('company', $1, null, ${SHOWN}, $2)`,
              values: [id, before],
            }),
          ));
      const { ratio, ratios, subject, reference } = await alternate(ROUNDS, page(large, deep), page(small));
      const first = await alternate(3, page(large), page(small));
      const whoSeesLess = await alternate(3, page(large, deep, limited), page(small, null, limited));
      return {
        ratio,
        bound: 2,
        checks: {
          [`a page takes ${AT_MOST_MS} ms, or twice that of a small record`]:
            Math.max(subject, first.subject) <= Math.max(AT_MOST_MS, 2 * reference),
        },
        detail: {
          msDeep: subject,
          msFirst: first.subject,
          msSmall: reference,
          ratios,
          ratioFirst: first.ratio,
          msDeepOfLimitedRole: whoSeesLess.subject,
          msSmallOfLimitedRole: whoSeesLess.reference,
        },
      };
    } finally {
      await client.end();
    }
  },
};

async function fill({ admin }: BenchDatabase, { id, schemaName }: Workspace) {
  const company = async (name: string) =>
    (await admin.query<{ id: string }>(`insert into ${schemaName}.companies (name) values ($1) returning id`, [name]))
      .rows[0]!.id;
  const [large, small] = [await company('Large'), await company('Small')];
  for (let i = 0; i < 9; i += 1)
    await admin.query(`update ${schemaName}.companies set name = $2 where id = $1`, [small, `Small ${i}`]);
  await admin.query(
    `insert into ${schemaName}.opportunities (name, company_id)
     select 'Deal ' || i, case when i = 0 then $2 else $1 end::uuid from generate_series(0, ${RELATED}) i`,
    [large, small],
  );
  // In the order of batches, as if it had happened over a year: every fifth event is one of a deal.
  await admin.query(
    `with deal as (
       select id, row_number() over (order by id) - 1 as n from ${schemaName}.opportunities where company_id = $1
     ), event as (
       select i, $1::uuid as record_id, 'company' as object from generate_series(1, ${EVENTS}) i
       union all
       select (r * ${RELATED} + d.n) * ${EVENTS / (RELATED * RELATED_EVENTS)}, d.id, 'opportunity' from deal d, generate_series(0, ${RELATED_EVENTS - 1}) r
     ), numbered as (
       select e.*, row_number() over (order by i) as n from event e
     )
     insert into ${schemaName}.record_events (batch, seq, object_id, record_id, action, before, after, actor_type, actor_name, source, happened_at)
     select b.first + n, 1, o.id, e.record_id, 'updated', jsonb_build_object('name', 'Name ' || n), jsonb_build_object('name', 'Name ' || n + 1),
       'system', 'System', 'SYSTEM', now() - interval '80 days' + n * interval '1 minute' / 2
     from numbered e
     join metadata.objects o on o.workspace_id = $2 and o.name_singular = e.object
     cross join (select nextval('engine.event_batch') as first) b`,
    [large, id],
  );
  await admin.query(`select setval('engine.event_batch', (select max(batch) from ${schemaName}.record_events))`);
  await admin.query(
    `with note as (
       insert into ${schemaName}.notes (title) select 'Note ' || i from generate_series(1, ${BESIDE}) i returning id
     )
     insert into ${schemaName}.note_targets (note_id, target_company_id, created_at) select id, $1, now() - random() * interval '80 days' from note`,
    [large],
  );
  await admin.query(
    `insert into ${schemaName}.record_comments (object_id, record_id, body, author_type, author_name, created_at)
     select o.id, $1, 'Said', 'system', 'System', now() - random() * interval '80 days'
     from metadata.objects o, generate_series(1, ${BESIDE}) where o.workspace_id = $2 and o.name_singular = 'company'`,
    [large, id],
  );
  for (const table of ['companies', 'opportunities', 'notes', 'note_targets', 'record_comments', 'record_events'])
    await admin.query(`vacuum analyze ${schemaName}.${table}`);
  const { rows } = await admin.query<{ deep: string }>(
    `select to_char(happened_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '~' || engine.event_key(batch, seq) as deep
     from ${schemaName}.record_events where record_id = $1 order by batch offset ${EVENTS / 10} limit 1`,
    [large],
  );
  return { large, small, deep: rows[0]!.deep };
}

/** It sees all deals but one, and not what they are worth. */
async function limitedRole({ admin }: BenchDatabase, { id }: Workspace): Promise<string> {
  const client = await admin.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ id: string; role: string }>(
      `insert into metadata.roles (workspace_id, name) values ($1, 'Timeline') returning id, pg_role as role`,
      [id],
    );
    await client.query(
      `insert into metadata.record_rules (workspace_id, role_id, object_id, condition)
       select $1, $2, o.id, 'name <> "Deal 7"' from metadata.objects o where o.workspace_id = $1 and o.name_singular = 'opportunity'`,
      [id, rows[0]!.id],
    );
    await client.query(
      `insert into metadata.field_permissions (workspace_id, role_id, field_id, can_read)
       select $1, $2, f.id, false from metadata.fields f join metadata.objects o on o.id = f.object_id
       where o.workspace_id = $1 and (o.name_singular, f.name) in (('opportunity', 'amount'), ('company', 'employees'))`,
      [id, rows[0]!.id],
    );
    await client.query('commit');
    return rows[0]!.role;
  } finally {
    client.release(true);
  }
}
