import type { IncomingMessage } from 'node:http';
import { hasOwnAddresses, slugOfHost, workspaceUrl } from '../../db/workspaceAddress.ts';

interface OwnDomain {
  readonly slug: string;
  readonly origin: string;
}

/** Which requests came by an own domain of a workspace: found out at the door, and the same for all that is done with them. */
const ownDomains = new WeakMap<IncomingMessage, OwnDomain>();

export function noteOwnDomain(request: IncomingMessage, domain: OwnDomain): void {
  ownDomains.set(request, domain);
}

/** The own domain that a request came by, if it did. */
export const ownDomainOf = (request: IncomingMessage): OwnDomain | undefined => ownDomains.get(request);

/**
 * Where this server is reached, without a slash at the end. What a request says of that counts only where nobody has said it
 * with RELVAR_URL, and then for this request alone; where workspaces have addresses of their own it says which of them.
 */
export function originOf(request: IncomingMessage, publicUrl: string | null): string {
  const own = ownDomains.get(request);
  if (own !== undefined) return own.origin;
  if (publicUrl !== null) return workspaceUrl(publicUrl, slugOfRequest(request, publicUrl));
  const isHttps = 'encrypted' in request.socket || request.headers['x-forwarded-proto'] === 'https';
  return `${isHttps ? 'https' : 'http'}://${request.headers.host ?? 'localhost'}`;
}

/** The workspace that the address of a request names; null where addresses name none. */
export function slugOfRequest(request: IncomingMessage, publicUrl: string | null): string | null {
  return ownDomains.get(request)?.slug ?? slugOfHost(publicUrl, request.headers.host) ?? null;
}

/** Whether a request came to an address that is not ours, as far as it can be told: a proxy in front passes the host on. */
export function isOfOtherHost(request: IncomingMessage, publicUrl: string | null): boolean {
  if (ownDomains.has(request) || !hasOwnAddresses(publicUrl)) return false;
  const { host, 'x-forwarded-host': forwarded = host } = request.headers;
  return slugOfHost(publicUrl, host) === undefined || forwarded !== host;
}
