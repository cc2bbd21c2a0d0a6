/** A value with half of the others on either side. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value that `share` of the others do not exceed, interpolated between neighbours. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const step = (sorted[below + 1] ?? sorted[below]!) - sorted[below]!;
  return sorted[below]! + step * (place - below);
}

export interface Comparison {
  /** The median over rounds of `subject / reference`. */
  readonly ratio: number;
  readonly subject: number;
  readonly reference: number;
  readonly ratios: readonly number[];
}

/**
 * Measures two things by turns in short rounds and compares within each round: a machine that is shared
 * gets slower and faster by the minute, which two neighbouring rounds feel alike. Who comes first
 * changes every round. The first round warms up and does not count.
 */
export async function alternate(
  rounds: number,
  subject: () => Promise<number>,
  reference: () => Promise<number>,
): Promise<Comparison> {
  const pairs: { subject: number; reference: number }[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    let pair: { subject: number; reference: number };
    if (round % 2 === 0) {
      const first = await reference();
      pair = { reference: first, subject: await subject() };
    } else {
      const first = await subject();
      pair = { subject: first, reference: await reference() };
    }
    if (round > 0) pairs.push(pair);
  }
  const ratios = pairs.map((pair) => pair.subject / pair.reference);
  return {
    ratio: median(ratios),
    subject: median(pairs.map((pair) => pair.subject)),
    reference: median(pairs.map((pair) => pair.reference)),
    ratios,
  };
}

/** How long `work` takes, in milliseconds. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Runs `work` over and over in each of `workers`, and answers how often a second it was done. */
export async function throughput<T>(
  workers: readonly T[],
  milliseconds: number,
  work: (worker: T) => Promise<unknown>,
): Promise<number> {
  const start = performance.now();
  const end = start + milliseconds;
  let count = 0;
  await Promise.all(
    workers.map(async (worker) => {
      while (performance.now() < end) {
        await work(worker);
        count += 1;
      }
    }),
  );
  return (count * 1000) / (performance.now() - start);
}
