import { useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { listDocument } from '../model/documents.ts';
import type { Filter } from '../model/filters.ts';
import { objectById } from '../model/lookup.ts';
import type { Model, ModelField } from '../model/types.ts';
import { recordLabel } from '../model/values.ts';

const labels = new Map<string, string>();

/** A filter's value in words. A relation's filter holds ids, whose labels are read once. */
export function useFilterText(model: Model, field: ModelField, filter: Filter): string {
  const [, setRead] = useState(0);
  const [relation] = field.relations;
  const target = relation ? objectById(model, relation.targetObjectId) : undefined;
  const ids = target ? filter.value.split(',').filter(Boolean) : [];
  const missing = ids.filter((id) => !labels.has(id)).join();

  useEffect(() => {
    if (!target || missing === '') return;
    const wanted = missing.split(',');
    request(listDocument(model, target, []), { first: wanted.length, filter: { id: { in: wanted } } })
      .then(({ list }) => {
        for (const row of list.nodes) labels.set(row.id, recordLabel(model, target, row) || 'Untitled');
        for (const id of wanted) if (!labels.has(id)) labels.set(id, 'a deleted record');
        setRead((count) => count + 1);
      })
      .catch(() => undefined);
  }, [model, target, missing]);

  if (target) return ids.map((id) => labels.get(id) ?? '…').join(' or ');
  if (field.type === 'BOOLEAN') return filter.value === 'false' ? 'no' : 'yes';
  if (field.options && field.options.length > 0) {
    return filter.value.split(',').filter(Boolean).map((value) => field.options?.find((option) => option.value === value)?.label ?? value).join(' or ');
  }
  return filter.value;
}
