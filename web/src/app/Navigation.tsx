import { IconChecklist, IconDatabaseCog, IconGitMerge, IconSearch, IconTrash } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useLive } from '../api/live.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { navigationObjects } from '../model/lookup.ts';
import { useMay, useModel } from '../model/store.ts';
import { Bell } from '../notifications/Bell.tsx';
import { openCommand } from './commandStore.ts';
import { LateMenu } from './LateMenu.tsx';
import { settled } from './settled.ts';
import { keysFor, useOwnKeys } from '../shortcuts/ownKeys.ts';
import { strokeText } from '../shortcuts/strokeText.ts';
import classes from './Shell.module.css';
import { WorkspaceButton } from './WorkspaceButton.tsx';
import { t } from '../language/t.ts';

const WorkspaceMenu = lazy(async () => {
  await settled;
  return { default: (await import('./WorkspaceMenu.tsx')).WorkspaceMenu };
});
const FavouritesNav = lazy(async () => {
  await settled;
  return { default: (await import('../views/FavouritesNav.tsx')).FavouritesNav };
});

const StartCard = lazy(async () => {
  await settled;
  return { default: (await import('../start/StartCard.tsx')).StartCard };
});

export function Navigation() {
  const model = useModel();
  const commandKeys = useOwnKeys(({ own }) => keysFor('command', own));
  const live = useLive((state) => state.status);
  const keepsModel = useMay('DATA_MODEL');
  return (
    <nav className={classes.nav} aria-label={t('Main')}>
      <div className={classes.head}>
        <LateMenu button={<WorkspaceButton />}>{(isWanted) => <WorkspaceMenu defaultOpened={isWanted} />}</LateMenu>
        <Bell className={classes.bell} size={17} />
      </div>
      <button type="button" className={classes.search} onClick={openCommand}>
        <IconSearch size={15} aria-hidden />
        <span>{t('Search')}</span>
        {commandKeys ? <kbd>{strokeText(commandKeys)}</kbd> : null}
      </button>
      {model.objects.some((object) => !object.isCustom && object.isActive && object.nameSingular === 'task') ? (
        <Link to="/tasks" className={classes.link} activeOptions={{ includeSearch: false }}>
          <IconChecklist size={16} stroke={1.75} aria-hidden />
          <span className={classes.linkLabel}>{t('My tasks')}</span>
        </Link>
      ) : null}
      <Suspense fallback={null}>
        <FavouritesNav />
      </Suspense>
      <div className={classes.heading} id="nav-records">
        {t('Records')}
      </div>
      {navigationObjects(model).map((object) => (
        <Link
          key={object.id}
          to="/objects/$namePlural"
          params={{ namePlural: object.namePlural }}
          className={classes.link}
          activeOptions={{ includeSearch: false }}
        >
          <ObjectIcon name={object.icon} color={object.color} />
          <span className={classes.linkLabel}>{object.labelPlural}</span>
        </Link>
      ))}
      <div className={classes.foot}>
        <Suspense fallback={null}>
          <StartCard />
        </Suspense>
        {live === 'lost' ? (
          <div className={classes.status} role="status">
            <span className={classes.dot} />
            {t('Reconnecting…')}
          </div>
        ) : null}
        {model.objects.some(({ duplicateCriteria }) => duplicateCriteria.length > 0) ? (
          <Link to="/duplicates" className={classes.link} activeOptions={{ includeSearch: false }}>
            <IconGitMerge size={16} stroke={1.75} aria-hidden />
            <span className={classes.linkLabel}>{t('Duplicates')}</span>
          </Link>
        ) : null}
        <Link to="/trash" className={classes.link} activeOptions={{ includeSearch: false }}>
          <IconTrash size={16} stroke={1.75} aria-hidden />
          <span className={classes.linkLabel}>{t('Trash')}</span>
        </Link>
        {keepsModel ? (
          <Link to="/settings/model" className={classes.link}>
            <IconDatabaseCog size={16} stroke={1.75} aria-hidden />
            <span className={classes.linkLabel}>{t('Data model')}</span>
          </Link>
        ) : null}
      </div>
    </nav>
  );
}
