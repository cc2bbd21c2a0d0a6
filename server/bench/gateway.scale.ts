import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { askInTurn, makeKeys } from './clients.ts';
import type { BenchDatabase, Workspace } from './database.ts';
import { MANY } from './lab.ts';
import { peakMemory } from './memory.ts';
import { time } from './rounds.ts';

/** Workspaces of each of the two shapes beside the standard one. */
const OTHERS = 100;
/** Workspaces whose shapes all differ. */
const SHAPES = 100;
const CONCURRENCY = 8;
const BOUND_MB = 1024;

export const gatewayScale: Bench = {
  name: 'gateway.scale',
  compares: `most resident memory of a server for ${MANY} workspaces of 3 shapes by turns, and of one for ${SHAPES} of ${SHAPES} shapes`,
  async run(lab) {
    const database = await lab.large();
    // The last ones, so that the first stay as other benches expect them.
    const others = database.workspaces.slice(-2 * OTHERS);
    await addFields(database, others, (index) => (index % 2 === 0 ? 'Second shape' : 'Third shape'));
    const few = await serve(database, database.workspaces, 3);

    const distinct = others.slice(0, SHAPES);
    await addFields(database, distinct, (index) => `Shape number ${index}`);
    // More shapes than are kept: every request needs a schema that is not there.
    const many = await serve(database, distinct, 1);
    return {
      value: Math.max(few.peakMb, many.peakMb),
      unit: 'MB',
      bound: BOUND_MB,
      detail: { threeShapes: few, everyShape: many },
    };
  },
};

async function serve(database: BenchDatabase, workspaces: readonly Workspace[], turns: number) {
  const keys = await makeKeys(database, workspaces);
  const server = await database.startServer();
  try {
    const requests = turns * keys.length;
    let refused = 0;
    const ms = await time(() =>
      askInTurn(server, keys, requests, CONCURRENCY, async () => {
        refused += 1;
        await delay(1_000);
      }),
    );
    return { peakMb: peakMemory(server.pid), workspaces: keys.length, requests, refused, msPerRequest: ms / requests };
  } finally {
    await server.stop();
  }
}

/** Gives companies of each workspace a field, two workspaces at a time. */
async function addFields(
  { admin }: BenchDatabase,
  workspaces: readonly Workspace[],
  label: (index: number) => string,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < workspaces.length) {
      const index = next++;
      await admin.query(
        `insert into metadata.fields (workspace_id, object_id, label, type)
         select o.workspace_id, o.id, $2, 'TEXT' from metadata.objects o
         where o.workspace_id = $1 and o.name_singular = 'company'`,
        [workspaces[index]!.id, label(index)],
      );
    }
  };
  await Promise.all([work(), work()]);
}
