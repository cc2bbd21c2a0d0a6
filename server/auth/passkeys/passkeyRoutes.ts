import type { Express, Request } from 'express';
import type { Pool } from 'pg';
import type { AccountsConfig } from '../../../db/config.ts';
import type { Secrets } from '../../../db/secrets.ts';
import { RequestError } from '../../errors.ts';
import { readJson } from '../../http/body.ts';
import { slugOfRequest } from '../../http/origin.ts';
import { assertEmailVerified } from '../account/accounts.ts';
import type { Attempts } from '../attempts.ts';
import { noteAuthEvent } from '../events.ts';
import type { Identities } from '../identity.ts';
import type { Own } from '../own.ts';
import type { Passkeys } from './passkeys.ts';
import type { SecondFactor } from '../secondFactor/secondFactor.ts';
import { openTicket } from '../startSession.ts';
import type { StartSession } from '../startSession.ts';

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly attempts: Attempts;
  readonly secrets: Secrets;
  readonly passkeys: Passkeys;
  readonly secondFactor: SecondFactor;
  readonly startSession: StartSession;
  readonly own: Own;
  readonly accounts: AccountsConfig;
}

interface PasskeyRow {
  id: string;
  name: string;
  is_synced: boolean;
  created_at: Date;
  last_used_at: Date | null;
}

