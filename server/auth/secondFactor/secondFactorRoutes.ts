import type { Express, Request } from 'express';
import type { Pool } from 'pg';
import type { Secrets } from '../../../db/secrets.ts';
import { RequestError } from '../../errors.ts';
import { readJson } from '../../http/body.ts';
import { noteAuthEvent } from '../events.ts';
import type { Identities } from '../identity.ts';
import type { Own } from '../own.ts';
import type { SecondFactor } from './secondFactor.ts';
import { openTicket } from '../startSession.ts';
import type { StartSession } from '../startSession.ts';

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly secrets: Secrets;
  readonly secondFactor: SecondFactor;
  readonly startSession: StartSession;
  readonly own: Own;
}

/** The second step of signing in, and the second factor in the settings of its owner. */
export function installSecondFactor(app: Express, parts: Parts): void {
  const { pool, identities, secrets, secondFactor, startSession, own } = parts;

  const body = async (request: Request) => {
    identities.assertSameOrigin(request);
    return ((await readJson(request)) ?? {}) as Record<string, unknown>;
  };
  const proveOrNote = async (request: Request, userId: string, code: unknown, isRecoveryAllowed = true) => {
    try {
      await secondFactor.prove(userId, String(code ?? ''), { isRecoveryAllowed });
    } catch (error) {
      if (error instanceof RequestError) await noteAuthEvent(pool, request, 'SECOND_FACTOR_FAILED', { userId });
      throw error;
    }
  };

  app.post('/auth/sign-in/second-factor', async (request, response) => {
    const { ticket: sealed, code, remember } = await body(request);
    const ticket = openTicket(secrets, sealed);
    if (ticket.next !== 'SECOND_FACTOR') throw new RequestError('TICKET_EXPIRED');
    await proveOrNote(request, ticket.userId, code);
    if (remember === true) await secondFactor.trust(request, response, ticket.userId, ticket.workspaceId);
    await startSession(request, response, { ...ticket, mfa: true });
  });

  // For members whose workspace wants a second factor that they do not have yet: with the ticket of the first step.
  app.post('/auth/sign-in/second-factor/begin', async (request, response) => {
    const ticket = openTicket(secrets, (await body(request))['ticket']);
    if (ticket.next !== 'SET_UP_SECOND_FACTOR') throw new RequestError('TICKET_EXPIRED');
    response.setHeader('cache-control', 'no-store');
    response.json(await secondFactor.begin(ticket.userId, await emailOf(pool, ticket.userId)));
  });

  app.post('/auth/sign-in/second-factor/confirm', async (request, response) => {
    const { ticket: sealed, code } = await body(request);
    const ticket = openTicket(secrets, sealed);
    if (ticket.next !== 'SET_UP_SECOND_FACTOR') throw new RequestError('TICKET_EXPIRED');
    const { is_confirmed: isOn, passkeys } = await secondFactor.state(ticket.userId, null);
    if (isOn || passkeys > 0) throw new RequestError('SECOND_FACTOR_ON');
    await proveOrNote(request, ticket.userId, code, false);
    await noteAuthEvent(pool, request, 'SECOND_FACTOR_ON', ticket);
    const recoveryCodes = await secondFactor.makeRecoveryCodes(ticket.userId);
    await startSession(request, response, { ...ticket, mfa: true, also: { recoveryCodes } });
  });

  app.get('/auth/second-factor', async (request, response) => {
    const { userId, workspaceId, sessionId } = await own.member(request, response);
    const state = await secondFactor.state(userId, workspaceId);
    const { rows } = await pool.query<{ has_password: boolean }>(
      'select password_hash is not null as has_password from core.proof_of($1)',
      [sessionId],
    );
    response.setHeader('cache-control', 'no-store');
    response.json({
      isOn: state.is_confirmed,
      passkeys: state.passkeys,
      codesLeft: state.codes_left,
      isEnforced: state.is_enforced,
      hasPassword: rows[0]?.has_password === true,
    });
  });

  app.post('/auth/second-factor/begin', async (request, response) => {
    const member = await own.account(request, response);
    await own.assertProof(request, member, await body(request));
    response.setHeader('cache-control', 'no-store');
    response.json(await secondFactor.begin(member.userId, member.email));
  });

  app.post('/auth/second-factor/confirm', async (request, response) => {
    const { userId, workspaceId, sessionId } = await own.account(request, response);
    const { code } = await body(request);
    if ((await secondFactor.state(userId, null)).is_confirmed) throw new RequestError('SECOND_FACTOR_ON');
    await proveOrNote(request, userId, code, false);
    await pool.query('select core.note_session_mfa($1)', [sessionId]);
    await noteAuthEvent(pool, request, 'SECOND_FACTOR_ON', { userId, workspaceId });
    response.setHeader('cache-control', 'no-store');
    response.json({ recoveryCodes: await secondFactor.makeRecoveryCodes(userId) });
  });

  app.post('/auth/second-factor/recovery-codes', async (request, response) => {
    const member = await own.account(request, response);
    const { userId, workspaceId } = member;
    await own.assertProof(request, member, await body(request));
    const { is_confirmed: hasCodes, passkeys } = await secondFactor.state(userId, null);
    if (!hasCodes && passkeys === 0) throw new RequestError('SECOND_FACTOR_FAILED');
    await noteAuthEvent(pool, request, 'RECOVERY_CODES_MADE', { userId, workspaceId });
    response.setHeader('cache-control', 'no-store');
    response.json({ recoveryCodes: await secondFactor.makeRecoveryCodes(userId) });
  });

  app.post('/auth/second-factor/off', async (request, response) => {
    const member = await own.account(request, response);
    const { userId, workspaceId } = member;
    await own.assertProof(request, member, await body(request));
    const { is_enforced: isEnforced, passkeys } = await secondFactor.state(userId, workspaceId);
    if (isEnforced && passkeys === 0) throw new RequestError('SECOND_FACTOR_ENFORCED');
    await secondFactor.end(userId);
    await noteAuthEvent(pool, request, 'SECOND_FACTOR_OFF', { userId, workspaceId });
    response.status(204).end();
  });
}

async function emailOf(pool: Pool, userId: string): Promise<string> {
  const { rows } = await pool.query<{ email: string }>('select core.email_of($1) as email', [userId]);
  return rows[0]!.email;
}
