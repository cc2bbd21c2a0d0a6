import { formatDay, formatInstant, parseDay, parseInstant } from './dates.ts';
import { formatMoney, microsToText, parseMoney, parseNumber } from './money.ts';
import type { FieldType, ModelField } from './types.ts';
import { isLink, isParts, type FieldValue } from './values.ts';

const READ_ONLY: FieldType[] = ['ACTOR', 'FILES', 'TS_VECTOR', 'UUID', 'POSITION'];

export const isEditable = (field: ModelField): boolean => !field.isSystem && !READ_ONLY.includes(field.type);

const partText = (value: FieldValue, part: string): string => {
  const found = isParts(value) ? value[part] : null;
  return found === null || found === undefined ? '' : String(found);
};

export function formatNumber(field: ModelField, value: number | string): string {
  const integer = field.settings?.dataType === 'int' || field.settings?.dataType === 'bigint';
  const decimals = field.settings?.decimals;
  const format = new Intl.NumberFormat('en', {
    minimumFractionDigits: decimals ?? 0,
    maximumFractionDigits: integer ? 0 : (decimals ?? 6),
  });
  const text = typeof value === 'string' && integer ? format.format(BigInt(value)) : format.format(Number(value));
  return field.settings?.type === 'percentage' ? `${text} %` : text;
}

export const displayUrl = (url: string): string => url.replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '');

/** A value as a line of text: what a cell shows, what copying gives, what a filter's chip says. */
export function formatValue(field: ModelField, value: FieldValue): string {
  if (value === null || value === undefined) return '';
  if (isLink(value)) return value.label;
  const option = (code: FieldValue) => field.options?.find((o) => o.value === code)?.label ?? String(code);
  switch (field.type) {
    case 'NUMBER':
    case 'NUMERIC':
      return formatNumber(field, value as number | string);
    case 'BOOLEAN':
      return value === true ? 'Yes' : 'No';
    case 'DATE':
      return formatDay(String(value));
    case 'DATE_TIME':
      return formatInstant(String(value));
    case 'SELECT':
      return option(value);
    case 'MULTI_SELECT':
      return Array.isArray(value) ? value.map(option).join(', ') : '';
    case 'ARRAY':
      return Array.isArray(value) ? value.join(', ') : '';
    case 'RATING':
      return `${value} of 5`;
    case 'FULL_NAME':
      return [partText(value, 'firstName'), partText(value, 'lastName')].filter(Boolean).join(' ');
    case 'EMAILS':
      return partText(value, 'primaryEmail');
    case 'PHONES':
      return [partText(value, 'primaryPhoneCallingCode'), partText(value, 'primaryPhoneNumber')]
        .filter(Boolean)
        .join(' ');
    case 'LINKS':
      return partText(value, 'primaryLinkLabel') || displayUrl(partText(value, 'primaryLinkUrl'));
    case 'CURRENCY':
      return formatMoney(partText(value, 'amountMicros'), partText(value, 'currencyCode'));
    case 'ADDRESS':
      return ['street1', 'street2', 'postcode', 'city', 'state', 'country']
        .map((part) => partText(value, part))
        .filter(Boolean)
        .join(', ');
    case 'ACTOR':
      return partText(value, 'name') || partText(value, 'source').toLowerCase();
    case 'RICH_TEXT':
      return partText(value, 'markdown').replace(/\s+/g, ' ').slice(0, 200);
    case 'FILES':
      return Array.isArray(value) ? `${value.length} ${value.length === 1 ? 'file' : 'files'}` : '';
    case 'RAW_JSON':
      return JSON.stringify(value);
    default:
      return String(value);
  }
}

/** A value as the text that an input starts from. */
export function editText(field: ModelField, value: FieldValue): string {
  if (value === null || value === undefined) return '';
  if (field.type === 'CURRENCY') return microsToText(partText(value, 'amountMicros'));
  if (field.type === 'LINKS') return partText(value, 'primaryLinkUrl');
  if (field.type === 'RICH_TEXT') return partText(value, 'markdown');
  if (field.type === 'RAW_JSON') return JSON.stringify(value, null, 2);
  if (field.type === 'NUMBER' || field.type === 'NUMERIC' || field.type === 'DATE') return String(value);
  return formatValue(field, value);
}

