import { getHeapStatistics } from 'node:v8';
import type { Pool } from 'pg';
import { log } from '../log.ts';
import { buildInstance } from './instance.ts';
import type { Instance } from './instance.ts';
import { introspectWorkspace } from './introspect.ts';
import type { WorkspaceSource } from './introspect.ts';
import type { Model } from './models.ts';

/** A shape that cannot be built is not tried again at once: each attempt costs a second of CPU. */
const PAUSE_AFTER_FAILURE_MS = 5_000;

export interface InstanceLimits {
  /** Schemas kept at most. */
  readonly count: number;
  /** Megabytes of heap above which the ones used least recently are dropped. */
  readonly heapMb: number;
}

/** Where the heap may not even grow to the limit, room must be left for requests. */
const HEAP_SHARE = 0.7;

/** The GraphQL schemas in memory, by shape. */
export class Instances {
  readonly #pool: Pool;
  readonly #limits: InstanceLimits;
  /** Ordered by use: the one used least recently comes first. */
  readonly #ready = new Map<string, Instance>();
  readonly #building = new Map<string, Promise<Model>>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(pool: Pool, limits: InstanceLimits) {
    this.#pool = pool;
    this.#limits = limits;
  }

  get size(): number {
    return this.#ready.size;
  }

  get(shape: string): Instance | undefined {
    const instance = this.#ready.get(shape);
    if (!instance) return undefined;
    this.#ready.delete(shape);
    this.#ready.set(shape, instance);
    return instance;
  }

  /**
   * Builds the schema of a shape, once however many ask, and one at a time: a build is pure CPU and
   * tens of megabytes of garbage, so two at once would finish later and hold twice the memory. Resolves
   * with the model that was found: the workspace may have moved on since.
   */
  build(shape: string, source: WorkspaceSource): Promise<Model> {
    const running = this.#building.get(shape);
    if (running) return running;
    const build = this.#queue.then(() => this.#build(shape, source));
    this.#building.set(shape, build);
    this.#queue = build.catch(() => undefined);
    const forget = () => void this.#building.delete(shape);
    build.then(forget, () => setTimeout(forget, PAUSE_AFTER_FAILURE_MS).unref());
    return build;
  }

  /** Drops the schemas that no workspace needs any more, except those on which requests still run. */
  retire(needed: ReadonlySet<string>): void {
    for (const [shape, { inFlight }] of this.#ready) {
      if (inFlight === 0 && !needed.has(shape)) this.#ready.delete(shape);
    }
  }

  async #build(shape: string, source: WorkspaceSource): Promise<Model> {
    const ready = this.#ready.get(shape);
    const startedAt = performance.now();
    const { model, catalogue } = await introspectWorkspace(this.#pool, source);
    if (ready && model.shape === shape) return model;
    if (!this.#ready.has(model.shape)) {
      this.#ready.set(model.shape, await buildInstance(source.schemaName, catalogue));
      log('built a schema', {
        shape: model.shape,
        schema: source.schemaName,
        version: model.version,
        ms: Math.round(performance.now() - startedAt),
        schemas: this.#ready.size,
      });
      this.#trim(model.shape);
    }
    return model;
  }

  #trim(keep: string): void {
    for (const [shape, instance] of this.#ready) {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      const tooMany = this.#ready.size > this.#limits.count;
      // The heap shrinks at the next collection, not here, so one a build is dropped for its sake.
      const tooMuch = used > Math.min(this.#limits.heapMb * 2 ** 20, limit * HEAP_SHARE);
      if (!tooMany && !tooMuch) return;
      if (instance.inFlight > 0 || shape === keep) continue;
      this.#ready.delete(shape);
      log('dropped a schema', {
        shape,
        schemas: this.#ready.size,
        heapMb: Math.round(used / 2 ** 20),
      });
      if (!tooMany) return;
    }
  }
}
