import type { ClientBase } from 'pg';
import {
  junctionOf,
  labelField,
  objectById,
  type FieldModel,
  type Junction,
  type Model,
  type ObjectModel,
} from '../model.ts';
import { identifier } from '../sql.ts';
import { headerOf, humanExpression, kindOf, type CellKind } from './human.ts';

/** Whether the caller may read a column of a table of the workspace. */
export type IsReadable = (table: string, column: string) => boolean;

/** Asked once for all tables, as the role that the session has taken. */
export async function readableColumns(client: ClientBase, schema: string): Promise<IsReadable> {
  const { rows } = await client.query<{ table: string; columns: string[] }>(
    `select c.relname as "table", array_agg(a.attname::text) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = to_regnamespace(quote_ident($1)) and c.relkind = 'r' and has_column_privilege(c.oid, a.attnum, 'select')
     group by c.relname`,
    [schema],
  );
  const byTable = new Map(rows.map((row) => [row.table, new Set(row.columns)]));
  return (table, column) => byTable.get(table)?.has(column) ?? false;
}

export interface ExportColumn {
  /** The header: a path that import understands. */
  path: string;
  /** The name of the field, by which columns are chosen. */
  field: string;
  /** The header as people read it. */
  label: string;
  /** How the value looks in CSV. */
  csv: string;
  /** How people read it, and what that is in a spreadsheet. */
  human: string;
  kind: CellKind;
  /** Whether it is the id of a related record. */
  isId: boolean;
  /** Where the value stands in an NDJSON record, and how it is written there; null for what stands there in another column. */
  json: { keys: string[]; expression: string } | null;
}

/**
 * The columns of an export, over rows "r": every field, composite ones in their parts, and each
 * relation twice, as the label that people read and the id that programs follow. What the caller may not read
 * is left out.
 */
export function exportColumns(
  model: Model,
  object: ObjectModel,
  schema: string,
  isReadable: IsReadable,
): { columns: ExportColumn[]; joins: string[] } {
  const columns: ExportColumn[] = [];
  const joins: string[] = [];
  const fields = object.fields.filter((field) => field.isActive && field.type !== 'TS_VECTOR');
  fields.sort((a, b) => Number(b.name === 'id') - Number(a.name === 'id'));
  for (const field of fields) {
    for (const relation of field.relations) {
      if (!isReadable(object.tableName, relation.column)) continue;
      const target = objectById(model, relation.targetObjectId);
      const alias = `r${joins.length}`;
      const id = `r.${identifier(relation.column)}`;
      if (isLabelReadable(target, isReadable)) {
        joins.push(`left join ${identifier(schema)}.${identifier(target.tableName)} ${alias} on ${alias}.id = ${id}`);
        const label = labelExpression(target, alias);
        columns.push({
          ...textColumn(field, relation.name, nameOf(field, target), label),
          json: { keys: [relation.name, 'label'], expression: label },
        });
      }
      columns.push({
        ...textColumn(field, `${relation.name}.id`, `${nameOf(field, target)} id`, id),
        isId: true,
        json: { keys: [relation.name, 'id'], expression: id },
      });
    }
    if (field.relations.length > 0) continue;
    const junction = junctionOf(model, field);
    if (junction) {
      const { table, nearColumn, farColumn, target } = junction;
      if ([nearColumn, farColumn].every((column) => isReadable(table, column)) && isLabelReadable(target, isReadable))
        columns.push(...linkColumns(field, junction, schema));
    } else if (field.type === 'AUTO_NUMBER') {
      if (field.columns.every(({ column }) => isReadable(object.tableName, column)))
        columns.push(autoNumberColumn(field));
    } else {
      for (const { part, column } of field.columns)
        if (isReadable(object.tableName, column)) columns.push(fieldColumn(field, part, `r.${identifier(column)}`));
    }
  }
  return { columns, joins };
}

/** One of several objects is named with it. */
const nameOf = (field: FieldModel, target: ObjectModel): string =>
  field.relations.length > 1 ? `${field.label} (${target.labelSingular})` : field.label;

