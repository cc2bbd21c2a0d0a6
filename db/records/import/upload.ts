import { Readable } from 'node:stream';
import type { ClientBase, Pool } from 'pg';
import type { FileSource } from '../files/source.ts';

/** Pieces of files are so large: few statements, and little that is held at once. */
export const PART_SIZE = 1024 * 1024;

/** A file that was uploaded, or that of the rejected rows, read from the database piece after piece. */
export function uploadedFile(
  db: Pool | ClientBase,
  { id, name, size, kind }: { id: string; name: string; size: number; kind: 'FILE' | 'REJECTS' },
): FileSource {
  async function* parts(from: number, to: number): AsyncGenerator<Buffer> {
    let last = -1;
    for (;;) {
      const { rows } = await db.query<{ position: number; content: Buffer }>(
        'select "position", content from core.import_bytes($1, $2, $3, $4, $5)',
        [id, kind, from, to, last],
      );
      const [part] = rows;
      if (!part) return;
      last = part.position;
      yield part.content;
    }
  }
  return {
    name,
    size,
    open: (from = 0, to = Number.MAX_SAFE_INTEGER) => Readable.from(parts(from, to), { objectMode: false }),
  };
}

/** Gathers what comes into pieces and keeps them. */
export class PartWriter {
  private readonly db: Pool | ClientBase;
  private readonly id: string;
  private readonly kind: 'FILE' | 'REJECTS';
  private chunks: Buffer[] = [];
  private size = 0;
  private position = 0;

  constructor(db: Pool | ClientBase, id: string, kind: 'FILE' | 'REJECTS') {
    this.db = db;
    this.id = id;
    this.kind = kind;
  }

  async write(chunk: Buffer): Promise<void> {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size >= PART_SIZE) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.size === 0) return;
    const content = Buffer.concat(this.chunks);
    [this.chunks, this.size] = [[], 0];
    await this.db.query('select core.add_import_part($1, $2, $3, $4)', [this.id, this.kind, this.position, content]);
    this.position += 1;
  }
}
