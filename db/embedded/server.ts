import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { claimDataDir } from './claim.ts';
import { createCluster, embeddedBinDir } from './cluster.ts';
import { chooseLaunch, commandLine, identity, type Launch } from './launch.ts';
import { isRunning, readFileOrEmpty } from './processes.ts';

/** The database that Relvar lives in on its embedded server. */
const DATABASE = 'relvar';

export interface EmbeddedOptions {
  /** Holds `postgres/`, `credentials.json` and the server's log. */
  dataDir: string;
  port?: number | null;
  /** The folder with `initdb` and `postgres`; the tests use it to run on older servers. */
  binDir?: string | null;
  /** Trades safety against a power cut for speed; only for tests. */
  disposable?: boolean;
}

export interface EmbeddedServer {
  adminUrl: string;
  serverPassword: string;
  workerPassword: string;
  /** True when the server was running already, started by another process. */
  attached: boolean;
  /** Settles when the server ends, whoever ended it; never for an attached one. */
  exited: Promise<void>;
  /** "fast" ends all sessions; "smart" waits until the last client has left. */
  stop: (mode?: 'fast' | 'smart', withinMs?: number) => Promise<void>;
}

interface Credentials {
  port: number;
  adminPassword: string;
  serverPassword: string;
  workerPassword: string;
}

/** The embedded server of this data directory if it runs, else null. */
export async function attachEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer | null> {
  const credentials = readCredentials(options.dataDir);
  const postmaster = readPostmaster(join(options.dataDir, 'postgres'));
  if (!credentials || !postmaster || !isRunning(postmaster.pid)) return null;
  if (!(await answers(urlOf(credentials, postmaster.port, 'postgres')))) return null;
  return {
    ...describe(credentials, postmaster.port),
    attached: true,
    exited: new Promise(() => {}),
    stop: async () => {},
  };
}

/** Starts the server, creating it on first use. Whatever an earlier, killed run left is cleared away. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  mkdirSync(options.dataDir, { recursive: true });
  const release = claimDataDir(options.dataDir);
  try {
    return await startClaimed(options, release);
  } catch (error) {
    release();
    throw error;
  }
}

async function startClaimed(options: EmbeddedOptions, release: () => void): Promise<EmbeddedServer> {
  const { dataDir, disposable = false } = options;
  const cluster = join(dataDir, 'postgres');
  const binDir = options.binDir ?? embeddedBinDir();
  const launch = chooseLaunch([binDir, dataDir]);

  const credentials = readCredentials(dataDir) ?? {
    port: 0,
    adminPassword: newPassword(),
    serverPassword: newPassword(),
    workerPassword: newPassword(),
  };
  await stopOrphan(cluster);
  credentials.port = await choosePort(options.port ?? null, credentials.port);
  writeFileSync(credentialsFile(dataDir), JSON.stringify(credentials, null, 2), { mode: 0o600 });

  if (!existsSync(cluster)) createCluster(cluster, binDir, launch, credentials.adminPassword, disposable);
  const server = await launchServer(cluster, binDir, launch, credentials, options);
  const exited = once(server, 'exit').then(release);
  await createDatabase(credentials);
  return {
    ...describe(credentials, credentials.port),
    attached: false,
    exited,
    stop: async (mode = 'fast', withinMs) => {
      if (server.exitCode !== null || server.signalCode !== null) return;
      if (process.platform === 'win32') {
        // Windows has no signals; pg_ctl sends the request through a pipe.
        spawnSync(join(binDir, 'pg_ctl'), ['stop', '-m', mode, '-D', cluster]);
      } else server.kill(mode === 'fast' ? 'SIGINT' : 'SIGTERM');
      // Ended at once, the server has more to do at its next start, and loses nothing.
      const impatience = withinMs === undefined ? undefined : setTimeout(() => server.kill('SIGQUIT'), withinMs);
      await exited;
      clearTimeout(impatience);
    },
  };
}

async function launchServer(
  cluster: string,
  binDir: string,
  launch: Launch,
  credentials: Credentials,
  options: EmbeddedOptions,
): Promise<ChildProcess> {
  const logFile = join(options.dataDir, 'postgres.log');
  const settings: Record<string, string> = {
    port: String(credentials.port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '100',
    ...(options.disposable ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  };
  const [program, ...args] = commandLine(launch, join(binDir, 'postgres'), [
    '-D',
    cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);

  // Shared memory of a killed server lives until its last backend has noticed; hence a few attempts.
  for (let attempt = 1; ; attempt++) {
    if (existsSync(logFile)) renameSync(logFile, `${logFile}.previous`);
    const log = openSync(logFile, 'w', 0o600);
    const server = spawn(program, args, {
      ...identity(launch),
      cwd: '/',
      stdio: ['ignore', log, log],
      // A group of its own: Ctrl-C in the terminal reaches the supervisor, which stops it in order.
      detached: true,
    });
    closeSync(log);
    server.on('error', () => {});
    try {
      if (await becomesReady(server, urlOf(credentials, credentials.port, 'postgres'))) return server;
    } catch (error) {
      server.kill('SIGINT');
      await once(server, 'exit');
      throw error;
    }
    const lines = readFileSync(logFile, 'utf8').trim().split('\n');
    if (attempt < 10 && lines.some((line) => /still in use|lock file .* already exists/.test(line))) {
      await delay(300);
      continue;
    }
    throw new Error(`The embedded PostgreSQL did not start. The end of ${logFile}:\n${lines.slice(-6).join('\n')}`);
  }
}

async function becomesReady(server: ChildProcess, url: string): Promise<boolean> {
  // Crash recovery of a big database may take long, and is not a failure while the process lives.
  while (server.exitCode === null && server.signalCode === null && server.pid !== undefined) {
    if (await answers(url)) return true;
    await delay(25);
  }
  return false;
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as pg.DatabaseError).code !== '28P01') return false;
    throw new Error(
      'The embedded PostgreSQL refuses the password in credentials.json. Put back the file that belongs to this data directory.',
      { cause: error },
    );
  } finally {
    await client.end().catch(() => {});
  }
}

async function createDatabase(credentials: Credentials) {
  const client = new pg.Client({ connectionString: urlOf(credentials, credentials.port, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** A server whose supervisor was killed goes on running; it is asked to stop before a new one starts. */
