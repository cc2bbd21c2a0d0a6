import type { Express, Request, Response } from 'express';
import type Provider from 'oidc-provider';
import type { Pool } from 'pg';
import type { Identities, Identity } from '../auth/identity.ts';
import type { Own } from '../auth/own.ts';
import type { Refusals } from '../auth/refusals.ts';
import { RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import { CONSENT_PATH } from './provider.ts';

interface ConsentParts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly own: Own;
  readonly refusals: Refusals;
  /** The authorization server as this request names it. */
  readonly providerOf: (request: Request) => Promise<Provider>;
}

interface Look {
  readonly isAllowed: boolean;
  readonly isRemembered: boolean;
}

interface Asked {
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly resource: string | null;
  readonly redirectUri: string | null;
  readonly isConsentWanted: boolean;
  /** Where the member must prove anew who they are: not before this moment may the session have begun. */
  readonly signedInSince: Date | null;
}

/** What the page asks on which a member decides about an app, and what it says. Only the browser that the app sent here may. */
export function installConsent(app: Express, parts: ConsentParts): void {
  const { pool, identities, own, refusals, providerOf } = parts;

  app.get(`${CONSENT_PATH}/:uid/details`, async (request, response) => {
    response.setHeader('cache-control', 'no-store');
    const provider = await providerOf(request);
    const asked = await interactionOf(provider, request, response);
    const identity = await own.member(request, response);
    const look = await lookAt(pool, identity, asked);
    response.json({
      ...look,
      isRemembered: look.isRemembered && !asked.isConsentWanted,
      mustSignInAgain: await mustSignInAgain(pool, identity, asked),
      redirectUri: asked.redirectUri,
    });
  });

  app.post(`${CONSENT_PATH}/:uid`, async (request, response) => {
    identities.assertSameOrigin(request);
    response.setHeader('cache-control', 'no-store');
    const { allow } = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    if (typeof allow !== 'boolean')
      throw new RequestError('INVALID_REQUEST', { message: '"allow" must be true or false.' });
    const provider = await providerOf(request);
    let asked: Asked;
    try {
      asked = await interactionOf(provider, request, response);
    } catch (error) {
      refusals.note(request, 'CONSENT_WITHOUT_REQUEST');
      throw error;
    }
    let identity: Identity;
    try {
      identity = await own.member(request, response);
    } catch (error) {
      if (error instanceof RequestError && error.code === 'FORBIDDEN') refusals.note(request, 'CONSENT_BY_PROGRAM');
      throw error;
    }
    if (!allow) {
      const result = { error: 'access_denied', error_description: 'the member said no' };
      response.json({ next: await provider.interactionResult(request, response, result) });
      return;
    }
    if (await mustSignInAgain(pool, identity, asked)) throw new RequestError('NOT_SIGNED_IN');
    const { rows } = await pool.query<{ id: string | null }>(
      'select core.consent_to_client($1, $2, $3, $4, $5, $6) as id',
      [
        identity.memberId,
        asked.clientId,
        asked.scopes,
        asked.resource,
        request.ip ?? null,
        request.headers['user-agent'] ?? null,
      ],
    );
    const grantId = rows[0]?.id;
    if (!grantId) throw new RequestError('APP_NOT_ALLOWED');
    const result = {
      login: { accountId: identity.memberId!, remember: false, ts: await sessionBegan(pool, identity) },
      consent: { grantId },
    };
    response.json({ next: await provider.interactionResult(request, response, result) });
  });
}

/** What the app has asked for, as the cookie of this one request says; a page that only names it has no such cookie. */
async function interactionOf(provider: Provider, request: Request, response: Response): Promise<Asked> {
  let interaction;
  try {
    interaction = await provider.interactionDetails(request, response);
  } catch (error) {
    throw new RequestError('CONSENT_EXPIRED', { hint: (error as Error).message });
  }
  if (interaction.uid !== request.params['uid']) throw new RequestError('CONSENT_EXPIRED');
  const { params, prompt, iat } = interaction;
  const { client_id: clientId, scope, resource, redirect_uri: redirectUri, max_age: maxAge } = params;
  const prompts = typeof params['prompt'] === 'string' ? params['prompt'].split(' ') : [];
  const began = new Date((iat ?? 0) * 1000);
  return {
    clientId: clientId as string,
    scopes: [...new Set(String(scope ?? '').split(' '))].filter((each) => each !== ''),
    resource: Array.isArray(resource) ? ((resource[0] as string | undefined) ?? null) : ((resource as string) ?? null),
    redirectUri: (redirectUri as string | undefined) ?? null,
    isConsentWanted: prompts.includes('consent') || prompt.name === 'consent',
    signedInSince: prompts.includes('login')
      ? began
      : maxAge === undefined
        ? null
        : new Date(began.getTime() - Number(maxAge) * 1000),
  };
}

async function lookAt(pool: Pool, { memberId }: Identity, { clientId, scopes, resource }: Asked): Promise<Look> {
  const { rows } = await pool.query<{ look: Look | null }>('select core.look_at_consent($1, $2, $3, $4) as look', [
    memberId,
    clientId,
    scopes,
    resource,
  ]);
  if (!rows[0]?.look) throw new RequestError('CONSENT_EXPIRED');
  return rows[0].look;
}

async function sessionBegan(pool: Pool, { sessionId }: Identity): Promise<number> {
  const { rows } = await pool.query<{ began: number }>('select core.session_began($1) as began', [sessionId]);
  return rows[0]!.began;
}

async function mustSignInAgain(pool: Pool, identity: Identity, { signedInSince }: Asked): Promise<boolean> {
  return signedInSince !== null && (await sessionBegan(pool, identity)) < Math.floor(signedInSince.getTime() / 1000);
}
