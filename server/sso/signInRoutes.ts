import type { Express, Request, Response } from 'express';
import { readEmail } from '../auth/mailRequests.ts';
import { readTexts } from '../auth/requestFields.ts';
import { RequestError } from '../errors.ts';
import { slugOfRequest } from '../http/origin.ts';
import { beginRoundTrip, countRequest } from './begin.ts';
import type { SsoParts } from './begin.ts';
import { explain } from './explain.ts';
import { findProvider } from './findProvider.ts';
import type { Provider } from './openId.ts';
import { openOutcome } from './outcome.ts';

/** What the sign-in page asks about single sign-on, and the addresses that begin it. */
export function installSsoSignIn(app: Express, parts: SsoParts): void {
  const { pool, secrets, identities, attempts } = parts;

  app.get('/auth/sso/providers', async (request, response) => {
    await countRequest(attempts, request);
    const { workspace } = request.query;
    const slug = slugOfRequest(request, parts.accounts.publicUrl) ?? (typeof workspace === 'string' ? workspace : null);
    const { rows } = await pool.query<{ ways: object }>('select core.sign_in_ways($1) as ways', [slug]);
    response.setHeader('cache-control', 'no-store');
    response.json(rows[0]!.ways);
  });

  app.post('/auth/sso/find', async (request, response) => {
    identities.assertSameOrigin(request);
    await countRequest(attempts, request);
    const email = readEmail((await readTexts(pool, request, ['email'])).email);
    const { rows } = await pool.query<{ providers: object }>('select core.find_providers($1) as providers', [email]);
    response.setHeader('cache-control', 'no-store');
    response.json({ providers: rows[0]!.providers });
  });

  const start = async (request: Request, response: Response, findId: () => Promise<unknown>): Promise<void> => {
    const { next, login_hint: hint } = request.query;
    let provider: Provider | undefined;
    try {
      provider = await findProvider(pool, await findId());
      if (!provider.is_enabled) {
        throw new RequestError('NOT_FOUND', { message: 'This way of single sign-on is switched off.' });
      }
      const url = await beginRoundTrip(parts, { request, response }, provider, {
        purpose: 'ENTER',
        next: typeof next === 'string' ? next : '/',
        loginHint: typeof hint === 'string' ? readEmail(hint) : undefined,
      });
      response.redirect(303, url);
    } catch (error) {
      await explain(parts, { request, response }, error, { provider, back: '/' });
    }
  };

  app.get('/auth/sso/start/:id', (request, response) =>
    start(request, response, () => Promise.resolve(request.params.id)),
  );

  // An address to keep, and for a provider's own list of applications.
  app.get('/auth/sso/go/:workspace/:slug', (request, response) =>
    start(request, response, async () => {
      const { workspace, slug } = request.params;
      const { rows } = await pool.query<{ id: string | null }>('select core.provider_by_slug($1, $2) as id', [
        workspace,
        slug,
      ]);
      return rows[0]!.id;
    }),
  );

  app.post('/auth/sso/outcome', async (request, response) => {
    identities.assertSameOrigin(request);
    const { outcome } = await readTexts(pool, request, ['outcome']);
    response.setHeader('cache-control', 'no-store');
    response.json(openOutcome(secrets, outcome));
  });
}
