import { once } from 'node:events';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipFile } from 'yazl';
import type { ObjectModel } from '../model.ts';
import type { ExportColumn } from './columns.ts';
import type { CellKind } from './human.ts';

/** A sheet has so many rows, the header among them; what is more goes on to the next sheet. */
const MAX_ROWS = 1_048_576;
const MAX_TEXT = 32_767;

/** A workbook, whose sheets are written as the rows come: nothing of it is held. */
export async function writeWorkbook(
  object: ObjectModel,
  columns: readonly ExportColumn[],
  pages: AsyncIterable<(string | null)[][]>,
  out: Writable,
): Promise<void> {
  const zip = new ZipFile();
  const output = zip.outputStream as unknown as Readable;
  const sending = pipeline(output, out, { end: false });
  // Who leaves early ends the writing where it waits.
  sending.catch(() => {});
  const sheets: string[] = [];
  let sheet: PassThrough | null = null;
  let rows = 0;
  const write = async (text: string) => {
    if (!sheet!.write(text)) await Promise.race([once(sheet!, 'drain'), sending]);
  };
  const begin = async () => {
    sheets.push(sheetName(object, sheets.length));
    sheet = new PassThrough({ highWaterMark: 256 * 1024 });
    zip.addReadStream(sheet, `xl/worksheets/sheet${sheets.length}.xml`);
    await write(`${SHEET_HEAD}${headerRow(columns)}`);
    rows = 1;
  };
  const end = async () => {
    sheet!.end('</sheetData></worksheet>');
    await Promise.race([once(sheet!, 'end'), sending]);
  };
  try {
    await begin();
    for await (const page of pages) {
      let text = '';
      for (const row of page) {
        if (rows === MAX_ROWS) {
          await write(text);
          text = '';
          await end();
          await begin();
        }
        rows += 1;
        text += `<row>${row.map((value, index) => cell(value, columns[index]!.kind)).join('')}</row>`;
      }
      await write(text);
    }
    await end();
  } catch (error) {
    output.destroy(error as Error);
    await sending.catch(() => {});
    throw error;
  }
  for (const [name, content] of Object.entries(parts(sheets))) zip.addBuffer(Buffer.from(content), name);
  zip.end();
  await sending;
}

const SHEET_HEAD =
  '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>';

const headerRow = (columns: readonly ExportColumn[]): string =>
  `<row>${columns.map(({ label }) => `<c s="4" t="inlineStr"><is><t>${escape(label)}</t></is></c>`).join('')}</row>`;

/** The styles by what a cell is; the header has the last. */
const STYLES: Record<CellKind, number> = { text: 0, number: 0, boolean: 0, percent: 1, date: 2, dateTime: 3 };

function cell(value: string | null, kind: CellKind): string {
  if (value === null || value === '') return '<c/>';
  switch (kind) {
    case 'number':
    case 'percent':
      // A spreadsheet has fifteen digits; what is longer stays whole as a text.
      if (
        /^-?\d{1,15}$/.test(value) ||
        (/^-?\d*\.?\d+(e[+-]?\d+)?$/i.test(value) && value.replace(/\D/g, '').length <= 17)
      )
        return `<c s="${STYLES[kind]}"><v>${value}</v></c>`;
      return text(value);
    case 'boolean':
      return `<c t="b"><v>${value === 'true' || value === 't' ? 1 : 0}</v></c>`;
    case 'date':
    case 'dateTime': {
      const serial = serialOf(value);
      return serial === null ? text(value) : `<c s="${STYLES[kind]}"><v>${serial}</v></c>`;
    }
    default:
      return text(value);
  }
}

const text = (value: string): string =>
  `<c t="inlineStr"><is><t xml:space="preserve">${escape(value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value)}</t></is></c>`;

/** Days since the end of 1899; a time is that of the zone that it is written in. */
function serialOf(value: string): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(\.\d+)?)?/.exec(value);
  if (!match || / BC/.test(value)) return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '0'] = match;
  const days = Date.UTC(Number(year), Number(month) - 1, Number(day)) / 86_400_000 + 25_569;
  // What lies before March 1900 spreadsheets count otherwise, or not at all.
  if (days < 61) return null;
  return days + (Number(hour) * 3600 + Number(minute) * 60 + Number(second) + Number(fraction)) / 86_400;
}

/** XML has no place for these: signs that control something, halves of characters. */
const FORBIDDEN = /[^\P{Cc}\t\n\r]|\p{Cs}|[\uFFFE\uFFFF]/gu;

function escape(value: string): string {
  const plain = value.replace(FORBIDDEN, '');
  return /[&<>"\r]/.test(plain)
    ? plain
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&quot;')
        .replaceAll('\r', '_x000D_')
    : plain;
}

/** Names of sheets have 31 characters, and some signs not. */
function sheetName({ labelPlural }: ObjectModel, index: number): string {
  const name = labelPlural.replace(/[[\]:*?/\\']/g, ' ').trim().slice(0, 24) || 'Records'; // prettier-ignore
  return index === 0 ? name : `${name} ${index + 1}`;
}

function parts(sheets: readonly string[]): Record<string, string> {
  const xml = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
  const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
  const office = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
  const packaged = 'http://schemas.openxmlformats.org/package/2006';
  const type = 'application/vnd.openxmlformats-officedocument.spreadsheetml';
  return {
    '[Content_Types].xml': `${xml}<Types xmlns="${packaged}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${type}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${type}.styles+xml"/>${sheets.map((_, i) => `<Override PartName="/xl/worksheets/sheet${i + 1}.xml" ContentType="${type}.worksheet+xml"/>`).join('')}</Types>`,
    '_rels/.rels': `${xml}<Relationships xmlns="${packaged}/relationships"><Relationship Id="rId1" Type="${office}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `${xml}<workbook xmlns="${main}" xmlns:r="${office}"><sheets>${sheets.map((name, i) => `<sheet name="${escape(name)}" sheetId="${i + 1}" r:id="rId${i + 1}"/>`).join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${xml}<Relationships xmlns="${packaged}/relationships">${sheets.map((_, i) => `<Relationship Id="rId${i + 1}" Type="${office}/worksheet" Target="worksheets/sheet${i + 1}.xml"/>`).join('')}<Relationship Id="rIdStyles" Type="${office}/styles" Target="styles.xml"/></Relationships>`,
    'xl/styles.xml': `${xml}<styleSheet xmlns="${main}"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/><numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="10" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`,
  };
}
