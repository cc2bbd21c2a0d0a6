import { PassThrough } from 'node:stream';
import type { Task } from 'graphile-worker';
import pg from 'pg';
import { EXPORT_LINK_DAYS, exportSecretPurpose, signExportLink } from '../../db/exports/exportLink.ts';
import { BucketRefused, S3Bucket } from '../../db/files/s3Bucket.ts';
import type { FileStore } from '../../db/files/store.ts';
import { makeGuardedFetch } from '../../db/guardedFetch.ts';
import { AddressRefused, type AddressLimits } from '../../db/publicAddresses.ts';
import { exportRecords, FILE_KINDS, type ExportFormat } from '../../db/records/export/exportRecords.ts';
import type { StoredFilter } from '../../db/records/filter/filterSql.ts';
import type { StoredSort } from '../../db/records/filter/orderSql.ts';
import { RecordsError } from '../../db/records/recordsError.ts';
import type { Secrets } from '../../db/secrets.ts';
import { log, messageOf } from '../log.ts';
import { task, uuid } from '../task.ts';
import { settleExport, type ExportSettings } from '../exports/settleExport.ts';

/** What a mail carries; a larger file is fetched by a link. */
const MAX_ATTACHED_BYTES = 10 * 1024 * 1024;
/** A part of 8 MB over a slow line. */
const PART_TIMEOUT_MS = 120_000;

interface Claimed extends ExportSettings {
  workspaceId: string;
  exportId: string;
  name: string;
  objectName: string;
  objectLabel: string;
  filter: StoredFilter | null;
  sorts: StoredSort[];
  format: ExportFormat;
  hasIds: boolean;
  isHuman: boolean;
  isGuarded: boolean;
  timeZone: string;
  destination: 'EMAIL' | 'S3';
  bucket: {
    endpoint: string;
    region: string;
    bucket: string;
    prefix?: string;
    keyId: string;
    isPathStyle?: boolean;
  } | null;
  sealedSecret: string | null;
  recipients: string[];
  schemaName: string;
  memberId: string | null;
  startedAt: string;
  pgRole: string | null;
  isThere: boolean;
}

interface ExportParts {
  url: string;
  secrets: Secrets;
  files: FileStore;
  /** Which addresses buckets may have. */
  receivers: AddressLimits;
}

/**
 * Makes an export that comes again, with the rights that its owner has at this moment, and puts it into a bucket or has it mailed.
 * The file streams from PostgreSQL to where it goes, so memory stays flat whatever its size.
 */
export function exportsRun({ url, ...parts }: ExportParts): Task {
  return task({ run_id: uuid }, async ({ run_id: id }, helpers) => {
    const client = new pg.Client({ connectionString: url, application_name: 'relvar export', keepAlive: true });
    client.on('error', () => {});
    await client.connect();
    // An export that breaks off leaves its connection sending, so what came of it is told over another.
    const observer = new pg.Client({ connectionString: url, application_name: 'relvar export outcome', keepAlive: true });
    observer.on('error', () => {});
    await observer.connect();
    try {
      const { rows } = await observer.query<{ claimed: Claimed | null }>('select core.claim_export($1) as claimed', [id]);
      const { claimed } = rows[0]!;
      if (claimed === null) return;
      try {
        await make(id, claimed, { client, observer, abort: helpers.abortSignal, ...parts });
      } catch (error) {
        if (helpers.abortSignal?.aborted === true) throw error;
        const failure = failureOf(error);
        const isLast = helpers.job.attempts >= helpers.job.max_attempts;
        if (failure === null && !isLast) throw error;
        await parts.files.erase({ workspaceId: claimed.workspaceId, fileId: id }).catch(() => undefined);
        log('an export failed', { run: id, error: messageOf(error) });
        await observer.query('select core.fail_export($1, $2, $3)', [id, JSON.stringify(failure?.told ?? UNKNOWN_FAILURE), failure?.isHopeless ?? false]);
      }
    } finally {
      await Promise.allSettled([client.end(), observer.end()]);
    }
  }); // prettier-ignore
}

interface Means extends Omit<ExportParts, 'url'> {
  client: pg.Client;
  observer: pg.Client;
  abort: AbortSignal | undefined;
}

