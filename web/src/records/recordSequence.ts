import type { RecordSearch, TableSearch } from '../app/router.tsx';
import type { ModelObject } from '../model/types.ts';
import { countText } from '../model/formats.ts';
import { t } from '../language/t.ts';

/** The ids of the list that a record was opened from, so that its page can go to the next and the previous. */
const lists = new Map<string, { ids: string[]; total: number | null }>();

export const rememberList = (object: ModelObject, ids: string[], total: number | null): void =>
  void lists.set(object.id, { ids, total });

const opened = new Map<string, string>();

/** Which record of an object was open last: who comes back to the list goes on from it. */
export const rememberOpened = (object: ModelObject, id: string): void => void opened.set(object.id, id);

export function takeOpened(object: ModelObject): string | undefined {
  const id = opened.get(object.id);
  opened.delete(object.id);
  return id;
}

/** Who is led to a list by a command begins there anew. */
export const forgetOpened = (object: ModelObject): void => void opened.delete(object.id);

const searches = new Map<string, TableSearch>();

/** What the address says of the list of an object that was shown last, its view included. */
export const rememberSearch = (object: ModelObject, { asOf: _asOf, ...search }: TableSearch): void =>
  void searches.set(object.id, search);

/** Of a record that was opened from the list, how the address of its page goes on to say so. */
export const rememberedSearch = (object: ModelObject, id: string): TableSearch | undefined =>
  lists.get(object.id)?.ids.includes(id) ? searches.get(object.id) : undefined;

export function neighbours(
  object: ModelObject,
  id: string,
): { previous: string | undefined; next: string | undefined; place: string } {
  const { ids, total } = lists.get(object.id) ?? { ids: [], total: null };
  const at = ids.indexOf(id);
  if (at < 0) return { previous: undefined, next: undefined, place: '' };
  return {
    previous: ids[at - 1],
    next: ids[at + 1],
    place: t('{at} of {total}', { at: at + 1, total: total ?? `${countText(ids.length)}+` }),
  };
}

/** What the address of a record says of the list that it was opened from. */
export function listSearch({ tab: _tab, asOf: _asOf, ...list }: RecordSearch): TableSearch {
  return list;
}
