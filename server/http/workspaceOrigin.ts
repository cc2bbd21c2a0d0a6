import type { Pool } from 'pg';
import { domainUrl, workspaceUrl } from '../../db/workspaceAddress.ts';

/** Where a workspace is reached: by its own domain, or by the address that the server gives it. */
export async function workspaceOrigin(pool: Pool, publicUrl: string, slug: string): Promise<string> {
  const { rows } = await pool.query<{ host: string | null }>('select core.primary_domain($1) as host', [slug]);
  const host = rows[0]!.host;
  return host === null ? workspaceUrl(publicUrl, slug) : domainUrl(publicUrl, host);
}
