import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import { DatabaseError } from 'pg';
import type { Pool } from 'pg';
import type { FileKey, FileStore } from '../../db/files/store.ts';
import { withIdentity } from '../../db/pool.ts';
import type { Identity } from '../auth/identity.ts';
import { RequestError } from '../errors.ts';
import { logHidden } from '../log.ts';
import { mediaTypeOf } from './mediaType.ts';
import { Meter, TooLarge } from './meter.ts';

/** A file as fields hold it. */
export interface FileValue {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

interface Parts {
  readonly pool: Pool;
  readonly store: FileStore;
  readonly maxBytes: number;
}

const MAX_FILES = 50;

/** What is refused is read on for a while, so that the client gets to read why. */
const MAX_DRAINED = 64 * 1024 * 1024;

/** Stores the files of a multipart form as they come in; no more of them is in memory than what is on its way. */
export async function receiveFiles(parts: Parts, request: IncomingMessage, identity: Identity): Promise<FileValue[]> {
  const form = openForm(request);
  const uploads: Promise<FileValue>[] = [];
  const failed = new AbortController();
  let refusal: unknown;
  const refuse = (error: unknown) => {
    refusal ??= error;
    failed.abort();
  };
  await new Promise<void>((resolve) => {
    form.on('file', (_field, content, { filename }) => {
      if (refusal !== undefined) {
        content.resume();
        return;
      }
      // Whoever reads it is told, also of what happened before it was read.
      content.on('error', () => undefined);
      // One after the other, as they stand in the form.
      const upload = receive(parts, identity, content, filename ?? 'file');
      uploads.push(upload);
      upload.catch((error: unknown) => {
        refuse(error);
        content.resume();
      });
    });
    form.on('field', (name) =>
      refuse(
        new RequestError('INVALID_REQUEST', {
          message: `"${name.slice(0, 60)}" is no file.`,
          hint: 'The form holds files and nothing else.',
        }),
      ),
    );
    form.on('filesLimit', () =>
      refuse(new RequestError('INVALID_REQUEST', { message: `One request brings at most ${MAX_FILES} files.` })),
    );
    form.on('error', () => {
      refuse(new RequestError('INVALID_REQUEST', { message: 'The form cannot be read to its end.' }));
      resolve();
    });
    form.on('close', resolve);
    request.on('close', () => {
      if (!request.readableEnded) form.destroy(new Error('The client hung up.'));
    });
    failed.signal.addEventListener('abort', () => {
      let drained = 0;
      request.on('data', (chunk: Buffer) => {
        drained += chunk.length;
        if (drained > MAX_DRAINED) resolve();
      });
    });
    request.pipe(form);
  });
  const results = await Promise.allSettled(uploads);
  if (refusal !== undefined) throw refusal;
  const values = results.map((result) => (result as PromiseFulfilledResult<FileValue>).value);
  if (values.length === 0)
    throw new RequestError('INVALID_REQUEST', { message: 'The form holds no file.', hint: 'curl -F file=@offer.pdf' });
  return values;
}

function openForm(request: IncomingMessage) {
  if (!/^multipart\/form-data\s*;/i.test(request.headers['content-type'] ?? '')) {
    throw new RequestError('UNSUPPORTED_MEDIA_TYPE', {
      message: 'Files are sent as a form.',
      hint: 'Send "Content-Type: multipart/form-data", as curl -F file=@offer.pdf does.',
    });
  }
  try {
    return busboy({ headers: request.headers, defParamCharset: 'utf8', limits: { files: MAX_FILES, fields: 1 } });
  } catch {
    throw new RequestError('INVALID_REQUEST', { message: 'The form cannot be read.' });
  }
}

/** It is noted before anything is stored, so whatever is left of what was killed is known, and purged. */
async function receive(
  { pool, store, maxBytes }: Parts,
  identity: Identity,
  content: Readable,
  name: string,
): Promise<FileValue> {
  const { rows } = await asUploader(
    withIdentity(pool, identity, (client) =>
      client.query<{ file_id: string; max_bytes: string }>('select * from begin_upload($1, $2)', [
        name.replaceAll('\0', ''),
        maxBytes,
      ]),
    ),
  );
  const { file_id: fileId, max_bytes: limit } = rows[0]!;
  const key: FileKey = { workspaceId: identity.workspaceId, fileId };
  const meter = new Meter(Number(limit));
  try {
    // What fails in the middle is read on, or the form would wait for it for ever.
    await store.write(key, meter.through(content.iterator({ destroyOnReturn: false })));
    const type = await mediaTypeOf(meter.head(), name);
    const done = await pool.query<{ value: FileValue }>('select core.finish_upload($1, $2, $3, $4, $5) as value', [
      key.workspaceId,
      fileId,
      meter.size,
      type,
      meter.sha256(),
    ]);
    return done.rows[0]!.value;
  } catch (error) {
    await breakOff(pool, store, key);
    if (!(error instanceof TooLarge)) throw error;
    throw new RequestError('FILE_TOO_LARGE', {
      hint: `A file may have at most ${Math.floor(Number(limit) / 1024 / 1024)} MB here.`,
    });
  }
}

/** What cannot be undone now is done by the purge. */
async function breakOff(pool: Pool, store: FileStore, key: FileKey): Promise<void> {
  try {
    await store.erase(key);
    await pool.query('select core.break_off_upload($1, $2)', [key.workspaceId, key.fileId]);
  } catch (error) {
    logHidden(error);
  }
}

async function asUploader<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.code === '25006') throw new RequestError('APP_READS_ONLY');
    if (error.code !== '42501') throw error;
    throw new RequestError('FORBIDDEN', { message: error.message, ...(error.hint && { hint: error.hint }) });
  }
}
