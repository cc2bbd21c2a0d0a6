import { Readable } from 'node:stream';
import { AwsClient } from 'aws4fetch';
import type { S3Config } from '../config.ts';
import { ContentMissing } from './contentMissing.ts';
import type { ByteRange } from './store.ts';

/** What a file is sent in: it is held in memory while it is sent, and S3 takes 10,000 parts of at least 5 MB. */
const PART_BYTES = 8 * 1024 * 1024;

/** Sends a request that is signed; where the address is somebody else's, one that looks where it leads. */
export type Send = (signed: Request, body: Buffer | string | undefined) => Promise<Response>;

/** A bucket of Amazon S3, or of what speaks as it does. Files are named by a path within it, its parts encoded. */
export class S3Bucket {
  readonly #client: AwsClient;
  readonly #url: string;
  readonly #send: Send | undefined;

  constructor({ url, region, keyId, secret }: S3Config, send?: Send) {
    this.#url = url;
    this.#send = send;
    this.#client = new AwsClient({ accessKeyId: keyId, secretAccessKey: secret, region, service: 's3', retries: 3 });
  }

  async write(path: string, content: AsyncIterable<Buffer>): Promise<void> {
    const parts = inParts(content);
    const first = await parts.next();
    // What fits into one part is stored by one request.
    if (first.done) {
      await this.#ask('PUT', path, '', Buffer.alloc(0));
      return;
    }
    const second = await parts.next();
    if (second.done) {
      await this.#ask('PUT', path, '', first.value);
      return;
    }
    const begun = await (await this.#ask('POST', path, '?uploads')).text();
    const uploadId = encodeURIComponent(unescapeXml(/<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1] ?? ''));
    try {
      const tags: string[] = [];
      const send = async (part: Buffer) => {
        const sent = await this.#ask('PUT', path, `?partNumber=${tags.length + 1}&uploadId=${uploadId}`, part);
        tags.push(sent.headers.get('etag') ?? '');
      };
      await send(first.value);
      await send(second.value);
      for await (const part of parts) await send(part);
      const list = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join('');
      const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
      const done = await (await this.#ask('POST', path, `?uploadId=${uploadId}`, body)).text();
      // S3 says 200 before it knows.
      if (/<Error>/.test(done)) throw new Error(`The store of files could not put an upload together: ${done}`);
    } catch (error) {
      await this.#ask('DELETE', path, `?uploadId=${uploadId}`).catch(() => undefined);
      throw error;
    }
  }

  async read(path: string, range?: ByteRange): Promise<Readable> {
    const headers = range === undefined ? undefined : { range: `bytes=${range.start}-${range.end}` };
    const { body } = await this.#ask('GET', path, '', undefined, headers);
    return Readable.from((body ?? []) as AsyncIterable<Uint8Array>, { objectMode: false });
  }

  async erase(path: string): Promise<void> {
    await this.#ask('DELETE', path).catch((error: unknown) => {
      if (!(error instanceof ContentMissing)) throw error;
    });
  }

  async #ask(
    method: string,
    path: string,
    query = '',
    body?: Buffer | string,
    headers?: Record<string, string>,
  ): Promise<Response> {
    const init = { method, ...(body !== undefined && { body: body as BodyInit }), ...(headers && { headers }) };
    const address = `${this.#url}/${path}${query}`;
    const response = this.#send
      ? await this.#send(await this.#client.sign(address, init), body)
      : await this.#client.fetch(address, init);
    if (response.ok) return response;
    const answer = await response.text();
    if (response.status === 404 && !answer.includes('NoSuchBucket')) throw new ContentMissing(path);
    throw new BucketRefused(response.status, method, answer);
  }
}

/** What a bucket answered, as far as one can use it: S3 has a code for each reason. */
export class BucketRefused extends Error {
  readonly status: number;
  readonly code: string | null;

  constructor(status: number, method: string, answer: string) {
    super(`The store of files answered ${status} to ${method}: ${answer.slice(0, 500)}`);
    this.status = status;
    this.code = /<Code>(\w{1,60})<\/Code>/.exec(answer)?.[1] ?? null;
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
