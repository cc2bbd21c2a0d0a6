import type { Clause } from '../model/filters.ts';
import type { Model, ModelField, RecordRow } from '../model/types.ts';
import { isParts, readValue, type FieldValue } from '../model/values.ts';
import type { Box, Place } from './mercator.ts';

const column = (field: ModelField, part: 'lat' | 'lng'): string =>
  field.columns.find((each) => each.part === part)?.name ?? '';

/** The columns of an address or a location that say where it is. */
export const placeColumns = (field: ModelField): [string, string] => [column(field, 'lat'), column(field, 'lng')];

export function placeOf(model: Model, field: ModelField, row: RecordRow): Place | null {
  const value = readValue(model, field, row);
  if (!isParts(value) || typeof value['lat'] !== 'number' || typeof value['lng'] !== 'number') return null;
  return { lat: value['lat'], lng: value['lng'] };
}

/** The value of a record that is put to a place: of an address what is written stays. */
export function putAt(model: Model, field: ModelField, row: RecordRow, { lat, lng }: Place): FieldValue {
  const value = readValue(model, field, row);
  const round = (degrees: number) => Number(degrees.toFixed(6));
  return { ...(isParts(value) ? value : {}), lat: round(lat), lng: round(lng) };
}

export function boxClause(field: ModelField, { south, west, north, east }: Box): Clause {
  const [lat, lng] = placeColumns(field);
  return {
    [lat]: { greaterThanOrEqualTo: south, lessThanOrEqualTo: north },
    [lng]: { greaterThanOrEqualTo: west, lessThanOrEqualTo: east },
  };
}

export function nowhereClause(field: ModelField): Clause {
  const [lat, lng] = placeColumns(field);
  return { or: [{ [lat]: { isNull: true } }, { [lng]: { isNull: true } }] };
}
