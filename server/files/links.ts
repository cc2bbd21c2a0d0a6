import { timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../../db/secrets.ts';
import type { Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';

/** What a link opens: one file, for the session or the key that asked for it, and only while that may read it. */
export interface Link {
  readonly workspaceId: string;
  readonly fileId: string;
  readonly by: 'session' | 'key';
  readonly byId: string;
  /** In seconds since 1970. */
  readonly expires: number;
  /** The page that shows the file, where it is served from elsewhere. */
  readonly origin: string;
}

const MINUTE = 60;

/** Long enough to look at a video; whoever looks longer has the page ask for another. */
export const DEFAULT_MINUTES = 60;
export const MAX_MINUTES = 24 * 60;

const PURPOSE = 'link to a file';

export function signLink(secrets: Secrets, link: Link): string {
  const { workspaceId, fileId, by, byId, expires, origin } = link;
  const body = Buffer.from(JSON.stringify([workspaceId, fileId, by, byId, expires, origin])).toString('base64url');
  return `${body}.${secrets.sign(body, PURPOSE)}`;
}

/** The link of what was signed here and has not run out. */
export function verifyLink(secrets: Secrets, token: string, now = Date.now()): Link {
  const [body = '', signature = ''] = token.split('.');
  const [given, wanted] = [Buffer.from(signature), Buffer.from(secrets.sign(body, PURPOSE))];
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw new RequestError('FILE_LINK_NOT_VALID');
  const [workspaceId, fileId, by, byId, expires, origin] = JSON.parse(
    Buffer.from(body, 'base64url').toString('utf8'),
  ) as [string, string, Link['by'], string, number, string];
  if (expires * 1000 < now) throw new RequestError('FILE_LINK_NOT_VALID');
  return { workspaceId, fileId, by, byId, expires, origin };
}

/** Who the link will act for. Apps are no such: they fetch files with their token. */
export function holderOf({ sessionId, apiKeyId }: Identity): Pick<Link, 'by' | 'byId'> {
  if (sessionId !== null) return { by: 'session', byId: sessionId };
  if (apiKeyId !== null) return { by: 'key', byId: apiKeyId };
  throw new RequestError('FORBIDDEN', {
    message: 'Apps get no links to files.',
    hint: 'Fetch /files/ID with the access token.',
  });
}

/** The same for some minutes, so that browsers keep what they have fetched by it. */
export function expiryOf(minutes: number, now = Date.now()): number {
  const step = Math.max(1, Math.floor(minutes / 4)) * MINUTE;
  return Math.floor(now / 1000 / step) * step + step + minutes * MINUTE;
}
