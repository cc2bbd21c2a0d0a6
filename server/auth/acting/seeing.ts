import type { Express, Request, Response } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../../errors.ts';
import { readJson } from '../../http/body.ts';
import { noteAuthEvent } from '../events.ts';
import type { Identities, Identity } from '../identity.ts';
import { presentIdentity } from '../presentIdentity.ts';

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** Seeing the workspace as a role or a member does: a state of the session, which the database holds and judges. */
export function installSeeing(app: Express, { pool, identities }: Parts): void {
  const session = async (request: Request, response: Response): Promise<Identity & { sessionId: string }> => {
    const identity = await identities.of(request, response, true);
    if (identity.sessionId === null) {
      throw new RequestError('FORBIDDEN', { message: 'Only a member who is signed in sees as others do.' });
    }
    return identity as Identity & { sessionId: string };
  };
  const answer = async (response: Response, sessionId: string) => {
    identities.forget({ session: sessionId });
    response.setHeader('cache-control', 'no-store');
    response.json(presentIdentity(await identities.ofSession(sessionId)));
  };

  app.post('/auth/see-as', async (request, response) => {
    const { sessionId, userId, workspaceId } = await session(request, response);
    const { roleId, memberId } = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    const target = roleId ?? memberId;
    if (typeof target !== 'string' || !UUID.test(target) || (roleId != null && memberId != null)) {
      throw new RequestError('INVALID_REQUEST', { message: 'Send the id of a role or of a member.' });
    }
    const detail = roleId == null ? { memberId: target } : { roleId: target };
    try {
      await pool.query('select core.begin_seeing($1, $2, $3)', [sessionId, roleId ?? null, memberId ?? null]);
    } catch (error) {
      await noteAuthEvent(pool, request, 'SEE_AS_REFUSED', { userId, workspaceId, detail });
      throw error;
    }
    await noteAuthEvent(pool, request, 'SEE_AS_BEGUN', { userId, workspaceId, detail });
    await answer(response, sessionId);
  });

  app.post('/auth/see-as/end', async (request, response) => {
    const { sessionId, userId, workspaceId } = await session(request, response);
    const { rows } = await pool.query<{ ended: boolean }>('select core.end_seeing($1) as ended', [sessionId]);
    if (rows[0]!.ended) await noteAuthEvent(pool, request, 'SEE_AS_ENDED', { userId, workspaceId });
    await answer(response, sessionId);
  });
}
