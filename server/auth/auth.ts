import type { Express } from 'express';
import type { Pool } from 'pg';
import type { AccountsConfig } from '../../db/config.ts';
import { RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import { slugOfRequest } from '../http/origin.ts';
import { assertEmailVerified } from './account/accounts.ts';
import { signInLimits } from './attempts.ts';
import type { Attempts } from './attempts.ts';
import type { Captcha } from './captcha/captcha.ts';
import { expireSessionCookies, readCookie } from './cookies.ts';
import { noteAuthEvent } from './events.ts';
import type { Identities } from './identity.ts';
import { isPassword } from './passwords.ts';
import { presentIdentity } from './presentIdentity.ts';
import type { Sessions } from './sessions/sessions.ts';
import type { SigningKeys } from './signingKeys.ts';
import type { StartSession } from './startSession.ts';

/** Argon2 takes any length; a limit keeps a megabyte from being hashed. */
const MAX_PASSWORD_LENGTH = 1_000;

interface Login {
  user_id: string;
  password_hash: string | null;
  workspaces: { id: string; slug: string; name: string }[];
}

interface AuthParts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly attempts: Attempts;
  readonly sessions: Sessions;
  readonly signingKeys: SigningKeys;
  readonly startSession: StartSession;
  readonly accounts: AccountsConfig;
  readonly captcha: Captcha;
}

export function installAuth(app: Express, parts: AuthParts): void {
  const { pool, identities, attempts, sessions, signingKeys, startSession, accounts, captcha } = parts;

  app.post('/auth/sign-in', async (request, response) => {
    identities.assertSameOrigin(request);
    const { email, password, workspace, tokens, captcha: answer } = parseSignIn(await readJson(request));
    const limits = signInLimits(email, request.ip ?? '');
    try {
      await attempts.count(...limits);
    } catch (error) {
      await noteAuthEvent(pool, request, 'SIGN_IN_BLOCKED', { email });
      throw error;
    }
    try {
      await captcha.assertAfterFailures(request, email, answer);
    } catch (error) {
      // Nothing was tried.
      await attempts.takeBack(...limits);
      throw error;
    }
    const login = await findLogin(pool, email);
    if (!(await isPassword(login?.password_hash, password)) || !login) {
      await noteAuthEvent(pool, request, 'SIGN_IN_FAILED', { email, userId: login?.user_id });
      throw new RequestError('SIGN_IN_FAILED');
    }
    await attempts.takeBack(...limits);
    if (accounts.isEmailVerificationRequired)
      await assertEmailVerified(parts, request, { userId: login.user_id, email });
    const workspaceId = chooseWorkspace(login, slugOfRequest(request, accounts.publicUrl) ?? workspace);
    await startSession(request, response, { userId: login.user_id, workspaceId, method: 'PASSWORD', tokens });
  });

  app.post('/auth/refresh', async (request, response) => {
    identities.assertSameOrigin(request);
    const { refreshToken } = ((await readJson(request)) ?? {}) as Record<string, unknown>;
    response.setHeader('cache-control', 'no-store');
    // A program sends the token that it was given; what a browser keeps in a cookie is never told to its scripts.
    if (typeof refreshToken === 'string') {
      response.json({ tokens: (await sessions.refresh(request, refreshToken)).pair });
      return;
    }
    const cookie = readCookie(request, 'relvar_refresh');
    if (!cookie) throw new RequestError('NOT_SIGNED_IN');
    try {
      sessions.setCookies(request, response, await sessions.refresh(request, cookie));
    } catch (error) {
      if (error instanceof RequestError) expireSessionCookies(request, response);
      throw error;
    }
    response.status(204).end();
  });

  app.post('/auth/sign-out', async (request, response) => {
    identities.assertSameOrigin(request);
    await sessions.end(request, response);
    response.status(204).end();
  });

  app.get('/.well-known/jwks.json', async (_request, response) => {
    response.setHeader('cache-control', 'public, max-age=300');
    response.json(await signingKeys.jwks());
  });

  app.get('/auth/me', async (request, response) => {
    response.setHeader('cache-control', 'no-store');
    response.json(presentIdentity(await identities.of(request, response)));
  });
}

function parseSignIn(body: unknown): {
  email: string;
  password: string;
  workspace: string | undefined;
  tokens: boolean;
  captcha: string | undefined;
} {
  const { email, password, workspace, tokens, captcha } = (body ?? {}) as Record<string, unknown>;
  if (typeof email !== 'string' || typeof password !== 'string') {
    throw new RequestError('INVALID_REQUEST', { message: '"email" and "password" must be texts.' });
  }
  if (workspace !== undefined && workspace !== null && typeof workspace !== 'string') {
    throw new RequestError('INVALID_REQUEST', {
      message: '"workspace" must be the slug of a workspace.',
    });
  }
  if (password.length > MAX_PASSWORD_LENGTH) throw new RequestError('SIGN_IN_FAILED');
  return {
    email: email.trim().toLowerCase(),
    password,
    workspace: workspace ?? undefined,
    tokens: tokens === true,
    captcha: typeof captcha === 'string' ? captcha.slice(0, 10_000) : undefined,
  };
}

async function findLogin(pool: Pool, email: string): Promise<Login | undefined> {
  const { rows } = await pool.query<Login>('select * from core.find_login($1)', [email]);
  return rows[0];
}

function chooseWorkspace({ workspaces }: Login, slug: string | undefined): string {
  if (slug !== undefined) {
    const found = workspaces.find((workspace) => workspace.slug === slug);
    if (!found) throw new RequestError('NO_WORKSPACE');
    return found.id;
  }
  if (workspaces.length === 0) {
    throw new RequestError('NO_WORKSPACE', { message: 'You are not a member of any workspace.' });
  }
  if (workspaces.length > 1) {
    throw new RequestError('WORKSPACE_REQUIRED', {
      hint: `Send "workspace" with one of: ${workspaces.map((workspace) => workspace.slug).join(', ')}.`,
    });
  }
  return workspaces[0]!.id;
}
