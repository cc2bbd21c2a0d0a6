import { Command } from 'commander';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { hashPassword } from '../auth/passwords.ts';
import { RecordsError } from '../../db/records/recordsError.ts';
import { findWorkspace, withDatabase } from './session.ts';
import { formatTable } from './table.ts';

export function workspaceCommand(): Command {
  const command = new Command('workspace').description('create, list and drop workspaces');

  command
    .command('create')
    .description('create a workspace with the standard objects and its owner')
    .argument('<slug>', 'its name in addresses: small letters, digits and hyphens')
    .requiredOption('--name <name>', 'its name for people')
    .requiredOption('--owner <email>', 'who owns it: made a user if there is none')
    .option('--owner-name <name>', 'the name of the owner')
    .option('--password <password>', 'the password of a new owner; without it one is made up and printed')
    .action(create);

  command.command('list').description('list the workspaces').action(list);

  command
    .command('drop')
    .description('delete a workspace with everything in it; this cannot be undone')
    .argument('<slug>')
    .option('--yes', 'do not ask, even in a terminal')
    .action(drop);

  return command;
}

interface CreateOptions {
  name: string;
  owner: string;
  ownerName?: string;
  password?: string;
}

async function create(slug: string, options: CreateOptions): Promise<void> {
  await withDatabase(async (admin) => {
    const { rowCount: known } = await admin.query('select from core.users where lower(email) = lower($1)', [
      options.owner,
    ]);
    const password = known ? null : (options.password ?? randomBytes(12).toString('base64url'));
    if (known && options.password !== undefined)
      throw new RecordsError(
        'USER_EXISTS',
        `${options.owner} is a user already and keeps the password.`,
        'Leave --password out.',
      );
    const hash = password === null ? null : await hashPassword(password);
    await admin.query('select engine.create_workspace($1, $2, $3, $4, $5)', [
      slug,
      options.name,
      options.owner,
      options.ownerName ?? null,
      hash,
    ]);
    process.stdout.write(`The workspace "${slug}" is ready. ${options.owner} owns it.\n`);
    if (password !== null && options.password === undefined)
      process.stdout.write(`Password, shown only now: ${password}\n`);
  });
}

async function list(): Promise<void> {
  await withDatabase(async (admin) => {
    const { rows } = await admin.query<{
      slug: string;
      name: string;
      schema: string;
      members: string;
      created: string;
    }>(
      `select w.slug, w.name, w.schema_name as schema, count(m.id)::text as members, to_char(w.created_at, 'YYYY-MM-DD') as created
       from core.workspaces w left join core.members m on m.workspace_id = w.id and m.is_active
       group by w.id order by w.slug`,
    );
    if (rows.length === 0) process.stderr.write('There are no workspaces yet.\n');
    else process.stdout.write(formatTable(['slug', 'name', 'schema', 'members', 'created'], rows));
  });
}

async function drop(slug: string, options: { yes?: boolean }): Promise<void> {
  await withDatabase(async (admin) => {
    const workspace = await findWorkspace(admin, slug);
    if (!options.yes && process.stdin.isTTY) await confirm(workspace.slug, workspace.name);
    await admin.query('select engine.drop_workspace($1)', [slug]);
    process.stdout.write(`The workspace "${slug}" is gone.\n`);
  });
}

async function confirm(slug: string, name: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `This deletes "${name}" with all its records for good. Type ${slug} to go on: `,
    );
    if (answer.trim() !== slug) throw new RecordsError('NOT_CONFIRMED', 'Nothing was deleted.');
  } finally {
    terminal.close();
  }
}
