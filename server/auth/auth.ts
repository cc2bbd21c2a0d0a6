import type { Express } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import { assertSameOrigin } from '../http/sameOrigin.ts';
import { signInLimits } from './attempts.ts';
import type { Attempts } from './attempts.ts';
import { expiredSessionCookie, readSessionToken } from './cookie.ts';
import { noteAuthEvent } from './events.ts';
import { hashToken } from './identity.ts';
import type { Identities } from './identity.ts';
import { isPassword } from './passwords.ts';
import { presentIdentity } from './presentIdentity.ts';
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
  readonly startSession: StartSession;
}

export function installAuth(app: Express, { pool, identities, attempts, startSession }: AuthParts): void {
  app.post('/auth/sign-in', async (request, response) => {
    assertSameOrigin(request);
    const { email, password, workspace } = parseSignIn(await readJson(request));
    const limits = signInLimits(email, request.ip ?? '');
    try {
      await attempts.count(...limits);
    } catch (error) {
      await noteAuthEvent(pool, request, 'SIGN_IN_BLOCKED', { email });
      throw error;
    }
    const login = await findLogin(pool, email);
    if (!(await isPassword(login?.password_hash, password)) || !login) {
      await noteAuthEvent(pool, request, 'SIGN_IN_FAILED', { email, userId: login?.user_id });
      throw new RequestError('SIGN_IN_FAILED');
    }
    await attempts.takeBack(...limits);
    const workspaceId = chooseWorkspace(login, workspace);
    await startSession(request, response, { userId: login.user_id, workspaceId, method: 'PASSWORD' });
  });

  app.post('/auth/sign-out', async (request, response) => {
    assertSameOrigin(request);
    const token = readSessionToken(request);
    if (token) {
      const hash = hashToken(token);
      await pool.query('select core.end_session($1)', [hash]);
      identities.forgetSession(hash);
    }
    response.setHeader('set-cookie', expiredSessionCookie(request));
    response.status(204).end();
  });

  app.get('/auth/me', async (request, response) => {
    response.setHeader('cache-control', 'no-store');
    response.json(presentIdentity(await identities.of(request)));
  });
}

function parseSignIn(body: unknown): {
  email: string;
  password: string;
  workspace: string | undefined;
} {
  const { email, password, workspace } = (body ?? {}) as Record<string, unknown>;
  if (typeof email !== 'string' || typeof password !== 'string') {
    throw new RequestError('INVALID_REQUEST', { message: '"email" and "password" must be texts.' });
  }
  if (workspace !== undefined && workspace !== null && typeof workspace !== 'string') {
    throw new RequestError('INVALID_REQUEST', {
      message: '"workspace" must be the slug of a workspace.',
    });
  }
  if (password.length > MAX_PASSWORD_LENGTH) throw new RequestError('SIGN_IN_FAILED');
  return { email: email.trim().toLowerCase(), password, workspace: workspace ?? undefined };
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
