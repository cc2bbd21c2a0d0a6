import {
  IconAdjustments,
  IconBell,
  IconChecklist,
  IconFileExport,
  IconFileImport,
  IconUserCircle,
  IconUserShield,
  IconUsers,
  IconUsersGroup,
  IconWorld,
} from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useMay } from '../../model/store.ts';
import { useProfile } from '../../session/profile.ts';
import classes from '../frame.module.css';
import { PlanDialog } from '../PlanDialog.tsx';
import page from '../settings.module.css';
import { t } from '../../language/t.ts';
import { Sections } from '../Sections.tsx';

const SECTIONS = [
  { to: '/settings/profile', label: t('Your profile'), icon: IconUserCircle },
  { to: '/settings/notifications', label: t('Notifications'), icon: IconBell },
  { to: '/settings/general', label: t('General'), icon: IconAdjustments },
  { to: '/settings/members', label: t('Members'), icon: IconUsers },
  { to: '/settings/teams', label: t('Teams'), icon: IconUsersGroup },
  { to: '/settings/roles', label: t('Roles'), icon: IconUserShield },
  { to: '/settings/address', label: t('Address'), icon: IconWorld },
  { to: '/settings/imports', label: t('Imports'), icon: IconFileImport },
  { to: '/settings/exports', label: t('Exports'), icon: IconFileExport },
  { to: '/settings/jobs', label: t('Jobs'), icon: IconChecklist },
] as const;

interface PeopleFrameProps {
  label: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** What the pages about people share. */
export function PeopleFrame({ label, actions, children }: PeopleFrameProps) {
  const keepsMembers = useProfile((state) => state.profile?.keepsMembers);
  const administersInstance = useProfile((state) => state.profile?.administersInstance);
  const keepsRoles = useMay('ROLES');
  const keepsWorkspace = useMay('WORKSPACE');
  const mayImport = useMay('IMPORT_CSV');
  const mayExport = useMay('EXPORT_CSV');
  const keepsSecurity = useMay('SECURITY');
  const isOpen = {
    '/settings/profile': true,
    '/settings/notifications': true,
    '/settings/general': keepsWorkspace,
    '/settings/members': keepsMembers,
    '/settings/teams': keepsMembers,
    '/settings/roles': keepsRoles,
    '/settings/address': keepsWorkspace,
    '/settings/imports': mayImport,
    '/settings/exports': mayExport || keepsSecurity,
    '/settings/jobs': keepsWorkspace || administersInstance,
  };
  return (
    <>
      <header className={classes.header}>
        <h1 className={classes.title}>
          <IconUsers size={18} stroke={1.75} aria-hidden />
          {t('Workspace')}
        </h1>
        <Sections label={t('Workspace')}>
          {SECTIONS.filter(({ to }) => isOpen[to]).map(({ to, label: name, icon: SectionIcon }) => (
            <Link key={to} to={to} className={classes.section}>
              <SectionIcon size={15} stroke={1.75} aria-hidden />
              <span>{name}</span>
            </Link>
          ))}
        </Sections>
        <div className={classes.actions}>{actions}</div>
      </header>
      <div className={page.page} tabIndex={0} role="region" aria-label={label}>
        {children}
      </div>
      <PlanDialog />
    </>
  );
}
