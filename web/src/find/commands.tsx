import {
  IconAdjustments,
  IconApps,
  IconBaselineDensityMedium,
  IconBell,
  IconChecklist,
  IconDatabase,
  IconDatabaseCog,
  IconEye,
  IconFileExport,
  IconFileImport,
  IconFingerprint,
  IconGitMerge,
  IconHierarchy2,
  IconHistory,
  IconKey,
  IconKeyboard,
  IconLogin2,
  IconLogout,
  IconPlus,
  IconShieldLock,
  IconStethoscope,
  IconSunMoon,
  IconTrash,
  IconUserCheck,
  IconUserCircle,
  IconUsers,
  IconUsersGroup,
  IconUsersPlus,
  IconWebhook,
  IconWorld,
} from '@tabler/icons-react';
import type { useRouter } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { askToCreate, useHelp } from '../app/commandStore.ts';
import { chooseDensity, DENSITIES } from '../app/density.ts';
import { ObjectIcon } from '../fields/ObjectIcon.tsx';
import { navigationObjects } from '../model/lookup.ts';
import { rightsOf } from '../model/permissions.ts';
import { may } from '../model/store.ts';
import type { Model } from '../model/types.ts';
import { forgetOpened } from '../records/recordSequence.ts';
import { openNotifications } from '../notifications/notificationStore.ts';
import { chooseView } from '../seeing/seeing.ts';
import { useProfile } from '../session/profile.ts';
import { leave } from '../offline/leave.ts';
import { goLetters } from '../shortcuts/goLetters.ts';
import { keysFor } from '../shortcuts/ownKeys.ts';
import { inSentence } from '../language/inSentence.ts';
import { t } from '../language/t.ts';

export interface Entry {
  id: string;
  label: string;
  /** A line below, and a word at the end. */
  context?: string;
  note?: string;
  keys?: string;
  icon: ReactNode;
  run: () => void;
  isMinor?: boolean;
}

type Router = Pick<ReturnType<typeof useRouter>, 'navigate'>;

/** The pages of the settings that the member may open. */
function settingsPages(router: Router): Entry[] {
  const { keepsMembers, administersInstance } = useProfile.getState().profile ?? {};
  const keepsWorkspace = may('WORKSPACE');
  const all = [
    { to: '/settings/profile', label: t('Settings: your profile'), icon: IconUserCircle, isOpen: true },
    { to: '/settings/security', label: t('Settings: your sign-in and devices'), icon: IconFingerprint, isOpen: true },
    { to: '/settings/notifications', label: t('Settings: notifications'), icon: IconBell, isOpen: true },
    { to: '/settings/general', label: t('Settings: general'), icon: IconAdjustments, isOpen: keepsWorkspace },
    { to: '/settings/members', label: t('Settings: members'), icon: IconUsers, isOpen: keepsMembers },
    { to: '/settings/teams', label: t('Settings: teams'), icon: IconUsersGroup, isOpen: keepsMembers },
    { to: '/settings/roles', label: t('Settings: roles'), icon: IconShieldLock, isOpen: may('ROLES') },
    { to: '/settings/model', label: t('Settings: data model'), icon: IconDatabaseCog, isOpen: may('DATA_MODEL') },
    {
      to: '/settings/diagram',
      label: t('Settings: diagram of the model'),
      icon: IconHierarchy2,
      isOpen: may('DATA_MODEL'),
    },
    {
      to: '/settings/history',
      label: t('Settings: history of the model'),
      icon: IconHistory,
      isOpen: may('DATA_MODEL'),
    },
    {
      to: '/settings/drift',
      label: t('Settings: drift of the database'),
      icon: IconStethoscope,
      isOpen: may('DATA_MODEL'),
    },
    { to: '/settings/imports', label: t('Settings: imports'), icon: IconFileImport, isOpen: may('IMPORT_CSV') },
    {
      to: '/settings/exports',
      label: t('Settings: exports'),
      icon: IconFileExport,
      isOpen: may('EXPORT_CSV') || may('SECURITY'),
    },
    { to: '/settings/address', label: t('Settings: address'), icon: IconWorld, isOpen: keepsWorkspace },
    {
      to: '/settings/jobs',
      label: t('Settings: jobs'),
      icon: IconChecklist,
      isOpen: keepsWorkspace || administersInstance,
    },
    { to: '/settings/keys', label: t('Settings: API keys'), icon: IconKey, isOpen: true },
    {
      to: '/settings/webhooks',
      label: t('Settings: webhooks'),
      icon: IconWebhook,
      isOpen: may('API_KEYS_AND_WEBHOOKS'),
    },
    { to: '/settings/apps', label: t('Settings: apps'), icon: IconApps, isOpen: true },
    { to: '/settings/database-access', label: t('Settings: database access'), icon: IconDatabase, isOpen: true },
    { to: '/settings/provisioning', label: t('Settings: provisioning of members'), icon: IconUsersPlus, isOpen: true },
    { to: '/settings/sign-in', label: t('Settings: members’ sign-in'), icon: IconUserCheck, isOpen: may('SECURITY') },
    { to: '/settings/sign-ins', label: t('Settings: sign-ins of the workspace'), icon: IconLogin2, isOpen: true },
  ] as const;
  return all
    .filter(({ isOpen }) => isOpen)
    .map(({ to, label, icon: PageIcon }) => ({
      id: `go-${to}`,
      label,
      icon: <PageIcon size={16} />,
      run: () => void router.navigate({ to }),
    }));
}

