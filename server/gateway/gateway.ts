import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import { log } from '../log.ts';
import type { Instance } from './instance.ts';
import { Instances } from './instances.ts';
import type { InstanceLimits } from './instances.ts';
import type { WorkspaceSource } from './introspect.ts';
import { Models } from './models.ts';
import type { Model } from './models.ts';

/** How long a request waits for the version it asks for. */
const MAX_WAIT_MS = 10_000;

interface Served {
  readonly source: WorkspaceSource;
  model: Model;
}

/**
 * Decides which schema serves a request. A new model's schema is built beside the old one, which goes on
 * serving requests that do not ask for the new version, and then takes its place as a whole.
 */
export class Gateway {
  readonly models: Models;
  readonly instances: Instances;
  readonly #served = new Map<string, Served>();

  constructor(pool: Pool, limits: InstanceLimits) {
    this.instances = new Instances(pool, limits);
    this.models = new Models(pool, (workspaceId, model) => this.#prebuild(workspaceId, model));
  }

  /** A schema for the workspace that is not older than `minVersion`, and the version it is of. */
  async acquire(source: WorkspaceSource, minVersion: number): Promise<{ instance: Instance; version: number }> {
    const deadline = Date.now() + MAX_WAIT_MS;
    let model = await this.models.atLeast(source.workspaceId, minVersion, deadline);
    for (;;) {
      const instance = this.instances.get(model.shape);
      if (instance) {
        this.#serve(source, model);
        return { instance, version: model.version };
      }
      const build = this.instances.build(model.shape, source);
      const old = this.#served.get(source.workspaceId)?.model;
      const oldInstance = old && old.version >= minVersion && this.instances.get(old.shape);
      if (oldInstance) {
        build.catch((error: unknown) => logFailedBuild(source, error));
        return { instance: oldInstance, version: old.version };
      }
      const found = await beforeDeadline(build, deadline);
      this.models.note(source.workspaceId, found);
      model = found;
    }
  }

  /** A workspace in use gets its new schema before anyone asks for it. */
  #prebuild(workspaceId: string, model: Model): void {
    const served = this.#served.get(workspaceId);
    if (!served) return;
    if (this.instances.get(model.shape)) {
      this.#serve(served.source, model);
      return;
    }
    this.instances.build(model.shape, served.source).then(
      (found) => {
        this.models.note(workspaceId, found);
        if (this.instances.get(found.shape)) this.#serve(served.source, found);
      },
      (error: unknown) => logFailedBuild(served.source, error),
    );
  }

  #serve(source: WorkspaceSource, model: Model): void {
    const served = this.#served.get(source.workspaceId);
    if (!served) {
      this.#served.set(source.workspaceId, { source, model });
      return;
    }
    const before = served.model;
    if (before.version >= model.version) return;
    served.model = model;
    if (before.shape === model.shape) return;
    this.instances.retire(new Set([...this.#served.values()].map((other) => other.model.shape)));
  }
}

function logFailedBuild(source: WorkspaceSource, error: unknown): void {
  log('a schema could not be built; the previous one goes on serving', {
    schema: source.schemaName,
    error: error instanceof Error ? error.stack : String(error),
  });
}

async function beforeDeadline<T>(promise: Promise<T>, deadline: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RequestError('MODEL_NOT_READY')), deadline - Date.now());
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
