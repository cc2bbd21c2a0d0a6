import { Command } from 'commander';
import { loadConfig } from '../../db/config.ts';
import { openSecrets } from '../../db/secrets.ts';
import { makeSigningKey } from '../../db/signingKeys.ts';
import { withDatabase } from './session.ts';
import { formatTable } from './table.ts';

/** Longer than an access token lives, with time for every server to hear of the new key. */
const GRACE = '1 hour';

export function keysCommand(): Command {
  const command = new Command('keys').description('the keys that sign access tokens');
  command.command('list').description('list the keys that are valid').action(list);
  command
    .command('rotate')
    .description('sign with a new key; the former ones verify what they have signed for another hour')
    .option('--now', 'believe the former keys no longer, because one of them may be known to others', false)
    .action(rotate);
  return command;
}

interface Key {
  kid: string;
  created_at: Date;
  not_after: Date | null;
}

async function list(): Promise<void> {
  const rows = await withDatabase(
    async (admin) => (await admin.query<Key>('select * from core.list_signing_keys()')).rows,
  );
  if (rows.length === 0) {
    process.stderr.write('There is no key yet. The server makes the first when somebody signs in.\n');
    return;
  }
  const lines = rows.map(({ kid, created_at, not_after }) => ({
    key: kid,
    'made at': created_at.toISOString(),
    use: not_after === null ? 'signs and verifies' : `verifies until ${not_after.toISOString()}`,
  }));
  process.stdout.write(formatTable(['key', 'made at', 'use'], lines));
}

async function rotate({ now }: { now: boolean }): Promise<void> {
  const { kid, publicJwk, privateJwk } = await makeSigningKey(openSecrets(loadConfig()));
  await withDatabase((admin) =>
    admin.query('select core.add_signing_key($1, $2, $3, $4)', [kid, publicJwk, privateJwk, now ? '0' : GRACE]),
  );
  process.stdout.write(`${kid}\n`);
}
