import { IconDatabaseCog, IconHierarchy2, IconHistory, IconStethoscope, IconTable } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import classes from './frame.module.css';
import { PlanDialog } from './PlanDialog.tsx';
import { t } from '../language/t.ts';
import { Sections } from './Sections.tsx';

const SECTIONS = [
  { to: '/settings/model', label: t('Objects'), icon: IconTable },
  { to: '/settings/diagram', label: t('Diagram'), icon: IconHierarchy2 },
  { to: '/settings/history', label: t('History'), icon: IconHistory },
  { to: '/settings/drift', label: t('Drift'), icon: IconStethoscope },
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
          {t('Data model')}
        </h1>
        <Sections label={t('Data model')}>
          {SECTIONS.map(({ to, label, icon: SectionIcon }) => (
            <Link key={to} to={to} className={classes.section} activeOptions={{ exact: true, includeSearch: false }}>
              <SectionIcon size={15} stroke={1.75} aria-hidden />
              <span>{label}</span>
            </Link>
          ))}
        </Sections>
        <div className={classes.actions}>{actions}</div>
      </header>
      {children}
      <PlanDialog />
    </>
  );
}
