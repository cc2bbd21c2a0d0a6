import { once } from 'node:events';
import type { ClientBase } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { FileRecord } from '../files/source.ts';
import { identifier } from '../sql.ts';
import type { DateOrder } from '../values/date.ts';
import { splitList } from '../values/choice.ts';
import { Unreadable } from '../values/unreadable.ts';
import { cellReader, type CellReader } from './cellReader.ts';
import type { MappedHeader } from './mapping.ts';
import type { Target } from './target.ts';

/** What cells of a column mean, by the cell; nothing where it is empty. */
export type Meanings = ReadonlyMap<string, string>;

export const STAGE = 'pg_temp.relvar_import_rows';

/** The id that a new record gets when others are to be linked with it. */
export const ROW_ID = '_id';

/** How much text is gathered before it is sent. */
const CHUNK_SIZE = 65536;

export interface StagedColumn {
  name: string;
  /** For a relation the column holds a lookup key instead of the id. */
  type: string;
}

interface Slot {
  index: number;
  header: string;
  reader: CellReader;
  meaning: (cell: string) => string;
  /** Where the reader's columns stand in the staged row. */
  at: number[];
}

/** The rows of a file on their way into the staging table: parsed, and each bad one with its reason. */
export class RowStage {
  readonly columns: string[] = [];
  rows = 0;
  private readonly slots: Slot[] = [];
  private readonly headerCount: number;

  constructor(mapping: readonly MappedHeader[], dateOrder?: DateOrder, meanings?: ReadonlyMap<string, Meanings>) {
    this.headerCount = mapping.length;
    const mapped = mapping.flatMap(({ index, header, target }) => (target ? [{ index, header, target }] : []));
    // Parts come after wholes, so that what a part says wins over what was read out of a whole.
    mapped.sort((a, b) => Number(a.target.part !== '') - Number(b.target.part !== ''));
    for (const { index, header, target } of mapped) {
      const reader = cellReader(target, dateOrder);
      const at = reader.columns.map((column) => {
        if (!this.columns.includes(column)) this.columns.push(column);
        return this.columns.indexOf(column);
      });
      const meaning = meaningReader(target, meanings?.get(header));
      this.slots.push({ index, header, reader, meaning, at });
    }
  }

  /** One line of COPY text for a record. */
  line(record: FileRecord): string {
    const values = this.columns.map((): string | null => null);
    const reason = this.read(record.cells, values);
    if (reason !== null) return `${record.line}\t${copyText(reason)}${'\t\\N'.repeat(values.length)}\n`;
    let line = `${record.line}\t\\N`;
    for (const value of values) line += value === null ? '\t\\N' : `\t${copyText(value)}`;
    return `${line}\n`;
  }

  private read(cells: readonly string[], values: (string | null)[]): string | null {
    if (cells.length < this.headerCount)
      return `The row has ${cells.length} cells, the header has ${this.headerCount}.`;
    if (cells.length > this.headerCount && cells.slice(this.headerCount).some((cell) => cell.trim() !== ''))
      return `The row has ${cells.length} cells, the header has ${this.headerCount}.`;
    for (const { index, header, reader, meaning, at } of this.slots) {
      const cell = meaning(cells[index] ?? '');
      if (cell.trim() === '') continue;
      if (cell.includes('\0')) return `${header}: the cell holds a NUL byte.`;
      const parsed = reader.read(cell);
      if (parsed instanceof Unreadable) return `${header}: ${parsed.reason}.`;
      for (let i = 0; i < at.length; i++) {
        const value = parsed[i];
        if (value !== null && value !== undefined && value !== '') values[at[i] as number] = value;
      }
    }
    return null;
  }
}

/** What is said of the cells of a list is said of each of its items. */
export function meaningReader({ field }: Target, meanings: Meanings | undefined): (cell: string) => string {
  if (!meanings || meanings.size === 0) return (cell) => cell;
  const one = (cell: string) => meanings.get(cell.trim()) ?? cell;
  if (field.type !== 'MULTI_SELECT') return one;
  return (cell) =>
    splitList(cell)
      .map(one)
      .filter((item) => item !== '')
      .join('; ');
}

function copyText(value: string): string {
  return /[\\\t\n\r]/.test(value)
    ? value.replace(/[\\\t\n\r]/g, (character) =>
        character === '\t' ? '\\t' : character === '\n' ? '\\n' : character === '\r' ? '\\r' : '\\\\',
      )
    : value;
}

/** Makes the staging tables. They belong to the login, since a CRM role owns nothing. */
export async function createStage(client: ClientBase, columns: readonly StagedColumn[], pgRole: string): Promise<void> {
  const list = columns.map(({ name, type }) => `, ${identifier(name)} ${type}`).join('');
  await client.query(`
    create temp table relvar_import_rows (line bigint not null, reject text, ${ROW_ID} uuid not null default gen_random_uuid()${list}) on commit drop;
    create temp table relvar_import_rejects (line bigint primary key, reason text not null) on commit drop;
    create temp table relvar_import_matches (line bigint not null, id uuid not null) on commit drop;
    create temp table relvar_import_links (relation text not null, key text not null, id uuid, found bigint not null) on commit drop;
    grant select on relvar_import_rows to ${identifier(pgRole)};
    grant select, insert, delete on relvar_import_rejects, relvar_import_matches, relvar_import_links to ${identifier(pgRole)};`);
}

/** Streams the records into the staging table; waits where PostgreSQL is slower than the file. */
export async function copyRows(
  client: ClientBase,
  stage: RowStage,
  records: AsyncIterable<FileRecord>,
  onRow: (rows: number) => void,
): Promise<void> {
  const columns = ['line', 'reject', ...stage.columns].map(identifier).join(', ');
  const copy = client.query(copyFrom(`copy ${STAGE} (${columns}) from stdin`));
  const done = once(copy, 'finish');
  // The failure is told where it is awaited; until then it must not count as unhandled.
  done.catch(() => {});
  try {
    let chunk = '';
    for await (const record of records) {
      chunk += stage.line(record);
      stage.rows += 1;
      if (chunk.length < CHUNK_SIZE) continue;
      if (!copy.write(chunk)) await Promise.race([once(copy, 'drain'), done]);
      chunk = '';
      onRow(stage.rows);
    }
    copy.end(chunk);
  } catch (error) {
    copy.destroy(error as Error);
    await done.catch(() => {});
    throw error;
  }
  await done;
  onRow(stage.rows);
}
