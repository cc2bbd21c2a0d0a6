import type { FieldType, ModelField, ResultType } from '../model/types.ts';
import type { FieldValue } from '../model/values.ts';
import { t } from '../language/t.ts';

/** The types that people choose from, in groups, each with what it is for and what a value of it looks like. */

export interface TypeChoice {
  type: FieldType;
  hint: string;
}

export const TYPE_GROUPS: { label: string; types: TypeChoice[] }[] = [
  {
    label: t('Text and numbers'),
    types: [
      { type: 'TEXT', hint: t('A name, a title, a code') },
      { type: 'RICH_TEXT', hint: t('Notes with headings and lists') },
      { type: 'NUMBER', hint: t('Counts, measures') },
      { type: 'NUMERIC', hint: t('As many digits as needed, never rounded') },
      { type: 'CURRENCY', hint: t('An amount and its currency') },
      { type: 'PERCENT', hint: t('A share, such as a probability') },
      { type: 'DURATION', hint: t('Hours and minutes') },
      { type: 'RATING', hint: t('One to five stars') },
      { type: 'AUTO_NUMBER', hint: t('INV-00042, counted by itself') },
    ],
  },
  {
    label: t('Choices and dates'),
    types: [
      { type: 'SELECT', hint: t('One of several options') },
      { type: 'MULTI_SELECT', hint: t('Any of several options') },
      { type: 'BOOLEAN', hint: t('A switch') },
      { type: 'DATE', hint: t('A day') },
      { type: 'DATE_TIME', hint: t('A day and a time of day') },
    ],
  },
  {
    label: t('Relations'),
    types: [
      { type: 'RELATION', hint: t('To a record of another object') },
      { type: 'MANY_TO_MANY', hint: t('Many on both sides, as people and courses') },
      { type: 'MORPH_RELATION', hint: t('To a record of one of several objects') },
      { type: 'MEMBER', hint: t('A colleague, such as the owner') },
    ],
  },
  {
    label: t('Computed'),
    types: [
      { type: 'FORMULA', hint: t('From other fields of the record') },
      { type: 'ROLLUP', hint: t('Counts or adds up related records') },
    ],
  },
  {
    label: t('People and places'),
    types: [
      { type: 'FULL_NAME', hint: t('First and last name') },
      { type: 'EMAILS', hint: t('One or several addresses') },
      { type: 'PHONES', hint: t('One or several numbers') },
      { type: 'LINKS', hint: t('Web addresses') },
      { type: 'ADDRESS', hint: t('Street, city, country') },
      { type: 'LOCATION', hint: t('Latitude and longitude') },
    ],
  },
  {
    label: t('Other'),
    types: [
      { type: 'ARRAY', hint: t('Several texts') },
      { type: 'COLOR', hint: t('A colour, as #0f6b57') },
      { type: 'FILES', hint: t('Uploaded files') },
      { type: 'RAW_JSON', hint: t('Data for programs') },
      { type: 'UUID', hint: t('A key of another system') },
      { type: 'ACTOR', hint: t('Who or what did something') },
    ],
  },
];

const RESULT_SAMPLES: { [type in ResultType]: FieldValue } = {
  TEXT: t('Anna Lindqvist'),
  NUMBER: 42,
  BOOLEAN: true,
  DATE: '2026-11-22',
  DATE_TIME: '2026-11-22T09:30:00Z',
  CURRENCY: { amountMicros: '25400000000', currencyCode: 'EUR' },
  DURATION: 5400,
  PERCENT: 0.25,
  ARRAY: [t('First'), t('Second')],
};

/** What stands in the preview of a field, so that people see its look before there is a record. */
export function sampleValue(field: ModelField): FieldValue {
  const [first, second] = field.options ?? [];
  switch (field.type) {
    case 'TEXT':
      return t('Moon landing');
    case 'RICH_TEXT':
      return { markdown: t('Agreed on the **next step**: send the offer by Friday.'), document: null };
    case 'NUMBER':
      return field.settings?.dataType ? 1280 : 1280.5;
    case 'NUMERIC':
      return '1280.123456789';
    case 'RATING':
      return 4;
    case 'AUTO_NUMBER':
      return {
        '': String(field.settings?.start ?? 1),
        text: `${field.settings?.prefix ?? ''}${String(field.settings?.start ?? 1).padStart(field.settings?.padding ?? 0, '0')}`,
      };
    case 'SELECT':
      return first?.value ?? null;
    case 'MULTI_SELECT':
      return [first, second].flatMap((option) => option?.value ?? []);
    case 'FULL_NAME':
      return { firstName: 'Anna', lastName: 'Lindqvist' }; // no text
    case 'EMAILS':
      return { primaryEmail: 'anna@lindqvist.example', additionalEmails: [] };
    case 'PHONES':
      return { primaryPhoneNumber: '555 0142', primaryPhoneCallingCode: '+1', primaryPhoneCountryCode: 'US' };
    case 'LINKS':
      return { primaryLinkUrl: 'https://lindqvist.example', primaryLinkLabel: '' };
    case 'ADDRESS':
      return { street1: '12 Harbour Street', postcode: '21120', city: 'Malmö', country: 'Sweden' }; // no text
    case 'LOCATION':
      return { lat: 55.605, lng: 13.0038 };
    case 'COLOR':
      return '#0f6b57';
    case 'RAW_JSON':
      return { source: 'import' };
    case 'UUID':
      return '018f3a52-7c1e-7b3a-9d2f-5a4e6c8b0d1f';
    case 'ACTOR':
      return { source: 'MANUAL', name: 'Anna Lindqvist', memberId: null };
    case 'FILES':
      return [{ name: 'Offer.pdf' }];
    case 'FORMULA':
    case 'ROLLUP':
      return RESULT_SAMPLES[field.resultType ?? 'NUMBER'];
    case 'RELATION':
    case 'MORPH_RELATION':
    case 'MEMBER':
    case 'MANY_TO_MANY':
    case 'POSITION':
    case 'TS_VECTOR':
      return null;
    default:
      return RESULT_SAMPLES[field.type];
  }
}

/** Types of which two records may be refused the same value. */
export const UNIQUE_TYPES: FieldType[] = [
  'TEXT',
  'NUMBER',
  'NUMERIC',
  'DATE',
  'DATE_TIME',
  'EMAILS',
  'LINKS',
  'PHONES',
  'UUID',
  'COLOR',
];
/** Of these, those in which upper and lower case may count as the same, or not. */
export const CASED_TYPES: FieldType[] = ['TEXT', 'PHONES'];
/** Nobody fills these in, so nobody can be required to. */
export const UNREQUIRED_TYPES: FieldType[] = [
  'FORMULA',
  'ROLLUP',
  'AUTO_NUMBER',
  'MANY_TO_MANY',
  'MORPH_RELATION',
  'POSITION',
  'TS_VECTOR',
  'ACTOR',
];
export const hasOptions = (type: FieldType): boolean => type === 'SELECT' || type === 'MULTI_SELECT';
export const isRelational = (type: FieldType): boolean =>
  type === 'RELATION' || type === 'MORPH_RELATION' || type === 'MANY_TO_MANY';
