import type { ModelField, ModelObject } from '../model/types.ts';
import type { ExportFormat } from './exports.ts';
import { t } from '../language/t.ts';

const FORMATS: { value: ExportFormat; label: string; note: string }[] = [
  { value: 'csv', label: t('CSV'), note: t('Every spreadsheet and program reads it.') },
  { value: 'xlsx', label: t('Excel'), note: t('A workbook with numbers and days as such.') },
  { value: 'ndjson', label: t('NDJSON'), note: t('A record a line, for programs.') },
  { value: 'vcard', label: 'vCard', note: t('Contacts for telephones and mail programs.') },
];
const NEVER = ['TS_VECTOR'];

/** The kinds of files that records of an object can be: cards are of people only. */
export const formatsOf = (object: ModelObject) =>
  FORMATS.filter(({ value }) => value !== 'vcard' || object.fields.some(({ type }) => type === 'FULL_NAME'));

/** The fields that can be columns of a file. */
export const exportable = (object: ModelObject): ModelField[] =>
  object.fields.filter((field) => field.isActive && !field.isWithheld && !NEVER.includes(field.type));
