import { arrayLiteral, choiceReader, choicesReader, parseBoolean, parseRating, splitList } from '../values/choice.ts';
import { parseEmail, parseEmails, parsePhones } from '../values/contact.ts';
import { parseDate, parseDateTime, type DateOrder } from '../values/date.ts';
import { linksJson, parseLink } from '../values/link.ts';
import { currencyCode, parseMoney } from '../values/money.ts';
import { parseDecimal, parseFloat8, parseInteger, parsePercent } from '../values/number.ts';
import { parseColor } from '../values/color.ts';
import { parseDuration } from '../values/duration.ts';
import { parseDegrees, parseLocation } from '../values/location.ts';
import { countryName, parsePlace } from '../values/place.ts';
import { Unreadable, quote } from '../values/unreadable.ts';
import type { FieldModel } from '../model.ts';
import { lookupKeyReader, lookupKeysReader } from './lookup.ts';
import type { Target } from './target.ts';

/** Reads a cell into the columns of its field, as texts that PostgreSQL reads. */
export interface CellReader {
  columns: string[];
  read: (cell: string) => readonly (string | null)[] | Unreadable;
}

const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

export function cellReader(target: Target, dateOrder?: DateOrder): CellReader {
  const { field, part, relation } = target;
  if (relation) {
    const read = relation.junction ? lookupKeysReader(relation) : lookupKeyReader(relation);
    return { columns: [relation.column], read: single(read) };
  }
  if (part !== '') return { columns: [columnOf(field, part)], read: single(partReader(field, part)) };
  return wholeReader(field, dateOrder);
}

export function columnOf(field: FieldModel, part: string): string {
  const found = field.columns.find((column) => column.part === part);
  if (!found) throw new Error(`The field ${field.name} has no part "${part}"`);
  return found.column;
}

type Parse = (cell: string) => string | null | Unreadable;

function single(parse: Parse): CellReader['read'] {
  return (cell) => {
    const value = parse(cell);
    return value instanceof Unreadable ? value : [value];
  };
}

/** Composite types given in one cell; every other type has one column and one parser. */
function wholeReader(field: FieldModel, dateOrder?: DateOrder): CellReader {
  const columns = (...parts: string[]) => parts.map((part) => columnOf(field, part));
  switch (field.type) {
    case 'FULL_NAME':
      return { columns: columns('firstName', 'lastName'), read: splitName };
    case 'EMAILS':
      return { columns: columns('primaryEmail', 'additionalEmails'), read: parseEmails };
    case 'PHONES':
      return {
        columns: columns(
          'primaryPhoneNumber',
          'primaryPhoneCountryCode',
          'primaryPhoneCallingCode',
          'additionalPhones',
        ),
        read: (cell) => {
          const phones = parsePhones(cell);
          if (phones instanceof Unreadable) return phones;
          const [{ number, countryCode, callingCode }, additional] = phones;
          return [number, countryCode, callingCode, additional];
        },
      };
    case 'LINKS':
      return { columns: columns('primaryLinkUrl'), read: single((cell) => parseLink(cell, field.name)) };
    case 'CURRENCY': {
      const fallback = (field.defaultValue as { currencyCode?: string } | null)?.currencyCode ?? null;
      return {
        columns: columns('amountMicros', 'currencyCode'),
        read: (cell) => {
          const money = parseMoney(cell);
          return money instanceof Unreadable ? money : [money.micros, money.code ?? fallback];
        },
      };
    }
    case 'ADDRESS':
      return {
        columns: columns('street1', 'city', 'state', 'country'),
        read: (cell) => {
          const place = parsePlace(cell);
          return place ? [place.street1, place.city, place.state, place.country] : [null, null, null, null];
        },
      };
    case 'LOCATION':
      return { columns: columns('lat', 'lng'), read: parseLocation };
    case 'RICH_TEXT':
      return { columns: columns('markdown'), read: single((cell) => cell) };
    default:
      return { columns: columns(''), read: single(scalarParser(field, dateOrder)) };
  }
}

