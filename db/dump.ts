import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';

/** Committed, so that a change of the structure is read in review as what it comes to. */
export const schemaFile = join(import.meta.dirname, 'schema.sql');

/** PostgreSQL prints functions and defaults a little differently in each version; the file is for this one. */
export const dumpedVersion = 18;

const query = readFileSync(join(import.meta.dirname, 'dump.sql'), 'utf8');

/** The structure of core, metadata and engine as the catalogue has it: no data, no tenants, nothing that differs between two databases of the same migrations. */
export async function dumpStructure(client: pg.ClientBase): Promise<string> {
  await client.query('begin');
  try {
    // With an empty path every name is printed with its schema.
    await client.query(`set local search_path = ''`);
    const { rows } = await client.query<{ statement: string }>(query);
    return `-- Written by npm run db:dump from PostgreSQL ${dumpedVersion}, to be read and compared. Migrations make a database.\n\n${rows
      .map(({ statement }) => statement)
      .join('\n\n')}\n`;
  } finally {
    await client.query('rollback');
  }
}

export async function majorVersion(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::int / 10000 as version`,
  );
  return rows[0]!.version;
}
