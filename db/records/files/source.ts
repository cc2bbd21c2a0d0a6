import type { Readable } from 'node:stream';

/** Anything that can be read from its beginning more than once: the second time finds the rejected rows again. */
export interface FileSource {
  name: string;
  /** Known of all but what comes through a pipe; a workbook is read from its end. */
  size?: number;
  /** From a byte to another, both of them included; the whole where none is given. */
  open: (from?: number, to?: number) => Readable;
}

export type FileKind = 'csv' | 'xlsx' | 'vcard';

export interface FileFormat {
  kind: FileKind;
  /** Of CSV, what stands between cells. */
  delimiter: string;
  encoding: string;
  /** Of a workbook, the sheet by its name; the first where it is null. */
  sheet: string | null;
  /** Whether the first row names the columns. */
  hasHeader: boolean;
}

export interface FileRecord {
  /** The line of the file that the record begins on, or the row of the sheet, or the number of the card; the header of CSV is on line 1. */
  line: number;
  cells: string[];
}