function scalarParser(field: FieldModel, dateOrder?: DateOrder): Parse {
  switch (field.type) {
    case 'NUMBER':
      return field.settings.dataType === 'int' || field.settings.dataType === 'bigint'
        ? parseInteger
        : (cell) => parseFloat8(cell, field.settings.type === 'percentage');
    case 'POSITION':
      return (cell) => parseFloat8(cell);
    case 'NUMERIC':
      return parseDecimal;
    case 'PERCENT':
      return parsePercent;
    case 'DURATION':
      return parseDuration;
    case 'COLOR':
      return parseColor;
    case 'BOOLEAN':
      return parseBoolean;
    case 'DATE':
      return (cell) => parseDate(cell, dateOrder);
    case 'DATE_TIME':
      return (cell) => parseDateTime(cell, dateOrder);
    case 'UUID':
      return (cell) => (UUID.test(cell.trim()) ? cell.trim() : new Unreadable(`${quote(cell)} is not a UUID`));
    case 'SELECT':
      return choiceReader(field.options);
    case 'MULTI_SELECT':
      return choicesReader(field.options);
    case 'RATING':
      return parseRating;
    case 'ARRAY':
      return (cell) => arrayLiteral(splitList(cell));
    case 'RAW_JSON':
      return parseJson;
    case 'TEXT':
      return (cell) => cell.trim();
    default:
      throw new Error(`No parser for fields of type ${field.type}`);
  }
}

function partReader(field: FieldModel, part: string): Parse {
  switch (part) {
    case 'primaryEmail':
      return parseEmail;
    case 'primaryLinkUrl':
      return (cell) => parseLink(cell, field.name);
    case 'additionalEmails':
      return listOf(parseEmail, arrayLiteral);
    case 'secondaryLinks':
      return (cell) =>
        cell.trim().startsWith('[{') ? parseJson(cell) : listOf((item) => parseLink(item), linksJson)(cell);
    case 'additionalPhones':
      return (cell) => arrayLiteral(splitList(cell));
    case 'amountMicros':
      return parseInteger;
    case 'currencyCode':
      return currencyCode;
    case 'country':
      return (cell) => countryName(cell) ?? cell.trim();
    case 'lat':
      return (cell) => parseDegrees(cell, 90);
    case 'lng':
      return (cell) => parseDegrees(cell, 180);
    case 'document':
      return parseJson;
    default:
      return (cell) => cell.trim();
  }
}

function listOf(parse: (item: string) => string | Unreadable, write: (items: string[]) => string): Parse {
  return (cell) => {
    const values: string[] = [];
    for (const item of splitList(cell)) {
      const value = parse(item);
      if (value instanceof Unreadable) return value;
      values.push(value);
    }
    return write(values);
  };
}

function parseJson(cell: string): string | Unreadable {
  try {
    // jsonb has no \u0000, and reading what was parsed refuses what only looks like JSON.
    const text = JSON.stringify(JSON.parse(cell));
    return text.includes('\\u0000') ? new Unreadable('the JSON holds a NUL character') : text;
  } catch {
    return new Unreadable(`${quote(cell)} is not JSON`);
  }
}

/** "Ada Lovelace", "Lovelace, Ada"; the last word is the last name, with the particles before it. */
function splitName(cell: string): readonly [string | null, string | null] {
  const text = cell.trim().replace(/\s+/g, ' ');
  const inverted = /^([^,]+),\s*([^,]+)$/.exec(text);
  if (inverted && !/^(jr|sr|ii|iii|iv|phd|md)\.?$/i.test(inverted[2] ?? ''))
    return [inverted[2] ?? null, inverted[1] ?? null];
  const match =
    /^(.*?)\s((?:(?:van|von|de|der|den|del|della|di|da|dos|la|le|bin|al)\s)*\S+(?:,?\s(?:jr|sr|ii|iii|iv)\.?)?)$/i.exec(
      text,
    );
  return match ? [match[1] ?? null, match[2] ?? null] : [text, null];
}
