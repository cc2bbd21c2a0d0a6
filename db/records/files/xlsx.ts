import type { Readable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { fromRandomAccessReader, RandomAccessReader, type Entry, type ZipFile } from 'yauzl';
import { RecordsError } from '../recordsError.ts';
import { readableError } from './csv.ts';
import type { FileRecord, FileSource } from './source.ts';

/** What a workbook may come to when it is unpacked: a small one can be made to unpack to any size. */
const MAX_SHEET_SIZE = 4 * 1024 ** 3;
const MAX_TEXTS_SIZE = 256 * 1024 ** 2;
const MAX_COLUMNS = 4_096;

/** The names of the sheets of a workbook, those that are shown. */
export async function sheetNames(source: FileSource): Promise<string[]> {
  return withWorkbook(source, ({ sheets }) => Promise.resolve(sheets.map(({ name }) => name)));
}

/**
 * The rows of a sheet, read from a workbook without ever holding it: only its table of texts is kept in memory, since
 * cells name texts by their number. Numbers that are shown as days, times and percentages are read as what they show.
 */
export async function* readSheet(
  source: FileSource,
  wanted: string | null,
  onBytes: (bytes: number) => void,
): AsyncGenerator<FileRecord> {
  const { zip, entries } = await openWorkbook(source);
  try {
    const { sheets, isFrom1904 } = await readWorkbook(zip, entries, source.name);
    const sheet = wanted === null ? sheets[0] : sheets.find(({ name }) => name === wanted);
    if (!sheet)
      throw new RecordsError(
        'SHEET_UNKNOWN',
        wanted === null ? `${source.name} has no sheet.` : `${source.name} has no sheet "${wanted}".`,
        `Its sheets are ${sheets.map(({ name }) => `"${name}"`).join(', ')}.`,
      );
    const entry = entries.get(sheet.path);
    if (!entry) throw broken(source.name);
    const texts = await readTexts(zip, entries);
    const shows = await readStyles(zip, entries);
    const rows = new SheetRows(texts, shows, isFrom1904);
    const share = (source.size ?? 0) / Math.max(1, entry.uncompressedSize);
    let bytes = 0;
    for await (const chunk of unpacked(zip, entry, MAX_SHEET_SIZE)) {
      bytes += chunk.length;
      rows.write(chunk);
      onBytes(Math.round(bytes * share));
      for (const row of rows.take()) if (row.cells.some((cell) => cell !== '')) yield row;
    }
  } catch (error) {
    throw workbookError(error, source.name);
  } finally {
    zip.close();
  }
}

interface Workbook {
  sheets: { name: string; path: string }[];
  /** Whether days are counted from 1904, as workbooks of old Macs do. */
  isFrom1904: boolean;
}

async function withWorkbook<T>(source: FileSource, work: (workbook: Workbook) => Promise<T>): Promise<T> {
  const { zip, entries } = await openWorkbook(source);
  try {
    return await work(await readWorkbook(zip, entries, source.name));
  } catch (error) {
    throw workbookError(error, source.name);
  } finally {
    zip.close();
  }
}

class SourceReader extends RandomAccessReader {
  private readonly source: FileSource;

  constructor(source: FileSource) {
    super();
    this.source = source;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const out = new PassThrough();
    const from = this.source.open(start, end - 1);
    from.on('error', (error) => out.destroy(error));
    out.on('close', () => from.destroy());
    return from.pipe(out);
  }
}

async function openWorkbook(source: FileSource): Promise<{ zip: ZipFile; entries: Map<string, Entry> }> {
  const { size } = source;
  if (size === undefined)
    throw new RecordsError('FILE_NOT_READABLE', `${source.name} can only be read from a file.`, 'Save it first.');
  return new Promise((resolve, reject) => {
    const options = { lazyEntries: true, autoClose: false, validateEntrySizes: true };
    fromRandomAccessReader(new SourceReader(source), size, options, (error, zip) => {
      if (error) {
        reject(workbookError(error, source.name));
        return;
      }
      const entries = new Map<string, Entry>();
      zip.on('entry', (entry: Entry) => {
        entries.set(entry.fileName, entry);
        zip.readEntry();
      });
      zip.on('end', () => resolve({ zip, entries }));
      zip.on('error', (cause: Error) => {
        zip.close();
        reject(workbookError(cause, source.name));
      });
      zip.readEntry();
    });
  });
}

async function* unpacked(zip: ZipFile, entry: Entry, most: number): AsyncGenerator<Buffer> {
  if (entry.uncompressedSize > most)
    throw new RecordsError(
      'FILE_TOO_LARGE',
      'The workbook is too large when it is unpacked.',
      'Save the sheet as CSV.',
    );
  const stream = await new Promise<Readable>((resolve, reject) => {
    zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  // yauzl ends with an error where more comes than is said.
  for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk;
}

/** Runs through an XML file of the workbook. */
async function parse(
  zip: ZipFile,
  entry: Entry | undefined,
  most: number,
  on: { open?: (tag: SaxesTagPlain) => void; text?: (text: string) => void; close?: (name: string) => void },
): Promise<void> {
  if (!entry) return;
  const parser = makeParser(on);
  const decoder = new StringDecoder('utf8');
  for await (const chunk of unpacked(zip, entry, most)) parser.write(decoder.write(chunk));
  parser.close();
}

/** Writers put a prefix before names or not. */
const local = (name: string) => name.slice(name.indexOf(':') + 1);

function makeParser(on: Parameters<typeof parse>[3]): SaxesParser {
  const parser = new SaxesParser({ xmlns: false, position: false });
  parser.on('opentag', (tag) => on.open?.({ ...tag, name: local(tag.name) }));
  parser.on('text', (text) => on.text?.(text));
  parser.on('closetag', ({ name }) => on.close?.(local(name)));
  parser.on('error', (error) => {
    throw error;
  });
  return parser;
}

async function readWorkbook(zip: ZipFile, entries: Map<string, Entry>, name: string): Promise<Workbook> {
  if (!entries.has('xl/workbook.xml')) throw broken(name);
  const sheets: { name: string; relation: string }[] = [];
  let isFrom1904 = false;
  await parse(zip, entries.get('xl/workbook.xml'), MAX_TEXTS_SIZE, {
    open: ({ name: tag, attributes }) => {
      if (tag === 'workbookPr') isFrom1904 = ['1', 'true'].includes(attributes['date1904'] ?? '');
      if (tag !== 'sheet' || ['hidden', 'veryHidden'].includes(attributes['state'] ?? '')) return;
      const [, relation = ''] = Object.entries(attributes).find(([key]) => local(key) === 'id') ?? [];
      sheets.push({ name: attributes['name'] ?? '', relation });
    },
  });
  const paths = new Map<string, string>();
  await parse(zip, entries.get('xl/_rels/workbook.xml.rels'), MAX_TEXTS_SIZE, {
    open: ({ name: tag, attributes }) => {
      const target = attributes['Target'] ?? '';
      if (tag === 'Relationship')
        paths.set(attributes['Id'] ?? '', target.startsWith('/') ? target.slice(1) : `xl/${target}`);
    },
  });
  return {
    sheets: sheets.flatMap(({ name: sheet, relation }) => {
      const path = paths.get(relation);
      return path !== undefined && entries.has(path) && path.includes('worksheets/') ? [{ name: sheet, path }] : [];
    }),
    isFrom1904,
  };
}

/** The texts that cells name by number. What is said of their pronunciation is none of them. */
async function readTexts(zip: ZipFile, entries: Map<string, Entry>): Promise<string[]> {
  const texts: string[] = [];
  let text = '';
  let isText = false;
  let isPhonetic = false;
  await parse(zip, entries.get('xl/sharedStrings.xml'), MAX_TEXTS_SIZE, {
    open: ({ name }) => {
      if (name === 'si') text = '';
      else if (name === 'rPh') isPhonetic = true;
      else if (name === 't') isText = !isPhonetic;
    },
    text: (more) => {
      if (isText) text += more;
    },
    close: (name) => {
      if (name === 'si') texts.push(unescapeText(text));
      else if (name === 'rPh') isPhonetic = false;
      else if (name === 't') isText = false;
    },
  });
  return texts;
}

/** Characters that XML does not have are written as _x000D_. */
const unescapeText = (text: string): string =>
  text.includes('_x') ? text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))) : text; // prettier-ignore

