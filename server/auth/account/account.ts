import type { Express } from 'express';
import type { Pool } from 'pg';
import { hasOwnAddresses } from '../../../db/workspaceAddress.ts';
import { ownDomainOf } from '../../http/origin.ts';
import { workspaceOrigin } from '../../http/workspaceOrigin.ts';
import { RequestError } from '../../errors.ts';
import { readJson } from '../../http/body.ts';
import { describeDevice } from '../../../db/describeDevice.ts';
import { noteAuthEvent } from '../events.ts';
import type { Own } from '../own.ts';
import type { Places } from '../places.ts';
import { assertNewPassword, hashPassword } from '../passwords.ts';
import type { StartSession } from '../startSession.ts';

interface Parts {
  readonly pool: Pool;
  readonly own: Own;
  readonly startSession: StartSession;
  readonly places: Places;
  readonly publicUrl: string | null;
}

interface SessionRow {
  id: string;
  workspace_name: string;
  method: string;
  user_agent: string | null;
  ip: string | null;
  created_at: Date;
  last_used_at: Date;
  mfa_at: Date | null;
  impersonator: string | null;
}

/** What somebody sees and changes of their own sign-in: where they are signed in, and their password. */
export function installAccount(app: Express, { pool, own, startSession, places, publicUrl }: Parts): void {
  app.get('/auth/sessions', async (request, response) => {
    const { userId, sessionId } = await own.member(request, response);
    const { rows } = await pool.query<SessionRow>('select * from core.list_sessions($1, $2)', [userId, sessionId]);
    response.setHeader('cache-control', 'no-store');
    response.json(
      rows.map((row) => ({
        id: row.id,
        isCurrent: row.id === sessionId,
        device: describeDevice(row.user_agent),
        address: row.ip,
        place: places.of(row.ip),
        workspace: row.workspace_name,
        method: row.method,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at,
        hasSecondFactor: row.mfa_at !== null,
        impersonator: row.impersonator,
      })),
    );
  });

  app.post('/auth/sessions/revoke', async (request, response) => {
    const { userId, workspaceId, sessionId } = await own.member(request, response);
    const { id, others } = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    if (others !== true && (typeof id !== 'string' || !/^[\da-f-]{36}$/.test(id))) {
      throw new RequestError('INVALID_REQUEST', { message: 'Send the "id" of a session, or "others": true.' });
    }
    const { rows } = await pool.query<{ count: number | boolean | null }>(
      others === true
        ? "select core.revoke_sessions($1, 'REVOKED', $2) as count"
        : 'select core.revoke_own_session($1, $2) as count',
      [userId, others === true ? sessionId : id],
    );
    if (rows[0]!.count === null) throw new RequestError('NOT_FOUND', { message: 'You have no such session.' });
    await noteAuthEvent(pool, request, 'SESSION_REVOKED', {
      userId,
      workspaceId,
      detail: { count: Number(rows[0]!.count) },
    });
    response.status(204).end();
  });

  app.post('/auth/password', async (request, response) => {
    const member = await own.account(request, response);
    const { userId, workspaceId, sessionId } = member;
    const { current, code, next } = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    if (typeof next !== 'string') throw new RequestError('INVALID_REQUEST', { message: '"next" must be a text.' });
    await own.assertProof(request, member, { password: current, code });
    assertNewPassword(next);
    await pool.query('select core.change_password($1, $2, $3, $4, $5)', [
      userId,
      await hashPassword(next),
      sessionId,
      request.ip ?? null,
      request.headers['user-agent'] ?? null,
    ]);
    await noteAuthEvent(pool, request, 'PASSWORD_CHANGED', { userId, workspaceId });
    response.status(204).end();
  });

  app.get('/auth/workspaces', async (request, response) => {
    const { userId, sessionId, workspaceId } = await own.member(request, response);
    const { rows } = await pool.query<{ id: string; slug: string; name: string }>(
      'select * from core.workspaces_of($1) where id = $3 or not core.is_provider_session($2)',
      [userId, sessionId, workspaceId],
    );
    response.setHeader('cache-control', 'no-store');
    // One begins a session where one is, unless addresses say which workspace it is for.
    const isNamed = publicUrl !== null && (hasOwnAddresses(publicUrl) || ownDomainOf(request) !== undefined);
    const entries = rows.map(async (row) => ({
      ...row,
      ...(isNamed && { address: await workspaceOrigin(pool, publicUrl, row.slug) }),
    }));
    response.json(await Promise.all(entries));
  });

  // A session is for one workspace. The one that is left ends, and the second factor need not be proved again.
  app.post('/auth/switch', async (request, response) => {
    const { userId, sessionId } = await own.member(request, response);
    const { workspace } = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    const { rows } = await pool.query<{ id: string; mfa_at: Date | null }>(
      'select id, core.session_mfa_at($3) as mfa_at from core.workspaces_of($1) where slug = $2',
      [userId, String(workspace), sessionId],
    );
    const [found] = rows;
    if (!found) throw new RequestError('NO_WORKSPACE');
    const { id: workspaceId, mfa_at: mfaAt } = found;
    const switched = {
      userId,
      workspaceId,
      method: 'SWITCH',
      mfa: mfaAt !== null,
      mfaAt,
      fromSessionId: sessionId,
    } as const;
    await startSession(request, response, switched);
    if (response.hasHeader('set-cookie')) await pool.query("select core.revoke_session($1, 'SWITCHED')", [sessionId]);
  });
}
