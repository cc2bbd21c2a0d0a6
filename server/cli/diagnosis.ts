import type { Client } from 'pg';
import { compareMigrations } from '../health/compareMigrations.ts';
import { listWorkspaces } from './session.ts';

export interface Finding {
  state: 'well' | 'warning' | 'wrong';
  title: string;
  detail?: string;
  remedy?: string;
}

/**
 * The first minor release of each version without the security holes that were published when this
 * version of Relvar was made (11 of them on 14 May 2026: CVE-2026-6472 to CVE-2026-6638).
 */
const SAFE_MINORS: Record<number, number> = { 15: 18, 16: 14, 17: 10, 18: 4 };

/** The relay says every two seconds that it lives. */
const RELAY_PATIENCE_SECONDS = 15;

export async function checkDatabase(admin: Client, { isServed }: { isServed: boolean }): Promise<Finding[]> {
  return [
    await checkVersion(admin),
    await checkRoles(admin),
    await checkMigrations(admin),
    ...(await checkWorkspaces(admin)),
    ...(await checkLints(admin)),
    await checkOnlineChanges(admin),
    await checkRelay(admin, isServed),
    await checkOutbox(admin),
    await checkJobs(admin),
  ];
}

async function checkOnlineChanges(admin: Client): Promise<Finding> {
  const title = 'Online changes of large tables';
  const { rows } = await admin.query<{ workspace: string; statement: string; status: string; error: string | null }>(
    'select workspace, statement, status, error from engine.stuck_online_changes()',
  );
  if (rows.length === 0) return { state: 'well', title };
  return {
    state: 'warning',
    title,
    detail: rows
      .map(({ workspace, statement, status, error }) =>
        `${workspace}: ${statement} (${status.toLowerCase()}) ${error ?? ''}`.trim(),
      )
      .join('; '),
    remedy: 'Correct what the sentence says, then run: relvar model online --retry',
  };
}

async function checkVersion(admin: Client): Promise<Finding> {
  const { rows } = await admin.query<{ number: number; version: string }>(
    `select current_setting('server_version_num')::int as number, split_part(current_setting('server_version'), ' ', 1) as version`,
  );
  const { number = 0, version = '?' } = rows[0] ?? {};
  const [major, minor] = [Math.floor(number / 10_000), number % 10_000];
  const title = 'PostgreSQL';
  if (major < 15)
    return { state: 'wrong', title, detail: `${version} is too old`, remedy: 'Relvar needs PostgreSQL 15 or later.' };
  const safe = SAFE_MINORS[major];
  if (safe !== undefined && minor < safe)
    return {
      state: 'warning',
      title,
      detail: `${version} lacks security fixes that were published`,
      remedy: `Install ${major}.${safe} or later of the same major version and restart; the data stays as it is.`,
    };
  if (safe === undefined)
    return { state: 'warning', title, detail: `${version} is newer than this version of Relvar knows` };
  return { state: 'well', title, detail: version };
}

async function checkRoles(admin: Client): Promise<Finding> {
  const { rows } = await admin.query<{ problem: string }>(
    `select format('the role %s is missing', name) as problem
     from unnest(array['relvar_owner', 'relvar_jobs', 'relvar_server', 'relvar_worker']) as name
     where not exists (select from pg_roles where rolname = name)
     union all
     select format('%s is a superuser or bypasses row-level security', rolname) from pg_roles
     where rolname in ('relvar_owner', 'relvar_jobs', 'relvar_server', 'relvar_worker') and (rolsuper or rolbypassrls)
     union all
     select format('the role %s of the workspace %s is missing', r.pg_role, w.slug)
     from metadata.roles r join core.workspaces w on w.id = r.workspace_id
     where not exists (select from pg_roles p where p.rolname = r.pg_role)
     union all
     select format('%s cannot become %s', login, r.pg_role)
     from metadata.roles r join pg_roles p on p.rolname = r.pg_role
     cross join unnest(array['relvar_server', 'relvar_worker']) as login
     where exists (select from pg_roles where rolname = login) and not pg_has_role(login, p.oid, 'member')`,
  );
  return rows.length === 0
    ? { state: 'well', title: 'Roles' }
    : {
        state: 'wrong',
        title: 'Roles',
        detail: firstFew(rows.map(({ problem }) => problem)),
        remedy: 'Run npm run db:migrate, then relvar apply.',
      };
}

async function checkMigrations(admin: Client): Promise<Finding> {
  const { committed, pending, unknown } = await compareMigrations(admin);
  const title = 'Migrations';
  if (pending.length > 0)
    return {
      state: 'wrong',
      title,
      detail: `${pending.length} not run yet: ${firstFew(pending)}`,
      remedy: 'Run npm run db:migrate, or restart Relvar.',
    };
  if (unknown.length > 0)
    return {
      state: 'wrong',
      title,
      detail: `the database is of a newer version of Relvar: ${firstFew(unknown)}`,
      remedy: 'Update Relvar to that version.',
    };
  return { state: 'well', title, detail: `${committed.length} run` };
}

