import { plainText } from './plainText.ts';
import { formatDay, formatInstant, formatPattern, formatRelative, formatRelativeDay } from './dates.ts';
import { formatDuration } from './duration.ts';
import { withSigns } from './formats.ts';
import { formatMoney } from './money.ts';
import { recurrenceText } from './recurrence.ts';
import type { FieldType, ModelField } from './types.ts';
import { valueType } from './valueType.ts';
import { isLink, isParts, type FieldValue } from './values.ts';
import { t } from '../language/t.ts';

const READ_ONLY: FieldType[] = ['ACTOR', 'TS_VECTOR', 'UUID', 'POSITION', 'FORMULA', 'ROLLUP', 'AUTO_NUMBER'];

export const isEditable = (field: ModelField): boolean =>
  !field.isSystem && !field.isComputed && !field.isWithheld && !READ_ONLY.includes(field.type);

export const partText = (value: FieldValue, part: string): string => {
  const found = isParts(value) ? value[part] : null;
  return found === null || found === undefined ? '' : String(found);
};

const integer = (field: ModelField): boolean =>
  field.settings?.dataType === 'int' || field.settings?.dataType === 'bigint';

/** A share of one: stored as 0.25, read as 25%. */
export const isFraction = (field: ModelField): boolean =>
  valueType(field) === 'PERCENT' || field.settings?.type === 'percentage';

/** Multiplying by a hundred makes noise in the last digits, which rounding would then believe. */
export const hundredfold = (value: number): number => Number((value * 100).toPrecision(12));

export function formatNumber(field: ModelField, value: number | string): string {
  const decimals = field.settings?.decimals;
  const whole = integer(field);
  const format = new Intl.NumberFormat('en', {
    minimumFractionDigits: decimals ?? 0,
    maximumFractionDigits: decimals ?? (isFraction(field) ? 2 : whole ? 0 : 6),
  });
  if (isFraction(field)) return `${withSigns(format.format(hundredfold(Number(value))))}%`;
  return withSigns(typeof value === 'string' && whole ? format.format(BigInt(value)) : format.format(Number(value)));
}

export const displayUrl = (url: string): string => url.replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '');

const texts = (value: FieldValue): string[] => (Array.isArray(value) ? value.map(String) : []);

export interface WebLink {
  url: string;
  label: string;
}

/** All the e-mail addresses, phone numbers or links of a value, the primary one first. */
export const allEmails = (value: FieldValue): string[] =>
  [partText(value, 'primaryEmail'), ...(isParts(value) ? texts(value['additionalEmails'] ?? null) : [])].filter(
    Boolean,
  );

export const allPhones = (value: FieldValue): string[] =>
  [
    [partText(value, 'primaryPhoneCallingCode'), partText(value, 'primaryPhoneNumber')].filter(Boolean).join(' '),
    ...(isParts(value) ? texts(value['additionalPhones'] ?? null) : []),
  ].filter(Boolean);

export function allLinks(value: FieldValue): WebLink[] {
  const others = isParts(value) && Array.isArray(value['secondaryLinks']) ? value['secondaryLinks'] : [];
  const first = { url: partText(value, 'primaryLinkUrl'), label: partText(value, 'primaryLinkLabel') };
  return [first, ...others.map((link) => ({ url: partText(link, 'url'), label: partText(link, 'label') }))].filter(
    ({ url }) => url !== '',
  );
}

export const fileName = (file: FieldValue): string =>
  partText(file, 'name') || partText(file, 'label') || (typeof file === 'string' ? file : t('File'));

const ADDRESS_PARTS = ['street1', 'street2', 'postcode', 'city', 'state', 'country'];

/** The parts of an address that people see, by the setting "subFields": `city` or, as others write it, `addressCity`. */
export function addressParts(field: ModelField): string[] {
  const wanted = (field.settings?.subFields ?? []).map((name) => name.replace(/^address/, '').toLowerCase());
  const parts = ADDRESS_PARTS.filter((part) => wanted.includes(part.toLowerCase()));
  return parts.length > 0 ? parts : ADDRESS_PARTS;
}

function formatDate(field: ModelField, value: string, withTime: boolean): string {
  const { displayFormat, customUnicodeDateFormat } = field.settings ?? {};
  if (displayFormat === 'RELATIVE') return withTime ? formatRelative(value) : formatRelativeDay(value);
  if (displayFormat === 'CUSTOM' && customUnicodeDateFormat) return formatPattern(value, customUnicodeDateFormat);
  return withTime ? formatInstant(value) : formatDay(value);
}

export const optionLabel = (field: ModelField, code: FieldValue): string =>
  field.options?.find((option) => option.value === code)?.label ?? String(code);

export const coordinatesText = (value: FieldValue): string =>
  isParts(value) && partText(value, 'lat') !== '' ? `${partText(value, 'lat')}, ${partText(value, 'lng')}` : '';

/** A value as a line of text: what a cell shows, what a filter's chip and the timeline say. */
export function formatValue(field: ModelField, value: FieldValue): string {
  if (value === null || value === undefined) return '';
  if (isLink(value)) return value.label;
  if (field.type === 'TEXT' && field.settings?.format === 'recurrence') return recurrenceText(String(value));
  switch (valueType(field)) {
    case 'NUMBER':
    case 'NUMERIC':
    case 'PERCENT':
      return formatNumber(field, value as number | string);
    case 'DURATION':
      return formatDuration(value as number | string, field.settings?.format === 'full');
    case 'BOOLEAN':
      return value === true ? t('Yes') : t('No');
    case 'DATE':
      return formatDate(field, String(value), false);
    case 'DATE_TIME':
      return formatDate(field, String(value), true);
    case 'SELECT':
      return optionLabel(field, value);
    case 'MULTI_SELECT':
      return Array.isArray(value) ? value.map((code) => optionLabel(field, code)).join(', ') : '';
    case 'ARRAY':
      return texts(value).join(', ');
    case 'MANY_TO_MANY':
      return Array.isArray(value) ? value.map((link) => partText(link, 'label')).join(', ') : '';
    case 'RATING':
      return t('{value} of 5', { value: String(value) });
    case 'FULL_NAME':
      return [partText(value, 'firstName'), partText(value, 'lastName')].filter(Boolean).join(' ');
    case 'EMAILS':
      return allEmails(value).join(', ');
    case 'PHONES':
      return allPhones(value).join(', ');
    case 'LINKS':
      return allLinks(value)
        .map(({ url, label }) => label || displayUrl(url))
        .join(', ');
    case 'CURRENCY':
      return formatMoney(
        partText(value, 'amountMicros'),
        partText(value, 'currencyCode') || null,
        field.settings?.decimals,
        field.settings?.format === 'short',
      );
    case 'ADDRESS':
      return (
        addressParts(field)
          .map((part) => partText(value, part))
          .filter(Boolean)
          .join(', ') || coordinatesText(value)
      );
    case 'LOCATION':
      return coordinatesText(value);
    case 'AUTO_NUMBER':
      return isParts(value) ? partText(value, 'text') || partText(value, '') : String(value);
    case 'ACTOR':
      return partText(value, 'name') || partText(value, 'source').toLowerCase();
    case 'RICH_TEXT':
      return plainText(partText(value, 'markdown')).slice(0, 200);
    case 'FILES':
      return Array.isArray(value) ? value.map(fileName).join(', ') : '';
    case 'RAW_JSON':
      return JSON.stringify(value);
    default:
      return String(value);
  }
}
