import { labelField } from './lookup.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from './types.ts';
import { valueType } from './valueType.ts';

/** A field's value in one piece: a scalar, a list, an object of parts, or a link to another record. Null when empty. */
export type FieldValue = ColumnValue;

export type Parts = { [part: string]: ColumnValue };

export interface Link {
  [key: string]: ColumnValue;
  relationId: string;
  id: string;
  label: string;
}

/** A record at the far end of a many-to-many field. Without `linkId` while the link is on its way to the server. */
export interface FarLink extends Link {
  linkId: string | null;
}

export const isParts = (value: FieldValue): value is Parts =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isLink = (value: FieldValue): value is Link => isParts(value) && typeof value['relationId'] === 'string';

const filled = (value: ColumnValue): boolean =>
  value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);

const nodesOf = (connection: ColumnValue | undefined): ColumnValue[] => {
  const nodes = isParts(connection ?? null) ? (connection as Parts)['nodes'] : null;
  return Array.isArray(nodes) ? nodes : [];
};

function readFarLinks(model: Model, field: ModelField, row: RecordRow): FarLink[] {
  const { junction } = field;
  const target = model.objects.find((object) => object.id === junction?.targetObjectId);
  if (!junction || !target) return [];
  return nodesOf(row[junction.linkConnection]).flatMap((link) => {
    const record = isParts(link) ? link[junction.otherName] : null;
    if (!isParts(link) || !isParts(record ?? null)) return [];
    const far = record as RecordRow;
    const linkId = typeof link['id'] === 'string' ? link['id'] : null;
    return [{ relationId: field.id, linkId, id: far.id, label: recordLabel(model, target, far) }];
  });
}

export function readValue(model: Model, field: ModelField, row: RecordRow): FieldValue {
  if (field.junction) {
    const links = readFarLinks(model, field, row);
    return links.length > 0 ? links : null;
  }
  if (field.relations.length > 0) {
    for (const relation of field.relations) {
      const id = row[relation.columnName];
      if (typeof id !== 'string') continue;
      const target = model.objects.find((object) => object.id === relation.targetObjectId);
      const record = row[relation.name];
      const label = target && isParts(record ?? null) ? recordLabel(model, target, record as RecordRow) : '';
      return { relationId: relation.id, id, label } satisfies Link;
    }
    return null;
  }
  const [first] = field.columns;
  if (field.columns.length === 1 && first && first.part === '') return row[first.name] ?? null;
  const parts: Parts = {};
  for (const column of field.columns) parts[column.part] = row[column.name] ?? null;
  return isEmpty(field, parts) ? null : parts;
}

/** A currency code without an amount, or a calling code without a number, is not yet a value. */
const LEADING_PART: { [type: string]: string[] } = {
  CURRENCY: ['amountMicros'],
  PHONES: ['primaryPhoneNumber'],
  LINKS: ['primaryLinkUrl'],
  EMAILS: ['primaryEmail'],
  RICH_TEXT: ['markdown'],
  ACTOR: ['name', 'source'],
  AUTO_NUMBER: ['', 'text'],
};

export function isEmpty(field: ModelField, value: FieldValue): boolean {
  if (!isParts(value) || isLink(value)) return !filled(value);
  const leading = LEADING_PART[valueType(field)];
  return leading
    ? leading.every((part) => !filled(value[part] ?? null))
    : Object.values(value).every((part) => !filled(part));
}

/** The columns that an edit of the field writes, by their API names. */
export function toPatch(field: ModelField, value: FieldValue): { [name: string]: ColumnValue } {
  const patch: { [name: string]: ColumnValue } = {};
  if (field.relations.length > 0) {
    for (const relation of field.relations) {
      patch[relation.columnName] = isLink(value) && value.relationId === relation.id ? value.id : null;
    }
    return patch;
  }
  for (const column of field.columns) {
    patch[column.name] = column.part === '' ? value : isParts(value) ? (value[column.part] ?? null) : null;
  }
  // The document is the editor's form of the same text: kept beside changed Markdown it would contradict it.
  const document = field.type === 'RICH_TEXT' ? field.columns.find((column) => column.part === 'document') : undefined;
  if (document) patch[document.name] = null;
  return patch;
}

/** The row as it will read once the edit is saved, related record included. */
export function applyValue(model: Model, field: ModelField, row: RecordRow, value: FieldValue): RecordRow {
  const next: RecordRow = { ...row, ...toPatch(field, value) };
  const { junction } = field;
  const far = model.objects.find((object) => object.id === junction?.targetObjectId);
  if (junction && far) {
    const nodes = (Array.isArray(value) ? value : []).filter(isLink).map((link) => ({
      id: link['linkId'] ?? null,
      [junction.otherName]: labelRow(far, link.id, link.label),
    }));
    next[junction.linkConnection] = { nodes };
  }
  for (const relation of field.relations) {
    const target = model.objects.find((object) => object.id === relation.targetObjectId);
    next[relation.name] =
      isLink(value) && value.relationId === relation.id && target ? labelRow(target, value.id, value.label) : null;
  }
  return next;
}

/** A stand-in for a related record of which only the label is known. */
function labelRow(object: ModelObject, id: string, label: string): RecordRow {
  const row: RecordRow = { id };
  const [first] = labelField(object)?.columns ?? [];
  if (first) row[first.name] = label;
  return row;
}

export function recordLabel(model: Model, object: ModelObject, row: RecordRow): string {
  const field = labelField(object);
  if (!field) return `${object.labelSingular} ${row.id.slice(-6)}`;
  const value = readValue(model, field, row);
  if (isParts(value)) {
    return ['firstName', 'lastName', 'text', 'primaryEmail', 'primaryLinkLabel', 'primaryLinkUrl', 'primaryPhoneNumber']
      .map((part) => value[part])
      .filter((part) => typeof part === 'string' && part !== '')
      .join(' ');
  }
  return value === null ? '' : String(value);
}

export const sameValue = (a: FieldValue, b: FieldValue): boolean => JSON.stringify(a) === JSON.stringify(b);