type Shows = 'number' | 'percent' | 'date' | 'time' | 'dateTime';

/** The formats that have a number instead of a pattern. */
const BUILT_IN: Record<number, Shows> = {
  9: 'percent', 10: 'percent', 14: 'date', 15: 'date', 16: 'date', 17: 'date', 18: 'time', 19: 'time', 20: 'time', 21: 'time',
  22: 'dateTime', 27: 'date', 28: 'date', 29: 'date', 30: 'date', 31: 'date', 36: 'date', 45: 'time', 46: 'time', 47: 'time',
  50: 'date', 51: 'date', 52: 'date', 53: 'date', 54: 'date', 57: 'date', 58: 'date',
}; // prettier-ignore

/** What the number in a cell of each style is shown as. */
async function readStyles(zip: ZipFile, entries: Map<string, Entry>): Promise<Shows[]> {
  const patterns = new Map<number, Shows>();
  const styles: Shows[] = [];
  let isCellStyle = false;
  await parse(zip, entries.get('xl/styles.xml'), MAX_TEXTS_SIZE, {
    open: ({ name, attributes }) => {
      if (name === 'numFmt') patterns.set(Number(attributes['numFmtId']), shownBy(attributes['formatCode'] ?? ''));
      else if (name === 'cellXfs') isCellStyle = true;
      else if (name === 'xf' && isCellStyle) {
        const id = Number(attributes['numFmtId'] ?? 0);
        styles.push(patterns.get(id) ?? BUILT_IN[id] ?? 'number');
      }
    },
    close: (name) => {
      if (name === 'cellXfs') isCellStyle = false;
    },
  });
  return styles;
}

