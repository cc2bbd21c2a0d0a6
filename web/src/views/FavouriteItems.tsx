import { Menu } from '@mantine/core';
import { IconStar, IconStarFilled, IconUsers } from '@tabler/icons-react';
import { useMay } from '../model/store.ts';
import { announceFailure } from '../records/announce.tsx';
import { useSession } from '../session/session.ts';
import { addFavourite, useFavourites, type Favourite } from './favourites.ts';
import { takeOut } from './takeOut.ts';
import { t } from '../language/t.ts';

type Target =
  | { kind: 'VIEW'; viewId: string }
  | { kind: 'OBJECT'; objectId: string }
  | { kind: 'RECORD'; objectId: string; recordId: string };

const isSame = (favourite: Favourite, target: Target): boolean =>
  favourite.kind === target.kind &&
  (target.kind === 'VIEW'
    ? favourite.viewId === target.viewId
    : favourite.objectId === target.objectId && (target.kind === 'OBJECT' || favourite.recordId === target.recordId));

/** In a menu: makes something a favourite of one's own, or everybody's, and takes it out again. */
export function FavouriteItems({ target }: { target: Target }) {
  const favourites = useFavourites().filter((each) => isSame(each, target));
  const keepsViews = useMay('VIEWS');
  const identity = useSession((state) => state.identity);
  if (identity?.seeing) return null;
  const own = favourites.find(({ memberId }) => memberId !== null);
  const shared = favourites.find(({ memberId }) => memberId === null);
  const toggle = (found: Favourite | undefined, more: { memberId?: null }) =>
    (found ? takeOut(found) : addFavourite({ ...target, ...more })).catch((cause: unknown) =>
      announceFailure(t('The favourites were not changed'), cause),
    );
  return (
    <>
      {identity?.member ? (
        <Menu.Item
          leftSection={own ? <IconStarFilled size={15} /> : <IconStar size={15} />}
          onClick={() => void toggle(own, {})}
        >
          {own ? t('Take out of favourites') : t('Add to favourites')}
        </Menu.Item>
      ) : null}
      {keepsViews ? (
        <Menu.Item leftSection={<IconUsers size={15} />} onClick={() => void toggle(shared, { memberId: null })}>
          {shared ? t('No favourite of everybody') : t('Favourite of everybody')}
        </Menu.Item>
      ) : null}
    </>
  );
}
