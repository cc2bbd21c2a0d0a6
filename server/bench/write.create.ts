import pg from 'pg';
import { identitySettings } from '../../db/pool.ts';
import { sendWithSettings, type RequestSettings } from '../gateway/pgClient.ts';
import type { Bench } from './bench.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { alternate, median, throughput } from './rounds.ts';

export const CONNECTIONS = 16;
const ROUND_MS = 1_500;
const ROUNDS = 11;

/** What a person fills in, and the company the person is of. */
const COLUMNS = 'name_first_name, name_last_name, emails_primary_email, job_title, city, company_id';
export const TABLE = 'people';
export const PLAIN_TABLE = 'people_without_triggers';

export const writeCreate: Bench = {
  name: 'write.create',
  compares: 'creates a second with all triggers, against an identical table without, at 16 connections',
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    await createPlainTable(database, workspace);
    const company = await createCompany(database, workspace);
    const settings = identitySettings(await database.identity(workspace));
    const clients = await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        const client = new pg.Client({ connectionString: database.serverUrl });
        await client.connect();
        return client;
      }),
    );
    try {
      const create = (table: string) => makeCreate(table, settings, company);
      const all = await alternate(
        ROUNDS,
        () => throughput(clients, ROUND_MS, create(TABLE)),
        () => throughput(clients, ROUND_MS, create(PLAIN_TABLE)),
      );
      const growth = await alternate(
        5,
        () => throughput(clients, ROUND_MS, create(TABLE)),
        () => throughput(clients.slice(0, 1), ROUND_MS, create(TABLE)),
      );
      return {
        ratio: all.ratio,
        bound: 0.55,
        atLeast: true,
        checks: { 'faster at 16 connections than at 1': median(growth.ratios) > 1.2 },
        detail: {
          createsPerSecond: all.subject,
          withoutTriggers: all.reference,
          ratios: all.ratios,
          atOneConnection: growth.reference,
          from1To16Connections: growth.ratio,
        },
      };
    } finally {
      await Promise.all(clients.map((client) => client.end()));
      await database.admin.query(`drop table ${workspace.schemaName}.${PLAIN_TABLE}`);
    }
  },
};

/** Same columns, defaults, checks, foreign keys, indexes, policies and grants; none of the engine's triggers. */
export async function createPlainTable({ admin }: BenchDatabase, { schemaName }: Workspace): Promise<void> {
  const plain = `${schemaName}.${PLAIN_TABLE}`;
  await admin.query(`create table ${plain} (like ${schemaName}.${TABLE} including all)`);
  await admin.query(`do $$
    declare statement text;
    begin
      for statement in
        select format('alter table ${plain} add %s', pg_get_constraintdef(oid))
        from pg_constraint where conrelid = '${schemaName}.${TABLE}'::regclass and contype = 'f'
        union all
        select format('create policy %I on ${plain} for all to %s using (true) with check (true)', polname,
          (select string_agg(r::regrole::text, ', ') from unnest(polroles) r))
        from pg_policy where polrelid = '${schemaName}.${TABLE}'::regclass
        union all
        select format('grant select, insert, update, delete on ${plain} to %I', rolname)
        from pg_roles where rolname like '${schemaName}\\_r\\_%'
      loop
        execute statement;
      end loop;
    end $$`);
  await admin.query(`alter table ${plain} owner to relvar_owner`);
  await admin.query(`alter table ${plain} enable row level security`);
  await admin.query(`alter table ${plain} force row level security`);
}

export async function createCompany({ admin }: BenchDatabase, { schemaName }: Workspace): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    `insert into ${schemaName}.companies (name) values ('Benchmark Ltd') returning id`,
  );
  return rows[0]!.id;
}

let created = 0;

/** The gateway's way: settings and statement in one round trip, prepared, one transaction each. */
export function makeCreate(table: string, settings: RequestSettings, company: string) {
  const name = `create_${table}`;
  const text = `insert into ${table} (${COLUMNS}) values ($1, $2, $3, $4, $5, $6) returning id`;
  return (client: pg.Client) => {
    created += 1;
    const values = ['Ada', `Lovelace ${created}`, `ada.${created}@example.com`, 'Analyst', 'London', company];
    return sendWithSettings(client as pg.PoolClient, settings, { name, text, values });
  };
}