async function stopOrphan(cluster: string) {
  const postmaster = readPostmaster(cluster);
  if (!postmaster || !isRunning(postmaster.pid)) return;
  // A process number is used again after a reboot: only a process that serves this directory counts.
  if (process.platform === 'linux') {
    const command = readFileOrEmpty(`/proc/${postmaster.pid}/cmdline`).split('\0');
    if (!command.includes(cluster)) return;
  }
  for (const [signal, seconds] of [
    ['SIGINT', 15],
    ['SIGQUIT', 5],
    ['SIGKILL', 5],
  ] as const) {
    try {
      process.kill(postmaster.pid, signal);
    } catch {
      return;
    }
    for (let waited = 0; waited < seconds * 1000; waited += 50) {
      await delay(50);
      if (!isRunning(postmaster.pid)) return;
    }
  }
  throw new Error(
    `Another PostgreSQL (process ${postmaster.pid}) uses ${cluster} and does not stop. End it, then start Relvar again.`,
  );
}

function readPostmaster(cluster: string): { pid: number; port: number } | null {
  const lines = readFileOrEmpty(join(cluster, 'postmaster.pid')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return pid > 0 && port > 0 ? { pid, port } : null;
}

/** The port that was asked for, else the one of the last time, else any free one. */
async function choosePort(wanted: number | null, last: number): Promise<number> {
  const port = (await usablePort(wanted ?? last)) ?? (wanted === null ? await usablePort(0) : null);
  if (port !== null) return port;
  throw new Error(
    wanted === null
      ? 'No TCP port is free for PostgreSQL.'
      : `The port ${wanted} (RELVAR_PG_PORT) is taken by another program. Choose another, or unset it.`,
  );
}

async function usablePort(port: number): Promise<number | null> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(null));
    probe.listen(port, '127.0.0.1', () => {
      const { port: bound } = probe.address() as { port: number };
      probe.close(() => resolve(bound));
    });
  });
}

const credentialsFile = (dataDir: string) => join(dataDir, 'credentials.json');

function readCredentials(dataDir: string): Credentials | null {
  const text = readFileOrEmpty(credentialsFile(dataDir));
  return text === '' ? null : (JSON.parse(text) as Credentials);
}

const newPassword = () => randomBytes(24).toString('base64url');

const urlOf = (credentials: Credentials, port: number, database: string) =>
  `postgres://postgres:${credentials.adminPassword}@127.0.0.1:${port}/${database}`;

const describe = (credentials: Credentials, port: number) => ({
  adminUrl: urlOf(credentials, port, DATABASE),
  serverPassword: credentials.serverPassword,
  workerPassword: credentials.workerPassword,
});
