import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ContentMissing } from './contentMissing.ts';
import type { ByteRange, FileKey, FileStore } from './store.ts';

/** A folder of this machine, or one that several mount. */
export class DiskStore implements FileStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async write(key: FileKey, content: AsyncIterable<Buffer>): Promise<void> {
    const path = this.#path(key);
    const directory = dirname(path);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      // `flush` waits until the content is on the disk, before it gets its name.
      await pipeline(content, createWriteStream(`${path}.part`, { mode: 0o600, flush: true }));
      await rename(`${path}.part`, path);
    } catch (error) {
      await rm(`${path}.part`, { force: true });
      throw error;
    }
    await sync(directory);
  }

  async read(key: FileKey, range?: ByteRange): Promise<Readable> {
    const path = this.#path(key);
    const stream = createReadStream(path, range);
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'ENOENT' ? new ContentMissing(path) : error),
      );
    });
    return stream;
  }

  async erase(key: FileKey): Promise<void> {
    const path = this.#path(key);
    await rm(path, { force: true });
    await rm(`${path}.part`, { force: true });
  }

  /** No folder grows beyond what file systems like: the end of an id is random. */
  #path({ workspaceId, fileId }: FileKey): string {
    for (const id of [workspaceId, fileId]) if (!/^[0-9a-f-]{36}$/.test(id)) throw new Error(`Not an id: ${id}`);
    return join(this.#directory, workspaceId, fileId.slice(-2), fileId);
  }
}

/** A new name is on the disk only when its folder is. */
async function sync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Windows knows no such thing.
    if (!['EPERM', 'EISDIR', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}
