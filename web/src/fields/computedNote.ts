import type { Aggregate, Model, ModelField } from '../model/types.ts';
import { t } from '../language/t.ts';

const AGGREGATES: { [aggregate in Aggregate]: string } = {
  COUNT: t('Number'),
  SUM: t('Sum'),
  AVG: t('Average'),
  MIN: t('Smallest'),
  MAX: t('Largest'),
  FIRST: t('First'),
  LAST: t('Last'),
  LIST: t('List'),
};

/** How the database comes to a value that nobody types; null for a field that people fill. */
export function computedNote(model: Model, field: ModelField): string | null {
  const { expression, relationId, aggregate = 'COUNT', fieldId, filter, prefix } = field.settings ?? {};
  if (field.type === 'FORMULA') return `= ${expression ?? ''}`;
  if (field.type === 'AUTO_NUMBER')
    return prefix ? t('Numbered by the database, beginning with {prefix}', { prefix }) : t('Numbered by the database');
  if (field.type !== 'ROLLUP') return null;
  for (const object of model.objects) {
    const relation = object.fields.flatMap((each) => each.relations).find((each) => each.id === relationId);
    if (!relation) continue;
    const what = object.fields.find((each) => each.id === fieldId)?.label;
    const over = relation.inverseLabel || object.labelPlural;
    const text =
      aggregate === 'COUNT' || !what
        ? t('Number of {over}', { over })
        : t('{aggregates} of {what} over {over}', { aggregates: AGGREGATES[aggregate], what, over });
    return filter ? t('{text}, where {filter}', { text, filter }) : text;
  }
  return t('Rolled up from related records');
}
