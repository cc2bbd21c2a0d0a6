import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';

/** What a workspace's data model is at one version: equal shapes are served by one GraphQL schema. */
export interface Model {
  readonly version: number;
  readonly shape: string;
}

interface Waiter {
  readonly version: number;
  readonly wake: () => void;
}

/**
 * The newest model version of every workspace that this process has served. Notices keep it fresh; what
 * they may have missed is fetched when a request asks for more than is known, and after a reconnect.
 */
export class Models {
  readonly #pool: Pool;
  readonly #known = new Map<string, Model>();
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #onChange: (workspaceId: string, model: Model) => void;

  constructor(pool: Pool, onChange: (workspaceId: string, model: Model) => void) {
    this.#pool = pool;
    this.#onChange = onChange;
  }

  /** Takes note of a model, from wherever it was heard of. Older ones than known are ignored. */
  note(workspaceId: string, model: Model): void {
    const known = this.#known.get(workspaceId);
    if (known && known.version >= model.version) return;
    this.#known.set(workspaceId, model);
    const waiters = this.#waiters.get(workspaceId);
    for (const waiter of waiters ?? []) if (model.version >= waiter.version) waiter.wake();
    if (known) this.#onChange(workspaceId, model);
  }

  /** The newest version known of a workspace; 0 when none is. */
  version(workspaceId: string): number {
    return this.#known.get(workspaceId)?.version ?? 0;
  }

  /** The model of a workspace at `version` or later, waiting until `deadline` for it to be committed. */
  async atLeast(workspaceId: string, version: number, deadline: number): Promise<Model> {
    let model = this.#known.get(workspaceId);
    if (model && model.version >= version) return model;
    model = await this.#fetch(workspaceId);
    while (model.version < version) {
      if (!(await this.#wait(workspaceId, version, deadline))) {
        throw new RequestError('MODEL_NOT_READY', {
          message: `Version ${version} of the data model is not known; the newest is ${model.version}.`,
        });
      }
      model = this.#known.get(workspaceId)!;
    }
    return model;
  }

  /** A notice says that there is a newer one. What it is says the database: anybody who connects there may send notices. */
  async look(workspaceId: string): Promise<void> {
    if (this.#known.has(workspaceId)) await this.#fetch(workspaceId);
  }

  /** After notices may have been missed: what changed meanwhile is noted as if they had come. */
  async compare(): Promise<void> {
    if (this.#known.size === 0) return;
    const { rows } = await this.#pool.query<{
      workspace_id: string;
      model_version: string;
      shape: string;
    }>('select workspace_id, model_version, shape from core.list_versions()');
    for (const row of rows) {
      if (!this.#known.has(row.workspace_id)) continue;
      this.note(row.workspace_id, { version: Number(row.model_version), shape: row.shape });
    }
  }

  async #fetch(workspaceId: string): Promise<Model> {
    const { rows } = await this.#pool.query<{ model_version: string; shape: string }>({
      name: 'relvar_gateway_workspace',
      text: 'select model_version, shape from core.gateway_workspace($1)',
      values: [workspaceId],
    });
    if (!rows[0]) throw new RequestError('NO_WORKSPACE');
    this.note(workspaceId, { version: Number(rows[0].model_version), shape: rows[0].shape });
    return this.#known.get(workspaceId)!;
  }

  #wait(workspaceId: string, version: number, deadline: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(workspaceId) ?? new Set();
      this.#waiters.set(workspaceId, waiters);
      const finish = (reached: boolean) => {
        clearTimeout(timer);
        waiters.delete(waiter);
        if (waiters.size === 0) this.#waiters.delete(workspaceId);
        resolve(reached);
      };
      const waiter: Waiter = { version, wake: () => finish(true) };
      const timer = setTimeout(finish, deadline - Date.now(), false);
      waiters.add(waiter);
    });
  }
}
