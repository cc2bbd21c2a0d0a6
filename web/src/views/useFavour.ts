import { t } from '../language/t.ts';
import type { ModelObject } from '../model/types.ts';
import { announceDone, announceFailure } from '../records/announce.tsx';
import { useSession } from '../session/session.ts';
import { addFavourite, useFavourites } from './favourites.ts';
import { takeOut } from './takeOut.ts';

interface Favouring {
  isFavourite: (id: string) => boolean;
  /** Takes one in, or out again; several only in. Null for who has no favourites of their own. */
  favour: ((ids: string[]) => void) | null;
}

/** One's own favourites among the records of an object. */
export function useFavour(object: ModelObject): Favouring {
  const mayFavour = useSession(({ identity }) => Boolean(identity?.member && !identity.seeing));
  const favourites = useFavourites();
  const favouriteOf = (id: string) =>
    favourites.find((each) => each.kind === 'RECORD' && each.recordId === id && each.memberId !== null);
  const favour = async (ids: string[]) => {
    const [only = ''] = ids;
    const found = ids.length === 1 ? favouriteOf(only) : undefined;
    try {
      if (found) {
        await takeOut(found);
        return;
      }
      for (const recordId of ids)
        if (!favouriteOf(recordId)) await addFavourite({ kind: 'RECORD', objectId: object.id, recordId });
      announceDone(t('Added to your favourites'));
    } catch (cause) {
      announceFailure(t('The favourites were not changed'), cause);
    }
  };
  return {
    isFavourite: (id) => favouriteOf(id) !== undefined,
    favour: mayFavour ? (ids) => void favour(ids) : null,
  };
}
