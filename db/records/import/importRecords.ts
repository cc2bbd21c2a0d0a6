import { randomUUID } from 'node:crypto';
import type { Client, PoolClient } from 'pg';
import type { Writable } from 'node:stream';
import { identitySettings, type Identity } from '../../pool.ts';
import { readFile, sniffFile } from '../files/read.ts';
import type { FileFormat, FileRecord, FileSource } from '../files/source.ts';
import { assertMay, findObject, loadModel, type FieldModel, type ObjectModel } from '../model.ts';
import { RecordsError } from '../recordsError.ts';
import { identifier } from '../sql.ts';
import type { DateOrder } from '../values/date.ts';
import { readRules, readTable, type TableFacts } from './catalogue.ts';
import { resolveLinks, type StagedRelation } from './links.ts';
import { mapHeaders, type MappedHeader } from './mapping.ts';
import { LIVE_ROWS, RowChecks, type ImportMode } from './reject.ts';
import { rejectedRows, RejectsFile, type Reject, type RejectedRow } from './rejectsFile.ts';
import { copyRows, createStage, RowStage, STAGE, type Meanings } from './stage.ts';
import { findTarget, listTargets } from './target.ts';
import { RowWriter } from './write.ts';

export interface ImportOptions {
  /** A connection of the server's or an administrator's login; the import runs as `identity` on it. */
  client: Client | PoolClient;
  identity: Omit<Identity, 'source'>;
  /** Any name of the object: "person", "people", "Companies". */
  object: string;
  source: FileSource;
  format?: Partial<FileFormat>;
  /** Header → path of a field ("address.city"); an empty path leaves the column out. */
  map?: ReadonlyMap<string, string>;
  /** The field by which rows find the records they update; without it every row is a new record. */
  match?: string;
  /** Of rows that are matched; both by itself. */
  mode?: ImportMode;
  /** What cells mean, by header and cell, before they are read: "Customer" is CUSTOMER. */
  meanings?: ReadonlyMap<string, Meanings>;
  /** Cells that are read as if they held something else, by line and place. */
  fixes?: Fixes;
  createMissing?: boolean;
  dryRun?: boolean;
  dateOrder?: DateOrder;
  /** Where times without an offset are. */
  timeZone?: string;
  /** Opens the rejects file; called only when rows were rejected. */
  openRejects?: () => Writable;
  /** Hears of each rejected row, the header first as line 0. */
  onReject?: (row: RejectedRow) => Promise<void>;
  /** Runs as the login in the transaction of the import, so that what it writes is written if the records are. */
  beforeCommit?: (client: Client | PoolClient, result: ImportResult) => Promise<void>;
  onMapping?: (object: ObjectModel, mapping: MappedHeader[]) => void;
  onProgress?: (progress: ImportProgress) => void;
}

export interface ImportProgress {
  phase: 'reading' | 'checking' | 'writing';
  rows: number;
  bytes: number;
}

export interface ImportResult {
  object: ObjectModel;
  rows: number;
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
  /** Records of related objects made by createMissing. */
  createdRelated: { object: ObjectModel; created: number }[];
  /** The first few rejected rows. */
  rejects: Reject[];
  /** Which request its changes are in the event log: what takes all of them back. */
  requestId: string;
  /** Of a dry run, what would become of the first rows that are not rejected. */
  outcomes: { line: number; isUpdate: boolean }[];
}

export type Fixes = ReadonlyMap<number, ReadonlyMap<number, string>>;

const OUTCOMES = 100;
const SAMPLES = 5;

/**
 * Imports a file in one transaction: the good rows go in together or, when anything but a row is
 * wrong, nothing does. Memory does not grow with the file: rows stream into a temporary table, are
 * checked there by one statement a rule, and move into place in large batches, under the caller's
 * role, with row-level security, triggers and events as for any other write.
 */
