import type { RequestListener } from 'node:http';
import type { Express } from 'express';
import type { Pool } from 'pg';
import { identitySettings } from '../../db/pool.ts';
import type { Identities, Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import type { Gateway } from './gateway.ts';
import { makeGraphqlHandler } from './handler.ts';
import type { Endpoint } from './handler.ts';
import type { Instance } from './instance.ts';
import { MatchingIds } from './matchingIds.ts';
import { makeWithPgClient } from './pgClient.ts';
import type { RequestSettings } from './pgClient.ts';
import { RenamedDocuments } from './renamedDocuments.ts';

/** What a list or a save may take. Changes of the data model may take longer and have no such limit. */
const STATEMENT_TIMEOUT = '25s';

interface GatewayOptions {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly gateway: Gateway;
  /** The schema of /metadata, the same for all workspaces; it changes with migrations alone. */
  readonly metadata: () => Promise<Instance>;
}

/** The endpoint of records; subscriptions ask it, too. */
export function recordsEndpoint({ pool, identities, gateway }: Omit<GatewayOptions, 'metadata'>): Endpoint {
  const withPgClient = makeWithPgClient(pool);
  return {
    pool,
    withPgClient,
    identify: (request, response) => identities.of(request, response, true),
    settings: (identity, requestId) => ({
      ...settings(identity, requestId),
      statement_timeout: STATEMENT_TIMEOUT,
    }),
    acquire: (identity, minVersion) => gateway.acquire(identity, minVersion),
    renamed: new RenamedDocuments(pool),
    matchingIds: new MatchingIds(withPgClient),
  };
}

/** The two GraphQL endpoints by their paths: records at /graphql, the data model at /metadata. */
export function makeEndpoints(options: GatewayOptions, records: Endpoint): Record<string, RequestListener> {
  const { gateway, metadata } = options;
  const { pool, withPgClient, identify } = records;
  return {
    '/graphql': makeGraphqlHandler(records),
    '/metadata': makeGraphqlHandler({
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
  };
}

/** For addresses that are not exactly an endpoint's, such as with a query string, and other methods. */
export function installGateway(app: Express, endpoints: Record<string, RequestListener>): void {
  for (const [path, listener] of Object.entries(endpoints)) {
    app.post(path, listener);
    app.all(path, () => {
      throw new RequestError('METHOD_NOT_ALLOWED', { headers: { allow: 'POST' } });
    });
  }
}

function settings(identity: Identity, requestId: string): RequestSettings {
  return identitySettings({ ...identity, requestId });
}
