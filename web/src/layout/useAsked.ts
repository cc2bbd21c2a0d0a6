import { useEffect, useState } from 'react';
import { request } from '../api/client.ts';
import { listDocument } from '../model/documents.ts';
import type { Clause } from '../model/filters.ts';
import type { Model, ModelObject, RecordRow } from '../model/types.ts';

/** Whether a clause speaks of the record's own columns alone, so that the page can tell by itself. */
export function isOwn(object: ModelObject, clause: Clause): boolean {
  const columns = new Set(
    object.fields.flatMap((field) => [
      ...field.columns.map(({ name }) => name),
      ...field.relations.map(({ columnName }) => columnName),
    ]),
  );
  return Object.entries(clause).every(([name, value]) =>
    name === 'and' || name === 'or'
      ? (value as Clause[]).every((each) => isOwn(object, each))
      : name === 'not'
        ? isOwn(object, value as Clause)
        : columns.has(name),
  );
}

/**
 * Which of these clauses hold for a record, by their text: those that look at what it points to, which only the server can
 * tell. Asked again when the record changes. Until it is known, and where it cannot be, nothing is shown for them.
 */
export function useAsked(model: Model, object: ModelObject, row: RecordRow, clauses: Clause[]): Set<string> {
  const [holding, setHolding] = useState<{ id: string; texts: Set<string> }>({ id: row.id, texts: new Set() });
  useEffect(() => {
    let isCurrent = true;
    if (clauses.length === 0) return undefined;
    const ask = async (clause: Clause): Promise<string[]> => {
      const filter = { and: [{ id: { equalTo: row.id } }, clause] };
      const { list } = await request(listDocument(model, object, []), { first: 1, filter });
      return list.nodes.length > 0 ? [JSON.stringify(clause)] : [];
    };
    void Promise.all(clauses.map((clause) => ask(clause).catch(() => []))).then((found) => {
      if (isCurrent) setHolding({ id: row.id, texts: new Set(found.flat()) });
    });
    return () => {
      isCurrent = false;
    };
  }, [model, object, row, clauses]);
  return holding.id === row.id ? holding.texts : NONE;
}

const NONE = new Set<string>();
