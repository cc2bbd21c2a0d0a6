import { announceFailure, offerToTakeBack } from '../records/announce.tsx';
import { addFavourite, changeFavourite, knownFavourites, removeFavourite, type Favourite } from './favourites.ts';
import { t } from '../language/t.ts';

/** Takes out a favourite and offers it back as it was, at its place; a folder with what lay in it. */
export async function takeOut(favourite: Favourite): Promise<void> {
  const { id, memberId, kind, label, icon, folderId, objectId, recordId, viewId, url, position } = favourite;
  const inside = knownFavourites().filter((each) => each.folderId === id);
  const failed = (cause: unknown) => announceFailure(t('The favourites were not changed'), cause);
  try {
    await removeFavourite(id);
  } catch (cause) {
    failed(cause);
    return;
  }
  offerToTakeBack(
    kind === 'FOLDER' ? t('Folder “{label}” deleted', { label: label ?? '' }) : t('Taken out of your favourites'),
    async () => {
      try {
        await addFavourite({
          id,
          memberId,
          kind,
          label,
          icon,
          folderId,
          objectId,
          recordId,
          viewId,
          url,
          position,
        });
        for (const each of inside) await changeFavourite(each.id, { folderId: id });
      } catch (cause) {
        failed(cause);
      }
    },
  );
}
