import { timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../secrets.ts';

/** What a link in a mail opens: the file of one run of an export, for the member that it was sent to. */
export interface ExportLink {
  readonly runId: string;
  readonly memberId: string;
  /** In seconds since 1970. */
  readonly expires: number;
}

const PURPOSE = 'link to an export';

/** As long as the database keeps the file; see db/sql/core/exports. */
export const EXPORT_LINK_DAYS = 7;

export function signExportLink(secrets: Secrets, { runId, memberId, expires }: ExportLink): string {
  const body = Buffer.from(JSON.stringify([runId, memberId, expires])).toString('base64url');
  return `${body}.${secrets.sign(body, PURPOSE)}`;
}

/** The link of what was signed here and has not run out; null for anything else. */
export function readExportLink(secrets: Secrets, token: string, now = Date.now()): ExportLink | null {
  const [body = '', signature = ''] = token.split('.');
  const [given, wanted] = [Buffer.from(signature), Buffer.from(secrets.sign(body, PURPOSE))];
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
  const [runId, memberId, expires] = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as [
    string,
    string,
    number,
  ];
  return expires * 1000 < now ? null : { runId, memberId, expires };
}

/** What the secret of the bucket of one export is sealed for. */
export const exportSecretPurpose = (exportId: string): string => `export secret ${exportId}`;
