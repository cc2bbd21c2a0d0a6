import { labelField, objectById, type FieldModel, type Model, type ObjectModel } from '../model.ts';
import { identifier } from '../sql.ts';
import type { IsReadable } from '../export/columns.ts';

export interface StoredSort {
  fieldId: string;
  descending?: boolean;
}

/** The parts that a field sorts by, most telling first; see the screen's own. */
const SORT_PARTS: { [type: string]: string[] } = {
  FULL_NAME: ['firstName', 'lastName'],
  EMAILS: ['primaryEmail'],
  PHONES: ['primaryPhoneNumber'],
  LINKS: ['primaryLinkUrl'],
  CURRENCY: ['amountMicros'],
  ADDRESS: ['city'],
  ACTOR: ['name'],
};
const NEVER = ['TS_VECTOR', 'RAW_JSON', 'FILES', 'RICH_TEXT', 'MULTI_SELECT', 'ARRAY', 'LOCATION', 'UUID'];

/**
 * What a view's order comes to over rows "r", what is empty last either way; the newest first where a view has none. A
 * field that is gone, or that the caller does not read, is left out: it changes no more than the order.
 */
export function orderSql(
  sorts: readonly StoredSort[],
  { object, model, schema, isReadable }: { object: ObjectModel; model: Model; schema: string; isReadable: IsReadable },
): string {
  const keys = sorts.flatMap(({ fieldId, descending = false }): { keys: string[]; descending: boolean } | [] => {
    const field = object.fields.find((each) => each.id === fieldId && each.isActive);
    const names = field ? expressions(field) : [];
    return names.length > 0 ? { keys: names, descending } : [];
  });
  const last = keys.at(-1);
  if (!last)
    return isReadable(object.tableName, 'created_at') ? 'order by r.created_at desc, r.id desc' : 'order by r.id desc';
  const way = (descending: boolean) => (descending ? 'desc nulls last' : 'asc nulls last');
  const list = keys.flatMap(({ keys: names, descending }) => names.map((name) => `${name} ${way(descending)}`));
  return `order by ${[...list, `r.id ${last.descending ? 'desc' : 'asc'}`].join(', ')}`;

  function expressions(field: FieldModel): string[] {
    const [relation, ...others] = field.relations;
    if (relation) {
      if (others.length > 0 || !isReadable(object.tableName, relation.column)) return [];
      const target = objectById(model, relation.targetObjectId);
      const columns = (labelField(target)?.columns ?? []).map(({ column }) => column);
      if (!columns.every((column) => isReadable(target.tableName, column))) return [];
      const table = `${identifier(schema)}.${identifier(target.tableName)}`;
      return columns.map(
        (column) => `(select o.${identifier(column)} from ${table} o where o.id = r.${identifier(relation.column)})`,
      );
    }
    const type = field.resultType ?? field.type;
    const parts = SORT_PARTS[type] ?? (NEVER.includes(type) ? [] : ['']);
    return parts.flatMap((part) =>
      field.columns
        .filter((each) => each.part === part && isReadable(object.tableName, each.column))
        .map(({ column }) => `r.${identifier(column)}`),
    );
  }
}
