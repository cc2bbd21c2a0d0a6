import { Command } from 'commander';
import { RecordsError } from '../../db/records/recordsError.ts';
import { withDatabase } from './session.ts';
import { formatTable } from './table.ts';

export function adminCommand(): Command {
  const command = new Command('admin').description(
    'administrators of this server, who may act as members where a workspace allows it',
  );
  command
    .command('grant')
    .description('make somebody an administrator')
    .argument('<email>', 'the e-mail address of an account')
    .action((email: string) => set(email, true));
  command
    .command('revoke')
    .description('make somebody an administrator no longer; what they act as ends')
    .argument('<email>', 'the e-mail address of an account')
    .action((email: string) => set(email, false));
  command.command('list').description('list the administrators').action(list);
  return command;
}

async function set(email: string, isAdmin: boolean): Promise<void> {
  const { rows } = await withDatabase((admin) =>
    admin.query<{ found: boolean }>('select core.set_instance_admin($1, $2) as found', [email, isAdmin]),
  );
  if (!rows[0]!.found) throw new RecordsError('USER_UNKNOWN', `Nobody has an account with the address ${email}.`);
  process.stdout.write(`${email} ${isAdmin ? 'administers' : 'no longer administers'} this server.\n`);
}

async function list(): Promise<void> {
  const { rows } = await withDatabase((admin) =>
    admin.query<{ email: string; name: string }>(
      'select email, name from core.users where is_instance_admin and disabled_at is null order by email',
    ),
  );
  if (rows.length === 0) process.stderr.write('Nobody administers this server yet.\n');
  else process.stdout.write(formatTable(['email', 'name'], rows));
}
