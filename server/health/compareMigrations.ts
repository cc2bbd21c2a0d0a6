import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientBase, Pool } from 'pg';

const COMMITTED = join(import.meta.dirname, '../../migrations/committed');

/** Migrations of this version that the database has not run, and those it has run that this version does not know. */
export async function compareMigrations(database: Pool | ClientBase) {
  const committed = (await readdir(COMMITTED)).filter((name) => name.endsWith('.sql'));
  const { rows } = await database.query<{ name: string }>('select name from core.applied_migrations() as name');
  const applied = rows.map(({ name }) => name);
  // graphile-migrate remembers a migration by its number: 000001.sql for 000001-foundation.sql.
  const numbered = (file: string) => `${file.slice(0, 6)}.sql`;
  return {
    committed,
    pending: committed.filter((file) => !applied.includes(numbered(file))),
    unknown: applied.filter((name) => !committed.some((file) => numbered(file) === name)),
  };
}
