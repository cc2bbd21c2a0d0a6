import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Bench } from './bench.ts';
import { peakMemory, residentMemory } from './memory.ts';
import { alternate, time } from './rounds.ts';

const CHUNK = randomBytes(1024 * 1024);
const SMALL_MB = 64;
const LARGE_MB = 1024;
const BOUNDARY = 'a boundary of the bench';

/** An upload pays for a form, a hash, two statements and a socket; plain writing for the hash and the disk alone. */
export const filesStream: Bench = {
  name: 'files.stream',
  compares: `an upload of ${SMALL_MB} MB over HTTP, against hashing the same bytes and writing them to a file that is flushed; and the memory of the server while 1 GB comes and goes`,
  async run(lab) {
    const database = await lab.small();
    const workspace = database.workspaces[0]!;
    const folder = await mkdtemp(join(lab.directory, 'files-'));
    const server = await database.startServer([], { RELVAR_DATA: folder, RELVAR_FILES_MAX_MB: '2000' });
    try {
      const headers = { authorization: `Bearer ${await database.apiKey(workspace.slug)}` };
      await upload(server.url, headers, 1);
      const { ratio, subject, reference, ratios } = await alternate(
        5,
        () => time(() => upload(server.url, headers, SMALL_MB)),
        () => time(() => writePlainly(join(folder, 'plain'), SMALL_MB)),
      );
      const before = residentMemory(server.pid);
      let id = '';
      const uploadMs = await time(async () => {
        id = await upload(server.url, headers, LARGE_MB);
      });
      const downloadMs = await time(() => download(`${server.url}/files/${id}`, headers, LARGE_MB));
      const grown = peakMemory(server.pid) - before;
      return {
        ratio,
        bound: 5,
        checks: { 'memory grows by at most 100 MB': grown <= 100 },
        detail: {
          uploadMs: subject,
          plainMs: reference,
          largeUploadMbPerSecond: LARGE_MB / (uploadMs / 1000),
          largeDownloadMbPerSecond: LARGE_MB / (downloadMs / 1000),
          grownMb: grown,
          ratios,
        },
      };
    } finally {
      await server.stop();
      await rm(folder, { recursive: true });
    }
  },
};

async function* megabytes(count: number) {
  for (let i = 0; i < count; i += 1) yield CHUNK;
}

async function upload(url: string, headers: Record<string, string>, count: number): Promise<string> {
  const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="bench.bin"\r\n\r\n`;
  const tail = `\r\n--${BOUNDARY}--\r\n`;
  const body = async function* () {
    yield Buffer.from(head);
    yield* megabytes(count);
    yield Buffer.from(tail);
  };
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(`${url}/files`, {
      method: 'POST',
      headers: { ...headers, 'content-type': `multipart/form-data; boundary="${BOUNDARY}"` },
    });
    sent.on('response', resolve).on('error', reject);
    pipeline(Readable.from(body(), { objectMode: false }), sent).catch(reject);
  });
  const text = await textOf(await answer);
  const { files } = JSON.parse(text) as { files?: { id: string; size: number }[] };
  if (files?.[0]?.size !== count * CHUNK.length) throw new Error(`The upload was answered by ${text}`);
  return files[0].id;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

async function download(url: string, headers: Record<string, string>, count: number): Promise<void> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { headers }).on('response', resolve).on('error', reject).end();
  });
  let bytes = 0;
  for await (const chunk of response) bytes += (chunk as Buffer).length;
  if (bytes !== count * CHUNK.length) throw new Error(`${bytes} bytes came of ${count} MB`);
}

async function writePlainly(path: string, count: number): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(
    megabytes(count),
    async function* (source) {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { flush: true }),
  );
  hash.digest();
}
