import { DatabaseError, type Client, type PoolClient } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { identitySettings, type Identity } from '../../pool.ts';
import { assertMay, findObject, loadModel, type ObjectModel } from '../model.ts';
import { RecordsError } from '../recordsError.ts';
import { identifier, literal } from '../sql.ts';
import { filterSql, type Reader, type StoredFilter } from '../filter/filterSql.ts';
import { orderSql, type StoredSort } from '../filter/orderSql.ts';
import { exportColumns, jsonSelectList, readableColumns, type ExportColumn } from './columns.ts';
import { cardSelectList, writeCards } from './vcard.ts';
import { writeWorkbook } from './workbook.ts';

export type ExportFormat = 'csv' | 'ndjson' | 'xlsx' | 'vcard';

export interface ExportOptions {
  client: Client | PoolClient;
  identity: Omit<Identity, 'source'>;
  object: string;
  format: ExportFormat;
  out: Writable;
  /** Names of the fields that are wanted, in their order; all that the caller may read where it is left out. */
  fields?: readonly string[];
  /** Whether related records are named by their ids, too. */
  hasIds?: boolean;
  /** As people read it: labels for names of fields and values of options, amounts for millionths. A workbook always is. */
  isHuman?: boolean;
  /** Whether a text that a spreadsheet would take for a formula begins with an apostrophe, which keeps it a text. */
  isGuarded?: boolean;
  /** Whether CSV begins with a mark, by which Excel takes it for UTF-8. */
  hasMark?: boolean;
  /** Where times are; in UTC by itself. */
  timeZone?: string;
  /** Ids of the records that are wanted, page after page, in their order; all records where it is left out. */
  pages?: AsyncIterable<readonly string[]>;
  /** Which records are wanted, as a view keeps it, where no pages say so. */
  view?: { filter: StoredFilter | null; sorts: readonly StoredSort[]; reader: Reader };
}

