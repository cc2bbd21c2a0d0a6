import { labelField, objectById, type FieldModel, type Model, type ObjectModel } from '../model.ts';
import { identifier } from '../sql.ts';

export interface ExportColumn {
  /** The header: a path that import understands. */
  path: string;
  /** How the value looks in CSV. */
  csv: string;
  /** Where the value stands in an NDJSON record, and how it is written there. */
  json: { keys: string[]; expression: string };
}

/**
 * The columns of an export, over rows "r": every field, composite ones in their parts, and each
 * relation twice, as the label that people read and the id that programs follow.
 */
export function exportColumns(
  model: Model,
  object: ObjectModel,
  schema: string,
): { columns: ExportColumn[]; joins: string[] } {
  const columns: ExportColumn[] = [];
  const joins: string[] = [];
  const fields = object.fields.filter((field) => field.isActive && field.type !== 'TS_VECTOR');
  fields.sort((a, b) => Number(b.name === 'id') - Number(a.name === 'id'));
  for (const field of fields) {
    for (const relation of field.relations) {
      const target = objectById(model, relation.targetObjectId);
      const alias = `r${joins.length}`;
      const id = `r.${identifier(relation.column)}`;
      joins.push(`left join ${identifier(schema)}.${identifier(target.tableName)} ${alias} on ${alias}.id = ${id}`);
      const label = labelExpression(target, alias);
      columns.push(
        { path: relation.name, csv: label, json: { keys: [relation.name, 'label'], expression: label } },
        { path: `${relation.name}.id`, csv: id, json: { keys: [relation.name, 'id'], expression: id } },
      );
    }
    if (field.relations.length > 0) continue;
    for (const { part, column } of field.columns) columns.push(fieldColumn(field, part, `r.${identifier(column)}`));
  }
  return { columns, joins };
}

function fieldColumn(field: FieldModel, part: string, value: string): ExportColumn {
  const path = part === '' ? field.name : `${field.name}.${part}`;
  const keys = part === '' ? [field.name] : [field.name, part];
  const isList = ['MULTI_SELECT', 'ARRAY'].includes(field.type) || /^additional(Emails|Phones)$/.test(part);
  // Lists are JSON in CSV too: no separator is safe from being in a value.
  return { path, csv: isList ? `array_to_json(${value})` : value, json: { keys, expression: value } };
}

/** What a record is called; null where there is no record or it has no label. */
export function labelExpression(object: ObjectModel, row: string): string {
  const field = labelField(object);
  const columns = (field?.columns ?? []).map(({ column }) => `${row}.${identifier(column)}`);
  if (field?.type === 'FULL_NAME') return `nullif(concat_ws(' ', ${columns.join(', ')}), '')`;
  return columns[0] === undefined ? `${row}.id::text` : `${columns[0]}::text`;
}

/**
 * The select list that row_to_json makes an NDJSON record of, the parts of composite fields nested.
 * (json_build_object takes no more than fifty keys.)
 */
export function jsonSelectList(columns: readonly ExportColumn[]): string {
  const nested = new Map<string, string[]>();
  const list: string[] = [];
  for (const { json } of columns) {
    const [key = '', part] = json.keys;
    if (part === undefined) {
      list.push(`${json.expression} as ${identifier(key)}`);
      continue;
    }
    const parts = nested.get(key);
    if (parts) parts.push(`${json.expression} as ${identifier(part)}`);
    else {
      nested.set(key, [`${json.expression} as ${identifier(part)}`]);
      list.push(key);
    }
  }
  return list
    .map((item) => {
      const parts = nested.get(item);
      return parts ? `(select row_to_json(p) from (select ${parts.join(', ')}) p) as ${identifier(item)}` : item;
    })
    .join(', ');
}
