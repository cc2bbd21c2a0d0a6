import { resolveTxt as ask } from 'node:dns/promises';
import type { Express } from 'express';
import type { Pool } from 'pg';
import { hasOwnAddresses, isOfServer, slugOfHost } from '../../db/workspaceAddress.ts';
import type { Identities } from '../auth/identity.ts';
import { readTexts } from '../auth/requestFields.ts';
import { RequestError } from '../errors.ts';
import type { Domains } from '../http/domains.ts';
import { originOf, ownDomainOf } from '../http/origin.ts';
import { asKeeper } from '../sso/keeper.ts';

/** The texts of the TXT records of a name. */
export type ResolveTxt = (name: string) => Promise<string[][]>;

interface Parts {
  readonly pool: Pool;
  readonly identities: Identities;
  readonly domains: Domains;
  readonly publicUrl: string | null;
  readonly resolveTxt?: ResolveTxt | undefined;
}

const LOOK_UP_MS = 8_000;
/** Where a proxy that makes certificates as they are needed asks whether it should. */
export const CERTIFICATE_PATH = '/.well-known/relvar-domain';
/** Pages that stay at the address that the server gives a workspace although it has a domain of its own. */
const STAYS = /^\/(?:sso(?:$|[/?])|\?stay$)/;

/** What own domains of workspaces need the server for: looking for the record that proves one, and leading to it. */
export function installDomains(app: Express, parts: Parts): void {
  const { pool, identities, domains, publicUrl, resolveTxt = ask } = parts;

  app.post('/domains/check', async (request, response) => {
    const { id } = await readTexts(pool, request, ['id']);
    if (!/^[\da-f-]{36}$/.test(id))
      throw new RequestError('INVALID_REQUEST', { message: '"id" must be that of a domain.' });
    const { memberId } = await identities.of(request, response);
    const claim = (await asKeeper(parts, { request, response }, 'metadata.begin_own_domain_check($1)', [id])) as Claim;
    if (publicUrl === null) throw new RequestError('DOMAINS_UNAVAILABLE');
    if (isOfServer(publicUrl, claim.host))
      throw new RequestError('INVALID_REQUEST', { message: `${claim.host} is an address of this server itself.` });
    const found = await lookUp(resolveTxt, claim.record);
    const isFound = found.texts.includes(claim.token);
    const { rows } = await pool.query<{ proved: boolean }>('select core.note_domain_check($1, $2, $3, $4) as proved', [
      id,
      claim.token,
      isFound,
      memberId,
    ]);
    // This process answers it from now on; the others hear of it.
    await domains.load();
    response.setHeader('cache-control', 'no-store');
    response.json({ isProved: rows[0]!.proved, isFound, ...found });
  });

  app.get(CERTIFICATE_PATH, async (request, response) => {
    const name = String(request.query['domain'] ?? '').toLowerCase();
    const isOurs = isName(name) && publicUrl !== null && (domains.has(name) || (await isGiven(pool, publicUrl, name)));
    response.setHeader('cache-control', 'no-store');
    response.status(isOurs ? 200 : 404).json({ isServed: isOurs });
  });
}

/** Pages of a workspace that has a domain of its own are there; what programs ask is answered at both addresses. */
export function installLeading(app: Express, { domains, publicUrl }: Pick<Parts, 'domains' | 'publicUrl'>): void {
  app.use((request, response, next) => {
    const slug =
      hasOwnAddresses(publicUrl) && !ownDomainOf(request) ? slugOfHost(publicUrl, request.headers.host) : null;
    // A path alone: what a request may name instead of one is never put behind an address.
    const isPage =
      request.method === 'GET' && request.url.startsWith('/') && request.headers.accept?.includes('text/html');
    const address = slug && isPage && !STAYS.test(request.url) ? domains.primaryOf(slug) : null;
    if (address === null || address === originOf(request, publicUrl)) return next();
    response.setHeader('cache-control', 'no-store');
    response.redirect(302, address + request.url);
  });
}

interface Claim {
  host: string;
  record: string;
  token: string;
}

const isName = (name: string): boolean =>
  name.length < 254 && /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*$/.test(name);

/** Whether the server gives this name to a workspace that there is, or has it itself. */
async function isGiven(pool: Pool, publicUrl: string, name: string): Promise<boolean> {
  if (!isOfServer(publicUrl, name)) return false;
  const slug = slugOfHost(publicUrl, new URL(publicUrl.replace(/(?<=:\/\/)[^:/]+/, name)).host);
  if (!slug) return slug === null;
  const { rowCount } = await pool.query('select from core.workspace_at($1)', [slug]);
  return rowCount === 1;
}

/** What the name says, joined as DNS cuts it; and where nothing was found, why. */
async function lookUp(resolveTxt: ResolveTxt, record: string): Promise<{ texts: string[]; problem: string | null }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(), { code: 'ETIMEOUT' })), LOOK_UP_MS);
  });
  try {
    const texts = (await Promise.race([resolveTxt(record), late])).map((parts) => parts.join('').trim());
    return { texts: texts.slice(0, 10).map((text) => text.slice(0, 300)), problem: null };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return { texts: [], problem: code === 'ENOTFOUND' || code === 'ENODATA' ? 'NO_RECORD' : 'NO_ANSWER' };
  } finally {
    clearTimeout(timer);
  }
}
