import type { Express, Request } from 'express';
import type { Pool } from 'pg';
import type { AccountsConfig } from '../../../db/config.ts';
import { hasOwnAddresses } from '../../../db/workspaceAddress.ts';
import { RequestError } from '../../errors.ts';
import { slugOfRequest } from '../../http/origin.ts';
import { workspaceOrigin } from '../../http/workspaceOrigin.ts';
import { signInLimits } from '../attempts.ts';
import type { Attempts } from '../attempts.ts';
import type { Captcha } from '../captcha/captcha.ts';
import { noteAuthEvent } from '../events.ts';
import type { Identities } from '../identity.ts';
import type { Own } from '../own.ts';
import { answerQuietly, readEmail } from '../mailRequests.ts';
import { assertNewPassword, hashPassword, isPassword } from '../passwords.ts';
import { assertOwnHost, assertOwnPath, readTexts } from '../requestFields.ts';
import type { StartSession } from '../startSession.ts';

export interface AccountParts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly attempts: Attempts;
  readonly startSession: StartSession;
  readonly own: Own;
  readonly accounts: AccountsConfig;
  readonly captcha: Captcha;
}

interface MagicLink {
  user_id: string;
  email: string;
  next_path: string | null;
  workspaces: { id: string; slug: string; name: string }[];
}

/** Everything that a link in a mail does for an account: a new password, a sign-in, a proved or another address. */
export function installAccounts(app: Express, parts: AccountParts): void {
  const { pool, identities, attempts, startSession, own, accounts, captcha } = parts;
  const origin = (request: Request) => [request.ip ?? null, request.headers['user-agent'] ?? null];

  const begin = async (request: Request) => {
    identities.assertSameOrigin(request);
    await assertOwnHost(pool, request, accounts.publicUrl);
  };

  app.post('/auth/password-reset/request', async (request, response) => {
    await begin(request);
    const { email: given, captcha: answer } = await readTexts(pool, request, ['email'], ['captcha']);
    const email = readEmail(given);
    await captcha.assert(request, answer);
    await answerQuietly(parts, { request, response, kind: 'reset', email }, () =>
      pool.query('select core.request_password_reset($1, $2, $3)', [email, ...origin(request)]),
    );
  });

  app.post('/auth/password-reset', async (request, response) => {
    await begin(request);
    const { token, password } = await readTexts(pool, request, ['token', 'password']);
    await countLink(attempts, request);
    assertNewPassword(password);
    const values = [token, await hashPassword(password), ...origin(request)];
    const { rows } = await pool.query<{ id: string | null }>(
      'select core.reset_password($1, $2, $3, $4) as id',
      values,
    );
    if (!rows[0]?.id) await refuseLink(pool, request, token);
    response.json({});
  });

  app.post('/auth/magic-link/request', async (request, response) => {
    await begin(request);
    const fields = ['workspace', 'next', 'captcha'] as const;
    const { email: given, workspace, next, captcha: answer } = await readTexts(pool, request, ['email'], fields);
    const email = readEmail(given);
    await assertOwnPath(pool, request, next);
    await captcha.assert(request, answer);
    await answerQuietly(parts, { request, response, kind: 'magic', email }, () =>
      pool.query('select core.request_magic_link($1, $2, $3, $4, $5)', [
        email,
        slugOfRequest(request, accounts.publicUrl) ?? workspace ?? null,
        next ?? null,
        ...origin(request),
      ]),
    );
  });

  const lookAtMagicLink = async (request: Request, token: string): Promise<MagicLink> => {
    await countLink(attempts, request);
    const { rows } = await pool.query<MagicLink>('select * from core.look_at_magic_link($1)', [token]);
    return rows[0] ?? refuseLink(pool, request, token);
  };

  app.post('/auth/magic-link/look', async (request, response) => {
    await begin(request);
    const { token } = await readTexts(pool, request, ['token']);
    const { email, next_path: next, workspaces } = await lookAtMagicLink(request, token);
    response.setHeader('cache-control', 'no-store');
    response.json({ email, next, workspaces: workspaces.map(({ slug, name }) => ({ slug, name })) });
  });

  app.post('/auth/magic-link', async (request, response) => {
    await begin(request);
    const { token, workspace } = await readTexts(pool, request, ['token'], ['workspace']);
    const link = await lookAtMagicLink(request, token);
    const named = slugOfRequest(request, accounts.publicUrl);
    const chosen = named ?? workspace;
    const wanted = chosen === undefined ? link.workspaces : link.workspaces.filter(({ slug }) => slug === chosen);
    if (wanted.length === 0) throw new RequestError('NO_WORKSPACE');
    if (wanted.length > 1) {
      throw new RequestError('WORKSPACE_REQUIRED', {
        hint: `Send "workspace" with one of: ${wanted.map(({ slug }) => slug).join(', ')}.`,
      });
    }
    if (hasOwnAddresses(accounts.publicUrl) && named === null) {
      // Not used up: it signs in where the workspace has its address.
      const address = `${await workspaceOrigin(pool, accounts.publicUrl, wanted[0]!.slug)}/magic-link#${token}`;
      response.json({ next: 'ADDRESS', address });
      return;
    }
    const { rows } = await pool.query<{ id: string | null }>('select core.use_magic_link($1) as id', [token]);
    if (!rows[0]?.id) await refuseLink(pool, request, token);
    await startSession(request, response, { userId: link.user_id, workspaceId: wanted[0]!.id, method: 'MAGIC_LINK' });
  });

  app.post('/auth/verify-email', async (request, response) => {
    await begin(request);
    const { token } = await readTexts(pool, request, ['token']);
    await countLink(attempts, request);
    const values = [token, ...origin(request)];
    const { rows } = await pool.query<{ email: string | null }>(
      'select core.verify_email($1, $2, $3) as email',
      values,
    );
    response.json({ email: rows[0]?.email ?? (await refuseLink(pool, request, token)) });
  });

  app.post('/auth/verify-email/request', async (request, response) => {
    await begin(request);
    const { userId, email } = await own.member(request, response);
    await readTexts(pool, request, []);
    await answerQuietly(parts, { request, response, kind: 'verify', email }, () =>
      pool.query('select core.request_verification($1, $2, $3)', [userId, ...origin(request)]),
    );
  });

  app.post('/auth/change-email/request', async (request, response) => {
    await begin(request);
    const member = await own.account(request, response);
    const { userId } = member;
    const { email: given, password, code } = await readTexts(pool, request, ['email'], ['password', 'code']);
    const newEmail = readEmail(given);
    await own.assertProof(request, member, { password, code });
    await answerQuietly(parts, { request, response, kind: 'change', email: newEmail }, () =>
      pool.query('select core.request_email_change($1, $2, $3, $4)', [userId, newEmail, ...origin(request)]),
    );
  });

  app.post('/auth/change-email', async (request, response) => {
    await begin(request);
    const { token } = await readTexts(pool, request, ['token']);
    await countLink(attempts, request);
    const values = [token, ...origin(request)];
    const { rows } = await pool.query<{ email: string | null }>(
      'select core.change_email($1, $2, $3) as email',
      values,
    );
    response.json({ email: rows[0]?.email ?? (await refuseLink(pool, request, token)) });
  });

  app.post('/auth/approve-domain', async (request, response) => {
    await begin(request);
    const { token } = await readTexts(pool, request, ['token']);
    await countLink(attempts, request);
    const values = [token, ...origin(request)];
    const { rows } = await pool.query<{ domain: string | null }>(
      'select core.approve_domain($1, $2, $3) as domain',
      values,
    );
    response.json({ domain: rows[0]?.domain ?? (await refuseLink(pool, request, token)) });
  });
}