interface Drift {
  kind: string;
  object_name: string;
  name: string;
  detail: string;
  proposals: string[];
  is_beside: boolean;
}

/** What somebody changed by hand in each workspace, with what can be done about it. */
async function checkWorkspaces(admin: Client): Promise<Finding[]> {
  const workspaces = await listWorkspaces(admin);
  const drifted: Finding[] = [];
  for (const workspace of workspaces) {
    const { rows } = await admin.query<Drift>(
      `select kind, object_name, name, detail, proposals, key ~ 'unmanaged:' as is_beside from engine.drift($1) where not is_ignored`,
      [workspace.id],
    );
    if (rows.length === 0) continue;
    const ways = (way: string) => rows.some(({ proposals }) => proposals.includes(way));
    drifted.push({
      // What was made beside the data model does no harm to it.
      state: rows.every((row) => row.is_beside) ? 'warning' : 'wrong',
      title: `Workspace ${workspace.slug}`,
      detail: `its tables differ from its data model in ${rows.length} ${rows.length === 1 ? 'point' : 'points'}: ${firstFew(rows.map(describeDrift))}`,
      remedy: [
        `See them: select * from engine.drift('${workspace.id}').`,
        `Mend all: relvar apply --workspace ${workspace.slug}; one: select metadata.repair_drift(kind, key, workspace_id).`,
        ways('ADOPT') ? 'Make the model say so: metadata.adopt_drift(kind, key, workspace_id).' : '',
        ways('IGNORE') ? 'Leave it: metadata.ignore_drift(kind, key, reason, workspace_id).' : '',
      ]
        .filter((line) => line !== '')
        .join(' '),
    });
  }
  const title = 'Workspaces';
  if (drifted.length > 0) return drifted;
  return [{ state: 'well', title, detail: `${workspaces.length}, each as its data model says` }];
}

const describeDrift = ({ kind, object_name, name, detail, proposals }: Drift) =>
  `${kind} ${object_name === '' ? name : `${object_name} · ${name}`} (${detail.replace(/\.$/, '')}; ${proposals.join(', ').toLowerCase()})`;

async function checkLints(admin: Client): Promise<Finding[]> {
  const { rows } = await admin.query<{ title: string; detail: string; remedy: string }>(
    'select title, detail, remedy from engine.lint()',
  );
  return rows.length === 0
    ? [{ state: 'well', title: 'Catalogue' }]
    : rows.map((lint) => ({ state: 'wrong', ...lint }));
}

async function checkRelay(admin: Client, isServed: boolean): Promise<Finding> {
  const { rows } = await admin.query<{ age: number | null }>(`select engine.seconds_since_heartbeat('relay') as age`);
  const age = rows[0]?.age ?? null;
  const title = 'Worker';
  if (age !== null && age <= RELAY_PATIENCE_SECONDS)
    return { state: 'well', title, detail: `seen ${Math.round(age)} s ago` };
  const detail = age === null ? 'has never been seen' : `was last seen ${duration(age)} ago`;
  // The embedded server was started for this command alone: nobody can be expected to work on it.
  if (!isServed) return { state: 'warning', title, detail, remedy: 'Relvar is not running. Start it: npm start.' };
  return {
    state: 'wrong',
    title,
    detail,
    remedy: 'Webhooks and live updates wait. Start the worker, or see its log for why it stopped.',
  };
}

async function checkOutbox(admin: Client): Promise<Finding> {
  const { rows } = await admin.query<{ waiting: string }>('select count(*) as waiting from engine.outbox');
  const waiting = Number(rows[0]?.waiting ?? 0);
  return waiting < 10_000
    ? { state: 'well', title: 'Outbox', detail: `${waiting} waiting` }
    : { state: 'warning', title: 'Outbox', detail: `${waiting} changes wait for the worker` };
}

async function checkJobs(admin: Client): Promise<Finding> {
  const { rows } = await admin.query<{ waiting: string; failed: string }>(
    'select coalesce(sum(waiting), 0) as waiting, coalesce(sum(failed), 0) as failed from engine.count_jobs(null)',
  );
  const { waiting, failed } = rows[0]!;
  const title = 'Jobs';
  if (failed === '0') return { state: 'well', title, detail: `${waiting} waiting` };
  return {
    state: 'warning',
    title,
    detail: `${waiting} waiting, ${failed} failed for good`,
    remedy: 'relvar jobs list --state FAILED shows why; try them again, or dismiss them: relvar jobs retry|cancel.',
  };
}

function firstFew(items: readonly string[]): string {
  return items.slice(0, 3).join('; ') + (items.length > 3 ? `; and ${items.length - 3} more` : '');
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} seconds`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`;
}
