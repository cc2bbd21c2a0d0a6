import type { ClientBase } from 'pg';
import type { Writable } from 'node:stream';
import { once } from 'node:events';
import { csvLine } from '../csv/line.ts';
import { readCsv, type CsvFormat, type CsvSource } from '../csv/source.ts';
import { STAGE } from './stage.ts';

export interface Reject {
  line: number;
  reason: string;
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
 * Writes the rejected rows: line, reason and the cells as they were, so that the file can be mended
 * and imported again. The cells are read from the source a second time instead of being kept.
 */
export async function writeRejects(
  client: ClientBase,
  source: CsvSource,
  format: CsvFormat,
  out: Writable,
): Promise<Reject[]> {
  const samples: Reject[] = [];
  const pending = rejects(client);
  let reject = await pending.next();
  let isHeader = true;
  for await (const record of readCsv(source, format)) {
    let line: string | null = null;
    if (isHeader) {
      line = csvLine(['line', 'reason', ...record.cells]);
      isHeader = false;
    } else if (!reject.done && reject.value.line === record.line) {
      if (samples.length < 5) samples.push(reject.value);
      line = csvLine([String(record.line), reject.value.reason, ...record.cells]);
      reject = await pending.next();
    }
    if (line !== null && !out.write(line)) await once(out, 'drain');
    if (reject.done) break;
  }
  out.end();
  await once(out, 'finish');
  return samples;
}
