import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';

const COMMITTED = join(import.meta.dirname, '../../migrations/committed');

/** The committed migrations of this version that the database has not run. */
export async function pendingMigrations(pool: Pool): Promise<readonly string[]> {
  const needed = (await readdir(COMMITTED)).filter((name) => name.endsWith('.sql'));
  if (needed.length === 0) return [];
  const { rows } = await pool.query<{ name: string }>('select name from core.applied_migrations() as name');
  const applied = new Set(rows.map(({ name }) => name));
  // graphile-migrate remembers a migration by its number: 000001.sql for 000001-foundation.sql.
  return needed.filter((name) => !applied.has(`${name.slice(0, 6)}.sql`));
}
