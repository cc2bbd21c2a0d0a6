import { visibleFields } from '../model/lookup.ts';
import type { FieldType, ModelField, ModelObject } from '../model/types.ts';
import { valueType } from '../model/valueType.ts';
import type { ViewOptions } from './savedViews.ts';

const NUMBERS: FieldType[] = ['NUMBER', 'NUMERIC', 'CURRENCY', 'PERCENT', 'RATING', 'DURATION'];
const GROUPED: FieldType[] = ['SELECT', 'RELATION', 'MEMBER', 'BOOLEAN', 'DATE', 'DATE_TIME', ...NUMBERS];

export const isDated = (field: ModelField): boolean => ['DATE', 'DATE_TIME'].includes(valueType(field));
export const isNumeric = (field: ModelField): boolean => NUMBERS.includes(valueType(field));

/** By which records fall into columns. A field that leads to several objects has no one list of values. */
export const groupFields = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter((field) => GROUPED.includes(valueType(field)) && field.relations.length <= 1);

/** The field that a board is made by: the one that is asked for, or the one that most likely is meant. */
export function groupField(object: ModelObject, name: string | null): ModelField | undefined {
  const fields = groupFields(object);
  return (
    fields.find((field) => field.name === name) ??
    fields.find((field) => field.type === 'SELECT') ??
    fields.find((field) => field.relations.length === 1) ??
    fields[0]
  );
}

/** What can be added up in the head of a column. */
export const summaryFields = (object: ModelObject): ModelField[] => visibleFields(object).filter(isNumeric);

export const dateFields = (object: ModelObject): ModelField[] => visibleFields(object).filter(isDated);

export function dateField(object: ModelObject, { dateFieldId }: ViewOptions): ModelField | undefined {
  const fields = dateFields(object);
  return fields.find(({ id }) => id === dateFieldId) ?? fields.find((field) => !field.isSystem) ?? fields[0];
}

/** Where what begins at the date ends: a field of the same kind. */
export const endFields = (object: ModelObject, start: ModelField): ModelField[] =>
  dateFields(object).filter((field) => field.id !== start.id && valueType(field) === valueType(start));

export const endField = (object: ModelObject, start: ModelField, { endFieldId }: ViewOptions): ModelField | undefined =>
  endFields(object, start).find(({ id }) => id === endFieldId);

/** By which records lie on a map. */
export const placeFields = (object: ModelObject): ModelField[] =>
  visibleFields(object).filter(({ type }) => type === 'ADDRESS' || type === 'LOCATION');

export const placeField = (object: ModelObject, { placeFieldId }: ViewOptions): ModelField | undefined => {
  const fields = placeFields(object);
  return fields.find(({ id }) => id === placeFieldId) ?? fields[0];
};

export const coverFields = (object: ModelObject): ModelField[] => [
  ...visibleFields(object).filter((field) => field.type === 'FILES'),
  ...object.fields.filter(({ id, type }) => id === object.imageFieldId && type !== 'FILES'),
];

export const coverField = (object: ModelObject, { coverFieldId }: ViewOptions): ModelField | undefined => {
  const fields = coverFields(object);
  return (
    fields.find(({ id }) => id === coverFieldId) ?? fields.find(({ id }) => id === object.imageFieldId) ?? fields[0]
  );
};