function shownBy(pattern: string): Shows {
  // Neither quoted text, nor colours and conditions in brackets, but [h], which is hours.
  const [letters = ''] = pattern
    .replace(/\\./g, '')
    .replace(/"[^"]*"|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_./gi, '')
    .split(';');
  const hasTime = /[hs]/i.test(letters);
  const hasDay = /[yd]/i.test(letters) || (/m/i.test(letters) && !hasTime);
  if (/General/i.test(letters)) return 'number';
  if (hasDay) return hasTime ? 'dateTime' : 'date';
  if (hasTime) return 'time';
  return letters.includes('%') ? 'percent' : 'number';
}

/** Makes rows of the XML of a sheet, as it comes. */
class SheetRows {
  private readonly texts: readonly string[];
  private readonly shows: readonly Shows[];
  private readonly isFrom1904: boolean;
  private readonly parser: SaxesParser;
  private readonly decoder = new StringDecoder('utf8');
  private rows: FileRecord[] = [];
  private row: FileRecord = { line: 0, cells: [] };
  private column = 0;
  private type = 'n';
  private style = 0;
  private value = '';
  private isValue = false;
  private isPhonetic = false;

  constructor(texts: readonly string[], shows: readonly Shows[], isFrom1904: boolean) {
    this.texts = texts;
    this.shows = shows;
    this.isFrom1904 = isFrom1904;
    this.parser = makeParser({
      open: (tag) => this.open(tag),
      text: (text) => {
        if (this.isValue) this.value += text;
      },
      close: (name) => this.close(name),
    });
  }

  write(chunk: Buffer): void {
    this.parser.write(this.decoder.write(chunk));
  }

  take(): FileRecord[] {
    const { rows } = this;
    this.rows = [];
    return rows;
  }

  private open({ name, attributes }: SaxesTagPlain): void {
    switch (name) {
      case 'row':
        this.row = { line: Number(attributes['r']) || this.row.line + 1, cells: [] };
        this.column = 0;
        break;
      case 'c':
        this.column = columnOf(attributes['r']) ?? this.column;
        this.type = attributes['t'] ?? 'n';
        this.style = Number(attributes['s'] ?? 0);
        this.value = '';
        break;
      case 'rPh':
        this.isPhonetic = true;
        break;
      case 'v':
      case 't':
        this.isValue = !this.isPhonetic;
        break;
      default:
    }
  }

  private close(name: string): void {
    switch (name) {
      case 'v':
      case 't':
        this.isValue = false;
        break;
      case 'rPh':
        this.isPhonetic = false;
        break;
      case 'c':
        if (this.value !== '' && this.column < MAX_COLUMNS) {
          while (this.row.cells.length < this.column) this.row.cells.push('');
          this.row.cells[this.column] = this.read();
        }
        this.column += 1;
        break;
      case 'row':
        this.rows.push(this.row);
        break;
      default:
    }
  }

  private read(): string {
    const { value } = this;
    switch (this.type) {
      case 's':
        return this.texts[Number(value)] ?? '';
      case 'inlineStr':
      case 'str':
        return unescapeText(value);
      case 'b':
        return value === '1' ? 'true' : 'false';
      case 'e':
        return value;
      case 'd':
        return value.replace(/T00:00:00(\.0+)?Z?$/, '');
      default:
        return shown(value, this.shows[this.style] ?? 'number', this.isFrom1904);
    }
  }
}

/** "AB12" is column 27, counted from 0. */
function columnOf(reference: string | undefined): number | null {
  const letters = /^[A-Z]+/.exec(reference ?? '')?.[0];
  if (letters === undefined) return null;
  let column = 0;
  for (const letter of letters) column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}

const DAY_MS = 86_400_000;

function shown(value: string, shows: Shows, isFrom1904: boolean): string {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) return value;
  // Sixteen and more digits are noise of the binary number.
  const plain = (given: number) => String(Number(given.toPrecision(15)));
  if (shows === 'number') return /^-?\d+$/.test(value) ? value : plain(number);
  if (shows === 'percent') return `${plain(number * 100)}%`;
  // 29 February 1900, which there was not, is counted by all but those from 1904.
  const days = isFrom1904 ? number + 1462 : number < 60 ? number + 1 : number;
  const moment = new Date(Math.round((days - 25569) * 86_400) * 1_000);
  if (days < 0 || days * DAY_MS > 8.64e15 || Number.isNaN(moment.getTime())) return plain(number);
  const text = moment.toISOString();
  const time = text.slice(11, 19);
  if (shows === 'time' && number < 1) return time;
  return shows === 'date' || (shows === 'dateTime' && number === Math.floor(number))
    ? text.slice(0, 10)
    : `${text.slice(0, 10)} ${time}`;
}

function broken(name: string): RecordsError {
  return new RecordsError('FILE_KIND', `${name} is not a workbook that can be read.`, 'Save it as .xlsx, or as CSV.');
}

/** What PostgreSQL and the file system say is none of the workbook's; all else is of reading what is no workbook. */
function workbookError(error: unknown, name: string): unknown {
  const { severity, syscall } = error as { severity?: string; syscall?: string };
  if (error instanceof RecordsError || severity !== undefined || error instanceof TypeError) return error;
  return syscall === undefined ? broken(name) : readableError(error, name, 1);
}
