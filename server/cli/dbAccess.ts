import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import type pg from 'pg';
import { loginUrl } from '../../db/config.ts';
import { settleDatabaseLogins } from '../../db/databaseLogins.ts';
import { RecordsError } from '../../db/records/recordsError.ts';
import { withDatabase } from './session.ts';
import { formatTable } from './table.ts';

export function dbAccessCommand(): Command {
  const command = new Command('db-access').description('database logins of members, for psql and BI tools');
  command
    .command('grant')
    .description('make a login that sees what a member sees, and print its address once')
    .argument('<member>', 'the e-mail address of the member')
    .option('--workspace <slug>', 'the workspace, where the member has several')
    .option('--write', 'let it write as well, signed by the member', false)
    .option('--expires <when>', 'when it ends: a time such as 90d or 12h, or a day as YYYY-MM-DD', parseEnd)
    .option('--name <name>', 'what it is for', '')
    .option('--password-file <path>', 'take the password from a file, instead of making one')
    .action(grant);
  command
    .command('list')
    .description('list the logins that have not ended')
    .option('--workspace <slug>', 'of one workspace')
    .action(list);
  command
    .command('rotate')
    .description('give a login a new password, and end its sessions')
    .argument('<login>', 'its name, as list shows it')
    .option('--password-file <path>', 'take the password from a file, instead of making one')
    .action(rotate);
  command
    .command('revoke')
    .description('end a login and its sessions')
    .argument('<login>', 'its name, as list shows it')
    .action(revoke);
  return command;
}

const HOURS = { h: 1, d: 24, w: 7 * 24 } as const;

function parseEnd(text: string): Date {
  const span = /^(\d{1,5})([hdw])$/.exec(text);
  if (span) return new Date(Date.now() + Number(span[1]) * HOURS[span[2] as keyof typeof HOURS] * 3_600_000);
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return new Date(text);
  throw new InvalidArgumentError('It should be a time such as 90d, or a day such as 2027-12-31.');
}

interface Made {
  login: string;
  password: string;
  database: string;
  expiresAt: string;
  mayWrite: boolean;
}

interface GrantOptions {
  workspace?: string;
  write: boolean;
  expires?: Date;
  name: string;
  passwordFile?: string;
}

async function grant(email: string, { workspace, write, expires, name, passwordFile }: GrantOptions): Promise<void> {
  const password = readPassword(passwordFile);
  await withDatabase(async (admin, { adminUrl }) => {
    const member = await findMember(admin, email, workspace);
    const { rows } = await admin.query<{ made: Made }>(
      'select metadata.grant_database_access($1, $2, $3, $4, $5) as made',
      [member, write, expires ?? null, name, password],
    );
    await settleDatabaseLogins(admin);
    tell(rows[0]!.made, adminUrl, password === null);
  });
}

async function rotate(login: string, { passwordFile }: { passwordFile?: string }): Promise<void> {
  const password = readPassword(passwordFile);
  await withDatabase(async (admin, { adminUrl }) => {
    const { rows } = await admin.query<{ made: Made }>('select metadata.rotate_database_access($1, $2) as made', [
      await findLogin(admin, login),
      password,
    ]);
    await settleDatabaseLogins(admin);
    tell(rows[0]!.made, adminUrl, password === null);
  });
}

async function revoke(login: string): Promise<void> {
  await withDatabase(async (admin) => {
    await admin.query('select metadata.revoke_database_access($1)', [await findLogin(admin, login)]);
    await settleDatabaseLogins(admin);
  });
  process.stdout.write(`The login ${login} has ended.\n`);
}

async function list({ workspace }: { workspace?: string }): Promise<void> {
  const { rows } = await withDatabase((admin) =>
    admin.query<{ [column: string]: string }>(
      `select l.login_role as login, w.slug as workspace, u.email as member, l.name as "for",
         case when l.may_write then 'reads and writes' else 'reads' end as may, to_char(l.expires_at, 'YYYY-MM-DD') as expires
       from core.database_logins l
       join core.workspaces w on w.id = l.workspace_id
       join core.members m on m.id = l.member_id
       join core.users u on u.id = m.user_id
       where l.ended_at is null and ($1::text is null or w.slug = $1)
       order by w.slug, u.email, l.created_at`,
      [workspace ?? null],
    ),
  );
  if (rows.length === 0) process.stderr.write('There are no database logins.\n');
  else process.stdout.write(formatTable(['login', 'workspace', 'member', 'for', 'may', 'expires'], rows));
}

/** The first line of a file, so that an editor's last newline is no part of it. */
function readPassword(path: string | undefined): string | null {
  return path === undefined ? null : (readFileSync(path, 'utf8').split(/\r?\n/)[0] ?? '');
}

function tell({ login, password, expiresAt, mayWrite }: Made, adminUrl: string, isShown: boolean): void {
  process.stderr.write(
    `${login} ${mayWrite ? 'reads and writes' : 'reads'} until ${expiresAt.slice(0, 10)}.` +
      `${isShown ? ' The password is shown only now; keep it safe.' : ''}\n`,
  );
  process.stdout.write(`${loginUrl(adminUrl, login, isShown ? password : null)}\n`);
}

async function findMember(admin: pg.Client, email: string, workspace: string | undefined): Promise<string> {
  const { rows } = await admin.query<{ id: string; slug: string }>(
    `select m.id, w.slug from core.members m join core.users u on u.id = m.user_id join core.workspaces w on w.id = m.workspace_id
     where lower(u.email) = lower($1) and m.is_active and ($2::text is null or w.slug = $2) order by w.slug`,
    [email, workspace ?? null],
  );
  if (rows.length === 1) return rows[0]!.id;
  throw rows.length > 1
    ? new RecordsError(
        'WORKSPACE_REQUIRED',
        `${email} is a member of several workspaces.`,
        `Say which: --workspace ${rows.map(({ slug }) => slug).join(' | ')}`,
      )
    : new RecordsError(
        'MEMBER_UNKNOWN',
        `${email} is not an active member of ${workspace === undefined ? 'any workspace' : `the workspace "${workspace}"`}.`,
      );
}

async function findLogin(admin: pg.Client, login: string): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    'select id from core.database_logins where login_role = $1 and ended_at is null',
    [login],
  );
  if (rows[0]) return rows[0].id;
  throw new RecordsError(
    'LOGIN_UNKNOWN',
    `There is no database login "${login}".`,
    'relvar db-access list shows them.',
  );
}