/** What each kind of file is called, and what it is. */
export const FILE_KINDS: Record<ExportFormat, { suffix: string; type: string }> = {
  csv: { suffix: 'csv', type: 'text/csv; charset=utf-8' },
  ndjson: { suffix: 'ndjson', type: 'application/x-ndjson' },
  xlsx: { suffix: 'xlsx', type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' },
  vcard: { suffix: 'vcf', type: 'text/vcard; charset=utf-8' },
};

/** What the records of an export are read by: their columns, and the rest of the statement for some ids or for all. */
interface Source {
  object: ObjectModel;
  columns: ExportColumn[];
  from: (ids: readonly string[] | null) => string;
}

/**
 * Streams the records that the caller may read, with the fields that the caller may read, in one snapshot.
 * PostgreSQL writes the text of CSV and NDJSON, and waits while `out` is full; the rows of workbooks and cards come
 * through a cursor. So memory stays flat. After an error of `out` the connection is to be ended. Returns how many records there
 * were.
 */
export async function exportRecords(options: ExportOptions): Promise<number> {
  const { client, object: name } = options;
  await client.query('begin transaction isolation level repeatable read read only');
  try {
    const source = await openSource(options);
    const count = { rows: 0 };
    if (options.format === 'xlsx')
      await writeWorkbook(source.object, source.columns, rowsOf(options, source, count), options.out);
    else if (options.format === 'vcard') await writeCards(rowsOf(options, source, count), options.out);
    else await copyRecords(options, source, count);
    await client.query('commit');
    return count.rows;
  } catch (error) {
    // When the reader left (EPIPE), PostgreSQL is still sending: a rollback would wait for ever, and only
    // ending the connection, which its owner does, stops it.
    if (error instanceof DatabaseError || error instanceof RecordsError) await client.query('rollback');
    throw (error as { code?: string }).code === '42501' ? notAllowed(name) : error;
  }
}

/** Whether the caller may export this, without doing it; tells how many columns there would be. */
export async function checkExport(options: Omit<ExportOptions, 'out'>): Promise<number> {
  const { client } = options;
  await client.query('begin transaction read only');
  try {
    return (await openSource(options)).columns.length;
  } catch (error) {
    throw (error as { code?: string }).code === '42501' ? notAllowed(options.object) : error;
  } finally {
    await client.query('rollback');
  }
}

async function openSource(options: Omit<ExportOptions, 'out'>): Promise<Source> {
  const { client, identity, object: name, timeZone = 'UTC' } = options;
  for (const [setting, value] of Object.entries(identitySettings({ ...identity, source: 'API' })))
    await client.query('select set_config($1, $2, true)', [setting, value]);
  await client.query(`select set_config('TimeZone', $1, true), set_config('statement_timeout', '0', true)`, [timeZone]);
  await assertMay(client, 'EXPORT_CSV', 'Your role may not export records.');
  const model = await loadModel(client);
  const object = findObject(model, name);
  const isReadable = await readableColumns(client, identity.schemaName);
  const { columns: all, joins } = exportColumns(model, object, identity.schemaName, isReadable);
  if (all.length === 0) throw notAllowed(name);
  const columns = choose(all, object, options);
  const table = `${identifier(identity.schemaName)}.${identifier(object.tableName)}`;
  const context = { model, schema: identity.schemaName, isReadable };
  const condition = options.view
    ? filterSql(options.view.filter, object, { ...context, ...options.view.reader })
    : null;
  const order = options.view ? orderSql(options.view.sorts, { object, ...context }) : 'order by r.id';
  return {
    object,
    columns,
    from: (ids) =>
      ids === null
        ? `from ${table} r ${joins.join(' ')} ${condition === null ? '' : `where ${condition}`} ${order}`
        : `from unnest(${literal(`{${ids.join(',')}}`)}::uuid[]) with ordinality page (id, place) join ${table} r on r.id = page.id ${joins.join(' ')} order by page.place`,
  };
}

function choose(
  all: ExportColumn[],
  object: ObjectModel,
  { fields, hasIds = true, format }: Omit<ExportOptions, 'out'>,
): ExportColumn[] {
  const unknown = fields?.find((name) => !object.fields.some((field) => field.name === name));
  if (unknown !== undefined)
    throw new RecordsError('FIELD_UNKNOWN', `${object.labelPlural} have no field "${unknown}".`);
  const kept = hasIds ? all : all.filter(({ isId }) => !isId);
  // Of a card the columns are given.
  if (!fields || format === 'vcard') return kept;
  const columns = fields.flatMap((name) => kept.filter(({ field }) => field === name));
  if (columns.length === 0)
    throw new RecordsError('NOT_ALLOWED', 'None of these fields can be exported.', 'Choose others.');
  return columns;
}

async function copyRecords(
  { client, format, out, pages, isHuman = false, isGuarded = false, hasMark = false }: ExportOptions,
  { columns, from }: Source,
  count: { rows: number },
): Promise<void> {
  const headers = uniqueHeaders(columns.map(({ path, label }) => (isHuman ? label : path)));
  const list = columns
    .map((column, index) => `${cell(column, isHuman, isGuarded)} as ${identifier(headers[index]!)}`)
    .join(', ');
  const statement = (ids: readonly string[] | null, hasHeader: boolean) =>
    format === 'csv'
      ? `copy (select ${list} ${from(ids)}) to stdout (format csv${hasHeader ? ', header' : ''})`
      : // JSON holds no control characters, so with these two for signs COPY has nothing to escape.
        `copy (select row_to_json(x) from (select ${jsonSelectList(columns)} ${from(ids)}) x) to stdout (format csv, delimiter e'\\x02', quote e'\\x01')`;
  if (hasMark) out.write('\ufeff');
  let isFirst = true;
  for await (const ids of pages ?? [null]) {
    const copy = client.query(copyTo(statement(ids, isFirst)));
    await pipeline(copy, out, { end: false });
    count.rows += copy.rowCount;
    isFirst = false;
  }
  if (isFirst) await pipeline(client.query(copyTo(statement([], true))), out, { end: false });
}

function cell({ csv, human, kind }: ExportColumn, isHuman: boolean, isGuarded: boolean): string {
  const value = !isHuman || kind === 'percent' ? csv : human;
  if (isHuman && kind === 'boolean') return `case ${value} when true then 'Yes' when false then 'No' end`;
  if (!isGuarded || kind !== 'text') return value;
  // Numbers and telephone numbers that begin with a sign are no formulas.
  return `case when (${value})::text ~ '^[=@\\t\\r]|^[+-](?![0-9 ()./-]*$)' then '''' || (${value})::text else (${value})::text end`;
}

/** COPY and JSON take several columns of one name; people would not know them apart. */
function uniqueHeaders(headers: readonly string[]): string[] {
  const taken = new Set<string>();
  return headers.map((header) => {
    let unique = header;
    for (let count = 2; taken.has(unique); count++) unique = `${header} (${count})`;
    taken.add(unique);
    // Identifiers are cut at 63 bytes.
    return Buffer.byteLength(unique) <= 63
      ? unique
      : Buffer.from(unique)
          .subarray(0, 60)
          .toString('utf8')
          .replace(/\uFFFD+$/, '');
  });
}

const FETCHED = 1_000;

/** The rows as arrays of texts, a thousand at a time. */
async function* rowsOf(
  { client, format, pages }: ExportOptions,
  { object, columns, from }: Source,
  count: { rows: number },
): AsyncGenerator<(string | null)[][]> {
  const list =
    format === 'vcard' ? cardSelectList(object, columns) : columns.map(({ human }) => `(${human})::text`).join(', ');
  const query = async (text: string) => {
    const { rows } = await client.query<(string | null)[]>({ text, rowMode: 'array' });
    count.rows += rows.length;
    return rows;
  };
  if (pages) {
    for await (const ids of pages)
      for (let at = 0; at < ids.length; at += FETCHED)
        yield await query(`select ${list} ${from(ids.slice(at, at + FETCHED))}`);
    return;
  }
  await client.query(`declare relvar_export no scroll cursor for select ${list} ${from(null)}`);
  for (;;) {
    const rows = await query(`fetch ${FETCHED} from relvar_export`);
    if (rows.length > 0) yield rows;
    if (rows.length < FETCHED) return;
  }
}

function notAllowed(name: string): RecordsError {
  return new RecordsError(
    'NOT_ALLOWED',
    `Your role may not read "${name}".`,
    'Ask an administrator for the right to read these records.',
  );
}
