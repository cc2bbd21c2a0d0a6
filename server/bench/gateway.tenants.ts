import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { askInTurn, makeKeys } from './clients.ts';
import { residentMemory } from './memory.ts';
import { median } from './rounds.ts';

const TENANTS = 200;
const REQUESTS = 6_000;
const CONCURRENCY = 8;

export const gatewayTenants: Bench = {
  name: 'gateway.tenants',
  compares: 'resident memory of a server that serves 200 workspaces of one shape by turns, over serving 1',
  async run(lab) {
    const database = await lab.large();
    const keys = await makeKeys(database, database.workspaces.slice(0, TENANTS));
    const server = await database.startServer();
    // As many requests for one workspace as later for all: the collector lets the heap of a process grow
    // with the work it has done, which is not what is asked here.
    await askInTurn(server, keys.slice(0, 1), REQUESTS, CONCURRENCY);
    const forOne = await settled(server.pid);
    await askInTurn(server, keys, REQUESTS, CONCURRENCY);
    const forAll = await settled(server.pid);
    await server.stop();
    return {
      value: forAll - forOne,
      unit: 'MB',
      bound: 60,
      detail: { residentMbServing1: forOne, residentMbServing200: forAll, requestsEach: REQUESTS },
    };
  },
};

/** The median of two seconds, in which the collector may run. */
async function settled(pid: number): Promise<number> {
  const samples: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    await delay(200);
    samples.push(residentMemory(pid));
  }
  return median(samples);
}
