import { useCallback, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { createDocument, listDocument } from '../model/documents.ts';
import { toGraphQLFilter } from '../model/filters.ts';
import { labelField, objectById } from '../model/lookup.ts';
import { isSortable, orderBy } from '../model/sorting.ts';
import { parseValue } from '../model/text.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { recordLabel, toPatch, type Link } from '../model/values.ts';

const LIMIT = 20;
const PAUSE_MS = 120;

async function search(model: Model, object: ModelObject, query: string): Promise<{ id: string; label: string }[]> {
  const label = labelField(object);
  const words = query.trim();
  const filter =
    label && words !== '' ? toGraphQLFilter(object, [{ field: label.name, operator: 'contains', value: words }]) : null;
  const order =
    label && isSortable(label) ? orderBy(object, { field: label.name, descending: false }) : orderBy(object, null);
  const { list } = await request(listDocument(model, object, []), {
    first: LIMIT,
    ...(filter ? { filter } : {}),
    orderBy: order,
  });
  return list.nodes.map((row) => ({ id: row.id, label: recordLabel(model, object, row) }));
}

/** The records that a relation may point at, searched as one types. */
export function useRelated(model: Model, field: ModelField) {
  const [links, setLinks] = useState<(Link & { object: string })[]>([]);
  const [busy, setBusy] = useState(true);
  const latest = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const find = useCallback(
    (query: string) => {
      const mine = ++latest.current;
      setBusy(true);
      clearTimeout(timer.current);
      timer.current = setTimeout(
        async () => {
          const found = await Promise.all(
            field.relations.map(async (relation) => {
              const target = objectById(model, relation.targetObjectId);
              if (!target?.isActive) return [];
              const rows = await search(model, target, query).catch(() => []);
              return rows.map((row) => ({
                relationId: relation.id,
                id: row.id,
                label: row.label || 'Untitled',
                object: target.labelSingular,
              }));
            }),
          );
          if (mine !== latest.current) return;
          setLinks(found.flat());
          setBusy(false);
        },
        query === '' ? 0 : PAUSE_MS,
      );
    },
    [model, field],
  );

  return { links, busy, find };
}

/** Makes a record that has only its label, for a picker that did not find it. */
export async function createLabelled(
  model: Model,
  object: ModelObject,
  text: string,
): Promise<{ id: string; label: string }> {
  const label = labelField(object);
  const parsed = label ? parseValue(label, text, null) : { value: null };
  if ('reason' in parsed) throw new Error(parsed.reason);
  const { change } = await request(createDocument(model, object, []), {
    record: label ? toPatch(label, parsed.value) : {},
  });
  return { id: change.record.id, label: text };
}
