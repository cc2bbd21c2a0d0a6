import { formatValue } from '../model/text.ts';
import type { ColumnValue, Model, ModelField, ModelObject, RecordRow } from '../model/types.ts';
import { readValue } from '../model/values.ts';

export interface Changed {
  label: string;
  before: string;
  after: string;
}

/** What an event's columns mean to people: one line a field, with its values as the field shows them. */
export function changedFields(model: Model, object: ModelObject, changes: { [column: string]: [ColumnValue, ColumnValue] }): Changed[] {
  const lines: Changed[] = [];
  for (const field of object.fields) {
    if (field.isSystem || field.type === 'TS_VECTOR' || field.type === 'POSITION') continue;
    const columns = field.relations.length > 0 ? field.relations.map((relation) => ({ column: relation.column, name: relation.columnName })) : field.columns;
    if (!columns.some(({ column }) => column in changes)) continue;
    const side = (index: 0 | 1): string => {
      const row: RecordRow = { id: '' };
      for (const { column, name } of columns) row[name] = changes[column]?.[index] ?? null;
      return sideText(model, field, row);
    };
    lines.push({ label: field.label, before: side(0), after: side(1) });
  }
  return lines;
}

function sideText(model: Model, field: ModelField, row: RecordRow): string {
  const value = readValue(model, field, row);
  // The log keeps ids; without reading each related record, that one was set is all there is to say.
  if (field.relations.length > 0) return value === null ? '' : 'a record';
  return formatValue(field, value);
}
