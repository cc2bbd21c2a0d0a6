import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { FilesConfig } from '../config.ts';
import { DiskStore } from './diskStore.ts';
import { S3Store } from './s3Store.ts';

/** Where the content of a file stands: by its workspace and its id, both found out by the database. */
export interface FileKey {
  readonly workspaceId: string;
  readonly fileId: string;
}

/** The first and the last byte, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The content of files, which the database knows by id. Server and worker reach it alike. */
export interface FileStore {
  /** All of it is safe when this resolves. When it rejects, nothing can be read of it. */
  write: (key: FileKey, content: AsyncIterable<Buffer>) => Promise<void>;
  /** Rejects with ContentMissing where there is none. */
  read: (key: FileKey, range?: ByteRange) => Promise<Readable>;
  /** Also what is left of a write that was killed; nothing is all right. */
  erase: (key: FileKey) => Promise<void>;
}

export function openStore({ dataDir, files }: { dataDir: string; files: FilesConfig }): FileStore {
  return files.s3 === null ? new DiskStore(join(dataDir, 'files')) : new S3Store(files.s3);
}
