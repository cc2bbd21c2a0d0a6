import { parse } from 'csv-parse';
import { RecordsError } from '../recordsError.ts';
import type { FileFormat, FileRecord, FileSource } from './source.ts';

const DELIMITERS = [',', ';', '\t', '|'];

/** A record longer than this is taken for a quote that was never closed. */
const MAX_RECORD_SIZE = 16 * 1024 * 1024;

/** The delimiter that the header line has most of, outside of quotes. */
export function sniffDelimiter(head: string): string {
  const header = /^(?:"(?:[^"]|"")*"|[^"\r\n])*/.exec(head)?.[0].replace(/"(?:[^"]|"")*"/g, '') ?? '';
  const counts = DELIMITERS.map((delimiter) => header.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',';
}

export function decoder(encoding: string, fatal: boolean): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(encoding, { fatal });
  } catch {
    throw new RecordsError('CSV_ENCODING', `"${encoding}" is not an encoding that can be read.`, 'Name one such as utf-8, utf-16le or windows-1252.'); // prettier-ignore
  }
}

/** Decodes strictly: a file read in the wrong encoding would fill the CRM with broken names. */
export async function* decode(
  source: FileSource,
  encoding: string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<string> {
  const text = decoder(encoding, true);
  let bytes = 0;
  const strictly = (chunk?: Buffer) => {
    try {
      return chunk ? text.decode(chunk, { stream: true }) : text.decode();
    } catch {
      throw new RecordsError(
        'CSV_ENCODING',
        `${source.name} is not ${encoding}: after ${bytes} bytes comes something that cannot be read.`,
        'Save it as UTF-8, or say how it is written, such as --encoding windows-1252 for files of Excel on Windows.',
      );
    }
  };
  for await (const chunk of source.open() as AsyncIterable<Buffer>) {
    const decoded = strictly(chunk);
    bytes += chunk.length;
    onBytes(bytes);
    if (decoded !== '') yield decoded;
  }
  // A character may have been cut off at the end.
  yield strictly();
}

/**
 * The records of a file; wholly empty ones are left out. Lines are counted here
 * because the parser's own counting costs as much again as its parsing.
 */
export async function* readCsv(
  source: FileSource,
  format: Pick<FileFormat, 'delimiter' | 'encoding'>,
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<FileRecord> {
  const parser = parse({
    delimiter: format.delimiter,
    bom: true,
    // Found out from the first line otherwise, and files put together from others mix them.
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    // A quote inside a cell that does not begin with one is a character like any other.
    relax_quotes: true,
    max_record_size: MAX_RECORD_SIZE,
  });
  const feeding = feed(parser, decode(source, format.encoding, onBytes));
  let line = 1;
  try {
    for await (const cells of parser as AsyncIterable<string[]>) {
      const start = line;
      line += 1;
      let isEmpty = true;
      for (const cell of cells) {
        if (cell === '') continue;
        isEmpty = false;
        if (cell.includes('\n') || cell.includes('\r')) line += lineBreaks(cell);
      }
      if (!isEmpty) yield { line: start, cells };
    }
    await feeding;
  } catch (error) {
    throw readableError(error, source.name, line);
  } finally {
    parser.destroy();
  }
}

async function feed(parser: ReturnType<typeof parse>, texts: AsyncIterable<string>): Promise<void> {
  try {
    for await (const text of texts) {
      if (parser.destroyed) return;
      if (!parser.write(text)) await drained(parser);
    }
    parser.end();
  } catch (error) {
    parser.destroy(error as Error);
  }
}

function drained(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      parser.off('drain', done).off('close', done);
      resolve();
    };
    parser.on('drain', done).on('close', done);
  });
}

function lineBreaks(cell: string): number {
  return cell.match(/\r\n|\r|\n/g)?.length ?? 0;
}

export function readableError(error: unknown, name: string, line: number): unknown {
  if (error instanceof RecordsError) return error;
  const code = (error as { code?: string }).code;
  if (code === 'CSV_QUOTE_NOT_CLOSED' || code === 'CSV_MAX_RECORD_SIZE')
    return new RecordsError(
      'CSV_QUOTES',
      `${name}, line ${line}: a quote is opened and not closed.`,
      'Close the quote, or double it where it belongs to the text.',
    );
  if (code?.startsWith('CSV_'))
    return new RecordsError('CSV_QUOTES', `${name}, line ${line}: ${(error as Error).message}.`);
  if (code === 'ENOENT') return new RecordsError('FILE_NOT_FOUND', `There is no file ${name}.`);
  if (code === 'EACCES')
    return new RecordsError('FILE_NOT_READABLE', `${name} may not be read.`, 'Check its permissions.');
  if (code === 'EISDIR')
    return new RecordsError('FILE_NOT_READABLE', `${name} is a folder.`, 'Give the path of a CSV file.');
  return error;
}
