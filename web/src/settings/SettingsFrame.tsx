import { IconDatabaseCog, IconHierarchy2, IconHistory, IconStethoscope, IconTable } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import classes from './frame.module.css';
import { PlanDialog } from './PlanDialog.tsx';

const SECTIONS = [
  { to: '/settings/model', label: 'Objects', icon: IconTable },
  { to: '/settings/diagram', label: 'Diagram', icon: IconHierarchy2 },
  { to: '/settings/history', label: 'History', icon: IconHistory },
  { to: '/settings/drift', label: 'Drift', icon: IconStethoscope },
] as const;

interface SettingsFrameProps {
  actions?: ReactNode;
  children: ReactNode;
}

/** What the pages about the whole model share: their names, their actions, and the dialog in which plans are reviewed. */
export function SettingsFrame({ actions, children }: SettingsFrameProps) {
  return (
    <>
      <header className={classes.header}>
        <h1 className={classes.title}>
          <IconDatabaseCog size={18} stroke={1.75} aria-hidden />
          Data model
        </h1>
        <nav className={classes.sections} aria-label="Data model">
          {SECTIONS.map(({ to, label, icon: SectionIcon }) => (
            <Link key={to} to={to} className={classes.section} activeOptions={{ exact: true, includeSearch: false }}>
              <SectionIcon size={15} stroke={1.75} aria-hidden />
              <span>{label}</span>
            </Link>
          ))}
        </nav>
        <div className={classes.actions}>{actions}</div>
      </header>
      {children}
      <PlanDialog />
    </>
  );
}
