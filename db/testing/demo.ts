import pg from 'pg';
import { createDemo } from '../demo/createDemo.ts';
import { TEMPLATE, urlFor } from './cluster.ts';

const DEMO = 'relvar_demo';
const UNFINISHED = 'relvar_demo_unfinished';
/** Of two test files that want it at once, one makes it and the other waits. */
const LOCK = 7_310_455;

/**
 * A database with the demo workspace, to be cloned: made by the first test file that wants it. Filling it takes seconds, and
 * dozens of files begin with it.
 */
export async function demoTemplate(clusterUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: clusterUrl });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DEMO]);
    if (rowCount === 1) return DEMO;
    await client.query(`drop database if exists ${UNFINISHED} with (force)`);
    await client.query(`create database ${UNFINISHED} template ${TEMPLATE}`);
    await client.query(`grant create on database ${UNFINISHED} to relvar_owner`);
    const pool = new pg.Pool({ connectionString: urlFor(clusterUrl, UNFINISHED) });
    await createDemo(pool).finally(() => pool.end());
    await client.query(`alter database ${UNFINISHED} rename to ${DEMO}`);
    return DEMO;
  } finally {
    // The lock goes with the connection.
    await client.end();
  }
}
