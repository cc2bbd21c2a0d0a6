import type { ColumnValue, Model, ModelField, RecordRow } from '../model/types.ts';
import { isParts, readValue } from '../model/values.ts';

const PICTURE = /\.(avif|bmp|gif|ico|jpe?g|png|svg|webp)$/i;

const ofFile = (file: ColumnValue): string | null => {
  if (!isParts(file) || typeof file['id'] !== 'string') return null;
  const isPicture = String(file['mediaType'] ?? '').startsWith('image/') || PICTURE.test(String(file['name'] ?? ''));
  return isPicture ? `/files/${encodeURIComponent(file['id'])}` : null;
};

/** Addresses that a picture is loaded from: of the web, or of this server. */
const ofText = (text: string): string | null => (/^(https:\/\/|\/(?!\/))/.test(text) ? text : null);

/** Where the picture of a record is, if the field has one. */
export function coverOf(model: Model, field: ModelField | undefined, row: RecordRow): string | null {
  const value = field ? readValue(model, field, row) : null;
  if (Array.isArray(value)) return value.map(ofFile).find((url) => url !== null) ?? null;
  if (isParts(value)) return ofText(String(value['primaryLinkUrl'] ?? ''));
  return typeof value === 'string' ? ofText(value) : null;
}
