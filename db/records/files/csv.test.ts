import fc from 'fast-check';
import { Readable } from 'node:stream';
import { csvLine } from './line.ts';
import { readCsv } from './csv.ts';
import { sniffFile } from './read.ts';
import type { FileFormat, FileRecord } from './source.ts';

async function read(content: string | Buffer, wanted: Partial<FileFormat> = {}): Promise<FileRecord[]> {
  const bytes = Buffer.from(content as string);
  const chunks: Buffer[] = [];
  // Small pieces, so that characters, quotes and line ends are cut in the middle.
  for (let at = 0; at < bytes.length; at += 3) chunks.push(bytes.subarray(at, at + 3));
  const source = { name: 'x.csv', open: () => Readable.from(chunks, { objectMode: false }) };
  const records: FileRecord[] = [];
  for await (const record of readCsv(source, await sniffFile(source, wanted))) records.push(record);
  return records;
}

test('quotes, line breaks in cells and empty lines', async () => {
  const records = await read('a,b\r\n"x, ""y""","two\r\nlines"\r\n\r\n,\r\n5" pipe,z');
  expect(records).toEqual([
    { line: 1, cells: ['a', 'b'] },
    { line: 2, cells: ['x, "y"', 'two\r\nlines'] },
    { line: 6, cells: ['5" pipe', 'z'] },
  ]);
});

test('ragged rows come through as they are', async () => {
  expect((await read('a,b\n1\n1,2,3')).map(({ cells }) => cells.length)).toEqual([2, 1, 3]);
});

test('formulas and NUL bytes are text here', async () => {
  expect((await read('a\n=cmd|calc\n"x\0y"'))[1]?.cells).toEqual(['=cmd|calc']);
});

test.each([';', '\t', '|', ','])('the delimiter %j is found out', async (delimiter) => {
  expect((await read(`"a;b,c"${delimiter}b\n1${delimiter}2`))[1]?.cells).toEqual(['1', '2']);
});

test.each([
  ['UTF-8 with a mark', Buffer.from('\ufeffName,b\nÄ,2')],
  ['UTF-16 little-endian', Buffer.from('\ufeffName,b\nÄ,2', 'utf16le')],
  ['UTF-16 big-endian', Buffer.from('\ufeffName,b\nÄ,2', 'utf16le').swap16()],
])('%s', async (_, content) => {
  expect(await read(content)).toEqual([
    { line: 1, cells: ['Name', 'b'] },
    { line: 2, cells: ['Ä', '2'] },
  ]);
});

test('another encoding is refused with the way out, and read when it is named', async () => {
  const latin = Buffer.from('Name\nJos\xe9', 'latin1');
  await expect(read(latin)).rejects.toMatchObject({
    code: 'CSV_ENCODING',
    hint: expect.stringContaining('windows-1252'),
  });
  expect((await read(latin, { encoding: 'windows-1252' }))[1]?.cells).toEqual(['José']);
  await expect(read(latin, { encoding: 'klingon' })).rejects.toMatchObject({ code: 'CSV_ENCODING' });
});

test('a quote that is not closed says where it opens', async () => {
  await expect(read('a\n1\n"two\nthree')).rejects.toMatchObject({
    code: 'CSV_QUOTES',
    message: expect.stringContaining('line 3'),
  });
});

test('a file that is not there', async () => {
  const { createReadStream } = await import('node:fs');
  const source = { name: 'none.csv', open: () => createReadStream('/does/not/exist.csv') };
  await expect(sniffFile(source, {})).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('an empty file has no records', async () => {
  expect(await read('')).toEqual([]);
  expect(await read('\n\r\n')).toEqual([]);
});

test('what csvLine writes is read back, with the lines counted right', async () => {
  const cell = fc.string().filter((text) => !text.startsWith('\ufeff'));
  const rows = fc.array(
    fc.array(cell, { minLength: 2, maxLength: 4 }).filter((cells) => cells.some((each) => each !== '')),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(rows, async (cells) => {
      const text = cells.map(csvLine).join('');
      const records = await read(text, { delimiter: ',' });
      expect(records.map((record) => record.cells)).toEqual(cells);
      const lines = cells.map(
        (_, index) =>
          1 +
          (cells
            .slice(0, index)
            .map(csvLine)
            .join('')
            .match(/\r\n|\r|\n/g)?.length ?? 0),
      );
      expect(records.map(({ line }) => line)).toEqual(lines);
    }),
  );
});
