import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchDatabase } from './database.ts';

/** As many workspaces as the bounds of the benches speak of; fewer for a look on a busy machine. */
export const MANY = Number(process.env.RELVAR_BENCH_WORKSPACES ?? 1000);

const PREFIX = 'relvar-bench-';

/**
 * What benches measure on: one database server with a single workspace, and one with 1,000, started when
 * first asked for and shared by the benches of a run. They are two servers, because roles belong to a
 * whole server, and they run side by side, so that "with 1" and "with 1,000" can be measured by turns.
 */
export class Lab {
  /** For all files of the run; it goes when the run ends, however it ends. */
  readonly directory: string;
  readonly #say: (text: string) => void;
  readonly #databases: BenchDatabase[] = [];
  #small: Promise<BenchDatabase> | undefined;
  #large: Promise<BenchDatabase> | undefined;

  constructor(say: (text: string) => void) {
    this.#say = say;
    removeAbandoned();
    this.directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
    // A server that root starts runs as another user, who must get in.
    chmodSync(this.directory, 0o755);
  }

  /** A server with the one workspace "bench-1". */
  small(): Promise<BenchDatabase> {
    this.#small ??= this.#open(1);
    return this.#small;
  }

  /** A server with the workspaces "bench-1" to "bench-1000". */
  large(): Promise<BenchDatabase> {
    this.#large ??= this.#open(MANY);
    return this.#large;
  }

  async #open(workspaces: number): Promise<BenchDatabase> {
    const dataDir = join(this.directory, `beside-${workspaces}`);
    mkdirSync(dataDir);
    const database = new BenchDatabase(dataDir);
    this.#databases.push(database);
    const start = performance.now();
    await database.open(workspaces);
    const seconds = Math.round((performance.now() - start) / 1000);
    this.#say(`A database with ${workspaces === 1 ? '1 workspace' : `${workspaces} workspaces`} is up (${seconds} s).`);
    return database;
  }

  /** Stops all that was started and removes its files. Safe at any moment, more than once. */
  async close(): Promise<void> {
    await Promise.all(this.#databases.map((database) => database.close()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A run that was killed with -9 leaves its directory; its database servers notice and end by themselves. */
function removeAbandoned(): void {
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
