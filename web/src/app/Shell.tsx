import { useDisclosure } from '@mantine/hooks';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, type ComponentType } from 'react';
import { ImpersonationBanner } from '../session/Impersonation.tsx';
import { flagOfPath } from '../model/permissions.ts';
import { useModelStore } from '../model/store.ts';
import { SeeingBanner } from '../seeing/SeeingBanner.tsx';
import { useNotifications, useUnreadCount } from '../notifications/notificationStore.ts';
import { useUndo } from '../undo/undo.ts';
import { Forbidden } from './Message.tsx';
import { Navigation } from './Navigation.tsx';
import { PhoneBar } from './PhoneBar.tsx';
import { usePhone } from './phone.ts';
import { ProfileTheme } from './ProfileTheme.tsx';
import { settled } from './settled.ts';
import classes from './Shell.module.css';
import { useShortcuts } from '../shortcuts/dispatch.ts';
import { t } from '../language/t.ts';

/** Shown over the page: it need not wait for them. */
const late = (load: () => Promise<{ default: ComponentType }>) =>
  lazy(async () => {
    await settled;
    return load();
  });

const OfflineBar = late(async () => ({ default: (await import('../offline/OfflineBar.tsx')).OfflineBar }));
const CommandMenu = late(() => import('../find/CommandMenu.tsx'));
const NotificationPanel = lazy(() => import('../notifications/NotificationPanel.tsx'));
const SeeAsDialog = late(() => import('../seeing/SeeAsDialog.tsx'));
const NavigationDrawer = lazy(async () => {
  await settled;
  return import('./NavigationDrawer.tsx');
});
const UndoDialog = lazy(async () => ({ default: (await import('../undo/UndoDialog.tsx')).UndoDialog }));
const ShortcutHelp = late(() => import('../shortcuts/ShortcutHelp.tsx'));
const PrintHost = late(() => import('../print/PrintHost.tsx'));
const SequenceHint = late(() => import('../shortcuts/SequenceHint.tsx'));

/** The frame of every page: navigation at the side, or in a drawer where there is no room for one. */
export function Shell() {
  const phone = usePhone();
  const [opened, { open, close }] = useDisclosure(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(() => close(), [path, close]);
  useShortcuts();
  useUnreadCount();
  const isStuck = useUndo((state) => state.stuck !== null);
  const showsNotifications = useNotifications((state) => state.opened);

  return (
    <div className={classes.frame}>
      <a href="#main" className={classes.skip}>
        {t('Skip to content')}
      </a>
      <Suspense fallback={null}>
        <PrintHost />
      </Suspense>
      <ImpersonationBanner />
      <SeeingBanner />
      <Suspense fallback={null}>
        <OfflineBar />
      </Suspense>
      <div className={classes.shell}>
        {phone ? (
          <Suspense fallback={null}>
            <NavigationDrawer opened={opened} onClose={close} />
          </Suspense>
        ) : (
          <Navigation />
        )}
        <main id="main" className={classes.main} tabIndex={-1}>
          <Page path={path} />
        </main>
        {phone ? <PhoneBar onMore={open} /> : null}
      </div>
      <ProfileTheme />
      <Suspense fallback={null}>
        <CommandMenu />
        <ShortcutHelp />
        <SequenceHint />
        <SeeAsDialog />
        {isStuck ? <UndoDialog /> : null}
        {showsNotifications ? <NotificationPanel /> : null}
      </Suspense>
    </div>
  );
}

/** A page, or why the role may not open it. */
function Page({ path }: { path: string }) {
  const flag = flagOfPath(path);
  const isAllowed = useModelStore((state) => flag === null || state.permissions?.flags.includes(flag) === true);
  return isAllowed ? (
    <Outlet />
  ) : (
    <Forbidden title={t('You may not open this page')}>
      {t('Your role does not keep these settings. Ask an administrator of the workspace.')}
    </Forbidden>
  );
}
