import type { Pool } from 'pg';
import { makeIntrospectionQuery } from 'postgraphile/graphile-build-pg/pg-introspection';
import { hideUnmanaged } from './hideUnmanaged.ts';
import { limitIntrospection } from './introspection.ts';
import type { Model } from './models.ts';

export interface WorkspaceSource {
  readonly workspaceId: string;
  readonly schemaName: string;
}

/**
 * Reads the catalogue of one workspace together with the shape it has in the same snapshot: a model
 * change that commits in between cannot put a schema under the fingerprint of another.
 */
export async function introspectWorkspace(
  pool: Pool,
  source: WorkspaceSource,
): Promise<{ model: Model; catalogue: string }> {
  const client = await pool.connect();
  let failed = true;
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows } = await client.query<{ model_version: string; shape: string }>(
      'select model_version, shape from core.gateway_workspace($1)',
      [source.workspaceId],
    );
    const catalogue = await client.query<{ introspection: string }>(
      limitIntrospection(makeIntrospectionQuery(), source.schemaName),
    );
    await client.query('commit');
    failed = false;
    if (!rows[0]) throw new Error(`The workspace ${source.workspaceId} does not exist any more.`);
    return {
      model: { version: Number(rows[0].model_version), shape: rows[0].shape },
      catalogue: hideUnmanaged(catalogue.rows[0]!.introspection, source.schemaName),
    };
  } finally {
    // A connection in a transaction that failed is not worth saving.
    client.release(failed);
  }
}

/** Reads the catalogue of a schema that changes with migrations alone. */
export async function introspectSchema(pool: Pool, schemaName: string): Promise<string> {
  const { rows } = await pool.query<{ introspection: string }>(
    limitIntrospection(makeIntrospectionQuery(), schemaName),
  );
  return rows[0]!.introspection;
}
