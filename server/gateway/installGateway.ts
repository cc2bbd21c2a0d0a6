import type { Express } from 'express';
import type { Pool } from 'pg';
import { identitySettings } from '../../db/pool.ts';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import type { Gateway } from './gateway.ts';
import { makeGraphqlHandler } from './handler.ts';
import type { Instance } from './instance.ts';
import { makeWithPgClient } from './pgClient.ts';
import type { RequestSettings } from './pgClient.ts';

/** What a list or a save may take. Changes of the data model may take longer and have no such limit. */
const STATEMENT_TIMEOUT = '25s';

interface GatewayOptions {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly gateway: Gateway;
  /** The schema of /metadata, the same for all workspaces; it changes with migrations alone. */
  readonly metadata: () => Promise<Instance>;
}

/** The two GraphQL endpoints: records at /graphql, the data model at /metadata. */
export function installGateway(app: Express, options: GatewayOptions): void {
  const { pool, identities, gateway, metadata } = options;
  const withPgClient = makeWithPgClient(pool);
  const identify = (request: Parameters<Identities['of']>[0]) => identities.of(request);

  app.post(
    '/graphql',
    makeGraphqlHandler({
      pool,
      withPgClient,
      identify,
      settings: (identity, requestId) => ({
        ...settings(identity, requestId),
        statement_timeout: STATEMENT_TIMEOUT,
      }),
      acquire: (identity, minVersion) => gateway.acquire(identity, minVersion),
    }),
  );
  app.post(
    '/metadata',
    makeGraphqlHandler({
      pool,
      withPgClient,
      identify,
      settings: (identity, requestId) => ({
        ...settings(identity, requestId),
        search_path: 'metadata, public',
      }),
      acquire: async (identity) => ({
        instance: await metadata(),
        version: gateway.models.version(identity.workspaceId),
      }),
    }),
  );
  for (const path of ['/graphql', '/metadata']) {
    app.all(path, () => {
      throw new RequestError('METHOD_NOT_ALLOWED', { headers: { allow: 'POST' } });
    });
  }
}

function settings(identity: Identity, requestId: string): RequestSettings {
  return identitySettings({ ...identity, requestId });
}
