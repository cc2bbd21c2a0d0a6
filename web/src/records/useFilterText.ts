import { useEffect, useState } from 'react';
import { targetsOf } from '../fields/useRelated.ts';
import { bounds, ME, type Filter } from '../model/filters.ts';
import type { Model, ModelField } from '../model/types.ts';
import { valueType } from '../model/valueType.ts';
import { knownLabel, readLabels } from './recordLabels.ts';
import { andList, orList } from '../language/lists.ts';
import { t } from '../language/t.ts';

/** A filter's value in words. A relation's filter holds ids, whose labels are read once. */
export function useFilterText(model: Model, field: ModelField, filter: Filter): string {
  const [, setRead] = useState(0);
  const targets = targetsOf(model, field);
  const ids = targets.length > 0 ? filter.value.split(',').filter(Boolean) : [];
  const missing = ids.filter((id) => id !== ME && knownLabel(id) === undefined).join();

  useEffect(() => {
    if (missing === '') return;
    // An id says nothing of its object: of several targets each is asked, and one knows.
    const reading = targetsOf(model, field).map(({ object }) => readLabels(model, object, missing.split(',')));
    Promise.all(reading).then(
      () => setRead((count) => count + 1),
      () => undefined,
    );
  }, [model, field, missing]);

  if (targets.length > 0) return orList(ids.map((id) => (id === ME ? t('me') : (knownLabel(id) ?? '…'))));
  if (valueType(field) === 'BOOLEAN') return filter.value === 'false' ? t('no') : t('yes');
  if (field.options && field.options.length > 0) {
    const label = (value: string) => field.options?.find((option) => option.value === value)?.label ?? value;
    return orList(filter.value.split(',').filter(Boolean).map(label));
  }
  return filter.operator === 'between' ? andList(bounds(filter.value)) : filter.value;
}
