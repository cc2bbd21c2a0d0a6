import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded, type EmbeddedServer } from '../embedded/server.ts';
import { migrate } from '../migrate.ts';

/** What each test file clones. */
export const TEMPLATE = 'relvar_template';

const PREFIX = 'relvar-test-';

export interface TestCluster {
  server: EmbeddedServer;
  adminUrl: string;
  stop: () => Promise<void>;
}

/** A server of its own in a temporary directory, with one migrated database to clone. */
export async function startTestCluster(): Promise<TestCluster> {
  removeAbandoned();
  const dataDir = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  chmodSync(dataDir, 0o755);
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

/** A run that was killed with -9 takes its server with it, but not its directory. */
function removeAbandoned() {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1]);
    if (!pid) continue;
    try {
      process.kill(pid, 0);
    } catch {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}
