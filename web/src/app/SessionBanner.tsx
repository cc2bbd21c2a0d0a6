import type { ReactNode } from 'react';
import classes from './SessionBanner.module.css';
import { t } from '../language/t.ts';

interface SessionBannerProps {
  icon: ReactNode;
  children: ReactNode;
  /** The way back to the own view. */
  action: ReactNode;
}

/** Stands above every page for as long as it is not shown as, or not used by, the one who signed in. */
export function SessionBanner({ icon, children, action }: SessionBannerProps) {
  return (
    <div className={classes.banner} role="region" aria-label={t('Whose view this is')}>
      {icon}
      <span className={classes.text}>{children}</span>
      {action}
    </div>
  );
}
