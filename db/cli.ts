import { writeFileSync } from 'node:fs';
import pg from 'pg';
import { commitMigration } from './commit.ts';
import { loadConfig } from './config.ts';
import { findDatabase, openDatabase, type Database } from './database.ts';
import { dumpedVersion, dumpStructure, majorVersion, schemaFile } from './dump.ts';
import { migrate } from './migrate.ts';

/** The commands behind `npm run db:…`: url, migrate, reset, commit and dump. */
const COMMANDS: Record<string, (database: Database) => Promise<void>> = {
  url: async ({ adminUrl }) => void process.stdout.write(`${adminUrl}\n`),
  migrate: async (database) => {
    await migrate(database.adminUrl, database);
    process.stdout.write('The database is up to date.\n');
  },
  reset: async (database) => {
    await recreate(database.adminUrl);
    await migrate(database.adminUrl, database);
    process.stdout.write('The database is new and empty. `npm start` fills in the demo workspace.\n');
  },
  commit: async (database) => {
    const message = process.argv[3];
    if (!message) throw new Error('Say what the migration does: npm run db:commit -- "add invoices"');
    process.stdout.write(`Wrote ${await commitMigration(database, message)}.\n`);
  },
  dump: async ({ adminUrl }) => {
    const client = new pg.Client({ connectionString: adminUrl });
    await client.connect();
    try {
      const version = await majorVersion(client);
      if (version !== dumpedVersion)
        throw new Error(`The structure is dumped from PostgreSQL ${dumpedVersion}; this server is ${version}.`);
      writeFileSync(schemaFile, await dumpStructure(client));
      process.stdout.write(`Wrote ${schemaFile}.\n`);
    } finally {
      await client.end();
    }
  },
};

async function recreate(adminUrl: string) {
  const url = new URL(adminUrl);
  const name = pg.escapeIdentifier(decodeURIComponent(url.pathname.slice(1)));
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name} encoding 'UTF8' template template0`);
  } finally {
    await client.end();
  }
}

const command = COMMANDS[process.argv[2] ?? ''];
if (!command) {
  process.stderr.write(`Usage: node db/cli.ts ${Object.keys(COMMANDS).join('|')}\n`);
  process.exit(1);
}
try {
  const config = loadConfig();
  if (process.argv[2] === 'reset' && config.isProduction)
    throw new Error('db:reset deletes everything and is refused while NODE_ENV is production.');
  const database = process.argv[2] === 'url' ? await findDatabase(config) : await openDatabase(config);
  if (database === null) throw new Error('The embedded database is not running. Start Relvar first: npm start.');
  try {
    await command(database);
  } finally {
    await database.close();
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
