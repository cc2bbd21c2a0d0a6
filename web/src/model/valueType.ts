import type { FieldType, ModelField } from './types.ts';

/** The type by which a field's value is shown, filtered and sorted: a formula's or a rollup's is that of its result. */
export const valueType = (field: ModelField): FieldType => field.resultType ?? field.type;

/** The row's keys that hold a field's value, as the API names them. */
export function rowKeys(field: ModelField): string[] {
  if (field.junction) return [field.junction.linkConnection];
  if (field.relations.length > 0) return field.relations.flatMap((relation) => [relation.columnName, relation.name]);
  return field.columns.map((column) => column.name);
}
