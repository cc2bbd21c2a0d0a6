import { parseDay, parseInstant, splitInstant } from './dates.ts';
import { parseDuration } from './duration.ts';
import { microsToText, parseMoney, parseNumber } from './money.ts';
import {
  addressParts,
  allEmails,
  allLinks,
  allPhones,
  formatValue,
  hundredfold,
  isFraction,
  partText,
} from './text.ts';
import type { ModelField } from './types.ts';
import { isParts, type FieldValue, type Parts } from './values.ts';
import { valueType } from './valueType.ts';
import { t } from '../language/t.ts';

export type Parsed = { value: FieldValue } | { reason: string };

/** A value as the text that an input starts from. */
export function editText(field: ModelField, value: FieldValue): string {
  if (value === null || value === undefined) return '';
  switch (valueType(field)) {
    case 'CURRENCY':
      return microsToText(partText(value, 'amountMicros'));
    case 'LINKS':
      return partText(value, 'primaryLinkUrl');
    case 'RICH_TEXT':
      return partText(value, 'markdown');
    case 'RAW_JSON':
      return JSON.stringify(value, null, 2);
    case 'NUMBER':
    case 'NUMERIC':
    case 'PERCENT':
      return isFraction(field) ? `${hundredfold(Number(value))}%` : String(value);
    case 'DATE':
      return String(value);
    case 'DATE_TIME': {
      const { day, time } = splitInstant(String(value));
      return `${day} ${time}`;
    }
    default:
      return formatValue(field, value);
  }
}

/** A value as copying gives it: all of it, in a form that pasting and spreadsheets read. */
export function copyText(field: ModelField, value: FieldValue): string {
  if (value === null || value === undefined) return '';
  const type = valueType(field);
  if (type === 'CURRENCY') return `${editText(field, value)} ${partText(value, 'currencyCode')}`.trim();
  if (type === 'RAW_JSON') return JSON.stringify(value);
  if (type === 'RATING') return String(value);
  if (type === 'LINKS')
    return allLinks(value)
      .map(({ url }) => url)
      .join(', ');
  return editText(field, value);
}

