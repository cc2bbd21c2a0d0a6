import { useModelStore } from './store.ts';
import type { FieldType, ModelField, ModelObject } from './types.ts';
import { valueType } from './valueType.ts';

export interface Sort {
  field: string;
  descending: boolean;
}

/** The parts that a field sorts by, most telling first. A type that is missing here does not sort. */
const SORT_PARTS: { [type in FieldType]?: string[] } = {
  TEXT: [''],
  NUMBER: [''],
  NUMERIC: [''],
  BOOLEAN: [''],
  DATE: [''],
  DATE_TIME: [''],
  SELECT: [''],
  RATING: [''],
  FULL_NAME: ['firstName', 'lastName'],
  EMAILS: ['primaryEmail'],
  PHONES: ['primaryPhoneNumber'],
  LINKS: ['primaryLinkUrl'],
  CURRENCY: ['amountMicros'],
  ADDRESS: ['city'],
  ACTOR: ['name'],
  AUTO_NUMBER: [''],
  PERCENT: [''],
  DURATION: [''],
  COLOR: [''],
};

/** Records sort by what the one record is called that a field points to, if its object has a label. */
function labelRelation(field: ModelField): string | undefined {
  const [relation, ...others] = field.relations;
  if (!relation || others.length > 0) return undefined;
  const target = useModelStore.getState().model?.objects.find((object) => object.id === relation.targetObjectId);
  return target?.isActive && target.labelFieldId ? relation.name : undefined;
}

export const isSortable = (field: ModelField): boolean =>
  SORT_PARTS[valueType(field)] !== undefined || labelRelation(field) !== undefined;

/** How PostGraphile spells an enum value: `nameFirstName` becomes NAME_FIRST_NAME. */
export const constantCase = (name: string): string =>
  name
    .replace(/[A-Z]+/g, '_$&')
    .replace(/__+/g, '_')
    .replace(/^_/, '')
    .toUpperCase();

function columnsOf(object: ModelObject, sort: Sort): string[] {
  const field = object.fields.find((f) => f.name === sort.field && f.isActive);
  const way = sort.descending ? 'DESC' : 'ASC';
  const related = field && labelRelation(field);
  if (related) return [`${constantCase(related)}__LABEL_${way}`];
  const parts = field ? (SORT_PARTS[valueType(field)] ?? []) : [];
  return parts.flatMap((part) =>
    (field?.columns ?? [])
      .filter((column) => column.part === part)
      .map((column) => `${constantCase(column.name)}_${way}`),
  );
}

/** Newest first unless asked otherwise; the key last, so that a cursor always means one place. */
export function orderBy(object: ModelObject, sorts: readonly Sort[]): string[] {
  const columns = sorts.flatMap((sort) => columnsOf(object, sort));
  const last = sorts.findLast((sort) => columnsOf(object, sort).length > 0);
  return last ? [...columns, `ID_${last.descending ? 'DESC' : 'ASC'}`] : ['CREATED_AT_DESC', 'ID_DESC'];
}

/** In the address: fields by name, the first first, with a minus before those that descend. */
export const encodeSorts = (sorts: readonly Sort[]): string =>
  sorts.map((sort) => `${sort.descending ? '-' : ''}${sort.field}`).join(',');

export const decodeSorts = (text: string): Sort[] =>
  text
    .split(',')
    .filter(Boolean)
    .map((each) => ({ field: each.replace(/^-/, ''), descending: each.startsWith('-') }));
