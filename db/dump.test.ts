import { readFileSync } from 'node:fs';
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
    const line = made.findIndex((text, i) => text !== written[i]);
    if (line !== -1 || made.length !== written.length)
      throw new Error(
        `db/schema.sql does not show the structure that the migrations make, from line ${line + 1}:\n  the file: ${written[line]}\n  the database: ${made[line]}\nIf that change is meant, run: npm run db:reset && npm run db:dump`,
      );
    expect(written.length).toBeGreaterThan(500);
  } finally {
    client.release();
  }
});
