import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { loginUrl } from '../config.ts';
import { createPool } from '../pool.ts';
import { TEMPLATE, urlFor } from './cluster.ts';

/** One database for a test file, a clone of the migrated template. */
export interface TestDatabase {
  /** The administrator, a superuser: sets up, and looks behind row-level security. */
  admin: pg.Pool;
  /** The login of server/, which can do nothing until it becomes a role. */
  server: pg.Pool;
  /** The login of worker/. */
  worker: pg.Pool;
  adminUrl: string;
  serverUrl: string;
  workerUrl: string;
  /** Runs `work` as the administrator in a transaction that is always rolled back. */
  inTransaction: <T>(work: (client: pg.PoolClient) => Promise<T>) => Promise<T>;
  /** Takes a clone of another database in its place, before anything has asked it. */
  becomeCopyOf: (template: (clusterUrl: string) => Promise<string>) => Promise<void>;
  /** Ends what uses the database, before it is dropped (jest runs afterAll in the order of definition). */
  onEnd: (end: () => Promise<unknown>) => void;
}

/** Registers a database for the tests of this file: made before them and dropped after them. */
export function useDatabase(): TestDatabase {
  const database = {} as TestDatabase;
  const ends: (() => Promise<unknown>)[] = [];
  database.onEnd = (end) => void ends.push(end);
  let drop = async () => {};

  beforeAll(async () => {
    const clusterUrl = required('RELVAR_TEST_ADMIN_URL');
    const name = `test_${randomBytes(6).toString('hex')}`;
    const clone = (template: string) =>
      asAdministrator(clusterUrl, async (client) => {
        await client.query(`drop database if exists ${name} with (force)`);
        // Two test files must not copy the template at the same moment as something connects to it.
        await client.query(`create database ${name} template ${template}`);
        // Rights on a database are not copied with its content.
        await client.query(`grant create on database ${name} to relvar_owner`);
      });
    await clone(TEMPLATE);
    const adminUrl = urlFor(clusterUrl, name);
    const serverUrl = loginUrl(adminUrl, 'relvar_server', required('RELVAR_TEST_SERVER_PASSWORD'));
    const workerUrl = loginUrl(adminUrl, 'relvar_worker', required('RELVAR_TEST_WORKER_PASSWORD'));
    const pools = {
      admin: createPool({ connectionString: adminUrl, applicationName: 'test admin', max: 5 }),
      server: createPool({ connectionString: serverUrl, applicationName: 'test server', max: 5 }),
      worker: createPool({ connectionString: workerUrl, applicationName: 'test worker', max: 5 }),
    };
    Object.assign(database, {
      ...pools,
      adminUrl,
      serverUrl,
      workerUrl,
      becomeCopyOf: async (template: (url: string) => Promise<string>) => clone(await template(clusterUrl)),
      inTransaction: <T>(work: (client: pg.PoolClient) => Promise<T>) => inTransaction(pools.admin, work),
    });
    drop = async () => {
      for (const end of ends.reverse()) await end();
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
      await asAdministrator(clusterUrl, (client) => client.query(`drop database ${name} with (force)`));
    };
  });
  afterAll(() => drop());
  return database;
}

async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.query('rollback').catch(() => {});
    // Thrown away rather than reused: a test may have left settings of the whole session behind.
    client.release(true);
  }
}

async function asAdministrator(url: string, work: (client: pg.Client) => Promise<unknown>) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function required(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: run this test through jest, whose global set-up starts the database.`);
  return value;
}
