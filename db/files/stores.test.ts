import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import S3rver from 's3rver';
import { makeTemporaryDir } from '../testing/temporary.ts';
import { ContentMissing } from './contentMissing.ts';
import { DiskStore } from './diskStore.ts';
import { S3Store } from './s3Store.ts';
import type { FileStore } from './store.ts';

/** Whether a request is signed by Signature Version 4 with a secret, reckoned here from its description and not from our client. */
function isSigned(request: IncomingMessage, secret: string): boolean {
  const given =
    /^AWS4-HMAC-SHA256 Credential=S3RVER\/(\d{8})\/([\w-]+)\/s3\/aws4_request, SignedHeaders=([\w;-]+), Signature=(\w+)$/.exec(
      request.headers.authorization ?? '',
    );
  if (!given) return false;
  const [, day, region, signed, signature] = given as unknown as [string, string, string, string, string];
  const [path = '', query = ''] = request.url!.split('?');
  const pairs = query
    .split('&')
    .filter(Boolean)
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`));
  const headers = signed.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [
    request.method,
    path,
    pairs.sort().join('&'),
    headers.join(''),
    signed,
    request.headers['x-amz-content-sha256'],
  ].join('\n');
  const text = [
    'AWS4-HMAC-SHA256',
    request.headers['x-amz-date'],
    `${day}/${region}/s3/aws4_request`,
    digest(Buffer.from(canonical)),
  ].join('\n');
  const hmac = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest();
  const key = [region, 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, day));
  return region === 'eu-test-1' && hmac(key, text).toString('hex') === signature;
}

// What any store owes, held to both: a folder, and a bucket of a server of S3's kind. That one does not look at signatures, so
// this stands before it.
const directory = makeTemporaryDir();
const bucket = makeTemporaryDir();
const s3 = new S3rver({
  silent: true,
  directory: bucket,
  vhostBuckets: false,
  configureBuckets: [{ name: 'files', configs: [] }],
});
const answer = s3.callback();
const server = createServer((request, response) => {
  if (isSigned(request, 'S3RVER')) answer(request, response);
  else response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
});
const at = (more: object = {}) =>
  new S3Store({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/files`,
    region: 'eu-test-1',
    keyId: 'S3RVER',
    secret: 'S3RVER',
    ...more,
  });

beforeAll(async () => {
  await s3.configureBuckets();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
  for (const each of [directory, bucket]) rmSync(each, { recursive: true, force: true });
});

const newKey = () => ({ workspaceId: randomUUID(), fileId: randomUUID() });
const bytesOf = async (stream: Readable) => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};
const digest = (content: Buffer) => createHash('sha256').update(content).digest('hex');

async function* pieces(content: Buffer, size = 65_536) {
  for (let i = 0; i < content.length; i += size) yield content.subarray(i, i + size);
}
async function* broken(content: Buffer) {
  yield* pieces(content);
  throw new Error('The line is dead.');
}
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => statSync(join(folder, name)).isFile());

describe.each([
  ['a folder', () => new DiskStore(directory)],
  ['a bucket', () => at()],
] as [string, () => FileStore][])('%s', (_name, open) => {
  let store: FileStore;
  beforeAll(() => {
    store = open();
  });

  test.each([0, 1, 8 * 2 ** 20, 20 * 2 ** 20 + 7])('gives back what was stored: %i bytes', async (size) => {
    const key = newKey();
    const content = randomBytes(size);
    await store.write(key, pieces(content));
    const back = await bytesOf(await store.read(key));
    expect([back.length, digest(back)]).toEqual([size, digest(content)]);
  });

  test('gives a part of it', async () => {
    const key = newKey();
    await store.write(key, pieces(Buffer.from('0123456789')));
    expect((await bytesOf(await store.read(key, { start: 2, end: 4 }))).toString()).toBe('234');
    expect((await bytesOf(await store.read(key, { start: 9, end: 9 }))).toString()).toBe('9');
  });

  test.each([1000, 20 * 2 ** 20])('has nothing of what broke off after %i bytes', async (size) => {
    const key = newKey();
    await expect(store.write(key, broken(randomBytes(size)))).rejects.toThrow('The line is dead.');
    await expect(store.read(key)).rejects.toBeInstanceOf(ContentMissing);
  });

  test('erases, as often as one likes', async () => {
    const key = newKey();
    await store.write(key, pieces(Buffer.from('x')));
    await store.erase(key);
    await store.erase(key);
    await expect(store.read(key)).rejects.toBeInstanceOf(ContentMissing);
  });
});

test('a folder keeps no half file, and erases what a kill left of one', async () => {
  const folder = makeTemporaryDir();
  const store = new DiskStore(folder);
  const [dead, alive] = [newKey(), newKey()];
  await expect(store.write(dead, broken(randomBytes(100_000)))).rejects.toThrow();
  expect(filesIn(folder)).toEqual([]);
  // A write that never ends is what a killed process leaves.
  const line = new PassThrough();
  const hanging = store.write(alive, line);
  line.write(randomBytes(100_000));
  while (filesIn(folder).length === 0) await delay(5);
  await expect(store.read(alive)).rejects.toBeInstanceOf(ContentMissing);
  await store.erase(alive);
  expect(filesIn(folder)).toEqual([]);
  line.destroy(new Error('killed'));
  await expect(hanging).rejects.toThrow('killed');
  await expect(store.read({ workspaceId: '..', fileId: randomUUID() })).rejects.toThrow('Not an id');
  rmSync(folder, { recursive: true, force: true });
});

test('a bucket that another secret signs for says no', async () => {
  await expect(at({ secret: 'another' }).write(newKey(), pieces(Buffer.from('x')))).rejects.toThrow('403');
  await expect(at({ secret: 'another' }).read(newKey())).rejects.toThrow('403');
});