/** Nobody guesses 244 bits, but nobody needs to try a thousand times either. */
export function countLink(attempts: Attempts, request: Request): Promise<void> {
  return attempts.count({ key: `link ${request.ip ?? ''}`, max: 100, seconds: 900 });
}

export async function refuseLink(pool: Pool, request: Request, token: string): Promise<never> {
  await pool.query('select core.note_refused_link($1, $2, $3)', [
    token,
    request.ip ?? null,
    request.headers['user-agent'] ?? null,
  ]);
  throw new RequestError('LINK_NOT_VALID');
}

/** Who has not proved the address is sent the link to do so, and enters with it. */
export async function assertEmailVerified(
  { pool, attempts }: { pool: Pool; attempts: Attempts },
  request: Request,
  { userId, email }: { userId: string; email: string },
): Promise<void> {
  const { rows } = await pool.query<{ verified: boolean }>('select core.is_email_verified($1) as verified', [userId]);
  if (rows[0]!.verified) return;
  await attempts.count({ key: `mail verify ${email}`, max: 5, seconds: 3_600 });
  await pool.query('select core.request_verification($1, $2, $3)', [
    userId,
    request.ip ?? null,
    request.headers['user-agent'] ?? null,
  ]);
  throw new RequestError('EMAIL_NOT_VERIFIED');
}

/** The user whose password this is; counted and written down like a sign-in that failed. */
export async function assertPasswordOf(
  { pool, attempts }: { pool: Pool; attempts: Attempts },
  request: Request,
  email: string,
  password: string,
): Promise<string> {
  const limits = signInLimits(email, request.ip ?? '');
  await attempts.count(...limits);
  const { rows } = await pool.query<{ user_id: string; password_hash: string | null }>(
    'select * from core.account_of($1)',
    [email],
  );
  const [account] = rows;
  if (!(await isPassword(account?.password_hash, password)) || !account) {
    await noteAuthEvent(pool, request, 'SIGN_IN_FAILED', { email, userId: account?.user_id });
    throw new RequestError('SIGN_IN_FAILED', { field: 'password' });
  }
  await attempts.takeBack(...limits);
  return account.user_id;
}
