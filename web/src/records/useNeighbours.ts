import { useEffect, useMemo, useState } from 'react';
import { request } from '../api/client.ts';
import type { TableSearch } from '../app/router.tsx';
import { besideDocument, cursorDocument } from '../model/documents.ts';
import { toGraphQLFilter } from '../model/filterTree.ts';
import { orderBy } from '../model/sorting.ts';
import { useWholeModel } from '../model/store.ts';
import type { Model, ModelObject } from '../model/types.ts';
import { useSession } from '../session/session.ts';
import { useObjectViews } from '../views/savedViews.ts';
import { applyDifferences, shownOf, usually } from '../views/shown.ts';
import { useColumnLayout } from './columnLayout.ts';
import { neighbours } from './recordSequence.ts';

interface Beside {
  key: string;
  previous: string | undefined;
  next: string | undefined;
}

/**
 * The records before and after one in the list that it was opened from. What this page has shown of the list is known; beyond that,
 * and after a reload, the server is asked, by what the address says of the list.
 */
export function useNeighbours(model: Model, object: ModelObject, id: string, list: TableSearch) {
  const whole = useWholeModel();
  const me = useSession((state) => state.identity?.member?.id ?? null);
  const known = neighbours(object, id);
  const isAsked = list.view !== undefined && (known.previous === undefined || known.next === undefined);
  const views = useObjectViews(isAsked ? object : undefined);
  const [usual] = useColumnLayout(model, object);
  const [beside, setBeside] = useState<Beside | null>(null);
  const listKey = JSON.stringify(list);
  const query = useMemo(() => {
    if (!views) return null;
    const search = JSON.parse(listKey) as TableSearch;
    const view = views.views.find((each) => each.id === search.view);
    const shown = applyDifferences(object, view ? shownOf(whole, object, view, usual) : usually(usual), search);
    const isArranged =
      shown.type === 'BOARD' &&
      shown.sorts.length === 0 &&
      object.fields.some(({ type, isActive }) => type === 'POSITION' && isActive);
    return {
      filter: toGraphQLFilter(model, object, shown.filters, new Date(), me),
      orderBy: isArranged ? ['POSITION_ASC', 'ID_DESC'] : orderBy(object, shown.sorts),
    };
  }, [views, listKey, model, whole, object, usual, me]);
  const key = query ? JSON.stringify([id, query]) : null;
  useEffect(() => {
    if (!isAsked || key === null) return undefined;
    let isWanted = true;
    const ask = async () => {
      const [, { filter, orderBy: order }] = JSON.parse(key) as [string, NonNullable<typeof query>];
      const { list: at } = await request(cursorDocument(object), { id, orderBy: order });
      const cursor = at.edges[0]?.cursor;
      if (!cursor) return;
      const { before, after } = await request(besideDocument(object), {
        cursor,
        orderBy: order,
        ...(filter ? { filter } : {}),
      });
      if (isWanted) setBeside({ key, previous: before.nodes[0]?.id, next: after.nodes[0]?.id });
    };
    // Without an answer one goes back to the list.
    ask().catch(() => undefined);
    return () => {
      isWanted = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- key stands for what is asked
  }, [isAsked, key]);
  const told = beside?.key === key ? beside : null;
  return {
    place: known.place,
    previous: known.previous ?? told?.previous,
    next: known.next ?? told?.next,
  };
}
