import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { ObjectModel } from '../model.ts';
import { RecordsError } from '../recordsError.ts';
import type { ExportColumn } from './columns.ts';

/** What a card says, by the type of the field or its name; of several the first. */
const PARTS = [
  ['first', 'FULL_NAME', /\.firstName$/],
  ['last', 'FULL_NAME', /\.lastName$/],
  ['email', 'EMAILS', /\.primaryEmail$/],
  ['emails', 'EMAILS', /\.additionalEmails$/],
  ['phone', 'PHONES', /\.primaryPhoneNumber$/],
  ['callingCode', 'PHONES', /\.primaryPhoneCallingCode$/],
  ['phones', 'PHONES', /\.additionalPhones$/],
  ['organisation', 'RELATION', /^(company|organi[sz]ation|account|employer)$/],
  ['title', 'TEXT', /^(jobTitle|title|position)$/],
  ['city', 'TEXT', /^city$/],
  ['street', 'ADDRESS', /\.street1$/],
  ['addressCity', 'ADDRESS', /\.city$/],
  ['state', 'ADDRESS', /\.state$/],
  ['postcode', 'ADDRESS', /\.postcode$/],
  ['country', 'ADDRESS', /\.country$/],
  ['url', 'LINKS', /\.primaryLinkUrl$/],
  ['birthday', 'DATE', /^(birthday|birthDate|dateOfBirth)$/],
] as const;

type Part = (typeof PARTS)[number][0];

/** The columns of a card, for objects whose records are people. */
export function cardSelectList(object: ObjectModel, columns: readonly ExportColumn[]): string {
  const types = new Map(object.fields.map(({ name, type }) => [name, type]));
  if (![...types.values()].includes('FULL_NAME'))
    throw new RecordsError('NOT_ALLOWED', `${object.labelPlural} are no people, so there are no cards of them.`, 'Export them as CSV.'); // prettier-ignore
  return PARTS.map(([, type, path]) => {
    const found = columns.find((column) => types.get(column.field) === type && path.test(column.path));
    return found ? `(${found.human})::text` : 'null::text';
  }).join(', ');
}

/** vCard 3.0, which every telephone and mail program reads. */
export async function writeCards(pages: AsyncIterable<(string | null)[][]>, out: Writable): Promise<void> {
  for await (const rows of pages) if (!out.write(rows.map(card).join('')) && rows.length > 0) await once(out, 'drain');
}

function card(row: readonly (string | null)[]): string {
  const value = (part: Part): string => row[PARTS.findIndex(([name]) => name === part)] ?? '';
  const full = [value('first'), value('last')].filter(Boolean).join(' ');
  const name = full || value('organisation') || value('email') || 'Unnamed';
  const address = [
    value('street'),
    value('addressCity') || value('city'),
    value('state'),
    value('postcode'),
    value('country'),
  ];
  const lines = [
    'BEGIN:VCARD',
    'VERSION:3.0',
    `FN:${escape(name)}`,
    `N:${escape(value('last'))};${escape(value('first'))};;;`,
    ...list(value('email'), value('emails')).map((email) => `EMAIL;TYPE=INTERNET:${escape(email)}`),
    ...list([value('callingCode'), value('phone')].filter(Boolean).join(' '), value('phones')).map(
      (phone) => `TEL:${escape(phone)}`,
    ),
    ...(value('organisation') ? [`ORG:${escape(value('organisation'))}`] : []),
    ...(value('title') ? [`TITLE:${escape(value('title'))}`] : []),
    ...(address.some(Boolean) ? [`ADR:;;${address.map(escape).join(';')}`] : []),
    ...(value('url') ? [`URL:${escape(value('url'))}`] : []),
    ...(value('birthday') ? [`BDAY:${value('birthday')}`] : []),
    'END:VCARD',
  ];
  return lines.map((line) => `${fold(line)}\r\n`).join('');
}

const list = (first: string, others: string): string[] => [first, ...others.split('; ')].filter(Boolean);

const escape = (text: string): string => text.replace(/[\\;,]/g, '\\$&').replace(/\r\n|\r|\n/g, '\\n');

/** Lines have at most 75 bytes, and break between characters. */
function fold(line: string): string {
  if (Buffer.byteLength(line) <= 75) return line;
  const pieces: string[] = [];
  let piece = '';
  let size = 0;
  for (const character of line) {
    const length = Buffer.byteLength(character);
    if (size + length > 74) {
      pieces.push(piece);
      [piece, size] = ['', 0];
    }
    piece += character;
    size += length;
  }
  return [...pieces, piece].join('\r\n ');
}