export type Parsed = { value: FieldValue } | { reason: string };

const CALLING_CODE = /^\+(1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/;

/** Reads typed text as the field's value. What other parts the value had, such as further e-mails, stays. */
export function parseValue(field: ModelField, text: string, current: FieldValue): Parsed {
  const trimmed = text.trim();
  if (trimmed === '') return { value: null };
  const others = isParts(current) ? current : {};
  switch (field.type) {
    case 'NUMBER':
    case 'NUMERIC': {
      const number = parseNumber(trimmed);
      if (number === null) return { reason: `“${trimmed}” is not a number.` };
      const whole = field.settings?.dataType === 'int' || field.settings?.dataType === 'bigint';
      if (whole && !Number.isInteger(number)) return { reason: `${field.label} takes whole numbers only.` };
      return { value: field.type === 'NUMERIC' || field.settings?.dataType === 'bigint' ? String(number) : number };
    }
    case 'BOOLEAN':
      return { value: /^(y|yes|true|t|1|x|on)$/i.test(trimmed) };
    case 'DATE': {
      const day = parseDay(trimmed);
      return day ? { value: day } : { reason: `“${trimmed}” is not a date. Try 2026-11-22, 22 Nov or tomorrow.` };
    }
    case 'DATE_TIME': {
      const instant = parseInstant(trimmed);
      return instant
        ? { value: instant }
        : { reason: `“${trimmed}” is not a time. Try 2026-11-22 14:30 or tomorrow 9am.` };
    }
    case 'SELECT':
    case 'MULTI_SELECT': {
      const wanted = field.type === 'SELECT' ? [trimmed] : trimmed.split(/\s*,\s*/);
      const values = wanted.map(
        (label) =>
          field.options?.find((o) => o.label.toLowerCase() === label.toLowerCase() || o.value === label)?.value,
      );
      const missing = wanted.find((_, index) => values[index] === undefined);
      if (missing !== undefined) return { reason: `${field.label} has no option “${missing}”.` };
      return { value: field.type === 'SELECT' ? (values[0] ?? null) : (values as string[]) };
    }
    case 'RATING': {
      const stars = Number.parseInt(trimmed, 10);
      return stars >= 1 && stars <= 5 ? { value: stars } : { reason: 'A rating is a number from 1 to 5.' };
    }
    case 'ARRAY':
      return { value: trimmed.split(/\s*,\s*/) };
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
      if (!/^[^\s@]+@[^\s@]+$/.test(trimmed)) return { reason: `“${trimmed}” is not an e-mail address.` };
      return { value: { ...others, primaryEmail: trimmed.toLowerCase() } };
    case 'PHONES': {
      if (!/^\+?[\d\s().\-/]{3,}(x\d+)?$/.test(trimmed)) return { reason: `“${trimmed}” is not a phone number.` };
      const code = CALLING_CODE.exec(trimmed)?.[0] ?? null;
      const sameCode = code === null || code === others['primaryPhoneCallingCode'];
      return {
        value: {
          ...others,
          primaryPhoneNumber: code ? trimmed.slice(code.length).trim() : trimmed,
          primaryPhoneCallingCode: code,
          primaryPhoneCountryCode: sameCode ? (others['primaryPhoneCountryCode'] ?? null) : null,
        },
      };
    }
    case 'LINKS': {
      const url = /^[a-z][a-z0-9+.-]*:/i.test(trimmed) ? trimmed : `https://${trimmed}`;
      if (!/^(https?|ftp|mailto|tel):/i.test(url) || /\s/.test(url))
        return { reason: `“${trimmed}” is not a web address.` };
      return { value: { ...others, primaryLinkUrl: url } };
    }
    case 'CURRENCY': {
      const code = partText(current, 'currencyCode') || 'USD';
      const money = parseMoney(trimmed, code);
      return money ? { value: money } : { reason: `“${trimmed}” is not an amount.` };
    }
    case 'RICH_TEXT':
      return { value: { markdown: text, document: null } };
    case 'RAW_JSON':
      try {
        return { value: JSON.parse(trimmed) as FieldValue };
      } catch {
        return { reason: 'This is not valid JSON.' };
      }
    default:
      return { value: trimmed };
  }
}
