import { Drawer } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconMenu2, IconSearch } from '@tabler/icons-react';
import { Outlet, useRouterState } from '@tanstack/react-router';
import { lazy, Suspense, useEffect } from 'react';
import { Navigation } from './Navigation.tsx';
import { openCommand } from './commandStore.ts';
import { usePhone } from './phone.ts';
import classes from './Shell.module.css';
import { useShortcuts } from './shortcuts.ts';

const CommandMenu = lazy(() => import('./CommandMenu.tsx'));
const ShortcutHelp = lazy(() => import('./ShortcutHelp.tsx'));

/** The frame of every page: navigation at the side, or in a drawer where there is no room for one. */
export function Shell() {
  const phone = usePhone();
  const [opened, drawer] = useDisclosure(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(drawer.close, [path, drawer.close]);
  useShortcuts();

  return (
    <div className={classes.shell}>
      <a href="#main" className={classes.skip}>
        Skip to content
      </a>
      {phone ? (
        <>
          <Drawer opened={opened} onClose={drawer.close} size={288} padding={0} withCloseButton={false} title={<span className="visually-hidden">Navigation</span>} styles={{ header: { minHeight: 0, padding: 0 }, body: { height: '100%' } }} transitionProps={{ duration: 140 }}>
            <Navigation />
          </Drawer>
          <div className={classes.bar}>
            <button type="button" className={classes.barButton} onClick={drawer.open} aria-label="Open navigation">
              <IconMenu2 size={20} />
            </button>
            <span className={classes.barTitle} id="bar-title" />
            <button type="button" className={classes.barButton} onClick={openCommand} aria-label="Search and commands">
              <IconSearch size={20} />
            </button>
          </div>
        </>
      ) : (
        <Navigation />
      )}
      <main id="main" className={classes.main} tabIndex={-1}>
        <Outlet />
      </main>
      <Suspense fallback={null}>
        <CommandMenu />
        <ShortcutHelp />
      </Suspense>
    </div>
  );
}
