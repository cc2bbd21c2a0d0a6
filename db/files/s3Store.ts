import type { Readable } from 'node:stream';
import type { S3Config } from '../config.ts';
import { S3Bucket } from './s3Bucket.ts';
import type { ByteRange, FileKey, FileStore } from './store.ts';

const pathOf = ({ workspaceId, fileId }: FileKey) => `${workspaceId}/${fileId}`;

/** Files in the bucket of the server. */
export class S3Store implements FileStore {
  readonly #bucket: S3Bucket;

  constructor(config: S3Config) {
    this.#bucket = new S3Bucket(config);
  }

  write(key: FileKey, content: AsyncIterable<Buffer>): Promise<void> {
    return this.#bucket.write(pathOf(key), content);
  }

  read(key: FileKey, range?: ByteRange): Promise<Readable> {
    return this.#bucket.read(pathOf(key), range);
  }

  erase(key: FileKey): Promise<void> {
    return this.#bucket.erase(pathOf(key));
  }
}
