import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ChildOptions {
  name: string;
  script: string;
  env: Record<string, string | undefined>;
  logFile: string;
  /** Told in words when the child ends unasked. */
  report: (message: string) => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A child that lived this long has got over what made it crash. */
const HEALTHY_AFTER_MS = 30_000;

/** A process that is started again, later each time, when it ends unasked. */
export class Child {
  #options: ChildOptions;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = new AbortController();

  constructor(options: ChildOptions) {
    this.#options = options;
    const { logFile } = options;
    if (existsSync(logFile)) renameSync(logFile, `${logFile}.previous`);
  }

  start() {
    this.#ended = this.#keepRunning();
  }

  /** Asks the process to stop, and kills it when it does not do so in time. */
  async stop(withinMs: number) {
    this.#stopping.abort();
    this.#process?.kill('SIGTERM');
    if (this.#process?.connected) this.#process.disconnect();
    const impatience = setTimeout(() => this.#process?.kill('SIGKILL'), withinMs);
    await this.#ended;
    clearTimeout(impatience);
  }

  async #keepRunning() {
    const { signal } = this.#stopping;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const startedAt = Date.now();
      const code = await this.#run();
      if (signal.aborted) return;
      if (Date.now() - startedAt > HEALTHY_AFTER_MS) pause = FIRST_PAUSE_MS;
      this.#options.report(
        `The ${this.#options.name} ended (${code}) and starts again in ${pause / 1000} s. ${this.#lastWords()}`,
      );
      await delay(pause, undefined, { signal }).catch(() => {});
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  #run(): Promise<number | string> {
    const { script, env, logFile } = this.#options;
    const log = openSync(logFile, 'a', 0o600);
    const child = spawn(process.execPath, [script], {
      env,
      // When the supervisor is killed with -9 the channel closes, and the child stops by itself.
      stdio: ['ignore', log, log, 'ipc'],
      // A group of its own: Ctrl-C in the terminal reaches the supervisor, which stops all in order.
      detached: true,
    });
    closeSync(log);
    this.#process = child;
    return new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  #lastWords(): string {
    const { logFile } = this.#options;
    const last = readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join('\n');
    return `The end of ${logFile}:\n${last}`;
  }
}
