import { request } from '../api/client.ts';
import { listDocument } from '../model/documents.ts';
import { objectNamed } from '../model/lookup.ts';
import { useModelStore } from '../model/store.ts';
import { recordLabel } from '../model/values.ts';

const known = new Map<string, string>();
const waiting = new Map<string, ((name: string) => void)[]>();

/** What a member is called, if it has been asked before. */
export const knownName = (id: string): string => known.get(id) ?? 'somebody';

export const learnName = (id: string, name: string): void => void known.set(id, name);

async function ask(): Promise<void> {
  const wanted = new Map(waiting);
  waiting.clear();
  const { model } = useModelStore.getState();
  const members = model && objectNamed(model, 'workspaceMember');
  try {
    if (model && members) {
      const ids = [...wanted.keys()];
      const { list } = await request(listDocument(model, members, []), {
        first: ids.length,
        filter: { id: { in: ids } },
      });
      for (const row of list.nodes) known.set(row.id, recordLabel(model, members, row));
    }
  } catch {
    // They are called somebody then.
  }
  for (const [id, tell] of wanted) for (const each of tell) each(knownName(id));
}

/** Tells what a member is called now. Those of one page are asked for together. */
export function nameOf(id: string, tell: (name: string) => void): void {
  const name = known.get(id);
  if (name !== undefined) {
    tell(name);
    return;
  }
  if (waiting.size === 0) queueMicrotask(() => void ask());
  waiting.set(id, [...(waiting.get(id) ?? []), tell]);
}
