import { useCallback, useEffect, useRef, useState } from 'react';
import { everyRow } from '../api/everyRow.ts';
import { toFailure, type Failure } from '../api/failure.ts';
import { listDocument } from '../model/documents.ts';
import type { Model } from '../model/types.ts';
import { isLink, readValue, type Link } from '../model/values.ts';
import { useLiveObjects } from '../records/useLiveObject.ts';
import type { TaskParts } from './taskParts.ts';

interface About {
  about: Map<string, Link[]>;
  failure: Failure | null;
  again: () => void;
}

/** What each of the tasks that are shown is about, however many records that are. */
export function useAbout(model: Model, parts: TaskParts, tasks: string[]): About {
  const [about, setAbout] = useState(new Map<string, Link[]>());
  const [failure, setFailure] = useState<Failure | null>(null);
  const { join } = parts;
  const ids = tasks.toSorted().join();
  const latest = useRef(0);

  const read = useCallback(async () => {
    const mine = (latest.current += 1);
    const own = join?.holder.fields.find(({ relations }) => relations.includes(join.own));
    if (!join || !own || ids === '') return;
    try {
      const rows = await everyRow(listDocument(model, join.holder, [own, join.morph]), {
        filter: { [join.own.columnName]: { in: ids.split(',') } },
      });
      if (mine !== latest.current) return;
      const found = new Map<string, Link[]>();
      for (const row of rows) {
        const link = readValue(model, join.morph, row);
        const task = String(row[join.own.columnName]);
        if (isLink(link)) found.set(task, [...(found.get(task) ?? []), link]);
      }
      const place = (link: Link) => join.morph.relations.findIndex(({ id }) => id === link.relationId);
      for (const links of found.values()) links.sort((a, b) => place(a) - place(b));
      setAbout(found);
      setFailure(null);
    } catch (cause) {
      if (mine === latest.current) setFailure(toFailure(cause));
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- asked anew when others are shown, or the model has changed.
  }, [ids, model.version]);
  useEffect(() => void read(), [read]);
  useLiveObjects(join ? [join.holder.id] : [], () => void read());

  return { about, failure, again: () => void read() };
}
