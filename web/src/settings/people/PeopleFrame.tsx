import { IconUserCircle, IconUsers } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useProfile } from '../../session/profile.ts';
import classes from '../frame.module.css';
import page from '../settings.module.css';

const SECTIONS = [
  { to: '/settings/profile', label: 'Your profile', icon: IconUserCircle },
  { to: '/settings/members', label: 'Members', icon: IconUsers },
] as const;

/** What the pages about people share. */
export function PeopleFrame({ label, children }: { label: string; children: ReactNode }) {
  const keepsMembers = useProfile((state) => state.profile?.keepsMembers);
  return (
    <>
      <header className={classes.header}>
        <h1 className={classes.title}>
          <IconUsers size={18} stroke={1.75} aria-hidden />
          Workspace
        </h1>
        <nav className={classes.sections} aria-label="Workspace">
          {SECTIONS.filter(({ to }) => keepsMembers || to !== '/settings/members').map(
            ({ to, label: name, icon: SectionIcon }) => (
              <Link key={to} to={to} className={classes.section}>
                <SectionIcon size={15} stroke={1.75} aria-hidden />
                <span>{name}</span>
              </Link>
            ),
          )}
        </nav>
      </header>
      <div className={page.page} tabIndex={0} role="region" aria-label={label}>
        {children}
      </div>
    </>
  );
}
