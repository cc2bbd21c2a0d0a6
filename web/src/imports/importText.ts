import { countText, withSigns } from '../model/formats.ts';
import type { ModelObject } from '../model/types.ts';
import type { Import } from './imports.ts';
import { t } from '../language/t.ts';
import { inSentence } from '../language/inSentence.ts';

export const objectCount = (object: ModelObject, count: number): string =>
  `${countText(count)} ${inSentence(count === 1 ? object.labelSingular : object.labelPlural)}`;

export const rowCount = (count: number): string =>
  t('{count, plural, one {{count2} row} other {{count2} rows}}', { count, count2: countText(count) });

export function sizeText(bytes: number): string {
  if (bytes < 1024) return t('{bytes} bytes', { bytes });
  if (bytes < 1024 * 1024) return t('{bytes} kB', { bytes: withSigns((bytes / 1024).toFixed(0)) });
  return `${withSigns((bytes / 1024 / 1024).toFixed(1))} MB`;
}

export const STATUS_TEXT: { [status in Import['status']]: string } = {
  UPLOADING: t('Uploading'),
  READY: t('Not started'),
  WAITING: t('Waiting'),
  RUNNING: t('Running'),
  CHECKED: t('Checked'),
  DONE: t('Done'),
  FAILED: t('Failed'),
  CANCELLED: t('Cancelled'),
};

export const PHASE_TEXT: { [phase in NonNullable<Import['phase']>]: string } = {
  reading: t('Reading the file'),
  checking: t('Checking the rows'),
  writing: t('Writing the records'),
};

export const ENCODINGS = [
  { value: 'utf-8', label: t('UTF-8') },
  { value: 'windows-1252', label: t('Windows-1252 (Western)') },
  { value: 'macintosh', label: t('Mac Roman') },
  { value: 'utf-16le', label: t('UTF-16') },
  { value: 'utf-16be', label: t('UTF-16 (big-endian)') },
  { value: 'windows-1250', label: t('Windows-1250 (Central European)') },
  { value: 'windows-1251', label: t('Windows-1251 (Cyrillic)') },
  { value: 'iso-8859-15', label: t('ISO 8859-15') },
  { value: 'shift_jis', label: t('Shift JIS') },
  { value: 'gb18030', label: t('GB 18030') },
];

export const DELIMITERS = [
  { value: ',', label: t('Comma') },
  { value: ';', label: t('Semicolon') },
  { value: '\t', label: t('Tab') },
  { value: '|', label: t('Bar') },
];
