import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import hashing from 'graphile-migrate/dist/hash.js';
import migrations from 'graphile-migrate/dist/migration.js';
import settings from 'graphile-migrate/dist/settings.js';
import sluggifying from 'graphile-migrate/dist/sluggify.js';
import pg from 'pg';
import type { Database } from './database.ts';
import { migrate, migrationSettings } from './migrate.ts';

/**
 * Makes migrations/current.sql, with what it includes, the next committed migration, after proving that it runs on a new
 * database. `graphile-migrate commit` cannot do this here: its shadow database would have none of Relvar's roles and
 * extensions.
 */
export async function commitMigration(database: Database, message: string): Promise<string> {
  const parsed = await settings.parseSettings(migrationSettings(database.adminUrl));
  const draft = join(parsed.migrationsFolder, 'current.sql');
  const source = readFileSync(draft, 'utf8');
  if (source.trim() === '') throw new Error('migrations/current.sql is empty: there is nothing to commit.');
  const compiled = await migrations.compileIncludes(parsed, source, new Set([draft]));
  const { body } = migrations.parseMigrationText(draft, compiled, false);

  const last = (await migrations.getAllMigrations(parsed)).at(-1);
  const number = String(last ? Number.parseInt(last.filename, 10) + 1 : 1).padStart(6, '0');
  const file = join(parsed.migrationsFolder, 'committed', `${number}-${sluggifying.sluggify(message)}.sql`);
  const hash = hashing.calculateHash(body, last?.hash ?? null);
  const headers = { Previous: last?.hash ?? '-', Hash: hash, Message: message };

  writeFileSync(file, migrations.serializeMigration(body, headers), { flag: 'wx' });
  writeFileSync(draft, '');
  try {
    await proveOnNewDatabase(database);
  } catch (error) {
    unlinkSync(file);
    writeFileSync(draft, source);
    throw error;
  }
  return file;
}

async function proveOnNewDatabase(database: Database) {
  const url = new URL(database.adminUrl);
  url.pathname = '/relvar_proof';
  const admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  try {
    await admin.query('drop database if exists relvar_proof with (force)');
    await admin.query(`create database relvar_proof encoding 'UTF8' template template0`);
    await migrate(url.href, database);
  } finally {
    await admin.query('drop database if exists relvar_proof with (force)');
    await admin.end();
  }
}