/** Signing in with a passkey, alone or after the password, and the passkeys in the settings of their owner. */
export function installPasskeys(app: Express, parts: Parts): void {
  const { pool, identities, attempts, secrets, passkeys, secondFactor, startSession, own, accounts } = parts;

  const body = async (request: Request) => {
    identities.assertSameOrigin(request);
    return ((await readJson(request)) ?? {}) as Record<string, unknown>;
  };
  const limitOf = (request: Request) => ({ key: `passkey ${request.ip ?? ''}`, max: 100, seconds: 15 * 60 });

  app.post('/auth/sign-in/passkey/begin', async (request, response) => {
    await body(request);
    response.json(await passkeys.beginAuthentication(request, response, null));
  });

  app.post('/auth/sign-in/passkey', async (request, response) => {
    const { ticket, response: answer, workspace } = await body(request);
    await attempts.count(limitOf(request));
    const owner = await passkeys.authenticate(request, { ticket, response: answer }, null);
    await attempts.takeBack(limitOf(request));
    if (accounts.isEmailVerificationRequired) await assertEmailVerified(parts, request, owner);
    const named = slugOfRequest(request, accounts.publicUrl) ?? workspace;
    const slug = typeof named === 'string' && named !== '' ? named : null;
    const { rows } = await pool.query<{ id: string | null }>('select core.workspace_to_enter($1, $2) as id', [
      owner.userId,
      slug,
    ]);
    const workspaceId = rows[0]?.id;
    if (!workspaceId) throw new RequestError('NO_WORKSPACE');
    await startSession(request, response, { userId: owner.userId, workspaceId, method: 'PASSKEY', mfa: true });
  });

  const openStep = (sealed: unknown, next: 'SECOND_FACTOR' | 'SET_UP_SECOND_FACTOR') => {
    const ticket = openTicket(secrets, sealed);
    if (ticket.next !== next) throw new RequestError('TICKET_EXPIRED');
    return ticket;
  };

  app.post('/auth/sign-in/second-factor/passkey/begin', async (request, response) => {
    const { userId } = openStep((await body(request))['ticket'], 'SECOND_FACTOR');
    response.json(await passkeys.beginAuthentication(request, response, userId));
  });

  app.post('/auth/sign-in/second-factor/passkey', async (request, response) => {
    const { ticket: sealed, passkeyTicket, response: answer, remember } = await body(request);
    const step = openStep(sealed, 'SECOND_FACTOR');
    await attempts.count(limitOf(request));
    await passkeys.authenticate(request, { ticket: passkeyTicket, response: answer }, step.userId);
    await attempts.takeBack(limitOf(request));
    if (remember === true) await secondFactor.trust(request, response, step.userId, step.workspaceId);
    await startSession(request, response, { ...step, mfa: true });
  });

  // For members of whom a second factor is wanted that they do not have yet: with the ticket of the first step.
  const openSetUp = async (sealed: unknown) => {
    const step = openStep(sealed, 'SET_UP_SECOND_FACTOR');
    const { is_confirmed: hasApp, passkeys: count } = await secondFactor.state(step.userId, null);
    if (hasApp || count > 0) throw new RequestError('SECOND_FACTOR_ON');
    return step;
  };

  app.post('/auth/sign-in/second-factor/passkey/set-up/begin', async (request, response) => {
    const { userId } = await openSetUp((await body(request))['ticket']);
    const { rows } = await pool.query<{ email: string }>('select core.email_of($1) as email', [userId]);
    response.json(await passkeys.beginRegistration(request, response, { userId, email: rows[0]!.email }));
  });

  app.post('/auth/sign-in/second-factor/passkey/set-up', async (request, response) => {
    const { ticket: sealed, passkeyTicket, response: answer } = await body(request);
    const step = await openSetUp(sealed);
    const { name } = await passkeys.register(request, step.userId, {
      ticket: passkeyTicket,
      response: answer,
      name: '',
    });
    await noteAuthEvent(pool, request, 'PASSKEY_ADDED', { ...step, detail: { name } });
    const recoveryCodes = await secondFactor.makeRecoveryCodes(step.userId);
    await startSession(request, response, { ...step, mfa: true, also: { recoveryCodes } });
  });

  app.get('/auth/passkeys', async (request, response) => {
    const { userId } = await own.member(request, response);
    const { rows } = await pool.query<PasskeyRow>('select * from core.passkeys_of($1)', [userId]);
    response.setHeader('cache-control', 'no-store');
    response.json({
      isAvailable: passkeys.partyOf(request) !== null,
      passkeys: rows.map(({ id, name, is_synced: isSynced, created_at: createdAt, last_used_at: lastUsedAt }) => ({
        id,
        name,
        isSynced,
        createdAt,
        lastUsedAt,
      })),
    });
  });

  app.post('/auth/passkeys/begin', async (request, response) => {
    const member = await own.account(request, response);
    await own.assertProof(request, member, await body(request));
    response.json(await passkeys.beginRegistration(request, response, member));
  });

  app.post('/auth/passkeys', async (request, response) => {
    const { userId, workspaceId, sessionId } = await own.account(request, response);
    const { ticket, response: answer, name } = await body(request);
    const made = await passkeys.register(request, userId, { ticket, response: answer, name });
    await pool.query('select core.note_session_mfa($1)', [sessionId]);
    await noteAuthEvent(pool, request, 'PASSKEY_ADDED', { userId, workspaceId, detail: { name: made.name } });
    const { codes_left: codesLeft } = await secondFactor.state(userId, null);
    response.setHeader('cache-control', 'no-store');
    // Who loses the only passkey gets in with one of these.
    response.json({ ...made, recoveryCodes: codesLeft === 0 ? await secondFactor.makeRecoveryCodes(userId) : null });
  });

  app.post('/auth/passkeys/rename', async (request, response) => {
    const { userId } = await own.account(request, response);
    const { id, name } = await body(request);
    const { rows } = await pool.query<{ done: boolean }>('select core.rename_passkey($1, $2, $3) as done', [
      userId,
      idOf(id),
      String(name ?? ''),
    ]);
    if (!rows[0]!.done) throw new RequestError('NOT_FOUND', { message: 'You have no such passkey.' });
    response.status(204).end();
  });

  app.post('/auth/passkeys/remove', async (request, response) => {
    const member = await own.account(request, response);
    const { userId, workspaceId } = member;
    const { id, ...proof } = await body(request);
    await own.assertProof(request, member, proof);
    const {
      is_enforced: isEnforced,
      is_confirmed: hasApp,
      passkeys: count,
    } = await secondFactor.state(userId, workspaceId);
    if (isEnforced && !hasApp && count <= 1) throw new RequestError('SECOND_FACTOR_ENFORCED');
    const { rows } = await pool.query<{ name: string | null }>('select core.remove_passkey($1, $2) as name', [
      userId,
      idOf(id),
    ]);
    const name = rows[0]?.name;
    if (!name) throw new RequestError('NOT_FOUND', { message: 'You have no such passkey.' });
    await noteAuthEvent(pool, request, 'PASSKEY_REMOVED', { userId, workspaceId, detail: { name } });
    response.status(204).end();
  });

  // Proves again who sits before a session that is open, before something that matters.
  app.post('/auth/prove/passkey/begin', async (request, response) => {
    const { userId } = await own.member(request, response);
    await body(request);
    response.json(await passkeys.beginAuthentication(request, response, userId));
  });

  app.post('/auth/prove/passkey', async (request, response) => {
    const { userId, sessionId } = await own.member(request, response);
    const { ticket, response: answer } = await body(request);
    await passkeys.authenticate(request, { ticket, response: answer }, userId);
    await pool.query('select core.note_session_mfa($1)', [sessionId]);
    response.status(204).end();
  });
}

function idOf(id: unknown): string {
  if (typeof id === 'string' && /^[\da-f-]{36}$/.test(id)) return id;
  throw new RequestError('INVALID_REQUEST', { message: 'Send the "id" of a passkey.' });
}
