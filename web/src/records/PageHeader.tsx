import type { ReactNode } from 'react';
import classes from './records.module.css';

export function PageHeader({
  icon,
  title,
  beside,
  note,
  actions,
}: {
  icon: ReactNode;
  title: string;
  /** What stands right after the title. */
  beside?: ReactNode;
  note?: string;
  actions?: ReactNode;
}) {
  return (
    <header className={classes.header}>
      {icon}
      <h1 className={classes.heading}>{title}</h1>
      {beside}
      {note ? <span className={classes.note}>{note}</span> : null}
      <div className={classes.actions}>{actions}</div>
    </header>
  );
}
