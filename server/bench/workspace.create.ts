import type { Bench } from './bench.ts';
import type { BenchDatabase } from './database.ts';
import { MANY } from './lab.ts';
import { alternate, time } from './rounds.ts';

const ROUNDS = 12;

export const workspaceCreate: Bench = {
  name: 'workspace.create',
  compares: `creating a workspace beside ${MANY} others, against beside 1`,
  async run(lab) {
    const small = await lab.small();
    const large = await lab.large();
    const { ratio, ratios, subject, reference } = await alternate(
      ROUNDS,
      () => createOne(large),
      () => createOne(small),
    );
    return {
      ratio,
      bound: 1.5,
      checks: { 'under a second': subject < 1000 },
      detail: { msBesideMany: subject, msBeside1: reference, ratios },
    };
  },
};

async function createOne(database: BenchDatabase): Promise<number> {
  const slug = 'bench-new';
  const taken = await time(() => database.createWorkspace(slug));
  await database.dropWorkspace(slug);
  return taken;
}
