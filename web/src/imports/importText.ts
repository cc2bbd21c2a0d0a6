import { withSigns } from '../model/formats.ts';
import type { ModelObject } from '../model/types.ts';
import type { Import } from './imports.ts';

export const countText = (count: number): string => withSigns(count.toLocaleString('en'));

export const objectCount = (object: ModelObject, count: number): string =>
  `${countText(count)} ${(count === 1 ? object.labelSingular : object.labelPlural).toLowerCase()}`;

export const rowCount = (count: number): string => `${countText(count)} ${count === 1 ? 'row' : 'rows'}`;

export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${withSigns((bytes / 1024).toFixed(0))} kB`;
  return `${withSigns((bytes / 1024 / 1024).toFixed(1))} MB`;
}

export const STATUS_TEXT: { [status in Import['status']]: string } = {
  UPLOADING: 'Uploading',
  READY: 'Not started',
  WAITING: 'Waiting',
  RUNNING: 'Running',
  CHECKED: 'Checked',
  DONE: 'Done',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
};

export const PHASE_TEXT: { [phase in NonNullable<Import['phase']>]: string } = {
  reading: 'Reading the file',
  checking: 'Checking the rows',
  writing: 'Writing the records',
};

export const ENCODINGS = [
  { value: 'utf-8', label: 'UTF-8' },
  { value: 'windows-1252', label: 'Windows-1252 (Western)' },
  { value: 'macintosh', label: 'Mac Roman' },
  { value: 'utf-16le', label: 'UTF-16' },
  { value: 'utf-16be', label: 'UTF-16 (big-endian)' },
  { value: 'windows-1250', label: 'Windows-1250 (Central European)' },
  { value: 'windows-1251', label: 'Windows-1251 (Cyrillic)' },
  { value: 'iso-8859-15', label: 'ISO 8859-15' },
  { value: 'shift_jis', label: 'Shift JIS' },
  { value: 'gb18030', label: 'GB 18030' },
];

export const DELIMITERS = [
  { value: ',', label: 'Comma' },
  { value: ';', label: 'Semicolon' },
  { value: '\t', label: 'Tab' },
  { value: '|', label: 'Bar' },
];
