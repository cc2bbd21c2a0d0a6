import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ContentMissing } from '../../db/files/contentMissing.ts';
import type { ByteRange, FileKey, FileStore } from '../../db/files/store.ts';
import { RequestError } from '../errors.ts';
import { log } from '../log.ts';
import { presentType } from './mediaType.ts';

export interface OpenedFile {
  readonly id: string;
  readonly name: string;
  readonly media_type: string;
  readonly size: string;
  readonly sha256: string;
}

interface Manner {
  /** Whether a browser may show it in place of saving it. */
  readonly mayShow: boolean;
  /** Whose pages may show it, where it is served from elsewhere. */
  readonly origin: string | null;
  /** For how many seconds the same address leads to it. */
  readonly maxAge: number;
}

/**
 * Sends a file that the caller may read. Whatever is in it, a browser runs none of it: it is of no type that could run, is
 * sandboxed besides, and is of an origin of its own where there is one.
 */
export async function sendContent(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  { store, key, file }: { store: FileStore; key: FileKey; file: OpenedFile },
  { mayShow, origin, maxAge }: Manner,
): Promise<void> {
  const { contentType, isShown } = presentType(file.media_type);
  const size = Number(file.size);
  const etag = `"${file.sha256}"`;
  response.setHeader('content-type', contentType);
  response.setHeader('content-disposition', disposition(mayShow && isShown ? 'inline' : 'attachment', file.name));
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('content-security-policy', policyOf(contentType, origin));
  response.setHeader('cross-origin-resource-policy', origin === null ? 'same-origin' : 'cross-origin');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('x-robots-tag', 'noindex');
  response.setHeader('accept-ranges', 'bytes');
  response.setHeader('etag', etag);
  response.setHeader('cache-control', maxAge > 0 ? `private, max-age=${maxAge}` : 'private, no-cache');
  if (origin !== null) {
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('vary', 'origin');
  }
  if (
    request.headers['if-none-match']?.split(/\s*,\s*/).some((tag) => tag === etag || tag === `W/${etag}` || tag === '*')
  ) {
    response.writeHead(304).end();
    return;
  }
  const wanted = request.headers['if-range'];
  const range = wanted === undefined || wanted === etag ? rangeOf(request.headers.range, size) : undefined;
  if (range === null) {
    response.writeHead(416, { 'content-range': `bytes */${size}`, 'content-length': 0 }).end();
    return;
  }
  const length = range === undefined ? size : range.end - range.start + 1;
  const stream = request.method === 'HEAD' || length === 0 ? null : await read(store, key, range);
  response.setHeader('content-length', length);
  if (range === undefined) response.writeHead(200);
  else response.writeHead(206, { 'content-range': `bytes ${range.start}-${range.end}/${size}` });
  if (stream === null) {
    response.end();
    return;
  }
  await pipeline(stream, response).catch((error: NodeJS.ErrnoException) => {
    // Whoever has seen enough of a video hangs up.
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
      log('a file could not be sent to its end', { error: error.message });
    response.destroy();
  });
}

async function read(store: FileStore, key: FileKey, range: ByteRange | undefined) {
  try {
    return await store.read(key, range);
  } catch (error) {
    if (!(error instanceof ContentMissing)) throw error;
    log('the store has nothing of a file', { file: key.fileId, workspace: key.workspaceId });
    throw new RequestError('FILE_CONTENT_MISSING');
  }
}

/** A sandbox would keep the browser's own viewer from showing a PDF; it runs nothing of it either way. */
function policyOf(contentType: string, origin: string | null): string {
  const ancestors = `frame-ancestors ${origin ?? "'self'"}`;
  return contentType === 'application/pdf'
    ? `default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; ${ancestors}`
    : `default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox; ${ancestors}`;
}

/** RFC 6266: the name as it is for browsers of today, and one of ASCII beside it. */
export function disposition(kind: 'inline' | 'attachment', name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** What of the file is asked for; undefined for all of it, null for what it does not have. */
export function rangeOf(header: string | undefined, size: number): ByteRange | null | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  // Several ranges at once nobody needs who plays a video: all of it answers them, too.
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const [first, last] = [match[1]!, match[2]!];
  if (first === '') {
    const count = Math.min(Number(last), size);
    return count === 0 ? null : { start: size - count, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? null : { start, end };
}
