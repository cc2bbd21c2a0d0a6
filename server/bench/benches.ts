import type { Bench } from './bench.ts';
import { writeCreate } from './write.create.ts';

/** In the order in which they run: those that need one workspace alone come first. */
export const BENCHES: readonly Bench[] = [writeCreate];
