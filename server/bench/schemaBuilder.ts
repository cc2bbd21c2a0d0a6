import type pg from 'pg';
import { createPool } from '../../db/pool.ts';
import { buildInstance, type Instance } from '../gateway/instance.ts';
import { introspectWorkspace } from '../gateway/introspect.ts';
import type { BenchDatabase } from './database.ts';

/** Does for a workspace what the gateway does for a new shape: reads the catalogue and builds the schema. */
export class SchemaBuilder {
  readonly #database: BenchDatabase;
  readonly #pool: pg.Pool;

  constructor(database: BenchDatabase) {
    this.#database = database;
    const { serverUrl } = database;
    this.#pool = createPool({ connectionString: serverUrl, applicationName: 'relvar bench', max: 1 });
  }

  async build(): Promise<Instance> {
    const { id, schemaName } = this.#database.workspaces[0]!;
    const { catalogue } = await introspectWorkspace(this.#pool, { workspaceId: id, schemaName });
    return buildInstance(schemaName, catalogue);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}
