import type { Bench } from './bench.ts';
import { askInTurn, makeKeys } from './clients.ts';
import type { BenchDatabase } from './database.ts';
import { MANY } from './lab.ts';
import { proportionalMemory } from './memory.ts';
import { median } from './rounds.ts';

const REQUESTS = 20_000;
const CONCURRENCY = 16;
/** See docs/benchmarks.md for how it follows from the pool's limits. */
const BOUND_MB = 400;

export const poolMemory: Bench = {
  name: 'pool.memory',
  compares: `resident memory of all of one server's Postgres backends while it serves ${MANY} workspaces by turns`,
  async run(lab) {
    const database = await lab.large();
    const keys = await makeKeys(database, database.workspaces);
    const server = await database.startServer();
    const totals: number[] = [];
    const backends = new Set<number>();
    let isDone = false;
    const watching = (async () => {
      while (!isDone) {
        const pids = await backendsOf(database);
        for (const pid of pids) backends.add(pid);
        totals.push(pids.reduce((sum, pid) => sum + memoryOf(pid), 0));
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    })();
    try {
      await askInTurn(server, keys, REQUESTS, CONCURRENCY);
    } finally {
      isDone = true;
      await watching;
    }
    await server.stop();
    return {
      value: Math.max(...totals),
      unit: 'MB',
      bound: BOUND_MB,
      detail: {
        medianMb: median(totals),
        lastMb: totals.at(-1),
        backendsUsed: backends.size,
        workspaces: keys.length,
        requests: REQUESTS,
      },
    };
  },
};

async function backendsOf({ admin }: BenchDatabase): Promise<number[]> {
  const { rows } = await admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where usename = 'relvar_server'`,
  );
  return rows.map(({ pid }) => pid);
}

/** A backend that was recycled since it was listed holds nothing any more. */
function memoryOf(pid: number): number {
  try {
    return proportionalMemory(pid);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return 0;
    throw error;
  }
}