const CALLING_CODE = /^\+(1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;
const PHONE = /^\+?[\d\s().\-/]{3,}(x\d+)?$/;

const tooMany = (field: ModelField, count: number): string | null => {
  const most = field.settings?.maxNumberOfValues ?? Infinity;
  return count > most
    ? t('{most, plural, one {{label} takes one value at most.} other {{label} takes # values at most.}}', {
        most,
        label: field.label,
      })
    : null;
};

const values = (text: string): string[] => text.split(/\s*[,;\n]\s*/).filter(Boolean);

export const emailProblem = (text: string): string | null =>
  EMAIL.test(text.trim()) ? null : t('“{text}” is not an e-mail address.', { text: text.trim() });

export const phoneProblem = (text: string): string | null =>
  PHONE.test(text.trim()) ? null : t('“{text}” is not a phone number.', { text: text.trim() });

/** An address that a browser may follow; what has no scheme is taken to be of the web. */
export function readUrl(text: string): string | null {
  const trimmed = text.trim();
  const url = /^[a-z][a-z0-9+.-]*:/i.test(trimmed) ? trimmed : `https://${trimmed}`;
  return /^(https?|ftp|mailto|tel):/i.test(url) && !/\s/.test(url) ? url : null;
}

export function parseEmails(field: ModelField, all: string[]): Parsed {
  const [first, ...others] = all;
  const problem = all.map(emailProblem).find(Boolean) ?? tooMany(field, all.length);
  if (problem) return { reason: problem };
  if (first === undefined) return { value: null };
  return {
    value: {
      primaryEmail: first.trim().toLowerCase(),
      additionalEmails: others.length > 0 ? others.map((each) => each.trim().toLowerCase()) : null,
    },
  };
}

export function parsePhones(field: ModelField, all: string[], current: FieldValue): Parsed {
  const [first, ...others] = all.map((each) => each.trim());
  const problem = all.map(phoneProblem).find(Boolean) ?? tooMany(field, all.length);
  if (problem) return { reason: problem };
  if (first === undefined) return { value: null };
  const code = CALLING_CODE.exec(first)?.[0] ?? null;
  const known = isParts(current) ? current : {};
  const sameCode = code === null || code === known['primaryPhoneCallingCode'];
  return {
    value: {
      primaryPhoneNumber: code ? first.slice(code.length).trim() : first,
      primaryPhoneCountryCode: sameCode ? (known['primaryPhoneCountryCode'] ?? null) : null,
      primaryPhoneCallingCode: code,
      additionalPhones: others.length > 0 ? others : null,
    },
  };
}

export function parseLinks(field: ModelField, all: { url: string; label: string }[]): Parsed {
  const links = all.map(({ url, label }) => ({ url: readUrl(url), label: label.trim(), typed: url.trim() }));
  const wrong = links.find(({ url }) => url === null);
  if (wrong) return { reason: t('“{typed}” is not a web address.', { typed: wrong.typed }) };
  const problem = tooMany(field, links.length);
  if (problem) return { reason: problem };
  const [first, ...others] = links;
  if (!first) return { value: null };
  return {
    value: {
      primaryLinkLabel: first.label || null,
      primaryLinkUrl: first.url,
      secondaryLinks: others.length > 0 ? others.map(({ url, label }) => ({ url, label: label || null })) : null,
    },
  };
}

function parseWhole(field: ModelField, number: number): Parsed {
  const { dataType } = field.settings ?? {};
  const whole = dataType === 'int' || dataType === 'bigint';
  if (whole && !Number.isInteger(number))
    return { reason: t('{label} takes whole numbers only.', { label: field.label }) };
  return { value: field.type === 'NUMERIC' || dataType === 'bigint' ? String(number) : number };
}

function parseAddress(field: ModelField, text: string): Parsed {
  const wanted = addressParts(field);
  const given = values(text);
  const order: { [count: number]: string[] } = {
    1: ['street1'],
    2: ['street1', 'city'],
    3: ['street1', 'city', 'country'],
    4: ['street1', 'postcode', 'city', 'country'],
    5: ['street1', 'postcode', 'city', 'state', 'country'],
  };
  const names = (order[given.length] ?? ['street1', 'street2', 'postcode', 'city', 'state', 'country']).filter((part) =>
    wanted.includes(part),
  );
  const parts: Parts = {};
  names.forEach((part, index) => (parts[part] = given[index] ?? null));
  return { value: parts };
}

const COORDINATE = /^([+-]?\d{1,3}(?:\.\d+)?)\s*°?\s*([NSEW])?$/i;

function coordinate(text: string): number | null {
  const match = COORDINATE.exec(text.trim());
  return match ? Number(match[1]) * (/[SW]/i.test(match[2] ?? '') ? -1 : 1) : null;
}

export function parseLocation(text: string): Parsed {
  const [lat, lng, ...rest] = text.trim().split(/\s*[,;]\s*|\s+(?=[+-]?\d)/);
  const latitude = coordinate(lat ?? '');
  const longitude = coordinate(lng ?? '');
  if (latitude === null || longitude === null || rest.length > 0)
    return { reason: t('A location is a latitude and a longitude, such as 48.137, 11.575.') };
  if (Math.abs(latitude) > 90) return { reason: t('A latitude lies between −90 and 90.') };
  if (Math.abs(longitude) > 180) return { reason: t('A longitude lies between −180 and 180.') };
  return { value: { lat: latitude, lng: longitude } };
}

export function parseColor(text: string): Parsed {
  const match = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text.trim());
  const digits = match?.[1]?.toLowerCase();
  if (!digits) return { reason: t('“{text}” is not a colour. Write it as #1c8a6b.', { text: text.trim() }) };
  return { value: `#${digits.length === 3 ? [...digits].map((digit) => digit + digit).join('') : digits}` };
}

const isYes = (text: string): boolean => text.localeCompare(t('Yes'), undefined, { sensitivity: 'base' }) === 0;

