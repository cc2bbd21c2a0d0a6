import type { ClientBase } from 'pg';
import type { Writable } from 'node:stream';
import { once } from 'node:events';
import { csvLine } from '../files/line.ts';
import type { FileRecord } from '../files/source.ts';
import { STAGE } from './stage.ts';

export interface Reject {
  line: number;
  reason: string;
}

export interface RejectedRow extends Reject {
  cells: string[];
}

const PAGE = 1000;

/** Every rejected line in order, fetched by the page so that memory stays flat. */
async function* rejects(client: ClientBase): AsyncGenerator<Reject> {
  await client.query(
    `declare relvar_import_rejected no scroll cursor for
     select line::float8 as line, reject as reason from ${STAGE} where reject is not null
     union all select line::float8, reason from relvar_import_rejects order by 1`,
  );
  for (;;) {
    const { rows } = await client.query<Reject>(`fetch ${PAGE} from relvar_import_rejected`);
    yield* rows;
    if (rows.length < PAGE) break;
  }
  await client.query('close relvar_import_rejected');
}

/**
 * The rejected rows with their cells as they were, the header first as line 0. The cells are read from the file a second
 * time instead of being kept.
 */
export async function* rejectedRows(
  client: ClientBase,
  records: AsyncGenerator<FileRecord>,
): AsyncGenerator<RejectedRow> {
  const header = await records.next();
  if (!header.done) yield { line: 0, reason: '', cells: header.value.cells };
  const pending = rejects(client);
  let reject = await pending.next();
  for await (const record of records) {
    if (reject.done) break;
    if (reject.value.line !== record.line) continue;
    yield { ...reject.value, cells: record.cells };
    reject = await pending.next();
  }
}

/** A file of line, reason and the cells as they were, so that it can be mended and imported again. */
export class RejectsFile {
  private readonly out: Writable;

  constructor(out: Writable) {
    this.out = out;
  }

  async add({ line, reason, cells }: RejectedRow): Promise<void> {
    const text = line === 0 ? csvLine(['line', 'reason', ...cells]) : csvLine([String(line), reason, ...cells]);
    if (!this.out.write(text)) await once(this.out, 'drain');
  }

  async end(): Promise<void> {
    this.out.end();
    await once(this.out, 'finish');
  }
}
