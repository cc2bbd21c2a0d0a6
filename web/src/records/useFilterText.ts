import { useEffect, useState } from 'react';
import type { Filter } from '../model/filters.ts';
import { objectById } from '../model/lookup.ts';
import type { Model, ModelField } from '../model/types.ts';
import { knownLabel, readLabels } from './recordLabels.ts';

/** A filter's value in words. A relation's filter holds ids, whose labels are read once. */
export function useFilterText(model: Model, field: ModelField, filter: Filter): string {
  const [, setRead] = useState(0);
  const [relation] = field.relations;
  const target = relation ? objectById(model, relation.targetObjectId) : undefined;
  const ids = target ? filter.value.split(',').filter(Boolean) : [];
  const missing = ids.filter((id) => knownLabel(id) === undefined).join();

  useEffect(() => {
    if (!target || missing === '') return;
    readLabels(model, target, missing.split(',')).then(
      () => setRead((count) => count + 1),
      () => undefined,
    );
  }, [model, target, missing]);

  if (target) return ids.map((id) => knownLabel(id) ?? '…').join(' or ');
  if (field.type === 'BOOLEAN') return filter.value === 'false' ? 'no' : 'yes';
  if (field.options && field.options.length > 0) {
    const label = (value: string) => field.options?.find((option) => option.value === value)?.label ?? value;
    return filter.value.split(',').filter(Boolean).map(label).join(' or ');
  }
  return filter.value;
}
