import { Menu, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import {
  IconAdjustments,
  IconChecklist,
  IconDeviceDesktop,
  IconEye,
  IconLogout,
  IconMoon,
  IconShieldLock,
  IconSun,
  IconUserCircle,
  IconUserShield,
  IconUsers,
  IconUsersGroup,
  IconWebhook,
  IconWorld,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useMay } from '../model/store.ts';
import { chooseView } from '../seeing/seeing.ts';
import { keepColorScheme, useProfile } from '../session/profile.ts';
import { leave } from '../offline/leave.ts';
import { personName, useSession } from '../session/session.ts';
import { WorkspaceButton } from './WorkspaceButton.tsx';
import { WorkspaceSwitcher } from './WorkspaceSwitcher.tsx';
import { t } from '../language/t.ts';

const SCHEMES = [
  { value: 'light', label: t('Light'), icon: IconSun },
  { value: 'dark', label: t('Dark'), icon: IconMoon },
  { value: 'auto', label: t('As the system'), icon: IconDeviceDesktop },
] as const;

/** Who one is and where, how it looks, and the settings. */
export function WorkspaceMenu({ defaultOpened }: { defaultOpened: boolean }) {
  const identity = useSession((state) => state.identity);
  const keepsMembers = useProfile((state) => state.profile?.keepsMembers);
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const administersInstance = useProfile((state) => state.profile?.administersInstance);
  const keepsRoles = useMay('ROLES');
  const keepsWorkspace = useMay('WORKSPACE');
  const keepsWebhooks = useMay('API_KEYS_AND_WEBHOOKS');
  return (
    <Menu position="bottom-start" width={220} defaultOpened={defaultOpened}>
      <Menu.Target>
        <WorkspaceButton />
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
          {t('Security')}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>{t('Appearance')}</Menu.Label>
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
          {t('Your profile')}
        </Menu.Item>
        {keepsWorkspace ? (
          <Menu.Item component={Link} to="/settings/general" leftSection={<IconAdjustments size={15} />}>
            {t('General')}
          </Menu.Item>
        ) : null}
        {keepsMembers ? (
          <Menu.Item component={Link} to="/settings/members" leftSection={<IconUsers size={15} />}>
            {t('Members')}
          </Menu.Item>
        ) : null}
        {keepsMembers ? (
          <Menu.Item component={Link} to="/settings/teams" leftSection={<IconUsersGroup size={15} />}>
            {t('Teams')}
          </Menu.Item>
        ) : null}
        {keepsRoles ? (
          <Menu.Item component={Link} to="/settings/roles" leftSection={<IconUserShield size={15} />}>
            {t('Roles')}
          </Menu.Item>
        ) : null}
        {keepsWorkspace ? (
          <Menu.Item component={Link} to="/settings/address" leftSection={<IconWorld size={15} />}>
            {t('Address')}
          </Menu.Item>
        ) : null}
        {keepsWorkspace || administersInstance ? (
          <Menu.Item component={Link} to="/settings/jobs" leftSection={<IconChecklist size={15} />}>
            {t('Jobs')}
          </Menu.Item>
        ) : null}
        {keepsWebhooks ? (
          <Menu.Item component={Link} to="/settings/webhooks" leftSection={<IconWebhook size={15} />}>
            {t('Webhooks')}
          </Menu.Item>
        ) : null}
        {keepsRoles ? (
          <Menu.Item leftSection={<IconEye size={15} />} onClick={chooseView}>
            {t('See as…')}
          </Menu.Item>
        ) : null}
        <Menu.Item leftSection={<IconLogout size={15} />} onClick={() => void leave()}>
          {t('Sign out')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
