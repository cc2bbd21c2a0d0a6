import type { ReactNode } from 'react';
import classes from './records.module.css';

export function PageHeader({
  icon,
  title,
  note,
  actions,
}: {
  icon: ReactNode;
  title: string;
  note?: string;
  actions?: ReactNode;
}) {
  return (
    <header className={classes.header}>
      {icon}
      <h1 className={classes.heading}>{title}</h1>
      {note ? <span className={classes.note}>{note}</span> : null}
      <div className={classes.actions}>{actions}</div>
    </header>
  );
}
