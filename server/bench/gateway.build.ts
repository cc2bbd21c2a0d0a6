import type { Instance } from '../gateway/instance.ts';
import type { Bench } from './bench.ts';
import { MANY } from './lab.ts';
import { usedHeap } from './memory.ts';
import { alternate, time } from './rounds.ts';
import { SchemaBuilder } from './schemaBuilder.ts';

const ROUNDS = 9;
const SHAPES = 5;
const MAX_HEAP_MB = 20;

export const gatewayBuild: Bench = {
  name: 'gateway.build',
  compares: `building one workspace's schema beside ${MANY} others, against beside 1`,
  async run(lab) {
    const small = new SchemaBuilder(await lab.small());
    const large = new SchemaBuilder(await lab.large());
    try {
      const { ratio, ratios, subject, reference } = await alternate(
        ROUNDS,
        () => time(() => large.build()),
        () => time(() => small.build()),
      );
      const heapPerShape = await growthPerShape(large);
      return {
        ratio,
        bound: 1.2,
        checks: { [`heap per shape at most ${MAX_HEAP_MB} MB`]: heapPerShape <= MAX_HEAP_MB },
        detail: { msBesideMany: subject, msBeside1: reference, heapMbPerShape: heapPerShape, ratios },
      };
    } finally {
      await Promise.all([small.close(), large.close()]);
    }
  },
};

/** Builds before this one have loaded all code, so what several instances add is theirs alone. */
async function growthPerShape(builder: SchemaBuilder): Promise<number> {
  const before = usedHeap();
  const instances: Instance[] = [];
  for (let count = 0; count < SHAPES; count += 1) instances.push(await builder.build());
  return (usedHeap() - before) / instances.length;
}
