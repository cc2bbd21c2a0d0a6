import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import type { AccountsConfig } from '../../db/config.ts';
import type { Secrets } from '../../db/secrets.ts';
import type { Attempts } from '../auth/attempts.ts';
import type { Identities } from '../auth/identity.ts';
import type { Own } from '../auth/own.ts';
import { assertOwnHost, assertOwnPath } from '../auth/requestFields.ts';
import type { StartSession } from '../auth/startSession.ts';
import { RequestError } from '../errors.ts';
import { baseOf } from './baseOf.ts';
import type { OpenId, Provider } from './openId.ts';
import { keepRoundTrip } from './roundTrip.ts';
import type { RoundTrip } from './roundTrip.ts';
import { ownBase } from './saml/ownBase.ts';
import type { Saml } from './saml/saml.ts';

export interface SsoParts {
  readonly pool: Pool;
  readonly secrets: Secrets;
  readonly identities: Identities;
  readonly attempts: Attempts;
  readonly own: Own;
  readonly startSession: StartSession;
  readonly accounts: AccountsConfig;
  readonly openId: OpenId;
  readonly saml: Saml;
}

/** Longer ones do not fit into a cookie. */
const MAX_NEXT = 1_000;

/** Asking providers is work for others, too; nobody causes much of it. */
export const countRequest = (attempts: Attempts, request: Request): Promise<void> =>
  attempts.count({ key: `sso ${request.ip ?? ''}`, max: 200, seconds: 15 * 60 });

/**
 * Where a provider sends browsers back to. Each has an address of its own: what one provider sends is never taken for
 * what another was asked.
 */
export const redirectUri = (accounts: AccountsConfig, request: Request, providerId: string): string =>
  `${baseOf(accounts, request)}/auth/sso/callback/${providerId}`;

/** Keeps what the browser begins, and says where it goes on. */
export async function beginRoundTrip(
  { pool, secrets, attempts, accounts, openId, saml }: SsoParts,
  { request, response }: { request: Request; response: Response },
  provider: Provider,
  { loginHint, ...trip }: Omit<RoundTrip, 'providerId' | 'expected'> & { loginHint?: string | undefined },
): Promise<string> {
  await countRequest(attempts, request);
  await assertOwnHost(pool, request, accounts.publicUrl);
  await assertOwnPath(pool, request, trip.next);
  if (trip.next.length > MAX_NEXT) throw new RequestError('INVALID_REQUEST', { message: '"next" is too long.' });
  const { url, expected } =
    provider.kind === 'SAML'
      ? await saml.begin(provider, await ownBase({ pool, accounts }, request))
      : await openId.begin(provider, redirectUri(accounts, request, provider.id), {
          loginHint,
          // Who connects an account chooses which.
          asksWho: trip.purpose !== 'ENTER',
        });
  keepRoundTrip(secrets, request, response, { ...trip, providerId: provider.id, expected });
  response.setHeader('cache-control', 'no-store');
  return url;
}
