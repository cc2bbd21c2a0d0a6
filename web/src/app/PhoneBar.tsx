import { IconMenu2, IconSearch } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { navigationObjects } from '../model/lookup.ts';
import { useModel } from '../model/store.ts';
import { Bell } from '../notifications/Bell.tsx';
import { openCommand } from './commandStore.ts';
import classes from './Shell.module.css';
import { t } from '../language/t.ts';

/** On a phone: the first objects under the thumb, search, what is new, and the rest behind a drawer. */
export function PhoneBar({ onMore }: { onMore: () => void }) {
  const model = useModel();
  return (
    <nav className={classes.bar} aria-label={t('Quick')}>
      {navigationObjects(model)
        .slice(0, 2)
        .map((object) => (
          <Link
            key={object.id}
            to="/objects/$namePlural"
            params={{ namePlural: object.namePlural }}
            className={classes.barItem}
            activeOptions={{ includeSearch: false }}
          >
            <ObjectIcon name={object.icon} size={20} />
            <span>{object.labelPlural}</span>
          </Link>
        ))}
      <button type="button" className={classes.barItem} onClick={openCommand}>
        <IconSearch size={20} stroke={1.75} aria-hidden />
        <span>{t('Search')}</span>
      </button>
      <Bell className={classes.barItem} size={20} caption={t('Inbox')} />
      <button type="button" className={classes.barItem} onClick={onMore}>
        <IconMenu2 size={20} stroke={1.75} aria-hidden />
        <span>{t('More')}</span>
      </button>
    </nav>
  );
}
