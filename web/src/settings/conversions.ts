import type { FieldType } from '../model/types.ts';

/** The types that a field of a type may become. The database decides; this is what is offered. */
const TEXTUAL: FieldType[] = [
  'NUMBER',
  'NUMERIC',
  'CURRENCY',
  'PERCENT',
  'BOOLEAN',
  'DATE',
  'DATE_TIME',
  'SELECT',
  'MULTI_SELECT',
  'ARRAY',
  'EMAILS',
  'PHONES',
  'LINKS',
  'RICH_TEXT',
  'FULL_NAME',
  'RATING',
  'UUID',
  'RAW_JSON',
  'COLOR',
  'DURATION',
];
const NUMERIC: FieldType[] = [
  'NUMBER',
  'NUMERIC',
  'CURRENCY',
  'PERCENT',
  'DURATION',
  'RATING',
  'BOOLEAN',
  'TEXT',
  'SELECT',
];

const OFFERED: { [type in FieldType]?: FieldType[] } = {
  TEXT: TEXTUAL,
  RICH_TEXT: ['TEXT'],
  NUMBER: NUMERIC,
  NUMERIC: NUMERIC,
  PERCENT: NUMERIC,
  DURATION: NUMERIC,
  RATING: NUMERIC,
  CURRENCY: ['NUMBER', 'NUMERIC', 'TEXT'],
  AUTO_NUMBER: ['TEXT', 'NUMBER'],
  BOOLEAN: ['TEXT', 'NUMBER', 'SELECT'],
  DATE: ['DATE_TIME', 'TEXT'],
  DATE_TIME: ['DATE', 'TEXT'],
  SELECT: ['MULTI_SELECT', 'TEXT', 'BOOLEAN', 'RATING'],
  MULTI_SELECT: ['SELECT', 'ARRAY', 'TEXT'],
  ARRAY: ['MULTI_SELECT', 'TEXT'],
  EMAILS: ['TEXT'],
  PHONES: ['TEXT'],
  LINKS: ['TEXT'],
  FULL_NAME: ['TEXT'],
  ADDRESS: ['TEXT'],
  COLOR: ['TEXT'],
  UUID: ['TEXT'],
  RAW_JSON: ['TEXT'],
  RELATION: ['MANY_TO_MANY', 'MORPH_RELATION', 'TEXT'],
  MEMBER: ['TEXT'],
};

export const convertibleTypes = (type: FieldType): FieldType[] =>
  (OFFERED[type] ?? []).filter((offered) => offered !== type);
