import { useCallback, useEffect, useRef, useState } from 'react';
import { request } from '../api/client.ts';
import { toFailure } from '../api/failure.ts';
import { onReconnect } from '../api/live.ts';
import { createDocument, listDocument } from '../model/documents.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import type { Operator } from '../model/filters.ts';
import { labelField, objectById } from '../model/lookup.ts';
import { parseValue } from '../model/parse.ts';
import { isSortable, orderBy } from '../model/sorting.ts';
import type { Model, ModelField, ModelObject } from '../model/types.ts';
import { recordLabel, toPatch } from '../model/values.ts';
import { announceFailure } from '../records/announce.tsx';
import { t } from '../language/t.ts';

const LIMIT = 20;
const PAUSE_MS = 120;

export interface Target {
  relationId: string;
  object: ModelObject;
}

export interface Found extends Target {
  id: string;
  label: string;
}

/** The objects that a field may point at, with what marks a link to each. */
export function targetsOf(model: Model, field: ModelField): Target[] {
  const pairs = field.junction
    ? [{ relationId: field.id, objectId: field.junction.targetObjectId }]
    : field.relations.map((relation) => ({ relationId: relation.id, objectId: relation.targetObjectId }));
  return pairs.flatMap(({ relationId, objectId }) => {
    const object = objectById(model, objectId);
    return object?.isActive ? [{ relationId, object }] : [];
  });
}

/** Records whose label holds the words, or is them. */
export async function searchLabels(
  model: Model,
  object: ModelObject,
  words: string,
  operator: Operator = 'contains',
): Promise<{ id: string; label: string }[]> {
  const label = labelField(object);
  const filter =
    label && words.trim() !== ''
      ? toGraphQLFilter(model, object, [{ field: label.name, operator, value: words.trim() }])
      : null;
  const order =
    label && isSortable(label) ? orderBy(object, [{ field: label.name, descending: false }]) : orderBy(object, []);
  const { list } = await request(listDocument(model, object, []), {
    first: LIMIT,
    ...(filter ? { filter } : {}),
    orderBy: order,
  });
  return list.nodes.map((row) => ({ id: row.id, label: recordLabel(model, object, row) }));
}

/** Of objects that one may not read there is nothing to choose. */
function noneIfForbidden(cause: unknown): [] {
  if (toFailure(cause).code === 'FORBIDDEN') return [];
  throw cause;
}

/** The records that a field may point at, searched as one types. What is found belongs to the words that are `answered`. */
export function useRelated(model: Model, targets: Target[]) {
  const [{ found, answered }, setAnswer] = useState<{ found: Found[]; answered: string | null }>({
    found: [],
    answered: null,
  });
  const latest = useRef(0);
  const asked = useRef<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const wanted = useRef({ model, targets });
  useEffect(() => {
    wanted.current = { model, targets };
  });
  useEffect(() => () => clearTimeout(timer.current), []);

  const find = useCallback((words: string) => {
    asked.current = words;
    const mine = ++latest.current;
    clearTimeout(timer.current);
    timer.current = setTimeout(
      async () => {
        try {
          const all = await Promise.all(
            wanted.current.targets.map(async (target) => {
              const rows = await searchLabels(wanted.current.model, target.object, words).catch(noneIfForbidden);
              return rows.map((row) => ({ ...target, id: row.id, label: row.label || t('Untitled') }));
            }),
          );
          if (mine === latest.current) setAnswer({ found: all.flat(), answered: words });
        } catch (cause) {
          // That nothing was found would not be true. It is asked again with the next letter, and as below.
          if (mine === latest.current) announceFailure(t('The records could not be read'), cause);
        }
      },
      words === '' ? 0 : PAUSE_MS,
    );
  }, []);

  // A model that has changed refuses what was asked by the one before; a server that is back has not heard it.
  const again = useCallback(() => {
    if (asked.current !== null) find(asked.current);
  }, [find]);
  useEffect(again, [again, model.version]);
  useEffect(() => onReconnect(again), [again]);

  return { found, answered, find };
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