export async function importRecords(options: ImportOptions): Promise<ImportResult> {
  const { client } = options;
  const format = await sniffFile(options.source, options.format ?? {});
  await client.query('begin');
  try {
    const requestId = options.identity.requestId ?? randomUUID();
    const done = await runImport({ ...options, identity: { ...options.identity, requestId } }, format);
    const result = { ...done, requestId };
    if (!options.dryRun && options.beforeCommit) {
      await client.query('set local role none');
      await options.beforeCommit(client, result);
    }
    await client.query(options.dryRun ? 'rollback' : 'commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw permissionError(error, options.object);
  }
}

async function runImport(options: ImportOptions, format: FileFormat): Promise<Omit<ImportResult, 'requestId'>> {
  const { client, identity, source } = options;
  const progress = (phase: ImportProgress['phase'], rows: number, bytes: number) =>
    options.onProgress?.({ phase, rows, bytes });
  await becomeCaller(options);
  await assertMay(client, 'IMPORT_CSV', 'Your role may not import files.');
  const model = await loadModel(client);
  const object = findObject(model, options.object);
  const table = `${identifier(identity.schemaName)}.${identifier(object.tableName)}`;
  await holdModel(client, table);
  const facts = await readTable(client, identity.schemaName, object);

  let bytes = 0;
  const records = mended(
    readFile(source, format, (read) => (bytes = read)),
    options.fixes,
  );
  const headers = await readHeaders(records, source);
  const mapping = mapHeaders(model, object, headers, options.map ?? new Map());
  options.onMapping?.(object, mapping);
  const matchField =
    options.match === undefined ? null : findMatch(options.match, object, mapping, listTargets(model, object));
  requireColumns(mapping, object);

  const stage = new RowStage(mapping, options.dateOrder, options.meanings);
  const relations: StagedRelation[] = mapping.flatMap(({ header, target }) =>
    target?.relation ? [{ header, relation: target.relation }] : [],
  );
  const relationColumns = relations.map(({ relation }) => relation.column);
  const links = relations.flatMap(({ relation: { column, junction } }) =>
    junction ? [{ column, junction, table: `${identifier(identity.schemaName)}.${identifier(junction.table)}` }] : [],
  );

  // A CRM role owns nothing, so the login makes the staging table and lets the role read it.
  await client.query('set local role none');
  const rules = await readRules(client, identity.schemaName, object.tableName, facts, identity.pgRole);
  await createStage(
    client,
    stage.columns.map((name) => ({
      name,
      type: links.some(({ column }) => column === name) ? 'text[]' : stagedType(name, facts, relationColumns),
    })),
    identity.pgRole,
  );
  await copyRows(client, stage, records, (rows) => progress('reading', rows, bytes));
  await client.query(`analyze ${STAGE}`);
  await becomeCaller(options);

  progress('checking', stage.rows, bytes);
  const checks = new RowChecks(client, table, object, facts, rules, stage.columns, relationColumns);
  if (matchField) await checks.match(matchField, options.mode ?? 'BOTH');
  await checks.required();
  await checks.constraints();
  await checks.unique();
  const createdRelated = await resolveLinks(client, identity.schemaName, relations, options.createMissing ?? false);

  const outcomes = options.dryRun ? await firstOutcomes(client) : [];
  const writer = new RowWriter(
    client,
    table,
    facts,
    stage.columns,
    relationColumns,
    links,
    matchField !== null,
    (error) => checks.reasonOf(error),
  );
  const { created, updated } = await writer.writeAll((rows) => progress('writing', rows, bytes));
  const { rows: counts } = await client.query<{ rejected: number }>(
    `select ((select count(*) from ${STAGE} where reject is not null) + (select count(*) from relvar_import_rejects))::float8 as rejected`,
  );
  const rejected = counts[0]?.rejected ?? 0;
  const rejects = rejected > 0 ? await tellRejects(options, mended(readFile(source, format), options.fixes)) : [];
  return {
    object,
    rows: stage.rows,
    created,
    updated,
    unchanged: stage.rows - created - updated - rejected,
    rejected,
    createdRelated,
    rejects,
    outcomes,
  };
}

async function* mended(records: AsyncGenerator<FileRecord>, fixes: Fixes | undefined): AsyncGenerator<FileRecord> {
  for await (const record of records) {
    for (const [index, text] of fixes?.get(record.line) ?? []) record.cells[index] = text;
    yield record;
  }
}

async function firstOutcomes(client: Client | PoolClient): Promise<ImportResult['outcomes']> {
  const { rows } = await client.query<ImportResult['outcomes'][number]>(
    `select s.line::float8 as line, exists (select from relvar_import_matches m where m.line = s.line) as "isUpdate"
     from ${LIVE_ROWS} order by s.line limit ${OUTCOMES}`,
  );
  return rows;
}

async function tellRejects(
  { client, openRejects, onReject }: ImportOptions,
  records: AsyncGenerator<FileRecord>,
): Promise<Reject[]> {
  const file = openRejects && new RejectsFile(openRejects());
  const samples: Reject[] = [];
  for await (const row of rejectedRows(client, records)) {
    await file?.add(row);
    await onReject?.(row);
    if (row.line !== 0 && samples.length < SAMPLES) samples.push({ line: row.line, reason: row.reason });
    if (!file && !onReject && samples.length === SAMPLES) break;
  }
  await file?.end();
  return samples;
}

async function becomeCaller({ client, identity, timeZone }: ImportOptions): Promise<void> {
  const settings = { ...identitySettings({ ...identity, source: 'IMPORT' }), TimeZone: timeZone ?? 'UTC' };
  const names = Object.keys(settings);
  await client.query(
    `select ${names.map((_, index) => `set_config($${2 * index + 1}, $${2 * index + 2}, true)`).join(', ')}`,
    Object.entries(settings).flat(),
  );
}

/**
 * The model must not change between reading it and writing by it. LOCK TABLE asks for a right on the whole table, which
 * who may write some of its columns has only by chance; writing nothing takes the same lock.
 */
async function holdModel(client: Client | PoolClient, table: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select a.attname as name from pg_attribute a
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
       and has_column_privilege(a.attrelid, a.attnum, 'insert') limit 1`,
    [table],
  );
  const [column] = rows;
  await client.query(
    column
      ? `insert into ${table} (${identifier(column.name)}) select null where false`
      : `lock table ${table} in row exclusive mode`,
  );
}

async function readHeaders(records: AsyncGenerator<FileRecord>, source: FileSource): Promise<string[]> {
  const first = await records.next();
  if (first.done)
    throw new RecordsError('CSV_EMPTY', `${source.name} is empty.`, 'Its first line should name the columns.');
  return first.value.cells;
}

function findMatch(
  path: string,
  object: ObjectModel,
  mapping: readonly MappedHeader[],
  targets: ReturnType<typeof listTargets>,
): FieldModel {
  const target = findTarget(targets, object, path);
  const isMapped = mapping.some((mapped) => mapped.target?.field === target.field);
  if (target.relation || ['RICH_TEXT', 'RAW_JSON', 'ADDRESS', 'CURRENCY'].includes(target.field.type))
    throw new RecordsError(
      'MATCH_IMPOSSIBLE',
      `Records cannot be matched by "${path}".`,
      'Match by a field that tells records apart, such as an e-mail address, a domain or a name.',
    );
  if (!isMapped)
    throw new RecordsError(
      'MATCH_UNMAPPED',
      `No header of the file is mapped to "${path}", which the rows are to be matched by.`,
      `Say which one holds it: --map "HEADER=${path}".`,
    );
  return target.field;
}

function requireColumns(mapping: readonly MappedHeader[], object: ObjectModel): void {
  if (mapping.some(({ target }) => target !== null)) return;
  throw new RecordsError(
    'MAPPING_EMPTY',
    `None of the headers could be mapped to a field of ${object.labelPlural.toLowerCase()}: ${mapping.map(({ header }) => `"${header}"`).join(', ')}.`,
    'Say what they are with --map "HEADER=field", or name another object.',
  );
}

function stagedType(column: string, facts: TableFacts, relationColumns: readonly string[]): string {
  if (relationColumns.includes(column)) return 'text';
  const fact = facts.columns.get(column);
  if (!fact) throw new Error(`The table has no column ${column}, though the model says so`);
  return fact.type;
}

function permissionError(error: unknown, object: string): unknown {
  if ((error as { code?: string }).code !== '42501') return error;
  return new RecordsError(
    'NOT_ALLOWED',
    `Your role may not import into "${object}": ${(error as Error).message}.`,
    'Ask an administrator for the right to create and update these records.',
  );
}
