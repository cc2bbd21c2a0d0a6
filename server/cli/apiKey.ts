import { Command, InvalidArgumentError } from 'commander';
import { createHash, randomBytes } from 'node:crypto';
import { withDatabase } from './session.ts';

/** Long enough to tell keys apart in a list, too short to be of use. */
const PREFIX_LENGTH = 8;

export function apiKeyCommand(): Command {
  const command = new Command('api-key').description('create API keys');
  command
    .command('create')
    .description('create an API key and print it, once; only its hash is kept')
    .requiredOption('--workspace <slug>', 'the workspace that the key opens')
    .requiredOption('--role <name>', 'what it may do, such as Admin or Member')
    .requiredOption('--name <name>', 'what it is for')
    .option('--expires <date>', 'the day it ends, as YYYY-MM-DD; without it the key does not end', parseDay)
    .action(create);
  return command;
}

function parseDay(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError('It should be a day such as 2027-12-31.');
  return text;
}

interface Options {
  workspace: string;
  role: string;
  name: string;
  expires?: string;
}

async function create({ workspace, role, name, expires }: Options): Promise<void> {
  const key = `rv_${randomBytes(32).toString('base64url')}`;
  await withDatabase(async (admin) => {
    await admin.query('select core.create_api_key($1, $2, $3, $4, $5, $6)', [
      workspace,
      role,
      name,
      key.slice(0, PREFIX_LENGTH),
      createHash('sha256').update(key).digest(),
      expires ?? null,
    ]);
  });
  process.stderr.write('The key is shown only now; keep it safe.\n');
  process.stdout.write(`${key}\n`);
}