const textColumn = (field: FieldModel, path: string, label: string, value: string): Omit<ExportColumn, 'json'> => ({
  path,
  field: field.name,
  label,
  csv: value,
  human: value,
  kind: 'text',
  isId: false,
});

function fieldColumn(field: FieldModel, part: string, value: string): ExportColumn {
  const path = part === '' ? field.name : `${field.name}.${part}`;
  const keys = part === '' ? [field.name] : [field.name, part];
  const isList = ['MULTI_SELECT', 'ARRAY'].includes(field.type) || /^additional(Emails|Phones)$/.test(part);
  // Lists are JSON in CSV too: no separator is safe from being in a value.
  return {
    path,
    field: field.name,
    label: headerOf(field, part),
    csv: isList ? `array_to_json(${value})` : csvExpression(field, value),
    human:
      (field.resultType ?? field.type) === 'DURATION'
        ? csvExpression(field, value)
        : humanExpression(field, part, value),
    kind: kindOf(field, part),
    isId: false,
    json: { keys, expression: value },
  };
}

/** What import reads back as the same value, and people as what it is. */
function csvExpression(field: FieldModel, value: string): string {
  switch (field.resultType ?? field.type) {
    case 'PERCENT':
      // By way of the text, which has every digit that the number needs.
      return `trim_scale(${value}::text::numeric * 100) || ' %'`;
    case 'DURATION':
      return `case when ${value} < 0 then '-' else '' end || abs(${value}) / 3600 || to_char(abs(${value}) / 60 % 60, 'FM":"00') || to_char(abs(${value}) % 60, 'FM":"00')`;
    case 'FILES':
      return `(select string_agg(format('%s (/files/%s)', f ->> 'name', f ->> 'id'), '; ') from jsonb_array_elements(${value}) f)`;
    default:
      return value;
  }
}

/** The number as people know it, with its prefix. */
function autoNumberColumn(field: FieldModel): ExportColumn {
  const text = field.columns.find(({ part }) => part === 'text') ?? field.columns[0];
  if (!text) throw new Error(`The auto-number ${field.name} has no column`);
  const value = `r.${identifier(text.column)}`;
  return {
    ...textColumn(field, field.name, field.label, value),
    json: { keys: [field.name], expression: value },
  };
}

/** What a record is linked with: in CSV labels between semicolons, and ids; in JSON both of each. */
function linkColumns(
  field: FieldModel,
  { table, nearColumn, farColumn, target }: Junction,
  schema: string,
): ExportColumn[] {
  const label = labelExpression(target, 't');
  const from = `from ${identifier(schema)}.${identifier(table)} j
    join ${identifier(schema)}.${identifier(target.tableName)} t on t.id = j.${identifier(farColumn)}
    where j.${identifier(nearColumn)} = r.id`;
  // A label with a semicolon makes the list JSON, which import reads as well.
  const labels = `case when bool_or(${label} ~ '^\\[|;') then jsonb_agg(${label} order by ${label}, t.id)::text
    else string_agg(${label}, '; ' order by ${label}, t.id) end`;
  return [
    {
      ...textColumn(field, field.name, field.label, `(select ${labels} ${from})`),
      json: {
        keys: [field.name],
        expression: `(select coalesce(jsonb_agg(jsonb_build_object('label', ${label}, 'id', t.id) order by ${label}, t.id), '[]') ${from})`,
      },
    },
    {
      ...textColumn(
        field,
        `${field.name}.id`,
        `${field.label} id`,
        `(select string_agg(t.id::text, '; ' order by ${label}, t.id) ${from})`,
      ),
      isId: true,
      json: null,
    },
  ];
}

function isLabelReadable(target: ObjectModel, isReadable: IsReadable): boolean {
  const columns = (labelField(target)?.columns ?? []).map(({ column }) => column);
  return ['id', ...columns].every((column) => isReadable(target.tableName, column));
}

/** What a record is called; null where there is no record or it has no label. */
export function labelExpression(object: ObjectModel, row: string): string {
  const field = labelField(object);
  const columns = (field?.columns ?? []).map(({ column }) => `${row}.${identifier(column)}`);
  const text = field?.columns.find(({ part }) => part === 'text');
  if (text) return `${row}.${identifier(text.column)}`;
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
    if (!json) continue;
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
