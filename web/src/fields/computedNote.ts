import type { Aggregate, Model, ModelField } from '../model/types.ts';

const AGGREGATES: { [aggregate in Aggregate]: string } = {
  COUNT: 'Number',
  SUM: 'Sum',
  AVG: 'Average',
  MIN: 'Smallest',
  MAX: 'Largest',
  FIRST: 'First',
  LAST: 'Last',
  LIST: 'List',
};

/** How the database comes to a value that nobody types; null for a field that people fill. */
export function computedNote(model: Model, field: ModelField): string | null {
  const { expression, relationId, aggregate = 'COUNT', fieldId, filter, prefix } = field.settings ?? {};
  if (field.type === 'FORMULA') return `= ${expression ?? ''}`;
  if (field.type === 'AUTO_NUMBER') return `Numbered by the database${prefix ? `, beginning with ${prefix}` : ''}`;
  if (field.type !== 'ROLLUP') return null;
  for (const object of model.objects) {
    const relation = object.fields.flatMap((each) => each.relations).find((each) => each.id === relationId);
    if (!relation) continue;
    const what = object.fields.find((each) => each.id === fieldId)?.label;
    const over = relation.inverseLabel || object.labelPlural;
    const text =
      aggregate === 'COUNT' || !what ? `Number of ${over}` : `${AGGREGATES[aggregate]} of ${what} over ${over}`;
    return filter ? `${text}, where ${filter}` : text;
  }
  return 'Rolled up from related records';
}
