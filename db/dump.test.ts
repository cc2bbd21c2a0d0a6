import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { dumpedVersion, dumpStructure, majorVersion, schemaFile } from './dump.ts';
import { useDatabase } from './testing/database.ts';

const db = useDatabase();

test('db/schema.sql is what the migrations make', async () => {
  const client = await db.admin.connect();
  try {
    const version = await majorVersion(client);
    if (version !== dumpedVersion) {
      console.warn(`db/schema.sql is compared on PostgreSQL ${dumpedVersion}; this server is ${version}.`);
      return;
    }
    const [made, written] = [(await dumpStructure(client)).split('\n'), readFileSync(schemaFile, 'utf8').split('\n')];
    const line = differsFrom(made, written);
    if (line !== -1)
      throw new Error(
        `db/schema.sql does not show the structure that the migrations make, from line ${line + 1}:\n  the file: ${written[line]}\n  the database: ${made[line]}\nIf that change is meant, run: npm run db:reset && npm run db:dump`,
      );
    expect(written.length).toBeGreaterThan(500);
  } finally {
    client.release();
  }
});

/** A file that was edited and not included in the migration would be read as the truth and be none. */
test('the files of db/sql say what the database has', async () => {
  const client = await db.admin.connect();
  try {
    const before = (await dumpStructure(client)).split('\n');
    const directory = join(import.meta.dirname, 'sql');
    await client.query('begin; set local role relvar_owner; set local check_function_bodies = off');
    for (const file of globSync('**/*.sql', { cwd: directory })) {
      // Types cannot be made again, and rows are there already.
      if (file === join('engine', 'types.sql')) continue;
      const text = readFileSync(join(directory, file), 'utf8').replaceAll(/^insert into [^;]*;$/gm, '');
      await client.query(text).catch((error: Error) => {
        throw new Error(`db/sql/${file} does not run again: ${error.message}`);
      });
    }
    const after = (await dumpStructure(client)).split('\n');
    const line = differsFrom(before, after);
    if (line !== -1)
      throw new Error(
        `db/sql is not what the database has:\n  db/sql: ${after[line]}\n  the database: ${before[line]}\nInclude the file that was edited in migrations/current.sql.`,
      );
  } finally {
    client.release();
  }
});

/** The first line that differs, or -1. */
function differsFrom(one: readonly string[], other: readonly string[]): number {
  const line = one.findIndex((text, i) => text !== other[i]);
  return line === -1 && one.length !== other.length ? one.length : line;
}
