import { randomBytes } from 'node:crypto';
import type { Express } from 'express';
import type { Pool } from 'pg';
import { RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import { assertSameOrigin } from '../http/sameOrigin.ts';
import { Attempts } from './attempts.ts';
import { expiredSessionCookie, readSessionToken, sessionCookie } from './cookie.ts';
import { hashToken } from './identity.ts';
import type { Identities, Identity } from './identity.ts';
import { isPassword } from './passwords.ts';

const SESSION_DAYS = 30;
/** Argon2 takes any length; a limit keeps a megabyte from being hashed. */
const MAX_PASSWORD_LENGTH = 1_000;

interface Login {
  user_id: string;
  password_hash: string | null;
  workspaces: { id: string; slug: string; name: string }[];
}

export function installAuth(app: Express, { pool, identities }: { pool: Pool; identities: Identities }): void {
  const attempts = new Attempts();

  app.post('/auth/sign-in', async (request, response) => {
    assertSameOrigin(request);
    const { email, password, workspace } = parseSignIn(await readJson(request));
    const address = request.ip ?? '';
    attempts.begin(email, address);
    const login = await findLogin(pool, email);
    if (!(await isPassword(login?.password_hash, password)) || !login) {
      throw new RequestError('SIGN_IN_FAILED');
    }
    attempts.succeeded(email, address);
    const { token, expires } = await createSession(pool, login, chooseWorkspace(login, workspace));
    const identity = await identities.ofSession(token);
    response.setHeader('set-cookie', sessionCookie(request, token, expires));
    response.setHeader('cache-control', 'no-store');
    response.json(presentIdentity(identity));
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

async function createSession(pool: Pool, login: Login, workspaceId: string) {
  const token = randomBytes(32).toString('base64url');
  const expires = new Date(Date.now() + SESSION_DAYS * 86_400_000);
  const { rows } = await pool.query<{ id: string | null }>('select core.create_session($1, $2, $3, $4) as id', [
    login.user_id,
    workspaceId,
    hashToken(token),
    expires,
  ]);
  // Membership ended between the two statements.
  if (!rows[0]?.id) throw new RequestError('NO_WORKSPACE');
  return { token, expires };
}

function presentIdentity(identity: Identity) {
  const { userId, email, displayName, memberId, roleName, apiKeyId } = identity;
  return {
    user: userId === null ? null : { id: userId, email, name: displayName },
    workspace: {
      id: identity.workspaceId,
      slug: identity.workspaceSlug,
      name: identity.workspaceName,
      modelVersion: identity.modelVersion,
    },
    member: memberId === null ? null : { id: memberId, name: displayName, role: roleName },
    apiKey: apiKeyId === null ? null : { id: apiKeyId, name: displayName, role: roleName },
  };
}
