import { RecordsError } from '../recordsError.ts';
import { decoder, readCsv, readableError, sniffDelimiter } from './csv.ts';
import { sniffUtf16 } from './encoding.ts';
import type { FileFormat, FileKind, FileRecord, FileSource } from './source.ts';
import { readVcards, VCARD_HEADERS } from './vcard.ts';
import { readSheet } from './xlsx.ts';

const HEAD_SIZE = 65536;

/** Finds out what a file is and how it is written from its first bytes. */
export async function sniffFile(source: FileSource, wanted: Partial<FileFormat>): Promise<FileFormat> {
  const head = await readHead(source);
  const kind = sniffKind(head, source.name);
  const encoding = wanted.encoding ?? sniffUtf16(head) ?? 'utf-8';
  const isCsv = kind === 'csv';
  return {
    kind,
    encoding: kind === 'xlsx' ? 'utf-8' : encoding,
    delimiter: isCsv ? (wanted.delimiter ?? sniffDelimiter(decoder(encoding, false).decode(head))) : ',',
    sheet: kind === 'xlsx' ? (wanted.sheet ?? null) : null,
    hasHeader: kind === 'vcard' ? true : (wanted.hasHeader ?? true),
  };
}

async function readHead(source: FileSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of source.open() as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= HEAD_SIZE) break;
    }
  } catch (error) {
    throw readableError(error, source.name, 1);
  }
  return Buffer.concat(chunks);
}

function sniffKind(head: Buffer, name: string): FileKind {
  if (head.subarray(0, 4).equals(Buffer.from('PK\x03\x04', 'latin1'))) return 'xlsx';
  const isOldWorkbook = head.subarray(0, 4).equals(Buffer.from([0xd0, 0xcf, 0x11, 0xe0]));
  if (isOldWorkbook || isBinary(head))
    throw new RecordsError(
      'FILE_KIND',
      `${name} is not a file that can be imported.`,
      isOldWorkbook
        ? 'It is a workbook of before 2007. Save it as .xlsx or as CSV.'
        : 'CSV, TSV, XLSX and vCard files can be.',
    );
  const text = decoder(sniffUtf16(head) ?? 'windows-1252', false).decode(head.subarray(0, 200));
  return /^\s*BEGIN:VCARD/i.test(text.replace(/^(\uFEFF|ï»¿)/, '')) ? 'vcard' : 'csv';
}

/** Text holds hardly any of the characters that control something, but as halves of those of UTF-16. */
function isBinary(head: Buffer): boolean {
  if (head.subarray(0, 5).toString('latin1') === '%PDF-') return true;
  if (sniffUtf16(head) !== null) return false;
  let controls = 0;
  for (const byte of head) if (byte < 9 || (byte > 13 && byte < 32)) controls += 1;
  return controls > 8 && controls > head.length / 20;
}

/** The records of a file, the header first: one name for each column, each another. Wholly empty ones are left out. */
export async function* readFile(
  source: FileSource,
  format: FileFormat,
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<FileRecord> {
  if (format.kind === 'vcard') {
    yield { line: 0, cells: [...VCARD_HEADERS] };
    yield* readVcards(source, format.encoding, onBytes);
    return;
  }
  const records = format.kind === 'xlsx' ? readSheet(source, format.sheet, onBytes) : readCsv(source, format, onBytes);
  let width: number | null = null;
  for await (const record of records) {
    if (width === null) {
      const header = format.hasHeader ? trimEnd(record.cells) : record.cells.map(() => '');
      width = header.length;
      yield { line: format.hasHeader ? record.line : 0, cells: nameColumns(header) };
      if (format.hasHeader) continue;
    }
    // A sheet does not keep the empty cells at the end of a row.
    if (format.kind === 'xlsx') while (record.cells.length < width) record.cells.push('');
    yield record;
  }
}

/** Cells at the end of a header that name nothing are no columns. */
function trimEnd(cells: string[]): string[] {
  let length = cells.length;
  while (length > 1 && cells[length - 1]!.trim() === '') length -= 1;
  return cells.slice(0, length);
}

function nameColumns(header: readonly string[]): string[] {
  const taken = new Set<string>();
  return header.map((cell, index) => {
    const name = cell.trim() || `Column ${index + 1}`;
    let unique = name;
    for (let count = 2; taken.has(unique); count++) unique = `${name} (${count})`;
    taken.add(unique);
    return unique;
  });
}