async function make(id: string, claimed: Claimed, means: Means): Promise<void> {
  const { client, observer, abort, files, secrets } = means;
  const { format, destination, timeZone, pgRole, schemaName, memberId, workspaceId, recipients } = claimed;
  if (!claimed.isThere) throw new RecordsError('EXPORT_GONE', 'The object of this export is not there any more.');
  if (pgRole === null || memberId === null)
    throw new RecordsError('NOT_ALLOWED', 'The member whose export this is, is no active member any more.');
  if (destination === 'EMAIL' && recipients.length === 0)
    throw new RecordsError('EXPORT_NOBODY', 'None of those who got this export is a member any more.');
  const identity = { pgRole, schemaName, memberId, apiKeyId: null };
  const { suffix, type } = FILE_KINDS[format];
  const settled = await settleExport(client, identity, claimed);
  const moment = stamp(new Date(claimed.startedAt), timeZone);
  const fileName = `${claimed.name.replaceAll(/[^\p{L}\p{N} ._-]+/gu, ' ').trim() || claimed.objectLabel} ${moment}.${suffix}`;
  const place = destination === 'S3' ? [claimed.bucket!.prefix, fileName].filter(Boolean).join('/') : null;
  const write =
    destination === 'S3'
      ? toBucket(claimed, place!, means)
      : (content: AsyncIterable<Buffer>) => files.write({ workspaceId, fileId: id }, content);

  const out = new PassThrough();
  const counted = { bytes: 0 };
  const stop = () => out.destroy(new Error('The worker stops.'));
  abort?.addEventListener('abort', stop);
  try {
    // Whichever ends badly ends the other: a bucket that refuses stops the reading, too.
    const reading = exportRecords({
      client,
      identity,
      object: claimed.objectName,
      format,
      out,
      hasIds: claimed.hasIds,
      isHuman: claimed.isHuman && format !== 'ndjson',
      isGuarded: claimed.isGuarded && format === 'csv',
      hasMark: format === 'csv' && claimed.isHuman,
      timeZone,
      ...(settled.fields && {
        fields: claimed.hasIds && !settled.fields.includes('id') ? ['id', ...settled.fields] : settled.fields,
      }),
      view: { ...settled.view, reader: { now: new Date(), timeZone, memberId } },
    }).then(
      (rows) => (out.end(), rows),
      (error: Error) => (out.destroy(error), Promise.reject(error)),
    );
    const writing = write(counting(out, counted)).catch((error: Error) => (out.destroy(error), Promise.reject(error)));
    const [read, written] = await Promise.allSettled([reading, writing]);
    // The reader that was broken off knows only that it was.
    if (written.status === 'rejected' && read.status === 'rejected')
      throw isTelling(read.reason) ? read.reason : written.reason;
    if (written.status === 'rejected') throw written.reason;
    if (read.status === 'rejected') throw read.reason;
    const outcome = {
      rows: read.value,
      bytes: counted.bytes,
      fileName,
      mediaType: type,
      place,
      objectLabel: claimed.objectLabel,
    };
    const expires = Math.floor(Date.now() / 1000) + EXPORT_LINK_DAYS * 24 * 3600;
    const isAttached = counted.bytes <= MAX_ATTACHED_BYTES;
    const links = Object.fromEntries(
      recipients.map((member) => [
        member,
        isAttached ? {} : { token: signExportLink(secrets, { runId: id, memberId: member, expires }) },
      ]),
    );
    await observer.query('select core.end_export($1, $2, $3)', [
      id,
      JSON.stringify(outcome),
      destination === 'EMAIL' ? JSON.stringify(links) : null,
    ]);
    log('export made', { run: id, rows: outcome.rows, bytes: outcome.bytes });
  } finally {
    abort?.removeEventListener('abort', stop);
  }
}

async function* counting(source: AsyncIterable<Buffer>, counted: { bytes: number }): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    counted.bytes += chunk.length;
    yield chunk;
  }
}

/** Into the bucket that the member has named: never one in the network of this server, whatever its name leads to. */
function toBucket({ bucket, sealedSecret, exportId }: Claimed, place: string, { secrets, receivers }: Means) {
  if (bucket === null || sealedSecret === null)
    throw new RecordsError(
      'EXPORT_BUCKET',
      'The secret of the bucket is not known.',
      'Open the export and give it again.',
    );
  const { endpoint, region, bucket: name, keyId, isPathStyle } = bucket;
  const url = new URL(endpoint);
  const base = isPathStyle ? `${endpoint}/${name}` : `${url.protocol}//${name}.${url.host}`;
  const ask = makeGuardedFetch(receivers, PART_TIMEOUT_MS);
  const secret = secrets.unseal(sealedSecret, exportSecretPurpose(exportId));
  const target = new S3Bucket({ url: base, region, keyId, secret }, (signed, body) =>
    ask(signed.url, { method: signed.method, headers: Object.fromEntries(signed.headers), body, redirect: 'manual' }),
  );
  const path = place.split('/').map(encodeURIComponent).join('/');
  return (content: AsyncIterable<Buffer>) => target.write(path, content);
}

/** A moment as a part of a name, in the time of who reads it: 2026-11-29 08.15. */
function stamp(at: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' }).format(at);
  return parts.replace(':', '.');
}

const UNKNOWN_FAILURE = {
  code: 'INTERNAL',
  message: 'Something went wrong on our side.',
  hint: 'It is tried again at its next time. If it goes on, an administrator finds the cause in the log of the worker.',
};

const isTelling = (error: unknown): boolean => error instanceof RecordsError || error instanceof pg.DatabaseError;

/** Why an export failed, in words; null for what may go better at the next attempt. */
function failureOf(error: unknown): { told: object; isHopeless: boolean } | null {
  if (error instanceof RecordsError)
    return { told: { code: error.code, message: error.message, hint: error.hint ?? null }, isHopeless: true };
  if (error instanceof AddressRefused)
    return {
      told: {
        code: 'EXPORT_BUCKET',
        message: 'The bucket is not in the public network, or not reached over https.',
        hint: 'Change its address, or have the administrator of the server allow private ones.',
      },
      isHopeless: true,
    };
  if (error instanceof BucketRefused && error.status >= 300 && error.status < 500 && error.status !== 429)
    return {
      told: {
        code: 'EXPORT_BUCKET',
        message: `The bucket refused the file: ${error.code ?? error.status}.`,
        hint: 'Look at its address, its region, its key and what the key may do.',
      },
      isHopeless: false,
    };
  return null;
}
