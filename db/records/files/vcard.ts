import { RecordsError } from '../recordsError.ts';
import { decode } from './csv.ts';
import type { FileRecord, FileSource } from './source.ts';

/** What a card says, as columns, named so that they are known for what they are. */
export const VCARD_HEADERS = [
  'First name', 'Last name', 'Email', 'Phone', 'Company', 'Job title', 'Street', 'City', 'State', 'Postcode', 'Country',
  'Website', 'LinkedIn', 'X', 'Birthday', 'Note',
] as const; // prettier-ignore

/** A card that is longer is none. A picture may be in it, which is read and left. */
const MAX_CARD_SIZE = 8 * 1024 * 1024;

/** The cards of a file of vCards (2.1, 3.0 and 4.0), each a record in the order of the headers. */
export async function* readVcards(
  source: FileSource,
  encoding: string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<FileRecord> {
  let number = 0;
  let card: Property[] | null = null;
  let size = 0;
  for await (const line of unfolded(source, encoding, onBytes)) {
    if (/^BEGIN:VCARD\s*$/i.test(line)) {
      [card, size] = [[], 0];
      continue;
    }
    if (!card) continue;
    if (/^END:VCARD\s*$/i.test(line)) {
      number += 1;
      yield { line: number, cells: cellsOf(card) };
      card = null;
      continue;
    }
    size += line.length;
    if (size > MAX_CARD_SIZE)
      throw new RecordsError('FILE_KIND', `${source.name}: card ${number + 1} has no end.`, 'Export the cards anew.');
    const property = parseProperty(line);
    if (property) card.push(property);
  }
  if (number === 0)
    throw new RecordsError('CSV_EMPTY', `${source.name} holds no card.`, 'A card begins with BEGIN:VCARD and ends with END:VCARD.'); // prettier-ignore
}

/** Lines, put together where a card breaks them: a space at the beginning, or "=" at the end of quoted-printable. */
async function* unfolded(source: FileSource, encoding: string, onBytes: (bytes: number) => void) {
  let pending: string | null = null;
  let rest = '';
  const lines = async function* () {
    for await (const text of decode(source, encoding, onBytes)) {
      const parts = (rest + text).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop() ?? '';
      if (rest.length > MAX_CARD_SIZE) break;
      yield* parts;
    }
    yield rest.replace(/\r$/, '');
  };
  for await (const line of lines()) {
    const text: string = pending === null ? line.replace(/^\uFEFF/, '') : line;
    if (pending === null) pending = text;
    else if (/^[ \t]/.test(text)) pending += text.slice(1);
    else if (pending.endsWith('=') && /^[^:]*QUOTED-PRINTABLE/i.test(pending)) pending = pending.slice(0, -1) + text;
    else {
      yield pending;
      pending = text;
    }
    if (pending.length > MAX_CARD_SIZE) pending = '';
  }
  if (pending !== null) yield pending;
}

interface Property {
  name: string;
  /** Of TYPE and PREF, and of 2.1 without either, in lower case. */
  types: string[];
  value: string;
}

function parseProperty(line: string): Property | null {
  const match = /^(?:[\w-]+\.)?([\w-]+)((?:;(?:[^":;]|"[^"]*")*)*):(.*)$/s.exec(line);
  if (!match) return null;
  const [, name = '', parameters = '', value = ''] = match;
  const types: string[] = [];
  let charset = 'utf-8';
  let isQuotedPrintable = false;
  for (const parameter of parameters.split(';').filter(Boolean)) {
    const [key = '', given] = parameter.split('=', 2);
    if (/^charset$/i.test(key)) charset = given ?? charset;
    else if (/^encoding$/i.test(key)) isQuotedPrintable = /^quoted-printable$/i.test(given ?? '');
    else if (/^quoted-printable$/i.test(key)) isQuotedPrintable = true;
    else if (/^type$/i.test(key)) types.push(...(given ?? '').replaceAll('"', '').toLowerCase().split(','));
    else if (/^pref$/i.test(key)) types.push('pref');
    else if (given === undefined) types.push(key.toLowerCase());
  }
  return { name: name.toUpperCase(), types, value: isQuotedPrintable ? quotedPrintable(value, charset) : value };
}

function quotedPrintable(text: string, charset: string): string {
  const bytes = Buffer.from(
    text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    'latin1',
  );
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString('utf8');
  }
}

/** The parts of a value, at the semicolons that are no text. */
const parts = (value: string): string[] => value.split(/(?<!\\);/).map((part) => unescape(part).trim());

const unescape = (text: string): string =>
  text.replace(/\\([\\;,nN])/g, (_, sign: string) => (sign.toLowerCase() === 'n' ? '\n' : sign));

function cellsOf(card: readonly Property[]): string[] {
  const all = (name: string) =>
    card
      .filter((property) => property.name === name)
      .sort((a, b) => Number(b.types.includes('pref')) - Number(a.types.includes('pref')));
  const first = (name: string) => unescape(all(name)[0]?.value ?? '').trim();
  const [last = '', given = '', middle = ''] = parts(all('N')[0]?.value ?? '');
  const full = first('FN');
  // A card of a firm has its name alone.
  const split = given || last ? [[given, middle].filter(Boolean).join(' '), last] : splitName(full);
  const organisation = parts(all('ORG')[0]?.value ?? '')[0] ?? '';
  const isFirm = !given && !last && full === organisation;
  const [, extended = '', street = '', city = '', state = '', postcode = '', country = ''] = parts(
    all('ADR')[0]?.value ?? '',
  );
  const profiles = [...all('URL'), ...all('X-SOCIALPROFILE')].map(({ value }) => unescape(value).trim());
  const linkedIn = profiles.find((url) => /linkedin\./i.test(url)) ?? '';
  const x = profiles.find((url) => /\/\/(www\.)?(x|twitter)\.com/i.test(url)) ?? '';
  const website = profiles.find((url) => url !== linkedIn && url !== x) ?? '';
  const list = (name: string) => [
    ...new Set(
      all(name)
        .map(({ value }) =>
          unescape(value)
            .replace(/^(tel|mailto):/i, '')
            .trim(),
        )
        .filter(Boolean),
    ),
  ];
  return [
    isFirm ? '' : (split[0] ?? ''),
    isFirm ? '' : (split[1] ?? ''),
    list('EMAIL').join('; '),
    list('TEL').filter((number) => !/fax/i.test(number)).join('; '),
    organisation,
    first('TITLE') || first('ROLE'),
    [street, extended].filter(Boolean).join(', '),
    city,
    state,
    postcode,
    country,
    website,
    linkedIn,
    x,
    birthday(first('BDAY')),
    first('NOTE'),
  ]; // prettier-ignore
}

function splitName(full: string): [string, string] {
  const at = full.lastIndexOf(' ');
  return at < 0 ? [full, ''] : [full.slice(0, at), full.slice(at + 1)];
}

/** 19850412 and 1985-04-12T00:00:00Z are days; --0412 has no year and is none. */
function birthday(value: string): string {
  const match = /^(\d{4})-?(\d{2})-?(\d{2})/.exec(value);
  return match ? `${match[1]}-${match[2]}-${match[3]}` : '';
}
