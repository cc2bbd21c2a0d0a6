import { Readable } from 'node:stream';
import { AwsClient } from 'aws4fetch';
import type { S3Config } from '../config.ts';
import { ContentMissing } from './contentMissing.ts';
import type { ByteRange, FileKey, FileStore } from './store.ts';

/** What a file is sent in: it is held in memory while it is sent, and S3 takes 10,000 parts of at least 5 MB. */
const PART_BYTES = 8 * 1024 * 1024;

/** A bucket of Amazon S3, or of what speaks as it does. */
export class S3Store implements FileStore {
  readonly #client: AwsClient;
  readonly #url: string;

  constructor({ url, region, keyId, secret }: S3Config) {
    this.#url = url;
    this.#client = new AwsClient({ accessKeyId: keyId, secretAccessKey: secret, region, service: 's3', retries: 3 });
  }

  async write(key: FileKey, content: AsyncIterable<Buffer>): Promise<void> {
    const parts = inParts(content);
    const first = await parts.next();
    // What fits into one part is stored by one request.
    if (first.done) {
      await this.#ask('PUT', key, '', Buffer.alloc(0));
      return;
    }
    const second = await parts.next();
    if (second.done) {
      await this.#ask('PUT', key, '', first.value);
      return;
    }
    const begun = await (await this.#ask('POST', key, '?uploads')).text();
    const uploadId = encodeURIComponent(unescapeXml(/<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1] ?? ''));
    try {
      const tags: string[] = [];
      const send = async (part: Buffer) => {
        const sent = await this.#ask('PUT', key, `?partNumber=${tags.length + 1}&uploadId=${uploadId}`, part);
        tags.push(sent.headers.get('etag') ?? '');
      };
      await send(first.value);
      await send(second.value);
      for await (const part of parts) await send(part);
      const list = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join('');
      const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
      const done = await (await this.#ask('POST', key, `?uploadId=${uploadId}`, body)).text();
      // S3 says 200 before it knows.
      if (/<Error>/.test(done)) throw new Error(`The store of files could not put an upload together: ${done}`);
    } catch (error) {
      await this.#ask('DELETE', key, `?uploadId=${uploadId}`).catch(() => undefined);
      throw error;
    }
  }

  async read(key: FileKey, range?: ByteRange): Promise<Readable> {
    const headers = range === undefined ? undefined : { range: `bytes=${range.start}-${range.end}` };
    const { body } = await this.#ask('GET', key, '', undefined, headers);
    return Readable.from((body ?? []) as AsyncIterable<Uint8Array>, { objectMode: false });
  }

  async erase(key: FileKey): Promise<void> {
    await this.#ask('DELETE', key).catch((error: unknown) => {
      if (!(error instanceof ContentMissing)) throw error;
    });
  }

  async #ask(
    method: string,
    key: FileKey,
    query = '',
    body?: Buffer | string,
    headers?: Record<string, string>,
  ): Promise<Response> {
    const init = { method, ...(body !== undefined && { body: body as BodyInit }), ...(headers && { headers }) };
    const response = await this.#client.fetch(`${this.#url}/${key.workspaceId}/${key.fileId}${query}`, init);
    if (response.ok) return response;
    const answer = await response.text();
    if (response.status === 404 && !answer.includes('NoSuchBucket')) throw new ContentMissing(key.fileId);
    throw new Error(`The store of files answered ${response.status} to ${method}: ${answer.slice(0, 500)}`);
  }
}

/** The content in pieces of the size of a part; only the last is smaller. */
async function* inParts(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    chunks.push(chunk);
    bytes += chunk.length;
    while (bytes >= PART_BYTES) {
      const whole = Buffer.concat(chunks);
      yield whole.subarray(0, PART_BYTES);
      chunks = [whole.subarray(PART_BYTES)];
      bytes -= PART_BYTES;
    }
  }
  if (bytes > 0) yield Buffer.concat(chunks);
  return undefined;
}

const unescapeXml = (text: string) =>
  text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
