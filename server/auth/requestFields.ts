import type { Request } from 'express';
import type { Pool } from 'pg';
import { hasOwnAddresses } from '../../db/workspaceAddress.ts';
import { RequestError } from '../errors.ts';
import { readJson } from '../http/body.ts';
import { ownDomainOf } from '../http/origin.ts';
import { noteAuthEvent } from './events.ts';

/** The answers of captcha providers are the longest. */
const MAX_LENGTH = 10_000;

type Texts<Required extends string, Optional extends string> = { [name in Required]: string } & {
  [name in Optional]?: string | undefined;
};

/**
 * The texts that a request may carry, and nothing else: whoever sends a role or a workspace id along is not ignored, but
 * refused and written down.
 */
export async function readTexts<const Required extends string, const Optional extends string = never>(
  pool: Pool,
  request: Request,
  required: readonly Required[],
  optional: readonly Optional[] = [],
): Promise<Texts<Required, Optional>> {
  const body = await readJson(request);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new RequestError('INVALID_REQUEST', { message: 'The body must be an object.' });
  }
  const known = new Set<string>([...required, ...optional]);
  const unknown = Object.keys(body).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const detail = {
      reason: 'UNKNOWN_FIELDS',
      fields: unknown.slice(0, 10).map((name) => name.slice(0, 60)),
      path: request.path,
    };
    await noteAuthEvent(pool, request, 'REQUEST_REFUSED', { detail });
    throw new RequestError('INVALID_REQUEST', {
      message: `"${unknown[0]!.slice(0, 60)}" is not a part of this request.`,
    });
  }
  const texts: Record<string, string | undefined> = {};
  for (const name of known) {
    const value = (body as Record<string, unknown>)[name];
    if (value === undefined || value === null) {
      if ((required as readonly string[]).includes(name)) {
        throw new RequestError('INVALID_REQUEST', { message: `"${name}" is missing.`, field: name });
      }
      continue;
    }
    if (typeof value !== 'string' || value.length > MAX_LENGTH) {
      throw new RequestError('INVALID_REQUEST', { message: `"${name}" must be a text.`, field: name });
    }
    texts[name] = value;
  }
  return texts as Texts<Required, Optional>;
}

/** Where to go after signing in: an address within these pages, for anything else would lead people astray. */
export async function assertOwnPath(pool: Pool, request: Request, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const base = 'http://relvar.invalid';
  const isOwn = path.startsWith('/') && URL.canParse(path, base) && new URL(path, base).origin === base;
  if (isOwn && !/[\\\p{C}]/u.test(path) && !path.startsWith('//')) return;
  await noteAuthEvent(pool, request, 'REQUEST_REFUSED', {
    detail: { reason: 'OPEN_REDIRECT', next: path.slice(0, 200) },
  });
  throw new RequestError('INVALID_REQUEST', { message: '"next" must be a path of this site.', field: 'next' });
}

/** Links never follow the host that a request names. One that names another is not even served, where ours is known. */
export async function assertOwnHost(pool: Pool, request: Request, publicUrl: string | null): Promise<void> {
  // Where workspaces have addresses or domains of their own, others have been refused at the door.
  if (publicUrl === null || hasOwnAddresses(publicUrl) || ownDomainOf(request)) return;
  const own = new URL(publicUrl).host;
  const named = request.headers['x-forwarded-host'] ?? request.headers.host;
  if (named === own) return;
  await noteAuthEvent(pool, request, 'REQUEST_REFUSED', {
    detail: { reason: 'WRONG_HOST', host: String(named).slice(0, 200) },
  });
  throw new RequestError('WRONG_HOST', { hint: `Open ${publicUrl}. A proxy in front passes the header Host on.` });
}
