import type { Request } from 'express';
import type { Pool } from 'pg';
import type { AccountsConfig } from '../../../db/config.ts';
import { noteAuthEvent } from '../../auth/events.ts';
import { assertOwnHost } from '../../auth/requestFields.ts';
import { RequestError } from '../../errors.ts';
import { baseOf } from '../baseOf.ts';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Where we are. Assertions are made for an address and believed by who has it, so the name must not come from a request:
 * whoever has an assertion for another service could call us by its name. Without RELVAR_URL only names of this machine do.
 */
export async function ownBase(
  { pool, accounts }: { pool: Pool; accounts: AccountsConfig },
  request: Request,
): Promise<string> {
  await assertOwnHost(pool, request, accounts.publicUrl);
  if (accounts.publicUrl === null && !LOOPBACK.includes(request.hostname)) {
    const detail = { reason: 'WRONG_HOST', host: request.hostname.slice(0, 200) };
    await noteAuthEvent(pool, request, 'REQUEST_REFUSED', { detail });
    throw new RequestError('WRONG_HOST', { hint: 'Signing in by SAML needs RELVAR_URL, the address of this server.' });
  }
  return baseOf(accounts, request);
}
