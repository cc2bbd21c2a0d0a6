import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ENTRY = join(import.meta.dirname, '..', 'index.ts');
const READY_MS = 30_000;

/** server/index.ts as people run it, started and stopped by a bench. */
export class ServerProcess {
  url = '';
  pid = 0;
  readonly #logFile: string;
  readonly #started: Promise<ChildProcess>;

  constructor(serverUrl: string, logDir: string, nodeFlags: readonly string[], more: Record<string, string> = {}) {
    this.#logFile = join(logDir, 'server.log');
    this.#started = this.#start(serverUrl, nodeFlags, more);
  }

  async #start(serverUrl: string, nodeFlags: readonly string[], more: Record<string, string>): Promise<ChildProcess> {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    const log = openSync(this.#logFile, 'a', 0o600);
    const child = spawn(process.execPath, [...nodeFlags, ENTRY], {
      env: {
        ...process.env,
        NODE_ENV: 'production',
        PORT: String(port),
        RELVAR_SERVER_URL: serverUrl,
        DATABASE_URL: '',
        ...more,
      },
      // The server stops when the channel closes: when this process is killed, too.
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    child.on('error', () => {});
    this.pid = child.pid ?? 0;
    return child;
  }

  async ready(): Promise<void> {
    const child = await this.#started;
    for (const end = Date.now() + READY_MS; Date.now() < end && child.exitCode === null;) {
      // Unhealthy without a worker, but any answer means that it serves.
      const answer = await fetch(`${this.url}/healthz`).catch(() => null);
      await answer?.text();
      if (answer) return;
      await delay(50);
    }
    const log = readFileSync(this.#logFile, 'utf8').trim().split('\n').slice(-6).join('\n');
    throw new Error(`The server did not start. The end of its log:\n${log}`);
  }

  async stop(): Promise<void> {
    const child = await this.#started;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const stubborn = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(stubborn);
  }

  /** One GraphQL request; throws with what the server said when it answers with errors. */
  async graphql(
    path: '/graphql' | '/metadata',
    key: string,
    query: string,
    variables: object = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Record<string, unknown>> {
    const response = await fetch(this.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as {
      data: Record<string, unknown>;
      errors?: { message: string }[];
    };
    if (errors) throw new Error(`${path} answered: ${errors[0]!.message}`);
    return data;
  }
}

function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
