import type { Express, Request, Response } from 'express';
import type { Pool } from 'pg';
import { noteAuthEvent } from '../auth/events.ts';
import { assertOwnHost } from '../auth/requestFields.ts';
import { countRequest, redirectUri } from './begin.ts';
import type { SsoParts } from './begin.ts';
import { enterWithProvider, SsoRefused } from './enterWithProvider.ts';
import type { Refusal, Statement } from './enterWithProvider.ts';
import { explain, NotOurs } from './explain.ts';
import { findProvider } from './findProvider.ts';
import { ProviderFailed } from './openId.ts';
import type { Provider } from './openId.ts';
import { takeRoundTrip } from './roundTrip.ts';
import type { RoundTrip } from './roundTrip.ts';
import { AnswerRefused } from './saml/saml.ts';

/** Where providers send browsers back to. */
export function installCallback(app: Express, parts: SsoParts): void {
  const { pool, secrets, attempts, accounts, openId, saml } = parts;

  app.get('/auth/sso/callback/:id', async (request, response) => {
    let provider: Provider | undefined;
    const trip = takeRoundTrip(secrets, request, response);
    try {
      await countRequest(attempts, request);
      await assertOwnHost(pool, request, accounts.publicUrl);
      provider = await findProvider(pool, request.params.id);
      if (provider.kind === 'SAML') saml.assertAccepted(request.query['refused']);
      if (trip === undefined) throw new NotOurs('NOT_BEGUN_HERE');
      if (trip.providerId !== provider.id) throw new NotOurs('OTHER_PROVIDER');
      if (request.query['state'] !== trip.expected.state) throw new NotOurs('WRONG_STATE');
      if (!(await isFirstUse(pool, trip.expected.state))) throw new NotOurs('REPLAYED');
      const returned = new URL(redirectUri(accounts, request, provider.id));
      returned.search = new URL(request.url, 'http://relvar.invalid').search;
      const statement =
        provider.kind === 'SAML'
          ? await saml.finish(provider, returned, trip.expected)
          : await openId.finish(provider, returned, trip.expected);
      await finish(parts, { request, response }, { provider, trip, statement });
    } catch (error) {
      if (trip?.purpose === 'TEST' && provider && (error instanceof ProviderFailed || error instanceof AnswerRefused)) {
        await noteTest(pool, provider, { problem: error.reason, said: error.inner });
      }
      const back = trip && trip.purpose !== 'ENTER' ? trip.next : '/';
      await explain(parts, { request, response }, error, { provider, back });
    }
  });
}

/** The provider redeems a code once; a state that is used up here does not even let it be asked again. */
async function isFirstUse(pool: Pool, state: string): Promise<boolean> {
  const { rows } = await pool.query<{ first: boolean }>(
    "select core.count_attempt('sso state ' || $1, 1, '15 minutes') as first",
    [state],
  );
  return rows[0]!.first;
}

async function finish(
  parts: SsoParts,
  { request, response }: { request: Request; response: Response },
  { provider, trip, statement }: { provider: Provider; trip: RoundTrip; statement: Statement },
): Promise<void> {
  const { pool, own } = parts;
  if (trip.purpose === 'ENTER') {
    await enterWithProvider(parts, { request, response, goTo: trip.next }, provider, statement);
    return;
  }
  const { userId, sessionId, workspaceId } = await own.member(request, response);
  // Somebody else signed in here meanwhile, who has not asked for this.
  if (sessionId !== trip.sessionId || workspaceId !== provider.workspace_id) throw new NotOurs('OTHER_SESSION');
  if (trip.purpose === 'TEST') {
    await noteTest(pool, provider, presentStatement(statement));
    await noteAuthEvent(pool, request, 'PROVIDER_TESTED', {
      userId,
      workspaceId,
      detail: { provider: provider.label },
    });
  } else {
    const { rows } = await pool.query<{ refusal: Refusal | null }>(
      'select core.connect_identity($1, $2, $3, $4, $5, $6) as refusal',
      [
        userId,
        provider.id,
        statement.subject,
        statement.email,
        request.ip ?? null,
        request.headers['user-agent'] ?? null,
      ],
    );
    if (rows[0]!.refusal) throw new SsoRefused(rows[0]!.refusal);
  }
  response.redirect(303, trip.next);
}

async function noteTest(pool: Pool, provider: Provider, result: object): Promise<void> {
  const hasWorked = !('problem' in result);
  await pool.query('select core.note_provider_test($1, $2, $3)', [
    provider.id,
    { ...result, at: new Date().toISOString() },
    hasWorked,
  ]);
}

const MAX_VALUE = 300;
const MAX_CLAIMS = 40;

/** What whoever tests a provider wants to see: what it says, and what we make of it. */
function presentStatement({ subject, email, isEmailVerified, name, hasSecondFactor, claims }: Statement): object {
  const values = Object.entries(claims)
    .slice(0, MAX_CLAIMS)
    .map(([claim, value]) => [claim, (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, MAX_VALUE)]);
  return { subject, email, isEmailVerified, name, hasSecondFactor, claims: Object.fromEntries(values) as object };
}