/** Reads typed text as the field's value. What other parts the value had, such as a currency, stays. */
export function parseValue(field: ModelField, text: string, current: FieldValue): Parsed {
  const trimmed = text.trim();
  if (trimmed === '') return { value: null };
  switch (field.type) {
    case 'NUMBER':
    case 'NUMERIC':
    case 'PERCENT': {
      const number = parseNumber(trimmed);
      if (number === null) return { reason: t('“{trimmed}” is not a number.', { trimmed }) };
      return isFraction(field) ? { value: number / 100 } : parseWhole(field, number);
    }
    case 'DURATION': {
      const seconds = parseDuration(trimmed);
      return seconds === null
        ? { reason: t('“{trimmed}” is not a duration. Try 1h 30m, 90m or 1:30.', { trimmed }) }
        : { value: String(seconds) };
    }
    case 'BOOLEAN':
      return { value: /^(y|yes|true|t|1|x|on)$/i.test(trimmed) || isYes(trimmed) };
    case 'DATE': {
      const day = parseDay(trimmed);
      return day
        ? { value: day }
        : { reason: t('“{trimmed}” is not a date. Try 2026-11-22, 22 Nov or tomorrow.', { trimmed }) };
    }
    case 'DATE_TIME': {
      const instant = parseInstant(trimmed);
      return instant
        ? { value: instant }
        : { reason: t('“{trimmed}” is not a time. Try 2026-11-22 14:30 or tomorrow 9am.', { trimmed }) };
    }
    case 'SELECT':
    case 'MULTI_SELECT': {
      const wanted = field.type === 'SELECT' ? [trimmed] : values(trimmed);
      const found = wanted.map(
        (label) =>
          field.options?.find((o) => o.label.toLowerCase() === label.toLowerCase() || o.value === label)?.value,
      );
      const missing = wanted.find((_, index) => found[index] === undefined);
      if (missing !== undefined)
        return { reason: t('{label} has no option “{missing}”.', { label: field.label, missing }) };
      return { value: field.type === 'SELECT' ? (found[0] ?? null) : (found as string[]) };
    }
    case 'RATING': {
      const stars = Number.parseInt(trimmed, 10);
      return stars >= 1 && stars <= 5 ? { value: stars } : { reason: t('A rating is a number from 1 to 5.') };
    }
    case 'ARRAY': {
      const list = values(trimmed);
      const problem = tooMany(field, list.length);
      return problem ? { reason: problem } : { value: list };
    }
    case 'FULL_NAME': {
      const space = trimmed.lastIndexOf(' ');
      return {
        value: {
          firstName: space < 0 ? trimmed : trimmed.slice(0, space),
          lastName: space < 0 ? '' : trimmed.slice(space + 1),
        },
      };
    }
    case 'EMAILS':
      return parseEmails(field, values(trimmed));
    case 'PHONES':
      return parsePhones(field, values(trimmed), current);
    case 'LINKS':
      return parseLinks(
        field,
        trimmed.split(/[,;]?\s+/).map((url) => ({ url, label: '' })),
      );
    case 'CURRENCY': {
      const money = parseMoney(trimmed, partText(current, 'currencyCode') || 'USD');
      return money ? { value: money } : { reason: t('“{trimmed}” is not an amount.', { trimmed }) };
    }
    case 'ADDRESS':
      return parseAddress(field, trimmed);
    case 'LOCATION':
      return parseLocation(trimmed);
    case 'COLOR':
      return parseColor(trimmed);
    case 'RICH_TEXT':
      return { value: { markdown: text, document: null } };
    case 'FILES':
      return { reason: t('Files are uploaded, not written.') };
    case 'RAW_JSON':
      try {
        return { value: JSON.parse(trimmed) as FieldValue };
      } catch {
        return { reason: t('This is not valid JSON.') };
      }
    default:
      return { value: trimmed };
  }
}

/** The values of a field that holds several, each as an input shows it. */
export function listTexts(field: ModelField, value: FieldValue): string[] {
  if (field.type === 'EMAILS') return allEmails(value);
  if (field.type === 'PHONES') return allPhones(value);
  return Array.isArray(value) ? value.map(String) : [];
}
