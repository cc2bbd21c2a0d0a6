import { rmSync } from 'node:fs';
import pg from 'pg';
import { startEmbedded, type EmbeddedServer } from '../embedded/server.ts';
import { migrate } from '../migrate.ts';
import { makeTemporaryDir, removeAbandonedDirs } from './temporary.ts';

/** What each test file clones. */
export const TEMPLATE = 'relvar_template';

export interface TestCluster {
  server: EmbeddedServer;
  adminUrl: string;
  stop: () => Promise<void>;
}

/** A server of its own in a temporary directory, with one migrated database to clone. */
export async function startTestCluster(): Promise<TestCluster> {
  removeAbandonedDirs();
  const dataDir = makeTemporaryDir();
  const server = await startEmbedded({
    dataDir,
    // Set to run the same tests on an older server, e.g. /usr/lib/postgresql/15/bin.
    binDir: process.env.RELVAR_TEST_PG_BIN ?? null,
    disposable: true,
  });
  const stop = async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const adminUrl = urlFor(server.adminUrl, TEMPLATE);
    const client = new pg.Client({ connectionString: server.adminUrl });
    await client.connect();
    await client.query(`create database ${TEMPLATE}`);
    await client.end();
    await migrate(adminUrl, server);
    return { server, adminUrl: server.adminUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function urlFor(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.href;
}
