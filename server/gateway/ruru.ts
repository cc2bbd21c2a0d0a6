import type { Express } from 'express';
import { ruruHTML } from 'postgraphile/grafserv/ruru/server';
import { serveStatic } from 'postgraphile/grafserv/ruru/static';
import type { Identities } from '../auth/identity.ts';

const STATIC_PATH = '/ruru/';

/** GraphiQL for people who develop, at the addresses of the two APIs. Imported in development only. */
export function installRuru(app: Express, identities: Identities): void {
  app.use(serveStatic(STATIC_PATH));
  for (const endpoint of ['/graphql', '/metadata']) {
    app.get(endpoint, async (request, response) => {
      await identities.of(request, response);
      response.type('html').send(ruruHTML({ endpoint, staticPath: STATIC_PATH }));
    });
  }
}
