import { Command, InvalidArgumentError } from 'commander';
import { accessSync, constants, createReadStream, createWriteStream, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { importRecords, type ImportProgress, type ImportResult } from '../../db/records/import/importRecords.ts';
import type { MappedHeader } from '../../db/records/import/mapping.ts';
import { RecordsError } from '../../db/records/recordsError.ts';
import type { DateOrder } from '../../db/records/values/date.ts';
import { findIdentity, findWorkspace, withClient, withDatabase } from './session.ts';

interface Options {
  workspace: string;
  match?: string;
  map: Map<string, string>;
  createMissing?: boolean;
  dryRun?: boolean;
  as?: string;
  delimiter?: string;
  encoding?: string;
  sheet?: string;
  dateOrder?: DateOrder;
  timeZone?: string;
  rejects?: string;
}

export function importCommand(): Command {
  return new Command('import')
    .description('import a file (CSV, TSV, XLSX, vCard) as records of an object, in one transaction')
    .argument('<object>', 'such as person, people or "Sales order"')
    .argument('<file>', 'a file whose first line names the columns')
    .requiredOption('--workspace <slug>', 'the workspace to import into')
    .option('--match <field>', 'update the record with the same value of this field, such as emails or domainName')
    .option(
      '--map <header=field>',
      'say where a column goes, such as "Town=address.city"; "Town=" leaves it out',
      collectMap,
      new Map(),
    )
    .option('--create-missing', 'create the related records that a row names and nobody has')
    .option('--dry-run', 'do everything, say how it went, and undo it')
    .option('--as <email>', 'import as this member, with the rights of the member’s role')
    .option('--delimiter <character>', 'what stands between cells; found out by itself', parseDelimiter)
    .option('--encoding <name>', 'such as windows-1252; UTF-8 and UTF-16 are found out')
    .option('--sheet <name>', 'the sheet of a workbook; the first by itself')
    .option('--date-order <order>', 'what 3/4/2025 means: dmy or mdy', parseDateOrder)
    .option('--time-zone <name>', 'where times are that do not say so', 'UTC')
    .option('--rejects <file>', 'where the rejected rows go; FILE.rejects.csv by itself')
    .addHelpText('after', HELP)
    .action(runImport);
}

const HELP = `
Rows that cannot come in are written to FILE.rejects.csv with their line and the reason; the others
go in. Without --match every row becomes a new record. With --match an empty cell leaves what the
record has, and of several rows with the same value the first is taken and the others are rejected.`;

function collectMap(text: string, previous: Map<string, string>): Map<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('It should be HEADER=field, or HEADER= to leave the column out.');
  return new Map(previous).set(text.slice(0, at), text.slice(at + 1));
}

function parseDelimiter(text: string): string {
  const delimiter = text === '\\t' || text === 'tab' ? '\t' : text;
  if (delimiter.length !== 1) throw new InvalidArgumentError('It should be one character, or "tab".');
  return delimiter;
}

function parseDateOrder(text: string): DateOrder {
  if (text !== 'dmy' && text !== 'mdy')
    throw new InvalidArgumentError('It should be dmy (day first) or mdy (month first).');
  return text;
}

async function runImport(object: string, file: string, options: Options): Promise<void> {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats)
    throw new RecordsError('FILE_NOT_FOUND', `There is no file ${file}.`, `It was looked for in ${process.cwd()}.`);
  if (!stats.isFile()) throw new RecordsError('FILE_NOT_READABLE', `${file} is not a file.`);
  const rejectsFile = options.rejects ?? rejectsPath(file);
  // What an earlier import left must not be taken for the outcome of this one.
  if (options.rejects === undefined) rmSync(rejectsFile, { force: true });
  const progress = new ProgressLine(stats.size);

  const result = await withDatabase(async (admin, database) => {
    const workspace = await findWorkspace(admin, options.workspace);
    const identity = await findIdentity(admin, workspace, options.as);
    // The server's login, so that an import from a terminal has the rights of one from the screen.
    return withClient(database.serverUrl, (client) =>
      importRecords({
        client,
        identity,
        object,
        source: {
          name: basename(file),
          size: stats.size,
          open: (start = 0, end = Infinity) => createReadStream(file, { highWaterMark: 1 << 18, start, end }),
        },
        format: {
          ...(options.delimiter === undefined ? {} : { delimiter: options.delimiter }),
          ...(options.encoding === undefined ? {} : { encoding: options.encoding }),
          ...(options.sheet === undefined ? {} : { sheet: options.sheet }),
        },
        map: options.map,
        ...(options.match === undefined ? {} : { match: options.match }),
        createMissing: options.createMissing === true,
        dryRun: options.dryRun === true,
        ...(options.dateOrder === undefined ? {} : { dateOrder: options.dateOrder }),
        ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }),
        openRejects: () => createWriteStream(rejectsFile),
        onMapping: (found, mapping) => process.stdout.write(describeMapping(found.labelPlural, mapping)),
        onProgress: (state) => progress.show(state),
      }),
    );
  });
  progress.clear();
  process.stdout.write(describeResult(result, options, rejectsFile));
}

