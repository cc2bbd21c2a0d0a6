import fc from 'fast-check';
import { Readable } from 'node:stream';
import { readFile, sniffFile } from './read.ts';
import { VCARD_HEADERS } from './vcard.ts';

async function cards(content: string | Buffer, step = 5): Promise<Record<string, string>[]> {
  const bytes = Buffer.from(content as string);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
  const source = { name: 'x.vcf', open: () => Readable.from(chunks, { objectMode: false }) };
  const format = await sniffFile(source, {});
  expect(format.kind).toBe('vcard');
  const found: Record<string, string>[] = [];
  for await (const { line, cells } of readFile(source, format))
    if (line > 0)
      found.push(Object.fromEntries(VCARD_HEADERS.map((header, i) => [header, cells[i]!]).filter(([, cell]) => cell !== ''))); // prettier-ignore
  return found;
}

test('a card of today, with folded lines, groups, preferred values and escapes', async () => {
  const card = [
    'BEGIN:VCARD', 'VERSION:4.0', 'FN:Ada Lovelace', 'N:Lovelace;Ada;King;;', 'item1.EMAIL;TYPE=home:ada@home.example',
    'EMAIL;TYPE=work;PREF=1:ada@work.example', 'TEL;VALUE=uri:tel:+44-20-7946-0123', 'TEL;TYPE="cell,voice":+44 7700 900123',
    'ORG:Analytical Engines\\, Ltd;Research', 'TITLE:First pro', ' grammer', 'ADR;TYPE=work:;Floor 2;12 St James\\, Sq;London;;SW1;United Kingdom',
    'URL:https://www.linkedin.com/in/ada', 'URL:https://ada.example', 'BDAY:18151210', 'NOTE:One\\nTwo\\; three', 'PHOTO;ENCODING=b;TYPE=JPEG:AAAA', ' BBBB', 'END:VCARD', '',
  ].join('\r\n'); // prettier-ignore
  expect(await cards(card)).toEqual([
    {
      'First name': 'Ada King', 'Last name': 'Lovelace', Email: 'ada@work.example; ada@home.example', Phone: '+44-20-7946-0123; +44 7700 900123',
      Company: 'Analytical Engines, Ltd', 'Job title': 'First programmer', Street: '12 St James, Sq, Floor 2', City: 'London', Postcode: 'SW1',
      Country: 'United Kingdom', Website: 'https://ada.example', LinkedIn: 'https://www.linkedin.com/in/ada', Birthday: '1815-12-10', Note: 'One\nTwo; three',
    },
  ]); // prettier-ignore
});

test('cards of old telephones: quoted-printable in an encoding of their own, types without a name', async () => {
  const card =
    'BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:M=FCller;J=\n=F6rg\nTEL;CELL;PREF:0171 1234567\nTEL;WORK:030 1\nEND:VCARD\nBEGIN:VCARD\nVERSION:3.0\nFN:Firm\nORG:Firm\nEND:VCARD\nBEGIN:VCARD\nFN:Jo van Dam\nEND:VCARD';
  expect(await cards(card)).toEqual([
    { 'First name': 'Jörg', 'Last name': 'Müller', Phone: '0171 1234567; 030 1' },
    { Company: 'Firm' },
    { 'First name': 'Jo van', 'Last name': 'Dam' },
  ]);
});

test('whatever stands in a card, reading it ends, and other cards are read', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 40 }), { maxLength: 8 }), fc.integer({ min: 1, max: 30 }), async (lines, step) => {
      const inner = lines.map((line) => line.replace(/[\r\n]/g, '').replace(/^(BEGIN|END):VCARD\s*$/i, '')).join('\n');
      const content = `BEGIN:VCARD\nX-ODD:${inner}\nEND:VCARD\nBEGIN:VCARD\nFN:Last One\nEND:VCARD\n`;
      fc.pre(!content.includes('\ufeff') && content.isWellFormed() && !/QUOTED/i.test(inner));
      expect((await cards(content, step)).at(-1)).toEqual({ 'First name': 'Last', 'Last name': 'One' });
    }),
    { numRuns: 60 },
  );
}); // prettier-ignore
