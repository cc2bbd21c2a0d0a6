import type { Express } from 'express';
import type { Pool } from 'pg';
import type { Notices } from '../notices/notices.ts';

/** A relay that has said nothing for longer is taken for dead. */
const RELAY_SECONDS = 30;
const TIMEOUT_MS = 3_000;

type Check = { ok: true } | { ok: false; problem: string; hint: string };

interface HealthOptions {
  readonly pool: Pool;
  readonly notices: Notices;
  /** The migrations that this version of the server needs, by file name. */
  readonly pendingMigrations: () => Promise<readonly string[]>;
}

/** For load balancers and people: 200 when all is well, else 503 saying what is not. */
export function installHealth(app: Express, options: HealthOptions): void {
  app.get('/healthz', async (_request, response) => {
    const database = await check(() => checkDatabase(options.pool));
    const unknown: Check = {
      ok: false,
      problem: 'Not known while the database does not answer.',
      hint: '',
    };
    const checks = {
      database,
      migrations: database.ok ? await check(() => checkMigrations(options)) : unknown,
      relay: database.ok ? await check(() => checkRelay(options.pool)) : unknown,
      notices: checkNotices(options.notices),
    };
    const ok = Object.values(checks).every((result) => result.ok);
    response
      .status(ok ? 200 : 503)
      .set('cache-control', 'no-store')
      .json({ status: ok ? 'ok' : 'failing', checks });
  });
}

async function checkDatabase(pool: Pool): Promise<Check> {
  await pool.query('select');
  return { ok: true };
}

async function checkMigrations({ pendingMigrations }: HealthOptions): Promise<Check> {
  const pending = await pendingMigrations();
  if (pending.length === 0) return { ok: true };
  return {
    ok: false,
    problem: `The database lacks ${pending.join(', ')}.`,
    hint: 'Run "npm start" or "npm run db:migrate" with this version of Relvar.',
  };
}

async function checkRelay(pool: Pool): Promise<Check> {
  const { rows } = await pool.query<{ seconds: number | null }>(
    "select engine.seconds_since_heartbeat('relay')::float8 as seconds",
  );
  const seconds = rows[0]?.seconds ?? null;
  if (seconds !== null && seconds < RELAY_SECONDS) return { ok: true };
  return {
    ok: false,
    problem: seconds === null ? 'The relay has never run.' : `The relay was last seen ${Math.round(seconds)} s ago.`,
    hint: 'Is a worker running? Without one there are no webhooks and no live updates.',
  };
}

function checkNotices(notices: Notices): Check {
  if (notices.isListening) return { ok: true };
  return {
    ok: false,
    problem: 'This server is not listening to the database.',
    hint: 'It is connecting again; live updates wait for it.',
  };
}

async function check(question: () => Promise<Check>): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${TIMEOUT_MS / 1000} s.`)), TIMEOUT_MS);
  });
  try {
    return await Promise.race([question(), late]);
  } catch (error) {
    return {
      ok: false,
      problem: error instanceof Error ? error.message : String(error),
      hint: 'Is PostgreSQL running, and may relvar_server log in?',
    };
  } finally {
    clearTimeout(timer);
  }
}
