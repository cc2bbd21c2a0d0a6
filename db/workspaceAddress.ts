/**
 * Where workspaces are reached. RELVAR_URL is one address for all, and what a page shows follows from who is signed in; or it
 * has a star, https://*.crm.example: then each workspace has its own, and the address without the star leads to them.
 */
export const hasOwnAddresses = (publicUrl: string | null): publicUrl is string => publicUrl?.includes('://*.') === true;

/** The address of a workspace; without one, of what belongs to no workspace. */
export function workspaceUrl(publicUrl: string, slug: string | null): string {
  return slug === null ? publicUrl.replace('://*.', '://') : publicUrl.replace('*', slug);
}

/**
 * The workspace that a host stands for: null for the address that leads to them, and where one address is for all; undefined
 * for a host that is not ours.
 */
export function slugOfHost(publicUrl: string | null, host: string | undefined): string | null | undefined {
  if (!hasOwnAddresses(publicUrl)) return null;
  const shared = new URL(workspaceUrl(publicUrl, null)).host;
  const named = host?.toLowerCase();
  if (named === shared) return null;
  const slug = named?.endsWith(`.${shared}`) ? named.slice(0, -shared.length - 1) : '';
  return /^[a-z][a-z0-9-]{1,38}[a-z0-9]$/.test(slug) ? slug : undefined;
}

/** The address at an own domain of a workspace: reached the same way as the others, by the same protocol and port. */
export function domainUrl(publicUrl: string, host: string): string {
  const { protocol, port } = new URL(workspaceUrl(publicUrl, null));
  return `${protocol}//${host}${port && `:${port}`}`;
}

/** Whether a name is that of the server, or one that it gives to workspaces. */
export function isOfServer(publicUrl: string, name: string): boolean {
  const { hostname } = new URL(workspaceUrl(publicUrl, null));
  return name === hostname || (hasOwnAddresses(publicUrl) && name.endsWith(`.${hostname}`));
}
