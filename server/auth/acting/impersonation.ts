import type { Express } from 'express';
import type { DatabaseError, Pool } from 'pg';
import { hasOwnAddresses } from '../../../db/workspaceAddress.ts';
import { ownDomainOf } from '../../http/origin.ts';
import { RequestError } from '../../errors.ts';
import { readJson } from '../../http/body.ts';
import { expireSessionCookies, readCookie } from '../cookies.ts';
import { noteAuthEvent } from '../events.ts';
import type { Identities } from '../identity.ts';
import type { Own } from '../own.ts';
import { presentIdentity } from '../presentIdentity.ts';
import type { Sessions } from '../sessions/sessions.ts';

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly sessions: Sessions;
  readonly own: Own;
  readonly publicUrl: string | null;
}

/** Acting as a member for a while, and the way back. The database decides who may. */
export function installImpersonation(app: Express, { pool, identities, sessions, own, publicUrl }: Parts): void {
  app.post('/auth/impersonate', async (request, response) => {
    const { userId, sessionId, workspaceId } = await own.member(request, response);
    const { member, reason, minutes } = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    if (
      typeof member !== 'string' ||
      !/^[\da-f-]{36}$/.test(member) ||
      typeof reason !== 'string' ||
      !Number.isInteger(minutes)
    )
      throw new RequestError('INVALID_REQUEST', {
        message: 'Send the "member", the "reason" and for how many "minutes".',
      });
    try {
      const staysIn = hasOwnAddresses(publicUrl) || ownDomainOf(request) ? workspaceId : null;
      const by = { sessionId, member, reason, minutes: Number(minutes), staysIn };
      const begun = await sessions.impersonate(request, by);
      sessions.setCookies(request, response, begun);
      response.setHeader('cache-control', 'no-store');
      response.json(presentIdentity(begun.identity));
    } catch (error) {
      if (/^RV(15[5-7]|181)$/.test((error as DatabaseError).code ?? ''))
        await noteAuthEvent(pool, request, 'IMPERSONATION_REFUSED', {
          workspaceId,
          userId,
          detail: { member, reason: (error as Error).message },
        });
      throw error;
    }
  });

  app.get('/auth/impersonate', async (request, response) => {
    const { sessionId, impersonatorName } = await identities.of(request, response);
    const { rows } = await pool.query<{ reason: string; until: Date }>('select * from core.impersonation_of($1)', [
      sessionId,
    ]);
    response.setHeader('cache-control', 'no-store');
    response.json(rows[0] ? { name: impersonatorName, ...rows[0] } : null);
  });

  // By the refresh token, which the browser has also when the time is just over.
  app.post('/auth/impersonate/end', async (request, response) => {
    identities.assertSameOrigin(request);
    const token = readCookie(request, 'relvar_refresh');
    const begun = token === undefined ? undefined : await sessions.returnFrom(token);
    response.setHeader('cache-control', 'no-store');
    if (begun === undefined) {
      expireSessionCookies(request, response);
      throw new RequestError('NOT_SIGNED_IN');
    }
    sessions.setCookies(request, response, begun);
    response.json(presentIdentity(begun.identity));
  });
}