/** Beside the file, or in the working directory where the file's own may not be written to. */
function rejectsPath(file: string): string {
  const name = `${basename(file).replace(/\.(csv|tsv|txt|xlsx|vcf)$/i, '')}.rejects.csv`;
  const folder = dirname(resolve(file));
  try {
    accessSync(folder, constants.W_OK);
    return join(dirname(file), name);
  } catch {
    return name;
  }
}

function describeMapping(object: string, mapping: readonly MappedHeader[]): string {
  const width = Math.max(...mapping.map(({ header }) => header.length), 6);
  const lines = mapping.map(({ header, target, note }) => {
    const to = target
      ? `→ ${target.path}`
      : note === 'ignored'
        ? '  left out, as asked'
        : note === 'taken'
          ? '  left out: another column fills this field'
          : note === 'computed'
            ? '  left out: Relvar works this field out itself'
            : '  left out: no field of this name';
    return `  ${header.padEnd(width)}  ${to}${note === 'given' ? ' (given)' : ''}\n`;
  });
  return `${object}:\n${lines.join('')}`;
}

function describeResult(result: ImportResult, options: Options, rejectsFile: string): string {
  const { created, updated, unchanged, rejected, rows, object } = result;
  const count = (number: number) => number.toLocaleString('en');
  const related = result.createdRelated.map(
    ({ object: { labelSingular, labelPlural }, created: number }) =>
      `Related records created: ${count(number)} ${(number === 1 ? labelSingular : labelPlural).toLowerCase()}.\n`,
  );
  const noun = rows === 1 ? 'row' : 'rows';
  let text = `${count(rows)} ${noun} for ${object.labelPlural.toLowerCase()}: ${count(created)} created, ${count(updated)} updated, ${count(unchanged)} unchanged, ${count(rejected)} rejected.\n${related.join('')}`;
  if (rejected > 0) {
    text += result.rejects.map(({ line, reason }) => `  line ${line}: ${reason}\n`).join('');
    if (rejected > result.rejects.length) text += `  … and ${count(rejected - result.rejects.length)} more\n`;
    text += `The rejected rows are in ${rejectsFile}.\n`;
    if (!options.createMissing && result.rejects.some(({ reason }) => reason.includes(': there is no ')))
      text += 'Related records that do not exist yet can be created: add --create-missing.\n';
  }
  if (options.dryRun) text += 'This was a dry run: nothing was changed.\n';
  else if (created + updated > 0)
    text += `To take it back: select revert(request_id => '${result.requestId}'), or undo it in the history of any of its records.\n`;
  return text;
}

/** One line that is written over itself; silent where stderr is not a terminal. */
class ProgressLine {
  private readonly size: number;
  private shownAt = 0;

  constructor(size: number) {
    this.size = size;
  }

  show({ phase, rows, bytes }: ImportProgress): void {
    const now = Date.now();
    if (!process.stderr.isTTY || (phase === 'reading' && now - this.shownAt < 100)) return;
    this.shownAt = now;
    const count = rows.toLocaleString('en');
    const text =
      phase === 'reading'
        ? `Reading: ${count} rows, ${Math.min(100, Math.floor((bytes / Math.max(1, this.size)) * 100))} %`
        : phase === 'checking'
          ? `Checking ${count} rows …`
          : `Writing: up to line ${count}`;
    process.stderr.write(`\r\x1b[K${text}`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
