import fc from 'fast-check';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { readFile, sniffFile } from './read.ts';
import type { FileFormat, FileSource } from './source.ts';
import { sheetNames } from './xlsx.ts';

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

async function zipped(files: Record<string, string>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  return buffer(zip.outputStream as unknown as Readable);
}

/** A workbook as other programs write it: texts by number, styles, two sheets. */
function workbook(sheets: Record<string, string>, texts: string[] = [], properties = ''): Promise<Buffer> {
  const names = Object.keys(sheets);
  return zipped({
    'xl/workbook.xml': `<?xml version="1.0"?><workbook xmlns="x" xmlns:r="r"><workbookPr ${properties}/><sheets>${names.map((name, i) => `<sheet name="${escape(name)}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`).join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships>${names.map((_, i) => `<Relationship Id="rId${i + 1}" Target="${i === 0 ? '/xl/' : ''}worksheets/sheet${i + 1}.xml"/>`).join('')}</Relationships>`,
    'xl/styles.xml':
      '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="dd\\.mm\\.yyyy\\ hh:mm"/><numFmt numFmtId="165" formatCode="#,##0.00\\ &quot;days&quot;"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="10"/><xf numFmtId="20"/><xf numFmtId="165"/></cellXfs></styleSheet>',
    ...Object.fromEntries(
      names.map((name, i) => [
        `xl/worksheets/sheet${i + 1}.xml`,
        `<worksheet><sheetData>${sheets[name]}</sheetData></worksheet>`,
      ]),
    ),
    ...(texts.length > 0 && {
      'xl/sharedStrings.xml': `<sst>${texts.map((text) => `<si>${text}</si>`).join('')}</sst>`,
    }),
  });
}

const source = (bytes: Buffer): FileSource => ({
  name: 'x.xlsx',
  size: bytes.length,
  open: (from = 0, to = bytes.length - 1) => Readable.from([bytes.subarray(from, to + 1)], { objectMode: false }),
});

async function rows(bytes: Buffer, wanted: Partial<FileFormat> = {}) {
  const file = source(bytes);
  const format = await sniffFile(file, wanted);
  const found: { line: number; cells: string[] }[] = [];
  for await (const record of readFile(file, format)) found.push(record);
  return found;
}

test('numbers are read as what they show: days, times, percentages; texts, formulas, yes and no', async () => {
  const bytes = await workbook(
    {
      Sales:
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>B</t></is></c><c r="C1" t="str"><v>C</v></c><c r="D1" t="str"><v>D</v></c><c r="E1" t="str"><v>E</v></c><c r="F1" t="str"><v>F</v></c></row>' +
        '<row r="4"><c r="A4" s="1"><v>45351</v></c><c r="B4" s="2"><v>45351.75</v></c><c r="C4" s="3"><v>0.28999999999999998</v></c><c r="D4" s="4"><v>0.5</v></c><c r="E4" s="5"><v>1.1000000000000001</v></c><c r="F4" t="b"><v>1</v></c></row>' +
        '<row r="5"><c r="B5" t="s"><v>1</v></c><c r="D5"><f>SUM(A1)</f><v>12345678901234567</v></c><c r="E5" t="e"><v>#N/A</v></c></row><row r="6"/>',
    },
    ['<t>A &amp; co</t>', '<r><t>rich </t></r><r><t xml:space="preserve">text_x000A_</t></r><rPh><t>ruby</t></rPh>'],
  );
  expect(await rows(bytes)).toEqual([
    { line: 1, cells: ['A & co', 'B', 'C', 'D', 'E', 'F'] },
    { line: 4, cells: ['2024-02-29', '2024-02-29 18:00:00', '29%', '12:00:00', '1.1', 'true'] },
    { line: 5, cells: ['', 'rich text\n', '', '12345678901234567', '#N/A', ''] },
  ]);
});

test('days of workbooks that count from 1904', async () => {
  const sheet = '<row r="1"><c r="A1" t="str"><v>A</v></c></row><row r="2"><c r="A2" s="1"><v>43889</v></c></row>';
  expect((await rows(await workbook({ S: sheet }, [], 'date1904="1"')))[1]!.cells).toEqual(['2024-02-29']);
});

test('another sheet is read by its name, and one that there is not is refused with those that there are', async () => {
  const sheet = (text: string) => `<row r="1"><c r="A1" t="str"><v>${text}</v></c></row>`;
  const bytes = await workbook({ One: sheet('first'), 'Two & more': sheet('second') });
  expect(await sheetNames(source(bytes))).toEqual(['One', 'Two & more']);
  expect((await rows(bytes, { sheet: 'Two & more' }))[0]!.cells).toEqual(['second']);
  await expect(rows(bytes, { sheet: 'Three' })).rejects.toMatchObject({ code: 'SHEET_UNKNOWN' });
});

test('what only looks like a workbook is refused in words', async () => {
  const good = await workbook({ S: '<row r="1"><c r="A1" t="str"><v>A</v></c></row>' });
  for (const bytes of [
    good.subarray(0, good.length - 30),
    Buffer.concat([good.subarray(0, 60), Buffer.alloc(60), good.subarray(120)]),
    await zipped({ 'word/document.xml': '<x/>' }),
    await workbook({ S: '<row r="1"><c r="A1"><v>1</v></row>' }),
    Buffer.from('PK\x03\x04nothing of the kind'),
  ])
    await expect(rows(bytes)).rejects.toMatchObject({ code: 'FILE_KIND' });
});

test('whatever bytes are changed in a workbook, reading it ends with rows or a plain refusal', async () => {
  const good = await workbook({ S: '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" s="1"><v>45351</v></c></row>' }, ['<t>A</t>']);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), async (changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      const outcome = await rows(bytes).catch((error: { code?: string; name?: string }) => error);
      if (!Array.isArray(outcome)) expect(['FILE_KIND', 'SHEET_UNKNOWN', 'FILE_TOO_LARGE', 'CSV_QUOTES', 'CSV_EMPTY', 'CSV_ENCODING', 'FILE_NOT_READABLE']).toContain(outcome.code);
    }),
    { numRuns: 150 },
  );
}, 60_000); // prettier-ignore
