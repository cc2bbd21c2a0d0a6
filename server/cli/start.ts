import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig, type Config } from '../../db/config.ts';
import { embeddedOptions, fromEmbedded, openDatabase, type Database } from '../../db/database.ts';
import { createDemo, DEMO_EMAIL, DEMO_PASSWORD, DEMO_SLUG } from '../../db/demo/createDemo.ts';
import { startEmbedded, type EmbeddedServer } from '../../db/embedded/server.ts';
import { migrate } from '../../db/migrate.ts';
import { createPool } from '../../db/pool.ts';
import { Child } from './child.ts';
import { assertPortFree } from './port.ts';
import { buildWeb } from './web-bundle.ts';

/** Together under the five seconds within which Ctrl-C ends everything. */
const STOP_CHILDREN_MS = 3_000;
const STOP_DATABASE_MS = 1_200;

/** `npm start`: everything that Relvar is, in one terminal. */
class Supervisor {
  #config: Config;
  #embedded: EmbeddedServer | undefined;
  #children: Child[] = [];
  #stopping: Promise<never> | undefined;

  constructor(config: Config) {
    this.#config = config;
  }

  async start() {
    const { port, databaseUrl, dataDir } = this.#config;
    await assertPortFree(port);
    mkdirSync(dataDir, { recursive: true });
    // The bundle needs no database and the database no bundle.
    const [database] = await Promise.all([this.#openDatabase(), this.#buildWeb()]);
    say(databaseUrl === null ? 'Checking the database …' : 'Checking the database of DATABASE_URL …');
    await migrate(database.adminUrl, database);
    await this.#createDemo(database);
    say('Starting server and worker …');
    this.#startChildren(database);
    await this.#untilHealthy();
    welcome(port);
  }

  /** Ends everything in the order in which it depends on each other, then the process. */
  stop(status: number): Promise<never> {
    this.#stopping ??= this.#stopAll().then(() => process.exit(status));
    return this.#stopping;
  }

  async #stopAll() {
    await Promise.all(this.#children.map((child) => child.stop(STOP_CHILDREN_MS)));
    await this.#embedded?.stop('fast', STOP_DATABASE_MS);
  }

  async #openDatabase(): Promise<Database> {
    if (this.#config.databaseUrl !== null) return openDatabase(this.#config);
    const { dataDir } = this.#config;
    say(
      existsSync(join(dataDir, 'postgres'))
        ? `Starting PostgreSQL in ${dataDir} …`
        : `Creating a PostgreSQL in ${dataDir} …`,
    );
    return fromEmbedded(await this.#startEmbedded());
  }

  async #startEmbedded(): Promise<EmbeddedServer> {
    const server = await startEmbedded(embeddedOptions(this.#config));
    this.#embedded = server;
    // Ctrl-C may have come while the server was starting.
    if (this.#stopping) await server.stop('fast', STOP_DATABASE_MS);
    void server.exited.then(() => this.#restartEmbedded());
    return server;
  }

  async #restartEmbedded() {
    if (this.#stopping) return;
    say('PostgreSQL ended unexpectedly and is started again …');
    try {
      // On the same port: server and worker find it there by themselves.
      await this.#startEmbedded();
      say('PostgreSQL is back.');
    } catch (error) {
      complain(error);
      await this.stop(1);
    }
  }

  async #buildWeb() {
    const started = Date.now();
    if ((await buildWeb()) === 'built') say(`Built the user interface in ${seconds(Date.now() - started)}.`);
  }

  async #createDemo({ adminUrl }: Database) {
    const pool = createPool({ connectionString: adminUrl, applicationName: 'relvar start', max: 1 });
    try {
      // Whoever has dropped the demo has users left, and does not want it back.
      const { rowCount } = await pool.query('select from core.users limit 1');
      if (rowCount !== 0) return;
      const started = Date.now();
      say('Filling the demo workspace …');
      await createDemo(pool);
      say(`Filled the demo workspace in ${seconds(Date.now() - started)}.`);
    } finally {
      await pool.end();
    }
  }

  #startChildren({ serverUrl, workerUrl }: Database) {
    const { dataDir, port } = this.#config;
    const root = join(import.meta.dirname, '..', '..');
    // Neither gets the administrator's URL: what they may do is what their own login may do.
    const env = {
      ...process.env,
      DATABASE_URL: undefined,
      RELVAR_DATA: dataDir,
      PORT: String(port),
      RELVAR_SERVER_URL: serverUrl,
      RELVAR_WORKER_URL: workerUrl,
    };
    for (const name of ['worker', 'server']) {
      const script = join(root, name, 'index.ts');
      const logFile = join(dataDir, `${name}.log`);
      const child = new Child({ name, script, env, logFile, report: say });
      this.#children.push(child);
      if (!this.#stopping) child.start();
    }
  }

  async #untilHealthy() {
    const url = `http://localhost:${this.#config.port}/healthz`;
    for (let waited = 0; ; waited += 50) {
      const problem = await fetch(url).then(
        async (response) => (response.ok ? null : await response.text()),
        () => `${url} does not answer.`,
      );
      if (problem === null) return;
      if (waited % 15_000 === 14_950) say(`Still waiting: ${problem}`);
      await delay(50);
    }
  }
}

const say = (message: string) => void process.stdout.write(`${message}\n`);
const complain = (error: unknown) =>
  void process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

function welcome(port: number) {
  const url = `http://localhost:${port}`;
  say(`
Relvar is ready at ${url}

  Sign in   ${DEMO_EMAIL}, password ${DEMO_PASSWORD} (workspace ${DEMO_SLUG})
  Try       add a field in Settings → Data model, and see it in the table and the API at once
  API       ${url}/graphql
  SQL       psql "$(npm run -s db:url)"
  Import    npm run relvar -- import companies FILE.csv --workspace ${DEMO_SLUG}

Ctrl-C stops everything.`);
}

try {
  const supervisor = new Supervisor(loadConfig());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void supervisor.stop(0));
  process.on('disconnect', () => void supervisor.stop(0));
  process.channel?.unref();
  await supervisor.start().catch(async (error: unknown) => {
    complain(error);
    await supervisor.stop(1);
  });
} catch (error) {
  complain(error);
  process.exit(1);
}
