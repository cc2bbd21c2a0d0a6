import type { Pool, PoolClient } from 'pg';
import { identitySettings } from '../pool.ts';
import { extendModel, linkStakeholders } from './extendModel.ts';
import { generateDemo, type Row } from './generate.ts';

export const DEMO_SLUG = 'demo';

/** The login that `npm start` prints. Everybody knows it, so it is for trying Relvar out and nothing else. */
export const DEMO_EMAIL = 'tim@relvar.example';
export const DEMO_PASSWORD = 'relvar-demo';

// argon2id of DEMO_PASSWORD; kept here because hashing belongs to the server, which db/ does not know.
const DEMO_PASSWORD_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$2RtPk4TSF13SQVAgq4mTjQ$6kN7vn1NXNUe1iTvUWuHZV3Tctj6zIJyjn8CWrV3OXU';

const OWNER = { name: 'Tim Lindholm', jobTitle: 'Head of Sales', timeZone: 'Europe/Stockholm' };
const COLLEAGUES = [
  { email: 'amara@relvar.example', name: 'Amara Okafor', jobTitle: 'Account Executive', timeZone: 'Europe/London' },
  { email: 'jonas@relvar.example', name: 'Jonas Weber', jobTitle: 'Account Executive', timeZone: 'Europe/Berlin' },
  {
    email: 'priya@relvar.example',
    name: 'Priya Raman',
    jobTitle: 'Customer Success Manager',
    timeZone: 'Asia/Kolkata',
  },
  { email: 'lucia@relvar.example', name: 'Lucía Ferrer', jobTitle: 'Sales Development', timeZone: 'Europe/Madrid' },
  { email: 'kenji@relvar.example', name: 'Kenji Mori', jobTitle: 'Partner Manager', timeZone: 'Asia/Tokyo' },
];

export async function hasDemo(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query('select from core.workspaces where slug = $1', [DEMO_SLUG]);
  return rowCount === 1;
}

/**
 * Makes the demo workspace with its members and records, all in one transaction, so that an
 * interrupted first start leaves nothing half done. `pool` is an administrator's.
 */
export async function createDemo(pool: Pool, today = new Date()): Promise<void> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('begin');
    await fillDemo(client, today);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => (broken = true));
    throw error;
  } finally {
    client.release(broken);
  }
}

async function fillDemo(client: PoolClient, today: Date): Promise<void> {
  await client.query('select engine.create_workspace($1, $2, $3, $4, $5)', [
    DEMO_SLUG,
    'Relvar demo',
    DEMO_EMAIL,
    OWNER.name,
    DEMO_PASSWORD_HASH,
  ]);
  for (const { email, name } of COLLEAGUES)
    await client.query('select core.add_member($1, $2, $3, $4, $5)', [
      DEMO_SLUG,
      email,
      name,
      'Member',
      DEMO_PASSWORD_HASH,
    ]);
  const { rows: members } = await client.query<{ id: string; email: string; pgRole: string; schemaName: string }>(
    `select m.id, u.email, r.pg_role as "pgRole", w.schema_name as "schemaName"
     from core.members m
     join core.users u on u.id = m.user_id
     join core.workspaces w on w.id = m.workspace_id
     join metadata.roles r on r.workspace_id = w.id and r.name = 'Admin'
     where w.slug = $1`,
    [DEMO_SLUG],
  );
  const people = [{ email: DEMO_EMAIL, ...OWNER }, ...COLLEAGUES];
  const inOrder = people.map((person) => {
    const member = members.find(({ email }) => email === person.email);
    if (!member) throw new Error(`The demo has no member ${person.email}`);
    return { ...person, ...member };
  });
  const act = (owner: number) => actAs(client, inOrder[owner] ?? inOrder[0]);

  await act(0);
  for (const { id, jobTitle, timeZone } of inOrder)
    await client.query('update workspace_members set job_title = $2, time_zone = $3 where id = $1', [
      id,
      jobTitle,
      timeZone,
    ]);
  await extendModel(client);
  const memberIds = inOrder.map(({ id }) => id);
  const demo = generateDemo(memberIds, today);
  await insertRows(client, 'companies', demo.companies);
  await insertRows(client, 'people', demo.people);
  // What members write themselves bears their names. Opportunities come first: the others refer to them.
  const written = [
    ['opportunities', demo.opportunities],
    ['tasks', demo.tasks],
    ['task_targets', demo.taskTargets],
    ['notes', demo.notes],
    ['note_targets', demo.noteTargets],
  ] as const;
  for (const [table, rows] of written)
    for (const owner of memberIds.keys()) {
      await act(owner);
      await insertRows(
        client,
        table,
        rows.filter((each) => each.owner === owner).map(({ row }) => row),
      );
    }
  await act(0);
  await linkStakeholders(client);
  await client.query('set local role none');
  // Nobody is told of the tasks that are there from the beginning.
  await client.query(
    `delete from engine.outbox o using metadata.objects t where t.id = o.object_id and t.universal_identifier = 'standard:task'`,
  );
  const { schemaName = '' } = inOrder[0] ?? {};
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = $1`,
    [schemaName],
  );
  for (const { name } of tables) await client.query(`analyze ${name}`);
}

async function actAs(
  client: PoolClient,
  member: { id: string; pgRole: string; schemaName: string } | undefined,
): Promise<void> {
  if (!member) throw new Error('The demo has no members');
  const settings = identitySettings({
    pgRole: member.pgRole,
    schemaName: member.schemaName,
    memberId: member.id,
    apiKeyId: null,
    source: 'MANUAL',
  });
  for (const [name, value] of Object.entries(settings))
    await client.query('select set_config($1, $2, true)', [name, value]);
}

/** One statement a table: jsonb_populate_recordset types the values by the table itself. */
async function insertRows(client: PoolClient, table: string, rows: readonly Row[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].join(', ');
  await client.query(
    `insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1)`,
    [JSON.stringify(rows)],
  );
}