/** Where one can go. */
export function places(model: Model, router: Router): Entry[] {
  const letters = new Map([...goLetters(model)].map(([letter, object]) => [object.id, letter]));
  return [
    ...navigationObjects(model).map((object): Entry => {
      const letter = letters.get(object.id);
      return {
        id: `go-${object.id}`,
        label: object.labelPlural,
        ...(letter ? { keys: `g ${letter}` } : {}),
        icon: <ObjectIcon name={object.icon} color={object.color} />,
        run: () => {
          forgetOpened(object);
          void router.navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural } });
        },
      };
    }),
    {
      id: 'go-inbox',
      label: t('Notifications'),
      keys: keysFor('go.inbox'),
      icon: <IconBell size={16} />,
      run: openNotifications,
    },
    {
      id: 'go-duplicates',
      label: t('Duplicates'),
      icon: <IconGitMerge size={16} />,
      run: () => void router.navigate({ to: '/duplicates' }),
    },
    {
      id: 'go-trash',
      label: t('Trash'),
      icon: <IconTrash size={16} />,
      run: () => void router.navigate({ to: '/trash' }),
    },
    ...settingsPages(router),
  ];
}

/** What one can do from anywhere. */
export function actions(model: Model, router: Router, theme: { isDark: boolean; change: () => void }): Entry[] {
  const objects = navigationObjects(model);
  const { profile } = useProfile.getState();
  return [
    ...objects
      .filter((object) => rightsOf(object).canCreate)
      .map((object) => ({
        id: `new-${object.id}`,
        label: t('Create {labelSingular}', { labelSingular: inSentence(object.labelSingular) }),
        icon: <IconPlus size={16} />,
        run: () => {
          askToCreate(object.id);
          void router.navigate({ to: '/objects/$namePlural', params: { namePlural: object.namePlural } });
        },
      })),
    ...(may('IMPORT_CSV')
      ? objects
          .filter((object) => rightsOf(object).canCreate || rightsOf(object).canUpdate)
          .map((object) => ({
            id: `import-${object.id}`,
            label: t('Import {labelPlural}', { labelPlural: inSentence(object.labelPlural) }),
            icon: <IconFileImport size={16} />,
            run: () =>
              void router.navigate({ to: '/objects/$namePlural/import', params: { namePlural: object.namePlural } }),
          }))
      : []),
    {
      id: 'theme',
      label: theme.isDark ? t('Use the light theme') : t('Use the dark theme'),
      icon: <IconSunMoon size={16} />,
      run: theme.change,
    },
    ...(profile
      ? DENSITIES.filter(({ value }) => value !== profile.density).map(({ value, label }) => ({
          id: `density-${value}`,
          label: t('Density: {label}', { label: inSentence(label) }),
          icon: <IconBaselineDensityMedium size={16} />,
          run: () => void chooseDensity(value),
        }))
      : []),
    ...(may('ROLES')
      ? [{ id: 'see', label: t('See as a role or a member'), icon: <IconEye size={16} />, run: chooseView }]
      : []),
    {
      id: 'keys',
      label: t('Keyboard shortcuts'),
      keys: keysFor('help'),
      icon: <IconKeyboard size={16} />,
      run: () => useHelp.setState({ opened: true }),
    },
    { id: 'out', label: t('Sign out'), icon: <IconLogout size={16} />, run: () => void leave() },
  ];
}
