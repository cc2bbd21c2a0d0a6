import { Menu, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import {
  IconChecklist,
  IconDatabaseCog,
  IconDeviceDesktop,
  IconEye,
  IconLogout,
  IconMoon,
  IconSearch,
  IconSelector,
  IconShieldLock,
  IconSun,
  IconTrash,
  IconUserCircle,
  IconUserShield,
  IconUsers,
  IconUsersGroup,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { useLive } from '../api/live.ts';
import { Avatar } from '../fields/Avatar.tsx';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { navigationObjects } from '../model/lookup.ts';
import { useMay, useModel } from '../model/store.ts';
import { Bell } from '../notifications/Bell.tsx';
import { chooseView } from '../seeing/seeing.ts';
import { keepColorScheme, useProfile } from '../session/profile.ts';
import { personName, signOut, useSession } from '../session/session.ts';
import { openCommand } from './commandStore.ts';
import { COMMAND_KEY } from './shortcuts.ts';
import classes from './Shell.module.css';
import { WorkspaceSwitcher } from './WorkspaceSwitcher.tsx';

const FavouritesNav = lazy(async () => ({ default: (await import('../views/FavouritesNav.tsx')).FavouritesNav }));

const SCHEMES = [
  { value: 'light', label: 'Light', icon: IconSun },
  { value: 'dark', label: 'Dark', icon: IconMoon },
  { value: 'auto', label: 'As the system', icon: IconDeviceDesktop },
] as const;

function WorkspaceMenu() {
  const model = useModel();
  const identity = useSession((state) => state.identity);
  const keepsMembers = useProfile((state) => state.profile?.keepsMembers);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const keepsRoles = useMay('ROLES');
  const keepsWorkspace = useMay('WORKSPACE');
  return (
    <Menu position="bottom-start" width={220}>
      <Menu.Target>
        <button type="button" className={classes.workspace}>
          <Avatar label={model.workspace.name} seed={model.workspace.id} size={22} />
          <span className={classes.workspaceName}>{model.workspace.name}</span>
          <IconSelector size={14} aria-hidden />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {identity ? (
          <Menu.Label>
            {personName(identity)}
            <br />
            {identity.user?.email}
          </Menu.Label>
        ) : null}
        <Menu.Divider />
        <WorkspaceSwitcher />
        <Menu.Item leftSection={<IconShieldLock size={15} />} component={Link} to="/settings/security">
          Security
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>Appearance</Menu.Label>
        <Menu.RadioGroup
          value={colorScheme}
          onChange={(scheme) => {
            setColorScheme(scheme as MantineColorScheme);
            void keepColorScheme(scheme as MantineColorScheme);
          }}
        >
          {SCHEMES.map(({ value, label, icon: SchemeIcon }) => (
            <Menu.RadioItem key={value} value={value} rightSection={<SchemeIcon size={15} />}>
              {label}
            </Menu.RadioItem>
          ))}
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item component={Link} to="/settings/profile" leftSection={<IconUserCircle size={15} />}>
          Your profile
        </Menu.Item>
        {keepsMembers ? (
          <Menu.Item component={Link} to="/settings/members" leftSection={<IconUsers size={15} />}>
            Members
          </Menu.Item>
        ) : null}
        {keepsMembers ? (
          <Menu.Item component={Link} to="/settings/teams" leftSection={<IconUsersGroup size={15} />}>
            Teams
          </Menu.Item>
        ) : null}
        {keepsRoles ? (
          <Menu.Item component={Link} to="/settings/roles" leftSection={<IconUserShield size={15} />}>
            Roles
          </Menu.Item>
        ) : null}
        {keepsWorkspace ? (
          <Menu.Item component={Link} to="/settings/jobs" leftSection={<IconChecklist size={15} />}>
            Jobs
          </Menu.Item>
        ) : null}
        {keepsRoles ? (
          <Menu.Item leftSection={<IconEye size={15} />} onClick={chooseView}>
            See as…
          </Menu.Item>
        ) : null}
        <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function Navigation() {
  const model = useModel();
  const live = useLive((state) => state.status);
  const keepsModel = useMay('DATA_MODEL');
  return (
    <nav className={classes.nav} aria-label="Main">
      <div className={classes.head}>
        <WorkspaceMenu />
        <Bell className={classes.bell} size={17} />
      </div>
      <button type="button" className={classes.search} onClick={openCommand}>
        <IconSearch size={15} aria-hidden />
        <span>Search</span>
        <kbd>{COMMAND_KEY} K</kbd>
      </button>
      <Suspense fallback={null}>
        <FavouritesNav />
      </Suspense>
      <div className={classes.heading} id="nav-records">
        Records
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
        {live === 'lost' ? (
          <div className={classes.status} role="status">
            <span className={classes.dot} />
            Reconnecting…
          </div>
        ) : null}
        <Link to="/trash" className={classes.link} activeOptions={{ includeSearch: false }}>
          <IconTrash size={16} stroke={1.75} aria-hidden />
          <span className={classes.linkLabel}>Trash</span>
        </Link>
        {keepsModel ? (
          <Link to="/settings/model" className={classes.link}>
            <IconDatabaseCog size={16} stroke={1.75} aria-hidden />
            <span className={classes.linkLabel}>Data model</span>
          </Link>
        ) : null}
      </div>
    </nav>
  );
}
